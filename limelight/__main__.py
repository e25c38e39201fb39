"""`python -m limelight`."""

import sys

from limelight.cli import main

sys.exit(main())

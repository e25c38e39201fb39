"""Data preparation, networks, losses and training. PyTorch lives here only."""

import os

# Read when PyTorch loads. OpenMP's threads otherwise spin at every barrier, and on a machine with anything else to
# do a training step takes seven times as long.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

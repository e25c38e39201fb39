"""The GLSL (330 core), one file per stage; shared functions are included by name."""

from __future__ import annotations

import re
from importlib.resources import files

_INCLUDE = re.compile(r'^#include "([\w.]+)"$', re.MULTILINE)


def load_shader(name: str) -> str:
    """Source of a stage such as `face.frag`, its `#include "file.glsl"` lines replaced by those files.

    Raises:
        FileNotFoundError: no such file in this package.
    """
    source = files(__name__).joinpath(name).read_text(encoding="utf-8")
    return _INCLUDE.sub(lambda match: load_shader(match.group(1)), source)

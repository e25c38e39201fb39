"""The GLSL (330 core), one file per stage; shared functions are included by name."""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib.resources import files

_INCLUDE = re.compile(r'^#include "([\w.]+)"$', re.MULTILINE)
_DESKTOP = "#version 330 core\n"
_ES = """#version 300 es
precision highp float;
precision highp int;
precision highp sampler2D;
precision highp sampler2DArray;
"""


def load_shader(name: str, es: bool = False, defines: Sequence[str] = ()) -> str:
    """Return the source of a stage such as `face.frag`, its `#include "file.glsl"` lines replaced by those files.

    Args:
        name: of the file.
        es: as GLSL ES 3.00, for WebGL 2: the same code with another first line. Stages that textures are read in by
            `gl_VertexID` or by fragment (`texture_*`) are meant for that; there are no geometry stages.
        defines: names that the preprocessor knows: `LAMPS 2` for a head in the light of two lamps.

    Raises:
        FileNotFoundError: no such file in this package.
    """
    source = files(__name__).joinpath(name).read_text(encoding="utf-8")
    source = _INCLUDE.sub(lambda match: load_shader(match.group(1)), source)
    first = (_ES if es else _DESKTOP) + "".join(f"#define {define}\n" for define in defines)
    return source.replace(_DESKTOP, first, 1)

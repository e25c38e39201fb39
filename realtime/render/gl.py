"""What every pass needs of OpenGL."""

from __future__ import annotations

from collections.abc import Sequence

import moderngl
import numpy as np
from numpy.typing import NDArray

from shaders import load_shader

_SOFTWARE_RENDERERS = ("llvmpipe", "softpipe", "swiftshader", "gdi generic")


def make_program(
    ctx: moderngl.Context, vertex: str, fragment: str, geometry: str | None = None, defines: Sequence[str] = ()
) -> moderngl.Program:
    """Return the program of two or three stages, given by the names of their files; `defines` as `load_shader`'s."""
    return ctx.program(
        vertex_shader=load_shader(vertex, defines=defines),
        fragment_shader=load_shader(fragment, defines=defines),
        geometry_shader=None if geometry is None else load_shader(geometry, defines=defines),
    )


def write_uniform(program: moderngl.Program, name: str, values: NDArray) -> None:
    """Set an array or matrix uniform; of an array, as many values as the program uses."""
    uniform = program[name]
    assert isinstance(uniform, moderngl.Uniform)
    used = uniform.array_length * uniform.dimension
    uniform.write(np.ascontiguousarray(values, np.float32).reshape(-1)[:used])


def is_software(ctx: moderngl.Context) -> bool:
    """Return whether OpenGL runs on the CPU."""
    renderer = ctx.info["GL_RENDERER"].lower()
    return any(name in renderer for name in _SOFTWARE_RENDERERS)

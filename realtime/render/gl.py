"""What every pass needs of OpenGL."""

from __future__ import annotations

import moderngl
import numpy as np
from numpy.typing import NDArray

from shaders import load_shader

_SOFTWARE_RENDERERS = ("llvmpipe", "softpipe", "swiftshader", "gdi generic")


def make_program(ctx: moderngl.Context, vertex: str, fragment: str, geometry: str | None = None) -> moderngl.Program:
    """Return the program of two or three stages, given by the names of their files."""
    return ctx.program(
        vertex_shader=load_shader(vertex),
        fragment_shader=load_shader(fragment),
        geometry_shader=None if geometry is None else load_shader(geometry),
    )


def write_uniform(program: moderngl.Program, name: str, values: NDArray) -> None:
    """Set an array or matrix uniform."""
    uniform = program[name]
    assert isinstance(uniform, moderngl.Uniform)
    uniform.write(np.ascontiguousarray(values, np.float32))


def is_software(ctx: moderngl.Context) -> bool:
    """Return whether OpenGL runs on the CPU."""
    renderer = ctx.info["GL_RENDERER"].lower()
    return any(name in renderer for name in _SOFTWARE_RENDERERS)

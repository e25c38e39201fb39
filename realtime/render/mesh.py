"""The head on the GPU: the buffers that every pass over its surface reads."""

from __future__ import annotations

from typing import NamedTuple

import moderngl
import numpy as np
from numpy.typing import NDArray

from facemodel import FaceModel, Parameters
from realtime.render.geometry import FaceGeometry, face_alpha
from realtime.render.gl import write_uniform

_BORDER_WIDTH_MM = 18.0

REGION_BITS = {"eyes": 1, "teeth": 2, "tongue": 4, "mouth_lining": 8, "scalp": 16, "ears": 32, "neck": 64}
"""Bits of a vertex in the buffer `regions`, by the face model's name of the region; a vertex may have several."""


class Moved(NamedTuple):
    """What of a mesh is new."""

    shape: bool
    albedo: bool


class Mesh:
    """Vertex buffers of the face that was last given to `update`.

    Attributes:
        geometry: the same on the CPU.
        positions, normals: (V, 3) float32 mm and unit vectors, model space.
        diffuse, specular: (V, 3) float32 linear RGB albedo, times occlusion.
        occlusion: (V,) float32, 1 under open sky.
        alpha: (V,) float32, 1 in the face and 0 from its border on.
        regions: (V,) uint8 of `REGION_BITS`.
        lit_a, lit_b: (V, 4) float32, what of each lamp's light reaches a vertex: of the first four, and of the others;
            written by `ShadowPass`.
        triangles: (T, 3) int32.
    """

    def __init__(self, ctx: moderngl.Context, model: FaceModel) -> None:
        self._ctx = ctx
        self._layout = model.layout
        self.geometry = FaceGeometry(model)
        size = model.n_vertices * 12
        self.positions = ctx.buffer(reserve=size, dynamic=True)
        self.normals = ctx.buffer(reserve=size, dynamic=True)
        self.diffuse = ctx.buffer(reserve=size, dynamic=True)
        self.specular = ctx.buffer(reserve=size, dynamic=True)
        self.occlusion = ctx.buffer(model.occlusion.tobytes())
        self.alpha = ctx.buffer(face_alpha(model, _BORDER_WIDTH_MM).tobytes())
        self.regions = ctx.buffer(region_bits(model).tobytes())
        self.lit_a, self.lit_b = (ctx.buffer(np.ones((model.n_vertices, 4), np.float32)) for _ in range(2))
        self.triangles = ctx.buffer(model.triangles.tobytes())

    def update(self, parameters: Parameters) -> Moved:
        """Take the shape and albedo of a face; returns which of them changed. Albedo in `geometry` is written by
        `write_albedo`, so that it can be painted over before."""
        moved = self.geometry.update_shape(parameters)
        if moved:
            self.positions.write(self.geometry.positions)
            self.normals.write(self.geometry.normals)
        return Moved(moved, self.geometry.update_albedo(parameters))

    def write_albedo(self) -> None:
        """Write the albedo of `geometry` to the buffers."""
        self.diffuse.write(self.geometry.diffuse)
        self.specular.write(self.geometry.specular)

    def vertex_array(
        self, program: moderngl.Program, *beside: tuple[moderngl.Buffer, str, str]
    ) -> moderngl.VertexArray:
        """Return a vertex array of what a program reads: in_position, in_normal, in_diffuse, in_specular, in_occlusion,
        in_alpha, in_lit_a, in_lit_b and the unsigned integer in_regions.

        Args:
            program: that reads them.
            beside: further buffers, the form of their values and the name that the program knows them by.
        """
        sources = {
            "in_position": (self.positions, "3f"),
            "in_normal": (self.normals, "3f"),
            "in_diffuse": (self.diffuse, "3f"),
            "in_specular": (self.specular, "3f"),
            "in_occlusion": (self.occlusion, "1f"),
            "in_alpha": (self.alpha, "1f"),
            "in_regions": (self.regions, "1u1"),
            "in_lit_a": (self.lit_a, "4f"),
            "in_lit_b": (self.lit_b, "4f"),
        }
        content = [(buffer, form, name) for name, (buffer, form) in sources.items() if name in program]
        content += beside
        return self._ctx.vertex_array(program, content, index_buffer=self.triangles, index_element_size=4)

    def release(self) -> None:
        """Free the buffers."""
        for buffer in (
            self.positions, self.normals, self.diffuse, self.specular,
            self.occlusion, self.alpha, self.regions, self.lit_a, self.lit_b, self.triangles,
        ):  # fmt: skip
            buffer.release()


def region_bits(model: FaceModel) -> NDArray[np.uint8]:
    """Return the `REGION_BITS` of each vertex, (V,)."""
    bits = np.zeros(model.n_vertices, np.uint8)
    for name, bit in REGION_BITS.items():
        if name in model.region_names:
            bits[np.unique(model.region_triangles(name))] |= bit
    return bits


def set_pose(program: moderngl.Program, face: Parameters, frame_size: tuple[int, int], radius: float) -> None:
    """Set the uniforms by which `weak_perspective.glsl` poses and projects a head.

    Args:
        program: that includes it.
        face: whose pose it is.
        frame_size: width, height of the frame that the pose belongs to, px.
        radius: mm, nothing that is drawn is farther from the head centre.
    """
    write_uniform(program, "rotation", face.rotation.T)  # OpenGL stores columns
    program["translation"] = tuple(face.translation.tolist())
    program["scale"] = face.scale
    program["frame_size"] = frame_size
    program["radius"] = radius

"""The pass of the shadows that the head throws on itself."""

from __future__ import annotations

from collections.abc import Sequence

import moderngl
import numpy as np
from numpy.typing import NDArray

from facemodel import FaceModel, Parameters
from facemodel.lighting import lamp_sine
from realtime.light.lighting import Light
from realtime.light.values import N_LIGHTS
from realtime.render.gl import make_program, write_uniform
from realtime.render.mesh import Mesh
from shaders import load_shader

_TILE = 256
_TILES_ACROSS = 4
_TAPS = 16
_CASTER_MM = 5.0
_CASTERS = ("face", "scalp", "ears", "neck", "eyes")
_GOLDEN_ANGLE = np.pi * (3.0 - np.sqrt(5.0))


class ShadowPass:
    """Finds how much of each lamp's light reaches each vertex of a mesh, soft by the lamp's size.

    The head is drawn as each lamp sees it into a depth map, which the vertices then look around in. At a vertex and not
    at a pixel: the mesh is finer than the penumbra of any lamp but the smallest, and there are far fewer of them.
    """

    def __init__(self, ctx: moderngl.Context, mesh: Mesh, model: FaceModel) -> None:
        """
        Args:
            ctx: current on this thread.
            mesh: of the heads.
            model: the mesh's.
        """
        self._ctx = ctx
        self._mesh = mesh
        self._depths = ctx.depth_texture((_TILE * _TILES_ACROSS, _TILE * N_LIGHTS // _TILES_ACROSS))
        self._depths.compare_func = ""
        self._depths.filter = (moderngl.NEAREST, moderngl.NEAREST)
        self._target = ctx.framebuffer(depth_attachment=self._depths)
        self._depth_program = make_program(ctx, "shadow_depth.vert", "shadow_depth.frag")
        self._triangles = ctx.buffer(casting_triangles(model).tobytes())
        self._seen = ctx.vertex_array(
            self._depth_program,
            [(mesh.positions, "3f", "in_position")],
            index_buffer=self._triangles,
            index_element_size=4,
        )
        self._program = ctx.program(
            vertex_shader=load_shader("shadow.vert"), varyings=("lit_a", "lit_b"), varyings_capture_mode="separate"
        )
        self._vertices = ctx.vertex_array(
            self._program, [(mesh.positions, "3f", "in_position"), (mesh.normals, "3f", "in_normal")]
        )
        angle = _GOLDEN_ANGLE * np.arange(_TAPS)
        write_uniform(self._program, "shadow_taps", np.stack([np.cos(angle), np.sin(angle)], axis=-1))
        self._program["tile"] = _TILE
        self._turns = np.zeros((N_LIGHTS, 3, 3), np.float32)
        self._lamps = np.zeros((N_LIGHTS, 4), np.float32)
        self._dark = False

    def draw(self, face: Parameters, lamps: Sequence[Light]) -> None:
        """Write `lit_a` and `lit_b` of the mesh; the framebuffer in use changes.

        Args:
            face: whose shape the mesh has.
            lamps: at most `N_LIGHTS`.
        """
        dark = any(lamp.shadow > 0.0 for lamp in lamps)
        if not dark and not self._dark:
            return  # all of it is lit, as before
        self._dark = dark
        reach = 1.01 * self._mesh.geometry.radius
        self._target.use()
        self._ctx.enable_only(moderngl.DEPTH_TEST | moderngl.CULL_FACE)
        for i, lamp in enumerate(lamps):
            self._set_lamp(i, lamp, face.rotation, reach)
            if lamp.shadow > 0.0:
                self._draw_depths(i, reach)
        self._depths.use(0)
        write_uniform(self._program, "shadow_turn", self._turns.transpose(0, 2, 1))
        write_uniform(self._program, "shadow_lamp", self._lamps)
        self._program["shadow_reach"] = reach
        self._program["lamp_count"] = len(lamps)
        x, y, z = face.rotation[2].tolist()
        self._program["view_direction"] = (x, y, z)
        self._vertices.transform([self._mesh.lit_a, self._mesh.lit_b], moderngl.POINTS)

    def release(self) -> None:
        """Free the OpenGL objects."""
        for item in (
            self._target, self._depths, self._seen, self._triangles, self._vertices, self._depth_program, self._program,
        ):  # fmt: skip
            item.release()

    def _set_lamp(self, i: int, lamp: Light, rotation: NDArray, reach: float) -> None:
        """Place a map before the head; a lamp that stands nearly in the head counts as a little farther away."""
        distance = max(lamp.distance, 1.5 * reach)
        near = 0.0 if lamp.kind == "directional" else 1.0 / distance
        sine = lamp_sine(lamp.size)
        self._turns[i] = frame_of(lamp.direction) @ rotation
        half = reach / np.sqrt(1.0 - (reach * near) ** 2)  # of the map, mm: the whole head is in it
        self._lamps[i] = near, sine / np.sqrt(1.0 - sine * sine), lamp.shadow, half

    def _draw_depths(self, i: int, reach: float) -> None:
        """Draw the head as a lamp sees it."""
        place = (_TILE * (i % _TILES_ACROSS), _TILE * (i // _TILES_ACROSS), _TILE, _TILE)
        self._target.clear(depth=1.0, viewport=place)
        self._ctx.viewport = place
        write_uniform(self._depth_program, "turn", self._turns[i].T)
        x, y, z, w = self._lamps[i].tolist()
        self._depth_program["lamp"], self._depth_program["reach"] = (x, y, z, w), reach
        self._seen.render(moderngl.TRIANGLES)


def casting_triangles(model: FaceModel, cell: float = _CASTER_MM) -> NDArray[np.int32]:
    """Return the triangles (T, 3) of a head that throws shadows: what is seen of it, coarser than it is drawn.

    All vertices of a region that lie in a cube of so many mm on the mean shape count as the one nearest to their mean
    (vertex clustering, Rossignac and Borrel 1993), so that the triangles fit any shape of the head.
    """
    names = [name for name in _CASTERS if name in model.region_names]
    triangles = model.region_triangles(*names)
    eyes = np.zeros(model.n_vertices, np.int64)
    if "eyes" in names:
        eyes[np.unique(model.region_triangles("eyes"))] = 1
    places = np.floor(model.mean / cell).astype(np.int64)
    _, cluster = np.unique(np.column_stack([places, eyes]), axis=0, return_inverse=True)
    cluster = cluster.reshape(-1)  # (V,)
    count = np.bincount(cluster)
    centre = np.stack([np.bincount(cluster, model.mean[:, k]) / count for k in range(3)], axis=-1)
    distance = np.linalg.norm(model.mean - centre[cluster], axis=1)
    order = np.lexsort((distance, cluster))
    nearest = order[np.cumsum(count) - count]  # the first of each cluster
    coarse = nearest[cluster][triangles]
    a, b, c = coarse.T
    return np.ascontiguousarray(coarse[(a != b) & (b != c) & (c != a)], np.int32)


def frame_of(direction: Sequence[float]) -> NDArray[np.float64]:
    """Return (3, 3) whose rows are two axes across a direction and the direction itself, right-handed."""
    toward = np.asarray(direction, dtype=float)
    aside = np.cross((0.0, 1.0, 0.0) if abs(toward[1]) < 0.9 else (1.0, 0.0, 0.0), toward)
    aside /= np.linalg.norm(aside)
    return np.stack([aside, np.cross(toward, aside), toward])

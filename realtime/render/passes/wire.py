"""The pass of the head's mesh."""

from __future__ import annotations

import moderngl

from facemodel import Parameters
from realtime.render.gl import make_program
from realtime.render.mesh import Mesh, set_pose
from realtime.render.options import RenderOptions
from realtime.render.passes.face import set_fade
from realtime.render.view_lights import WIRE_COLOR


class WirePass:
    """Draws the edges of the head, hidden ones removed."""

    def __init__(self, ctx: moderngl.Context, mesh: Mesh) -> None:
        self._program = make_program(ctx, "face.vert", "wireframe.frag", "wireframe.geom")
        self._program["line_color"] = WIRE_COLOR
        self._mesh = mesh.vertex_array(self._program)

    def draw(
        self,
        face: Parameters,
        options: RenderOptions,
        fade: bool,
        frame_size: tuple[int, int],
        radius: float,
        layer_size: tuple[int, int],
    ) -> None:
        """Draw into the current framebuffer, which is `layer_size` pixels large; the rest as `FacePass.draw`."""
        self._program["layer_size"] = layer_size
        set_fade(self._program, options, fade)
        set_pose(self._program, face, frame_size, radius)
        self._mesh.render(moderngl.TRIANGLES)

    def release(self) -> None:
        """Free the OpenGL objects."""
        self._mesh.release()
        self._program.release()

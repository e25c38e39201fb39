"""The pass of the shaded head."""

from __future__ import annotations

import moderngl

from facemodel import Parameters
from realtime.render.gl import make_program
from realtime.render.light_uniforms import LightUniforms
from realtime.render.mesh import Mesh, set_pose
from realtime.render.options import RenderOptions
from realtime.render.view_lights import VIEW_LIGHTS


class FacePass:
    """Shades the head as `facemodel.lighting` does, linear and with premultiplied alpha."""

    def __init__(self, ctx: moderngl.Context, mesh: Mesh) -> None:
        self._program = make_program(ctx, "face.vert", "face.frag")
        self._mesh = mesh.vertex_array(self._program)

    def draw(
        self,
        face: Parameters,
        light: LightUniforms,
        shininess: float,
        options: RenderOptions,
        fade: bool,
        frame_size: tuple[int, int],
        radius: float,
    ) -> None:
        """Draw into the current framebuffer; depth test and culling are the caller's.

        Args:
            face: whose shape and albedo the mesh has.
            light: that it stands in.
            shininess: exponent of the key light's highlight.
            options: of the view.
            fade: show the face alone, fading out at its border.
            frame_size, radius: as `set_pose`'s.
        """
        program = self._program
        light.write(program)
        view = VIEW_LIGHTS.get(options.mode)
        program["shininess"] = shininess if view is None or view.shininess is None else view.shininess
        program["clay"] = (0.0, 0.0, 0.0, 0.0) if view is None else view.clay
        set_fade(program, options, fade)
        set_pose(program, face, frame_size, radius)
        self._mesh.render(moderngl.TRIANGLES)

    def release(self) -> None:
        """Free the OpenGL objects."""
        self._mesh.release()
        self._program.release()


def set_fade(program: moderngl.Program, options: RenderOptions, fade: bool) -> None:
    """Set how the face ends: at its border, softly or not, or as a whole head."""
    program["steepness"] = 1.0 if options.soft_border else 1e4
    program["fade"] = 1.0 if fade else 0.0

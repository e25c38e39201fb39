"""The pass of the shaded head."""

from __future__ import annotations

import moderngl

from facemodel import Parameters
from realtime.light.lighting import FaceLight
from realtime.render.gl import make_program, write_uniform
from realtime.render.mesh import Mesh, set_pose
from realtime.render.options import RenderOptions
from realtime.render.view_lights import VIEW_LIGHTS, ViewLight


class FacePass:
    """Shades the head as `facemodel.lighting` does, with premultiplied alpha."""

    def __init__(self, ctx: moderngl.Context, mesh: Mesh) -> None:
        self._program = make_program(ctx, "face.vert", "face.frag")
        self._mesh = mesh.vertex_array(self._program)

    def draw(
        self,
        face: Parameters,
        light: FaceLight,
        options: RenderOptions,
        fade: bool,
        frame_size: tuple[int, int],
        radius: float,
    ) -> None:
        """Draw into the current framebuffer; depth test and culling are the caller's.

        Args:
            face: whose shape and albedo the mesh has.
            light: that it stands in.
            options: of the view.
            fade: show the face alone, fading out at its border.
            frame_size, radius: as `set_pose`'s.
        """
        program = self._program
        set_light(program, light, options)
        view = VIEW_LIGHTS.get(options.mode)
        shininess = None if view is None else view.shininess
        program["shininess"] = light.shininess if shininess is None else shininess
        program["clay"] = (0.0, 0.0, 0.0, 0.0) if view is None else view.clay
        set_fade(program, options, fade)
        set_pose(program, face, frame_size, radius)
        self._mesh.render(moderngl.TRIANGLES)

    def release(self) -> None:
        """Free the OpenGL objects."""
        self._mesh.release()
        self._program.release()


def set_light(program: moderngl.Program, light: FaceLight, options: RenderOptions) -> None:
    """Set the uniforms of the light in a view: its mode may have a light of its own, or show one term alone."""
    terms = (float(options.diffuse), float(options.specular))
    view = VIEW_LIGHTS.get(options.mode, ViewLight(terms))
    shown = light if view.light is None else view.light
    write_uniform(program, "sh", shown.sh)
    program["key_position"] = tuple(float(v) for v in shown.key_position)
    program["key_color"] = tuple(float(v) for v in shown.key_color)
    program["terms"] = view.terms


def set_fade(program: moderngl.Program, options: RenderOptions, fade: bool) -> None:
    """Set how the face ends: at its border, softly or not, or as a whole head."""
    program["steepness"] = 1.0 if options.soft_border else 1e4
    program["fade"] = 1.0 if fade else 0.0

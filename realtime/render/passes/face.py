"""The pass of the shaded head."""

from __future__ import annotations

import moderngl

from facemodel import Parameters
from realtime.render.gl import make_program
from realtime.render.light_uniforms import LightUniforms
from realtime.render.mesh import Mesh, set_pose
from realtime.render.options import RenderOptions
from realtime.render.view_lights import VIEW_LIGHTS

LAMP_COUNTS = (0, 1, 2, 4, 8)
"""Numbers of lamps that there is a shader for; loops of fixed length are much quicker where OpenGL runs on the CPU."""


class FacePass:
    """Shades the head as `facemodel.lighting` does, linear and with premultiplied alpha."""

    def __init__(self, ctx: moderngl.Context, mesh: Mesh) -> None:
        self._ctx, self._mesh = ctx, mesh
        self._shaders = {0: self._make_shader(0)}  # by the number of lamps
        self._coverage: tuple[moderngl.Program, moderngl.VertexArray] | None = None

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
        lamps = next(n for n in LAMP_COUNTS if n >= len(light.lamps))
        if lamps not in self._shaders:
            self._shaders[lamps] = self._make_shader(lamps)
        program, mesh = self._shaders[lamps]
        light.write(program)
        view = VIEW_LIGHTS.get(options.mode)
        program["shininess"] = shininess if view is None or view.shininess is None else view.shininess
        program["clay"] = (0.0, 0.0, 0.0, 0.0) if view is None else view.clay
        set_fade(program, options, fade)
        set_pose(program, face, frame_size, radius)
        mesh.render(moderngl.TRIANGLES)

    def cover(
        self, face: Parameters, options: RenderOptions, fade: bool, frame_size: tuple[int, int], radius: float
    ) -> None:
        """Draw the coverage alone, black, as `draw` would."""
        if self._coverage is None:
            program = make_program(self._ctx, "face.vert", "coverage.frag")
            self._coverage = program, self._mesh.vertex_array(program)
        program, mesh = self._coverage
        set_fade(program, options, fade)
        set_pose(program, face, frame_size, radius)
        mesh.render(moderngl.TRIANGLES)

    def release(self) -> None:
        """Free the OpenGL objects."""
        made = [*self._shaders.values(), *([] if self._coverage is None else [self._coverage])]
        for program, mesh in made:
            mesh.release()
            program.release()

    def _make_shader(self, lamps: int) -> tuple[moderngl.Program, moderngl.VertexArray]:
        defines = [f"LAMPS {lamps}"] if lamps else []
        program = make_program(self._ctx, "face.vert", "face.frag", defines=defines)
        return program, self._mesh.vertex_array(program)


def set_fade(program: moderngl.Program, options: RenderOptions, fade: bool) -> None:
    """Set how the face ends: at its border, softly or not, or as a whole head."""
    program["steepness"] = 1.0 if options.soft_border else 1e4
    program["fade"] = 1.0 if fade else 0.0

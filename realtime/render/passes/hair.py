"""The pass of one hair style, set of lashes or pair of brows."""

from __future__ import annotations

import moderngl
import numpy as np
from numpy.typing import NDArray

from facemodel import Parameters
from facemodel.hair import WornHair
from facemodel.hair_shading import HIGHLIGHT_SHIFT, HairLook
from realtime.render.geometry import FaceGeometry
from realtime.render.gl import make_program
from realtime.render.light_uniforms import LightUniforms
from realtime.render.mesh import set_pose


class HairPass:
    """Draws one style over the face that lies in the current framebuffer. Hair keeps the shape that it has on the
    neutral face; lashes and brows follow the skin.

    Attributes:
        radius: mm, no vertex is farther from the head centre.
    """

    def __init__(self, ctx: moderngl.Context, worn: WornHair, look: HairLook) -> None:
        """
        Args:
            ctx: an OpenGL 3.3 core context, current on this thread.
            worn: the style on the face model that is drawn.
            look: colour and shine.
        """
        self._worn, self._look = worn, look
        self.radius = 1.0
        self._vertices = np.zeros((len(worn.uv), 3), np.float32)
        self._across = np.empty((2, len(worn.uv)), np.float32)
        self._identity: NDArray[np.float32] | None = None
        self._program = make_program(ctx, "hair.vert", "hair.frag")
        self._program["hair_color"], self._program["shine"] = look.color, look.shine
        self._program["sharpness"], self._program["highlight_shift"] = look.sharpness, HIGHLIGHT_SHIFT
        self._buffers = [ctx.buffer(reserve=12 * len(worn.uv), dynamic=True) for _ in range(3)]
        self._uv = ctx.buffer(worn.uv.tobytes())
        self._triangles = ctx.buffer(worn.triangles.tobytes())
        content = [(buffer, "3f", name) for buffer, name in zip(self._buffers, _ATTRIBUTES, strict=True)]
        self._mesh = ctx.vertex_array(
            self._program, [*content, (self._uv, "2f", "in_uv")], index_buffer=self._triangles, index_element_size=4
        )
        rows, columns = worn.texture.shape[:2]
        self._strands = ctx.texture((columns, rows), 2, worn.texture.tobytes())
        self._strands.repeat_y = False
        self._strands.build_mipmaps()
        self._strands.filter = (moderngl.LINEAR_MIPMAP_NEAREST, moderngl.LINEAR)

    def update(self, geometry: FaceGeometry, parameters: Parameters, moved: bool) -> None:
        """Follow a face whose shape is up to date; `moved` says whether it changed."""
        new_identity = self._identity is None or not np.array_equal(self._identity, parameters.identity)
        if not (new_identity or (moved and self._worn.follows_skin)):
            return
        if new_identity:
            self._identity = np.array(parameters.identity, np.float32)
        self._vertices = self._worn.vertices(geometry.positions if self._worn.follows_skin else geometry.neutral)
        self.radius = float(np.sqrt(np.einsum("vi,vi->v", self._vertices, self._vertices).max()))
        self._buffers[0].write(self._vertices)
        if new_identity:  # lashes and brows are too thin for their light to change
            self._buffers[1].write(self._worn.normals(self._vertices))
            self._buffers[2].write(self._worn.tangents(self._vertices))

    def bounds(self, rotation: NDArray) -> NDArray[np.float32]:
        """(4,) mm: left, bottom, right, top of the turned hair about the head centre, +y up."""
        across = np.matmul(rotation[:2].astype(np.float32), self._vertices.T, out=self._across)  # (2, H)
        return np.concatenate([across.min(axis=1), across.max(axis=1)])

    def color_scalp(self, diffuse: NDArray[np.float32], specular: NDArray[np.float32]) -> None:
        """Give the skin under the hair the hair's colour, in place; (V, 3) linear albedo each."""
        self._worn.color_scalp(diffuse, specular, self._look.color)

    def draw(self, face: Parameters, light: LightUniforms, frame_size: tuple[int, int], radius: float) -> None:
        """Draw into the current framebuffer; blending and depth test are the caller's.

        Arguments: as `FacePass.draw`'s.
        """
        light.write(self._program)
        set_pose(self._program, face, frame_size, radius)
        self._strands.use(0)
        self._mesh.render(moderngl.TRIANGLES)

    def release(self) -> None:
        """Free every OpenGL object that this pass made."""
        for buffer in (*self._buffers, self._uv, self._triangles):
            buffer.release()
        self._mesh.release()
        self._strands.release()
        self._program.release()


_ATTRIBUTES = ("in_position", "in_normal", "in_tangent")

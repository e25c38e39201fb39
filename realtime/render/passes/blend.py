"""The pass that puts a face's layer over the picture."""

from __future__ import annotations

import moderngl
from numpy.typing import NDArray

from facemodel import Parameters
from realtime.render.gl import make_program
from realtime.render.options import Viewport


class BlendPass:
    """Blends a premultiplied layer over what is there."""

    def __init__(self, ctx: moderngl.Context) -> None:
        self._ctx = ctx
        self._program = make_program(ctx, "screen.vert", "layer.frag")
        self._screen = ctx.vertex_array(self._program, [])

    def draw(
        self,
        layer: moderngl.Texture,
        target: moderngl.Framebuffer,
        rectangle: Viewport,
        part: Viewport,
        opacity: float,
        mirror: bool,
        smooth_silhouette: bool,
        linear: bool,
    ) -> None:
        """Blend a layer.

        Args:
            layer: premultiplied RGBA of the rectangle's size.
            target: to blend into.
            rectangle: of the target that the layer covers.
            part: x, y, width, height within the rectangle, beyond which the layer is empty.
            opacity: of the layer, 0..1.
            mirror: flip left and right; `part` is of the flipped picture.
            smooth_silhouette: filter where coverage changes, for a layer of one sample a pixel.
            linear: the layer is in linear light, to be encoded; False for sRGB.
        """
        target.use()
        self._ctx.viewport = rectangle
        self._ctx.scissor = (rectangle[0] + part[0], rectangle[1] + part[1], part[2], part[3])
        self._ctx.enable_only(moderngl.BLEND)
        self._ctx.blend_func = moderngl.ONE, moderngl.ONE_MINUS_SRC_ALPHA
        layer.use(0)
        self._program["opacity"], self._program["mirror"] = opacity, mirror
        self._program["smooth_silhouette"] = smooth_silhouette
        self._program["linear"] = linear
        self._screen.render(moderngl.TRIANGLES, vertices=3)
        self._ctx.scissor = None

    def release(self) -> None:
        """Free the OpenGL objects."""
        self._screen.release()
        self._program.release()


def covered_part(
    bounds: NDArray, face: Parameters, frame_size: tuple[int, int], size: tuple[int, int], mirror: bool
) -> Viewport | None:
    """Return the part of a view that something on a head can cover; None where nothing of it is in the view.

    Args:
        bounds: (4,) mm: left, bottom, right, top about the head centre, as it is turned; +y up.
        face: whose scale and place count.
        frame_size: width, height of the frame that they belong to, px.
        size: of the view, px.
        mirror: whether the view is flipped.
    """
    width, height = size
    left, bottom, right, top = (face.scale * width / frame_size[0] * bounds).tolist()
    centre_x = face.translation[0] * width / frame_size[0]
    if mirror:
        left, right, centre_x = -right, -left, width - centre_x
    centre_y = height - face.translation[1] * height / frame_size[1]
    x0, x1 = (min(max(int(v + centre_x), 0), width) for v in (left - 2, right + 3))
    y0, y1 = (min(max(int(v + centre_y), 0), height) for v in (bottom - 2, top + 3))
    return None if x0 == x1 or y0 == y1 else (x0, y0, x1 - x0, y1 - y0)

"""The renderer: the shaded face in a window's framebuffer or headless, with the shading of `facemodel`."""

from realtime.render.face_renderer import FaceRenderer
from realtime.render.headless import HeadlessRenderer, headless_context
from realtime.render.options import RenderOptions, ViewMode, Viewport, letterbox

__all__ = [
    "FaceRenderer",
    "HeadlessRenderer",
    "RenderOptions",
    "ViewMode",
    "Viewport",
    "headless_context",
    "letterbox",
]

"""The picture: a composer that draws scenes in a window's framebuffer or headless, shaded as `facemodel` shades."""

from realtime.render.composer import Composer
from realtime.render.headless import HeadlessComposer, headless_context
from realtime.render.options import Alpha, RenderOptions, ViewMode, Viewport, letterbox
from realtime.render.scene import Scene, SceneFace, estimated_scene

__all__ = [
    "Alpha",
    "Composer",
    "HeadlessComposer",
    "RenderOptions",
    "Scene",
    "SceneFace",
    "ViewMode",
    "Viewport",
    "estimated_scene",
    "headless_context",
    "letterbox",
]

"""What to draw: view modes, options and the fit of a frame into a viewport."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

Viewport = tuple[int, int, int, int]
"""x, y, width, height in framebuffer pixels, y up from the bottom as OpenGL counts."""


class ViewMode(Enum):
    """What the picture shows; the order is that of the keys that switch it."""

    CAMERA = "camera"  # the frame alone
    OVERLAY = "overlay"  # the shaded face on the frame
    SIDE_BY_SIDE = "side by side"  # the frame, and the shaded head on a plain background
    GEOMETRY = "geometry"  # clay in a fixed studio light
    DIFFUSE = "diffuse"  # c_d of Eq. 4
    SPECULAR = "specular"  # c_s of Eq. 5
    ALBEDO = "albedo"  # diffuse albedo t_d, unlit
    WIREFRAME = "wireframe"  # the mesh on the frame, hidden lines removed
    RELIT = "relit"  # the frame, in the light that the show makes

    @property
    def shows_camera(self) -> bool:
        return self in (ViewMode.CAMERA, ViewMode.OVERLAY, ViewMode.RELIT, ViewMode.SIDE_BY_SIDE, ViewMode.WIREFRAME)


class Alpha(Enum):
    """What of a picture is opaque."""

    FACE = "face"  # what the mesh of the face covers; the whole head in views without the frame
    PERSON = "person"  # what the person matte says


@dataclass(frozen=True)
class RenderOptions:
    """How to draw one picture.

    Attributes:
        mode: what to show.
        mirror: flip left and right, for a preview that behaves like a mirror.
        diffuse, specular: light terms of the shaded modes (overlay, side by side).
        opacity: of the face on the frame, 0..1.
        whole_head: draw ears, scalp and neck on the frame too, where the face fades out otherwise; the plain
            modes always do.
        soft_border: fade the face out over 18 mm at its border on the frame; False cuts it there.
        background: sRGB 0..1 behind the plain modes and beside a letter-boxed frame.
        alpha: what is opaque, the rest being transparent and black; None for a picture without alpha. Not side by side.
        premultiplied: colour is multiplied by alpha, as it is encoded; False for straight alpha.
    """

    mode: ViewMode = ViewMode.OVERLAY
    mirror: bool = False
    diffuse: bool = True
    specular: bool = True
    opacity: float = 1.0
    whole_head: bool = False
    soft_border: bool = True
    background: tuple[float, float, float] = (0.11, 0.12, 0.135)
    alpha: Alpha | None = None
    premultiplied: bool = False


def letterbox(frame_size: tuple[int, int], viewport: Viewport) -> Viewport:
    """The largest rectangle of the frame's shape (width, height) centred in the viewport; at least 1 x 1."""
    x, y, width, height = viewport
    scale = min(width / frame_size[0], height / frame_size[1])
    w = max(1, round(frame_size[0] * scale))
    h = max(1, round(frame_size[1] * scale))
    return x + (width - w) // 2, y + (height - h) // 2, w, h

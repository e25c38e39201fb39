"""Where in the view the frame lies, for what is painted over it and clicked on in it."""

from __future__ import annotations

from dataclasses import dataclass

from realtime.render import ViewMode, letterbox


@dataclass(frozen=True)
class PictureFit:
    """The camera's picture in the view, letter-boxed; Qt's coordinates, y down.

    Attributes:
        frame_size, view_size: width, height, px.
        mode: of the view; side by side has the picture in its left half.
        mirror: the picture is mirrored.
    """

    frame_size: tuple[int, int]
    view_size: tuple[int, int]
    mode: ViewMode = ViewMode.OVERLAY
    mirror: bool = False

    @property
    def rectangle(self) -> tuple[int, int, int, int]:
        """x, y, width, height of the picture in the view."""
        width, height = self.view_size
        if self.mode is ViewMode.SIDE_BY_SIDE:
            width //= 2
        return letterbox(self.frame_size, (0, 0, width, height))

    def to_view(self, x: float, y: float) -> tuple[float, float]:
        """Return where a place in the frame lies in the view."""
        left, top, width, height = self.rectangle
        across = x / self.frame_size[0]
        return left + width * (1.0 - across if self.mirror else across), top + height * y / self.frame_size[1]

    def to_frame(self, x: float, y: float) -> tuple[float, float] | None:
        """Return the place in the frame that is shown at a place in the view; None beside the picture, and in modes
        that do not show it."""
        left, top, width, height = self.rectangle
        across, down = (x - left) / width, (y - top) / height
        if not (self.mode.shows_camera and 0.0 <= across <= 1.0 and 0.0 <= down <= 1.0):
            return None
        return (1.0 - across if self.mirror else across) * self.frame_size[0], down * self.frame_size[1]

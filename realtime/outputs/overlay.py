"""The drawing of the followed faces, over the pictures that they were seen in or on a plain background."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from realtime.frame import Face, Result, StreamInfo, TrackingState
from realtime.render import HeadlessComposer, RenderOptions

_SEEN = (TrackingState.TRACKING, TrackingState.HELD)


class Overlay:
    """Draws all faces of a result, the farther ones first, in the size of the feed.

    Over the frames it draws the faces that are seen in them or just lost; where the feed has no pictures, as in most
    takes, every face, as a whole head, on a plain background.
    """

    def __init__(self, info: StreamInfo, options: RenderOptions | None = None, raw: bool = False) -> None:
        """
        Args:
            info: of the feed; a frame of another size is letter-boxed into its size.
            options: what to show.
            raw: draw the network's own parameters instead of the smoothed ones.

        Raises:
            LimelightError: this machine offers no OpenGL 3.3.
        """
        options = options or RenderOptions()
        self._options = options if info.pictures else replace(options, whole_head=True)
        self._pictures, self._raw = info.pictures, raw
        self._layout = info.model.layout
        self._renderer = HeadlessComposer(info.model, info.width, info.height)

    def draw(self, result: Result) -> NDArray[np.uint8]:
        """Return (H, W, 3) uint8 BGR; the array is reused by the next call."""
        shown = [face for face in result.faces if not self._pictures or face.state in _SEEN]
        vectors = [vector for face in shown if (vector := self._vector(face)) is not None]
        vectors.sort(key=lambda vector: float(self._layout.view(vector).scale))
        return self._renderer.render(result.frame.image if self._pictures else None, vectors, self._options)

    def close(self) -> None:
        """Free the context; a second call does nothing."""
        self._renderer.close()

    def _vector(self, face: Face) -> NDArray[np.float32] | None:
        return face.raw if self._raw else face.smoothed

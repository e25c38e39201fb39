"""The drawing of results, over the pictures that they were seen in or on a plain background."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from facemodel import LimelightError
from realtime.frame import Result, StreamInfo
from realtime.render import Alpha, HeadlessComposer, RenderOptions, ViewMode
from realtime.render.result_scenes import ResultScenes


class Overlay:
    """Draws results in the light that the show made at their moment.

    Where the feed has no pictures, as in most takes, it draws every face, as a whole head, on a plain background.
    """

    def __init__(
        self,
        info: StreamInfo,
        options: RenderOptions | None = None,
        raw: bool = False,
        size: tuple[int, int] | None = None,
    ) -> None:
        """
        Args:
            info: of the feed.
            options: what to show.
            raw: draw the network's own parameters instead of the smoothed ones.
            size: (width, height) of the pictures, px; that of the feed's frames if None. A frame of another size is
                letter-boxed.

        Raises:
            LimelightError: this machine offers no OpenGL 3.3, or there are no pictures that could be relit or cut.
        """
        options = options or RenderOptions()
        if options.mode is ViewMode.RELIT and not info.pictures:
            raise LimelightError(f"{info.name}: there are no pictures to relight; record with --pictures")
        if options.alpha is Alpha.PERSON and not info.pictures:
            raise LimelightError(f"{info.name}: there are no pictures to cut a person out of; use alpha=face")
        self._options = options if info.pictures else replace(options, whole_head=True)
        self._alone, self._raw = not info.pictures, raw
        self._scenes = ResultScenes(info.model.layout)
        width, height = size or (info.width, info.height)
        self._composer = HeadlessComposer(info.model, width, height, warm=info.cues)

    def draw(self, result: Result) -> NDArray[np.uint8]:
        """Return (H, W, 3) uint8 BGR, or with alpha (H, W, 4) BGRA; the array is reused by the next call."""
        return self._composer.draw(self._scenes(result, self._options, result.lighting, self._alone, self._raw))

    def show_view(self, mode: ViewMode) -> None:
        """Show another view from the next picture on; without pictures there is nothing to relight, and all stays."""
        if mode is not ViewMode.RELIT or not self._alone:
            self._options = replace(self._options, mode=mode)

    def close(self) -> None:
        """Free the context; a second call does nothing."""
        self._composer.close()

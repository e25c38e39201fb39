"""A source whose pictures are turned: a camera that hangs upside down, a phone that stood upright."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from facemodel import CROP_SIZE, Crop, ParameterLayout
from realtime.frame import Frame
from realtime.loop.frame_pool import FramePool
from realtime.sources.base import Seekable, Source
from realtime.sources.turning import turn_picture

TURNS = (90, 180, 270)
"""Degrees clockwise."""


class RotatedSource:
    """Turns every frame of a source clockwise; true parameters turn along.

    Attributes: as `realtime.sources.base.Source`.
    """

    def __init__(self, source: Source, turn: int, layout: ParameterLayout | None = None) -> None:
        """
        Args:
            source: closed with this one.
            turn: one of `TURNS`.
            layout: of the true parameters that the source's frames carry; they are dropped without it.
        """
        if turn not in TURNS:
            raise ValueError(f"a turn is one of {TURNS} degrees, not {turn}")
        self._source, self._turn, self._layout = source, turn, layout
        self._across = turn != 180
        self._pool = FramePool(*self._turned_size(source.height, source.width))
        self.name, self.fps, self.live, self.sound = source.name, source.fps, source.live, source.sound
        self.height, self.width = self._turned_size(source.height, source.width)

    def read(self) -> Frame | None:
        frame = self._source.read()
        if frame is None:
            return None
        height, width = self._turned_size(*frame.image.shape[:2])
        if self._pool.shape[:2] != (height, width):
            self._pool = FramePool(height, width)
        image = turn_picture(frame.image, self._turn, self._pool.take())
        return Frame(frame.index, frame.timestamp, image, self._turn_truth(frame))

    @property
    def duration(self) -> float:
        """Seconds that the source says it lasts; 0 of one that says nothing."""
        return getattr(self._source, "duration", 0.0)

    def seek(self, seconds: float) -> None:
        """Go on with the frame nearest to `seconds`, in a source that can be read again."""
        if isinstance(self._source, Seekable):
            self._source.seek(seconds)

    def close(self) -> None:
        self._source.close()

    def _turned_size(self, height: int, width: int) -> tuple[int, int]:
        return (width, height) if self._across else (height, width)

    def _turn_truth(self, frame: Frame) -> NDArray[np.float32] | None:
        if frame.truth is None or self._layout is None:
            return None
        height, width = frame.image.shape[:2]
        # A crop of scale 1 that leans counter-clockwise sees the frame turned clockwise.
        crop = Crop((0.5 * width, 0.5 * height), CROP_SIZE, -np.radians(self._turn))
        truth = crop.lower(self._layout, frame.truth)
        turned_height, turned_width = self._turned_size(height, width)
        self._layout.view(truth).translation[:] += 0.5 * (np.array([turned_width, turned_height]) - CROP_SIZE)
        return truth

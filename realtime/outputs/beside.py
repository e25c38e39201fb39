"""The drawing of two versions of a take beside each other."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from realtime.frame import Result, StreamInfo
from realtime.outputs.overlay import Overlay
from realtime.sources.images import pad_to_size
from realtime.takes.companion import Companion


class Beside:
    """Draws a result at the left, and at the right the same moment of another take, or else what the network said."""

    def __init__(self, info: StreamInfo, other: Companion | None, start: float) -> None:
        """
        Args:
            info: of the feed.
            other: the other take; None for the network's own parameters.
            start: time of the feed's first frame, s.

        Raises:
            LimelightError: this machine offers no OpenGL 3.3.
        """
        self._start, self._other = start, other
        self._left = Overlay(info)
        if other is None:
            self._right = Overlay(info, raw=True)
        else:
            player, pictures = other.player, bool(other.take.video)
            there = StreamInfo(
                other.name, player.width, player.height, player.fps, False, other.model, pictures=pictures
            )
            self._right = Overlay(there)
        self._picture = np.zeros((info.height, 2 * info.width, 3), np.uint8)

    def draw(self, result: Result) -> NDArray[np.uint8]:
        """Return (H, 2 W, 3) uint8 BGR; the array is reused by the next call."""
        height, width = self._picture.shape[0], self._picture.shape[1] // 2
        self._picture[:, :width] = self._left.draw(result)
        right = result if self._other is None else self._other.result_at(result.time - self._start)
        self._picture[:, width:] = 0 if right is None else pad_to_size(self._right.draw(right), width, height)
        return self._picture

    def close(self) -> None:
        """Free the contexts; a second call does nothing."""
        self._left.close()
        self._right.close()

"""Memory for pictures that is used again once nobody looks at it any more."""

from __future__ import annotations

import sys

import numpy as np
from numpy.typing import NDArray

_LIMIT = 16
"""Pictures that a pool keeps; a sink that holds more gets new memory."""


class FramePool:
    """Hands out pictures of one size and takes back, by itself, those that no frame, view or sink holds any more.

    What Python counts as references decides, views and buffers included. A camera makes 80 MB of pictures a second at
    720p; with the few that are ever in use at a time, none of it is new memory. One thread takes; the others only hold
    and drop.
    """

    def __init__(self, height: int, width: int) -> None:
        self.shape = (height, width, 3)
        self._pictures: list[NDArray[np.uint8]] = []

    def __len__(self) -> int:
        """Pictures that it keeps."""
        return len(self._pictures)

    def take(self) -> NDArray[np.uint8]:
        """A picture (H, W, 3) uint8 with whatever it held before; nobody else has it."""
        for picture in self._pictures:
            if sys.getrefcount(picture) == _UNHELD:
                return picture
        picture = np.empty(self.shape, np.uint8)
        if len(self._pictures) < _LIMIT:
            self._pictures.append(picture)
        return picture


def _references_of_unheld() -> int:
    """What `take` counts for a picture that only the pool holds; it depends on the version of Python."""
    for picture in [np.empty(0, np.uint8)]:
        return sys.getrefcount(picture)
    raise AssertionError


_UNHELD = _references_of_unheld()

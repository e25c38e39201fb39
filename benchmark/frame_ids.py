"""Numbers drawn into frames, read back from pictures: how latency is measured through everything in between."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

BITS = 16
CELL = 8
"""Side of a bit, px."""

IDS = 1 << BITS
"""Numbers before they begin anew: 36 minutes at 30 frames a second."""

ID_WIDTH = 2 * BITS * CELL
"""Of a number in the picture, px."""


def draw_id(image: NDArray[np.uint8], number: int) -> None:
    """Write a number into the upper left corner of an (H, W, 3) picture, 256 x 8 px: its bits, then their inverse.

    Raises:
        ValueError: the picture is too small.
    """
    if image.shape[0] < CELL or image.shape[1] < ID_WIDTH:
        raise ValueError(f"picture: too small for a number, {ID_WIDTH} x {CELL} px are needed")
    bits = number % IDS >> np.arange(BITS) & 1
    cells = np.concatenate([bits, 1 - bits]).astype(np.uint8) * 255
    image[:CELL, :ID_WIDTH] = np.repeat(cells, CELL)[None, :, None]


def read_id(image: NDArray[np.uint8]) -> int | None:
    """The number in a picture, modulo `IDS`; None if there is none, or it is damaged."""
    if image.shape[0] < CELL or image.shape[1] < ID_WIDTH:
        return None
    cells = image[:CELL, :ID_WIDTH].reshape(CELL, 2 * BITS, CELL, 3)
    bits = cells[2:-2, :, 2:-2].mean(axis=(0, 2, 3)) > 127.5
    if not np.array_equal(bits[:BITS], ~bits[BITS:]):
        return None
    return int(bits[:BITS] @ (1 << np.arange(BITS)))

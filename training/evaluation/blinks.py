"""Blinks in the curve of a lid, and how many of them a filter leaves."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.signal import find_peaks

BLINK_PROMINENCE = 0.25
"""A lid blinks where it closes by so much more than around it, 0..1 of its way."""

KEPT_SHARE = 0.7
"""A blink is kept if the filtered lid closes by at least this share of what the raw one does ..."""

KEPT_WITHIN = 0.1
"""... at most so many seconds earlier or later."""


def count_blinks(
    raw: NDArray[np.floating], filtered: NDArray[np.floating], times: NDArray[np.floating]
) -> tuple[int, int]:
    """Count the blinks of one lid, and those of them that are in its filtered curve.

    A blink is a local maximum of the raw curve with a prominence of at least `BLINK_PROMINENCE`; its height is that
    prominence: how far the lid closes from the more closed of the two sides on which it comes from and goes to. It
    is kept if the filtered curve has a maximum with `KEPT_SHARE` of that height within `KEPT_WITHIN` s. A maximum of
    the filtered curve keeps one blink only.

    Args:
        raw, filtered: (T,) eyeBlinkLeft or eyeBlinkRight, 0..1; NaN where the face was not tracked.
        times: (T,) s.

    Returns:
        How many blinks the raw curve has, and how many of them are kept.
    """
    blinks = kept = 0
    for run in _tracked_runs(np.isfinite(raw) & np.isfinite(filtered)):
        peaks, heights = _maxima(raw[run], BLINK_PROMINENCE)
        found, found_heights = _maxima(filtered[run], KEPT_SHARE * BLINK_PROMINENCE)
        free = np.ones(len(found), bool)
        for peak, height in zip(times[run][peaks], heights, strict=True):
            near = free & (np.abs(times[run][found] - peak) <= KEPT_WITHIN) & (found_heights >= KEPT_SHARE * height)
            if near.any():
                free[np.argmax(near)] = False
                kept += 1
        blinks += len(peaks)
    return blinks, kept


def _tracked_runs(tracked: NDArray[np.bool_]) -> list[slice]:
    """The stretches of (T,) without a gap."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], tracked, [False]])))
    return [slice(start, stop) for start, stop in zip(edges[::2], edges[1::2], strict=True)]


def _maxima(curve: NDArray[np.floating], prominence: float) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Indices of the local maxima of a curve (T,), a plateau's in its middle, and their prominences."""
    peaks, properties = find_peaks(curve, prominence=prominence)
    return peaks, properties["prominences"]

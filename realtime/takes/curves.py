"""Curves of a take: the performer's channels of every frame, for eyes; read block by block, so that they can be watched
while they come."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from facemodel.channels import CHANNEL_SLICES, N_CHANNELS
from realtime.frame import TrackingState
from realtime.takes.clip import Clip
from realtime.takes.take import Presence, Take

SURE = 0.9
"""Confidence from which on a tracked frame is good: what the tracker asks of a face that it finds."""


class Quality(IntEnum):
    """How far a frame can be relied on, from good to bad."""

    GOOD = 0
    DOUBTFUL = 1  # tracked, with little confidence
    HELD = 2  # the face was just lost: the last pose is held
    LOST = 3  # it eases to neutral
    NOBODY = 4


_QUALITY_OF_STATE = {
    TrackingState.TRACKING: Quality.GOOD,
    TrackingState.HELD: Quality.HELD,
    TrackingState.NEUTRAL: Quality.LOST,
    TrackingState.SEARCHING: Quality.NOBODY,
}


class Curves:
    """The performer's channels, raw and smoothed, and how good each frame is. N frames, C channels.

    Attributes:
        times: (N,) float64 seconds from the first frame, never falling.
        smoothed, raw: (N, C) float32; NaN where there is none, or none was read yet.
        quality: (N,) uint8, `Quality`; known at once.
        read: frames whose channels were read so far.
    """

    def __init__(self, take: Take) -> None:
        """
        Args:
            take: that they are of.
        """
        self._take = take
        self.times = np.maximum.accumulate(take.times - take.times[0])
        self.smoothed = np.full((len(take), N_CHANNELS), np.nan, np.float32)
        self.raw = np.full((len(take), N_CHANNELS), np.nan, np.float32)
        self.quality = quality_of(take.presence())
        self.read = 0

    def load(self, cancelled: Callable[[], bool] = lambda: False) -> None:
        """Read all of them; `read` rises meanwhile, and other threads may look at what came.

        Args:
            cancelled: asked between blocks; True ends the reading.

        Raises:
            LimelightError: the take's file cannot be read any more.
        """
        take = self._take
        for smoothed, raw in zip(Clip(take).blocks(), Clip(take, raw=True).blocks(), strict=True):
            span = slice(self.read, self.read + len(smoothed))
            self.smoothed[span] = smoothed.channels.rows
            self.raw[span] = raw.channels.rows
            self.read = span.stop
            if cancelled():
                return

    def value_range(self, channel: int) -> tuple[float, float]:
        """Return the lowest and highest value to draw a channel between: 0 and 1 of a weight."""
        if channel < CHANNEL_SLICES["weights"].stop:
            return 0.0, 1.0
        columns = [rows[: self.read, channel] for rows in (self.smoothed, self.raw)]
        low, high = np.inf, -np.inf
        for column in columns:
            if np.isfinite(column).any():
                low, high = min(low, float(np.nanmin(column))), max(high, float(np.nanmax(column)))
        if low > high:
            return -1.0, 1.0
        room = 0.08 * (high - low) or 1.0
        return low - room, high + room


def quality_of(presence: Presence) -> NDArray[np.uint8]:
    """Return how far each frame can be relied on, (N,) uint8, `Quality`."""
    quality = np.zeros(len(presence.state), np.uint8)
    for state, of_state in _QUALITY_OF_STATE.items():
        quality[presence.state == state] = of_state
    quality[(quality == Quality.GOOD) & (presence.confidence < SURE)] = Quality.DOUBTFUL
    return quality


@dataclass(frozen=True)
class BadSpan:
    """Consecutive frames that are not good: the first and the last one, and the worst that they are."""

    first: int
    last: int
    quality: Quality


def bad_spans(quality: NDArray[np.uint8]) -> tuple[BadSpan, ...]:
    """Return the spans of frames, (N,) `Quality`, that are not good, in order."""
    bad = np.concatenate([[False], quality > Quality.GOOD, [False]])
    edges = np.flatnonzero(np.diff(bad.astype(np.int8)))
    return tuple(
        BadSpan(int(first), int(after) - 1, Quality(int(quality[first:after].max())))
        for first, after in edges.reshape(-1, 2)
    )


def worst(quality: NDArray[np.uint8], columns: int) -> NDArray[np.uint8]:
    """Return the worst of the frames that fall into each of so many columns of a picture, (columns,) uint8."""
    frames = len(quality)
    if frames >= columns:
        return np.maximum.reduceat(quality, _starts(frames, columns))
    return quality[np.arange(columns) * frames // columns]


def extremes(values: NDArray[np.floating], columns: int) -> NDArray[np.floating]:
    """Return the lowest and the highest value in each of so many columns of a picture; no spike is lost.

    Args:
        values: (N,), NaN where there is none; N is at least `columns`.
        columns: at least 1.

    Returns:
        (2, columns); NaN where a column has no value.
    """
    starts = _starts(len(values), columns)
    return np.stack([np.fmin.reduceat(values, starts), np.fmax.reduceat(values, starts)])


def runs(values: NDArray[np.floating]) -> Sequence[slice]:
    """Return the parts of (N,) values that have no gap."""
    there = np.concatenate([[False], np.isfinite(values), [False]])
    edges = np.flatnonzero(np.diff(there.astype(np.int8))).reshape(-1, 2)
    return [slice(int(begin), int(end)) for begin, end in edges]


def _starts(frames: int, columns: int) -> NDArray[np.intp]:
    """The first frame of each column."""
    return np.arange(columns) * frames // columns

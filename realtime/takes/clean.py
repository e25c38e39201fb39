"""Cleaning a clip: gaps closed, spikes removed, and smoothing that delays nothing.

Each step looks at a few moments before and after; `clean` does all of them block by block, with the same result
whatever the blocks are.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from facemodel import LimelightError, ParameterLayout
from facemodel.parameters import MAX_SHININESS, MIN_SHININESS
from facemodel.rotation import matrix_from_6d, matrix_to_6d
from realtime.frame import TrackingState
from realtime.takes.rows import Rows, between

_WIDEST = 0.3
"""Seconds that smoothing looks to each side at strength 1."""

_NEIGHBOURS = 2
"""Frames to each side that a spike is told by."""

_MAD = 1.4826
"""Standard deviation of normal noise over its median absolute deviation."""

_SAME = 1e-9

_LEAST_SPIKE = {"expression": 0.1, "rotation": 0.05, "translation": 3.0, "scale": 0.02}
"""What is no spike yet: weight, about 3 degrees, mm, part of the scale."""

_QUICK = ("eyeBlink", "eyeLook")
"""Expressions that are as quick as spikes: blinks and saccades."""


@dataclass(frozen=True)
class Cleaning:
    """How a clip is cleaned; 0 leaves a step out.

    Attributes:
        gaps: s; gaps up to this length, from the last frame with the face to the next one, are closed.
        spikes: a value that lies further from its neighbours' median than this many of their standard deviations,
            robustly estimated, becomes that median.
        strength: of the smoothing, 0..1; at 1 it looks 0.3 s to each side.
    """

    gaps: float = 0.2
    spikes: float = 4.0
    strength: float = 0.5

    @classmethod
    def parse(cls, text: str) -> Cleaning:
        """Read options such as "gaps=0.3,strength=0.8"; what is left out is as usual.

        Raises:
            LimelightError: there is no such option, or its value makes no sense.
        """
        usual = {field.name: field.default for field in fields(cls)}
        values = {}
        for option in filter(None, (part.strip() for part in text.split(","))):
            name, _, value = option.partition("=")
            if name not in usual:
                raise LimelightError(f"--clean {text}: there is no {name}; there are {', '.join(usual)}")
            try:
                values[name] = float(value)
            except ValueError:
                values[name] = -1.0
            if not 0.0 <= values[name] <= (1.0 if name == "strength" else 1000.0):
                limit = " up to 1" if name == "strength" else ""
                raise LimelightError(f"--clean {text}: {name}={value} must be a number from 0{limit}")
        return cls(**values)

    @property
    def half_width(self) -> float:
        """Seconds that smoothing looks to each side."""
        return _WIDEST * self.strength

    def context(self, time: NDArray[np.float64], first: int, after: int) -> tuple[int, int]:
        """Return the span of frames that the cleaned frames `first` to `after` depend on.

        Args:
            time: (N,) s, of frames of which there may be more at either side; the span may reach out of them.
            first, after: where the cleaned frames begin and end.
        """
        low = int(np.searchsorted(time, time[first] - self.half_width)) - _NEIGHBOURS - 1
        high = int(np.searchsorted(time, time[after - 1] + self.half_width, side="right")) + _NEIGHBOURS + 1
        if low >= 0:
            low = int(np.searchsorted(time, time[low] - self.gaps - _SAME)) - 1
        if high <= len(time):
            high = int(np.searchsorted(time, time[high - 1] + self.gaps + _SAME, side="right")) + 1
        return low, high


def clean(blocks: Iterator[Rows], cleaning: Cleaning, layout: ParameterLayout) -> Iterator[Rows]:
    """Yield all rows cleaned, in blocks of about the size of those that come in.

    Args:
        blocks: in order.
        cleaning: see `Cleaning`.
        layout: of the parameters.
    """
    rows: Rows | None = None
    done = 0  # rows of the buffer that were given away, and stay for those behind them
    size = 0
    for block in blocks:
        size = max(size, len(block))
        rows = block if rows is None else Rows.join([rows, block])
        ready = _ready(rows.time, done, cleaning)
        if ready - done >= size:
            yield _cleaned(rows, done, ready, cleaning, layout)
            low, _ = cleaning.context(rows.time, ready, ready + 1)
            low = max(low, 0)
            rows, done = rows.choose(slice(low, None)), ready - low
    if rows is not None and done < len(rows):
        yield _cleaned(rows, done, len(rows), cleaning, layout)


def _ready(time: NDArray[np.float64], done: int, cleaning: Cleaning) -> int:
    """Up to where frames can be cleaned before more come: the last one whose context lies in the buffer."""
    low, high = done, len(time)
    while low < high:
        middle = (low + high) // 2
        if cleaning.context(time, middle, middle + 1)[1] < len(time):
            low = middle + 1
        else:
            high = middle
    return low


def _cleaned(rows: Rows, first: int, after: int, cleaning: Cleaning, layout: ParameterLayout) -> Rows:
    """The rows from `first` to `after`, cleaned with what stands around them."""
    vectors = rows.vectors.copy()
    rows = Rows(
        rows.index, rows.time, rows.size, rows.state.copy(), rows.person.copy(), *(rows.confidence, rows.crop, vectors)
    )
    if cleaning.gaps:
        close_gaps(rows, cleaning.gaps, layout)
    if cleaning.spikes:
        remove_spikes(rows, cleaning.spikes, layout)
    if cleaning.half_width:
        smooth(rows, cleaning.half_width, layout)
    return rows.choose(slice(first, after))


def close_gaps(rows: Rows, longest: float, layout: ParameterLayout) -> None:
    """Fill frames in which the face was not tracked from the ones before and after that, in place.

    Args:
        rows: to fill; a filled frame is HELD.
        longest: s from the last tracked frame to the next one; longer gaps stay.
        layout: of the parameters.
    """
    numbers = np.arange(len(rows))
    tracked = (rows.state == TrackingState.TRACKING) & rows.there
    before = np.maximum.accumulate(np.where(tracked, numbers, -1))
    after = np.minimum.accumulate(np.where(tracked, numbers, len(rows))[::-1])[::-1]
    gap = np.flatnonzero(~tracked & (before >= 0) & (after < len(rows)))
    a, b = before[gap], after[gap]
    fits = (rows.time[b] - rows.time[a] <= longest + _SAME) & (rows.person[a] == rows.person[b])
    fits &= (rows.size[a] == rows.size[b]).all(axis=1) & (rows.time[b] > rows.time[a])
    gap, a, b = gap[fits], a[fits], b[fits]
    part = np.clip((rows.time[gap] - rows.time[a]) / (rows.time[b] - rows.time[a]), 0.0, 1.0)
    rows.vectors[gap] = between(rows.vectors[a], rows.vectors[b], part, layout)
    rows.state[gap] = TrackingState.HELD
    rows.person[gap] = rows.person[a]


def remove_spikes(rows: Rows, threshold: float, layout: ParameterLayout) -> None:
    """Replace single values that stand out of their neighbourhood by its median, in place (Hampel's filter).

    Expressions, head rotation (all of it, if one number of it stands out), place and scale; not blinks and saccades,
    which are as short.

    Args:
        rows: with N frames; the two at either side of a gap have too few neighbours and stay.
        threshold: see `Cleaning.spikes`.
        layout: of the parameters.
    """
    width = 2 * _NEIGHBOURS + 1
    if len(rows) < width:
        return
    runs = _runs(rows)
    first, last = runs[: len(rows) - width + 1], runs[width - 1 :]
    inside = np.flatnonzero((first == last) & (first >= 0))
    scale, quick = layout.slices["scale"].start, _quick(layout)
    for group, least in _LEAST_SPIKE.items():
        columns = np.r_[layout.slices[group]]
        columns = columns[~quick[columns]]
        values = rows.vectors[:, columns]  # (N, C), a copy
        window = np.stack([values[inside + i] for i in range(width)])  # (5, M, C)
        median = np.median(window, axis=0)
        deviation = np.median(np.abs(window - median), axis=0)
        size = rows.vectors[inside + _NEIGHBOURS, scale : scale + 1] if group in ("translation", "scale") else 1.0
        spike = np.abs(window[_NEIGHBOURS] - median) > threshold * _MAD * deviation + least * size
        if group == "rotation":
            spike |= spike.any(axis=1, keepdims=True)
        rows.vectors[np.ix_(inside + _NEIGHBOURS, columns)] = np.where(spike, median, window[_NEIGHBOURS])


def smooth(rows: Rows, half_width: float, layout: ParameterLayout) -> None:
    """Smooth parameters in place, without delay: at each frame stands a parabola that fits its neighbours best.

    Such a local fit of second order (Savitzky and Golay 1964, here with weights that fall off to the sides, and for
    any frame times) keeps the height of short peaks better than an average does. Frames behind a gap, or of another
    person, are no neighbours.

    Args:
        rows: with N frames.
        half_width: s to each side that are looked at; half of it for blinks and saccades.
        layout: of the parameters.
    """
    runs = _runs(rows)
    there = np.flatnonzero(runs >= 0)
    quick = _quick(layout)
    smoothed = np.empty((len(there), layout.size), np.float32)
    for columns, width in ((~quick, half_width), (quick, 0.5 * half_width)):
        smoothed[:, columns] = _fitted(rows.time[there], rows.vectors[np.ix_(there, columns)], runs[there], width)
    rows.vectors[there] = _constrained(smoothed, layout)


def _fitted(time: NDArray, values: NDArray[np.float32], runs: NDArray, half_width: float) -> NDArray[np.float32]:
    """Values (N, C) of the parabolas that fit best around each frame of a run, by time (N,) s and run (N,).

    Frames of one time count as one of their weight: a clock may stand still for any number of frames.
    """
    new = np.ones(len(time), bool)
    new[1:] = (time[1:] > time[:-1]) | (runs[1:] != runs[:-1])
    first = np.flatnonzero(new)
    if len(first) < len(time):
        frames = np.diff(first, append=len(time))  # (M,) of each time
        sums = np.add.reduceat(values, first, axis=0, dtype=float)
        means = (sums / frames[:, None]).astype(np.float32)  # (M, C)
        return _fitted_at(time[first], means, runs[first], frames, half_width)[np.cumsum(new) - 1]
    return _fitted_at(time, values, runs, np.ones(len(time)), half_width)


def _fitted_at(
    time: NDArray, values: NDArray[np.float32], runs: NDArray, frames: NDArray, half_width: float
) -> NDArray[np.float32]:
    """The same where no two of a run have one time; `frames` (N,) that each row stands for."""
    count = len(time)
    numbers = np.arange(count)
    widest = int((np.searchsorted(time, time + half_width) - numbers).max(initial=1))
    taps = []
    moments = np.zeros((5, count))
    for offset in range(-widest, widest + 1):
        other = np.clip(numbers + offset, 0, count - 1)
        away = (time[other] - time) / half_width
        near = (runs[other] == runs) & (np.abs(away) < 1.0) & (other == numbers + offset)
        weight = np.where(near, frames[other] * (1.0 - away**2) ** 3, 0.0)
        moments += weight * away ** np.arange(5)[:, None]
        taps.append((other, away, weight))
    matrix = moments[np.add.outer(np.arange(3), np.arange(3))].transpose(2, 0, 1)  # (N, 3, 3)
    matrix = matrix + np.diag([0.0, 1e-9, 1e-9])  # one or two neighbours are a point or a line
    fit = np.linalg.solve(matrix, np.tile([[1.0], [0.0], [0.0]], (count, 1, 1)))[..., 0].T  # (3, N)
    fitted = np.zeros_like(values)
    for other, away, weight in taps:
        share = weight * (fit[0] + fit[1] * away + fit[2] * away**2)
        fitted += share.astype(np.float32)[:, None] * values[other]
    return fitted


def _quick(layout: ParameterLayout) -> NDArray[np.bool_]:
    """(P,) which parameters are as quick as spikes."""
    quick = np.zeros(layout.size, bool)
    quick[layout.slices["expression"]] = [name.startswith(_QUICK) for name in layout.expression_names]
    return quick


def _runs(rows: Rows) -> NDArray[np.int64]:
    """(N,) a number for each run of frames with one person's face; -1 where there is none."""
    there = rows.there
    new = np.ones(len(rows), bool)
    new[1:] = ~there[:-1] | (rows.person[1:] != rows.person[:-1]) | (rows.size[1:] != rows.size[:-1]).any(axis=1)
    return np.where(there, np.cumsum(new), -1)


def _constrained(vectors: NDArray[np.float32], layout: ParameterLayout) -> NDArray[np.float32]:
    """Make of vectors (N, P), in place, what `ParameterLayout.constrain` makes of each, and rotations of rotations."""
    slices = layout.slices
    expression = vectors[:, slices["expression"]]
    np.clip(expression, *layout.expression_range, out=expression)
    if layout.mouth_close_and_jaw_open is not None:
        close, jaw = layout.mouth_close_and_jaw_open
        np.minimum(expression[:, close], expression[:, jaw], out=expression[:, close])
    rotation = slices["rotation"]
    vectors[:, rotation] = matrix_to_6d(matrix_from_6d(vectors[:, rotation].astype(float)))
    color, shininess = vectors[:, slices["key_color"]], vectors[:, slices["shininess"]]
    np.maximum(color, 0.0, out=color)
    np.clip(shininess, MIN_SHININESS, MAX_SHININESS, out=shininess)
    return vectors

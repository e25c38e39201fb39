"""How two takes, or two versions of one, differ: channel by channel, in time, and in calm."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facemodel import LimelightError
from facemodel.channels import CHANNEL_NAMES, CHANNEL_SLICES
from realtime.takes.curves import Quality

LONGEST_LAG = 1.0
"""s by which one version may be later than the other and still be recognised."""

_MOVES = {"weights": 0.02, "head_angles": 0.5, "head_position": 1.0, "eye_angles": 0.5}
"""Standard deviation from which on a channel of a group moves enough to be compared in time."""
_ALIKE = 0.5
"""Correlation from which on two curves are the same motion."""


@dataclass(frozen=True, eq=False)
class Version:
    """One side of a comparison; N frames, C channels.

    Attributes:
        name: for people.
        fps: nominal frames a second.
        times: (N,) float64 seconds from the first frame, rising.
        rows: (N, C) channels; NaN where there are none.
        quality: (N,) uint8, `Quality`.
    """

    name: str
    fps: float
    times: NDArray[np.float64]
    rows: NDArray[np.floating]
    quality: NDArray[np.uint8]

    def within(self, begin: float, end: float) -> Version:
        """Return the part between two moments, s, both included."""
        inside = (self.times >= begin - 1e-9) & (self.times <= end + 1e-9)
        return Version(self.name, self.fps, self.times[inside], self.rows[inside], self.quality[inside])


@dataclass(frozen=True)
class ChannelDifference:
    """How one channel differs.

    Attributes:
        name: of the channel.
        mean: of the absolute difference.
        largest: absolute difference, and `at`, s in A, where it is.
        lag: s by which B is later than A, by cross-correlation; None where it hardly moves, or otherwise.
        jitter: of A and of B: the mean absolute second difference from frame to frame.
    """

    name: str
    mean: float
    largest: float
    at: float
    lag: float | None
    jitter: tuple[float, float]


@dataclass(frozen=True)
class VersionSummary:
    """What a comparison says of one side: frames, seconds, and the share of frames of each quality."""

    name: str
    frames: int
    seconds: float
    fps: float
    shares: dict[str, float]


@dataclass(frozen=True)
class Comparison:
    """How two versions differ.

    Attributes:
        a, b: what they are.
        shift: s that were added to a moment of A to get B's.
        seconds: that both cover.
        frames: of A that were compared: both have values there.
        lag: s by which B is later than A, by all channels that move; None where none does.
        channels: each of them.
    """

    a: VersionSummary
    b: VersionSummary
    shift: float
    seconds: float
    frames: int
    lag: float | None
    channels: tuple[ChannelDifference, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return asdict(self)

    def lines(self) -> Iterator[str]:
        """Yield it as lines for people: the channels of face, head and eyes that differ, the worst first."""
        for letter, side in (("A", self.a), ("B", self.b)):
            shares = ", ".join(f"{100.0 * share:.1f} % {name}" for name, share in side.shares.items() if share > 0.0)
            yield f"{letter}  {side.name}: {side.frames} frames, {side.seconds:.2f} s, {shares}"
        lag = "unknown" if self.lag is None else f"{1000.0 * self.lag:+.1f} ms"
        yield f"compared {self.frames} frames, {self.seconds:.2f} s; B is later than A by {lag}"
        yield f"{'channel':<20}{'mean':>9}{'largest':>9}{'at s':>9}{'lag ms':>9}{'jitter A':>11}{'jitter B':>11}"
        moving = [channel for channel in self.channels if _group(channel.name) in _MOVES]
        for c in sorted(moving, key=lambda c: -c.mean / _MOVES[_group(c.name)]):
            if c.largest > 0.0:
                late = "" if c.lag is None else f"{1000.0 * c.lag:.1f}"
                yield (
                    f"{c.name:<20}{c.mean:>9.4f}{c.largest:>9.4f}{c.at:>9.2f}{late:>9}"
                    f"{c.jitter[0]:>11.5f}{c.jitter[1]:>11.5f}"
                )


def compare(a: Version, b: Version, shift: float = 0.0) -> Comparison:
    """Compare two versions over the time that both cover; B's values are interpolated at A's frames.

    Args:
        a, b: with at least one frame each.
        shift: seconds to add to a moment of A to get B's.

    Raises:
        LimelightError: they have no time in common, or no frame where both have values.
    """
    for one in (a, b):
        if not len(one.times):
            raise LimelightError(f"{one.name}: there is no frame in that part")
    begin, end = max(a.times[0], b.times[0] - shift), min(a.times[-1], b.times[-1] - shift)
    if begin > end:
        raise LimelightError(f"{a.name} and {b.name} have no time in common")
    part, other = a.within(begin, end), b.within(begin + shift, end + shift)
    both = np.isfinite(part.rows[:, 0]) & np.isfinite(_at(b, part.times + shift, 0))
    if not both.any():
        raise LimelightError(f"{a.name} and {b.name} have no frame in common where both have a face")
    times = part.times[both]
    search = _LagSearch.between(a, b, shift, begin, end)
    channels = []
    for i, name in enumerate(CHANNEL_NAMES):
        difference = np.abs(part.rows[:, i] - _at(b, part.times + shift, i))[both]
        worst = int(difference.argmax())
        channels.append(
            ChannelDifference(
                name=name,
                mean=float(difference.mean()),
                largest=float(difference[worst]),
                at=float(times[worst]),
                lag=search.lag_of(i),
                jitter=(_jitter(part, i), _jitter(other, i)),
            )
        )
    return Comparison(
        a=_summary(a),
        b=_summary(b),
        shift=float(shift),
        seconds=float(end - begin),
        frames=int(both.sum()),
        lag=search.lag,
        channels=tuple(channels),
    )


def _summary(version: Version) -> VersionSummary:
    frames = len(version.times)
    counts = np.bincount(version.quality, minlength=len(Quality))
    shares = {quality.name.lower(): float(counts[quality]) / frames for quality in Quality}
    return VersionSummary(version.name, frames, float(version.times[-1] - version.times[0]), version.fps, shares)


def _at(version: Version, times: NDArray[np.floating], channel: int) -> NDArray[np.float64]:
    """A channel at other moments (T,), between frames by interpolation; NaN beside a frame that has no value."""
    values = version.rows[:, channel].astype(float)
    if len(values) == 1:
        return np.repeat(values, len(times))
    after = np.clip(np.searchsorted(version.times, times, side="left"), 1, len(values) - 1)
    before = after - 1
    part = (times - version.times[before]) / np.maximum(version.times[after] - version.times[before], 1e-9)
    between = values[before] + part * (values[after] - values[before])
    return np.where(part <= 0.0, values[before], np.where(part >= 1.0, values[after], between))


def _jitter(version: Version, channel: int) -> float:
    """The mean absolute second difference of consecutive frames; 0 of fewer than three."""
    seconds = np.abs(np.diff(version.rows[:, channel].astype(float), 2))
    known = np.isfinite(seconds)
    return float(seconds[known].mean()) if known.any() else 0.0


class _LagSearch:
    """Finds by how much B is later than A: Pearson's correlation of the two at each lag, over the moments at which both
    have a value, by way of the Fourier transform (Padfield 2012, masked cross-correlation)."""

    def __init__(self, a: Version, b: Version, shift: float, grid: NDArray[np.float64], period: float, reach: int):
        self._a, self._b, self._shift, self._grid = a, b, shift, grid
        self._period, self._reach = period, reach
        self._size = 1 << int(2 * max(1, len(grid)) - 1).bit_length()
        self._sum: NDArray[np.float64] = np.zeros(2 * reach + 1)
        self._moving = 0

    @classmethod
    def between(cls, a: Version, b: Version, shift: float, begin: float, end: float) -> _LagSearch:
        """Prepare for two versions from a moment of A to another; short ones reach less far."""
        period = float(np.median(np.diff(a.times))) if len(a.times) > 1 else 0.0
        count = int((end - begin) / period) + 1 if period > 0.0 else 0
        reach = min(round(LONGEST_LAG / period), count // 4) if period > 0.0 else 0
        return cls(a, b, shift, begin + period * np.arange(count, dtype=float), period, reach)

    @property
    def lag(self) -> float | None:
        """By all channels that were asked for and move, s; None where none does."""
        return self._peak(self._sum / self._moving) if self._moving else None

    def lag_of(self, channel: int) -> float | None:
        """Return by how much B is later in one channel, s; None where it hardly moves, or otherwise."""
        needed = _MOVES.get(_group(CHANNEL_NAMES[channel]))
        if needed is None or not self._reach:
            return None
        x, y = _at(self._a, self._grid, channel), _at(self._b, self._grid + self._shift, channel)
        known = np.isfinite(x), np.isfinite(y)
        if min(int(one.sum()) for one in known) < 2 * self._reach:
            return None
        if not (x[known[0]].std() > needed and y[known[1]].std() > needed):
            return None
        scores = self._scores(x, y, known)
        self._sum += scores
        self._moving += 1
        return self._peak(scores)

    def _scores(
        self, x: NDArray[np.float64], y: NDArray[np.float64], known: tuple[NDArray[np.bool_], NDArray[np.bool_]]
    ) -> NDArray[np.float64]:
        """(2 reach + 1,) correlation at each lag; 0 where too few moments are left."""
        x, y = (np.where(there, one - one[there].mean(), 0.0) for one, there in zip((x, y), known, strict=True))
        of_x = [self._spectrum(one).conj() for one in (known[0].astype(float), x, x * x)]
        of_y = [self._spectrum(one) for one in (known[1].astype(float), y, y * y)]
        count = np.maximum(self._at_lags(of_x[0] * of_y[0]), 1e-9)
        mean_x, mean_y = self._at_lags(of_x[1] * of_y[0]) / count, self._at_lags(of_x[0] * of_y[1]) / count
        spread_x = self._at_lags(of_x[2] * of_y[0]) / count - mean_x**2
        spread_y = self._at_lags(of_x[0] * of_y[2]) / count - mean_y**2
        together = self._at_lags(of_x[1] * of_y[1]) / count - mean_x * mean_y
        norm = np.sqrt(np.maximum(spread_x, 0.0) * np.maximum(spread_y, 0.0))
        known_enough = (count >= self._reach) & (norm > 1e-12)
        return np.divide(together, norm, out=np.zeros(len(norm)), where=known_enough)

    def _spectrum(self, values: NDArray[np.float64]) -> NDArray[np.complex128]:
        return np.fft.rfft(values, self._size)

    def _at_lags(self, spectrum: NDArray[np.complex128]) -> NDArray[np.float64]:
        products = np.fft.irfft(spectrum, self._size)
        return np.concatenate([products[-self._reach :], products[: self._reach + 1]])

    def _peak(self, scores: NDArray[np.float64]) -> float | None:
        """Where a correlation is highest, s, between its samples by a parabola; None where it is nowhere high."""
        best = int(scores.argmax())
        if scores[best] < _ALIKE:
            return None
        offset = 0.0
        if 0 < best < len(scores) - 1:
            left, middle, right = scores[best - 1 : best + 2]
            bend = left - 2.0 * middle + right
            offset = 0.5 * (left - right) / bend if bend < 0.0 else 0.0
        return float((best - self._reach + offset) * self._period)


def _group(name: str) -> str:
    channel = CHANNEL_NAMES.index(name)
    return next(group for group, columns in CHANNEL_SLICES.items() if columns.start <= channel < columns.stop)

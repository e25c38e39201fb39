"""One Euro filters: smooth when slow, prompt when fast.

Source: Casiez, Roussel, Vogel, "1 Euro Filter: A Simple Speed-based Low-pass Filter for Noisy Input in
Interactive Systems", CHI 2012. `OneEuroRotation` is the same filter on SO(3): differences are rotation
vectors, steps are taken along geodesics.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class OneEuroConfig:
    """Cut-off of the filter: fc = min_cutoff + beta * speed.

    Attributes:
        min_cutoff: Hz at rest; lower is smoother.
        beta: Hz per (unit / s); higher is prompter. It depends on the unit of the signal.
        derivative_cutoff: Hz of the low-pass on the speed.
    """

    min_cutoff: float
    beta: float
    derivative_cutoff: float = 1.0


def lag(cutoff: float, period: float, strength: float = 1.0) -> float:
    """Return the share of a step that a first-order low-pass holds back in one sample.

    Args:
        cutoff: Hz, above 0.
        period: s between samples.
        strength: divides the cut-off; 0 holds nothing back.
    """
    return strength / (2.0 * math.pi * period * cutoff + strength)


class OneEuroFilter:
    """One Euro filter on a vector, each component with its own speed."""

    def __init__(self, groups: Iterable[tuple[OneEuroConfig, int]]) -> None:
        """
        Args:
            groups: configurations and how many components in a row each is for: what a filter for each of them would
                give, in one pass.
        """
        configs, sizes = zip(*groups, strict=True)
        self._min_cutoff = np.repeat([c.min_cutoff for c in configs], sizes)  # (N,)
        self._beta = np.repeat([c.beta for c in configs], sizes)
        self._derivative_time = np.repeat([0.5 / (math.pi * c.derivative_cutoff) for c in configs], sizes)  # s
        self._value, self._derivative = np.zeros_like(self._beta), np.zeros_like(self._beta)
        self._step, self._work = np.zeros_like(self._beta), np.zeros_like(self._beta)
        self.reset()

    def reset(self) -> None:
        """Forget the past: the next value passes unchanged."""
        self._time: float | None = None

    def __call__(
        self, value: NDArray, time: float, strength: float | NDArray = 1.0, unit: float | NDArray = 1.0
    ) -> NDArray[np.float64]:
        """Return `value` (N,), sampled at `time` s, filtered.

        Args:
            value: (N,).
            time: s; one that stands still leaves the output as it is, one that runs back begins anew.
            strength: divides the cut-off, of all or of each component; 0 passes the value unchanged.
            unit: divides the speed.

        Returns:
            (N,) the filter's state: read it, do not write to it.
        """
        if self._time is None or time < self._time:
            self._value[:], self._derivative[:], self._time = value, 0.0, time
            return self._value
        period = time - self._time
        if period == 0.0:
            np.copyto(self._value, value, where=np.equal(strength, 0.0))
            return self._value
        self._time = time
        turn = 2.0 * math.pi * period
        step, work, derivative = self._step, self._work, self._derivative
        np.subtract(value, self._value, out=step)
        np.divide(step, period, out=work)
        work -= derivative
        work *= period
        work /= self._derivative_time + period
        derivative += work
        np.abs(derivative, out=work)
        work *= self._beta
        work /= unit
        work += self._min_cutoff
        work *= turn
        work += strength
        np.divide(strength, work, out=work)  # (N,) the share of the step that is held back
        work *= step
        return np.subtract(value, work, out=self._value)


class OneEuroRotation:
    """One Euro filter on rotations; speed in degrees a second."""

    def __init__(self, config: OneEuroConfig) -> None:
        self.config = config
        self.reset()

    def reset(self) -> None:
        """Forget the past: the next rotation passes unchanged."""
        self._value: NDArray | None = None
        self._derivative = [0.0, 0.0, 0.0]
        self._time = 0.0

    def __call__(self, rotation: NDArray, time: float, strength: float = 1.0) -> NDArray:
        """Return a (3, 3) rotation, sampled at `time` s, filtered; time and strength as in `OneEuroFilter`."""
        if self._value is None or time < self._time:
            self.reset()
            self._value, self._time = np.array(rotation, dtype=np.float64), time
            return self._value
        period = time - self._time
        if period == 0.0:
            return np.asarray(rotation) if strength == 0.0 else self._value
        self._time = time
        step = rotation_vector(rotation @ self._value.T)
        c = self.config
        taken, rate = 1.0 - lag(c.derivative_cutoff, period), 180.0 / math.pi / period
        self._derivative = [d + taken * (rate * s - d) for d, s in zip(self._derivative, step.tolist(), strict=True)]
        cutoff = c.min_cutoff + c.beta * math.hypot(*self._derivative)
        self._value = rotation_from_vector(-lag(cutoff, period, strength) * step) @ rotation
        return self._value


def rotation_vector(rotation: NDArray) -> NDArray:
    """Logarithm of a rotation: axis times angle in radians, (3, 3) to (3,)."""
    (xx, xy, xz), (yx, yy, yz), (zx, zy, zz) = rotation.tolist()
    skew = np.array([zy - yz, xz - zx, yx - xy])
    sine, cosine = 0.5 * math.hypot(zy - yz, xz - zx, yx - xy), 0.5 * (xx + yy + zz - 1.0)
    angle = math.atan2(sine, cosine)
    if sine > 1e-9:
        return skew * (0.5 * angle / sine)
    if cosine > 0.0:
        return 0.5 * skew
    axis = np.sqrt(np.maximum(0.5 * (np.diag(rotation) + 1.0), 0.0))  # half a turn: R + I = 2 a a^T
    axis *= np.where(rotation[np.argmax(axis)] < 0.0, -1.0, 1.0)
    return axis * angle


def rotation_from_vector(vector: NDArray) -> NDArray:
    """Exponential of a rotation vector, (3,) to (3, 3) (Rodrigues)."""
    x, y, z = vector.tolist()
    angle = math.hypot(x, y, z)
    a = math.sin(angle) / angle if angle > 1e-9 else 1.0
    b = 0.5 * (math.sin(0.5 * angle) / (0.5 * angle)) ** 2 if angle > 1e-9 else 0.5
    c = math.cos(angle)
    return np.array(
        [
            [c + b * x * x, b * x * y - a * z, b * x * z + a * y],
            [b * x * y + a * z, c + b * y * y, b * y * z - a * x],
            [b * x * z - a * y, b * y * z + a * x, c + b * z * z],
        ]
    )

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


def smoothing_factor(cutoff: float | NDArray, period: float) -> float | NDArray:
    """Exponential smoothing factor of a first-order low-pass with `cutoff` Hz at a sample period in s."""
    r = 2.0 * math.pi * period * cutoff
    return r / (r + 1.0)


class OneEuroFilter:
    """One Euro filter on a vector, each component with its own speed."""

    def __init__(self, config: OneEuroConfig) -> None:
        self._min_cutoff: float | NDArray = config.min_cutoff
        self._beta: float | NDArray = config.beta
        self._derivative_cutoff: float | NDArray = config.derivative_cutoff
        self.reset()

    @classmethod
    def side_by_side(cls, groups: Iterable[tuple[OneEuroConfig, int]]) -> OneEuroFilter:
        """One filter for a vector of groups, each of so many components and with a configuration of its own: what a
        filter for each of them would give, in one pass."""
        configs, sizes = zip(*groups, strict=True)
        together = cls(configs[0])
        together._min_cutoff = np.repeat([c.min_cutoff for c in configs], sizes)
        together._beta = np.repeat([c.beta for c in configs], sizes)
        together._derivative_cutoff = np.repeat([c.derivative_cutoff for c in configs], sizes)
        return together

    def reset(self) -> None:
        """Forget the past: the next value passes unchanged."""
        self._value: NDArray | None = None
        self._derivative: NDArray | None = None
        self._time = 0.0

    def __call__(self, value: NDArray, time: float, strength: float = 1.0, unit: float | NDArray = 1.0) -> NDArray:
        """Filter `value` (N,) sampled at `time` s; `strength` divides the cut-off, `unit` the speed.

        A time that does not advance returns the last output. The returned array is the filter's state: read
        it, do not write to it.
        """
        if self._value is None or self._derivative is None:
            self._value = np.array(value, dtype=np.float64)
            self._derivative = np.zeros_like(self._value)
            self._time = time
            return self._value
        period = time - self._time
        if period <= 0.0:
            return self._value
        self._time = time
        step = value - self._value
        self._derivative += smoothing_factor(self._derivative_cutoff, period) * (step / period - self._derivative)
        cutoff = (self._min_cutoff + self._beta * np.abs(self._derivative) / unit) / strength
        self._value += smoothing_factor(cutoff, period) * step
        return self._value


class OneEuroRotation:
    """One Euro filter on rotations; speed in degrees a second."""

    def __init__(self, config: OneEuroConfig) -> None:
        self.config = config
        self.reset()

    def reset(self) -> None:
        """Forget the past: the next rotation passes unchanged."""
        self._value: NDArray | None = None
        self._derivative = np.zeros(3)
        self._time = 0.0

    def __call__(self, rotation: NDArray, time: float, strength: float = 1.0) -> NDArray:
        """Filter a (3, 3) rotation sampled at `time` s; `strength` divides the cut-off."""
        if self._value is None:
            self._value, self._time = np.array(rotation, dtype=np.float64), time
            return self._value
        period = time - self._time
        if period <= 0.0:
            return self._value
        self._time = time
        step = rotation_vector(rotation @ self._value.T)
        c = self.config
        self._derivative += smoothing_factor(c.derivative_cutoff, period) * (
            (180.0 / math.pi / period) * step - self._derivative
        )
        cutoff = (c.min_cutoff + c.beta * math.hypot(*self._derivative.tolist())) / strength
        self._value = rotation_from_vector(smoothing_factor(cutoff, period) * step) @ self._value
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

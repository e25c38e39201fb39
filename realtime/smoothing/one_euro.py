"""One Euro filters: smooth when slow, prompt when fast.

Source: Casiez, Roussel, Vogel, "1 Euro Filter: A Simple Speed-based Low-pass Filter for Noisy Input in
Interactive Systems", CHI 2012. `OneEuroRotation` is the same filter on SO(3): differences are rotation
vectors, steps are taken along geodesics.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray


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


def smoothing_factor(cutoff: ArrayLike, period: float) -> NDArray[np.floating]:
    """Exponential smoothing factor of a first-order low-pass with `cutoff` Hz at a sample period in s."""
    r = 2.0 * np.pi * np.asarray(cutoff) * period
    return r / (r + 1.0)


class OneEuroFilter:
    """One Euro filter on a vector, each component with its own speed."""

    def __init__(self, config: OneEuroConfig) -> None:
        self.config = config
        self.reset()

    def reset(self) -> None:
        """Forget the past: the next value passes unchanged."""
        self._value: NDArray | None = None
        self._derivative: NDArray | None = None
        self._time = 0.0

    def __call__(self, value: NDArray, time: float, strength: float = 1.0, unit: float = 1.0) -> NDArray:
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
        c = self.config
        self._derivative += smoothing_factor(c.derivative_cutoff, period) * (step / period - self._derivative)
        cutoff = (c.min_cutoff + c.beta * np.abs(self._derivative) / unit) / strength
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
            np.degrees(step) / period - self._derivative
        )
        cutoff = (c.min_cutoff + c.beta * np.linalg.norm(self._derivative)) / strength
        self._value = rotation_from_vector(smoothing_factor(cutoff, period) * step) @ self._value
        return self._value


def rotation_vector(rotation: NDArray) -> NDArray:
    """Logarithm of a rotation: axis times angle in radians, (3, 3) to (3,)."""
    skew = np.array([rotation[2, 1] - rotation[1, 2], rotation[0, 2] - rotation[2, 0], rotation[1, 0] - rotation[0, 1]])
    sine, cosine = 0.5 * np.linalg.norm(skew), 0.5 * (np.trace(rotation) - 1.0)
    angle = np.arctan2(sine, cosine)
    if sine > 1e-9:
        return skew * (0.5 * angle / sine)
    if cosine > 0.0:
        return 0.5 * skew
    axis = np.sqrt(np.maximum(0.5 * (np.diag(rotation) + 1.0), 0.0))  # half a turn: R + I = 2 a a^T
    axis *= np.where(rotation[np.argmax(axis)] < 0.0, -1.0, 1.0)
    return axis * angle


def rotation_from_vector(vector: NDArray) -> NDArray:
    """Exponential of a rotation vector, (3,) to (3, 3) (Rodrigues)."""
    angle = np.linalg.norm(vector)
    x, y, z = vector
    cross = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    a = np.sinc(angle / np.pi)
    b = 0.5 * np.sinc(angle / (2.0 * np.pi)) ** 2
    return np.eye(3) + a * cross + b * (cross @ cross)

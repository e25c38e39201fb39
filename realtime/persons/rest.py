"""The neutral of somebody who was not calibrated: what is in the weights while the face rests, in the first seconds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from realtime.persons.calibration import Calibration, neutral_of, opposite_gaze
from realtime.persons.guide import STEPS

_NOTICED = 0.002
"""Change of a neutral that makes a difference."""


@dataclass(frozen=True)
class RestConfig:
    """How the neutral is found.

    Attributes:
        seconds: of good frames that are looked at first.
        frames: of them at least.
        largest: neutral; a smile that lasts through the first seconds is not taken away.
        largest_of_lids: the same of eyeBlink, so that no blink is lost.
        ease: s over which the neutral comes in, so that the face does not jump.
        drift: weight/s by which the neutral goes on following the median of what is near it.
        near: how far above the neutral a weight still counts as rest; what is above is an expression.
        frontal: cosine between the head and the camera from which on a frame is good.
        confidence: of a good frame, at least.
    """

    seconds: float = 2.0
    frames: int = 20
    largest: float = 0.2
    largest_of_lids: float = 0.08
    ease: float = 0.7
    drift: float = 0.01
    near: float = 0.15
    frontal: float = 0.85
    confidence: float = 0.9


class RestEstimator:
    """Finds the neutral of one face from what the network says of it: the median of the first seconds, and then slowly
    on.

    Where somebody looks says nothing about rest: of gaze only what an eye says of two opposite directions at once is
    taken off, which is no gaze. What a calibration would measure a top of reaches 1 as much earlier as the neutral is
    high, so that half a blink stays half a blink.
    """

    def __init__(self, names: Sequence[str], config: RestConfig | None = None) -> None:
        """
        Args:
            names: (E,) of the expressions.
            config: see `RestConfig`.
        """
        self.config = config or RestConfig()
        self._base = Calibration.none(names)
        config = self.config
        lids = np.array([name.startswith("eyeBlink") for name in names], bool)  # (E,)
        self._largest = np.where(lids, config.largest_of_lids, config.largest)
        self._gaze = opposite_gaze(names)
        opened = tuple(beginning for step in STEPS for beginning in step.opens)
        self._opened = np.array([name.startswith(opened) for name in names], bool)  # (E,)
        self._weights = np.empty(len(names))
        self.reset()

    @property
    def calibration(self) -> Calibration:
        """The calibration by what is known so far."""
        return self._calibration

    def reset(self) -> None:
        """Begin anew, with another person."""
        self._seen: list[NDArray[np.float64]] = []
        self._watched = 0.0  # s of good frames
        self._time: float | None = None
        self._neutral: NDArray[np.float64] | None = None
        self._used = np.zeros(len(self._largest))  # the neutral that the calibration has
        self._calibration = self._base

    def see(self, weights: NDArray, time: float, confidence: float, frontal: float) -> Calibration:
        """Take in one frame and return the calibration.

        Args:
            weights: (E,) as the network says.
            time: s, of the frame.
            confidence: 0..1.
            frontal: cosine between the head and the camera.
        """
        config = self.config
        step = 0.0 if self._time is None else min(max(time - self._time, 0.0), 0.1)
        self._time = time
        if confidence < config.confidence or frontal < config.frontal:
            return self._calibration
        self._watched += step
        weights = self._of_rest(weights)
        if self._neutral is None:
            self._seen.append(weights.copy())
            if self._watched < config.seconds or len(self._seen) < config.frames:
                return self._calibration
            self._neutral = np.minimum(neutral_of(np.stack(self._seen), self._base.names), self._largest)
            self._seen.clear()
        above = weights - self._neutral
        self._neutral += config.drift * step * np.where(above > 0.0, above < config.near, -1.0)
        np.clip(self._neutral, 0.0, self._largest, out=self._neutral)
        came_in = min((self._watched - config.seconds) / config.ease, 1.0)
        wanted = max(came_in, 0.0) * self._neutral
        if np.abs(wanted - self._used).max() > _NOTICED:  # a calibration is not made anew for nothing
            self._used = wanted
            self._calibration = self._base.measured(wanted, np.where(self._opened, 1.0 - wanted, 1.0))
        return self._calibration

    def _of_rest(self, weights: NDArray) -> NDArray[np.float64]:
        """(E,) with gaze as what an eye says of two opposite directions at once."""
        one, other = self._gaze
        self._weights[:] = weights
        self._weights[one] = self._weights[other] = np.minimum(self._weights[one], self._weights[other])
        return self._weights

"""Calibration: what the network says of a person's expressions, as what the person means by them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facemodel import LimelightError

SETTINGS = ("gain", "curve", "limit")
"""What a person may set for each expression; neutral and top are measured."""

RANGES = {"neutral": (0.0, 0.6), "top": (0.1, 1.0), "gain": (0.0, 4.0), "curve": (0.25, 4.0), "limit": (0.0, 1.0)}
_NARROWEST = 0.25
"""From neutral to top at least: a smaller range would make noise large."""
_BOTH_WAYS = 4.0
"""An eye that reports two opposite directions at once looks nowhere by the smaller of both weights; up to so many times
what that is at rest is subtracted."""
_KNEE = 0.02
"""Weight by which the corner at the neutral is rounded: half of a motion passes at the neutral, less below it."""


@dataclass(frozen=True, eq=False)
class Calibration:
    """How each of E expressions of a person is read: (weight - neutral) / (top - neutral), then gain, curve and limit.

    The corner at the neutral is round, so that small motions around it pass; the reading rises with the weight.

    Gaze has no corner and no range: the neutral of two opposite directions, such as up and down, turns it by their
    difference, and what an eye says of both at once comes off both.

    Attributes:
        names: (E,) of the expressions.
        neutral: (E,) the weight at rest.
        top: (E,) the weight that means 1.
        gain: (E,) what the reading is multiplied with, 0..4.
        curve: (E,) its exponent, .25..4; above 1 small motions become smaller.
        limit: (E,) its largest value, 0..1.
    """

    names: tuple[str, ...]
    neutral: NDArray[np.float64]
    top: NDArray[np.float64]
    gain: NDArray[np.float64]
    curve: NDArray[np.float64]
    limit: NDArray[np.float64]

    def __post_init__(self) -> None:
        for name, (low, high) in RANGES.items():
            array = np.clip(np.asarray(getattr(self, name), float), low, high)
            assert array.shape == (len(self.names),), f"{name}: expected ({len(self.names)},), got {array.shape}"
            object.__setattr__(self, name, array)
        narrow = self.top < self.neutral + _NARROWEST
        object.__setattr__(self, "top", np.where(narrow, np.minimum(self.neutral + _NARROWEST, 1.0), self.top))

    @classmethod
    def none(cls, names: Sequence[str]) -> Calibration:
        """Return the calibration that changes nothing."""
        ones = np.ones(len(names))
        return cls(tuple(names), np.zeros(len(names)), ones, ones, ones, ones)

    @cached_property
    def changes_nothing(self) -> bool:
        """Whether every weight is read as it is."""
        ones = (self.top, self.gain, self.curve, self.limit)
        return not self.neutral.any() and all((array == 1.0).all() for array in ones)

    def apply(self, weights: NDArray, out: NDArray) -> NDArray:
        """Read weights.

        Args:
            weights: (E,) 0..1.
            out: (E,) to write to; may be `weights`.
        """
        if self.changes_nothing:
            out[:] = weights
            return out
        above, unit = self._above, self._unit
        np.subtract(weights, self.neutral, out=above)
        _round_off(above, self._knee, above, self._root)
        if len(self._gaze[0]):
            self._turn_gaze(weights, above)
        above *= unit
        np.minimum(above, 1.0, out=above)
        if self._curved:
            np.power(above, self.curve, out=above)
        out[:] = np.minimum(above, self.limit, out=above)
        return out

    def _turn_gaze(self, weights: NDArray, above: NDArray) -> None:
        """Put gaze, turned by its neutral, into `above`."""
        one, other = self._gaze
        towards = weights[one] - weights[other]  # (G,)
        both = np.minimum(weights[one], weights[other])
        both = np.maximum(both - _BOTH_WAYS * np.minimum(self.neutral[one], self.neutral[other]), 0.0)
        towards -= self.neutral[one] - self.neutral[other]
        above[one] = np.maximum(towards, 0.0) + both
        above[other] = np.maximum(-towards, 0.0) + both

    @cached_property
    def _above(self) -> NDArray[np.float64]:
        return np.empty(len(self.names))

    @cached_property
    def _root(self) -> NDArray[np.float64]:
        return np.empty(len(self.names))

    @cached_property
    def _knee(self) -> NDArray[np.float64]:
        """(E,) of `_round_off`: 0 for expressions without a neutral, which have no corner, so that 0 is read as 0."""
        return np.where(self.neutral > 0.0, _KNEE, 0.0)

    @cached_property
    def _unit(self) -> NDArray[np.float64]:
        reach = self.top - self.neutral
        unit = self.gain / _round_off(reach, self._knee, out=np.empty_like(reach))
        for columns in self._gaze:
            unit[columns] = self.gain[columns]
        return unit

    @cached_property
    def _gaze(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        return opposite_gaze(self.names)

    @cached_property
    def _curved(self) -> bool:
        return bool((self.curve != 1.0).any())

    def measured(self, neutral: NDArray, top: NDArray) -> Calibration:
        """Return this calibration with another neutral and top, (E,) each."""
        return replace(self, neutral=neutral, top=top)

    def with_setting(self, expression: str, setting: str, value: float) -> Calibration:
        """Return this calibration with one setting changed.

        Args:
            expression: its name, or that of a left and a right one without the side, such as `mouthSmile`, or `all`.
                A beginning of more than these two is refused: `mouth` is not `mouthLeft` and `mouthRight`.
            setting: gain, curve or limit.
            value: within its range.

        Raises:
            LimelightError: there is no such expression or setting, or the value is out of range.
        """
        if setting not in SETTINGS:
            raise LimelightError(f"{setting} cannot be set; there are {', '.join(SETTINGS)}")
        low, high = RANGES[setting]
        if not low <= value <= high:
            raise LimelightError(f"{expression}.{setting}={value:g} must be from {low:g} to {high:g}")
        chosen = [expression == "all" or name == expression for name in self.names]
        if not any(chosen):
            sides, alike = (
                (f"{expression}Left", f"{expression}Right"),
                [n for n in self.names if n.startswith(expression)],
            )
            if not alike or not set(alike) <= set(sides):
                raise LimelightError(f"there is no expression {expression}; there are {', '.join(alike or self.names)}")
            chosen = [name in sides for name in self.names]
        changed: dict[str, Any] = {setting: np.where(chosen, value, getattr(self, setting))}
        return replace(self, **changed)

    def for_names(self, names: Sequence[str]) -> Calibration:
        """Return the calibration of other expressions: those of the same names keep theirs, the rest has none."""
        if tuple(names) == self.names:
            return self
        base, place = Calibration.none(names), {name: i for i, name in enumerate(self.names)}
        arrays = {
            key: np.array([mine[place[n]] if n in place else none[i] for i, n in enumerate(names)])
            for key in RANGES
            for mine, none in [(getattr(self, key), getattr(base, key))]
        }
        return Calibration(tuple(names), **arrays)

    def to_json(self) -> dict[str, dict[str, float]]:
        """Return what differs from no calibration, by expression, as JSON values."""
        base = Calibration.none(self.names)
        told: dict[str, dict[str, float]] = {}
        for i, name in enumerate(self.names):
            values = {key: round(float(getattr(self, key)[i]), 5) for key in RANGES}
            different = {key: value for key, value in values.items() if value != getattr(base, key)[i]}
            if different:
                told[name] = different
        return told

    @classmethod
    def from_json(cls, content: Mapping[str, Any], names: Sequence[str]) -> Calibration:
        """Read what `to_json` wrote; expressions that are not among the names are left out.

        Raises:
            ValueError: it is not a calibration.
        """
        arrays = {key: getattr(cls.none(names), key).copy() for key in RANGES}
        try:
            for i, name in enumerate(names):
                for key, value in content.get(name, {}).items():
                    if key in arrays:
                        arrays[key][i] = float(value)
            for array in arrays.values():
                if not np.isfinite(array).all():
                    raise ValueError("a number that is none")
        except (AttributeError, TypeError) as error:
            raise ValueError(f"not a calibration ({error})") from error
        return cls(tuple(names), **arrays)

    def encode(self) -> str:
        """Return `to_json` as text."""
        return json.dumps(self.to_json(), allow_nan=False)


def opposite_gaze(names: Sequence[str]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the (G,) places of gaze in one direction and in the opposite one, of each eye.

    Args:
        names: of the expressions.
    """
    place = {name: i for i, name in enumerate(names)}
    pairs = [
        (place[f"eyeLook{one}{side}"], place[f"eyeLook{other}{side}"])
        for one, other in (("Up", "Down"), ("In", "Out"))
        for side in ("Left", "Right")
        if {f"eyeLook{one}{side}", f"eyeLook{other}{side}"} <= place.keys()
    ]
    one, other = np.array(pairs, np.intp).reshape(-1, 2).T
    return one, other


def neutral_of(frames: NDArray, names: Sequence[str]) -> NDArray[np.float64]:
    """Return the neutral of a face at rest, (E,).

    It is the median over the frames. Of a pair of opposite gaze directions it is the median of their difference, in the
    direction that it points to, and on both the median of the smaller weight, which is no gaze.

    Args:
        frames: (N, E) weights.
        names: (E,) of the expressions.
    """
    neutral = np.median(frames, axis=0).astype(float)
    one, other = opposite_gaze(names)
    towards = np.median(frames[:, one] - frames[:, other], axis=0)  # (G,)
    both = np.median(np.minimum(frames[:, one], frames[:, other]), axis=0)
    neutral[one], neutral[other] = np.maximum(towards, 0.0) + both, np.maximum(-towards, 0.0) + both
    return neutral


def _round_off(distance: NDArray, knee: NDArray, out: NDArray, root: NDArray | None = None) -> NDArray:
    """Return max(0, distance) with a round corner: (d + sqrt(d^2 + k^2)) / 2, which is k / 2 at 0.

    Args:
        distance, knee, out: (E,); `out` may be `distance`.
        root: (E,) scratch; a new array if None.
    """
    root = np.multiply(distance, distance, out=root)
    root += np.square(knee)
    np.add(distance, np.sqrt(root, out=root), out=out)
    out *= 0.5
    return out

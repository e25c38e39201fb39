"""Smoothing of the whole parameter vector: one filter per group, in units that mean something."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from facemodel.parameters import ParameterLayout, Parameters
from facemodel.rotation import matrix_to_6d
from realtime.tracking.smoothing.one_euro import (
    OneEuroConfig,
    OneEuroFilter,
    OneEuroRotation,
    rotation_from_vector,
    rotation_vector,
)
from realtime.tracking.smoothing.person import PersonLock, PersonLockConfig


@dataclass(frozen=True)
class SmootherConfig:
    """Filters per group. Units: rotation in degrees, position in mm on the head, size in percent, expression
    weights 0..1, light in its own linear units (key position: the unit direction)."""

    rotation: OneEuroConfig = OneEuroConfig(0.7, 0.1)
    position: OneEuroConfig = OneEuroConfig(0.7, 0.1)
    size: OneEuroConfig = OneEuroConfig(0.5, 0.1)
    expression: OneEuroConfig = OneEuroConfig(1.5, 3.0)
    light: OneEuroConfig = OneEuroConfig(0.4, 0.3)
    person: PersonLockConfig = field(default_factory=PersonLockConfig)
    return_to_neutral: float = 0.5  # s, time constant


class _Packing:
    """What is filtered as plain numbers, side by side in one vector that is kept: position, size, expression, light.

    Attributes:
        n_light: numbers of the light.
        unit: (N,) what a speed of each number is measured in: that of the position in mm on the head, not in pixels.
    """

    n_light = 27 + 3 + 1 + 3 + 1

    def __init__(self, n_expression: int) -> None:
        self._expression = slice(3, 3 + n_expression)
        size = self._expression.stop + self.n_light
        self._vector, self.unit = np.zeros(size), np.ones(size)
        self._light = self._vector[self._expression.stop :]

    def pack(self, p: Parameters) -> NDArray[np.float64]:
        """(N,) valid until the next call."""
        scale, light = max(p.scale, 1e-6), self._light
        self.unit[:2] = scale
        self._vector[:2], self._vector[2] = p.translation, 100.0 * math.log(scale)
        self._vector[self._expression] = p.expression
        distance = max(math.hypot(*p.key_position.tolist()), 1e-6)
        light[:27] = p.sh.reshape(27)
        light[27:30], light[30] = p.key_position / distance, math.log(distance)
        light[31:34], light[34] = p.key_color, math.log(max(p.shininess, 1e-6))
        return self._vector

    def unpack(self, vector: NDArray, p: Parameters) -> None:
        """Write a packed vector (N,) to parameters."""
        light = vector[self._expression.stop :]
        p.translation[:], p.scale = vector[:2], math.exp(vector[2] / 100.0)
        p.expression[:] = vector[self._expression]
        p.sh[:] = light[:27].reshape(9, 3)
        length = max(math.hypot(*light[27:30].tolist()), 1e-6)
        p.key_position[:] = light[27:30] * (math.exp(light[30]) / length)
        p.key_color[:], p.shininess = light[31:34], math.exp(light[34])


class Smoother:
    """Turns the network's parameters of each frame into parameters that are steady in time.

    Rotation is filtered on SO(3); the speed of the translation is measured in mm, so that a face near the
    camera is not treated as faster; scale and shininess as logarithms; identity and albedo go through the person lock.
    """

    def __init__(self, layout: ParameterLayout, config: SmootherConfig | None = None) -> None:
        self.layout = layout
        self.config = config or SmootherConfig()
        self._strength = 0.5
        c = self.config
        self._rotation = OneEuroRotation(c.rotation)
        self._packing = _Packing(layout.n_expression)
        self._motion = OneEuroFilter.side_by_side(
            [(c.position, 2), (c.size, 1), (c.expression, layout.n_expression), (c.light, _Packing.n_light)]
        )
        self._person = PersonLock(layout.n_identity + layout.n_albedo, c.person)
        self._person_input = np.zeros(layout.n_identity + layout.n_albedo)
        self._time: float | None = None
        self.output = np.zeros(layout.size, dtype=np.float32)

    @property
    def strength(self) -> float:
        """0 (off: what the network says) to 1 (heavy); 0.5 is the configured filter."""
        return self._strength

    @strength.setter
    def strength(self, value: float) -> None:
        self._strength = min(max(float(value), 0.0), 1.0)

    def reset_person(self) -> None:
        """Forget identity and albedo: they converge anew from the next frame on."""
        self._person.reset()

    def reset_motion(self) -> None:
        """Forget the motion, after a jump: the next frame passes unfiltered."""
        self._rotation.reset()
        self._motion.reset()

    def update(self, raw: NDArray, time: float, confidence: float = 1.0) -> NDArray[np.float32]:
        """Smooth one frame's parameters.

        Args:
            raw: (P,) parameters in frame pixels.
            time: s, on the source's clock.
            confidence: 0..1; with how frontal the head is, the weight of the frame in the person lock.

        Returns:
            (P,) a new array.
        """
        p = self.layout.view(raw)
        out = np.array(raw, dtype=np.float32)
        o = self.layout.view(out)
        rotation = p.rotation

        n = self.layout.n_identity
        self._person_input[:n], self._person_input[n:] = p.identity, p.albedo
        person = self._person.update(self._person_input, confidence * max(float(rotation[2, 2]), 0.0) ** 2)
        o.identity[:], o.albedo[:] = person[:n], person[n:]

        self._time = time
        if self._strength > 0.0:
            strength = 25.0 ** (self._strength - 0.5)
            out[self.layout.slices["rotation"]] = matrix_to_6d(self._rotation(rotation, time, strength))
            packing = self._packing
            packing.unpack(self._motion(packing.pack(p), time, strength, packing.unit), o)
        self.output[:] = self.layout.constrain(out)
        return out

    def hold(self, time: float) -> NDArray[np.float32]:
        """Parameters for a frame without a face: the last ones, unchanged. Returns a new (P,) array."""
        self._time = time
        return self.output.copy()

    def ease_to_neutral(self, time: float) -> NDArray[np.float32]:
        """One step from the last output toward the neutral face looking ahead. Returns a new (P,) array.

        Expression and rotation go to zero with the configured time constant; place, size, person and light
        stay.
        """
        period = 0.0 if self._time is None else max(time - self._time, 0.0)
        self._time = time
        keep = float(np.exp(-period / self.config.return_to_neutral))
        p = self.layout.view(self.output)
        p.expression[:] *= keep
        p.rotation = rotation_from_vector(keep * rotation_vector(p.rotation))
        return self.output.copy()

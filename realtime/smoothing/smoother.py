"""Smoothing of the whole parameter vector: one filter per group, in units that mean something."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from facemodel.parameters import ParameterLayout, Parameters
from facemodel.rotation import matrix_to_6d
from realtime.smoothing.one_euro import (
    OneEuroConfig,
    OneEuroFilter,
    OneEuroRotation,
    rotation_from_vector,
    rotation_vector,
)
from realtime.smoothing.person import PersonLock, PersonLockConfig


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
        self._position = OneEuroFilter(c.position)
        self._size = OneEuroFilter(c.size)
        self._expression = OneEuroFilter(c.expression)
        self._light = OneEuroFilter(c.light)
        self._person = PersonLock(layout.n_identity + layout.n_albedo, c.person)
        self._person_input = np.zeros(layout.n_identity + layout.n_albedo)
        self._light_input = np.zeros(27 + 3 + 1 + 3 + 1)
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
        for motion_filter in (self._rotation, self._position, self._size, self._expression, self._light):
            motion_filter.reset()

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
            size = self._size(np.array([100.0 * np.log(p.scale)]), time, strength)
            o.scale = float(np.exp(size[0] / 100.0))
            o.translation[:] = self._position(p.translation, time, strength, unit=p.scale)  # speed in mm / s
            o.expression[:] = self._expression(p.expression, time, strength)
            self._smooth_light(p, o, time, strength)
        self.output[:] = self.layout.constrain(out)
        return out

    def _smooth_light(self, p: Parameters, o: Parameters, time: float, strength: float) -> None:
        distance = max(float(np.linalg.norm(p.key_position)), 1e-6)
        packed = self._light_input
        packed[:27] = p.sh.ravel()
        packed[27:30], packed[30] = p.key_position / distance, np.log(distance)
        packed[31:34], packed[34] = p.key_color, np.log(p.shininess)
        light = self._light(packed, time, strength)
        o.sh[:] = light[:27].reshape(9, 3)
        direction = light[27:30] / max(float(np.linalg.norm(light[27:30])), 1e-6)
        o.key_position[:] = direction * np.exp(light[30])
        o.key_color[:], o.shininess = light[31:34], float(np.exp(light[34]))

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

"""Smoothing of the whole parameter vector: one filter per group, in units that mean something."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from facemodel.parameters import ParameterLayout
from facemodel.rotation import matrix_to_6d
from realtime.tracking.smoothing.lids import LidConfig, LidFilter
from realtime.tracking.smoothing.one_euro import (
    OneEuroConfig,
    OneEuroFilter,
    OneEuroRotation,
    rotation_from_vector,
    rotation_vector,
)
from realtime.tracking.smoothing.person import PersonLock, PersonLockConfig
from realtime.tracking.smoothing.settings import SmoothingSettings, part_of_expression


@dataclass(frozen=True)
class SmootherConfig:
    """Filters per group. Units: rotation in degrees, position in mm on the head, size in percent, expression
    weights 0..1, light in its own linear units (key position: the unit direction).

    Brows are read with the most noise of all expressions and move slower than lips: their filter is the slowest.
    """

    rotation: OneEuroConfig = OneEuroConfig(0.7, 0.1)
    position: OneEuroConfig = OneEuroConfig(0.7, 0.1)
    size: OneEuroConfig = OneEuroConfig(0.5, 0.1)
    lids: LidConfig = LidConfig()
    eyes: OneEuroConfig = OneEuroConfig(1.5, 3.0)
    brows: OneEuroConfig = OneEuroConfig(1.0, 1.0)
    mouth: OneEuroConfig = OneEuroConfig(1.5, 3.0)
    light: OneEuroConfig = OneEuroConfig(0.4, 0.3)
    person: PersonLockConfig = field(default_factory=PersonLockConfig)
    return_to_neutral: float = 0.5  # s, time constant


def filter_strength(strength: float) -> float:
    """Return what a cut-off is divided by at a strength of 0..1: nothing is filtered at 0, the configured filter is
    that of 0.5, and 1 is six times as slow."""
    return (25.0**strength - 1.0) / 4.0


class _Packing:
    """What is filtered as plain numbers, side by side in one vector that is kept: position, size, expression, light.

    Attributes:
        n_light: numbers of the light: SH, the unit direction of the key light, its colour, and the logarithms of
            shininess and of the key light's distance.
        unit: (N,) what a speed of each number is measured in: that of the position in mm on the head, not in pixels.
    """

    n_light = 27 + 3 + 3 + 1 + 1

    def __init__(self, layout: ParameterLayout) -> None:
        spans = layout.slices
        self._names = layout.expression_names
        self._place_span = slice(spans["translation"].start, spans["scale"].stop)  # x, y, size
        self._light_span = slice(spans["sh"].start, spans["shininess"].stop)
        self._expression_span = spans["expression"]
        size = 3 + layout.n_expression + self.n_light
        self._vector, self.unit = np.zeros(size), np.ones(size)
        self._expression = slice(3, 3 + layout.n_expression)

    def strengths(self, settings: SmoothingSettings) -> NDArray[np.float64]:
        """(N,) what the cut-off of each number is divided by."""
        expressions = [getattr(settings, part) for part in map(part_of_expression, self._names)]
        each = [settings.head] * 3 + expressions + [settings.light] * self.n_light
        return np.array([filter_strength(strength) for strength in each])

    def pack(self, raw: NDArray) -> NDArray[np.float64]:
        """(N,) from parameters (P,); valid until the next call."""
        vector = self._vector
        vector[:3] = raw[self._place_span]
        scale = max(float(vector[2]), 1e-6)
        self.unit[:2], vector[2] = scale, 100.0 * math.log(scale)
        vector[self._expression] = raw[self._expression_span]
        light = vector[self._expression.stop :]
        light[:34] = raw[self._light_span]
        distance = max(math.hypot(*light[27:30].tolist()), 1e-6)
        light[27:30] /= distance
        light[33], light[34] = math.log(max(float(light[33]), 1e-6)), math.log(distance)
        return vector

    def unpack(self, vector: NDArray, out: NDArray, settings: SmoothingSettings) -> None:
        """Write a packed vector (N,) to parameters (P,), but for head and light where they are not smoothed: they would
        come back rounded."""
        out[self._expression_span] = vector[self._expression]
        if settings.head > 0.0:
            place = out[self._place_span]
            place[:], place[2] = vector[:3], math.exp(vector[2] / 100.0)
        if settings.light > 0.0:
            light, packed = out[self._light_span], vector[self._expression.stop :]
            length = max(math.hypot(*packed[27:30].tolist()), 1e-6)
            light[:] = packed[:34]
            light[27:30] *= math.exp(packed[34]) / length
            light[33] = math.exp(packed[33])


class Smoother:
    """Turns the network's parameters of each frame into parameters that are steady in time.

    Rotation is filtered on SO(3); the speed of the translation is measured in mm, so that a face near the
    camera is not treated as faster; scale and shininess as logarithms; lids by a filter that lets blinks through;
    identity and albedo go through the person lock. All filters run at any strength, 0 included, so that a change of
    the settings makes no jump.

    Attributes:
        settings: how strongly each part is smoothed; may be set from any thread, and holds from the next frame on.
    """

    def __init__(
        self,
        layout: ParameterLayout,
        config: SmootherConfig | None = None,
        settings: SmoothingSettings | None = None,
    ) -> None:
        self.layout = layout
        self.config = config or SmootherConfig()
        self.settings = settings or SmoothingSettings()
        c, names = self.config, layout.expression_names
        self._rotation = OneEuroRotation(c.rotation)
        self._packing = _Packing(layout)
        expressions = [(getattr(c, part), 1) for part in map(part_of_expression, names)]
        self._motion = OneEuroFilter([(c.position, 2), (c.size, 1), *expressions, (c.light, _Packing.n_light)])
        first = layout.slices["expression"].start
        self._lids = [(first + i, LidFilter(c.lids)) for i, name in enumerate(names) if name.startswith("eyeBlink")]
        self._spans = layout.slices
        self._set(self.settings)
        self._person = PersonLock(layout.n_identity + layout.n_albedo, c.person)
        self._person_input = np.zeros(layout.n_identity + layout.n_albedo)
        self._time: float | None = None
        self.output = np.zeros(layout.size, dtype=np.float32)

    def _set(self, settings: SmoothingSettings) -> None:
        self._set_to = settings
        self._strengths = self._packing.strengths(settings)  # (N,)
        self._head, self._eyes = filter_strength(settings.head), filter_strength(settings.eyes)

    @property
    def person_frozen(self) -> bool:
        """Whether enough frames agreed on the person; identity and albedo then stay as they are."""
        return self._person.frozen

    @property
    def identity(self) -> NDArray[np.float32]:
        """(n_identity,) coefficients of the last frame's person, a new array; zeros before the first frame."""
        return self.layout.view(self.output).identity.copy()

    @property
    def albedo(self) -> NDArray[np.float32]:
        """(n_albedo,) coefficients of the last frame's person, a new array; zeros before the first frame."""
        return self.layout.view(self.output).albedo.copy()

    def reset_person(self) -> None:
        """Forget identity and albedo: they converge anew from the next frame on."""
        self._person.reset()

    def settle_person(self, identity: NDArray, albedo: NDArray) -> None:
        """Take (n_identity,) and (n_albedo,) coefficients for the person's, from the next frame on."""
        self._person.settle(np.concatenate([identity, albedo]))

    def reset_motion(self) -> None:
        """Forget the motion, after a jump: the next frame passes unfiltered."""
        self._rotation.reset()
        self._motion.reset()
        for _, lid in self._lids:
            lid.reset()

    def update(
        self, raw: NDArray, time: float, confidence: float = 1.0, rotation: NDArray | None = None
    ) -> NDArray[np.float32]:
        """Smooth one frame's parameters.

        Args:
            raw: (P,) parameters in frame pixels.
            time: s, on the source's clock.
            confidence: 0..1; with how frontal the head is, the weight of the frame in the person lock.
            rotation: (3, 3) of `raw`, where it is known already.

        Returns:
            (P,) a new array.
        """
        if self.settings is not self._set_to:
            self._set(self.settings)
        spans, n = self._spans, self.layout.n_identity
        out = np.array(raw, dtype=np.float32)
        rotation = self.layout.view(raw).rotation if rotation is None else rotation

        if not self._person.frozen:
            self._person_input[:n], self._person_input[n:] = raw[spans["identity"]], raw[spans["albedo"]]
        person = self._person.update(self._person_input, confidence * max(float(rotation[2, 2]), 0.0) ** 2)
        out[spans["identity"]], out[spans["albedo"]] = person[:n], person[n:]

        self._time = time
        turned = self._rotation(rotation, time, self._head)
        if self._head > 0.0:
            out[spans["rotation"]] = matrix_to_6d(turned)
        packing = self._packing
        packing.unpack(self._motion(packing.pack(raw), time, self._strengths, packing.unit), out, self._set_to)
        for i, lid in self._lids:
            out[i] = lid(float(raw[i]), time, self._eyes)
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

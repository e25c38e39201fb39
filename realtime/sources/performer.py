"""Acting as a function of time: a person turns, talks, smiles, blinks and looks around in moving light."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facemodel import ParameterLayout, Parameters
from facemodel.rotation import matrix_from_euler
from realtime.light.environments import ENVIRONMENTS


def _both(weights: dict[str, float]) -> dict[str, float]:
    """Weights with every name that ends in * put on the left and on the right."""
    spread = {}
    for name, weight in weights.items():
        for side in ("Left", "Right") if name.endswith("*") else ("",):
            spread[name.rstrip("*") + side] = weight
    return spread


_VISEMES = {
    name: _both(weights)
    for name, weights in {
        "rest": {},
        "AA": {"jawOpen": 0.5, "mouthLowerDown*": 0.25, "mouthUpperUp*": 0.1},
        "EE": {"jawOpen": 0.18, "mouthStretch*": 0.35, "mouthSmile*": 0.2, "mouthLowerDown*": 0.2},
        "OH": {"jawOpen": 0.28, "mouthFunnel": 0.55, "mouthPucker": 0.25},
        "OO": {"jawOpen": 0.12, "mouthPucker": 0.6, "mouthFunnel": 0.2},
        "MM": {"mouthPress*": 0.4, "mouthRollLower": 0.3, "mouthRollUpper": 0.25},
        "FF": {"jawOpen": 0.1, "mouthRollLower": 0.45, "mouthUpperUp*": 0.25},
        "EH": {"jawOpen": 0.32, "mouthStretch*": 0.15},
    }.items()
}

_MOODS = {
    name: _both(weights)
    for name, weights in {
        "neutral": {},
        "smile": {"mouthSmile*": 0.75, "cheekSquint*": 0.5, "eyeSquint*": 0.3, "mouthDimple*": 0.2},
        "laugh": {
            "mouthSmile*": 0.9,
            "cheekSquint*": 0.6,
            "jawOpen": 0.35,
            "mouthUpperUp*": 0.3,
            "eyeSquint*": 0.4,
        },
        "surprise": {"browInnerUp": 0.8, "browOuterUp*": 0.7, "eyeWide*": 0.7, "jawOpen": 0.4},
        "anger": {"browDown*": 0.8, "mouthFrown*": 0.55, "mouthShrugLower": 0.35, "eyeSquint*": 0.2},
        "disgust": {"noseSneer*": 0.7, "browDown*": 0.4, "mouthUpperUp*": 0.4, "cheekSquint*": 0.4},
        "doubt": {"browOuterUpLeft": 0.85, "browDownRight": 0.6, "mouthLeft": 0.45, "eyeSquintRight": 0.4},
        "kiss": {"mouthPucker": 0.85, "mouthFunnel": 0.15, "browInnerUp": 0.2},
        "puff": {"cheekPuff": 0.8, "mouthPress*": 0.3},
        "jaw left": {"jawLeft": 0.6, "jawOpen": 0.15, "mouthRight": 0.2},
        "jaw forward": {"jawForward": 0.5, "mouthShrugLower": 0.4, "browDown*": 0.3},
        "sadness": {"browInnerUp": 0.75, "mouthFrown*": 0.5, "mouthShrugUpper": 0.2},
        "wink": {"mouthSmileLeft": 0.6, "mouthDimpleLeft": 0.5, "eyeBlinkLeft": 1.0, "cheekSquintLeft": 0.6},
        "eyes shut": {"eyeBlink*": 1.0},
        "tongue": {"jawOpen": 0.45, "tongueOut": 0.8, "eyeSquint*": 0.3},
    }.items()
}


_SKIES = ("studio", "daylight", "overcast", "sunset", "stage magenta and cyan")
"""Environments that the performer stands in, the first one first."""


@dataclass(frozen=True)
class ActingRanges:
    """How far the performer goes; half-ranges about the middle.

    Attributes:
        yaw, pitch, roll: degrees.
        sway: shift of the head as a fraction of the frame's height.
        zoom: relative change of the head's size.
        head_height: of the head (230 mm) as a fraction of the frame's height.
        person: standard deviation of the identity and albedo coefficients.
    """

    yaw: float = 34.0
    pitch: float = 13.0
    roll: float = 9.0
    sway: float = 0.07
    zoom: float = 0.12
    head_height: float = 0.62
    person: float = 0.7


class Performer:
    """One person acting; the same seed gives the same performance, and any time may be asked for.

    Attributes:
        layout: of the vectors that it returns.
    """

    def __init__(
        self,
        layout: ParameterLayout,
        width: int,
        height: int,
        seed: int = 0,
        ranges: ActingRanges | None = None,
    ) -> None:
        """
        Args:
            layout: of the face model that acts.
            width, height: of the frame, px.
            seed: of the person and of the performance.
            ranges: how far it goes.
        """
        self.layout = layout
        self._width, self._height, self._seed = width, height, seed
        self._ranges = ranges or ActingRanges()
        rng = np.random.default_rng(seed)
        self._identity = np.clip(rng.normal(size=layout.n_identity), -2, 2) * self._ranges.person
        self._albedo = np.clip(rng.normal(size=layout.n_albedo), -2, 2) * self._ranges.person
        self._index = {name: i for i, name in enumerate(layout.expression_names)}
        self._phases: dict[int, list[float]] = {}
        self._skies = [_SKIES[0], *rng.permutation(_SKIES[1:])]

    def parameters(self, t: float) -> NDArray[np.float32]:
        """(P,) true parameters in frame pixels at `t` seconds, t >= 0; a new vector every time."""
        vector = self.layout.neutral()
        p = self.layout.view(vector)
        p.identity[:] = self._identity
        p.albedo[:] = self._albedo
        yaw = self._pose(p, t)
        if self._index.keys().isdisjoint(("jawOpen", "eyeBlinkLeft")):
            p.expression[:] = [self._drift(200 + i, t, 3.0) for i in range(self.layout.n_expression)]
        else:
            self._express(p.expression, t, yaw)
        self._light(p, t)
        return self.layout.constrain(vector)

    def _pose(self, p: Parameters, t: float) -> float:
        """Write the pose; returns yaw in degrees. The first second is still and frontal."""
        r, settle = self._ranges, 1.0 - np.exp(-((t / 1.5) ** 2))
        yaw = settle * r.yaw * self._drift(0, t, 4.5)
        pitch = settle * r.pitch * self._drift(1, t, 3.7)
        roll = settle * r.roll * self._drift(2, t, 5.3)
        p.rotation = matrix_from_euler(*np.radians([yaw, pitch, roll]))
        p.scale = r.head_height * self._height / 230.0 * (1.0 + settle * r.zoom * self._drift(5, t, 7.0))
        p.translation[0] = 0.5 * self._width + settle * r.sway * self._height * self._drift(3, t, 5.9)
        p.translation[1] = 0.47 * self._height + settle * 0.5 * r.sway * self._height * self._drift(4, t, 4.9)
        return float(yaw)

    def _express(self, weights: NDArray, t: float, yaw: float) -> None:
        talking = self._blend(10, t, 3.4, lambda rng: float(rng.random() < 0.55), 0.12)
        mood = self._mix(11, t, 2.3, _MOODS, 0.22)
        speech = self._mix(12, t, 0.15, _VISEMES, 1.0)
        for name, weight in mood.items():
            quiet = 1.0 - 0.7 * talking if name.startswith(("mouth", "jaw", "tongue")) else 1.0
            self._add(weights, name, weight * quiet)
        for name, weight in speech.items():
            self._add(weights, name, weight * talking)
        self._add(weights, "browInnerUp", 0.2 * talking * max(self._drift(13, t, 0.9), 0.0))
        self._look(weights, t, yaw)
        blink = self._blink(t)
        for name in ("eyeBlinkLeft", "eyeBlinkRight"):
            if name in self._index:
                weights[self._index[name]] = max(weights[self._index[name]], blink)
        self._add(weights, "eyeWideLeft", -blink)
        self._add(weights, "eyeWideRight", -blink)
        np.clip(weights, 0.0, 1.0, out=weights)

    def _look(self, weights: NDArray, t: float, yaw: float) -> None:
        """Gaze jumps every second or so, and holds the camera half of the time while the head turns."""
        watching = self._blend(20, t, 1.1, lambda rng: float(rng.random() < 0.5), 0.06)
        aside = self._blend(21, t, 1.1, lambda rng: rng.uniform(-0.7, 0.7), 0.06)
        up = self._blend(22, t, 1.1, lambda rng: rng.uniform(-0.6, 0.5), 0.06)
        aside = watching * np.clip(-yaw / 40.0, -0.8, 0.8) + (1.0 - watching) * aside
        up *= 1.0 - watching
        self._add(weights, "eyeLookOutLeft", max(aside, 0.0))
        self._add(weights, "eyeLookInRight", max(aside, 0.0))
        self._add(weights, "eyeLookInLeft", max(-aside, 0.0))
        self._add(weights, "eyeLookOutRight", max(-aside, 0.0))
        for side in ("Left", "Right"):
            self._add(weights, f"eyeLookUp{side}", max(up, 0.0))
            self._add(weights, f"eyeLookDown{side}", max(-up, 0.0))

    def _blink(self, t: float) -> float:
        """A blink in every slot of 3.2 s: lids fall in 70 ms, stay shut for 50 ms, rise in 130 ms."""
        slot = int(t // 3.2)
        start = 3.2 * slot + 0.3 + 2.4 * self._random(30, slot).random()
        since = t - start
        falling, rising = since / 0.07, 1.0 - (since - 0.12) / 0.13
        return float(_smoothstep(min(falling, rising)))

    def _light(self, p: Parameters, t: float) -> None:
        """SH light cross-fades between environments that turn; the key light orbits in front of the face."""
        slot, fade = divmod(t / 9.0, 1.0)
        turn = np.radians(50.0) * self._drift(40, t, 8.0)
        now, then = (ENVIRONMENTS[self._skies[(int(slot) + i) % len(self._skies)]].turned(turn) for i in (0, 1))
        weight = _smoothstep((fade - 0.6) / 0.4)
        strength = 0.95 + 0.2 * self._drift(41, t, 6.0)
        p.sh[:] = strength * ((1.0 - weight) * now.sh + weight * then.sh)
        p.sh[0] += 0.35  # a room is never quite dark
        azimuth = np.radians(65.0) * np.sin(2.0 * np.pi * t / 11.0)
        elevation = np.radians(28.0 + 22.0 * self._drift(42, t, 5.0))
        distance = 750.0 + 200.0 * self._drift(43, t, 9.0)
        p.key_position[:] = distance * np.array(
            [np.sin(azimuth) * np.cos(elevation), np.sin(elevation), np.cos(azimuth) * np.cos(elevation)]
        )
        p.key_color[:] = (0.9 + 0.4 * self._drift(44, t, 4.0)) * (0.4 + 0.6 * now.key_color)
        p.shininess = 22.0 * 2.0 ** (0.9 * self._drift(45, t, 12.0))

    def _random(self, channel: int, slot: int) -> np.random.Generator:
        return np.random.default_rng((self._seed, channel, slot))

    def _drift(self, channel: int, t: float, period: float) -> float:
        """Smooth wandering in -1..1 with about the given period in seconds."""
        if channel not in self._phases:
            self._phases[channel] = self._random(channel, 0).uniform(0.0, 2.0 * np.pi, 3).tolist()
        angle = 2.0 * math.pi * t / period
        return sum(
            share * math.sin(rate * angle + phase)
            for share, rate, phase in zip((0.45, 0.35, 0.2), (1.0, 0.618, 0.293), self._phases[channel], strict=True)
        )

    def _blend(
        self,
        channel: int,
        t: float,
        period: float,
        draw: Callable[[np.random.Generator], float],
        duration: float,
    ) -> float:
        """A random value per slot, eased to the next over the last `duration` (a fraction) of the slot."""
        slot, fraction = divmod(t / period, 1.0)
        now, then = (draw(self._random(channel, int(slot) + i)) for i in (0, 1))
        return now + (then - now) * _smoothstep((fraction - 1.0 + duration) / duration)

    def _mix(
        self, channel: int, t: float, period: float, choices: dict[str, dict[str, float]], duration: float
    ) -> dict[str, float]:
        """One of `choices` per slot, with a random strength, eased as `_blend` does; slot 0 is choice 0."""
        slot, fraction = divmod(t / period, 1.0)
        share = _smoothstep((fraction - 1.0 + duration) / duration)
        mixed: dict[str, float] = {}
        for index, weight in ((int(slot), 1.0 - share), (int(slot) + 1, share)):
            rng = self._random(channel, index)
            choice = list(choices.values())[rng.integers(len(choices)) if index > 0 else 0]
            strength = rng.uniform(0.7, 1.0)
            for name, value in choice.items():
                mixed[name] = mixed.get(name, 0.0) + weight * strength * value
        return mixed

    def _add(self, weights: NDArray, name: str, value: float) -> None:
        if name in self._index:
            weights[self._index[name]] += value


def _smoothstep(x: float) -> float:
    x = min(max(x, 0.0), 1.0)
    return x * x * (3.0 - 2.0 * x)

"""Random parameter vectors: people, what their faces do, where they look, and the light they stand in."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from facemodel import ARKIT_NAMES, Crop, FaceModel, ParameterLayout, Parameters
from facemodel.arkit import mirrored_name
from facemodel.rotation import matrix_from_euler
from training.render.lamps import LightDistribution, random_light
from training.render.rasterizer import Light

_EXCLUSIVE = (("jawLeft", "jawRight"), ("mouthLeft", "mouthRight"), ("mouthFunnel", "mouthSmileLeft"))
_EXCLUSIVE += (
    ("mouthPucker", "mouthSmileLeft"),
    ("mouthPucker", "mouthSmileRight"),
    ("mouthFunnel", "mouthSmileRight"),
)
_EYES_AND_TONGUE = tuple(n for n in ARKIT_NAMES if n.startswith(("eyeLook", "eyeBlink"))) + ("tongueOut",)
_VISEMES: tuple[dict[str, float], ...] = (
    {"jawOpen": 0.5},
    {"jawOpen": 0.25, "mouthStretch": 0.4},
    {"jawOpen": 0.2, "mouthSmile": 0.4, "mouthLowerDown": 0.3},
    {"jawOpen": 0.3, "mouthFunnel": 0.7},
    {"jawOpen": 0.1, "mouthPucker": 0.8},
    {"mouthPress": 0.5, "mouthRollLower": 0.3, "mouthRollUpper": 0.3},
    {"jawOpen": 0.1, "mouthRollLower": 0.7, "mouthUpperUp": 0.3},
    {"jawOpen": 0.6, "mouthLowerDown": 0.5, "mouthUpperUp": 0.5},
    {"jawOpen": 0.3, "mouthClose": 0.25},
    {"jawOpen": 0.28, "mouthFunnel": 0.5, "mouthPucker": 0.3},
    {"jawOpen": 0.12, "mouthPucker": 0.6, "mouthFunnel": 0.25},
    {"jawOpen": 0.5, "mouthLowerDown": 0.3, "mouthUpperUp": 0.15},
)
_GRIMACES: tuple[dict[str, float], ...] = (
    {"mouthSmile": 0.8, "cheekSquint": 0.5, "eyeSquint": 0.35, "mouthDimple": 0.25},
    {"mouthSmile": 0.9, "cheekSquint": 0.6, "jawOpen": 0.4, "mouthUpperUp": 0.35, "eyeSquint": 0.4},
    {"mouthSmileLeft": 0.7, "mouthDimpleLeft": 0.5, "cheekSquintLeft": 0.5},
    {"mouthSmileLeft": 0.7, "mouthDimpleLeft": 0.5, "eyeBlinkLeft": 1.0, "cheekSquintLeft": 0.7, "eyeSquintLeft": 0.4},
    {"eyeBlink": 1.0, "eyeSquint": 0.6, "cheekSquint": 0.4},
    {"browInnerUp": 0.8, "browOuterUp": 0.8, "eyeWide": 0.7, "jawOpen": 0.4},
    {"browInnerUp": 0.8, "mouthFrown": 0.55, "mouthShrugUpper": 0.2, "mouthShrugLower": 0.2},
    {"browDown": 0.85, "mouthFrown": 0.5, "mouthShrugLower": 0.35, "eyeSquint": 0.25, "mouthPress": 0.3},
    {"noseSneer": 0.8, "browDown": 0.4, "mouthUpperUp": 0.5, "cheekSquint": 0.4},
    {"noseSneerLeft": 0.8, "mouthUpperUpLeft": 0.6, "cheekSquintLeft": 0.5},
    {"browOuterUpLeft": 0.9, "browDownRight": 0.7, "eyeSquintRight": 0.4},
    {"browOuterUpLeft": 0.9, "browDownRight": 0.7, "eyeSquintRight": 0.4, "mouthLeft": 0.5},
    {"mouthPucker": 0.9, "mouthFunnel": 0.2, "browInnerUp": 0.2},
    {"cheekPuff": 0.9, "mouthPress": 0.35},
    {"jawLeft": 0.7, "jawOpen": 0.2},
    {"jawLeft": 0.7, "jawOpen": 0.15, "mouthRight": 0.3},
    {"mouthLeft": 0.7, "mouthPucker": 0.2},
    {"jawForward": 0.7, "mouthShrugLower": 0.4, "browDown": 0.3},
    {"mouthRollLower": 0.7, "mouthRollUpper": 0.6, "mouthPress": 0.4},
    {"mouthStretch": 0.8, "browInnerUp": 0.6, "eyeWide": 0.5, "jawOpen": 0.2},
    {"tongueOut": 0.9, "jawOpen": 0.5, "eyeSquint": 0.3},
)
"""What people do with their whole face; one-sided ones are as often on the right."""


@dataclass(frozen=True)
class FaceDistribution:
    """How the random faces are spread.

    Attributes:
        seen_share: of expressions taken from fitted photos, where there are some.
        neutral_share, viseme_share, grimace_share, extreme_share: of near-neutral, speaking, posed and very
            strong expressions; the rest are mixtures of a few units.
        lopsided_share: of units of which one side is weaker.
        blink_share, wink_share, lids_share, gaze_share, tongue_share: of faces that do that on top; lids_share
            are those whose lids are each somewhere on the way.
        gaze: standard deviation of the eyes' turn to the side and up; cross_share of faces squint at their nose.
        frontal_share: of poses concentrated about the camera; the rest is uniform to the limits.
        yaw, pitch: limits of the pose, degrees.
        roll: standard deviation of the head's roll before the crop takes it out, degrees; turned_share of heads lie
            or stand on their head, for the light's sake.
        shift, scale, angle: jitter of the crop: share of its side, natural logarithm, degrees.
        light: of everything that shines.
    """

    seen_share: float = 0.25
    neutral_share: float = 0.07
    viseme_share: float = 0.17
    grimace_share: float = 0.26
    extreme_share: float = 0.05
    lopsided_share: float = 0.3
    blink_share: float = 0.14
    wink_share: float = 0.06
    lids_share: float = 0.08
    gaze_share: float = 0.7
    gaze: tuple[float, float] = (0.45, 0.35)
    cross_share: float = 0.05
    tongue_share: float = 0.03
    frontal_share: float = 0.55
    yaw: float = 90.0
    pitch: float = 35.0
    roll: float = 12.0
    turned_share: float = 0.12
    shift: float = 0.08
    scale: float = 0.12
    angle: float = 10.0
    light: LightDistribution = field(default_factory=LightDistribution)


class RandomFaces:
    """Draws parameter vectors in crop pixels.

    Args:
        model: the face model; its expressions are expected to carry ARKit's names.
        distribution: how they are spread.
        seen_expressions: (M, Ne) weights of real faces to draw from; may be None.
    """

    def __init__(
        self, model: FaceModel, distribution: FaceDistribution, seen_expressions: NDArray | None = None
    ) -> None:
        self.layout = model.layout
        self.distribution = distribution
        self.seen = seen_expressions
        self._index = {name: i for i, name in enumerate(model.expression_names)}

    def __call__(self, rng: Generator) -> NDArray[np.float32]:
        """Return one constrained vector (P,), pose in pixels of a jittered crop around the head."""
        vector = self.layout.neutral()
        p = self.layout.view(vector)
        p.identity[:] = np.clip(rng.normal(size=p.identity.shape) * rng.choice([1.0, 1.25]), -3.5, 3.5)
        p.albedo[:] = np.clip(rng.normal(size=p.albedo.shape), -3.0, 3.0)
        p.expression[:] = self._expression(rng)
        p.rotation = self._rotation(rng)
        d = self.distribution
        put_light(p, random_light(rng, d.light))
        self.layout.constrain(vector)
        return jittered_crop(vector, self.layout, rng, d.shift, d.scale, d.angle).lower(self.layout, vector)

    def _rotation(self, rng: Generator) -> NDArray:
        d = self.distribution
        if rng.random() < d.frontal_share:
            yaw, pitch = rng.normal(0.0, (20.0, 12.0))
        else:
            yaw, pitch = rng.uniform((-d.yaw, -d.pitch), (d.yaw, d.pitch))
        limited = np.clip((yaw, pitch), (-d.yaw, -d.pitch), (d.yaw, d.pitch))
        roll = rng.uniform(-180.0, 180.0) if rng.random() < d.turned_share else rng.normal(0.0, d.roll)
        return matrix_from_euler(*np.deg2rad((*limited, roll)))

    def _expression(self, rng: Generator) -> NDArray[np.float64]:
        d = self.distribution
        weights = np.zeros(len(self._index))
        kinds = np.cumsum([d.seen_share, d.neutral_share, d.viseme_share, d.grimace_share, d.extreme_share])
        match int(np.searchsorted(kinds, rng.random(), side="right")):
            case 0 if self.seen is not None:
                weights[:] = self.seen[rng.integers(len(self.seen))] * rng.uniform(0.8, 1.3)
            case 1:
                self._mix(weights, rng, int(rng.integers(0, 3)), 0.15)
            case 2:
                self._set(weights, _VISEMES[rng.integers(len(_VISEMES))], rng.uniform(0.5, 1.5), rng)
                self._mix(weights, rng, int(rng.integers(0, 4)), 0.4)
            case 3:
                self._grimace(weights, rng)
                self._mix(weights, rng, int(rng.integers(0, 3)), 0.3)
            case 4:
                self._mix(weights, rng, int(rng.integers(3, 9)), 1.0, strong=True)
            case _:
                self._mix(weights, rng, int(rng.poisson(5.0)) + 1, 0.9)
        self._eyes(weights, rng)
        for one, other in _EXCLUSIVE:
            if one in self._index and other in self._index:
                weaker = min(one, other, key=lambda name: weights[self._index[name]])
                weights[self._index[weaker]] *= 0.15
        if rng.random() < d.tongue_share:
            self._set(weights, {"tongueOut": 0.7, "jawOpen": 0.4}, rng.uniform(0.5, 1.4), rng)
        return np.clip(weights, 0.0, 1.0)

    def _mix(self, weights: NDArray, rng: Generator, count: int, most: float, strong: bool = False) -> None:
        """Add `count` random units, most often alike on both sides."""
        units = sorted({_stem(name) for name in self._index if name not in _EYES_AND_TONGUE})
        for unit in rng.choice(units, min(count, len(units)), replace=False):
            strength = most * (rng.uniform(0.6, 1.0) if strong else rng.beta(1.2, 1.6))
            self._set(weights, {str(unit): strength}, 1.0, rng)
        for unit in ("jawOpen", "mouthSmile"):  # what faces do most
            if rng.random() < 0.3:
                self._set(weights, {unit: most * rng.beta(1.2, 1.8)}, 1.0, rng)

    def _set(self, weights: NDArray, units: dict[str, float], strength: float, rng: Generator) -> None:
        for unit, value in units.items():
            lopsided = rng.random() < self.distribution.lopsided_share
            for name in (unit, f"{unit}Left", f"{unit}Right"):
                if name in self._index:
                    share = rng.random() if lopsided and name != unit else rng.uniform(0.85, 1.15)
                    weights[self._index[name]] = max(weights[self._index[name]], value * strength * share)

    def _grimace(self, weights: NDArray, rng: Generator) -> None:
        """Set one of the posed expressions, as it is or as a mirror shows it, each unit more or less of it."""
        units = dict(_GRIMACES[rng.integers(len(_GRIMACES))])
        if rng.random() < 0.5:
            units = {mirrored_name(unit): value for unit, value in units.items()}
        units = {unit: value * rng.uniform(0.6, 1.1) for unit, value in units.items()}
        self._set(weights, units, float(np.sqrt(rng.uniform(0.1, 1.3))), rng)

    def _eyes(self, weights: NDArray, rng: Generator) -> None:
        """Set blinks, winks, lids half-way down, and a gaze that both eyes share."""
        d = self.distribution

        def put(name: str, value: float) -> None:
            if name in self._index:
                weights[self._index[name]] = value

        draw = rng.random()
        if draw < d.blink_share:
            closed = rng.beta(3.0, 1.0)
            for side in ("Left", "Right"):
                put(f"eyeBlink{side}", closed * rng.uniform(0.9, 1.1))
                put(f"eyeWide{side}", 0.0)
        elif draw < d.blink_share + d.wink_share:
            side = rng.choice(["Left", "Right"])
            put(f"eyeBlink{side}", rng.uniform(0.7, 1.0))
            put(f"eyeSquint{side}", rng.uniform(0.2, 1.0))
        elif draw < d.blink_share + d.wink_share + d.lids_share:
            put("eyeBlinkLeft", rng.random())
            put("eyeBlinkRight", rng.random())
        if rng.random() < d.gaze_share:
            across, up = np.clip(rng.normal(0.0, d.gaze), -1.0, 1.0)  # across > 0: the subject's left
            vergence = rng.uniform(0.9, 1.1)
            put("eyeLookOutLeft", max(across, 0.0) * vergence)
            put("eyeLookInRight", max(across, 0.0))
            put("eyeLookInLeft", max(-across, 0.0) * vergence)
            put("eyeLookOutRight", max(-across, 0.0))
            for side in ("Left", "Right"):
                put(f"eyeLookUp{side}", max(up, 0.0))
                put(f"eyeLookDown{side}", max(-up, 0.0))
        if rng.random() < d.cross_share:
            inward = rng.uniform(0.3, 1.0)
            for side in ("Left", "Right"):
                put(f"eyeLookIn{side}", inward * rng.uniform(0.8, 1.2))
                put(f"eyeLookOut{side}", 0.0)


def put_light(p: Parameters, light: Light) -> None:
    """Write a light into a vector's view."""
    p.sh[:], p.key_position[:], p.key_color[:] = light.sh, light.key_position, light.key_color
    p.shininess = light.shininess


def jittered_crop(
    vector: NDArray, layout: ParameterLayout, rng: Generator, shift: float, scale: float, angle: float
) -> Crop:
    """Return a vector's `Crop.around_head` moved by up to `shift` of its side, `scale` (log) and `angle` (degrees)."""
    p = layout.view(vector)
    crop = Crop.around_head(p.rotation, p.translation, p.scale)
    offset = rng.uniform(-shift, shift, 2) * crop.side
    return Crop(
        (crop.centre[0] + offset[0], crop.centre[1] + offset[1]),
        crop.side * float(np.exp(rng.uniform(-scale, scale))),
        crop.angle + float(np.deg2rad(rng.uniform(-angle, angle))),
    )


def _stem(name: str) -> str:
    return (
        name.removesuffix("Left").removesuffix("Right")
        if name not in ("jawLeft", "jawRight", "mouthLeft", "mouthRight")
        else name
    )

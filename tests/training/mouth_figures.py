"""What must hold at the mouth of a face model: lips that meet, teeth and tongue that stay behind them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from facemodel import FaceModel
from facemodel.arkit import ARKIT_NAMES
from facemodel.rotation import matrix_from_euler
from training.face_model.mediapipe_face import LOWER_INNER_LIP, UPPER_INNER_LIP
from training.face_model.raster import rasterize
from training.face_model.transfer import SHUT_MOUTH, both_sides

_PIXELS_PER_MM, _SIZE = 3, 300
_YAWS = (0.0, 35.0, -35.0)
_SEEN_FROM = 0.5
"""Area in mm2 from which the inside of a mouth counts as seen."""
_SEED = 7
_INSIDE = ("teeth", "tongue", "mouth_lining")


@dataclass(frozen=True)
class MouthFigures:
    """The mouths of the mean and of random people.

    Attributes:
        gap: largest distance in mm between the landmarks of the inner lips of the mean, upper above lower.
        people_gap: the same for random people, 95th percentile.
        open_at_rest: share of people of whom the inside of the mouth is seen from the front, without an expression.
        open_when_shut: the same for each shape of a shut mouth at weight 1; left and right ones together, mouthClose
            with jawOpen.
        through: area in mm2 of the inside that is in front of skin for each shape of the mean at weight 1, from the
            front or half from the side; only what is more than nothing.
    """

    gap: float
    people_gap: float
    open_at_rest: float
    open_when_shut: dict[str, float]
    through: dict[str, float]


class MouthViews:
    """Draws the mouth of a model and measures what of its inside is seen."""

    def __init__(self, model: FaceModel) -> None:
        self._model = model
        near = np.abs(model.mean - self._centre(model.mean)).max(axis=1)[model.triangles].max(axis=1) < 75
        inside = np.isin(model.triangle_region, [model.region_names.index(name) for name in _INSIDE])
        self._skin, self._inside = model.triangles[near & ~inside], model.triangles[near & inside]

    def seen(self, vertices: np.ndarray) -> float:
        """Return the area in mm2 of teeth, tongue and lining of a face (V, 3) that is seen from the front."""
        return self._area(self._draw(vertices, np.concatenate([self._skin, self._inside]), 0.0) >= len(self._skin))

    def through(self, vertices: np.ndarray) -> float:
        """Return the largest area in mm2, over the views, of the inside in front of skin that faces the viewer."""
        areas = []
        for yaw in _YAWS:
            skin = self._draw(vertices, self._skin, yaw)
            everything = self._draw(vertices, np.concatenate([self._skin, self._inside]), yaw)
            corners = self._turned(vertices, yaw)[self._skin]  # (T, 3, 3)
            facing = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])[:, 2] > 0
            areas.append(self._area((everything >= len(self._skin)) & (skin >= 0) & facing[skin]))
        return max(areas)

    def _draw(self, vertices: np.ndarray, triangles: np.ndarray, yaw: float) -> np.ndarray:
        pixels = self._turned(vertices, yaw) * [_PIXELS_PER_MM, -_PIXELS_PER_MM, 1] + [_SIZE / 2, _SIZE / 2, 0]
        return rasterize(pixels, triangles, _SIZE, _SIZE).triangle

    def _turned(self, vertices: np.ndarray, yaw: float) -> np.ndarray:
        return (vertices - self._centre(vertices)) @ matrix_from_euler(np.radians(yaw), 0.0, 0.0).T

    def _centre(self, vertices: np.ndarray) -> np.ndarray:
        return self._model.landmarks478(vertices)[[13, 14]].astype(float).mean(axis=0)

    @staticmethod
    def _area(counted: np.ndarray) -> float:
        return float(np.count_nonzero(counted)) / _PIXELS_PER_MM**2


def measure_mouths(model: FaceModel, people: int = 200) -> MouthFigures:
    """Measure the mean and random people of a model with ARKit's shapes and the 478 landmarks."""
    views, rng, rest = MouthViews(model), np.random.default_rng(_SEED), np.zeros(len(ARKIT_NAMES))
    identities = np.clip(rng.standard_normal((people, len(model.identity))), -3.5, 3.5)
    faces = [model.shape(identity, rest).astype(float) for identity in identities]
    pose = lambda name: np.tensordot(_weights(name), model.expression.astype(float), axes=1)  # noqa: E731
    is_open = lambda shift: float(np.mean([views.seen(face + shift) >= _SEEN_FROM for face in faces]))  # noqa: E731
    names = dict.fromkeys(name if name in SHUT_MOUTH else _without_side(name) for name in ARKIT_NAMES)
    through = {name: views.through(model.mean + pose(name)) for name in names if name != "tongueOut"}
    return MouthFigures(
        gap=lip_gap(model, model.mean),
        people_gap=float(np.percentile([lip_gap(model, face) for face in faces], 95)),
        open_at_rest=is_open(0.0),
        open_when_shut={name: is_open(pose(name)) for name in (*SHUT_MOUTH, "mouthClose")},
        through={name: area for name, area in through.items() if area > 0},
    )


def lip_gap(model: FaceModel, vertices: np.ndarray) -> float:
    """Return the largest height in mm of the landmarks of the upper inner lip over those of the lower one."""
    heights = model.landmarks478(vertices)[:, 1].astype(float)
    return float((heights[list(UPPER_INNER_LIP[1:-1])] - heights[list(LOWER_INNER_LIP)]).max())


def _weights(name: str) -> np.ndarray:
    return both_sides(name) + (both_sides("jawOpen") if name == "mouthClose" else 0)


def _without_side(name: str) -> str:
    return name.removesuffix("Left").removesuffix("Right")

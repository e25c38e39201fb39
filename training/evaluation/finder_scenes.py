"""Renders to measure a finder on: one face in a frame, at a size, a yaw and a roll that are given."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from facemodel import CROP_SIZE, FaceModel, project
from facemodel.rotation import matrix_from_euler
from training.data.storage import EXTENT
from training.data.synthetic import SceneConfig, SceneRenderer
from training.render.degrade import CameraFaults, photograph
from training.render.lamps import LightDistribution
from training.render.random_faces import FaceDistribution, RandomFaces
from training.render.scenery import Backgrounds

WIDTH, HEIGHT = 640, 480
_FAULTS = CameraFaults(motion_share=0.0, defocus=0.8, coarse_share=0.0, noise=4.0, jpeg_quality=75)
"""Mild ones: with more, little is left of a face of 24 px."""

_SQUARE = 800
"""px; a picture of this side, turned by any angle, fills a frame."""


@dataclass(frozen=True)
class FinderScene:
    """A frame with one face.

    Attributes:
        image: (HEIGHT, WIDTH, 3) uint8 BGR.
        centre: (2,) px, the middle of the box around the face's 478 points.
        size: px; square root of the area of the box around the mean face's points, seen from the front.
        yaw, roll: degrees.
    """

    image: NDArray[np.uint8]
    centre: NDArray[np.float64]
    size: float
    yaw: float
    roll: float


@dataclass(frozen=True)
class FinderScenes:
    """What is drawn.

    Attributes:
        sizes: of faces, px.
        yaws: magnitudes, degrees; to the left as often as to the right.
        rolls: how many, evenly all around, each jittered by half of a step.
        pitch: standard deviation, degrees.
        people: pictures at each size, yaw and roll, of as many people.
        seed: of everything.
    """

    sizes: tuple[float, ...] = (24.0, 32.0, 48.0, 80.0, 140.0, 240.0, 400.0)
    yaws: tuple[float, ...] = (0.0, 30.0, 60.0, 75.0, 90.0)
    rolls: int = 8
    pitch: float = 8.0
    people: int = 1
    seed: int = 20223

    def __len__(self) -> int:
        return len(self.sizes) * len(self.yaws) * self.rolls * self.people

    def draw(self, model: FaceModel) -> Iterator[FinderScene]:
        """Draw the scenes, each by its own random numbers."""
        scene = SceneConfig(render_size=_SQUARE, glasses_share=0.1, occluder_share=0.0, headphones_share=0.0)
        backgrounds = Backgrounds(_SQUARE, [], np.random.default_rng(self.seed))
        renderer = SceneRenderer(
            model, scene, backgrounds, RandomFaces(model, FaceDistribution(light=LightDistribution(dark_share=0.0)))
        )
        points = model.landmarks478(model.mean)
        millimetres = float(np.sqrt(np.prod(np.ptp(points[:, :2], axis=0))))
        counts = (len(self.sizes), len(self.yaws), self.rolls, self.people)
        for number, (s, y, r, _) in enumerate(np.ndindex(*counts)):
            rng = np.random.default_rng((self.seed, number))
            roll = float((r + rng.uniform(-0.5, 0.5)) * 360.0 / self.rolls)
            yaw = self.yaws[y] * float(rng.choice((-1.0, 1.0)))
            yield self._scene(renderer, rng, self.sizes[s], millimetres, yaw, roll)

    def _scene(
        self,
        renderer: SceneRenderer,
        rng: np.random.Generator,
        size: float,
        millimetres: float,
        yaw: float,
        roll: float,
    ) -> FinderScene:
        """A face that is upright in a large square, which is then turned and cut."""
        model = renderer.model
        vector = renderer.faces(rng)
        p = model.layout.view(vector)
        p.rotation = matrix_from_euler(np.deg2rad(yaw), np.deg2rad(rng.normal(0.0, self.pitch)), 0.0)
        p.translation[:] = 0.0
        p.scale = size / millimetres
        points = model.landmarks478(model.shape(p.identity, p.expression))
        seen = project(points, p.rotation, p.translation, p.scale)  # (478, 2) px about the head
        offset = 0.5 * (seen.min(axis=0) + seen.max(axis=0))
        reach = min(0.5 * size, 0.45 * min(WIDTH, HEIGHT))  # the face stays whole in the frame
        place = rng.uniform((reach, reach), (WIDTH - reach, HEIGHT - reach))  # (2,) px of the frame
        turn = cv2.getRotationMatrix2D((0.0, 0.0), -roll, 1.0)[:, :2]  # clockwise in the picture
        middle = np.array([_SQUARE / 2, _SQUARE / 2])
        centre = middle + np.linalg.inv(turn) @ (place - (WIDTH / 2, HEIGHT / 2))  # (2,) px of the square
        p.translation[:] = _to_crop(centre - offset)
        p.scale = size / millimetres * EXTENT / _SQUARE
        linear, _, _ = renderer.draw(vector, rng)
        square = photograph(linear, _SQUARE, _FAULTS, rng)
        matrix = np.column_stack([turn, np.array([WIDTH / 2, HEIGHT / 2]) - turn @ middle])
        image = cv2.warpAffine(
            square[:, :, ::-1], matrix, (WIDTH, HEIGHT), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101
        )
        return FinderScene(np.asarray(image, np.uint8), place, size, yaw, roll)


def _to_crop(pixels: NDArray[np.float64]) -> NDArray[np.float64]:
    """Px of the square that is drawn to the crop px that `SceneRenderer` takes."""
    return pixels * (EXTENT / _SQUARE) - (EXTENT - CROP_SIZE) / 2

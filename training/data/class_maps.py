"""Renders with a class for every pixel, and the class that a fitted face model gives to every pixel of a photo."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from facemodel import CROP_SIZE, FaceModel
from facemodel.mediapipe_outlines import INNER_LIPS, LEFT_BROW, OUTER_LIPS, RIGHT_BROW
from training.data.face_classes import label_of
from training.data.storage import EXTENT, STORED_SIZE
from training.data.synthetic import Canvas, SceneConfig, SceneRenderer
from training.render import scenery
from training.render.glasses import draw_glasses
from training.render.hair import draw_style
from training.render.random_faces import RandomFaces
from training.render.rasterizer import rasterize
from training.render.things import draw_hat, draw_headphones, draw_occluder

_NOSE = (168, 193, 245, 114, 126, 209, 129, 98, 97, 2, 326, 327, 358, 429, 355, 343, 465, 417)
"""MediaPipe's indices of a closed outline."""

_REGIONS = {"neck": "neck", "teeth": "mouth", "tongue": "mouth", "mouth_lining": "mouth"}
_SIDED = {"ears": "ear", "eyes": "eye"}

_DRAWN: dict[Callable[..., NDArray[np.float32]], str] = {
    scenery.draw_shoulders: "cloth",
    draw_glasses: "eye_g",
    draw_style: "hair",
    draw_hat: "hat",
    draw_headphones: "background",  # CelebAMask-HQ has no class for what covers a face
    draw_occluder: "background",  # hands too
}
_COVERED = 0.5  # share of a pixel


def triangle_classes(model: FaceModel) -> NDArray[np.uint8]:
    """Return the class of every triangle (T,), the scalp's as if it were bald.

    Regions tell ears, eyes, neck and the inside of the mouth; outlines of landmarks on the mean face, seen from the
    front, tell nose, brows and lips. Regions of other names are skin.
    """
    centre = model.mean[model.triangles].mean(axis=1)  # (T, 3)
    names = np.array(model.region_names)[model.triangle_region]  # (T,)
    classes = np.full(len(centre), label_of("skin"), np.uint8)
    for region, name in _REGIONS.items():
        classes[names == region] = label_of(name)
    for region, name in _SIDED.items():
        classes[(names == region) & (centre[:, 0] > 0)] = label_of(f"l_{name}")
        classes[(names == region) & (centre[:, 0] <= 0)] = label_of(f"r_{name}")
    landmarks = model.landmarks478(model.mean)
    front = (names == "face") & (centre[:, 2] > 0)
    for name, outline in {"nose": _NOSE, "l_brow": LEFT_BROW, "r_brow": RIGHT_BROW}.items():
        classes[front & _inside(landmarks[list(outline), :2], centre[:, :2])] = label_of(name)
    lips = front & _inside(landmarks[list(OUTER_LIPS), :2], centre[:, :2])
    half = len(INNER_LIPS) // 2
    lower, upper = landmarks[list(INNER_LIPS[: half + 1])], landmarks[[INNER_LIPS[0], *INNER_LIPS[: half - 1 : -1]]]
    between = 0.5 * (
        np.interp(centre[:, 0], lower[:, 0], lower[:, 1]) + np.interp(centre[:, 0], upper[:, 0], upper[:, 1])
    )
    classes[lips & (centre[:, 1] >= between)] = label_of("u_lip")
    classes[lips & (centre[:, 1] < between)] = label_of("l_lip")
    return classes


def fitted_classes(
    model: FaceModel, classes: NDArray[np.uint8], vector: NDArray, size: int = STORED_SIZE
) -> NDArray[np.uint8]:
    """Return the class of the model at every pixel (size, size) of a stored picture, background where it is not.

    Args:
        model: the face model.
        classes: `triangle_classes` of it.
        vector: (P,) parameters in crop px.
        size: side of the picture, which shows EXTENT crop px.
    """
    p = model.layout.view(vector)
    posed = model.shape(p.identity, p.expression) @ p.rotation.T
    zoom, margin = size / EXTENT, (EXTENT - CROP_SIZE) / 2
    pixels = (posed[:, :2] * (p.scale, -p.scale) + p.translation + margin) * zoom
    owner, _ = rasterize(pixels, posed[:, 2], model.triangles, size, size)
    return np.where(owner >= 0, classes[owner], label_of("background")).astype(np.uint8)


class LabelledCanvas(Canvas):
    """A canvas that knows the class of every pixel.

    Args:
        size: side, px.
        triangles: (T,) `triangle_classes` of the face model that is drawn.

    Attributes:
        classes: (S, S) class of what is drawn in front; a hand or a thing is background.
    """

    def __init__(self, size: int, triangles: NDArray[np.uint8]) -> None:
        super().__init__(size)
        self.classes = np.full((size, size), label_of("background"), np.uint8)
        self._triangles = triangles

    def add(self, draw: Callable[..., NDArray[np.float32]], rng: Generator, *arguments: Any) -> NDArray[np.float32]:
        """Draw as `Canvas.add` does; a pixel gets the thing's class where the thing covers half of it.

        Glasses are glasses inside their rims too, though the eyes be seen through them.
        """
        covered = super().add(draw, rng, *arguments)
        self.classes[covered > _COVERED] = label_of(_DRAWN[draw])
        return covered

    def face(
        self,
        color: NDArray[np.float32],
        highlight: NDArray[np.float32],
        owner: NDArray[np.int32],
        hairy: NDArray[np.bool_],
    ) -> None:
        super().face(color, highlight, owner, hairy)
        covered = owner >= 0
        self.classes[covered] = np.where(hairy, label_of("hair"), self._triangles)[owner[covered]]


class ClassMapRenderer:
    """Draws what a SceneRenderer draws, from the same random numbers, and the class of every pixel.

    Args:
        model: the face model.
        config: what is drawn.
        backgrounds: what is behind it; pictures without people, or what they show is labelled background.
        faces: where the parameters come from.
    """

    def __init__(
        self, model: FaceModel, config: SceneConfig, backgrounds: scenery.Backgrounds, faces: RandomFaces
    ) -> None:
        self.scenes = SceneRenderer(model, config, backgrounds, faces)
        self._triangles = triangle_classes(model)

    def __call__(self, rng: Generator) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Return a photographed scene (STORED_SIZE, STORED_SIZE, 3) and the classes of its pixels."""
        canvas = LabelledCanvas(self.scenes.config.render_size, self._triangles)
        picture = self.scenes.photograph(rng, canvas).image
        classes = cv2.resize(canvas.classes, picture.shape[:2], interpolation=cv2.INTER_NEAREST_EXACT)
        return picture, np.asarray(classes, np.uint8)

    def draw(self, vector: NDArray[np.float32], rng: Generator) -> LabelledCanvas:
        """Draw a face (P,) in crop px with surroundings."""
        canvas = LabelledCanvas(self.scenes.config.render_size, self._triangles)
        self.scenes.compose(vector, rng, canvas)
        return canvas


def _inside(outline: NDArray, points: NDArray) -> NDArray[np.bool_]:
    """Return whether points (N, 2) lie in a polygon (K, 2)."""
    polygon = outline.astype(np.float32)
    return np.array([cv2.pointPolygonTest(polygon, (float(x), float(y)), False) > 0 for x, y in points], bool)

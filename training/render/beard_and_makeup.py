"""What grows and is painted on a face: stubble, beards, brows, make-up, and mouths with teeth of their own."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from facemodel import FaceModel
from facemodel.mediapipe_outlines import LEFT_BROW, LEFT_EYE, OUTER_LIPS, RIGHT_BROW, RIGHT_EYE

_BEARD = (
    *(323, 361, 288, 397, 365, 379, 378, 400, 377, 152, 148, 176, 149, 150, 136, 172, 58, 132, 93),
    *(177, 215, 207, 206, 98, 2, 327, 426, 427, 435, 401),
)
"""MediaPipe's indices of a closed outline, from ear to ear along the jaw and back below the nose."""
_MOUTH_INSIDE = ("teeth", "tongue", "mouth_lining")


class FacePaint:
    """Paints the albedo of heads.

    Args:
        model: the face model.
        occluded: whether its albedo holds occlusion, so that mouths are dark enough.
    """

    def __init__(self, model: FaceModel, occluded: bool = False) -> None:
        self._mouth_light = (0.7, 1.2) if occluded else (0.25, 0.9)
        points = model.landmarks478(model.mean)[:, :2]
        face = np.zeros(model.n_vertices, bool)
        face[np.concatenate([model.region_vertices(n) for n in ("face", "neck") if n in model.region_names])] = True
        at = np.where(face & (model.mean[:, 2] > 0.0), 1.0, 0.0)
        outside = lambda outline: _distance(points[list(outline)], model.mean[:, :2])  # noqa: E731
        lips, eyes = outside(OUTER_LIPS), np.minimum(outside(LEFT_EYE), outside(RIGHT_EYE))
        brows = np.minimum(outside(LEFT_BROW), outside(RIGHT_BROW))
        mouth = points[[61, 291]]
        x, y = model.mean[:, 0], model.mean[:, 1]
        neck = (y < points[152, 1]) & (y > points[152, 1] - 25.0) & (np.abs(x) < 50.0)
        self._lips = at * _within(lips, 1.5)
        self._beard = at * np.where(neck, 0.35, _within(outside(_BEARD), 6.0)) * (1.0 - _within(lips, 1.5))
        self._chin = _within(np.abs(x) - 1.1 * mouth[1, 0], 8.0)
        self._above = _within(mouth[:, 1].mean() - 4.0 - y, 3.0)
        self._brows = at * _within(brows, 2.0)
        self._lids = at * _within(eyes - 7.0, 5.0) * (y > points[[33, 263], 1].mean() - 2.0) * (1.0 - self._brows)
        cheeks = np.minimum(*(np.hypot(*(model.mean[:, :2] - points[i]).T) for i in (50, 280)))
        self._cheeks = at * np.exp(-((cheeks / 20.0) ** 2))
        self._normals = model.normals(model.mean)
        self._inside = {n: model.region_vertices(n) for n in _MOUTH_INSIDE if n in model.region_names}

    def makeup(self, rng: Generator, diffuse: NDArray, specular: NDArray) -> None:
        """Paint lips, lids, cheeks and brows, in place; a random one of them may stay as it is."""
        lips = np.array([0.35, 0.03, 0.05]) * np.exp(rng.normal(0.0, (0.6, 0.8, 0.8)))
        lids = rng.uniform(0.01, 0.35, 3)
        blush = diffuse.mean(axis=0) * (1.3, 0.7, 0.75)
        for mask, color, most in ((self._lips, lips, 0.9), (self._lids, lids, 0.7), (self._cheeks, blush, 0.6)):
            if rng.random() < 0.75:
                _blend(diffuse, mask * rng.uniform(0.1, most), color)
        specular *= (1.0 + self._lips * rng.uniform(-0.5, 2.0) * (rng.random() < 0.5))[:, None]
        specular *= rng.uniform(0.7, 1.1)

    def brows(self, rng: Generator, diffuse: NDArray, hair: NDArray) -> None:
        """Make the brows thicker, in the hair's colour, in place."""
        _blend(diffuse, self._brows * rng.uniform(0.1, 0.8), hair)

    def beard(self, rng: Generator, vertices: NDArray) -> NDArray[np.float32]:
        """Let a beard grow: move vertices (V, 3) outward where it is long; return its density (V,) 0..1."""
        style = rng.integers(5)
        shape = self._beard
        if style == 1:
            shape = shape * self._chin
        elif style == 2:
            shape = shape * self._chin * self._above
        elif style == 3:
            shape = shape * (1.0 - self._above)
        length = rng.exponential(2.5) if style else 0.0  # mm; 0 is stubble
        vertices += (shape * length)[:, None] * self._normals
        dense = rng.uniform(0.1, 0.45) if length < 1.0 else rng.uniform(0.6, 0.97)
        return (shape * dense).astype(np.float32)

    def mouth(self, rng: Generator, diffuse: NDArray, specular: NDArray) -> None:
        """Give the mouth teeth and a tongue of its own, and light of its own, in place."""
        light = rng.uniform(*self._mouth_light)
        yellow = rng.uniform(0.0, 0.45)
        for name, vertices in self._inside.items():
            tint = np.exp(rng.normal(0.0, 0.12, 3))
            if name == "teeth":
                tint = np.array([1.0, 1.0 - 0.35 * yellow, 1.0 - yellow]) * rng.uniform(0.75, 1.3)
            diffuse[vertices] *= light * tint
            specular[vertices] *= light * rng.uniform(0.4, 1.2)


def _blend(albedo: NDArray, amount: NDArray, color: NDArray) -> None:
    """Mix a colour (3,) into an albedo (V, 3) by shares (V,), in place."""
    albedo += (amount[:, None] * (color - albedo)).astype(albedo.dtype)


def _distance(outline: NDArray, points: NDArray) -> NDArray[np.float64]:
    """Return (N,) mm from points (N, 2) to a polygon (K, 2), negative within."""
    contour = outline.astype(np.float32)[:, None]
    return np.array([-cv2.pointPolygonTest(contour, (float(x), float(y)), True) for x, y in points])


def _within(distance: NDArray, fade: float) -> NDArray[np.float64]:
    """Return 1 where a distance is below -fade / 2, 0 where it is above fade / 2, smooth between."""
    t = np.clip(0.5 - distance / fade, 0.0, 1.0)
    return t * t * (3.0 - 2.0 * t)

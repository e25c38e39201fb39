"""`limelight model sheets`: pictures of a face model close up: heads of random people, and every expression."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from facemodel import FaceModel
from facemodel.camera import project
from facemodel.color import encode_srgb
from facemodel.hair import Hair, WornHair
from facemodel.hair_shading import HAIR_COLORS, HairLook
from facemodel.lighting import COSINE_LOBE, sh_basis
from facemodel.rotation import matrix_from_euler
from facemodel.whole_files import write_bytes
from training.render.hair import DrawnHair
from training.render.rasterizer import Light, Surface, interpolate, rasterize, shade, vertex_normals

_LAMPS = (((-0.45, 0.5, 0.74), 0.75), ((0.8, 0.1, 0.3), 0.2), ((0.1, -0.6, 0.5), 0.08))
"""Directions and strengths of the lamps; the first is the key light."""
_AMBIENT, _GLEAM, _SHININESS = 0.25, 0.9, 25.0
_BACKGROUND = 0.03
_LASHES = HairLook((0.012, 0.010, 0.009), shine=0.1)
_BROW_SHADE = 0.8
_DARK_COLORS = 3
"""Number of colours of hair, the darkest, that dark people have."""
_YAWS = (0.0, -40.0)
_SEED = 7
_HEAD_COLUMNS, _EXPRESSION_COLUMNS = 7, 9

Worn = Sequence[tuple[WornHair, HairLook]]


class HeadPictures:
    """Draws heads of one face model as the training renders do.

    Args:
        model: the face model.
        samples: samples across a pixel.
    """

    def __init__(self, model: FaceModel, samples: int) -> None:
        self._model, self._samples = model.occluded(), samples
        directions, strengths = np.array([lamp for lamp, _ in _LAMPS]), [strength for _, strength in _LAMPS]
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
        sh = np.zeros((9, 3), np.float32)
        sh[0] = _AMBIENT / sh_basis(directions[:1])[0, 0]
        for direction, strength in zip(directions, strengths, strict=True):
            sh += np.pi * strength * (sh_basis(direction[None])[0] * COSINE_LOBE)[:, None]
        self._light = Light(sh, (600.0 * directions[0]).astype(np.float32), np.full(3, _GLEAM, np.float32), _SHININESS)

    def draw(
        self, vertices: NDArray, albedo: NDArray, worn: Worn, yaw: float, centre: NDArray, across: float, size: int
    ) -> NDArray[np.uint8]:
        """Return a picture (size, size, 3) uint8 sRGB.

        Args:
            vertices: (V, 3) mm. albedo: (Na,). worn: hair, lashes and brows, the last on top.
            yaw: degrees, below 0 shows more of the subject's left cheek.
            centre: (3,) mm, in the middle of the picture. across: width of the picture, mm.
        """
        model, side = self._model, size * self._samples
        rotation = matrix_from_euler(np.radians(yaw), 0.0, 0.0).astype(np.float32)
        scale = side / across
        translation = 0.5 * side - scale * (rotation @ centre)[:2] * (1.0, -1.0)
        diffuse, specular = (np.array(colours) for colours in model.albedo(albedo))
        for hair, look in worn:
            hair.color_scalp(diffuse, specular, look.color)
        posed = np.asarray(vertices, np.float32) @ rotation.T
        surface = Surface(model.triangles, posed, vertex_normals(posed, model.triangles), diffuse, specular)
        pixels = project(vertices, rotation, translation, scale)
        owner, weights = rasterize(pixels, posed[:, 2], model.triangles, side, side)
        picture = shade(surface, self._light, owner, weights)[0]
        picture[owner < 0] = _BACKGROUND
        depth = np.where(owner >= 0, interpolate(posed[:, 2:], model.triangles, owner, weights)[..., 0], -np.inf)
        for hair, look in worn:
            DrawnHair(hair).draw(picture, depth, vertices, (rotation, translation, scale), self._light, look)
        small = cv2.resize(picture, (size, size), interpolation=cv2.INTER_AREA)
        return np.round(255.0 * encode_srgb(np.clip(small, 0.0, 1.0))).astype(np.uint8)


def write_sheets(
    model: FaceModel,
    hair: Hair,
    folder: Path,
    head_size: int = 256,
    expression_size: int = 208,
    samples: int = 2,
    people: int = 12,
) -> list[Path]:
    """Write `heads.jpg` and `expressions.jpg` into a folder and return their paths.

    The heads are the mean and random people, of dark skin to pale, from the front and from the side below; the
    expressions are those of the mean at weight 1, mouthClose with jawOpen. Sizes are in pixels, `samples` across one.

    Raises LimelightError: a file cannot be written.
    """
    pictures, rng = HeadPictures(model, samples), np.random.default_rng(_SEED)
    wearable = hair if hair.fits(model) else None
    rest, plain = np.zeros(len(model.expression)), np.zeros(len(model.diffuse_basis))
    middle = 0.5 * (model.mean.max(axis=0) + model.mean.min(axis=0)) + (0.0, 5.0, 0.0)
    drawn = [(model.mean, plain, _dress(wearable, model, rng, "dark brown"))]
    for tone in rng.permutation(np.linspace(-2.0, 2.0, people)):
        identity = np.clip(rng.standard_normal(len(model.identity)), -3.0, 3.0)
        albedo = np.clip(rng.standard_normal(len(plain)), -3.0, 3.0)
        albedo[0] = tone
        color = str(rng.choice(list(HAIR_COLORS)[: _DARK_COLORS if tone < 0.0 else None]))
        drawn.append((model.shape(identity, rest), albedo, _dress(wearable, model, rng, color)))
    views = [[pictures.draw(*one, yaw, middle, 320.0, head_size) for one in drawn] for yaw in _YAWS]
    blank = np.zeros_like(views[0][0])
    heads = []
    for start in range(0, len(drawn), _HEAD_COLUMNS):
        for view in views:
            row = view[start : start + _HEAD_COLUMNS]
            heads += row + [blank] * (_HEAD_COLUMNS - len(row))

    face = model.landmarks478(model.mean).mean(axis=0)
    worn = _dress(wearable, model, np.random.default_rng(_SEED), "dark brown")[1:]
    expressions = []
    for name, shape in zip(model.expression_names, model.expression, strict=True):
        vertices = model.mean + shape
        if name == "mouthClose":
            vertices = vertices + model.expression[model.expression_names.index("jawOpen")]
        picture = pictures.draw(vertices, plain, worn, 0.0, face, 175.0, expression_size)
        place = (5, expression_size - 7)
        cv2.putText(picture, name, place, cv2.FONT_HERSHEY_SIMPLEX, 0.45, (255, 255, 255), 1, cv2.LINE_AA)
        expressions.append(picture)
    sheets = (("heads", heads, _HEAD_COLUMNS), ("expressions", expressions, _EXPRESSION_COLUMNS))
    return [_write(folder / f"{name}.jpg", images, columns) for name, images, columns in sheets]


def _dress(hair: Hair | None, model: FaceModel, rng: np.random.Generator, color_name: str) -> Worn:
    """Return a random style, lashes and brows, of one colour; nothing without hair."""
    if hair is None:
        return []
    color = HAIR_COLORS[color_name]
    brows = HairLook(tuple(_BROW_SHADE * channel for channel in color), shine=0.1)  # type: ignore[arg-type]
    picks = [names[rng.integers(len(names))] for names in (hair.style_names, hair.lash_names, hair.brow_names)]
    looks = HairLook(color), _LASHES, brows
    return [(hair.worn_by(model, name), look) for name, look in zip(picks, looks, strict=True)]


def _write(path: Path, pictures: list[NDArray[np.uint8]], columns: int) -> Path:
    """Write pictures (S, S, 3) row by row into one JPEG file."""
    padded = pictures + [np.zeros_like(pictures[0])] * (-len(pictures) % columns)
    rows = [np.concatenate(padded[start : start + columns], axis=1) for start in range(0, len(padded), columns)]
    _, data = cv2.imencode(".jpg", np.concatenate(rows)[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 85])
    path.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(path, data.tobytes())
    return path

"""Pixels known to be skin or not, from renders and from photos: what the skin classifier of Eq. 9 learns from.

On renders the same scene is drawn again in label colours, so a label knows hair, glasses and edges to a share of a
pixel. On photos the segmentation teacher's mask is cut to MediaPipe's face oval. Lips, brows and what lies near an
edge belong to neither side and are left out. Highlights are skin: to label those that outshine the skin below them as
something else, as Eq. 9 would like to see them, changed their probability from 0.59 to 0.55 and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from tqdm import tqdm

from facemodel import FaceModel, LimelightError
from facemodel.color import decode_srgb
from facemodel.lighting import SH_CONSTANTS
from facemodel.mediapipe_outlines import FACE_OVAL, LEFT_BROW, LEFT_EYE, OUTER_LIPS, RIGHT_BROW, RIGHT_EYE
from realtime.onnx_runtime import onnxruntime
from training.data.photo_labels import PhotoLabels, read_rgb
from training.data.storage import STORED_SIZE
from training.data.synthetic import SceneConfig, SceneRenderer
from training.render.degrade import photograph
from training.render.random_faces import RandomFaces
from training.render.scenery import Backgrounds

LUMINANCE = np.array([0.2126, 0.7152, 0.0722])

_IMAGENET_MEAN = np.array([0.485, 0.456, 0.406], np.float32)
_IMAGENET_DEVIATION = np.array([0.229, 0.224, 0.225], np.float32)
_FEATURE_MARGIN = 5.0  # mm around brows and lips of the face model
_SURE = 0.02  # share of a pixel that may be something else
_LEAST_SKIN = 0.02  # share of a photo

Teacher = Callable[[NDArray[np.uint8]], NDArray[np.float32]]
"""From a picture (H, W, 3) to probabilities of skin, clothes and hair (H, W, 3)."""


@dataclass(frozen=True)
class LabelledPixels:
    """N pixels.

    Attributes:
        colors: (N, 3) uint8 sRGB.
        skin: (N,) True for skin.
        tone: (N,) luminance of the skin in the pixel's picture, linear 0..1: of renders the true diffuse albedo's,
            of photos what is seen, which the light changes too.
    """

    colors: NDArray[np.uint8]
    skin: NDArray[np.bool_]
    tone: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.colors)

    def take(self, index: NDArray) -> LabelledPixels:
        """The pixels at `index`, a mask or an index array."""
        return LabelledPixels(*(getattr(self, f.name)[index] for f in fields(self)))

    @classmethod
    def join(cls, parts: Sequence[LabelledPixels]) -> LabelledPixels:
        """All parts in one, which may be none."""
        empty = cls(np.zeros((0, 3), np.uint8), np.zeros(0, bool), np.zeros(0, np.float32))
        return cls(*(np.concatenate([getattr(p, f.name) for p in (empty, *parts)]) for f in fields(cls)))


@dataclass(frozen=True)
class PixelConfig:
    """Which pixels of a picture are taken, and how many.

    Attributes:
        per_picture: of each side, skin and not skin.
        near: distance from skin, px of a render, within which half of the pixels that are not skin lie.
    """

    per_picture: int = 150
    near: int = 15


class LabelledRenders:
    """Random faces with skin labels.

    Args:
        model: the face model.
        config: which pixels count.
        scene: what is drawn; hands are not, since they would be skin without a label, nor is the camera ever out of
            focus or moved, since the labels are sharp.
        rng: for the backgrounds.
    """

    def __init__(
        self,
        model: FaceModel,
        config: PixelConfig | None = None,
        scene: SceneConfig | None = None,
        rng: Generator | None = None,
    ) -> None:
        self.config = config or PixelConfig()
        scene = scene or SceneConfig()
        sharp = replace(scene.faults, motion_share=0.0, defocus_share=0.0, coarse_share=0.0)
        scene = replace(scene, occluder_share=0.0, faults=sharp)
        # No photos behind the faces: their blurred pieces show skin.
        backgrounds = Backgrounds(scene.render_size, [], rng or np.random.default_rng(0))
        faces = RandomFaces(model, scene.faces)
        self.model = model
        self._real = SceneRenderer(model, scene, backgrounds, faces)
        smooth = replace(scene, texture=0.0)
        self._black, self._painted = (
            SceneRenderer(_painted(model, paint), smooth, backgrounds, faces) for paint in (0.0, 1.0)
        )

    def __call__(self, seed: int) -> tuple[NDArray[np.uint8], NDArray[np.bool_], NDArray[np.bool_], float]:
        """One picture (S, S, 3), where it shows skin and where it does not, (S, S) each, and the skin's tone."""
        vector = self._real.faces(np.random.default_rng((seed, 0)))
        flat = vector.copy()
        p = self.model.layout.view(flat)
        p.sh[:] = 0.0
        p.sh[0] = 1.0 / SH_CONSTANTS[0]  # irradiance / pi of 1 everywhere
        without, painted, real = (
            renderer.draw(parameters, np.random.default_rng((seed, 1)))[0]  # the same hair, glasses and background
            for renderer, parameters in ((self._black, flat), (self._painted, flat), (self._real, vector))
        )
        share = _resized(painted - without)  # (S, S, 3): skin, skin or neither, 0
        skin, other = share[..., 0] > 1.0 - _SURE, share[..., 1] < _SURE
        picture = photograph(real, STORED_SIZE, self._real.config.faults, np.random.default_rng((seed, 2)))
        albedo = self.model.albedo(p.albedo)[0][self.model.region_vertices("face")]
        tone = float(np.median(albedo @ LUMINANCE))
        return picture, skin, other, tone

    def pixels(self, seeds: Sequence[int]) -> LabelledPixels:
        """Pixels of one picture a seed, with progress; a picture without enough of a side gives what it has."""
        parts = []
        for seed in tqdm(seeds, unit="render", desc="labelled renders"):
            picture, skin, other, tone = self(seed)
            rng = np.random.default_rng((seed, 3))
            reach = 2 * self.config.near + 1
            near = cv2.dilate(skin.astype(np.uint8), np.ones((reach, reach), np.uint8)) > 0
            parts.append(_sample(picture, skin, [other & near, other], tone, self.config.per_picture, rng))
        return LabelledPixels.join(parts)


class SegmentationTeacher:
    """The segmentation teacher: skin (with neck, eyes and lips), clothes and hair in a picture of one person.

    Args:
        path: of `pan_mnv3s_skin_clothes_hair.onnx`.

    Raises:
        LimelightError: the file is missing.
    """

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise LimelightError(f"segmentation teacher {path}: no such file; set LIMELIGHT_DATA")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        self._input = self._session.get_inputs()[0]

    def __call__(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        """(H, W, 3) probability of skin, clothes and hair in an RGB picture (H, W, 3)."""
        height, width = image.shape[:2]
        side = self._input.shape[2]
        scaled = cv2.resize(image, (side, side), interpolation=cv2.INTER_LINEAR).astype(np.float32) / 255.0
        normalized = (scaled - _IMAGENET_MEAN) / _IMAGENET_DEVIATION
        planes = self._session.run(None, {self._input.name: normalized.transpose(2, 0, 1)[None]})[0][0]  # (3, S, S)
        return cv2.resize(planes.transpose(1, 2, 0), (width, height), interpolation=cv2.INTER_LINEAR)


def photo_pixels(
    labels: PhotoLabels, photos: Path, teacher: Teacher, seed: int, config: PixelConfig | None = None
) -> LabelledPixels:
    """Pixels of labelled photos, with progress.

    Unreadable photos, and those in which the teacher sees hardly any skin inside the face, are left out.

    Args:
        labels: MediaPipe's points.
        photos: the folder that the labels' paths are relative to.
        teacher: a `SegmentationTeacher`.
        seed: of the choice of pixels.
        config: how many.
    """
    config = config or PixelConfig()
    parts = []
    for i in tqdm(range(len(labels)), unit="photo", desc="labelled photos"):
        image = read_rgb(photos / str(labels.paths[i]))
        if image is None:
            continue
        skin, hair, rest = label_photo(image, labels.landmarks[i, :, :2], teacher)
        if skin.mean() < _LEAST_SKIN:
            continue
        tone = float(np.median(decode_srgb(image[skin] / 255.0) @ LUMINANCE))
        rng = np.random.default_rng((seed, i))
        parts.append(_sample(image, skin, [hair, rest], tone, config.per_picture, rng))
    return LabelledPixels.join(parts)


def label_photo(
    image: NDArray[np.uint8], landmarks: NDArray, teacher: Teacher
) -> tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.bool_]]:
    """Where a photo (H, W, 3) with MediaPipe's points (478, 2) px surely shows skin, hair, and none of them (H, W).

    Skin counts inside the face oval alone, and not in eyes, brows and mouth. A beard that the teacher takes for skin
    stays skin.
    """
    masks = teacher(image)
    sure, none = masks > 0.9, masks < 0.1
    skin = sure[..., 0] & none[..., 1] & none[..., 2]
    oval = _polygons(image.shape[:2], landmarks, [FACE_OVAL])
    margin = max(1, round(0.02 * float(np.ptp(landmarks[[*FACE_OVAL], 1]))))
    kernel = np.ones((2 * margin + 1, 2 * margin + 1), np.uint8)
    features = cv2.dilate(
        _polygons(image.shape[:2], landmarks, [RIGHT_EYE, LEFT_EYE, RIGHT_BROW, LEFT_BROW, OUTER_LIPS]), kernel
    )
    skin &= (cv2.erode(oval, kernel) > 0) & (features == 0)
    hair = sure[..., 2] & none[..., 0]
    rest = none.all(axis=2) & (cv2.dilate(oval, kernel) == 0)
    return skin, hair, rest


def _painted(model: FaceModel, paint: float) -> FaceModel:
    """The model with its skin in `paint`: red where it is sure to be skin, green where it may be; the rest black, and
    nothing shines."""
    regions = [name for name in ("face", "ears", "neck") if name in model.region_names]
    surely = np.zeros(model.n_vertices, bool)
    surely[model.region_vertices(*regions)] = True
    features = [*RIGHT_BROW, *LEFT_BROW, *OUTER_LIPS]
    points = model.landmarks478(model.mean)[features]  # (F, 3)
    near = np.linalg.norm(model.mean[:, None] - points, axis=-1).min(axis=1) < _FEATURE_MARGIN  # (V,)
    near[model.triangles[model.landmarks478_triangles[features]]] = True  # on a coarse mesh that is further
    maybe = surely.copy()
    surely &= ~near
    if "scalp" in model.region_names:  # skin where it is bald
        maybe[model.region_vertices("scalp")] = True
        surely[model.region_vertices("scalp")] = False
    no_skin = [name for name in ("eyes", "teeth", "tongue", "mouth_lining") if name in model.region_names]
    if no_skin:
        surely[model.region_vertices(*no_skin)] = maybe[model.region_vertices(*no_skin)] = False
    color = np.zeros((model.n_vertices, 3), np.float32)
    color[surely, 0] = color[maybe, 1] = paint
    nothing = np.zeros_like(model.specular_mean)
    none = np.zeros_like(model.diffuse_basis)
    return replace(model, diffuse_mean=color, diffuse_basis=none, specular_mean=nothing, specular_basis=none)


def _polygons(shape: tuple[int, ...], landmarks: NDArray, outlines: Sequence[Sequence[int]]) -> NDArray[np.uint8]:
    mask = np.zeros(shape, np.uint8)
    for outline in outlines:
        cv2.fillPoly(mask, [np.round(landmarks[list(outline)]).astype(np.int32)], 1)
    return mask


def _resized(image: NDArray) -> NDArray[np.float32]:
    return cv2.resize(image.astype(np.float32), (STORED_SIZE, STORED_SIZE), interpolation=cv2.INTER_AREA)


def _sample(
    image: NDArray[np.uint8],
    skin: NDArray[np.bool_],
    others: Sequence[NDArray[np.bool_]],
    tone: float,
    count: int,
    rng: Generator,
) -> LabelledPixels:
    """Up to `count` skin pixels of a picture, and as many others, shared among the masks of these."""

    def some(mask: NDArray[np.bool_], most: int) -> NDArray[np.uint8]:
        found = np.flatnonzero(mask)
        return image.reshape(-1, 3)[rng.choice(found, min(most, len(found)), replace=False)]

    inside = some(skin, count)
    outside = np.concatenate([some(mask, count // len(others)) for mask in others])
    colors = np.concatenate([inside, outside])
    is_skin = np.arange(len(colors)) < len(inside)
    return LabelledPixels(colors, is_skin, np.full(len(colors), tone, np.float32))

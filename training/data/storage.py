"""Labelled crops on disk: photos, renders and pictures without a face. `training.data` describes the columns."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from facemodel import ARKIT_NAMES, CROP_SIZE, Crop, FaceModel, LimelightError, ParameterLayout
from training.data.shards import Mapped, ShardFolder, find_shards, join_column, load_array, write_header
from training.sampling import spread_evenly

_WHAT = "training data"

STORED_SIZE = 160
"""Side of a stored picture, px."""

EXTENT = 280.0
"""Side of what a stored picture shows, in crop pixels: 1.25 crops."""

_TRUST = {"landmark_weight": 478, "scored": len(ARKIT_NAMES)}
_NOT_READ = ("images", "extent", *_TRUST)


@dataclass(frozen=True)
class Samples:
    """N crops with labels; every array is described in `training.data`.

    `images` is an array, or mapped and read from disk one picture at a time; it shows `extent` crop px. Without
    `landmark_weight` all points count in full, and without `scored` all expressions do, as on renders. On disk `scored`
    is in the order of ARKIT_NAMES, in memory in that of the face model's expressions.
    """

    images: NDArray[np.uint8] | Mapped
    parameters: NDArray[np.float32]
    landmarks: NDArray[np.float32]
    face: NDArray[np.bool_]
    photo: NDArray[np.bool_]
    geometry: NDArray[np.bool_]
    light: NDArray[np.bool_]
    held_out: NDArray[np.bool_]
    landmark_weight: NDArray[np.float32] = field(default_factory=lambda: np.ones((0, 478), np.float32))
    scored: NDArray[np.bool_] = field(default_factory=lambda: np.ones((0, len(ARKIT_NAMES)), bool))
    extent: float = EXTENT

    def __post_init__(self) -> None:
        for name in ("landmark_weight", "scored"):
            column = getattr(self, name)
            if not len(column):
                object.__setattr__(self, name, np.ones((len(self), column.shape[1]), column.dtype))

    def __len__(self) -> int:
        return len(self.parameters)

    def take(self, index: list[int]) -> Samples:
        """Return the samples at `index`, pictures in memory."""
        columns = (f.name for f in fields(self) if f.name not in ("images", "extent"))
        images = np.stack([np.asarray(self.images[i]) for i in index])
        return replace(self, images=images, **{name: getattr(self, name)[index] for name in columns})


class ShardWriter(ShardFolder):
    """Writes `Samples` of one kind below a prepared folder, each shard whole or not at all.

    Args:
        root: the prepared folder; made if absent.
        kind: `photos`, `synthetic` or `negatives`.
        model: the face model that the labels belong to.
    Raises LimelightError: the folder holds the data of another face model.
    """

    def __init__(self, root: Path, kind: str, model: FaceModel) -> None:
        super().__init__(root / kind, _WHAT)
        write_header(root, _WHAT, model, stored_size=STORED_SIZE, extent=EXTENT)


def load_samples(root: Path, model: FaceModel | None = None, photos: bool = True) -> Samples:
    """Return everything prepared below `root` so far; labels in memory, pictures mapped from disk.

    Args:
        root: the prepared folder.
        model: the face model to train with; checked if given.
        photos: learn from photographs too; else all of them are held out.
    Raises LimelightError: nothing is there, a file is damaged, or the labels belong to another face model.
    """
    shards = find_shards(root, _WHAT, model)
    if not shards:
        raise LimelightError(f"{_WHAT} {root}: nothing prepared there; see docs/training.md")
    columns: dict[str, Any] = {
        f.name: join_column(shards, f.name, _WHAT) for f in fields(Samples) if f.name not in _NOT_READ
    }
    trust: dict[str, Any] = {
        name: np.concatenate([_trust(shard, name, width) for shard in shards]) for name, width in _TRUST.items()
    }
    if model is not None:
        own = [ARKIT_NAMES.index(name) if name in ARKIT_NAMES else -1 for name in model.expression_names]
        trust["scored"] = np.pad(trust["scored"], ((0, 0), (0, 1)), constant_values=True)[:, own]
    if not photos:
        columns["held_out"] = columns["held_out"] | columns["photo"]
    return Samples(images=Mapped(shards, "images", _WHAT), **columns, **trust)


def _trust(shard: Path, name: str, width: int) -> NDArray:
    """Return a column that shards made before there was one lack: all of their labels count in full."""
    if (path := shard / f"{name}.npy").exists():
        return load_array(path, _WHAT)
    return np.ones((len(load_array(shard / "face.npy", _WHAT)), width), bool if name == "scored" else np.float32)


def network_crops(root: Path, side: int, count: int) -> NDArray[np.uint8]:
    """Return crops (N, side, side, 3) of at most `count` faces prepared below `root`, as a network gets them.

    Raises LimelightError: as `load_samples`.
    """
    samples = load_samples(root)
    faces = np.flatnonzero(samples.face)
    margin = 0.5 * (1.0 - CROP_SIZE / EXTENT)  # around the crop, in sides of the picture
    crops = np.empty((min(count, len(faces)), side, side, 3), np.uint8)
    for crop, i in zip(crops, faces[spread_evenly(len(faces), count)], strict=True):
        image = np.asarray(samples.images[i])
        first, last = round(margin * len(image)), round((1.0 - margin) * len(image))
        cv2.resize(image[first:last, first:last], (side, side), dst=crop, interpolation=cv2.INTER_AREA)
    return crops


def faceless(layout: ParameterLayout, images: NDArray[np.uint8], photo: bool, held_out: NDArray[np.bool_]) -> Samples:
    """Return samples of pictures (N, S, S, 3) that a tracker must not accept; their labels are placeholders."""
    count = len(images)
    placeholder = layout.view(layout.neutral())
    placeholder.translation[:] = CROP_SIZE / 2
    no = np.zeros(count, bool)
    return Samples(
        images=images,
        parameters=np.tile(placeholder.vector, (count, 1)),
        landmarks=np.full((count, 478, 2), CROP_SIZE / 2, np.float32),
        face=no,
        photo=np.full(count, photo),
        geometry=no,
        light=no,
        held_out=held_out,
    )


def stored_matrix(crop: Crop, size: int = STORED_SIZE, extent: float = EXTENT) -> NDArray[np.float64]:
    """Return the (2, 3) matrix from pixels (0..size) of a picture that shows `extent` px of `crop` to frame pixels."""
    return replace(crop, side=crop.side * extent / CROP_SIZE).to_frame(size)


def cut(
    image: NDArray[np.uint8],
    crop: Crop,
    border: int = cv2.BORDER_REPLICATE,
    size: int = STORED_SIZE,
    extent: float = EXTENT,
) -> NDArray[np.uint8]:
    """Return the picture (size, size, 3) of `extent` px of `crop`, low-passed where it shrinks."""
    matrix = stored_matrix(crop, size, extent)
    shrink = crop.side * extent / CROP_SIZE / size
    if shrink > 1.2:
        image = cv2.GaussianBlur(image, (0, 0), 0.4 * shrink)
    matrix[:, 2] += 0.5 * matrix[:, :2].sum(axis=1) - 0.5  # OpenCV counts from pixel centres
    flags = (cv2.INTER_CUBIC if shrink < 0.8 else cv2.INTER_LINEAR) | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(image, matrix, (size, size), flags=flags, borderMode=border)

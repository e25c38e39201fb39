"""Pictures with label maps for the U-Net: labelled renders, photos with the teacher's masks, CelebAMask-HQ.

The recipe `segmentation` writes them, and goes on where it was after a stop; shards that exist stay. Format of the
prepared folder, at most 250 pictures a shard:

    renders/shard_00000/      images.npy    (N, S, S, 3) uint8 RGB
                              labels.npy    (N, S, S) uint8, `training.data.face_classes.LABELS` or IGNORED
                              held_out.npy  (N,) bool  validation part
    photos/shard_.../, celebamask_hq/shard_.../

S is STORED_SIZE, and a picture shows about EXTENT crop px, unless CelebAMask-HQ alone is prepared larger.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from facemodel import FaceModel, LimelightError
from training.data.class_maps import ClassMapRenderer, fitted_classes, triangle_classes
from training.data.datasets import FaceDataset, label_map
from training.data.datasets.base import to_stderr
from training.data.face_classes import CLASSES, IGNORED, label_of, with_subjects_sides
from training.data.shards import Mapped, ShardFolder, load_array
from training.data.skin_pixels import Teacher
from training.data.storage import STORED_SIZE, Samples
from training.data.synthetic import SceneConfig
from training.render.random_faces import RandomFaces
from training.render.scenery import Backgrounds
from training.sampling import spread_evenly

KINDS = ("renders", "photos", "celebamask_hq")
_WHAT = "segmentation data"
_SHARD = 250
_HELD_OUT_SHARE = 0.04  # of renders
_SURE = 0.9  # teacher's probability
_LEAST_SKIN = 0.5  # of a fitted face's lower half, for the teacher to be believed
_EDGE = 0.025  # of the picture's side, by which a fit may miss the outline
_GLASSES_HEIGHT = 0.16  # of the picture's side
_NO_GLASSES, _GLASSES = 0.12, 0.25  # most and least of the area around the eyes, by a sheet of photos in its order
_FITTED = ("skin", "nose", "l_eye", "r_eye", "l_brow", "r_brow", "mouth", "u_lip", "l_lip")

Labelled = tuple[NDArray[np.uint8], NDArray[np.uint8], bool]
"""Picture (S, S, 3), labels (S, S), held out."""


@dataclass(frozen=True)
class SegmentationSamples:
    """N labelled pictures of one size, mapped from disk.

    Attributes:
        images: (N, S, S, 3) uint8 RGB.
        labels: (N, S, S) uint8.
        held_out: (N,) validation part.
        kind: (N,) index into KINDS.
    """

    images: Mapped
    labels: Mapped
    held_out: NDArray[np.bool_]
    kind: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.kind)

    @property
    def size(self) -> int:
        """Return the side of the pictures, px."""
        return self.images.shape[1]


def load_segmentation(root: Path, kinds: Sequence[str] = KINDS) -> SegmentationSamples:
    """Return everything of these kinds that is prepared below `root` so far.

    Raises LimelightError: nothing is there, a shard is damaged, or pictures differ in size.
    """
    shards = [shard for name in kinds for shard in sorted((root / name).glob("shard_*"))]
    if not shards:
        raise LimelightError(f"{_WHAT} {root}: nothing prepared there; see docs/training.md")
    images, labels = Mapped(shards, "images", _WHAT), Mapped(shards, "labels", _WHAT)
    held_out = [load_array(shard / "held_out.npy", _WHAT) for shard in shards]
    kind = [np.full(len(held), KINDS.index(shard.parent.name)) for held, shard in zip(held_out, shards, strict=True)]
    samples = SegmentationSamples(images, labels, np.concatenate(held_out), np.concatenate(kind))
    if not len(images) == len(labels) == len(samples) or images.shape[1:3] != labels.shape[1:3]:
        raise LimelightError(f"{_WHAT} {root}: damaged; remove it and prepare it anew")
    return samples


SCENE = SceneConfig(glasses_share=0.25, occluder_share=0.25, hat_share=0.08)
"""Renders in which much is before the face."""


def prepare_renders(root: Path, model: FaceModel, count: int, seed: int = 0, config: SceneConfig = SCENE) -> None:
    """Write `count` labelled renders; each depends on the seed, its number and the face model alone.

    No photo is in a background: its faces would have no labels.
    """
    backgrounds = Backgrounds(config.render_size, [], np.random.default_rng(seed))
    renderer = ClassMapRenderer(model, config, backgrounds, RandomFaces(model, config.faces))

    def render(number: int) -> Labelled:
        rng = np.random.default_rng((seed, number))
        return *renderer(rng), bool(rng.random() < _HELD_OUT_SHARE)

    _write_shards(root / "renders", count, render)


def prepare_photos(
    root: Path,
    model: FaceModel,
    samples: Samples,
    teacher: Teacher,
    count: int,
    seed: int = 0,
    earlier: Callable[[NDArray[np.uint8]], NDArray[np.uint8]] | None = None,
) -> None:
    """Write `count` fitted photos, or all there are, with `teacher_labels`, less those that have none.

    Args:
        root: the prepared folder.
        model: the face model of the samples.
        samples: of `training.data.load_samples`.
        teacher: tells skin, clothes and hair.
        count: of photos.
        seed: of their choice.
        earlier: from a picture (S, S, 3) to the classes (S, S) that an earlier U-Net sees; tells glasses.
    Raises LimelightError: the samples hold no photo whose geometry holds.
    """
    chosen = np.flatnonzero(samples.photo & samples.geometry & samples.face)
    if not len(chosen):
        raise LimelightError("segmentation data: no fitted photos; the recipe's stage 'fits' makes them")
    chosen = np.random.default_rng(seed).permutation(chosen)[:count]
    classes = triangle_classes(model)

    def photo(number: int) -> Labelled | None:
        index = int(chosen[number])
        picture = samples.images[index]
        fitted = fitted_classes(model, classes, samples.parameters[index])
        labels = teacher_labels(teacher(picture), fitted, None if earlier is None else earlier(picture))
        return None if labels is None else (picture, labels, bool(samples.held_out[index]))

    _write_shards(root / "photos", len(chosen), photo)


def teacher_labels(
    teacher: NDArray[np.floating], fitted: NDArray[np.uint8], earlier: NDArray[np.uint8] | None = None
) -> NDArray[np.uint8] | None:
    """Return labels (S, S) of an upright photo.

    The teacher says where skin, hair and clothes are, the fit which part of the head a pixel is that shows skin.

    The teacher is not believed everywhere. Clothes and nothing inside the face, and hair in its lower half, where it
    may be a beard, are IGNORED, and so are the edge of the fitted head, and what the teacher is not sure of. Around
    the eyes glasses pass for skin and brows for hair: what is there an earlier U-Net has to say.

    Args:
        teacher: (S, S, 3) probability of skin, clothes and hair.
        fitted: (S, S) classes of the fitted model, background where it is not.
        earlier: (S, S) classes by a U-Net that learned without labels around the eyes of photos. Where it sees hardly
            any glasses there, the fit is right; where many, its glasses are labels; else all that is IGNORED, as it
            is without such a network. To allow either taught the network to give glasses to everybody.
    Returns: The labels, or None where the teacher sees skin on less than half of the fitted face's lower half: it
        missed the person.
    """
    sure = teacher > _SURE
    alone = sure & (teacher.sum(axis=2, keepdims=True) - teacher < 1.0 - _SURE)
    skin, cloth, hair = (alone[..., i] for i in range(3))
    face = _is(fitted, _FITTED)
    if not face.any():
        return None
    upper = np.arange(len(fitted))[:, None] < np.nonzero(face)[0].mean()
    if skin[face & ~upper].mean() < _LEAST_SKIN:  # hair may hide the upper half
        return None
    head = fitted != label_of("background")
    labels = np.full(fitted.shape, IGNORED, np.uint8)
    labels[~face & (teacher.max(axis=2) < 1.0 - _SURE)] = label_of("background")
    labels[~face & cloth] = label_of("cloth")
    labels[skin & ~_grown(head, _EDGE)] = label_of("skin_elsewhere")
    labels[skin & head] = fitted[skin & head]
    labels[hair & (upper | ~face)] = label_of("hair")
    eyes = face & _grown(_is(fitted, ("l_eye", "r_eye", "l_brow", "r_brow")), 0.5 * _GLASSES_HEIGHT)
    glasses = np.zeros_like(face) if earlier is None else eyes & (earlier == label_of("eye_g"))
    if earlier is None or glasses.sum() > _NO_GLASSES * eyes.sum():
        labels[eyes] = IGNORED
    if glasses.sum() > _GLASSES * eyes.sum():
        labels[glasses] = label_of("eye_g")
    return labels


def prepare_celebamask_hq(root: Path, dataset: FaceDataset, count: int | None = None, size: int = STORED_SIZE) -> None:
    """Write the first `count` photos of CelebAMask-HQ, or all there are, resized; l_ and r_ become the subject's.

    A photo that is unreadable, or whose mask is, is one line.

    Raises LimelightError: the data set has no masks, or nothing usable.
    """
    samples = list(islice(dataset, count))
    if any(sample.mask is None for sample in samples):
        raise LimelightError(f"{dataset.layout} {dataset.root}: no masks; CelebAMask-HQ has them")

    def photo(number: int) -> Labelled | None:
        sample = samples[number]
        try:
            picture, labels = sample.picture(), with_subjects_sides(label_map(sample.mask or ()))
        except LimelightError as error:
            to_stderr(f"skipped: {error}")
            return None
        small = cv2.resize(picture, (size, size), interpolation=cv2.INTER_AREA)
        return (
            np.asarray(small, np.uint8),
            np.asarray(cv2.resize(labels, (size, size), interpolation=cv2.INTER_NEAREST_EXACT), np.uint8),
            sample.split != "train",
        )

    _write_shards(root / "celebamask_hq", len(samples), photo)
    if not any((root / "celebamask_hq").glob("shard_*")):
        raise LimelightError(f"{dataset.layout} {dataset.root}: no readable photo with a mask")


def count_labels(samples: SegmentationSamples, most: int = 500) -> NDArray[np.int64]:
    """Return the pixels of each class (19,) in the training part, over `most` pictures at most."""
    training = np.flatnonzero(~samples.held_out)
    chosen = training[spread_evenly(len(training), most)]
    counts = np.zeros(256, np.int64)
    for index in chosen:
        counts += np.bincount(samples.labels[int(index)].ravel(), minlength=256)
    return counts[: len(CLASSES)]


def _is(classes: NDArray[np.uint8], names: Sequence[str]) -> NDArray[np.bool_]:
    return np.isin(classes, [label_of(name) for name in names])


def _grown(mask: NDArray[np.bool_], reach: float) -> NDArray[np.bool_]:
    """Return a mask (S, S) larger by `reach` of its side."""
    width = 2 * round(reach * len(mask)) + 1
    return cv2.dilate(mask.astype(np.uint8), np.ones((width, width), np.uint8)) > 0


def _write_shards(folder: Path, count: int, make: Callable[[int], Labelled | None]) -> None:
    """Write `make(0)` to `make(count - 1)` without the Nones, with progress; shards that exist stay as they are."""
    shards = ShardFolder(folder, _WHAT)
    with tqdm(total=count, unit="picture", desc=folder.name) as bar:
        for number, first in enumerate(range(0, count, _SHARD)):
            part = range(first, min(first + _SHARD, count))
            if shards.exists(number):
                bar.update(len(part))
                continue
            pictures = []
            for index in part:
                if (picture := make(index)) is not None:
                    pictures.append(picture)
                bar.update()
            if pictures:
                columns = zip(("images", "labels", "held_out"), zip(*pictures, strict=True), strict=True)
                shards.write(number, {name: np.stack(column) for name, column in columns})

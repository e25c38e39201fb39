"""Prepares photos for the paper's self-supervised training: what section 4 labels once, in advance.

MediaPipe finds the face and its 478 points, the face model is fitted to them, the head that this gives is cut out as
the live tracker cuts it (224 px), the U-Net says where the face is seen and the classifier of Eq. 9 how surely it is
skin. `limelight train --recipe paper` does it; `training.data.prepared` describes the folder and reads it.

It may be stopped and started again at any time; of what it did, a shard is lost at most. Several processes may work on
one folder. A photo takes about 0.2 s of one core. One that cannot be used costs one line, and a data set without any
is left out.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Iterator, Sequence
from importlib.resources import files
from itertools import groupby
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from facemodel import FaceModel, LimelightError
from facemodel.whole_files import whole_file
from training.data.datasets import FaceDataset, FaceSample
from training.data.datasets.base import to_stderr
from training.data.fit import FitConfig
from training.data.photo_preparation import MainFaceLandmarker, PhotoPreparer, PreparedPhoto, find_labelled_face
from training.data.photos import calibrate
from training.data.prepared import PreparedWriter
from training.data.shards import ShardWriteError

_PEOPLE = 400
_LEAST_PEOPLE = 60


def learn_calibration(
    model: FaceModel, datasets: Sequence[FaceDataset], landmarker: MainFaceLandmarker, people: int = _PEOPLE
) -> FitConfig:
    """Return the fit's configuration with offsets and gains learned from photos of up to `people` different people.

    From fewer than 60 people nothing is learned: offsets would be those of the people. Photos are spread evenly over
    each data set.
    """
    rows = []
    each = -(-people // max(1, len(datasets)))
    with tqdm(total=each * len(datasets), unit="person", desc="calibration") as bar:
        for dataset in datasets:
            for sample in _different_people(dataset, each):
                bar.update()
                try:
                    landmarks, scores = find_labelled_face(landmarker, sample, sample.picture())
                except LimelightError:
                    continue  # reported when its turn comes
                rows.append((landmarks, scores))
    if len(rows) < _LEAST_PEOPLE:
        return FitConfig()
    landmarks, scores = (np.stack(column) for column in zip(*rows, strict=True))
    return calibrate(model, landmarks, scores)


def save_calibration(path: Path, config: FitConfig) -> None:
    """Write offsets and gains to an `.npz` file, which appears whole or not at all.

    Raises LimelightError: it cannot be written.
    """
    offsets = np.zeros((0, 3), np.float32) if config.offsets is None else config.offsets
    names, gains = list(config.gains), list(config.gains.values())
    with whole_file(path, f"calibration {path}", shared=True) as partial, partial.open("wb") as file:
        np.savez(file, offsets=offsets, names=np.array(names, np.str_), gains=np.array(gains, np.float64))


def load_calibration(path: Path) -> FitConfig:
    """Read what `save_calibration` wrote.

    Raises LimelightError: the file is damaged.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            offsets: NDArray[np.float32] = archive["offsets"]
            gains = dict(zip(archive["names"].tolist(), archive["gains"].tolist(), strict=True))
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise LimelightError(f"calibration {path}: damaged; remove the folder and prepare it anew") from error
    return FitConfig(offsets=offsets if len(offsets) else None, gains=gains)


def _different_people(dataset: FaceDataset, count: int) -> Iterator[FaceSample]:
    """Yield up to `count` photos of different people, spread over a data set."""
    stride = max(1, dataset.estimate() // dataset.every // count)
    seen: set[str] = set()
    try:
        for position, sample in enumerate(dataset):
            if len(seen) == count:
                return
            if position % stride == 0 and sample.person not in seen:
                seen.add(sample.person)
                yield sample
    except LimelightError:
        return  # nothing there; said when its turn comes


ASSETS = Path(str(files("training") / "assets"))
"""What ships with this room: U-Net, skin classifier, landmarker, calibration for the default face model."""


def prepare_dataset(
    dataset: FaceDataset,
    writer: PreparedWriter,
    preparer: PhotoPreparer,
    shard: int = 500,
    part: tuple[int, int] = (0, 1),
) -> int:
    """Write the shards of a data set that do not exist yet, and return how many photos all of its shards hold now.

    Args:
        shard: photos that one is made of. part: (i, n) for the i-th of n runs that share the work, counted from 0.
    Raises LimelightError: nothing usable, the data set has changed since an earlier run, or a shard cannot be written.
    """
    name = writer.folder.name
    count = 0
    with tqdm(total=dataset.estimate() // dataset.every or None, unit="photo", desc=name) as bar:
        for number, group in groupby(enumerate(dataset), key=lambda entry: entry[0] // shard):
            samples = (sample for _, sample in group)
            if (entries := writer.entries(number)) is not None:
                if [sample.name for sample in samples] != entries:
                    raise LimelightError(f"data set {dataset.root}: has changed since; use another --out")
                count += writer.length(number)
                bar.update(len(entries))
            elif number % part[1] == part[0]:
                photos, entries = _prepare(samples, dataset, preparer, bar)
                writer.write(number, preparer.shard(name, photos, entries))
                count += len(photos)
            else:
                bar.update(sum(1 for _ in samples))
            bar.set_postfix(faces=count, skipped=dataset.skipped)
    if not count and part[1] == 1:
        raise LimelightError(f"data set {dataset.root}: no face on any photo")
    return count


def prepare_datasets(
    datasets: Sequence[tuple[FaceDataset, PreparedWriter]],
    preparer: PhotoPreparer,
    shard: int = 500,
    part: tuple[int, int] = (0, 1),
) -> int:
    """Do `prepare_dataset` for several; one of which nothing can be used costs one line.

    Raises LimelightError: no data set has a photo that can be used, or a shard cannot be written.
    """
    total = 0
    for dataset, writer in datasets:
        try:
            total += prepare_dataset(dataset, writer, preparer, shard, part)
        except ShardWriteError:
            raise
        except LimelightError as error:
            to_stderr(f"left out: {error}")
    if not total and part[1] == 1:
        raise LimelightError("prepared photos: none; no data set has any that can be used")
    return total


def _prepare(
    samples: Iterable[FaceSample], dataset: FaceDataset, preparer: PhotoPreparer, bar: tqdm
) -> tuple[list[PreparedPhoto], list[str]]:
    """Return the photos that can be used, and the names of all."""
    photos, entries = [], []
    for sample in samples:
        entries.append(sample.name)
        try:
            photos.append(preparer(sample))
        except LimelightError as error:
            dataset.skip(error)
        bar.update()
    return photos, entries


def calibrated_fit(
    root: Path, model: FaceModel, datasets: Sequence[FaceDataset], landmarker: MainFaceLandmarker
) -> FitConfig:
    """Return the fit's configuration of a prepared folder.

    A folder that has none yet gets the one shipped for the face model, or one that is learned from the data sets.

    Raises LimelightError: a file is damaged, or cannot be written.
    """
    path, shipped = root / "calibration.npz", ASSETS / f"calibration-{model.digest}.npz"
    if not path.exists():
        config = load_calibration(shipped) if shipped.is_file() else learn_calibration(model, datasets, landmarker)
        if config.offsets is None:
            to_stderr("calibration: too few different people; the fits take MediaPipe's points as they are")
        save_calibration(path, config)
    return load_calibration(path)

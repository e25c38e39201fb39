"""Learns once for a prepared folder what the fits of all its photos are calibrated with, and keeps it in a file."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from facemodel import FaceModel, LimelightError
from facemodel.whole_files import whole_file
from training.data.datasets import FaceDataset, FaceSample
from training.data.fit import FitConfig
from training.data.photo_preparation import MainFaceLandmarker, find_labelled_face
from training.data.photos import calibrate

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

    Raises:
        LimelightError: it cannot be written.
    """
    offsets = np.zeros((0, 3), np.float32) if config.offsets is None else config.offsets
    names, gains = list(config.gains), list(config.gains.values())
    with whole_file(path, f"calibration {path}", shared=True) as partial, partial.open("wb") as file:
        np.savez(file, offsets=offsets, names=np.array(names, np.str_), gains=np.array(gains, np.float64))


def load_calibration(path: Path) -> FitConfig:
    """Read what `save_calibration` wrote.

    Raises:
        LimelightError: the file is damaged.
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
    stride = max(1, dataset.estimate() // count)
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

"""CelebA: 202,599 photos of 10,177 people with five points each, the data that the paper trains on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facemodel import LimelightError
from training.data.datasets.base import FaceDataset, FaceSample, Split

_FOLDERS = (".", "Img", "Anno", "Eval")
_IMAGES = ("img_align_celeba", "img_celeba", "img_align_celeba_png")
_SUFFIXES = (".jpg", ".png")
_SPLITS: Mapping[str, Split] = {"0": "train", "1": "validation", "2": "test"}
_LAST_TRAIN, _LAST_VALIDATION = 162770, 182637


class CelebA(FaceDataset):
    """`img_align_celeba` (or `img_celeba`, the photos as found) with the published text files.

    All may lie in one folder or in the download's own `Img`, `Anno` and `Eval`, the photos in a folder of the same name
    inside theirs and the text files as .csv, as another distribution has them. `list_landmarks_align_celeba.txt`
    (`list_landmarks_celeba.txt` for the photos as found) and `identity_CelebA.txt` may be absent: there are no
    points then, and everybody is somebody else. Without `list_eval_partition.txt` the partition follows from the
    file numbers, as published. A photo that a file does not list or lists wrongly is skipped. Points are kept as
    written: whether they count from 0 or 1 is not published.

    Source: Liu et al., "Deep learning face attributes in the wild", ICCV 2015.
    """

    layout = "CelebA"
    expected = "img_align_celeba/*.jpg or img_celeba/*.jpg"

    @classmethod
    def recognises(cls, root: Path) -> bool:
        return find_images(root) is not None

    def estimate(self) -> int:
        folder = find_images(self.root)
        return 0 if folder is None else sum(1 for path in folder.iterdir() if path.suffix in _SUFFIXES)

    def _entries(self) -> Iterator[FaceSample | LimelightError]:
        folder = find_images(self.root)
        if folder is None:
            return
        photos = {path.stem: path for path in folder.iterdir() if path.suffix in _SUFFIXES}
        aligned = "align" in folder.name
        landmarks = find_table(self.root, f"list_landmarks_{'align_' if aligned else ''}celeba.txt")
        identities = find_table(self.root, "identity_CelebA.txt")
        partition = find_table(self.root, "list_eval_partition.txt")
        for stem in sorted(set(photos).union(landmarks or (), identities or (), partition or ())):
            try:
                if stem not in photos:
                    raise LimelightError(f"photo {folder / stem}: no such file")
                yield FaceSample(
                    name=stem,
                    image=photos[stem],
                    person=person_of(stem, identities),
                    split=split_of(stem, partition),
                    landmarks5=None if landmarks is None else _points(stem, landmarks),
                )
            except LimelightError as error:
                yield error


def find_images(root: Path) -> Path | None:
    """Return the folder of the photos, the aligned ones where both are there."""
    folders = (root / part / name / inside for name in _IMAGES for part in _FOLDERS for inside in (name, "."))
    return next((folder for folder in folders if folder.is_dir()), None)


def find_table(root: Path, name: str) -> dict[str, list[str]] | None:
    """Return what a text file of CelebA says about each photo, by file name without suffix; None without the file.

    Raises LimelightError: the file is no text.
    """
    files = ((root / part / name).with_suffix(suffix) for part in _FOLDERS for suffix in (".txt", ".csv"))
    path = next((file for file in files if file.is_file()), None)
    if path is None:
        return None
    try:
        rows = [line.replace(",", " ").split() for line in path.read_text(encoding="utf-8").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise LimelightError(f"annotation {path}: unreadable ({error})") from error
    return {row[0].rpartition(".")[0]: row[1:] for row in rows if row and row[0].endswith(_SUFFIXES)}


def person_of(stem: str, identities: dict[str, list[str]] | None) -> str:
    """Return the name of the person on a photo of CelebA.

    Raises LimelightError: the photo is not in the list that there is.
    """
    if identities is None:
        return f"celeba/{stem}"
    if len(row := identities.get(stem, [])) != 1:
        raise LimelightError(f"photo {stem}: no identity in identity_CelebA.txt")
    return f"celeba person {row[0]}"


def split_of(stem: str, partition: dict[str, list[str]] | None) -> Split:
    """Return the part that a photo of CelebA belongs to.

    Raises LimelightError: the photo is not in the list that there is, or has no number where there is none.
    """
    if partition is not None:
        if (row := partition.get(stem)) is None or len(row) != 1 or row[0] not in _SPLITS:
            raise LimelightError(f"photo {stem}: no part in list_eval_partition.txt")
        return _SPLITS[row[0]]
    if not stem.isdecimal():
        raise LimelightError(f"photo {stem}: no number, so no part without list_eval_partition.txt")
    number = int(stem)
    return "train" if number <= _LAST_TRAIN else "validation" if number <= _LAST_VALIDATION else "test"


def _points(stem: str, landmarks: dict[str, list[str]]) -> NDArray[np.float32]:
    try:
        return np.array([float(text) for text in landmarks[stem]], np.float32).reshape(5, 2)
    except (KeyError, ValueError) as error:
        raise LimelightError(f"photo {stem}: no five points in the list of landmarks") from error

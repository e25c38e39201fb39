"""Public data sets in their published layouts, and any folder of photos.

    for sample in open_dataset("/data/CelebA"):
        picture = sample.picture()

`open_dataset` recognises CelebA and CelebAMask-HQ; everything else is a folder of photos. Missing and damaged files
cost one line each and are counted in `skipped`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from facemodel import LimelightError
from training.data.datasets.base import FaceDataset, FaceSample, Split, to_stderr
from training.data.datasets.celeba import CelebA
from training.data.datasets.celebamask_hq import CelebAMaskHQ, label_map
from training.data.datasets.folder import PhotoFolder
from training.data.photo_labels import default_photos

LAYOUTS: tuple[type[FaceDataset], ...] = (CelebAMaskHQ, CelebA, PhotoFolder)
"""The layouts in the order that they are tried in."""

__all__ = ["LAYOUTS", "FaceDataset", "FaceSample", "Split", "label_map", "open_dataset"]


def open_dataset(name_or_path: str | Path, report: Callable[[str], None] = to_stderr) -> FaceDataset:
    """Return the data set in a folder, whose layout is recognised.

    Args:
        name_or_path: a folder or a photo; or the name of one in the data folder (`LIMELIGHT_DATA`, or
            `../shared/sources`), such as `lfw` or `CelebA`.
        report: takes one line for every file that is skipped.
    Raises LimelightError: there is no such folder, or nothing in it that is known.
    """
    data = default_photos().parent
    places = [Path(name_or_path), *(data / part / name_or_path for part in (".", "eval", "photos"))]
    root = next((place for place in places if place.exists()), None)
    if root is None:
        raise LimelightError(f"data set {name_or_path}: no such folder, and none of that name in {data}")
    for layout in LAYOUTS:
        if layout.recognises(root):
            return layout(root, report)
    known = "; ".join(f"{layout.layout}: {layout.expected}" for layout in LAYOUTS)
    raise LimelightError(f"data set {root}: nothing known in it ({known})")

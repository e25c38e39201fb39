"""Readers of the photos that come with 68 landmarks: AFLW2000, dlib's examples, YouTube Faces."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray
from scipy.io import loadmat
from scipy.io.matlab import MatReadError

from facemodel import LimelightError

_UM_PER_MM = 1000.0  # the Basel model that AFLW2000's scale is for is in micrometres


@dataclass(frozen=True)
class LabelledPhoto:
    """One labelled face on a photo.

    Attributes:
        path: of the photo.
        landmarks: (68, 2) iBUG's points, px, (0, 0) the outer corner of the top-left pixel.
        euler: (yaw, pitch, roll) in radians with our signs, of the label's own face model; None without one.
        scale: px/mm of the label's head; None without one.
        alone: False where other faces may be on the photo.
    """

    path: Path
    landmarks: NDArray[np.float64]
    euler: tuple[float, float, float] | None = None
    scale: float | None = None
    alone: bool = True


def read_aflw2000(folder: Path) -> list[LabelledPhoto]:
    """Photos of a folder in AFLW2000-3D's published layout: NAME.jpg beside NAME.mat, by name.

    A .mat holds pt3d_68 (3, 68), MATLAB pixels whose first centre is 1, and Pose_Para (1, 7): pitch, -yaw, roll
    (radians), a translation and the scale in px/um.

    Source: Zhu et al., "Face alignment across large poses: a 3D solution", CVPR 2016.

    Raises:
        LimelightError: there is no such photo, or a label cannot be read.
    """
    photos = []
    for path in sorted(folder.glob("*.mat")):
        try:
            label = loadmat(path)
            points = np.asarray(label["pt3d_68"], np.float64)[:2].T - 0.5
            pitch, negative_yaw, roll, _, _, _, scale = (float(value) for value in label["Pose_Para"].ravel())
        except (OSError, ValueError, KeyError, TypeError, NotImplementedError, MatReadError) as error:
            raise LimelightError(f"label {path}: not one of AFLW2000's ({error})") from error
        _check_points(path, points)
        photos.append(LabelledPhoto(path.with_suffix(".jpg"), points, (-negative_yaw, pitch, roll), scale * _UM_PER_MM))
    return _some(photos, folder, "NAME.jpg with NAME.mat")


def read_dlib(folder: Path) -> list[LabelledPhoto]:
    """Faces of a folder with dlib's `*_with_face_landmarks.xml`; a face that two files list counts once.

    The points are another program's output, in whole pixels counted from 0 at the first centre.

    Raises:
        LimelightError: there is no such face, or a file cannot be read.
    """
    photos: dict[tuple[str, ...], LabelledPhoto] = {}
    for path in sorted(folder.glob("*_with_face_landmarks.xml")):
        try:
            images = ElementTree.parse(path).getroot().iter("image")
            for image in images:
                for box in image.iter("box"):
                    parts = {part.attrib["name"]: part for part in box.iter("part")}
                    if set(parts) < {f"{i:02d}" for i in range(68)}:
                        continue
                    points = np.array([(float(p.attrib["x"]), float(p.attrib["y"])) for _, p in sorted(parts.items())])
                    _check_points(path, points)
                    key = (image.attrib["file"], *(box.attrib[side] for side in ("left", "top", "width", "height")))
                    photos[key] = LabelledPhoto(folder / image.attrib["file"], points + 0.5, alone=False)
        except (OSError, ValueError, KeyError, ElementTree.ParseError) as error:
            raise LimelightError(f"labels {path}: not dlib's ({error})") from error
    return _some(list(photos.values()), folder, "*_with_face_landmarks.xml")


def read_ytf(folder: Path, names: Iterable[str] | None = None) -> list[LabelledPhoto]:
    """Photos of a folder with `landmarks68.csv`: file name, then x and y of each point, px.

    Args:
        folder: `photos/ytf` of the data folder.
        names: only these files; all if None.

    Raises:
        LimelightError: there is no such photo, or the file cannot be read.
    """
    path = folder / "landmarks68.csv"
    wanted = None if names is None else set(names)
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.reader(file))[1:]
        photos = []
        for name, *numbers in rows:
            if wanted is None or name in wanted:
                points = np.array([float(number) for number in numbers[:136]]).reshape(-1, 2)
                _check_points(path, points)
                photos.append(LabelledPhoto(folder / name, points))
    except (OSError, ValueError) as error:
        raise LimelightError(f"labels {path}: unreadable ({error})") from error
    return _some(photos, folder, "landmarks68.csv")


def _check_points(path: Path, points: NDArray) -> None:
    if points.shape != (68, 2) or not np.isfinite(points).all():
        raise LimelightError(f"label {path}: expected 68 finite points, got an array of shape {points.shape}")


def _some(photos: list[LabelledPhoto], folder: Path, what: str) -> list[LabelledPhoto]:
    if not photos:
        raise LimelightError(f"photos {folder}: no labelled face there; expected {what}")
    return photos

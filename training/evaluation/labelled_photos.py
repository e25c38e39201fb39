"""Photos that come with 68 landmarks, their readers, and the window around one labelled face."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.io import loadmat
from scipy.io.matlab import MatReadError

from facemodel import FaceModel, LimelightError

_UM_PER_MM = 1000.0  # the Basel model that AFLW2000's scale is for is in micrometres
_WINDOW, _LEAST_SIDE = 2.5, 320  # of a face's box; px


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
    """Read the photos of a folder in AFLW2000-3D's published layout: NAME.jpg beside NAME.mat, by name.

    A .mat holds pt3d_68 (3, 68), MATLAB pixels whose first centre is 1, and Pose_Para (1, 7): pitch, -yaw, roll
    (radians), a translation and the scale in px/um.

    Source: Zhu et al., "Face alignment across large poses: a 3D solution", CVPR 2016.

    Raises LimelightError: there is no such photo, or a label cannot be read.
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
    """Read the faces of a folder with dlib's `*_with_face_landmarks.xml`; a face that two files list counts once.

    The points are another program's output, in whole pixels counted from 0 at the first centre.

    Raises LimelightError: there is no such face, or a file cannot be read.
    """
    photos: dict[tuple[str, ...], LabelledPhoto] = {}
    for path in sorted(folder.glob("*_with_face_landmarks.xml")):
        try:
            for image in ElementTree.parse(path).getroot().iter("image"):
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
    """Read the photos `names`, or all, of a folder with `landmarks68.csv`: file name, then x and y of each point, px.

    Raises LimelightError: there is no such photo, or the file cannot be read.
    """
    path = folder / "landmarks68.csv"
    wanted = None if names is None else set(names)
    photos = []
    try:
        with path.open(newline="", encoding="utf-8") as file:
            for name, *numbers in list(csv.reader(file))[1:]:
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


@dataclass(frozen=True, eq=False)
class FaceWindow:
    """The part of a photo around one labelled face: figures are then of points, and less of finding.

    Attributes:
        picture: (H, W, 3) uint8 BGR, enlarged to 320 px where it is smaller.
        corner: (2,) px of the photo, of its top-left corner.
        zoom: px of the window for one of the photo.
    """

    picture: NDArray[np.uint8]
    corner: NDArray[np.float64]
    zoom: float

    @classmethod
    def around(cls, image: NDArray[np.uint8], landmarks: NDArray) -> FaceWindow:
        """Return the window of a photo (H, W, 3) around the face that landmarks (N, 2) px mark."""
        low, high = landmarks.min(axis=0), landmarks.max(axis=0)
        half = 0.5 * _WINDOW * float((high - low).max())
        left, top = np.maximum(np.floor(0.5 * (low + high) - half), 0).astype(int)
        right, bottom = np.ceil(0.5 * (low + high) + half).astype(int)
        window = image[top:bottom, left:right]
        zoom = max(1.0, _LEAST_SIDE / max(window.shape[:2]))
        if zoom > 1.0:
            size = (round(window.shape[1] * zoom), round(window.shape[0] * zoom))
            window = np.asarray(cv2.resize(window, size, interpolation=cv2.INTER_CUBIC), np.uint8)
        return cls(np.ascontiguousarray(window), np.array((left, top), float), zoom)

    def points_in_photo(self, points: NDArray) -> NDArray[np.float64]:
        """Return points (N, 2) px of the window in px of the photo."""
        return np.asarray(points, np.float64) / self.zoom + self.corner

    def in_photo(self, model: FaceModel, vector: NDArray[np.floating]) -> NDArray[np.floating]:
        """Return parameters (P,) in px of the window as those in px of the photo."""
        moved = np.array(vector)
        p = model.layout.view(moved)
        p.translation[:], p.scale = self.points_in_photo(p.translation), p.scale / self.zoom
        return moved


def is_same_face(points: NDArray, truth: NDArray) -> bool:
    """Return whether the middle of points (N, 2) lies in the tight box of the true ones: else they are another's."""
    middle = points.mean(axis=0)
    return bool((middle >= truth.min(axis=0)).all() and (middle <= truth.max(axis=0)).all())

"""Landmarks against points that people placed, beside MediaPipe's on the same pictures."""

from __future__ import annotations

import csv
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from facemodel import MEDIAPIPE_TO_IBUG68, LimelightError
from training.data.photo_labels import PhotoLandmarker
from training.evaluation.bootstrap import estimate
from training.evaluation.context import Context, Material, evenly
from training.evaluation.held_out import read_photo
from training.evaluation.labelled_photos import FaceWindow, is_same_face
from training.evaluation.measures import landmarks68_px
from training.evaluation.section import Findings, Measure, Section, count, ranked_cases

POINTS68: dict[int, str] = {
    8: "chin",
    30: "nose tip",
    33: "nose base",
    36: "right eye, outer corner",
    39: "right eye, inner corner",
    42: "left eye, inner corner",
    45: "left eye, outer corner",
    48: "right mouth corner",
    51: "upper lip",
    54: "left mouth corner",
    57: "lower lip",
    62: "inner edge of the upper lip",
    66: "inner edge of the lower lip",
}
"""iBUG's numbers of the points, in their order; right and left are the subject's."""

_PLACE = {number: place for place, number in enumerate(POINTS68)}


@dataclass(frozen=True)
class MarkedFace:
    """A face that people marked.

    Attributes:
        path: of the photo.
        points: (13, 2) px, in the order of POINTS68.
    """

    path: Path
    points: NDArray[np.float64]

    def offsets(self, points: NDArray) -> NDArray[np.float64]:
        """Return where points (13, 2) px lie from people's, (13, 2): toward the face's left and chin.

        As a fraction of the distance of the outer eye corners, along their line and at right angles to it; the face's
        left is the picture's right where the head is upright.
        """
        across = self.points[_PLACE[45]] - self.points[_PLACE[36]]
        square = float(across @ across)
        down = np.array((-across[1], across[0]))
        difference = np.asarray(points, np.float64) - self.points
        return np.stack([difference @ across, difference @ down], axis=1) / square


def read_people_points(folder: Path) -> list[MarkedFace]:
    """Return the faces of a folder with `points13.csv`: image, iBUG's number, x and y in px; one face an image.

    Raises LimelightError: the file cannot be read, or an image has not each point once.
    """
    path = folder / "points13.csv"
    marked: dict[str, dict[int, tuple[float, float]]] = {}
    try:
        with path.open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                points = marked.setdefault(row["image"], {})
                number = int(row["ibug_index"])
                if number in points:
                    raise ValueError(f"{row['image']} has point {number} twice")
                points[number] = (float(row["x"]), float(row["y"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise LimelightError(f"points {path}: unreadable ({error})") from error
    for name, points in marked.items():
        if set(points) != set(POINTS68) or not np.isfinite(list(points.values())).all():
            raise LimelightError(f"points {path}: {name} has not each of the points {', '.join(map(str, POINTS68))}")
    if not marked:
        raise LimelightError(f"points {path}: no face there")
    return [
        MarkedFace(folder / name, np.array([points[number] for number in POINTS68])) for name, points in marked.items()
    ]


def places(*numbers: int) -> list[int]:
    """Return the places of iBUG's numbers in the order of POINTS68."""
    return [_PLACE[number] for number in numbers]


FOLDER = ("eval", "people_points")
_PARTS = {
    "eyes": places(36, 39, 42, 45),
    "nose": places(30, 33),
    "mouth": places(48, 51, 54, 57, 62, 66),
    "chin": places(8),
}
_DOWN = {"chin": places(8), "lower_lip": places(57), "nose_tip": places(30)}
_OUTWARD = {"outer_corners": places(36, 45), "inner_corners": places(39, 42)}  # of each: right, left
_NUMBERS = list(POINTS68)


def measure(context: Context) -> Findings:
    """Find mean errors and common offsets of the faces that the network and MediaPipe both found."""
    material, model = context.material, context.model
    faces = material.kept("people's points", lambda: _faces(material))
    other = material.kept("MediaPipe's for people's points", lambda: _mediapipe(material, faces))
    own = np.full_like(other, np.nan)
    vectors: list[NDArray | None] = [None] * len(faces)
    for n, face in enumerate(tqdm(faces, unit="face", desc="people's points", leave=False)):
        window = FaceWindow.around(read_photo(face.path), face.points)
        found = context.live.find(window.picture)
        if found is not None:
            vector = window.in_photo(model, found)
            own[n] = _offsets(face, landmarks68_px(model, vector)[_NUMBERS])
            vectors[n] = vector if np.isfinite(own[n]).all() else None
    names = [face.path.name for face in faces]
    ours, theirs = (np.isfinite(offsets[:, 0, 0]) for offsets in (own, other))
    both = ours & theirs

    def figures(index: NDArray[np.int64]) -> dict[str, float]:
        used = index[both[index]]
        reference = {f"mediapipe_{key}": value for key, value in _figures(other[used]).items()}
        return _figures(own[used]) | reference | {"found": float(ours[index].mean())}

    estimated = estimate(figures, names)
    errors = np.linalg.norm(own, axis=2).mean(axis=1)
    pictures = [f"photo:{'/'.join(FOLDER)}/{name}" for name in names]
    return Findings(
        estimated.figures | {"faces": float(len(faces)), "compared": float(both.sum())},
        {"points, % of the distance of the outer eye corners": _table(own[both], other[both])},
        {"nme": ranked_cases(errors, pictures, vectors)},
        intervals=estimated.intervals,
    )


def _faces(material: Material) -> list[MarkedFace]:
    faces = read_people_points(material.folder(*FOLDER))
    return [faces[i] for i in evenly(len(faces), material.extent.people_points)]


def _mediapipe(material: Material, faces: list[MarkedFace]) -> NDArray[np.float64]:
    """`_offsets` (N, 13, 2) of MediaPipe's points in the same windows that the network is shown."""
    offsets = np.full((len(faces), len(POINTS68), 2), np.nan)
    with closing(PhotoLandmarker(material.landmarker)) as landmarker:
        for n, face in enumerate(tqdm(faces, unit="face", desc="MediaPipe's points", leave=False)):
            window = FaceWindow.around(read_photo(face.path), face.points)
            seen = landmarker(np.ascontiguousarray(window.picture[..., ::-1]))
            if seen is not None:
                points = seen[0][MEDIAPIPE_TO_IBUG68[_NUMBERS], :2]
                offsets[n] = _offsets(face, window.points_in_photo(points))
    return offsets


def _offsets(face: MarkedFace, points: NDArray[np.float64]) -> NDArray[np.float64]:
    """`MarkedFace.offsets` (13, 2), NaN where the points are another face's."""
    return face.offsets(points) if is_same_face(points, face.points) else np.full(points.shape, np.nan)


def _figures(offsets: NDArray[np.float64]) -> dict[str, float]:
    """Mean errors and common offsets of faces (N, 13, 2)."""
    if not len(offsets):
        return {}
    errors, common = np.linalg.norm(offsets, axis=2), offsets.mean(axis=0)  # (N, 13), (13, 2)
    return (
        {"nme": float(errors.mean())}
        | {part: float(errors[:, at].mean()) for part, at in _PARTS.items()}
        | {"offset": float(np.linalg.norm(common, axis=1).max())}
        | {f"{name}_down": float(common[at, 1].mean()) for name, at in _DOWN.items()}
        | {f"{name}_outward": float(common[at, 0] @ (-0.5, 0.5)) for name, at in _OUTWARD.items()}
    )


def _table(own: NDArray[np.float64], other: NDArray[np.float64]) -> dict[str, dict[str, float]]:
    """Error and common offset of each point."""
    table = {}
    for place, name in enumerate(POINTS68.values()):
        table[name] = {
            f"{who}{column}": 100.0 * float(value)
            for who, offsets in (("", own[:, place]), ("MediaPipe: ", other[:, place]))
            if len(offsets)
            for column, value in (
                ("error", np.linalg.norm(offsets, axis=1).mean()),
                ("to the face's left", offsets[:, 0].mean()),
                ("toward the chin", offsets[:, 1].mean()),
            )
        }
    return table


def _beside(key: str, title: str, larger_is_better: bool | None = False) -> tuple[Measure, Measure]:
    return (
        Measure(key, title, "%", larger_is_better=larger_is_better),
        Measure(f"mediapipe_{key}", "the same, MediaPipe", "%", larger_is_better=None),
    )


SECTION = Section(
    "people",
    "Points that people placed",
    "Thirteen points of each face, of eyes, nose, mouth and chin, in per cent of the distance of people's outer eye "
    "corners; network and MediaPipe see the same window around the face, and count where both find it. An offset is "
    "what all faces have in common, along the line of the outer eye corners and at right angles to it. People's points "
    "are nobody's labels: no network was trained on them, and no other program placed them.",
    (
        count("faces", "faces"),
        Measure("found", "found", "%", larger_is_better=True, digits=1),
        count("compared", "found by both"),
        *_beside("nme", "mean error"),
        *_beside("eyes", "eye corners"),
        *_beside("nose", "nose"),
        *_beside("mouth", "mouth"),
        *_beside("chin", "chin"),
        *_beside("offset", "largest common offset of a point"),
        *_beside("chin_down", "chin: too low by", None),
        *_beside("lower_lip_down", "lower lip: too low by", None),
        *_beside("nose_tip_down", "nose tip: too low by", None),
        *_beside("outer_corners_outward", "outer eye corners: too far outward by", None),
        *_beside("inner_corners_outward", "inner eye corners: too far outward by", None),
    ),
    measure,
)

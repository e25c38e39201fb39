"""Faces on which people placed thirteen points, and offsets from them."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facemodel import LimelightError

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

    Raises:
        LimelightError: the file cannot be read, or an image has not each point once.
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

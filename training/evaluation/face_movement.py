"""How far lips, lids and brows are from where they should be, and how far mouth and eyes are open, in mm.

Expression weights are a bad unit, since many shapes look alike: what is seen is where the points go.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from facemodel import FaceModel
from facemodel.mediapipe_outlines import INNER_LIPS, LEFT_BROW, LEFT_EYE, OUTER_LIPS, RIGHT_BROW, RIGHT_EYE

PARTS: dict[str, tuple[int, ...]] = {
    "lips": OUTER_LIPS + INNER_LIPS,
    "lids": RIGHT_EYE + LEFT_EYE,
    "brows": RIGHT_BROW + LEFT_BROW,
}
"""Points of MediaPipe's 478."""


def _facing(outline: tuple[int, ...], places: range) -> tuple[list[int], list[int]]:
    """Points of a closed outline's first half, and those of its second half that they face."""
    return [outline[i] for i in places], [outline[-i] for i in places]


_OPENINGS = {
    "lip_gap": (_facing(INNER_LIPS, range(3, 8)),),  # the middle five of nine
    "lid_opening": (_facing(RIGHT_EYE, range(3, 6)), _facing(LEFT_EYE, range(3, 6))),  # the middle three of seven
}
"""Lower points of MediaPipe's 478, and the upper ones that they face: of the mouth; of each eye."""


class ExpressionMovement:
    """Moves a face model's points by expression weights; head pose and identity are the truth's, so neither counts.

    Args:
        model: whose expressions move MediaPipe's points linearly.
    """

    def __init__(self, model: FaceModel) -> None:
        self._points = model.landmarks478(model.mean)  # (478, 3)
        self._identity, self._expression = (
            np.stack([model.landmarks478(shape) for shape in basis]).astype(np.float64)
            for basis in (model.identity, model.expression)
        )  # (Ni, 478, 3), (Ne, 478, 3)

    def errors(self, weights: NDArray, truth: NDArray) -> dict[str, NDArray[np.float64]]:
        """Return the mean distance of each part's points from where the true weights move them.

        Args:
            weights, truth: (N, Ne).

        Returns:
            {part of PARTS: (N,) mm}.
        """
        difference = np.asarray(weights, np.float64) - truth
        return {
            part: np.linalg.norm(np.tensordot(difference, self._expression[:, list(points)], axes=1), axis=2).mean(1)
            for part, points in PARTS.items()
        }

    def openings(self, weights: NDArray, identity: NDArray) -> dict[str, NDArray[np.float64]]:
        """Return how far mouth and eyes are open along the head's up axis; 0 where lips or lids overlap.

        Args:
            weights: (N, Ne).
            identity: (N, Ni), of the same people.

        Returns:
            {"lip_gap": (N, 1) mm, "lid_opening": (N, 2) mm of the right and the left eye}.
        """
        at_rest, by_person, by_weight = self._points[None], self._identity, self._expression
        return {
            name: np.maximum(
                0.0,
                np.stack(
                    [
                        _gap(at_rest, *pair)
                        + np.asarray(identity, float) @ _gap(by_person, *pair)
                        + np.asarray(weights, float) @ _gap(by_weight, *pair)
                        for pair in pairs
                    ],
                    axis=1,
                ),
            )
            for name, pairs in _OPENINGS.items()
        }


def _gap(points: NDArray, lower: list[int], upper: list[int]) -> NDArray[np.float64]:
    """How much higher the upper points lie, (N, 478, 3) to (N,)."""
    return (points[:, upper, 1] - points[:, lower, 1]).mean(axis=1)


def picture_openings(points: NDArray, scale: float) -> dict[str, NDArray[np.float64]]:
    """Return how far mouth and eyes are open in a picture.

    Args:
        points: (478, 2) px.
        scale: of the head, px/mm.

    Returns:
        {"lip_gap": (1,) mm, "lid_opening": (2,) mm of the right and the left eye}, never below 0.
    """
    return {
        name: np.array([np.linalg.norm(points[up] - points[low], axis=1).mean() / scale for low, up in pairs])
        for name, pairs in _OPENINGS.items()
    }

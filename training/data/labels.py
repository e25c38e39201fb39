"""Labels of a photograph from two readers of it: MediaPipe's points and scores, and the face model fitted to them.

Neither is right everywhere. Against points that people placed, MediaPipe's outline and nose are better than the
fit's, whose chin stands 2.4 % of the eyes' distance too low; at eyes, lips and brows the mean of both is better than
either. MediaPipe hardly ever scores some expressions, so photographs say nothing about them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import lsq_linear

from facemodel import ARKIT_NAMES, FaceModel
from facemodel.mediapipe_outlines import FACE_OVAL, LEFT_EYE, NOSE_RIDGE, RIGHT_EYE, facing
from training.data.fit import at_landmarks, project_landmarks, shut_share

_UPPER_LIP = np.array([13, 82, 312, 81, 311, 80, 310, 191, 415])
_LOWER_LIP = np.array([14, 87, 317, 178, 402, 88, 318, 95, 324])
"""Inner edge of the lips, from the middle to the corners."""

UNSCORED = (
    *("cheekPuff", "cheekSquintLeft", "cheekSquintRight", "jawForward", "jawLeft", "jawRight"),
    *("noseSneerLeft", "noseSneerRight", "tongueOut"),
)
"""Expressions whose scores by MediaPipe stay below 0.05 on 99 of 100 photographs; renders alone teach them."""
_FIT_SHARE = 0.5
"""Of the fit in a point's target; the rest is MediaPipe's, and so is all of it on the outline and along the nose."""
_DISAGREEMENT_MM = 4.0
"""Distance of the readers' points at which a point's weight is halved."""
_SHUT_MM, _LIP_DEVIATION_MM = 0.6, 0.03
"""Lips that are nearer to each other in MediaPipe's points are shut; standard deviation of a lip gap that is shut."""
_LOWER_LID_SHARE = 0.3
"""Of the way between lids that shut, which the lower one goes."""
_WEIGHT_DEVIATION = 0.15  # of the expression weights that may change to shut it


def label_points(
    model: FaceModel, vectors: NDArray, landmarks: NDArray
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return targets (N, 478, 2) px of the landmarks of N photographs, and their weights (N, 478), 0..1.

    A weight says how far the readers agree on a point; that the outline counts less is the loss's business
    (`training.losses.label_losses.landmark_weights`).

    Args:
        model: the face model.
        vectors: (N, P) calibrated fits in the photographs' px, before `shut_lips`, which moves the lips' other points.
        landmarks: (N, 478, 2+) px, MediaPipe's.
    """
    theirs = np.asarray(landmarks, np.float32)[..., :2]
    fitted = project_landmarks(model, vectors)
    share = np.full((478, 1), _FIT_SHARE, np.float32)
    share[[*FACE_OVAL, *NOSE_RIDGE]] = 0.0
    targets = theirs + share * (fitted - theirs)  # (N, 478, 2)
    scale = vectors[:, model.layout.slices["scale"]]  # (N, 1) px/mm
    weights = 1.0 / (1.0 + (np.linalg.norm(fitted - theirs, axis=2) / (scale * _DISAGREEMENT_MM)) ** 2)  # (N, 478)
    shut = _are_shut(theirs, scale)
    middle = 0.5 * (targets[:, _UPPER_LIP] + targets[:, _LOWER_LIP])  # (N, 9, 2)
    for lip in (_UPPER_LIP, _LOWER_LIP):
        targets[:, lip] = np.where(shut[:, None, None], middle, targets[:, lip])
    return targets, weights.astype(np.float32)


def shut_lips(model: FaceModel, vectors: NDArray, landmarks: NDArray) -> NDArray[np.float32]:
    """Return fits (N, P) whose lips meet where MediaPipe's are shut, by the least change of expression weights.

    Args:
        model: the face model.
        vectors: (N, P) constrained fits in the photographs' px.
        landmarks: (N, 478, 2+) px, MediaPipe's.
    """
    layout = model.layout
    out = np.array(vectors, np.float32)
    chosen = np.flatnonzero(_are_shut(np.asarray(landmarks)[..., :2], out[:, layout.slices["scale"]]))
    basis = at_landmarks(model, np.concatenate([model.identity, model.expression]))  # (K, 478, 3)
    change = (basis[:, _UPPER_LIP[:5]] - basis[:, _LOWER_LIP[:5]])[..., 1]  # (K, 5) mm of the gap per coefficient
    points = model.landmarks478(model.mean)
    mean_gap = (points[_UPPER_LIP[:5]] - points[_LOWER_LIP[:5]])[:, 1]  # (5,) mm
    names = model.expression_names
    lips = np.flatnonzero([name.startswith(("mouth", "jawOpen")) and name != "mouthClose" for name in names])
    if not len(lips):
        return out
    moves = change[len(model.identity) :][lips]  # (L, 5)
    system = np.concatenate([moves.T / _LIP_DEVIATION_MM, np.eye(len(lips)) / _WEIGHT_DEVIATION])
    for i in chosen:
        p = layout.view(out[i])
        gap = mean_gap + np.concatenate([p.identity, p.expression]) @ change  # (5,)
        low, high = (bound - p.expression[lips] for bound in model.expression_range)
        if layout.mouth_close_and_jaw_open is not None:  # mouthClose stays, and at most jawOpen
            close, jaw = layout.mouth_close_and_jaw_open
            low[lips == jaw] = p.expression[close] - p.expression[jaw]
        wanted = np.concatenate([-gap / _LIP_DEVIATION_MM, np.zeros(len(lips))])
        p.expression[lips] += lsq_linear(system, wanted, (low - 1e-6, high + 1e-6)).x.astype(np.float32)
        out[i] = layout.constrain(out[i])
    return out


def shut_lids(landmarks: NDArray, scores: NDArray) -> NDArray[np.float32]:
    """Return MediaPipe's points (N, 478, 2+) with the lids of shut eyes together: it leaves 1 to 3 mm between them.

    Args:
        landmarks: (N, 478, 2+) px.
        scores: (N, 52), MediaPipe's, which tell shut eyes.
    """
    out = np.array(landmarks, np.float32)
    for eye, shut in zip((LEFT_EYE, RIGHT_EYE), shut_share(scores).T, strict=True):
        lower, upper = facing(eye, range(1, 8))  # all between the corners
        gap = shut[:, None, None] * (out[:, lower, :2] - out[:, upper, :2])  # (N, 7, 2)
        out[:, upper, :2] += (1.0 - _LOWER_LID_SHARE) * gap
        out[:, lower, :2] -= _LOWER_LID_SHARE * gap
    return out


def scored_expressions() -> NDArray[np.bool_]:
    """Return which expressions (52,) in ARKIT_NAMES order a photograph's label says something about."""
    return np.array([name not in UNSCORED for name in ARKIT_NAMES], bool)


def _are_shut(landmarks: NDArray, scale: NDArray) -> NDArray[np.bool_]:
    """Return whether the lips of MediaPipe's points (N, 478, 2) px meet, at scales (N, 1) px/mm."""
    gaps = np.linalg.norm(landmarks[:, _UPPER_LIP[:5]] - landmarks[:, _LOWER_LIP[:5]], axis=2) / scale  # (N, 5)
    return np.asarray(gaps.max(axis=1) < _SHUT_MM)

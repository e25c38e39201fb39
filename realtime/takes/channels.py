"""What animators and exporters want from a take: ARKit's 52 weights, the head in degrees and mm, the light."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facemodel import ARKIT_NAMES, LimelightError, ParameterLayout
from facemodel.rotation import matrix_from_6d, matrix_to_euler
from realtime.takes.take import Track

FIELD_OF_VIEW = np.radians(60.0)
"""Horizontal, of the full frame: gives the depth that weak perspective does not know."""


@dataclass(frozen=True, eq=False)
class Channels:
    """Head and light of a face, N frames. A row is NaN where the take has no parameters for it.

    Attributes:
        head_angles: (N, 3) yaw, pitch, roll in degrees: nose to image right, up, clockwise in the picture.
        head_position: (N, 3) mm in the camera's frame, +x image right, +y up, +z toward the camera; depth is
            that of a camera with a horizontal field of view of 60 degrees.
        translation: (N, 2) tx, ty: the head centre in frame pixels.
        scale: (N,) px/mm.
        sh: (N, 9, 3) SH light, irradiance / pi, linear RGB.
        key_position: (N, 3) mm from the head centre.
        key_color: (N, 3) linear RGB.
        shininess: (N,).
    """

    head_angles: NDArray[np.float64]
    head_position: NDArray[np.float64]
    translation: NDArray[np.float32]
    scale: NDArray[np.float32]
    sh: NDArray[np.float32]
    key_position: NDArray[np.float32]
    key_color: NDArray[np.float32]
    shininess: NDArray[np.float32]


def channels_of(track: Track, raw: bool = False) -> Channels:
    """Return the channels of one face of a take.

    Args:
        track: N frames.
        raw: the network's own parameters instead of the smoothed ones.
    """
    layout = track.header.layout
    vectors = track.raw if raw else track.smoothed  # (N, P)
    group = {name: vectors[:, span] for name, span in layout.slices.items()}
    known = ~np.isnan(vectors[:, 0])
    angles = np.full((len(track), 3), np.nan)
    yaw_pitch_roll = matrix_to_euler(matrix_from_6d(group["rotation"][known].astype(float)))
    angles[known] = np.degrees(np.stack(yaw_pitch_roll, axis=-1))
    translation, scale = group["translation"], group["scale"][:, 0]
    return Channels(
        head_angles=angles,
        head_position=head_position(translation, scale, track.size),
        translation=translation,
        scale=scale,
        sh=group["sh"].reshape(-1, 9, 3),
        key_position=group["key_position"],
        key_color=group["key_color"],
        shininess=group["shininess"][:, 0],
    )


def head_position(translation: NDArray, scale: NDArray, size: NDArray) -> NDArray[np.float64]:
    """Return where the head centre is, in mm in the camera's frame, from its weak-perspective pose.

    Args:
        translation: (N, 2) frame pixels.
        scale: (N,) px/mm.
        size: (N, 2) width and height of each frame, px.

    Returns:
        (N, 3): x and y off the optical axis, z = -F / f with F the focal length of `FIELD_OF_VIEW` in pixels.
    """
    f = np.asarray(scale, float)
    focal = 0.5 * size[:, 0] / np.tan(0.5 * FIELD_OF_VIEW)
    x, y = ((np.asarray(translation, float) - 0.5 * size) / f[:, None]).T
    return np.stack([x, -y, -focal / f], axis=-1)


def arkit_weights(track: Track, raw: bool = False) -> NDArray[np.float32]:
    """Return (N, 52) expression weights 0..1 in the order of `ARKIT_NAMES`, mouthClose at most jawOpen.

    A shape that the face model splits into NAMELeft and NAMERight becomes their mean; one that it lacks stays 0.
    Rows are NaN where the take has no parameters.

    Raises:
        LimelightError: the face model's expressions are not ARKit's.
    """
    layout = track.header.layout
    weights = (track.raw if raw else track.smoothed)[:, layout.slices["expression"]]  # (N, E)
    sources = _arkit_columns(layout)
    if not any(sources):
        raise LimelightError("its face model has no ARKit expressions; export it as npz, which keeps the model's own")
    result = np.zeros((len(weights), len(ARKIT_NAMES)), np.float32)
    for i, columns in enumerate(sources):
        if columns:
            result[:, i] = weights[:, columns].mean(axis=1)
    result[np.isnan(weights).any(axis=1)] = np.nan
    np.clip(result, 0.0, 1.0, out=result)
    close, jaw = ARKIT_NAMES.index("mouthClose"), ARKIT_NAMES.index("jawOpen")
    result[:, close] = np.minimum(result[:, close], result[:, jaw])
    return result


def has_arkit_expressions(layout: ParameterLayout) -> bool:
    """Return whether a face model's expressions can be given ARKit's names."""
    return any(_arkit_columns(layout))


def _arkit_columns(layout: ParameterLayout) -> list[list[int]]:
    """For each of ARKit's 52 names the model's expressions that make it up."""
    column = {name: i for i, name in enumerate(layout.expression_names)}
    return [
        [column[name]]
        if name in column
        else [column[side] for side in (f"{name}Left", f"{name}Right") if side in column]
        for name in ARKIT_NAMES
    ]

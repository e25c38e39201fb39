"""BVH: head and eyes as a skeleton, in cm; the face itself has no room in it.

+y is up, and the head at rest looks along +z. Angles are degrees about y, x and z, in this order. The frames of a BVH
file come at even times, and it has no word for a missing face: the last pose is held.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facemodel import LimelightError
from facemodel.channels import Channels
from facemodel.rotation import matrix_from_euler, matrix_to_yxz
from realtime.takes.clip import Clip

extension = ".bvh"

_CM = 0.1
"""Of a mm."""

_EYES = ((32.0, 0.0, 60.0), (-32.0, 0.0, 60.0))
"""mm from the head centre, where the model is missing: the subject's left eye, then the right."""

_HEAD = """\
HIERARCHY
ROOT Head
{
  OFFSET 0.0 0.0 0.0
  CHANNELS 6 Xposition Yposition Zposition Yrotation Xrotation Zrotation
"""

_EYE = """\
  JOINT %sEye
  {
    OFFSET %.5f %.5f %.5f
    CHANNELS 3 Yrotation Xrotation Zrotation
    End Site
    {
      OFFSET 0.0 0.0 1.2
    }
  }
"""

_FRAME = " ".join(["%.5f"] * 12) + "\n"


def write(clip: Clip, path: Path) -> None:
    """See `Exporter`."""
    clip = clip.even
    with path.open("w", newline="", encoding="ascii") as file:
        file.write(_HEAD)
        for side, centre in zip(("Left", "Right"), _eye_centres(clip), strict=True):
            file.write(_EYE % (side, *(_CM * centre)))
        file.write(f"}}\nMOTION\nFrames: {len(clip)}\nFrame Time: {1.0 / clip.fps:.9f}\n")
        turns = np.zeros((3, 3))
        for block in clip.held_blocks():
            turned = _continuous(_rotations(block.channels), turns)
            turns = turned[-1]
            rows = np.concatenate([_CM * block.channels.head_position, turned.reshape(-1, 9)], axis=1)
            file.writelines(_FRAME % tuple(row) for row in rows.tolist())


def _eye_centres(clip: Clip) -> NDArray[np.floating]:
    try:
        return clip.model.eye_centres
    except LimelightError:
        return np.array(_EYES)


def _rotations(channels: Channels) -> NDArray[np.float64]:
    """(N, 3, 3) degrees about y, x and z of the head, the left eye and the right eye."""
    eyes = np.radians(channels.eye_angles)
    eye_rotation = matrix_from_euler(eyes[..., 0], eyes[..., 1], 0.0)  # (N, 2, 3, 3)
    rotations = np.concatenate([channels.head_rotation[:, None], eye_rotation], axis=1)  # (N, 3, 3, 3)
    return np.degrees(np.stack(matrix_to_yxz(rotations), axis=-1))


def _continuous(angles: NDArray[np.float64], last: NDArray[np.float64]) -> NDArray[np.float64]:
    """Angles (N, ...), degrees, without jumps by a full turn; `last` (...) stands before the first."""
    return np.unwrap(np.concatenate([last[None], angles]), period=360.0, axis=0)[1:]

"""How a head moves in a clip, and where its light stands: what 3-D formats store per frame."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facemodel.channels import Channels
from facemodel.rotation import matrix_from_euler, matrix_to_quaternion
from realtime.takes.clip import Clip
from realtime.takes.scene.head import METRES


@dataclass(frozen=True, eq=False)
class Motion:
    """Consecutive frames of a head, N of them, in the camera's frame: +x image right, +y up, +z toward the camera.

    Quaternions are x, y, z, w, unit, and never jump to their negative from one frame to the next.

    Attributes:
        time: (N,) float64 seconds from the clip's first frame, strictly increasing.
        channels: (N, C), a frame without the face as the last one with it.
        head_position: (N, 3) metres.
        head_rotation: (N, 4) quaternions.
        eye_rotations: (N, 2, 4) quaternions in the head's frame, the subject's left eye first.
        key_position: (N, 3) metres, of the key light.
    """

    time: NDArray[np.float64]
    channels: Channels
    head_position: NDArray[np.float64]
    head_rotation: NDArray[np.float64]
    eye_rotations: NDArray[np.float64]
    key_position: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.time)


@dataclass(frozen=True)
class ClipInfo:
    """What a scene says of its clip.

    Attributes:
        fps: frames a second.
        aspect: width of the frame divided by its height.
        timecode: of the first frame; None where none was given or recorded.
    """

    fps: float
    aspect: float
    timecode: str | None

    @classmethod
    def of(cls, clip: Clip) -> ClipInfo:
        """Return what a clip's first frame says."""
        first = next(clip.blocks())
        width, height = first.size[0].tolist()
        return cls(clip.fps, width / height, str(clip.timecodes(first)[0]) if clip.has_timecode else None)


def motion_of(clip: Clip) -> Iterator[Motion]:
    """Read a clip block by block, with the face held where it is not there.

    A frame that is not later than the one before it is left out: such a clock stood still, and a curve has one value at
    a time.

    Raises:
        LimelightError: nobody is in the clip.
    """
    start: float | None = None
    time, head, eyes = -np.inf, np.array([0.0, 0.0, 0.0, 1.0]), np.tile([0.0, 0.0, 0.0, 1.0], (2, 1))
    for block in clip.held_blocks():
        start = float(block.time[0]) if start is None else start
        times = block.time - start
        later = times > np.maximum.accumulate(np.concatenate([[time], times[:-1]]))
        if not later.any():
            continue
        channels, times = Channels(block.channels.rows[later]), times[later]
        yaw, pitch, roll = np.moveaxis(np.radians(channels.head_angles), -1, 0)
        head_rotation = _continuous(matrix_to_quaternion(matrix_from_euler(yaw, pitch, roll)), head)
        eye_yaw, eye_pitch = np.moveaxis(np.radians(channels.eye_angles), -1, 0)  # (N, 2) each
        eye_rotations = _continuous(matrix_to_quaternion(matrix_from_euler(eye_yaw, eye_pitch, 0.0)), eyes)
        time, head, eyes = float(times[-1]), head_rotation[-1], eye_rotations[-1]
        position = channels.head_position * METRES
        yield Motion(
            time=times,
            channels=channels,
            head_position=position,
            head_rotation=head_rotation,
            eye_rotations=eye_rotations,
            key_position=position + channels.key_position * METRES,
        )


def _continuous(quaternions: NDArray[np.float64], last: NDArray[np.float64]) -> NDArray[np.float64]:
    """Quaternions (N, ..., 4), each with the sign nearer to the one before it; `last` (..., 4) is before the first."""
    before = np.concatenate([last[None], quaternions[:-1]])
    flips = np.where((before * quaternions).sum(axis=-1) < 0.0, -1.0, 1.0)
    return quaternions * np.cumprod(flips, axis=0)[..., None]

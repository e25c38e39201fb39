"""Live Link Face's CSV, which Epic's app for iPhones records and many programs import.

Columns have names; the right side stands first where the jaw and the mouth go sideways, unlike in the app's stream.
Timecode counts 60 frames a second at any rate. Angles are radians. Head: yaw > 0 to the subject's left, pitch > 0 up,
roll > 0 the top of the head to the subject's right. Eyes: yaw > 0 to the subject's right, pitch > 0 down, roll 0. The
format has no word for a missing face: the last pose is held.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facemodel import ARKIT_NAMES
from facemodel.channels import Channels
from facemodel.rotation import matrix_from_euler, matrix_to_yxz
from realtime.frame_rate import Timecode
from realtime.takes.clip import Clip

extension = ".csv"

_SIDEWAYS = ("jawLeft", "jawRight", "mouthLeft", "mouthRight")


def _swapped(name: str) -> str:
    other = name.replace("Left", "Right") if name.endswith("Left") else name.replace("Right", "Left")
    return other if name in _SIDEWAYS else name


_NAMES = tuple(_swapped(name) for name in ARKIT_NAMES)
_ORDER = np.array([ARKIT_NAMES.index(name) for name in _NAMES])
_ANGLES = tuple(f"{part}{angle}" for part in ("Head", "LeftEye", "RightEye") for angle in ("Yaw", "Pitch", "Roll"))

COLUMNS: tuple[str, ...] = (
    *("Timecode", "BlendShapeCount"),
    *(name[0].upper() + name[1:] for name in _NAMES),
    *_ANGLES,
)
"""63 of them."""

_HEAD_SIGNS, _EYE_SIGNS = np.array([1.0, -1.0, 1.0]), np.array([-1.0, 1.0, 0.0])
"""Of turns about y, x and z; as in `realtime.streams.livelink`. The direction of an eye has no roll."""

_COUNTED = 60
"""Frames that its timecode counts in a second."""

_ROW = f"%s,{len(COLUMNS) - 2}" + ",%.10f" * (len(COLUMNS) - 2) + "\n"


def write(clip: Clip, path: Path) -> None:
    """See `Exporter`."""
    clip.require_arkit()
    with path.open("w", newline="", encoding="ascii") as file:
        file.write(",".join(COLUMNS) + "\n")
        for block in clip.held_blocks():
            timecodes = map(timecode_text, clip.timecodes(block))
            for timecode, row in zip(timecodes, values(block.channels).tolist(), strict=True):
                file.write(_ROW % (timecode, *row))


def values(channels: Channels) -> NDArray[np.float64]:
    """Return the 61 values of each row, (N, 61): 52 weights, then yaw, pitch and roll, radians, of head and eyes."""
    eyes = np.moveaxis(np.radians(channels.eye_angles), -1, 0)  # (2, N, 2): yaw and pitch, left and right
    head = np.stack(matrix_to_yxz(channels.head_rotation), axis=-1)  # (N, 3)
    gaze = np.stack(matrix_to_yxz(matrix_from_euler(eyes[0], eyes[1], 0.0)), axis=-1)  # (N, 2, 3)
    head, gaze = head * _HEAD_SIGNS, gaze * _EYE_SIGNS
    return np.concatenate([channels.weights[:, _ORDER], head, gaze.reshape(-1, 6)], axis=1)


def timecode_text(timecode: Timecode) -> str:
    """Return timecode as the app writes it, HH:MM:SS:FF.fff with 60 frames a second."""
    hours, minutes, seconds, frames = timecode.fields
    thousandths = int((frames + timecode.subframe) * 1000 * _COUNTED / timecode.rate.base + 1e-6)
    return f"{hours:02d}:{minutes:02d}:{seconds:02d}:{thousandths // 1000:02d}.{thousandths % 1000:03d}"

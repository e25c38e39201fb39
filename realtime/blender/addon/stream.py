"""Reads the messages of Limelight's WebSocket stream."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from .motion import Motion, eye_quaternions, head_quaternions


def read_message(text: str, face: int = 0) -> Motion | None:
    """Return the face in a message as a motion of one frame; None where there is none, or no such message.

    Args:
        text: JSON of version 1, as the schema of Limelight's stream `ws` says.
        face: which of those in the message; 0 is the performer.
    """
    try:
        message = json.loads(text)
        if message["version"] != 1:
            return None
        one = message["faces"][face]
        weights: dict[str, float] = one["weights"]
        return Motion(
            names=tuple(weights),
            time=np.array([float(message["time"])]),
            weights=np.array([list(weights.values())], float),
            head_position=0.001 * _numbers(one["head"]["position"], 3),
            head_rotation=head_quaternions(_numbers([one["head"][angle] for angle in ("yaw", "pitch", "roll")], 3)),
            eye_rotations=eye_quaternions(
                _numbers([[one["eyes"][side][angle] for angle in ("yaw", "pitch")] for side in ("left", "right")], 2, 2)
            ),
        )
    except (KeyError, IndexError, TypeError, ValueError):
        return None


def _numbers(values: Any, *shape: int) -> np.ndarray:
    """(1, *shape)."""
    return np.array(values, float).reshape(1, *shape)

"""What VTube Studio is told: its default tracking parameters, and our own, from a row of channels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facemodel import ARKIT_NAMES
from facemodel.channels import Channels
from realtime.streams.conventions import head_yaw_pitch_roll

_RESTING = 600.0
"""mm from the camera at which FacePositionZ is 0."""


@dataclass(frozen=True)
class OwnParameter:
    """A parameter that we create in VTube Studio.

    Attributes:
        name: 4 to 32 letters and digits, VTube Studio's rule.
        explanation: fewer than 256 characters.
        low, high: what a new mapping begins with; values may be beyond.
    """

    name: str
    explanation: str
    low: float = 0.0
    high: float = 1.0


def _own() -> tuple[OwnParameter, ...]:
    weights = [OwnParameter(f"Limelight{name[0].upper()}{name[1:]}", f"ARKit's {name}, 0 to 1") for name in ARKIT_NAMES]
    ways = (("X", "image right"), ("Y", "above"), ("Z", "the camera"))
    key = [OwnParameter(f"LimelightKey{axis}", f"the key light comes from {way}", -1.0) for axis, way in ways]
    colors = [
        OwnParameter(f"Limelight{what}{color}", f"{color.lower()} of {title}, linear")
        for what, title in (("Key", "the key light"), ("Light", "the light from everywhere"), ("Skin", "the skin"))
        for color in ("Red", "Green", "Blue")
    ]
    return (*weights, *key, *colors)


OWN_PARAMETERS = _own()
"""ARKit's 52 weights first, then the light and the skin: 64 of the 100 that a plugin may have."""


def own_values(channels: Channels, skin: NDArray) -> dict[str, float]:
    """Return the values of our own parameters.

    Args:
        channels: (C,) of the face.
        skin: (3,) linear RGB, the mean albedo of the face.
    """
    direction = channels.key_position / max(float(np.linalg.norm(channels.key_position)), 1e-9)
    everywhere = 0.282095 * channels.sh[0]
    values = np.concatenate([channels.weights, direction, channels.key_color, everywhere, skin])
    return dict(zip((parameter.name for parameter in OWN_PARAMETERS), values.tolist(), strict=True))


def default_values(channels: Channels) -> dict[str, float]:
    """Return the values of VTube Studio's default parameters.

    The model does what the person does: who turns to their own left turns the model to its own, which is the screen's
    right. FaceAngleX, FaceAngleZ, FacePositionX and MouthX rise toward the subject's left, the eyes' X toward the
    right: VTube Studio's models map it the other way round. Positions are in cm, FacePositionZ in 5 cm beyond 60 cm.
    Brows and MouthSmile are 0.5 at rest.
    """
    w = dict(zip(ARKIT_NAMES, channels.weights.tolist(), strict=True))
    yaw, pitch, roll = head_yaw_pitch_roll(channels)
    x, y, z = channels.head_position.tolist()
    smile = 0.5 * (w["mouthSmileLeft"] + w["mouthSmileRight"])
    frown = 0.5 * (w["mouthFrownLeft"] + w["mouthFrownRight"])
    left, right = (0.5 * (w[f"browOuterUp{s}"] + w["browInnerUp"]) - w[f"browDown{s}"] for s in ("Left", "Right"))
    return {
        "FaceAngleX": yaw,
        "FaceAngleY": pitch,
        "FaceAngleZ": roll,
        "FacePositionX": x / 10.0,
        "FacePositionY": y / 10.0,
        "FacePositionZ": (-z - _RESTING) / 50.0,
        "MouthSmile": 0.5 + 0.5 * (smile - frown),
        "MouthOpen": w["jawOpen"] - w["mouthClose"],
        "MouthX": w["mouthLeft"] - w["mouthRight"],
        "Brows": 0.5 + 0.25 * (left + right),
        "BrowLeftY": 0.5 + 0.5 * left,
        "BrowRightY": 0.5 + 0.5 * right,
        "EyeOpenLeft": 1.0 - w["eyeBlinkLeft"],
        "EyeOpenRight": 1.0 - w["eyeBlinkRight"],
        "EyeLeftX": w["eyeLookInLeft"] - w["eyeLookOutLeft"],
        "EyeLeftY": w["eyeLookUpLeft"] - w["eyeLookDownLeft"],
        "EyeRightX": w["eyeLookOutRight"] - w["eyeLookInRight"],
        "EyeRightY": w["eyeLookUpRight"] - w["eyeLookDownRight"],
        "TongueOut": w["tongueOut"],
        "CheekPuff": w["cheekPuff"],
        "FaceAngry": max(0.5 * (w["browDownLeft"] + w["browDownRight"]) - smile, 0.0),
    }

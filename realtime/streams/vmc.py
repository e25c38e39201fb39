"""VMC, the Virtual Motion Capture Protocol 3.1, over OSC: VSeeFace, Warudo, VMagicMirror, Unity, Blender and others."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from facemodel import ARKIT_NAMES
from facemodel.channels import Channels
from facemodel.color import encode_srgb
from realtime.streams.conventions import unity_quaternions
from realtime.streams.face_stream import Sight, StreamOptions
from realtime.streams.osc_bundles import OscBundles, OscMessage
from realtime.streams.udp import DatagramStream

PORT = 39539

_BONES = ("Head", "LeftEye", "RightEye")
_CALIBRATED = 3

_VOWELS = {"A": "aa", "I": "ih", "U": "ou", "E": "ee", "O": "oh"}
_LIDS = {"Blink_L": "blinkLeft", "Blink_R": "blinkRight"}
_LOOKS = {"LookUp": "lookUp", "LookDown": "lookDown", "LookLeft": "lookLeft", "LookRight": "lookRight"}
_EMOTIONS = {"Joy": "happy", "Angry": "angry", "Sorrow": "sad", "Fun": "relaxed"}
"""VRM 0's presets, and what VRM 1 calls them. `Blink` is not among them: with both others lids would close twice."""

_FULL_LOOK = 30.0
"""Degrees at which a look is 1."""


def _pascal(name: str) -> str:
    """JawOpen of jawOpen."""
    return name[0].upper() + name[1:]


_SPELLINGS: dict[str, tuple[Callable[[str], str], ...]]
_SPELLINGS = {"pascal": (_pascal,), "camel": (str,), "both": (_pascal, str), "none": ()}
"""The spellings of ARKit's names that each value of the option `names` sends."""
_VERSIONS = {"vrm0": (0,), "vrm1": (1,), "both": (0, 1), "none": ()}
"""Which of a preset's two names each value of the option `presets` sends: 0 is VRM 0's, 1 is VRM 1's."""


class VmcStream(DatagramStream):
    """Sends bones of head and eyes, VRM's presets, ARKit's weights for avatars with perfect sync, and the key light.

    Options:
        names: of ARKit's weights: "pascal" (JawOpen), "camel" (jawOpen), "both" or "none"; both by default.
        presets: "vrm0" (A, Blink_L), "vrm1" (aa, blinkLeft), "both" or "none"; both by default. An avatar that has
            ARKit's weights blinks twice with both: it wants presets=none.
        emotions: "yes" for Joy, Angry, Sorrow and Fun too, which redraw the whole face of many avatars.

    Rotations are local and Unity's (left-handed, the avatar faces +z). Positions are zero, as of all that know a face
    and no avatar. The light is the key light: its position in metres from the head, its direction, its colour in sRGB.
    """

    def __init__(self, name: str, options: StreamOptions) -> None:
        """
        Args:
            name: of the sink, for people.
            options: see `StreamOptions` and above.

        Raises:
            LimelightError: an option has no such value.
        """
        super().__init__(name, options)
        spellings = _SPELLINGS[options.choice("names", tuple(_SPELLINGS), "both")]
        versions = _VERSIONS[options.choice("presets", tuple(_VERSIONS), "both")]
        presets = _VOWELS | _LIDS | _LOOKS
        if options.choice("emotions", ("yes", "no"), "no") == "yes":
            presets |= _EMOTIONS
        self._n_presets = len(presets)
        self._copies = len(versions), len(spellings)
        names = [preset[version] for version in versions for preset in presets.items()]
        names += [spelt(name) for spelt in spellings for name in ARKIT_NAMES]
        self._bundles = OscBundles(_messages(names))

    def send(self, sight: Sight) -> None:
        """Send one frame, in as few bundles as hold it."""
        channels = sight.channels
        n_versions, n_spellings = self._copies
        presets = _presets(channels)[: self._n_presets]
        numbers: list[ArrayLike] = [
            (1, _CALIBRATED, 0, sight.tracked, sight.time),
            _bones_and_light(channels),
            *[presets] * n_versions,
            *[channels.weights] * n_spellings,
        ]
        for bundle in self._bundles.fill(np.concatenate(numbers)):
            self.emit(bundle)


def _messages(names: Sequence[str]) -> list[OscMessage]:
    """The messages of a frame, with names of blend shapes."""
    return [
        OscMessage("/VMC/Ext/OK", "iiii"),
        OscMessage("/VMC/Ext/T"),
        *(OscMessage("/VMC/Ext/Bone/Pos", 7 * "f", bone) for bone in _BONES),
        OscMessage("/VMC/Ext/Light", 11 * "f", "Key light"),
        *(OscMessage("/VMC/Ext/Blend/Val", "f", name) for name in names),
        OscMessage("/VMC/Ext/Blend/Apply", ""),
    ]


def _bones_and_light(channels: Channels) -> NDArray[np.float64]:
    """Return the numbers of the bones and of the key light, whose direction is a quaternion (light shines along +z)."""
    x, y, z = (0.001 * channels.key_position).tolist()
    angles = np.zeros((4, 3))  # yaw, pitch, roll of the bones, and of the way that the light goes; degrees
    angles[0] = channels.head_angles
    angles[1:3, :2] = channels.eye_angles
    angles[3, :2] = math.degrees(math.atan2(-x, math.hypot(y, z))), math.degrees(math.atan2(-y, -z))
    numbers = np.zeros((4, 7))  # position, quaternion
    numbers[3, :3] = -x, y, z
    numbers[:, 3:] = unity_quaternions(*angles.T)
    return np.concatenate((numbers.ravel(), encode_srgb(channels.key_color), (1.0,)))


def _presets(channels: Channels) -> NDArray[np.float64]:
    """Values of VRM's presets: vowels, lids, looks, emotions."""
    w = dict(zip(ARKIT_NAMES, channels.weights.tolist(), strict=True))
    opened = w["jawOpen"] - w["mouthClose"]
    rounded = max(w["mouthPucker"], w["mouthFunnel"])
    wide = 0.5 * (w["mouthStretchLeft"] + w["mouthStretchRight"])
    spread = 1.0 - rounded
    vowels = (
        spread * opened * (1.0 - wide),  # A
        spread * (1.0 - opened) * wide,  # I
        rounded * (1.0 - opened),  # U
        spread * opened * wide,  # E
        rounded * opened,  # O
    )
    left, right = w["eyeBlinkLeft"], w["eyeBlinkRight"]
    yaw, pitch = (channels.eye_angles.mean(axis=0) / _FULL_LOOK).tolist()  # > 0 to the left, up
    smile = 0.5 * (w["mouthSmileLeft"] + w["mouthSmileRight"])
    frown = 0.5 * (w["mouthFrownLeft"] + w["mouthFrownRight"])
    lowered = 0.5 * (w["browDownLeft"] + w["browDownRight"])
    emotions = (smile * opened, lowered * (1.0 - smile), frown * w["browInnerUp"], smile * (1.0 - opened))
    return np.clip((*vowels, left, right, pitch, -pitch, yaw, -yaw, *emotions), 0.0, 1.0)

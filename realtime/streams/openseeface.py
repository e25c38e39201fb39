"""OpenSeeFace's UDP stream, of all faces: VTube Studio, VSeeFace, VNyan, Godot and others that know its tracker."""

from __future__ import annotations

import time

import numpy as np
from numpy.typing import NDArray

from facemodel import ARKIT_NAMES, FaceModel
from facemodel.camera import project
from facemodel.channels import Channels
from facemodel.rotation import matrix_from_euler, matrix_to_quaternion
from realtime.frame import Face, StreamInfo
from realtime.opencv import cv2
from realtime.streams.face_stream import Sight, StreamOptions
from realtime.streams.udp import DatagramStream

PORT = 11573

_MOST_FACES = 36
"""That one datagram holds."""

_FACE = np.dtype(
    [
        ("time", "<f8"),
        ("id", "<i4"),
        ("size", "<f4", 2),
        ("open", "<f4", 2),  # right, left
        ("fitted", "u1"),
        ("error", "<f4"),
        ("quaternion", "<f4", 4),
        ("euler", "<f4", 3),
        ("translation", "<f4", 3),
        ("confidence", "<f4", 68),
        ("points", "<f4", (68, 2)),  # column, row
        ("points_3d", "<f4", (70, 3)),
        ("features", "<f4", 14),
    ]
)
"""1785 bytes."""

_IBUG = np.r_[0:48, 49:54, 55:60, 60:68]
"""Which of iBUG's 68 points OpenSeeFace has: all but the outer corners of the mouth."""

_EYE_DISTANCE = 0.516
"""Between the eyeballs' centres in the units of its own face."""

_PUPIL = 12.0
"""mm before the eyeball's centre."""

_TO_ITS_FACE = np.array([-1.0, 1.0, 1.0])
"""Its face has +x image left, +y up, +z out of the face."""

_TO_ITS_CAMERA = np.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, -1.0]])
"""Its camera has rows first: +x down, +y image right, +z away from the camera."""


def _mirrored_points() -> NDArray[np.intp]:
    """For each of the 70 points the one that a mirror shows in its place."""
    order = np.arange(70)
    for rows in (
        [*range(17)],
        [*range(17, 27)],
        [*range(31, 36)],
        [*range(48, 53)],
        [*range(53, 58)],
        [*range(58, 63)],
    ):
        order[rows] = rows[::-1]
    for a, b in ((36, 45), (37, 44), (38, 43), (39, 42), (40, 47), (41, 46), (63, 65), (66, 67), (68, 69)):
        order[[a, b]] = b, a
    return order


_MIRRORED = _mirrored_points()


class OpenSeeFaceStream(DatagramStream):
    """Sends what OpenSeeFace's tracker would say of each face, in one datagram; nothing while there is no face.

    Faces are numbered from 0, the performer first. Points are the face model's, projected into the picture as the
    smoothed parameters see them; re-centring does not move them.
    """

    sends_everybody = True

    def __init__(self, name: str, options: StreamOptions) -> None:
        super().__init__(name, options)
        datagram = bytearray(_MOST_FACES * _FACE.itemsize)
        self._bytes = memoryview(datagram)
        self._packed = np.frombuffer(datagram, _FACE)
        self._landmarks: _Landmarks | None = None

    def start(self, info: StreamInfo) -> None:
        """Open the socket.

        Raises:
            LimelightError: the host is unknown.
        """
        super().start(info)
        self._landmarks = _Landmarks(info.model)

    def send(self, sight: Sight) -> None:
        """Send one frame."""
        faces = sight.everybody[:_MOST_FACES]
        height, width = sight.result.frame.image.shape[:2]
        now = time.time()  # receivers drop what is older than what they have, so a take's own time would not do
        for i, (face, channels) in enumerate(faces):
            row = self._packed[i]
            row["time"], row["size"] = now, (width, height)
            row["id"] = sight.result.faces.index(face)
            self._fill(row, face, channels)
        if faces:
            self.emit(self._bytes[: len(faces) * _FACE.itemsize])

    def _fill(self, row: NDArray[np.void], face: Face, channels: Channels) -> None:
        """Write what is known of one face.

        Args:
            row: of it; `size` stands in it already.
            face: see `Face`.
            channels: of it, mirrored where that was asked for.
        """
        assert self._landmarks is not None
        landmarks = self._landmarks
        p = landmarks.layout.view(face.smoothed)
        points = landmarks.of(face.smoothed)  # (70, 3)
        rotation, (column, line), scale = p.rotation, p.translation.tolist(), p.scale
        width, height = row["size"].tolist()
        if self.options.mirror:
            points = points[_MIRRORED] * (-1.0, 1.0, 1.0)
            rotation = rotation * np.outer((-1.0, 1.0, 1.0), (-1.0, 1.0, 1.0))
            column = width - column
        points[66:68] = points[68:70] + _PUPIL * _looks(channels)[::-1]
        pixels = project(points[:68], rotation, (column, line), scale)  # (68, 2)
        turned = _TO_ITS_CAMERA @ rotation * _TO_ITS_FACE  # (3, 3)
        depth = width / (scale / landmarks.unit)  # its camera's focal length is the picture's width

        w = dict(zip(ARKIT_NAMES, channels.weights.tolist(), strict=True))
        row["open"] = 1.0 - w["eyeBlinkRight"], 1.0 - w["eyeBlinkLeft"]
        row["fitted"], row["error"] = 1, 0.0
        row["quaternion"] = matrix_to_quaternion(turned.T)  # it writes the inverse one's
        row["euler"] = cv2.RQDecomp3x3(turned)[0]
        nose_column, nose_line = pixels[30].tolist()
        offsets = nose_line - 0.5 * width, nose_column - 0.5 * height  # its camera matrix has rows before columns
        row["translation"] = (*(depth / width * offset for offset in offsets), depth)
        row["confidence"] = face.confidence
        row["points"] = pixels
        row["points_3d"] = (points - points[30]) * -landmarks.unit
        row["features"] = _features(w)


class _Landmarks:
    """The 66 points and the eyeballs' centres of a face model, without the rest of its mesh.

    Attributes:
        layout: of parameter vectors.
        unit: OpenSeeFace's units of length in a millimetre.
    """

    def __init__(self, model: FaceModel) -> None:
        """
        Args:
            model: that the parameters drive.
        """
        self.layout = model.layout
        self.unit = _EYE_DISTANCE / float(np.linalg.norm(model.eye_centres[0] - model.eye_centres[1]))
        self._mean = model.landmarks68(model.mean)[_IBUG].astype(float)  # (66, 3)
        bases = np.concatenate((model.identity, model.expression))  # (Ni + Ne, V, 3)
        self._basis = np.stack([model.landmarks68(basis)[_IBUG].ravel() for basis in bases])
        self._eyes = model.eye_centres[::-1].astype(float)  # (2, 3): right, left
        slices = self.layout.slices
        self._coefficients = np.r_[slices["identity"], slices["expression"]]

    def of(self, vector: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the points of parameters (P,), (70, 3) mm; those of the pupils, 66 and 67, are still zero."""
        points = np.zeros((70, 3))
        points[:66] = self._mean + (vector[self._coefficients] @ self._basis).reshape(66, 3)
        points[68:] = self._eyes
        return points


def _looks(channels: Channels) -> NDArray[np.floating]:
    """Where the subject's left eye looks, then the right, (2, 3) unit vectors in the head's frame."""
    yaw, pitch = np.radians(channels.eye_angles).T
    return matrix_from_euler(yaw, pitch, 0.0)[..., 2]


def _features(w: dict[str, float]) -> NDArray[np.float64]:
    """OpenSeeFace's 14 features, -1..1, 0 at rest.

    Eyes > 0 wide open, < 0 shut. Brows: steepness > 0 with the inner end up, height > 0 up, quirk > 0 arched.
    Corners of the mouth > 0 down (it measures from the upper lip), > 0 outwards. Mouth > 0 open, wide.
    """
    inner = w["browInnerUp"]
    puckered = max(w["mouthPucker"], w["mouthFunnel"])
    eyes, brows, corners, outwards = [], [], [], []
    for side in ("Left", "Right"):
        outer, down = w[f"browOuterUp{side}"], w[f"browDown{side}"]
        eyes.append(w[f"eyeWide{side}"] - w[f"eyeBlink{side}"])
        brows += [inner - outer - down, 0.5 * (inner + outer) - down, outer]
        outwards.append(max(w[f"mouthSmile{side}"], w[f"mouthStretch{side}"]) - puckered)
        corners += [w[f"mouthFrown{side}"] - w[f"mouthSmile{side}"], outwards[-1]]
    mouth = (w["jawOpen"] - w["mouthClose"], 0.5 * (outwards[0] + outwards[1]))
    return np.clip((*eyes, *brows, *corners, *mouth), -1.0, 1.0)

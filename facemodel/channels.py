"""Channels: what other programs want to know of a face, one row of numbers a frame, from any model's parameters.

Streams, CSV and every other export take their values from here. Left and right are the subject's; angles are degrees:
yaw > 0 turns to image right, pitch > 0 up, roll > 0 is clockwise in the picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from facemodel.arkit import ARKIT_NAMES, mirrored_name
from facemodel.parameters import ParameterLayout
from facemodel.rotation import matrix_from_6d, matrix_from_euler, matrix_to_euler, nearest_rotation

if TYPE_CHECKING:
    from facemodel.model import FaceModel

FIELD_OF_VIEW = np.radians(60.0)
"""Horizontal, of the full frame: gives the depth that weak perspective does not know."""

CHANNEL_NAMES: tuple[str, ...] = (
    *ARKIT_NAMES,  # weights, 0..1
    *("headYaw", "headPitch", "headRoll"),  # degrees
    *("headX", "headY", "headZ"),  # mm in the camera's frame: +x image right, +y up, +z toward the camera
    *("leftEyeYaw", "leftEyePitch", "rightEyeYaw", "rightEyePitch"),  # degrees, in the head's frame
    *("translationX", "translationY", "scale"),  # the head centre in frame pixels, px/mm
    *(f"sh{i}{c}" for i in range(9) for c in "RGB"),  # SH light, irradiance / pi, linear RGB
    *("keyX", "keyY", "keyZ"),  # mm from the head centre
    *("keyR", "keyG", "keyB"),  # linear RGB
    "shininess",
)
"""The columns of a row of channels."""

N_CHANNELS = len(CHANNEL_NAMES)

_SIZES = {
    "weights": 52,
    "head_angles": 3,
    "head_position": 3,
    "eye_angles": 4,
    "translation": 2,
    "scale": 1,
    "sh": 27,
    "key_position": 3,
    "key_color": 3,
    "shininess": 1,
}


def _spans() -> dict[str, slice]:
    spans, start = {}, 0
    for name, size in _SIZES.items():
        spans[name] = slice(start, start + size)
        start += size
    return spans


CHANNEL_SLICES: dict[str, slice] = _spans()
"""The groups of columns, in order: ARKit's weights, the head, the eyes, the place in the picture, the light."""


class Channels:
    """Named views into rows of channels, (..., C); writing to them writes to the rows.

    Attributes:
        rows: (..., C), C is `N_CHANNELS`.
    """

    __slots__ = ("rows",)

    def __init__(self, rows: NDArray[np.float64]) -> None:
        if rows.shape[-1:] != (N_CHANNELS,):
            raise ValueError(f"channels: expected shape (..., {N_CHANNELS}), got {rows.shape}")
        self.rows = rows

    @classmethod
    def empty(cls, *shape: int) -> Channels:
        """Return rows of zeros, (*shape, C)."""
        return cls(np.zeros((*shape, N_CHANNELS)))

    @property
    def weights(self) -> NDArray[np.float64]:
        """(..., 52) expression weights 0..1 in the order of `ARKIT_NAMES`."""
        return self.rows[..., CHANNEL_SLICES["weights"]]

    @property
    def head_angles(self) -> NDArray[np.float64]:
        """(..., 3) yaw, pitch, roll, degrees."""
        return self.rows[..., CHANNEL_SLICES["head_angles"]]

    @property
    def head_rotation(self) -> NDArray[np.floating]:
        """(..., 3, 3) rotation of the head; made from `head_angles`, a copy."""
        return matrix_from_euler(*np.moveaxis(np.radians(self.head_angles), -1, 0))

    @property
    def head_position(self) -> NDArray[np.float64]:
        """(..., 3) mm in the camera's frame, +x image right, +y up, +z toward the camera; the depth is that of a camera
        with a horizontal field of view of `FIELD_OF_VIEW`."""
        return self.rows[..., CHANNEL_SLICES["head_position"]]

    @property
    def eye_angles(self) -> NDArray[np.float64]:
        """(..., 2, 2) yaw and pitch of the subject's left eye, then of the right, degrees in the head's frame."""
        return self._folded("eye_angles", 2, 2)

    @property
    def translation(self) -> NDArray[np.float64]:
        """(..., 2) the head centre in frame pixels."""
        return self.rows[..., CHANNEL_SLICES["translation"]]

    @property
    def scale(self) -> NDArray[np.float64]:
        """(...) px/mm."""
        return self.rows[..., CHANNEL_SLICES["scale"].start]

    @property
    def sh(self) -> NDArray[np.float64]:
        """(..., 9, 3) SH light, irradiance / pi, linear RGB."""
        return self._folded("sh", 9, 3)

    @property
    def key_position(self) -> NDArray[np.float64]:
        """(..., 3) mm from the head centre."""
        return self.rows[..., CHANNEL_SLICES["key_position"]]

    @property
    def key_color(self) -> NDArray[np.float64]:
        """(..., 3) linear RGB."""
        return self.rows[..., CHANNEL_SLICES["key_color"]]

    @property
    def shininess(self) -> NDArray[np.float64]:
        """(...) the exponent of the key light's highlight."""
        return self.rows[..., CHANNEL_SLICES["shininess"].start]

    def weight(self, name: str) -> NDArray[np.float64]:
        """Return one expression's weights (...), by ARKit's name."""
        return self.rows[..., ARKIT_NAMES.index(name)]

    def mirror(self, out: Channels | None = None) -> Channels:
        """Return what a mirror shows, as rows of their own or in `out`, which must not be these rows.

        Left and right are exchanged, and what points to image right points to image left. `translation` is left as
        it is, since rows do not know how wide the picture is.
        """
        out = Channels(np.empty_like(self.rows)) if out is None else out
        np.take(self.rows, _MIRRORED_COLUMN, axis=-1, out=out.rows)
        np.multiply(out.rows, _MIRRORED_SIGN, out=out.rows)
        return out

    def _folded(self, group: str, *shape: int) -> NDArray[np.float64]:
        columns = self.rows[..., CHANNEL_SLICES[group]]
        return columns.reshape(*columns.shape[:-1], *shape)


def _mirrored_columns() -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """For each channel the one that a mirror shows in its place, and the sign that it has there."""
    other = {"leftEyeYaw": "rightEyeYaw", "leftEyePitch": "rightEyePitch"}
    other |= {b: a for a, b in other.items()}
    odd_harmonics = (3, 4, 7)  # x, xy, xz
    odd = {"headYaw", "headRoll", "headX", "leftEyeYaw", "rightEyeYaw", "keyX"}
    odd |= {f"sh{i}{c}" for i in odd_harmonics for c in "RGB"}
    columns = [CHANNEL_NAMES.index(other.get(name, mirrored_name(name))) for name in CHANNEL_NAMES]
    return np.array(columns), np.array([-1.0 if name in odd else 1.0 for name in CHANNEL_NAMES])


_MIRRORED_COLUMN, _MIRRORED_SIGN = _mirrored_columns()


@dataclass(frozen=True, eq=False)
class Gaze:
    """How expressions turn the eyes, E expressions: an eye's rotation is the nearest one to rest + weights x turns.

    A face model adds up displacements of vertices. With the products of an eyeball's vertices and displacements with
    its vertices, the nearest rotation is that which best fits the eyeball (Kabsch 1976).

    Attributes:
        rest: (2, 3, 3) of the subject's left eye, then the right, in the head's frame.
        turns: (E, 2, 3, 3) what weight 1 adds to it.
    """

    rest: NDArray[np.float64]
    turns: NDArray[np.float64]

    @classmethod
    def standard(cls, names: Sequence[str]) -> Gaze:
        """Return the gaze of ARKit's eight eyeLook shapes: 30 degrees sideways, 25 up and down.

        Args:
            names: of the E expressions; others do not turn the eyes.
        """
        turns = np.zeros((len(names), 2, 3, 3))
        for eye, (side, outwards) in enumerate((("Left", 1.0), ("Right", -1.0))):
            for direction, yaw, pitch in (
                ("Out", 30.0 * outwards, 0.0),
                ("In", -30.0 * outwards, 0.0),
                ("Up", 0.0, 25.0),
                ("Down", 0.0, -25.0),
            ):
                if (name := f"eyeLook{direction}{side}") in names:
                    rotation = matrix_from_euler(np.radians(yaw), np.radians(pitch), 0.0)
                    turns[names.index(name), eye] = rotation - np.eye(3)
        return cls(np.stack([np.eye(3)] * 2), turns)

    @classmethod
    def of(cls, model: FaceModel) -> Gaze:
        """Return how a face model's expressions turn its eyeballs; the standard one where it has no eyes that turn."""
        names = model.expression_names
        if "eyes" not in model.region_names:
            return cls.standard(names)
        vertices = model.region_vertices("eyes")
        points = model.mean[vertices].astype(float)  # (W, 3)
        left = np.linalg.norm(points[:, None] - model.eye_centres, axis=-1).argmin(axis=1) == 0  # (W,)
        rest, turns = np.zeros((2, 3, 3)), np.zeros((len(names), 2, 3, 3))
        for eye, of_eye in enumerate((left, ~left)):
            ball = points[of_eye] - model.eye_centres[eye]  # (B, 3)
            if not of_eye.any():
                return cls.standard(names)
            rest[eye] = ball.T @ ball
            turns[:, eye] = np.swapaxes(model.expression[:, vertices[of_eye]], 1, 2) @ ball
        return cls(rest, turns) if turns.any() else cls.standard(names)


class ChannelReader:
    """Reads channels from parameter vectors of one layout.

    Attributes:
        layout: of the vectors.
        has_arkit_weights: whether the layout's expressions have ARKit's names; weights are 0 otherwise.
    """

    def __init__(self, layout: ParameterLayout, gaze: Gaze | None = None) -> None:
        """
        Args:
            layout: of the vectors.
            gaze: how its expressions turn the eyes; ARKit's standard if None. `of_model` knows the model's own.
        """
        self.layout = layout
        columns = arkit_columns(layout)
        self.has_arkit_weights = any(columns)
        first = layout.slices["expression"].start
        self._first, self._second = np.array(
            [(first + pair[0], first + pair[-1]) if pair else (0, 0) for pair in columns]
        ).T  # (52,) each: a weight is the mean of the two
        self._lacking = np.flatnonzero([not pair for pair in columns])
        gaze = gaze or Gaze.standard(layout.expression_names)
        self._turning = np.flatnonzero(gaze.turns.any(axis=(1, 2, 3)))
        self._turns = gaze.turns[self._turning].reshape(-1, 18)
        self._at_rest = gaze.rest
        self._turning += first

    @classmethod
    def of_model(cls, model: FaceModel) -> ChannelReader:
        """Return a reader of a face model's parameters, with its own eyes."""
        return cls(model.layout, Gaze.of(model))

    def read(self, vectors: NDArray, size: ArrayLike, out: Channels | None = None) -> Channels:
        """Return the channels of parameter vectors.

        A shape that the model splits into NAMELeft and NAMERight becomes their mean, one that it lacks 0. Weights
        are 0..1 and mouthClose at most jawOpen, without which lips cross in ICT's shapes.

        Args:
            vectors: (..., P) in frame pixels; of a row of NaN the channels are NaN.
            size: (..., 2) or (2,) width and height of the frame, px.
            out: (..., C) rows to write to; new ones if None.
        """
        slices = self.layout.slices
        out = Channels(np.empty((*vectors.shape[:-1], N_CHANNELS))) if out is None else out
        rows, weights = out.rows, out.weights
        np.add(vectors[..., self._first], vectors[..., self._second], out=weights, dtype=float)
        weights *= 0.5
        weights[..., self._lacking] = 0.0
        np.minimum(np.maximum(weights, 0.0, out=weights), 1.0, out=weights)
        np.minimum(weights[..., _CLOSE], weights[..., _JAW], out=weights[..., _CLOSE])
        for name in ("translation", "scale", "sh", "key_position", "key_color", "shininess"):
            rows[..., CHANNEL_SLICES[name]] = vectors[..., slices[name]]
        for i, angle in enumerate(matrix_to_euler(matrix_from_6d(vectors[..., slices["rotation"]].astype(float)))):
            np.degrees(angle, out=out.head_angles[..., i])
        _place_in_space(out, np.asarray(size, float))
        turned = (vectors[..., self._turning] @ self._turns).reshape(*vectors.shape[:-1], 2, 3, 3) + self._at_rest
        x, y, z = np.moveaxis(nearest_rotation(turned)[..., 2], -1, 0)  # (..., 2) each: where the eyes look
        eyes = rows[..., CHANNEL_SLICES["eye_angles"]]
        np.degrees(np.arctan2(x, np.hypot(y, z)), out=eyes[..., 0::2])
        np.degrees(np.arctan2(y, z), out=eyes[..., 1::2])
        rows[np.isnan(vectors[..., 0])] = np.nan
        return out


_CLOSE, _JAW = (slice(i, i + 1) for i in map(ARKIT_NAMES.index, ("mouthClose", "jawOpen")))


def _place_in_space(channels: Channels, size: NDArray) -> None:
    """Fill in where the head centre is: x and y off the optical axis, z = -F / f with F the focal length in pixels."""
    position, scale = channels.head_position, channels.scale
    np.subtract(channels.translation, 0.5 * size, out=position[..., :2])
    position[..., :2] /= scale[..., None]
    position[..., 1] *= -1.0
    position[..., 2] = -0.5 / np.tan(0.5 * FIELD_OF_VIEW) * size[..., 0] / scale


def arkit_columns(layout: ParameterLayout) -> list[list[int]]:
    """Return, for each of ARKit's 52 names, the expressions of the model that make it up: one, two or none."""
    column = {name: i for i, name in enumerate(layout.expression_names)}
    return [
        [column[name]]
        if name in column
        else [column[side] for side in (f"{name}Left", f"{name}Right") if side in column]
        for name in ARKIT_NAMES
    ]

"""The light that the camera saw the faces in, steady enough to be divided by."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from facemodel import Parameters
from facemodel.color import decode_srgb
from realtime.light.lighting import FaceLight
from realtime.matte.person_matte import Matte
from realtime.opencv import cv2

_TAU, _FASTEST_TAU = 1.0, 0.15
"""s: of the filter, while estimates scatter about it, and while they have left it."""

_SURPRISE = 0.12
"""Mean distance of recent estimates from the filtered light, in units of its mean, that shows that it has changed."""

_FORGET = 2.0
"""s after which a face that was not seen is forgotten."""

_EPSILON = 1e-4

_STEP = 4
"""Every so manieth pixel of the small picture counts, on each side."""

_BEHIND = 0.1
"""A matte below this is background."""

_AROUND = np.ones((7, 7), np.uint8)
"""Of the small picture, that persons are grown by."""

_DARK, _BRIGHT = 20, 245
"""Levels between which a pixel follows the exposure."""

_ENOUGH = 60
"""Pixels for a median."""

_JUMP, _JUMP_FRAMES = math.log(1.08), 5
"""A change of the gain by more than this within so many frames is the camera's, and followed at once."""

_DRIFT_TAU, _REFERENCE_TAU = 0.3, 5.0
"""s: of the gain, and of the background that it is measured on."""

_LINEAR = decode_srgb(np.arange(256) / 255.0).astype(np.float32)


class OldLight:
    """Filters the estimated light of each face, as it were without the camera's exposure control.

    The brightness (the log of band 0) and the shape (bands 1 and 2 divided by band 0) are filtered apart, and so are
    place and colour of the key light. A change of the camera's exposure or white balance is no change of the light:
    estimates are divided by the gain before.

    Attributes:
        locked: hold on to what is known.
    """

    def __init__(self) -> None:
        self._faces: dict[int, _Filtered] = {}
        self.locked = False

    def update(self, face_id: int, estimate: Parameters, time: float, gain: NDArray[np.float64]) -> FaceLight:
        """Return the light of a face at a moment, at a gain of 1.

        Args:
            face_id: of the face.
            estimate: its parameters.
            time: s, of the frame; one that goes back starts anew.
            gain: (3,) of the camera, linear RGB, see `CameraGain`.
        """
        value = _encode(estimate, gain)
        known = self._faces.get(face_id)
        if known is None or (not self.locked and not 0.0 <= time - known.time <= _FORGET):
            known = self._faces[face_id] = _Filtered(value, time)
        elif not self.locked:
            known.follow(value, time)
        return _decode(known.value)


def exposed(light: FaceLight, gain: NDArray[np.float64]) -> FaceLight:
    """Return a light as the camera sees it at a gain, (3,)."""
    factor = gain.astype(np.float32)
    return replace(light, sh=light.sh * factor, key_color=light.key_color * factor)


class CameraGain:
    """Watches the background for changes of the camera's exposure and white balance.

    Every pixel behind the persons is compared with a slow reference of itself; the median over them is the gain,
    whatever moves there. A jump is followed at once, a drift smoothly.
    """

    def __init__(self) -> None:
        self._reference = np.empty((0, 0, 3), np.float32)
        self._known = np.empty((0, 0, 3), bool)  # where the reference is the background's
        self._gain = np.ones(3)
        self._recent: deque[NDArray[np.float64]] = deque(maxlen=_JUMP_FRAMES)
        self._time = 0.0

    def update(self, matte: Matte, time: float) -> NDArray[np.float64]:
        """Return the gain of a frame over the first one: (3,) linear RGB.

        Args:
            matte: of the frame; another size starts anew.
            time: s, of the frame; one that goes back starts anew.
        """
        picture = matte.picture[::_STEP, ::_STEP, ::-1]  # (h, w, 3) RGB
        seen = _LINEAR[picture]
        passed = time - self._time
        self._time = time
        behind = cv2.erode((matte.coverage < _BEHIND).astype(np.uint8), _AROUND)[::_STEP, ::_STEP, None] > 0
        exact = behind & (picture >= _DARK) & (picture <= _BRIGHT)  # (h, w, 3)
        if self._reference.shape != seen.shape or passed < 0.0:
            self._reference, self._known, self._gain = seen, exact, np.ones(3)
            self._recent.clear()
            return self._gain
        usable = exact & self._known
        ratios = [seen[..., c][usable[..., c]] / self._reference[..., c][usable[..., c]] for c in range(3)]
        found = [float(np.median(each)) if len(each) >= _ENOUGH else math.nan for each in ratios]
        if not all(map(math.isnan, found)):  # a channel that is clipped everywhere is taken to follow the others
            self._follow(np.where(np.isnan(found), np.exp(np.nanmean(np.log(found))), found), passed)
        plain = seen / self._gain.astype(np.float32)
        slow = np.float32(1.0 - math.exp(-passed / _REFERENCE_TAU))
        new = exact & ~self._known
        self._reference[new] = plain[new]
        self._reference[usable] += slow * (plain[usable] - self._reference[usable])
        self._known |= new
        return self._gain

    def _follow(self, now: NDArray[np.float64], passed: float) -> None:
        before = self._recent[0] if self._recent else now
        self._recent.append(now)
        jumped = np.abs(np.log(now / before)).max() > _JUMP
        share = 1.0 if jumped else 1.0 - math.exp(-passed / _DRIFT_TAU)
        self._gain = self._gain * (now / self._gain) ** share


class _Filtered:
    """The light of one face, and how far estimates lie from it of late."""

    def __init__(self, value: NDArray[np.float64], time: float) -> None:
        self.value, self.time = value, time
        self._drift = np.zeros_like(value)

    def follow(self, value: NDArray[np.float64], time: float) -> None:
        """Take an estimate: estimates that scatter about the light cancel out in the drift, those that left do not."""
        passed, self.time = time - self.time, time
        self._drift += (1.0 - math.exp(-passed / _FASTEST_TAU)) * (value - self.value - self._drift)
        speed = min(math.sqrt(float(np.mean(self._drift[:27] ** 2))) / _SURPRISE, 1.0)
        tau = _TAU + speed * speed * (_FASTEST_TAU - _TAU)
        self.value = self.value + (1.0 - math.exp(-passed / tau)) * (value - self.value)


def _encode(light: Parameters, gain: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return what is filtered, (34,): log of band 0, bands 1 and 2 over the mean of band 0, key light, shininess."""
    sh = np.asarray(light.sh, float) / gain  # (9, 3)
    base = np.maximum(sh[0], _EPSILON)
    key = np.asarray(light.key_color, float) / gain
    place = np.asarray(light.key_position, float)
    return np.concatenate(
        [np.log(base), (sh[1:] / base).reshape(-1), key, place, [math.log(max(float(light.shininess), _EPSILON))]]
    )


def _decode(value: NDArray[np.float64]) -> FaceLight:
    base = np.exp(value[:3])
    sh = np.concatenate([base[None], base * value[3:27].reshape(8, 3)]).astype(np.float32)  # (9, 3)
    key = np.maximum(value[27:30], 0.0).astype(np.float32)
    return FaceLight(sh, value[30:33].astype(np.float32), key, math.exp(value[33]))

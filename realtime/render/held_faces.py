"""Faces that move no more than the picture that they are found in."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from facemodel import ParameterLayout
from realtime.matte.person_matte import Matte
from realtime.opencv import cv2
from realtime.render.geometry import middle_of_face

_MIDDLE_MM = 40.0
"""To each side of the head centre, of the part of a face that is compared."""

_STILL, _MOVED = 0.05, 0.25
"""px of the small picture: motion up to which a face is held, and from which on it goes where it was found."""

_TAU = 1.0
"""s, in which a held face goes there all the same, as in a photograph."""


class HeldFaces:
    """Holds faces while their picture is still, so that their light is as still as the picture.

    Estimates wander on where a picture repeats itself: with a camera that gives a frame twice, in a compressed video
    that leaves out what hardly changed. Beside the picture that a face was last believed in, the mean change over the
    mean gradient says how far the picture moved; noise counts as motion.
    """

    def __init__(self, layout: ParameterLayout) -> None:
        """
        Args:
            layout: of the faces' parameters.
        """
        self._layout = layout
        self._held: dict[int, _Held] = {}
        self._shown: set[int] = set()
        self._luma = np.empty((0, 0), np.uint8)
        self._picture = np.empty((0, 0), np.float32)
        self._time = self._passed = 0.0

    def begin(self, matte: Matte, time: float) -> None:
        """Begin a frame. Faces that the last one did not show are forgotten.

        Args:
            matte: of the frame, with its small picture. Another size starts anew.
            time: s, of the frame; one that goes back starts anew.
        """
        self._passed, self._time = time - self._time, time
        shape = matte.picture.shape[:2]
        if shape != self._picture.shape:
            self._luma, self._picture = np.empty(shape, np.uint8), np.empty(shape, np.float32)
            self._shown.clear()
        if self._passed < 0.0:
            self._shown.clear()
        for gone in self._held.keys() - self._shown:
            del self._held[gone]
        self._shown.clear()
        np.copyto(self._picture, cv2.cvtColor(matte.picture, cv2.COLOR_BGR2GRAY, dst=self._luma))

    def face(self, face_id: int, found: NDArray[np.float32], frame_size: tuple[int, int]) -> NDArray[np.float32]:
        """Return where a face is shown in the frame that was begun: (P,), written over by the next frame.

        Args:
            face_id: of the face.
            found: (P,) its parameters, in frame pixels.
            frame_size: width and height, px.
        """
        self._shown.add(face_id)
        held = self._held.get(face_id)
        if held is None:
            held = self._held[face_id] = _Held(found.copy(), self._picture.copy())
            return held.vector
        face = self._layout.view(found)
        part = middle_of_face(face, frame_size, self._picture.shape, _MIDDLE_MM)
        slow = 1.0 - math.exp(-self._passed / _TAU)
        share = max((_motion(self._picture[part], held.picture[part]) - _STILL) / (_MOVED - _STILL), slow)
        share = min(share, 1.0)
        held.vector += np.float32(share) * (found - held.vector)
        shown = self._layout.view(held.vector)
        shown.identity[:], shown.albedo[:] = face.identity, face.albedo  # the person's: not drawn anew for a rounding
        cv2.accumulateWeighted(self._picture, held.picture, share)
        return held.vector


class _Held:
    """A face as it is shown, and the picture that it was last believed in."""

    def __init__(self, vector: NDArray[np.float32], picture: NDArray[np.float32]) -> None:
        self.vector, self.picture = vector, picture


def _motion(now: NDArray[np.float32], before: NDArray[np.float32]) -> float:
    """Return by how many px a picture moved, roughly: its mean change over its mean gradient."""
    if min(now.shape) < 2:
        return math.inf
    gradient = 0.5 * (np.abs(np.diff(now, axis=0)).mean() + np.abs(np.diff(now, axis=1)).mean())
    return float(np.abs(now - before).mean() / max(gradient, 1e-3))

"""The scene of a frame that is to be relit: with its person matte, and the light that it was seen in."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from facemodel import ParameterLayout, Parameters
from realtime.frame import Face, Frame
from realtime.light.lighting import FaceLight, Lighting, light_on
from realtime.matte.person_matte import PersonMatte
from realtime.render.held_faces import HeldFaces
from realtime.render.old_light import CameraGain, OldLight, exposed
from realtime.render.options import RenderOptions
from realtime.render.scene import Scene, SceneFace


class RelitScenes:
    """Makes the scenes of one feed's frames, one after the other. Not for use from two threads at once."""

    def __init__(self, layout: ParameterLayout) -> None:
        """
        Args:
            layout: of the faces' parameters.

        Raises:
            LimelightError: the network of the person matte is missing or corrupt.
        """
        self._layout = layout
        self._matte = PersonMatte()
        self._gain = CameraGain()
        self._light = OldLight()
        self._faces = HeldFaces(layout)
        away = layout.neutral()
        self._away = away, FaceLight.estimated(layout.view(away))  # of the face that was last seen, and its light

    def __call__(
        self,
        frame: Frame,
        faces: Sequence[Face],
        lighting: Lighting,
        options: RenderOptions,
    ) -> Scene:
        """Return the scene of a frame, which holds until the next call.

        Args:
            frame: with the picture. A time that goes back starts the light anew.
            faces: that the tracker followed in this very frame, in the order in which they are drawn.
            lighting: of the moment.
            options: of the view.
        """
        matte = self._matte(frame.image, frame.index)
        gain = self._gain.update(matte, frame.timestamp)
        self._light.locked = lighting.relight.lock
        self._faces.begin(matte, frame.timestamp)
        size = (frame.image.shape[1], frame.image.shape[0])
        made: list[SceneFace] = []
        for face in faces:
            if not face.seen:
                continue
            estimate = self._layout.view(face.smoothed if face.raw is None else face.raw)
            light = self._light.update(face.id, estimate, frame.timestamp, gain)
            shown = self._faces.face(face.id, face.smoothed, size)
            self._away = shown, light
            made.append(self._relit(shown, light, gain, lighting))
        away = None if made or lighting.estimated else self._relit(*self._away, gain, lighting)
        return Scene(frame.image, tuple(made), options, None, lighting, matte, away)

    def _relit(
        self, shown: NDArray[np.float32], light: FaceLight, gain: NDArray[np.float64], lighting: Lighting
    ) -> SceneFace:
        """A face in the show's light, which was seen in a light at a gain of 1."""
        seen = exposed(light, gain)
        return SceneFace(shown, seen if lighting.estimated else light_on(lighting, self._in(light, shown)), seen)

    def _in(self, light: FaceLight, vector: NDArray[np.float32]) -> Parameters:
        """A face in the filtered light, which the show may build upon."""
        parameters = self._layout.view(vector.copy())
        parameters.sh[:], parameters.key_position[:], parameters.key_color[:] = (
            light.sh, light.key_position, light.key_color,
        )  # fmt: skip
        parameters.shininess = light.shininess
        return parameters

"""The scenes of results: which faces are drawn, where, and in which light."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from facemodel import ParameterLayout
from realtime.frame import Face, Frame, Result
from realtime.light.lighting import Lighting, light_on
from realtime.matte.person_matte import Matte, PersonMatte
from realtime.render.options import Alpha, RenderOptions, ViewMode
from realtime.render.relit_scene import RelitScenes
from realtime.render.scene import Scene, SceneFace

_ON_PICTURE = (ViewMode.CAMERA, ViewMode.OVERLAY, ViewMode.WIREFRAME, ViewMode.RELIT)
"""Modes in which faces must lie where the camera saw them, whatever was re-centred."""


class ResultScenes:
    """Makes the scenes of one feed's results. Not for use from two threads at once."""

    def __init__(self, layout: ParameterLayout) -> None:
        """
        Args:
            layout: of the faces' parameters.
        """
        self._layout = layout
        self._relit: RelitScenes | None = None
        self._matte: PersonMatte | None = None

    def __call__(
        self, result: Result, options: RenderOptions, lighting: Lighting, alone: bool = False, raw: bool = False
    ) -> Scene:
        """Return the scene of a result, which holds until the next call.

        On the picture stand all faces that are seen in it; in modes without it the performer's alone, re-centred.

        Args:
            result: that is drawn.
            options: of the view.
            lighting: that the faces stand in.
            alone: the feed has no pictures that faces could lie on: all of them are drawn, on a plain background.
            raw: draw the network's own parameters instead of the smoothed ones.

        Raises:
            LimelightError: the network of the person matte is missing or corrupt.
        """
        image = result.frame.image
        size = (image.shape[1], image.shape[0])
        if options.mode is ViewMode.RELIT and not alone:
            self._relit = self._relit or RelitScenes(self._layout)
            faces = sorted(result.faces, key=lambda face: float(self._layout.view(face.smoothed).scale))
            return self._relit(result.frame, faces, lighting, options)
        drawn = []
        for vector in self._vectors(result, options.mode, alone, raw):
            drawn.append(SceneFace(vector, light_on(lighting, self._layout.view(vector))))
        if options.alpha is not Alpha.PERSON:
            return Scene(None if alone else image, tuple(drawn), options, size, lighting)
        return Scene(image, tuple(drawn), options, size, lighting, self._matte_of(result.frame))

    def _matte_of(self, frame: Frame) -> Matte:
        self._matte = self._matte or PersonMatte()
        return self._matte(frame.image, frame.index)

    def _vectors(self, result: Result, mode: ViewMode, alone: bool, raw: bool) -> list[NDArray[np.float32]]:
        """(P,) parameters of each face to draw, the farther ones first."""
        if mode in _ON_PICTURE:
            found = [_vector(face, raw) for face in result.faces if alone or face.seen]
        elif (performer := result.performer) is not None:
            centred = performer.smoothed if performer.centred is None else performer.centred
            found = [performer.raw if raw else centred]
        else:
            found = []
        shown = [vector for vector in found if vector is not None]
        return sorted(shown, key=lambda vector: float(self._layout.view(vector).scale))


def _vector(face: Face, raw: bool) -> NDArray[np.float32] | None:
    return face.raw if raw else face.smoothed

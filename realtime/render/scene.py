"""What a picture is made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facemodel import ParameterLayout
from realtime.light.lighting import FaceLight, Lighting
from realtime.matte.person_matte import Matte
from realtime.render.options import RenderOptions

Faces = NDArray[np.float32] | Sequence[NDArray[np.float32]] | None
"""Parameter vectors (P,): one, several, or none."""


@dataclass(frozen=True, eq=False)
class SceneFace:
    """A face and the light that it stands in.

    Attributes:
        parameters: (P,) in frame pixels; the light in it counts for nothing here.
        light: that it is drawn in.
        seen: light that the camera saw it in, which relighting takes out; None where that is not known, and the
            face stays as it is.
    """

    parameters: NDArray[np.float32]
    light: FaceLight
    seen: FaceLight | None = None


@dataclass(frozen=True, eq=False)
class Scene:
    """One picture, before it is drawn.

    Attributes:
        image: (H, W, 3) uint8 BGR frame, or None for a plain background.
        size: width, height of the frame that the faces belong to, px; None for the image's, or without an image
            for the size of the picture.
        faces: in the order in which they are drawn, so the farther ones first.
        options: what of it is shown, and how.
        lighting: that the show makes; the light of each face follows from it already.
        matte: of the image, or None.
        away: in relit video without faces, the face whose light persons are taken to stand in, or None: it may have
            been lost, or turned away.
    """

    image: NDArray[np.uint8] | None
    faces: tuple[SceneFace, ...] = ()
    options: RenderOptions = RenderOptions()
    size: tuple[int, int] | None = None
    lighting: Lighting = Lighting()
    matte: Matte | None = None
    away: SceneFace | None = None


def estimated_scene(
    layout: ParameterLayout, image: NDArray[np.uint8] | None, parameters: Faces, options: RenderOptions
) -> Scene:
    """Return the scene of faces in the light that was estimated.

    Args:
        layout: of the vectors.
        image: (H, W, 3) uint8 BGR frame, or None for a plain background.
        parameters: (P,) in frame pixels, or several of them in the order in which they are drawn, or None.
        options: what to show.
    """
    vectors = [parameters] if isinstance(parameters, np.ndarray) else parameters or ()
    faces = tuple(SceneFace(vector, FaceLight.estimated(layout.view(vector))) for vector in vectors)
    return Scene(image, faces, options)

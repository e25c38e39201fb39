"""A still picture in another light: what `limelight relight` makes of photographs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from facemodel import FaceModel
from realtime.light.lighting import FaceLight, Lighting, light_on
from realtime.matte.person_matte import PersonMatte
from realtime.reconstruction import Reconstruction
from realtime.render import HeadlessComposer, RenderOptions, ViewMode
from realtime.render.scene import Scene, SceneFace


def relit_picture(
    model: FaceModel, image: NDArray[np.uint8], faces: Sequence[Reconstruction], lighting: Lighting
) -> NDArray[np.uint8]:
    """Return an image relit, (H, W, 3) uint8 BGR; without a face it stays as it is.

    Args:
        model: of the faces.
        image: (H, W, 3) uint8 BGR.
        faces: of the image, the largest first.
        lighting: that it is to stand in.

    Raises:
        LimelightError: no OpenGL here, or the person matte's network is missing.
    """
    if not faces:
        return image
    placed = []
    for face in reversed(faces):  # the farther ones first
        p = model.layout.view(face.parameters)
        placed.append(SceneFace(face.parameters, light_on(lighting, p), FaceLight.estimated(p)))
    options = RenderOptions(mode=ViewMode.RELIT)
    height, width = image.shape[:2]
    with HeadlessComposer(model, width, height) as composer:
        return composer.draw(Scene(image, tuple(placed), options, None, lighting, PersonMatte()(image))).copy()

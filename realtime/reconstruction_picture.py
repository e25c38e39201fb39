"""The picture of a reconstruction: input, overlay, clay, diffuse and specular, side by side."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facemodel import FaceModel, LimelightError
from realtime.opencv import cv2
from realtime.reconstruction import Reconstruction
from realtime.render import HeadlessComposer, RenderOptions, ViewMode

_MODES = (ViewMode.CAMERA, ViewMode.OVERLAY, ViewMode.GEOMETRY, ViewMode.DIFFUSE, ViewMode.SPECULAR)
_MAX_HEIGHT = 1080


def draw_strip(model: FaceModel, image: NDArray[np.uint8], parameters: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Five panels of one face.

    Args:
        model: of the parameters.
        image: (H, W, 3) uint8 BGR.
        parameters: (P,) in image pixels.

    Returns:
        (h, 5 w, 3) uint8 BGR; panels have the image's shape and are at most 1080 px high.

    Raises:
        LimelightError: no OpenGL here.
    """
    height, width = image.shape[:2]
    shrink = min(1.0, _MAX_HEIGHT / height)
    width, height = max(1, round(width * shrink)), max(1, round(height * shrink))
    with HeadlessComposer(model, width, height) as renderer:
        return np.hstack([renderer.render(image, parameters, RenderOptions(mode=mode)).copy() for mode in _MODES])


def write_picture(path: Path, model: FaceModel, image: NDArray[np.uint8], face: Reconstruction) -> None:
    """Write the strip of one face as a PNG.

    Raises:
        LimelightError: no OpenGL here, or the file cannot be written.
    """
    _, png = cv2.imencode(".png", draw_strip(model, image, face.parameters))
    try:
        path.write_bytes(png.tobytes())
    except OSError as error:
        raise LimelightError(f"{path}: cannot be written ({error.strerror})") from error

"""Albedo of vertices baked into a texture."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from facemodel.color import encode_srgb
from facemodel.reference import rasterize
from realtime.opencv import cv2

SIZE = 1024
"""Width and height of a texture, texels."""

_OVERLAP = 1.02
"""Triangles may cover so many times the texels that they own: the borders are those of charts, not of triangles."""


def bake_albedo(uv: NDArray, triangles: NDArray, colors: NDArray, size: int = SIZE) -> NDArray[np.uint8] | None:
    """Return a texture that gives every vertex its colour, or None where UVs overlap or leave 0..1.

    Texels that no triangle covers get the colour of the nearest covered one, so that filters find no border.

    Args:
        uv: (V, 2), v up.
        triangles: (T, 3).
        colors: (V, 3) linear RGB, 0..1.
        size: of the texture, texels.

    Returns:
        (size, size, 3) uint8 sRGB, its first row at v = 1.
    """
    if uv.min() < 0.0 or uv.max() > 1.0:
        return None
    texels = np.stack([uv[:, 0], 1.0 - uv[:, 1]], axis=1) * size  # (V, 2), y down
    a, b, c = (texels[triangles[:, i]] for i in range(3))
    area = (b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0]  # (T,) twice the area; front is negative
    facing = np.where((area < 0.0)[:, None], triangles, triangles[:, ::-1])
    owner, weights = rasterize(texels, np.zeros(len(texels)), facing, size, size)
    covered = owner >= 0
    if 0.5 * np.abs(area).sum() > _OVERLAP * covered.sum():
        return None
    picture = np.zeros((size, size, 3), np.uint8)
    linear = np.einsum("pk,pkd->pd", weights[covered], colors[facing[owner[covered]]])
    picture[covered] = np.rint(encode_srgb(linear) * 255.0)
    _, nearest = cv2.distanceTransformWithLabels(
        (~covered).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    of_label = np.zeros((int(nearest.max()) + 1, 3), np.uint8)
    of_label[nearest[covered]] = picture[covered]
    return of_label[nearest]

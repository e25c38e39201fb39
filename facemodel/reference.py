"""Reference rendering in float64: rasterise, interpolate, shade by Eq. 4 and 5. Slow, plain, and the truth.

PyTorch and GLSL renderers are tested against it. Projection is weak perspective, so barycentric
interpolation in the picture is exact.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facemodel.camera import project
from facemodel.lighting import Lamp, shade_diffuse, shade_lamps, shade_specular
from facemodel.model import FaceModel


@dataclass(frozen=True)
class ReferenceImage:
    """What the reference renderer sees at each pixel centre.

    Attributes:
        mask: (H, W) True where the face covers the pixel centre.
        triangle: (H, W) index of the visible triangle, -1 outside.
        diffuse, specular: (H, W, 3) linear c_d and c_s, 0 outside; the colour is their sum.
        diffuse_albedo: (H, W, 3) linear t_d, times occlusion.
        normal: (H, W, 3) unit normal in the camera-aligned frame.
    """

    mask: NDArray[np.bool_]
    triangle: NDArray[np.int64]
    diffuse: NDArray[np.float64]
    specular: NDArray[np.float64]
    diffuse_albedo: NDArray[np.float64]
    normal: NDArray[np.float64]


def rasterize(
    pixels: NDArray, depth: NDArray, triangles: NDArray, width: int, height: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Visible triangle and barycentric coordinates at every pixel centre; back faces are culled.

    Args:
        pixels: (V, 2) projected vertices.
        depth: (V,) larger is nearer.
        triangles: (T, 3), counter-clockwise in a y-up picture.

    Returns:
        (H, W) triangle index or -1, and (H, W, 3) barycentric coordinates.
    """
    owner = np.full((height, width), -1, dtype=np.int64)
    weights = np.zeros((height, width, 3))
    nearest = np.full((height, width), -np.inf)
    corners = pixels[triangles]  # (T, 3, 2)
    low = np.clip(np.ceil(corners.min(axis=1) - 0.5), 0, None).astype(int)
    high = np.clip(np.floor(corners.max(axis=1) - 0.5), None, (width - 1, height - 1)).astype(int)
    edges = corners[:, 1:] - corners[:, :1]
    area = edges[:, 0, 0] * edges[:, 1, 1] - edges[:, 0, 1] * edges[:, 1, 0]  # negative is front (y is down)
    visible = np.flatnonzero((area < 0) & (low <= high).all(axis=1))
    for t in visible:
        (ax, ay), (bx, by), (cx, cy) = corners[t]
        rows, columns = slice(low[t, 1], high[t, 1] + 1), slice(low[t, 0], high[t, 0] + 1)
        y, x = np.mgrid[rows, columns] + 0.5
        wb = ((x - ax) * (cy - ay) - (y - ay) * (cx - ax)) / area[t]
        wc = ((bx - ax) * (y - ay) - (by - ay) * (x - ax)) / area[t]
        w = np.stack([1.0 - wb - wc, wb, wc], axis=-1)
        z = w @ depth[triangles[t]]
        inside = (w >= 0.0).all(axis=-1) & (z > nearest[rows, columns])
        owner[rows, columns][inside] = t
        weights[rows, columns][inside] = w[inside]
        nearest[rows, columns][inside] = z[inside]
    return owner, weights


def render(model: FaceModel, vector: NDArray, width: int, height: int, lamps: Sequence[Lamp] = ()) -> ReferenceImage:
    """Render a parameter vector (size,) in frame pixels at width x height with the model's own shading.

    Lamps shine beside the vector's light, without shadows.
    """
    model = model.occluded()
    p = model.layout.view(np.asarray(vector, dtype=np.float64))
    vertices = model.shape(p.identity, p.expression)  # (V, 3)
    posed = vertices @ p.rotation.T
    normals = model.normals(vertices) @ p.rotation.T
    diffuse_albedo, specular_albedo = model.albedo(p.albedo)
    pixels = project(vertices, p.rotation, p.translation, p.scale)
    owner, weights = rasterize(pixels, posed[:, 2], model.triangles, width, height)

    mask = owner >= 0
    corners = model.triangles[owner[mask]]  # (P, 3)

    def interpolate(attribute: NDArray) -> NDArray:
        return np.einsum("pk,pkd->pd", weights[mask], attribute[corners])

    def image(values: NDArray) -> NDArray:
        full = np.zeros((height, width, 3))
        full[mask] = values
        return full

    normal = interpolate(normals)
    normal = normal / np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-12)
    t_d, t_s = interpolate(diffuse_albedo), interpolate(specular_albedo)
    c_d = shade_diffuse(t_d, normal, p.sh)
    c_s = shade_specular(t_s, interpolate(posed), normal, p.key_position, p.key_color, p.shininess)
    lamp_d, lamp_s = shade_lamps(t_d, t_s, interpolate(posed), normal, lamps, p.shininess)
    c_d, c_s = c_d + lamp_d, c_s + lamp_s
    return ReferenceImage(mask, owner, image(c_d), image(c_s), image(t_d), image(normal))

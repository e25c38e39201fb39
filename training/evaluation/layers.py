"""A face's diffuse and specular light apart, at the pixels of a crop: what colours are measured on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facemodel import CROP_SIZE, FaceModel
from facemodel.color import encode_srgb
from training.render.rasterizer import Light, Surface, rasterize, shade, vertex_normals

_SHARE = 0.05  # of the face that a highlight must cover: the rim of a cheek glints in a few pixels under any light


@dataclass(frozen=True)
class FaceLayers:
    """A rendered face.

    Attributes:
        diffuse, specular: (S, S, 3) linear c_d and c_s, 0 where there is no head.
        albedo: (S, S, 3) linear diffuse albedo; of any triangle where there is no head.
        normals: (S, S, 3) unit normals in the camera-aligned frame; likewise.
        mask: (S, S) True where the face region is seen: neither ears, neck and scalp nor eyes and inner mouth.
    """

    diffuse: NDArray[np.float32]
    specular: NDArray[np.float32]
    albedo: NDArray[np.floating]
    normals: NDArray[np.floating]
    mask: NDArray[np.bool_]

    @property
    def color(self) -> NDArray[np.floating]:
        """(S, S, 3) sRGB 0..1 of c_d + c_s."""
        return encode_srgb(self.diffuse + self.specular)

    @property
    def brightening(self) -> float:
        """By how much, at least, the specular light brightens the twentieth of the face that it brightens most.

        In sRGB 0..255, mean of the three channels, over the pixels of `mask`; a channel that is white without it
        cannot get brighter. 0 where no face is seen.
        """
        if not self.mask.any():
            return 0.0
        diffuse = self.diffuse[self.mask].astype(np.float64)  # (K, 3)
        both = diffuse + self.specular[self.mask]
        lit, unlit = (encode_srgb(np.clip(color, 0.0, 1.0)) for color in (both, diffuse))
        return float(np.quantile((lit - unlit).mean(axis=1), 1.0 - _SHARE) * 255.0)


def face_layers(model: FaceModel, vector: NDArray[np.floating], size: int = CROP_SIZE) -> FaceLayers:
    """Render the layers of parameters (P,) in crop px, on the crop drawn at `size` x `size`."""
    p = model.layout.view(vector)
    zoom = size / CROP_SIZE
    vertices = model.shape(p.identity, p.expression)  # (V, 3)
    rotation = p.rotation
    posed, normals = vertices @ rotation.T, vertex_normals(vertices, model.triangles) @ rotation.T
    pixels = posed[:, :2] * np.array((p.scale, -p.scale)) * zoom + p.translation * zoom
    owner, weights = rasterize(pixels, posed[:, 2], model.triangles, size, size)
    diffuse, specular = model.occluded().albedo(p.albedo)
    light = Light(p.sh, p.key_position, p.key_color, p.shininess)
    nothing = np.zeros_like(diffuse)
    c_d, c_s = (
        shade(Surface(model.triangles, posed, normals, d, s), light, owner, weights)[0]
        for d, s in ((diffuse, nothing), (nothing, specular))
    )
    mask = (owner >= 0) & (model.triangle_region[owner] == model.region_names.index("face"))
    corners = model.triangles[owner]  # (S, S, 3)
    albedo, seen_normals = ((weights[..., None] * values[corners]).sum(axis=2) for values in (diffuse, normals))
    seen_normals /= np.maximum(np.linalg.norm(seen_normals, axis=2, keepdims=True), 1e-9)
    return FaceLayers(c_d, c_s, albedo, seen_normals, mask)

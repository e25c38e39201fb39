"""The differentiable renderer: parameter vectors to linear pictures of the face, with gradients to every parameter.

Which triangle a pixel sees is decided by a z-buffer and carries no gradient; where in the triangle the pixel lies is
computed from the projected corners, so that pose, identity and expression feel what interpolation shows (deferred
shading, as Laine et al. 2020, "Modular primitives for high-performance differentiable rendering", without its
antialiasing).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from facemodel import CROP_SIZE, FaceModel


@dataclass(frozen=True, eq=False)
class Rendering:
    """Pictures of a batch, H = W = `size`, and what the losses need beside them.

    Light is linear and not clipped: encode it once, with `paper_losses.encode_srgb`. Outside the face it is 0.

    Attributes:
        diffuse: (B, H, W, 3) c_d, Eq. 4.
        specular: (B, H, W, 3) c_s, Eq. 5; the colour is diffuse + specular.
        mask: (B, H, W) 1 where the face region is seen, I_project; 0 elsewhere. Without gradient.
        covered: (B, H, W) 1 where any part of the head is drawn. Without gradient.
        inner_mouth: (B, H, W) share of each pixel that the inner-mouth patch covers, A^p of Eq. 11, exact and hence
            soft at the edges. Below 0 where the lips cross each other, so that Eq. 11 parts them.
        landmarks478: (B, 478, 2) projected MediaPipe points, crop px.
        landmarks68: (B, 68, 2) projected iBUG points, crop px.
        lit: (B, K, 3) lit diffuse colour at the K vertices of the face region, seen or not, linear RGB, Eq. 13.
    """

    diffuse: Tensor
    specular: Tensor
    mask: Tensor
    covered: Tensor
    inner_mouth: Tensor
    landmarks478: Tensor
    landmarks68: Tensor
    lit: Tensor


class Renderer(nn.Module):
    """Draws a face model, batched and differentiable; matches `facemodel.reference`.

    Args:
        model: the face model.
        size: side of the pictures, px. Parameters are in crop px (224) whatever it is.
        regions: of the model that are drawn; all of them if left out. Normals are those of the whole mesh.
    """

    def __init__(self, model: FaceModel, size: int = CROP_SIZE, regions: Sequence[str] | None = None) -> None:
        super().__init__()
        self.layout = model.layout
        self.size = size

    def forward(self, parameters: Tensor, size: int | None = None) -> Rendering:
        """Render parameter vectors (B, P), pose in px of the 224 crop.

        Args:
            parameters: on this module's device, in its precision.
            size: side of these pictures instead of the module's.

        Raises:
            LimelightError: parameters are not finite; the message names the group.
        """
        raise NotImplementedError

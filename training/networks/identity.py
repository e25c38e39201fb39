"""F of Eq. 7: a frozen face recognition network that looks at our crops, differentiable with respect to them.

FaceNet was trained on faces aligned in its own way. Our crop is upright with the head and of its size, so one fixed
similarity brings it close enough to that alignment, the same for the photo and for the rendered face.
"""

from __future__ import annotations

from pathlib import Path

from torch import Tensor, nn
from torch.nn import functional

from facemodel import CROP_SIZE
from training.networks import facenet
from training.networks.facenet import FaceNet
from training.networks.fetch import fetch

FEATURES = "facenet"
"""What the features of the published network are called in prepared data."""

_CENTRE, _SIDE = (112.0, 110.0), 190.0
"""Crop px: a detector's box with a margin, hair line and chin being seen. Verification was alike from 180 to 220 px."""


class IdentityNetwork(nn.Module):
    """Turns crops into identity features, and never changes.

    Args:
        backbone: aligned faces (B, 3, N, N) sRGB 0..1 to features (B, D).
        centre, side: of the square of the crop that it sees, upright, crop px.
    """

    def __init__(self, backbone: FaceNet, centre: tuple[float, float] = _CENTRE, side: float = _SIDE) -> None:
        super().__init__()
        self.backbone = backbone.requires_grad_(False).eval()
        self.centre, self.side = centre, side

    def train(self, mode: bool = True) -> IdentityNetwork:  # noqa: ARG002
        """Stay in evaluation mode."""
        return super().train(False)

    def forward(self, crop: Tensor) -> Tensor:
        """Return features (B, D) of crops (B, S, S, 3) sRGB 0..1 that show the 224 px crop, whatever S is."""
        return self.backbone(cut_square(crop.permute(0, 3, 1, 2), self.centre, self.side, self.backbone.side))


def cut_square(image: Tensor, centre: tuple[float, float], side: float, size: int) -> Tensor:
    """Return a square of crops (B, C, S, S), placed in crop px, as (B, C, size, size); bilinear, differentiable."""
    half = side / CROP_SIZE
    x, y = (2.0 * c / CROP_SIZE - 1.0 for c in centre)
    theta = image.new_tensor([[half, 0.0, x], [0.0, half, y]]).expand(len(image), 2, 3)
    grid = functional.affine_grid(theta, [len(image), 1, size, size], align_corners=False)
    return functional.grid_sample(image, grid, padding_mode="border", align_corners=False)


def load_identity_network(cache: Path) -> IdentityNetwork:
    """Return the published recognition network, its weights fetched into the folder `cache` the first time.

    Raises:
        LimelightError: the weights cannot be fetched, or they are not the known ones.
    """
    backbone = FaceNet()
    backbone.load_published(fetch(facenet.WEIGHTS, cache, "identity weights"))
    return IdentityNetwork(backbone)

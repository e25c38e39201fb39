"""F of Eq. 7: a frozen face recognition network that looks at our crops, differentiable with respect to them.

FaceNet was trained on faces aligned in its own way. Our crop is upright with the head and of its size, so one fixed
similarity brings it close enough to that alignment, the same for the photo and for the rendered face.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from torch import Tensor, nn
from torch.nn import functional

from facemodel import CROP_SIZE
from training.networks import facenet
from training.networks.facenet import FaceNet
from training.networks.fetch import fetch

FEATURES = "facenet"
"""What the features of the published network are called in prepared data."""


@dataclass(frozen=True)
class Alignment:
    """The square of the crop that a recognition network sees, upright.

    Attributes:
        centre: crop px.
        side: crop px.
    """

    centre: tuple[float, float]
    side: float

    def cut(self, image: Tensor, size: int) -> Tensor:
        """The square (B, C, size, size) of crops (B, C, S, S), bilinear; differentiable with respect to them."""
        half = self.side / CROP_SIZE
        x, y = (2.0 * c / CROP_SIZE - 1.0 for c in self.centre)
        theta = image.new_tensor([[half, 0.0, x], [0.0, half, y]]).expand(len(image), 2, 3)
        grid = functional.affine_grid(theta, [len(image), 1, size, size], align_corners=False)
        return functional.grid_sample(image, grid, padding_mode="border", align_corners=False)


FACENET_ALIGNMENT = Alignment((112.0, 110.0), 190.0)
"""A detector's box with a margin: hair line and chin are seen. Verification was alike from 180 to 220 px."""


class IdentityNetwork(nn.Module):
    """A recognition network that never changes: crops in, identity features out.

    Args:
        backbone: aligned faces (B, 3, N, N) sRGB 0..1 to features (B, D).
        alignment: what it sees of a crop.
    """

    def __init__(self, backbone: FaceNet, alignment: Alignment = FACENET_ALIGNMENT) -> None:
        super().__init__()
        self.backbone = backbone.requires_grad_(False).eval()
        self.alignment = alignment

    def train(self, mode: bool = True) -> IdentityNetwork:  # noqa: ARG002
        """Stays in evaluation mode."""
        return super().train(False)

    def forward(self, crop: Tensor) -> Tensor:
        """Features (B, D) of crops (B, S, S, 3) sRGB 0..1 that show the 224 px crop, whatever S is."""
        image = crop.permute(0, 3, 1, 2)  # (B, 3, S, S)
        return self.backbone(self.alignment.cut(image, self.backbone.side))


def load_identity_network(cache: Path) -> IdentityNetwork:
    """Return the published recognition network, its weights fetched into the folder `cache` the first time.

    Raises:
        LimelightError: the weights cannot be fetched, or they are not the known ones.
    """
    backbone = FaceNet()
    backbone.load_published(fetch(facenet.WEIGHTS, cache, "identity weights"))
    return IdentityNetwork(backbone)

"""F of Eq. 7: a frozen face recognition network that looks at our crops, differentiable with respect to them.

Both networks were trained on faces aligned in their own way. Our crop is upright with the head and of its size, so
one fixed similarity brings it close enough to either alignment, the same for the photo and for the rendered face.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from torch import Tensor, nn
from torch.nn import functional

from facemodel import CROP_SIZE, LimelightError
from training.networks import dlib_resnet, facenet
from training.networks.dlib_resnet import DlibResNet
from training.networks.facenet import FaceNet
from training.networks.fetch import fetch


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


ALIGNMENTS: dict[str, Alignment] = {
    # dlib's own alignment (eyes and nose of its mean face) on the eyes and nose of a mean face in our crop.
    "dlib": Alignment((112.0, 116.0), 184.0),
    # A detector's box with a margin: hair line and chin are seen. Verification was alike from 180 to 220 px.
    "facenet": Alignment((112.0, 110.0), 190.0),
}


class IdentityNetwork(nn.Module):
    """A recognition network that never changes: crops in, identity features out.

    Args:
        backbone: aligned faces (B, 3, N, N) sRGB 0..1 to features (B, D).
        alignment: what it sees of a crop.
    """

    def __init__(self, backbone: DlibResNet | FaceNet, alignment: Alignment) -> None:
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


def load_identity_network(kind: str, cache: Path) -> IdentityNetwork:
    """A published recognition network, its weights fetched into `cache` the first time.

    Args:
        kind: `dlib` or `facenet`.
        cache: folder of fetched weights.

    Raises:
        LimelightError: another kind, the weights cannot be fetched, or they are not the known ones.
    """
    if kind == "dlib":
        backbone: DlibResNet | FaceNet = DlibResNet()
        weights = dlib_resnet.WEIGHTS
    elif kind == "facenet":
        backbone, weights = FaceNet(), facenet.WEIGHTS
    else:
        raise LimelightError(f"identity network {kind!r}: dlib or facenet")
    backbone.load_published(fetch(weights, cache, "identity weights"))
    return IdentityNetwork(backbone, ALIGNMENTS[kind])

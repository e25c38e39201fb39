"""Applies the trained segmentation U-Net to pictures, and keeps it in a file."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from facemodel import CROP_SIZE, LimelightError
from training.data.face_classes import face_mask
from training.data.storage import EXTENT
from training.networks.checkpoint import read_checkpoint
from training.networks.unet import UNet, UNetConfig


@dataclass(frozen=True)
class SegmentationCheckpoint:
    """A U-Net and how large it wants to see faces.

    Attributes:
        config: sizes of the network.
        resolution: side of the pictures that it was trained on, px; they showed EXTENT crop px.
        weights: state dict, the averaged weights where training averages.
    """

    config: UNetConfig
    resolution: int
    weights: dict[str, Tensor]

    def to_dict(self, dtype: torch.dtype = torch.float32) -> dict[str, Any]:
        """Return plain values and tensors, the weights in `dtype`."""
        weights = {name: w.to(dtype) if w.is_floating_point() else w for name, w in self.weights.items()}
        return {"config": asdict(self.config), "resolution": self.resolution, "weights": weights}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> SegmentationCheckpoint:
        return cls(UNetConfig(**values["config"]), values["resolution"], values["weights"])

    def build(self) -> UNet:
        """Return the network, for inference."""
        network = UNet(self.config)
        network.load_state_dict(self.weights)
        return network.requires_grad_(False).eval()


def load_segmentation_network(path: str | Path | None = None) -> SegmentationCheckpoint:
    """Return the U-Net in a file that `limelight train --recipe segmentation` wrote; by default the shipped one.

    Raises LimelightError: the file is missing, unreadable, or of another kind.
    """
    path = Path(path or str(files("training") / "assets" / "segmentation.pt"))
    values = read_checkpoint(path, ("unet",))["unet"]
    try:
        checkpoint = SegmentationCheckpoint.from_dict(values)
        checkpoint.build()
    except (KeyError, TypeError, RuntimeError) as error:
        raise LimelightError(f"checkpoint {path}: not a segmentation network of this version") from error
    return checkpoint


class Segmenter:
    """Tells which part of a face every pixel of an aligned crop shows.

    Args:
        checkpoint: the trained network.
    """

    def __init__(self, checkpoint: SegmentationCheckpoint) -> None:
        self._network = checkpoint.build()
        self._scale = checkpoint.resolution / EXTENT  # network px per crop px

    @classmethod
    def load(cls, path: str | Path | None = None) -> Segmenter:
        """Return the segmenter of such a file as `load_segmentation_network` reads.

        Raises LimelightError: the file is missing, unreadable, or of another kind.
        """
        return cls(load_segmentation_network(path))

    @torch.inference_mode()
    def probabilities(self, image: NDArray[np.uint8], extent: float = CROP_SIZE) -> NDArray[np.float32]:
        """Return the probability of every class at every pixel, (H, W, 19).

        Args:
            image: (H, W, 3) sRGB, the face upright.
            extent: crop px that its width shows, where the face is as large as in an aligned crop of CROP_SIZE px.
        Raises ValueError: not such a picture.
        """
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
            raise ValueError(f"image: expected (H, W, 3) uint8, got {image.shape} {image.dtype}")
        height, width = image.shape[:2]
        zoom = extent * self._scale / width
        size = (max(1, round(zoom * width)), max(1, round(zoom * height)))
        shrinks = zoom < 1.0
        small = cv2.resize(image, size, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
        planes = torch.from_numpy(small.transpose(2, 0, 1)[None].astype(np.float32) / 255.0)  # (1, 3, h, w)
        found = self._network(planes).softmax(dim=1)[0].permute(1, 2, 0).contiguous().numpy()  # (h, w, 19)
        return np.asarray(cv2.resize(found, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)

    def __call__(self, image: NDArray[np.uint8], extent: float = CROP_SIZE) -> NDArray[np.uint8]:
        """Return the most probable of `face_classes.CLASSES` at every pixel (H, W); arguments as `probabilities`."""
        return self.probabilities(image, extent).argmax(axis=-1).astype(np.uint8)

    def face_mask(self, image: NDArray[np.uint8], extent: float = CROP_SIZE) -> NDArray[np.bool_]:
        """Return where (H, W) the face shows and nothing is in front of it; arguments as `probabilities`."""
        return face_mask(self(image, extent))

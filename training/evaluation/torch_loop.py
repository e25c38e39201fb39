"""A PyTorch network where the sections expect an exported one: for runs that are measured and never shipped."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from facemodel import Crop, FaceModel
from training.evaluation.context import Pose, TrackedClip
from training.evaluation.held_out import crop_picture
from training.evaluation.section import UnmeasuredError

_LOOKS = 2


class TorchNetwork:
    """A `training.evaluation.context.Network`.

    Args:
        name: for people.
        network: `forward` gives parameters (B, P) and confidence (B, 1) of crops (B, R, R, 3) uint8 RGB.
        resolution: R.
    """

    def __init__(self, name: str, network: nn.Module, resolution: int) -> None:
        self.name = name
        self.resolution = resolution
        self._network = network.eval()

    def infer(self, crops: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return parameters (N, P) and confidences (N,) of crops (N, R, R, 3) uint8 RGB."""
        with torch.inference_mode():
            parameters, confidence = self._network(torch.from_numpy(np.ascontiguousarray(crops)))
        return parameters.numpy(), confidence[:, 0].numpy()


class PhotoLoop:
    """A `training.evaluation.context.LiveLoop` for photos whose faces are known: two looks, as the tracker takes.

    What needs the tracker itself is not measured.

    Args:
        model: the face model.
        network: that looks.
    """

    def __init__(self, model: FaceModel, network: TorchNetwork) -> None:
        self._layout = model.layout
        self._network = network

    def follow(self, image: NDArray[np.uint8], pose: Pose) -> NDArray[np.float32] | None:
        """Parameters (P,) in picture px of the face at a roughly known pose in an (H, W, 3) BGR picture."""
        side = self._network.resolution
        for _ in range(_LOOKS):
            crop = Crop.around_head(*pose)
            picture = cv2.resize(crop_picture(image, crop)[0], (side, side), interpolation=cv2.INTER_AREA)
            (seen,), _ = self._network.infer(picture[None, ..., ::-1].astype(np.uint8))
            vector = crop.lift(self._layout, seen)
            p = self._layout.view(vector)
            if not np.isfinite(vector).all() or p.scale <= 0.0:
                return None
            pose = (p.rotation, p.translation.copy(), p.scale)
        return np.asarray(vector, np.float32)

    def find(self, image: NDArray[np.uint8]) -> NDArray[np.float32] | None:  # noqa: ARG002
        raise UnmeasuredError("no live loop: faces are not searched for")

    def clip(self, path: Path, frames: int | None) -> TrackedClip:  # noqa: ARG002
        raise UnmeasuredError("no live loop: clips are not tracked")

    def performer(self, frames: int) -> Sequence[tuple[NDArray | None, NDArray]]:  # noqa: ARG002
        raise UnmeasuredError("no live loop: the performer is not tracked")

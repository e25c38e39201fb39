"""What a run shows while it goes on, for TensorBoard: losses, validation figures, and faces beside their layers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from torch.utils.tensorboard import SummaryWriter

from facemodel import FaceModel
from facemodel.color import encode_srgb
from training.evaluation.layers import face_layers

PANEL_SIZE = 160
"""Side of each picture of a panel, px."""


class Monitor:
    """Writes event files into a folder; `tensorboard --logdir FOLDER` shows them. Nothing leaves the machine.

    Args:
        folder: made if absent.
        step: of the resumed run; what an earlier run wrote after it is hidden.
    """

    def __init__(self, folder: Path, step: int = 0) -> None:
        self._writer = SummaryWriter(str(folder), purge_step=step)

    def losses(self, step: int, total: float, terms: Mapping[str, float]) -> None:
        """Log the loss and its terms, each in its own unit."""
        self._writer.add_scalar("loss/total", total, step)
        for name, value in terms.items():
            self._writer.add_scalar(f"loss/{name}", value, step)

    def figures(self, step: int, figures: Mapping[str, float]) -> None:
        """Log validation figures; a name such as `photo.nme68` becomes `photo/nme68`."""
        for name, value in figures.items():
            self._writer.add_scalar(name.replace(".", "/", 1), value, step)

    def panels(self, step: int, pictures: Sequence[NDArray[np.uint8]]) -> None:
        """Show pictures (H, W, 3) RGB of what was seen in held-out inputs."""
        for i, picture in enumerate(pictures):
            self._writer.add_image(f"faces/{i}", picture, step, dataformats="HWC")

    def close(self) -> None:
        """Write what is not written yet."""
        self._writer.close()


def panel(model: FaceModel, crop: NDArray[np.uint8], vector: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Draw input, overlay, diffuse and specular side by side, (S, 4 S, 3) uint8 RGB.

    Args:
        model: the face model.
        crop: (R, R, 3) RGB.
        vector: (P,) parameters in crop px.
    """
    picture = cv2.resize(crop, (PANEL_SIZE, PANEL_SIZE), interpolation=cv2.INTER_LINEAR) / 255.0
    layers = face_layers(model, vector, PANEL_SIZE)
    overlay = np.where(layers.mask[..., None], layers.color, picture)
    tiles = [picture, overlay, encode_srgb(layers.diffuse), encode_srgb(layers.specular)]
    return np.rint(255.0 * np.clip(np.hstack(tiles), 0.0, 1.0)).astype(np.uint8)

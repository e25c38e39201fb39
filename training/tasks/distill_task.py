"""Before anything else the trunk learns to see faces as MediaPipe does: its 478 points and its scores.

This needs neither face model nor fit, only the labels of `training.data.photo_labels`, and spares the training
that follows the slow first part.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from tqdm import tqdm

from facemodel import ARKIT_NAMES, CROP_SIZE, Crop, LimelightError, ParameterLayout
from training.config import TrainConfig
from training.data import STORED_SIZE, Samples
from training.data.photo_labels import PhotoLabels, read_rgb
from training.data.storage import cut
from training.losses import label_losses
from training.losses.label_objective import Batch
from training.networks import StudentConfig, Trunk
from training.networks.lite0 import normalised
from training.tasks.augmentation import Augmenter, Mirror
from training.tasks.label_batches import Batcher, stored_sample
from training.tasks.task import Task

LAYOUT = ParameterLayout(0, 0, ARKIT_NAMES)
"""MediaPipe's scores stand in the expression group of a vector without a face model."""

_SIDE_PER_EXTENT = 1.27  # 215 mm of crop for a face oval of 150 mm by 190 mm
_RIGHT_EYE, _LEFT_EYE = (33, 133), (362, 263)


class LandmarkStudent(nn.Module):
    """The trunk with a linear layer for 478 points (crop px) and 52 scores.

    Args:
        trunk: what is prepared.
        mean_points: (478, 2) crop px, where training starts from.
    """

    spread = 0.1 * CROP_SIZE

    def __init__(self, trunk: Trunk, mean_points: NDArray) -> None:
        super().__init__()
        self.trunk = trunk
        self.regressor = nn.Linear(trunk.config.hidden, 2 * len(mean_points) + len(ARKIT_NAMES))
        nn.init.normal_(self.regressor.weight, std=0.01)
        nn.init.zeros_(self.regressor.bias)
        self.register_buffer("mean_points", torch.from_numpy(np.asarray(mean_points, np.float32)))

    def forward(self, crop: Tensor) -> tuple[Tensor, Tensor]:
        """Map crops (B, R, R, 3) uint8 RGB to points (B, 478, 2) in crop px and scores (B, 52)."""
        outputs = self.regressor(self.trunk(normalised(crop)))
        count = self.mean_points.numel()
        points = self.mean_points + self.spread * outputs[:, :count].unflatten(1, self.mean_points.shape)
        return points, outputs[:, count:]


class DistillTask(Task[Batch]):
    """Learns MediaPipe's points, lid and lip gaps and scores, with the weights of the training that follows.

    Args:
        config: of the run; its network is a student, whose trunk is trained.
        crops: of `crop_photos`.
    Raises LimelightError: there is nothing to train on, or the network has no trunk.
    """

    def __init__(self, config: TrainConfig, crops: Samples) -> None:
        if not isinstance(config.network, StudentConfig):
            raise LimelightError("distillation: it prepares the trunk of a student; the recipe has another network")
        known = crops.face & ~crops.held_out
        if not known.any():
            raise LimelightError("distillation: no labelled photographs to learn from")
        self.config = config
        self.objective = nn.Module()
        self._crops = crops
        self._mean_points = crops.landmarks[known].mean(axis=0)
        mirror = Mirror.of(self._mean_points - (self._mean_points[:, 0].mean(), 0.0), ARKIT_NAMES)
        self._augmenter = Augmenter(config.augment, LAYOUT, mirror, config.network.resolution)
        self._batcher = Batcher(crops, self._augmenter, config)

    def make_network(self) -> LandmarkStudent:
        assert isinstance(self.config.network, StudentConfig), "checked when the task was made"
        trunk = Trunk(self.config.network)
        if self.config.pretrained:
            trunk.backbone.load_pretrained(Path(self.config.cache))
        return LandmarkStudent(trunk, self._mean_points)

    def batch(self, step: int) -> Batch:
        return self._batcher(step)

    def predict(self, network: LandmarkStudent, batch: Batch, progress: float) -> tuple[Tensor, Tensor]:  # noqa: ARG002
        return network(batch.crop)

    def loss(
        self,
        prediction: tuple[Tensor, Tensor],
        batch: Batch,
        progress: float,  # noqa: ARG002
    ) -> tuple[Tensor, dict[str, Tensor]]:
        points, scores = prediction[0].float(), prediction[1].float()
        known = batch.parameters[:, LAYOUT.slices["expression"]]
        weights = label_losses.landmark_weights().to(points.device)
        terms = {
            "landmarks": label_losses.point_distance(points, batch.landmarks, weights).mean(),
            "lid_gap": label_losses.lid_gap(points, batch.landmarks).mean(),
            "lip_gap": label_losses.lip_gap(points, batch.landmarks).mean(),
            "expression": label_losses.expression_error(scores, known, batch.unit_worth).mean(),
        }
        return torch.stack([getattr(self.config.loss, name) * value for name, value in terms.items()]).sum(), terms

    def validate(self, network: LandmarkStudent) -> dict[str, float]:
        """Return the median point error (px of the 224 crop) and the mean absolute score error on held-out photos."""
        held_out = np.flatnonzero(self._crops.face & self._crops.held_out)[: self.config.validation_samples]
        if not len(held_out):
            return {}
        images = np.stack([self._augmenter.plain(stored_sample(self._crops, i)).image for i in held_out])
        with torch.inference_mode():
            points, scores = network(torch.from_numpy(images).to(network.mean_points.device))
        distance = np.linalg.norm(points.cpu().numpy() - self._crops.landmarks[held_out], axis=-1).mean(axis=1)
        expected = self._crops.parameters[held_out, LAYOUT.slices["expression"]]
        wrong = float(np.abs(scores.cpu().numpy() - expected).mean())
        return {"photo.point_px": float(np.median(distance)), "photo.score": wrong}

    def saved(self, network: LandmarkStudent, weights: dict[str, Tensor]) -> dict[str, Any]:  # noqa: ARG002
        """Return the trunk, which `training.tasks.task` reads."""
        return {"trunk": {name[6:]: value for name, value in weights.items() if name.startswith("trunk.")}}


def crop_photos(labels: PhotoLabels, photos: Path) -> Samples:
    """Cut crops of labelled photos, about as `Crop.around_head` would, with points and scores as labels."""
    count = len(labels)
    images = np.zeros((count, STORED_SIZE, STORED_SIZE, 3), np.uint8)
    landmarks = np.zeros((count, 478, 2), np.float32)
    parameters = np.tile(LAYOUT.neutral(), (count, 1))
    readable = np.zeros(count, bool)
    for i, path in enumerate(tqdm(labels.paths, desc="cropping", unit="photo")):
        image = read_rgb(photos / path)
        if image is None:
            continue
        points = labels.landmarks[i, :, :2]
        crop = _crop_around(points)
        images[i] = cut(image, crop)
        landmarks[i] = crop.lower_points(points)
        parameters[i, LAYOUT.slices["expression"]] = labels.scores[i]
        readable[i] = True
    nothing = np.zeros(count, bool)
    return Samples(images, parameters, landmarks, readable, ~nothing, nothing, nothing, labels.validation | ~readable)


def _crop_around(points: NDArray[np.float32]) -> Crop:
    """Return the crop of a face of which only MediaPipe's points (478, 2) are known."""
    right, left = points[list(_RIGHT_EYE)].mean(axis=0), points[list(_LEFT_EYE)].mean(axis=0)
    angle = float(np.arctan2(left[1] - right[1], left[0] - right[0]))
    extent = points.max(axis=0) - points.min(axis=0)
    centre = points.mean(axis=0)
    return Crop((float(centre[0]), float(centre[1])), _SIDE_PER_EXTENT * float(np.sqrt(extent.prod())), angle)

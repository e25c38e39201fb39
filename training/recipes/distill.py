"""Before training: the trunk learns to see faces as MediaPipe does, its 478 points and its scores.

This needs neither face model nor fit, only the labels of `training.data.photo_labels`, and spares the training
that follows the slow first part.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from tqdm import tqdm

from facemodel import ARKIT_NAMES, CROP_SIZE, Crop, LimelightError, ParameterLayout
from training.config import LossWeights, TrainConfig, load_config
from training.data import EXTENT, STORED_SIZE
from training.data.photo_labels import PhotoLabels, load_labels, read_rgb
from training.data.storage import cut
from training.losses import label_losses
from training.losses.label_objective import Batch
from training.networks import StudentConfig, Trunk
from training.networks.checkpoint import write_checkpoint
from training.networks.lite0 import normalised
from training.optimization import WeightAverage, parameter_groups, timed_batches
from training.tasks.augmentation import Augmenter, Mirror
from training.tasks.label_batches import Batcher, CropSet

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
        """Crops (B, R, R, 3) uint8 RGB to points (B, 478, 2) in crop px and scores (B, 52)."""
        outputs = self.regressor(self.trunk(normalised(crop)))
        count = self.mean_points.numel()
        points = self.mean_points + self.spread * outputs[:, :count].unflatten(1, self.mean_points.shape)
        return points, outputs[:, count:]


def crop_photos(labels: PhotoLabels, photos: Path) -> CropSet:
    """Crops of labelled photos, about as `Crop.around_head` would make them, with points and scores as labels."""
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
    return CropSet(
        images, EXTENT, parameters, landmarks, readable, ~nothing, nothing, nothing, labels.validation | ~readable
    )


def distill(config: TrainConfig, crops: CropSet, minutes: float, out: Path) -> dict[str, float]:
    """Train the trunk for `minutes` and write it to `out`, every few minutes and at the end.

    Returns:
        Held-out median point error (px of the 224 crop) and score error (mean absolute).

    Raises:
        LimelightError: there is nothing to train on, or the network has no trunk.
    """
    if not isinstance(config.network, StudentConfig):
        raise LimelightError("distillation: it prepares the trunk of a student; the configuration has another network")
    torch.set_num_threads(config.threads)
    torch.manual_seed(config.seed)
    known = crops.face & ~crops.held_out
    if not known.any():
        raise LimelightError("distillation: no labelled photos; run 'python -m training.data.photo_labels' first")
    mean_points = crops.landmarks[known].mean(axis=0)
    mirror = Mirror.of(mean_points - (mean_points[:, 0].mean(), 0.0), ARKIT_NAMES)
    augmenter = Augmenter(config.augment, LAYOUT, mirror, config.network.resolution)
    batcher = Batcher(crops, augmenter, config)
    trunk = Trunk(config.network)
    if config.pretrained:
        trunk.backbone.load_pretrained(Path(config.cache))
    network = LandmarkStudent(trunk, mean_points).to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(parameter_groups(network, config))
    average = WeightAverage(network, config.average)
    save_due = time.perf_counter() + 60.0 * config.checkpoint_minutes
    for step, batch, bar in timed_batches(batcher, optimizer, minutes, config.warmup):
        network.train()
        optimizer.zero_grad(set_to_none=True)
        points, scores = network(batch.crop)
        loss = distillation_loss(points, scores, batch, config.loss)
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), config.gradient_norm)
        optimizer.step()
        average.update(network, step)
        if step % 20 == 0:
            bar.set_postfix_str(f"step {step} loss {loss.item():.3f}")
        if time.perf_counter() >= save_due:
            save_due = time.perf_counter() + 60.0 * config.checkpoint_minutes
            figures = _save(average, network, trunk, crops, augmenter, out)
            tqdm.write(f"step {step}: " + ", ".join(f"{name} {value:.3f}" for name, value in figures.items()))
    return _save(average, network, trunk, crops, augmenter, out)


def distillation_loss(points: Tensor, scores: Tensor, batch: Batch, weights: LossWeights) -> Tensor:
    """Points, lid and lip gaps and scores against MediaPipe's, with the weights of the training that follows."""
    terms = {
        "landmarks": label_losses.landmark_distance(points, batch.landmarks, label_losses.landmark_weights()),
        "lid_gap": label_losses.lid_gap(points, batch.landmarks),
        "lip_gap": label_losses.lip_gap(points, batch.landmarks),
        "expression": label_losses.expression_error(
            scores, batch.parameters[:, LAYOUT.slices["expression"]], batch.unit_worth
        ),
    }
    return torch.stack([getattr(weights, name) * value.mean() for name, value in terms.items()]).sum()


def _save(
    average: WeightAverage, network: nn.Module, trunk: Trunk, crops: CropSet, augmenter: Augmenter, out: Path
) -> dict[str, float]:
    """Write the averaged trunk; returns the averaged network's figures on held-out photos."""
    current = {name: value.clone() for name, value in network.state_dict().items()}
    network.load_state_dict(average.weights)
    network.eval()
    write_checkpoint(out, {"trunk": trunk.state_dict()})
    figures: dict[str, float] = {}
    held_out = np.flatnonzero(crops.face & crops.held_out)[:512]
    if len(held_out):
        with torch.inference_mode():
            images = np.stack([augmenter.plain(crops.sample(i)).image for i in held_out])
            points, scores = network(torch.from_numpy(images))
        distance = np.linalg.norm(points.numpy() - crops.landmarks[held_out], axis=-1).mean(axis=1)
        expected = crops.parameters[held_out, LAYOUT.slices["expression"]]
        figures = {"point_px": float(np.median(distance)), "score": float(np.abs(scores.numpy() - expected).mean())}
    network.load_state_dict(current)
    return figures


def _crop_around(points: NDArray[np.float32]) -> Crop:
    """The crop of a face of which only MediaPipe's points (478, 2) are known."""
    right, left = points[list(_RIGHT_EYE)].mean(axis=0), points[list(_LEFT_EYE)].mean(axis=0)
    angle = float(np.arctan2(left[1] - right[1], left[0] - right[0]))
    extent = points.max(axis=0) - points.min(axis=0)
    centre = points.mean(axis=0)
    return Crop((float(centre[0]), float(centre[1])), _SIDE_PER_EXTENT * float(np.sqrt(extent.prod())), angle)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Prepare the student's trunk by distilling MediaPipe's landmarks.")
    parser.add_argument("--config", default="student")
    parser.add_argument("--photos", type=Path, default=Path("../shared/sources/photos"))
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--out", type=Path, default=Path(".cache/checkpoints/trunk.pt"))
    options = parser.parse_args(arguments)
    cv2.setNumThreads(1)
    config = load_config(options.config)
    labels = load_labels(Path(config.data) / "photo_labels")
    print(distill(config, crop_photos(labels, options.photos), options.minutes, options.out))


if __name__ == "__main__":
    main()

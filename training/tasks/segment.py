"""Learning to segment faces, from the pictures with label maps of `training.data.segmentation`."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from facemodel import LimelightError
from training.config import TrainConfig
from training.data.face_classes import ALLOWED, CLASSES, FACE_CLASSES, IGNORED
from training.data.segmentation import KINDS, SegmentationSamples, count_labels
from training.data.segmenter import SegmentationCheckpoint, load_segmentation_network
from training.networks.unet import (
    UNet,
    UNetConfig,
    class_weights,
    label_weights,
    unweighted,
    weighted_cross_entropy,
)
from training.sampling import spread_evenly
from training.tasks.segmentation_batches import SegmentationAugment, SegmentationBatcher, resized, stacked
from training.tasks.task import Task

_SEEN = 1e-3  # share of a class's pixels among all, below which its IoU says little


def validate(network: UNet, samples: SegmentationSamples, resolution: int, most: int) -> dict[str, dict[str, float]]:
    """Return `class_iou` of every kind of held-out pictures.

    Args:
        network: for inference.
        samples: labelled pictures.
        resolution: side of the network's input, px.
        most: pictures of each kind.
    """
    device = next(network.parameters()).device
    figures = {}
    for kind, name in enumerate(KINDS):
        held_out = np.flatnonzero(samples.held_out & (samples.kind == kind))
        chosen = held_out[spread_evenly(len(held_out), most)]
        tally = np.zeros((len(ALLOWED), len(CLASSES)), np.int64)
        for index in chosen:
            images, labels = stacked([resized(samples, int(index), resolution)])
            with torch.inference_mode():
                found = network(images.to(device)).argmax(dim=1).cpu().numpy()  # (1, R, R)
            known = labels.numpy() != IGNORED
            np.add.at(tally, (labels.numpy()[known], found[known]), 1)
        if len(chosen):
            figures[name] = class_iou(tally)
    return figures


def class_iou(tally: NDArray[np.int64]) -> dict[str, float]:
    """Return intersection over union by class, as far as labels tell.

    A pixel whose label is a set counts against a class outside the set, and for none inside it.

    Args:
        tally: (L, 19) pixels by label and by predicted class.

    Returns:
        `face` for the face mask; `mean` over the classes that fill at least a thousandth of the labelled pixels; and
        every class that occurs.
    """
    single = tally[: len(CLASSES)]
    wrong = np.where(ALLOWED, 0, tally).sum(axis=0)  # (19,) predicted where it is excluded
    right, present = np.diagonal(single), single.sum(axis=1)
    iou = {name: float(right[i] / (present[i] + wrong[i])) for i, name in enumerate(CLASSES) if present[i]}
    seen = [iou[name] for i, name in enumerate(CLASSES) if present[i] >= _SEEN * single.sum()]
    face = np.isin(CLASSES, FACE_CLASSES)  # (19,)
    is_face = ALLOWED[:, face].any(axis=1)  # (L,): no set has classes of both kinds
    hit, union = tally[is_face][:, face].sum(), tally[is_face].sum() + tally[~is_face][:, face].sum()
    return {"face": float(hit / max(union, 1)), "mean": float(np.mean(seen)) if seen else math.nan} | iou


@dataclass(frozen=True)
class SegmentConfig:
    """What a U-Net is like and sees.

    Attributes:
        network: sizes of the U-Net.
        augment: changes of the pictures.
        resolution: side of the network's input, px.
        initial: checkpoint of a U-Net of the same size to start from, trained at whatever resolution; None for none.
    """

    network: UNetConfig = field(default_factory=lambda: UNetConfig(width=16))
    augment: SegmentationAugment = field(default_factory=SegmentationAugment)
    resolution: int = 160
    initial: Path | None = None


@dataclass(frozen=True)
class SegmentationBatch:
    """Pictures (B, 3, R, R) sRGB 0..1 and their labels (B, R, R), of `face_classes.LABELS` or IGNORED."""

    images: Tensor
    labels: Tensor

    def to(self, device: torch.device) -> SegmentationBatch:
        """Return the batch on another device."""
        images = self.images.to(device, memory_format=torch.channels_last)
        return SegmentationBatch(images, self.labels.to(device))


class SegmentTask(Task[SegmentationBatch]):
    """Learns label maps by cross-entropy, rare classes weighted up.

    Args:
        config: of the run.
        unet: the network.
        samples: the data.

    Raises:
        LimelightError: there is nothing to train on.
    """

    def __init__(self, config: TrainConfig, unet: SegmentConfig, samples: SegmentationSamples) -> None:
        if samples.held_out.all():
            raise LimelightError("segmentation data: every picture is held out; prepare more")
        self.config = config
        self.unet = unet
        self.samples = samples
        self._batcher = SegmentationBatcher(samples, unet.resolution, config.batch_size, unet.augment, config.seed)
        self.objective = nn.Module()
        allowed = torch.from_numpy(ALLOWED)  # (L, 19)
        weights = class_weights(count_labels(samples))  # (19,)
        tensors = {"allowed": allowed, "class_weights": weights, "weights": label_weights(weights, allowed)}
        for name, value in tensors.items():
            self.objective.register_buffer(name, value)

    def make_network(self) -> UNet:
        network = UNet(self.unet.network)
        if self.unet.initial is not None:
            other = load_segmentation_network(self.unet.initial)
            if other.config != self.unet.network:
                raise LimelightError(
                    f"checkpoint {self.unet.initial}: its network is {other.config}, not {self.unet.network}"
                )
            network.load_state_dict(other.weights)
        return network

    def batch(self, step: int) -> SegmentationBatch:
        return SegmentationBatch(*self._batcher(step))

    def predict(self, network: UNet, batch: SegmentationBatch, progress: float) -> Tensor:  # noqa: ARG002
        return network(batch.images)

    def loss(
        self,
        prediction: Tensor,
        batch: SegmentationBatch,
        progress: float,  # noqa: ARG002
    ) -> tuple[Tensor, dict[str, Tensor]]:
        loss = weighted_cross_entropy(prediction.float(), batch.labels, self.objective.weights, self.objective.allowed)
        return loss, {"cross_entropy": loss}

    def validate(self, network: UNet) -> dict[str, float]:
        """Return `KIND.NAME`, intersection over union by kind of picture; `KIND.face` is the face mask's."""
        plain = SegmentationCheckpoint.from_dict(self.saved(network, network.state_dict())["unet"]).build()
        plain.to(next(network.parameters()).device)
        found = validate(plain, self.samples, self.unet.resolution, self.config.validation_samples)
        figures = {f"{kind}.{name}": iou for kind, each in found.items() for name, iou in each.items()}
        return {name: iou for name, iou in figures.items() if not math.isnan(iou)}

    def saved(self, network: UNet, weights: dict[str, Tensor]) -> dict[str, Any]:  # noqa: ARG002
        """Return what `training.data.segmenter` reads: a network that says what this one says, classes weighted."""
        weights = unweighted(weights, self.objective.class_weights)
        return {"unet": SegmentationCheckpoint(self.unet.network, self.unet.resolution, weights).to_dict()}

"""Learning to segment faces, from the pictures with label maps of `training.data.segmentation`."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from torch import Tensor, nn

from facemodel import LimelightError
from training.config import TrainConfig
from training.data.face_classes import ALLOWED, CLASSES, FACE_CLASSES, IGNORED, MIRRORED
from training.data.segmentation import KINDS, SegmentationSamples, count_labels
from training.data.segmenter import SegmentationCheckpoint, load_segmentation_network
from training.networks.unet import UNet, UNetConfig, class_weights, label_weights, unweighted, weighted_cross_entropy
from training.sampling import spread_evenly
from training.tasks.task import Task


@dataclass(frozen=True)
class SegmentationAugment:
    """Bounded changes of a labelled picture.

    Attributes:
        shift: largest shift, share of the side. scale: largest change of size, natural logarithm.
        angle: largest turn, degrees.
        exposure: largest change of brightness, natural logarithm of sRGB values. white_balance: of one channel
            against the others. tone: of the exponent of a tone curve.
        flip_share, gray_share, blur_share: probability of a mirrored, a colourless, a blurred picture.
        blur: largest Gaussian, px.
    """

    shift: float = 0.08
    scale: float = 0.22
    angle: float = 20.0
    exposure: float = 0.3
    white_balance: float = 0.1
    tone: float = 0.25
    flip_share: float = 0.5
    gray_share: float = 0.05
    blur_share: float = 0.2
    blur: float = 1.2


def resized(samples: SegmentationSamples, index: int, resolution: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return picture number `index`, (R, R, 3), and its labels (R, R)."""
    size = (resolution, resolution)
    image = cv2.resize(samples.images[index], size, interpolation=cv2.INTER_AREA)
    labels = cv2.resize(samples.labels[index], size, interpolation=cv2.INTER_NEAREST_EXACT)
    return np.asarray(image, np.uint8), np.asarray(labels, np.uint8)


def changed(
    image: NDArray[np.uint8], labels: NDArray[np.uint8], augment: SegmentationAugment, rng: Generator
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Move a picture (R, R, 3) and labels (R, R) alike; what comes in from outside repeats the edge, IGNORED."""
    a, side = augment, len(image)
    if rng.random() < a.flip_share:
        image, labels = image[:, ::-1], MIRRORED[labels[:, ::-1]]
    middle = np.full(2, 0.5 * (side - 1))  # OpenCV counts from pixel centres
    angle, size = rng.uniform(-a.angle, a.angle), float(np.exp(rng.uniform(-a.scale, a.scale)))
    matrix = cv2.getRotationMatrix2D(middle.tolist(), float(angle), size)  # (2, 3)
    matrix[:, 2] += rng.uniform(-a.shift, a.shift, 2) * side
    size_px = (side, side)
    image = cv2.warpAffine(image, matrix, size_px, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    labels = cv2.warpAffine(labels, matrix, size_px, flags=cv2.INTER_NEAREST, borderValue=IGNORED)
    gains = np.exp(rng.uniform(-a.exposure, a.exposure) + rng.uniform(-a.white_balance, a.white_balance, 3))
    exponent = np.exp(rng.uniform(-a.tone, a.tone))
    curve = 255.0 * np.clip(np.linspace(0.0, 1.0, 256)[:, None] ** exponent * gains, 0.0, 1.0)  # (256, 3)
    image = cv2.LUT(image, np.rint(curve).astype(np.uint8)[None])
    if rng.random() < a.gray_share:
        image = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    if rng.random() < a.blur_share:
        image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.3, max(a.blur, 0.31)))
    return np.asarray(image, np.uint8), np.asarray(labels, np.uint8)


def stacked(pictures: list[tuple[NDArray[np.uint8], NDArray[np.uint8]]]) -> tuple[Tensor, Tensor]:
    """Return pictures as the network takes them, (B, 3, R, R) 0..1, and labels (B, R, R) uint8."""
    images, labels = zip(*pictures, strict=True)
    planes = torch.from_numpy(np.stack(images).transpose(0, 3, 1, 2).astype(np.float32) / 255.0)
    return planes, torch.from_numpy(np.stack(labels))


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
    Returns: `face` for the face mask; `mean` over the classes that fill at least a thousandth of the labelled pixels;
        and every class that occurs.
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
    Raises LimelightError: there is nothing to train on.
    """

    def __init__(self, config: TrainConfig, unet: SegmentConfig, samples: SegmentationSamples) -> None:
        if samples.held_out.all():
            raise LimelightError("segmentation data: every picture is held out; prepare more")
        self.config = config
        self.unet = unet
        self.samples = samples
        self._training = np.flatnonzero(~samples.held_out)
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
        rng = np.random.default_rng((self.config.seed, step))
        chosen = rng.choice(self._training, self.config.batch_size)
        pictures = [resized(self.samples, int(index), self.unet.resolution) for index in chosen]
        return SegmentationBatch(*stacked([changed(*picture, self.unet.augment, rng) for picture in pictures]))

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

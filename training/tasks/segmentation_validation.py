"""How well a U-Net segments pictures that it was not trained on."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray

from training.data.face_classes import ALLOWED, CLASSES, FACE_CLASSES, IGNORED
from training.data.segmentation import KINDS, SegmentationSamples
from training.networks.unet import UNet
from training.sampling import spread_evenly
from training.tasks.segmentation_batches import resized, stacked

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

"""How well a U-Net segments pictures that it was not trained on.

    python -m training.tasks.segmentation_validation [FILE]

measures the shipped weights, or those in a checkpoint, on the held-out part of the prepared pictures, and the face
mask against the teacher's on held-out photos.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from facemodel import FaceModel, LimelightError
from training.data.class_maps import fitted_classes, triangle_classes
from training.data.face_classes import ALLOWED, CLASSES, FACE_CLASSES, IGNORED, face_mask
from training.data.photo_labels import default_photos
from training.data.segmentation import KINDS, SegmentationSamples, load_segmentation, teacher_labels
from training.data.segmenter import Segmenter, load_segmentation_network
from training.data.skin_pixels import SegmentationTeacher, Teacher
from training.data.storage import EXTENT, Samples, load_samples
from training.networks.unet import UNet
from training.sampling import spread_evenly
from training.tasks.segmentation_batches import resized, stacked

_SEEN = 1e-3  # share of a class's pixels among all, below which its IoU says little
_SKIN = 0.5  # teacher's probability
_GLASSES = 0.03  # share of a face that a pair covers at least


def validate(network: UNet, samples: SegmentationSamples, resolution: int, most: int) -> dict[str, dict[str, float]]:
    """`class_iou` of every kind of held-out pictures.

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
    """Intersection over union by class, as far as labels tell.

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


def against_teacher(
    segmenter: Segmenter, model: FaceModel, samples: Samples, teacher: Teacher, chosen: Sequence[int]
) -> tuple[NDArray[np.float64], float]:
    """IoU of the face mask and the teacher's skin, each inside the fitted face.

    The teacher takes glasses for skin, so they count as face here.

    Args:
        segmenter: to be measured.
        model: the face model that the samples were fitted with.
        samples: of `training.data.load_samples`.
        teacher: tells skin, clothes and hair.
        chosen: indices of fitted photos.

    Returns:
        (N,) of the photos whose face the teacher finds, and the share of them in which the network sees glasses.
    """
    triangles, scores, glasses = triangle_classes(model), [], []
    for index in tqdm(chosen, unit="photo", desc="against the teacher"):
        image = samples.images[index]
        fitted, masks = fitted_classes(model, triangles, samples.parameters[index]), teacher(image)
        if teacher_labels(masks, fitted) is None:
            continue
        inside = face_mask(fitted)
        classes = segmenter(image, EXTENT)
        covered = inside & (classes == CLASSES.index("eye_g"))
        found, expected = inside & face_mask(classes) | covered, inside & (masks[..., 0] > _SKIN)
        scores.append((found & expected).sum() / (found | expected).sum())
        glasses.append(covered.sum() > _GLASSES * inside.sum())
    return np.array(scores), float(np.mean(glasses))


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Measure the segmentation U-Net on held-out pictures.")
    parser.add_argument("network", type=Path, nargs="?", help="checkpoint; the shipped weights if left out")
    parser.add_argument("--data", type=Path, default=Path(".cache/training"), help="prepared photos, see training.data")
    parser.add_argument("--pictures", type=int, default=1000, help="of each kind, at most")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    try:
        checkpoint = load_segmentation_network(options.network)
        prepared = load_segmentation(options.data / "segmentation")
        figures = validate(checkpoint.build(), prepared, checkpoint.resolution, options.pictures)
        for kind, iou in figures.items():
            print(f"{kind}: {'  '.join(f'{name} {value:.3f}' for name, value in iou.items())}", flush=True)
        model = FaceModel.load()
        photos = load_samples(options.data, model)
        chosen = np.flatnonzero(photos.photo & photos.geometry & photos.face & photos.held_out)[: options.pictures]
        teacher = SegmentationTeacher(default_photos().parent / "teachers" / "pan_mnv3s_skin_clothes_hair.onnx")
        scores, glasses = against_teacher(Segmenter(checkpoint), model, photos, teacher, chosen.tolist())
    except LimelightError as error:
        parser.exit(1, f"{error}\n")
    low, middle = np.percentile(scores, (10, 50))
    print(f"face mask against the teacher, {len(scores)} photos: median {middle:.3f}, tenth percentile {low:.3f}")
    print(f"glasses in {100 * glasses:.1f} % of them")


if __name__ == "__main__":
    main()

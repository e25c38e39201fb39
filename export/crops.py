"""Crops of faces to calibrate and compare networks on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from facemodel import Crop, FaceModel, LimelightError


def performer_crops(model: FaceModel, side: int, count: int) -> NDArray[np.uint8]:
    """(count, side, side, 3) uint8 RGB crops of the synthetic performer, whose pose is known."""
    from realtime.sources.synthetic import SyntheticPerformer
    from realtime.tracking.crop_warp import CropWarp

    warp = CropWarp(side)
    crops = np.empty((count, side, side, 3), np.uint8)
    performer = SyntheticPerformer(model, fps=2.0, seed=7, live=False)
    try:
        for i in tqdm(range(count), desc="crops", leave=False, disable=None):
            frame = performer.read()
            assert frame is not None and frame.truth is not None  # without a duration it performs for ever
            p = model.layout.view(frame.truth)
            crops[i] = warp(frame.image, Crop.around_head(p.rotation, p.translation, p.scale))
    finally:
        performer.close()
    return crops


def read_crops(paths: Sequence[Path], side: int, count: int) -> NDArray[np.uint8]:
    """Crops (N, side, side, 3) uint8 RGB from files, N at most `count`, spread evenly over what is there.

    Args:
        paths: pictures that are crops already, or folders of prepared training data.
        side: px.
        count: at most so many.

    Raises:
        LimelightError: a picture is missing or unreadable, or nothing is prepared in a folder.
    """
    from training.data import network_crops

    each = -(-count // len(paths))
    crops = [network_crops(path, side, each) if path.is_dir() else _picture(path, side)[None] for path in paths]
    return np.concatenate(crops)[:count]


def _picture(path: Path, side: int) -> NDArray[np.uint8]:
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise LimelightError(f"picture {path}: missing or unreadable")
    return np.ascontiguousarray(cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA)[..., ::-1])

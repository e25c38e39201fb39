"""Distillation: crops of labelled photos, and a trunk that another training can start from."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from facemodel import CROP_SIZE, LimelightError
from facemodel.rotation import matrix_from_euler
from tests.toy_model import toy_model
from training.config import TrainConfig
from training.data.photo_labels import PhotoLabels
from training.networks import ResNet50Config, StudentConfig, Trunk
from training.networks.checkpoint import read_checkpoint
from training.tasks.distill_task import LAYOUT, DistillTask, crop_photos
from training.train import Trainer

SMALL = StudentConfig(resolution=32, head_channels=8, hidden=16, frozen_blocks=0)


def labelled_photos(folder: Path, count: int = 8) -> PhotoLabels:
    """Pictures with a dot at landmark 4 of a face that stands anywhere in them, turned."""
    model = toy_model(n_identity=1, n_expression=4, n_albedo=1)
    rng = np.random.default_rng(0)
    landmarks = np.zeros((count, 478, 3), np.float32)
    names = [f"photo_{i}.png" for i in range(count)]
    for i, name in enumerate(names):
        turned = model.landmarks478(model.mean) @ matrix_from_euler(0.0, 0.0, rng.uniform(-0.5, 0.5)).T
        landmarks[i, :, :2] = turned[:, :2] * (0.6, -0.6) + 100 + rng.normal(0, 10, 2)
        image = np.full((200, 220, 3), 60, np.uint8)
        x, y = landmarks[i, 4, :2] - 0.5
        cv2.circle(image, (round(float(x) * 16), round(float(y) * 16)), 16 * 4, (220, 220, 220), -1, shift=4)
        cv2.imwrite(str(folder / name), image)
    scores = rng.uniform(0, 1, (count, 52)).astype(np.float32)
    sizes = np.tile(np.array([220, 200], np.int32), (count, 1))
    return PhotoLabels(
        np.array([*names[:-1], "gone.png"]), sizes, landmarks, scores, np.zeros((count, 4, 4), np.float32)
    )


def test_crops_show_the_landmarks_where_the_labels_say(tmp_path: Path) -> None:
    labels = labelled_photos(tmp_path)
    crops = crop_photos(labels, tmp_path)
    assert crops.face.tolist() == [True] * 7 + [False] and crops.held_out[-1]
    np.testing.assert_array_equal(crops.parameters[0, LAYOUT.slices["expression"]], labels.scores[0])
    for i in range(7):
        bright = np.maximum(crops.images[i, ..., 0].astype(float) - 60, 0)
        rows, columns = np.indices(bright.shape) + 0.5
        dot = np.array([(bright * columns).sum(), (bright * rows).sum()]) / bright.sum()
        dot = dot * crops.extent / len(bright) - (crops.extent - CROP_SIZE) / 2
        np.testing.assert_allclose(dot, crops.landmarks[i, 4], atol=1.5)
        eyes = crops.landmarks[i][[33, 133, 362, 263]].reshape(2, 2, 2).mean(axis=1)
        assert abs(eyes[0, 1] - eyes[1, 1]) < 1e-2 and eyes[0, 0] < eyes[1, 0]


def test_the_trunk_is_written_and_read(tmp_path: Path) -> None:
    crops = crop_photos(labelled_photos(tmp_path), tmp_path)
    crops = replace(crops, held_out=np.arange(8) >= 6)
    config = TrainConfig(pretrained=False, batch_size=4, threads=1, network=SMALL, steps=4)
    figures = Trainer(config, DistillTask(config, crops), tmp_path).run()
    assert {"photo.point_px", "photo.score"} <= set(figures)
    trunk = Trunk(SMALL)
    before = trunk.squeeze[0].weight.clone()
    trunk.load_state_dict(read_checkpoint(tmp_path / "last.pt")["trunk"])
    assert not torch.equal(before, trunk.squeeze[0].weight)


def test_nothing_to_learn_from_is_refused(tmp_path: Path) -> None:
    crops = crop_photos(labelled_photos(tmp_path), tmp_path)
    config = TrainConfig(pretrained=False, network=SMALL)
    with pytest.raises(LimelightError, match="no labelled photographs"):
        DistillTask(config, replace(crops, face=crops.face & False))
    with pytest.raises(LimelightError, match="the trunk of a student"):
        DistillTask(replace(config, network=ResNet50Config(resolution=32)), crops)

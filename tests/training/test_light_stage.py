"""The light stage: it teaches a trained network the light, and leaves everything else as it was."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from facemodel import FaceModel, LimelightError
from tests.toy_model import toy_model
from training.batches import CropSet
from training.config import AugmentConfig, TrainConfig
from training.light_stage import LIGHT_CELLS, train_light_head
from training.networks import NetworkCheckpoint, Student, StudentConfig

SMALL = StudentConfig(resolution=56, head_channels=8, hidden=16, frozen_blocks=0)
STILL = AugmentConfig(**dict.fromkeys(AugmentConfig.__dataclass_fields__, 0))


@pytest.fixture(scope="module")
def toy() -> FaceModel:
    return toy_model(n_identity=3, n_expression=52, n_albedo=2)


@pytest.fixture(scope="module")
def crops(toy: FaceModel) -> CropSet:
    """Flat pictures as bright as their light."""
    count = 64
    levels = np.linspace(0.2, 1.0, count)
    vectors = np.tile(toy.layout.neutral(), (count, 1))
    vectors[:, toy.layout.slices["sh"]] *= levels[:, None]
    vectors[:, toy.layout.slices["translation"]] = 112.0
    images = np.rint(255 * levels)[:, None, None, None] * np.ones((1, 40, 40, 3))
    yes = np.ones(count, bool)
    landmarks = np.zeros((count, 478, 2), np.float32)
    return CropSet(images.astype(np.uint8), 280.0, vectors, landmarks, yes, ~yes, yes, yes, ~yes)


def test_light_is_learned_and_the_rest_is_kept(toy: FaceModel, crops: CropSet) -> None:
    torch.manual_seed(0)
    before = NetworkCheckpoint.of(Student(SMALL, toy.layout, crops.parameters), toy)
    config = TrainConfig(augment=STILL, average=0.5, learning_rate=3e-3)
    after = train_light_head(before, config, toy, crops, minutes=0.1)
    assert after.config == replace(SMALL, light_cells=LIGHT_CELLS)
    for name, value in before.weights.items():
        assert torch.equal(value, after.weights[name]), name
    dark, bright = (torch.full((1, 56, 56, 3), value, dtype=torch.uint8) for value in (70, 230))
    with torch.inference_mode():
        network = after.build()
        ambient = [float(network(crop)[0][0, toy.layout.slices["sh"]][0]) for crop in (dark, bright)]
    assert ambient[1] > 1.2 * ambient[0]
    moved = train_light_head(before, config, toy, crops, minutes=0.0, start=after)
    for name, value in after.weights.items():
        assert torch.equal(value, moved.weights[name]), name


def test_a_light_head_of_another_run_is_refused(toy: FaceModel, crops: CropSet) -> None:
    ours = NetworkCheckpoint.of(Student(SMALL, toy.layout), toy)
    theirs = NetworkCheckpoint.of(Student(replace(SMALL, light_cells=LIGHT_CELLS), toy.layout, crops.parameters), toy)
    with pytest.raises(LimelightError, match="another run"):
        train_light_head(ours, TrainConfig(), toy, crops, minutes=0.0, start=theirs)


def test_another_face_model_is_refused(toy: FaceModel, crops: CropSet) -> None:
    checkpoint = NetworkCheckpoint.of(Student(SMALL, toy.layout), toy)
    with pytest.raises(LimelightError, match="trained for face model"):
        train_light_head(checkpoint, TrainConfig(), toy_model(3, 52, 2, seed=1), crops, minutes=0.01)

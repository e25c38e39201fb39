"""Region heads: the close-ups show what they say they show, and decide the expression and nothing else."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from facemodel import CROP_SIZE, FaceModel, ParameterLayout, project
from facemodel.rotation import matrix_from_euler, matrix_to_6d
from tests.toy_model import toy_model
from training.networks import Student, StudentConfig
from training.networks.regions import (
    LEFT_EYE,
    LOWER_FACE,
    REGION_POINTS,
    RIGHT_EYE,
    Region,
    close_up,
    jittered_pose,
    pose_span,
    region_matrix,
)

SMALL = StudentConfig(
    resolution=64, trunk_resolution=32, head_channels=8, hidden=16, region_hidden=24, frozen_trunk=True, light_cells=8
)


@pytest.fixture(scope="module")
def toy() -> FaceModel:
    return toy_model(n_identity=3, n_expression=52, n_albedo=2)


def pose_of(yaw: float, pitch: float, roll: float, x: float, y: float, scale: float) -> torch.Tensor:
    rotation = matrix_to_6d(matrix_from_euler(*np.deg2rad((yaw, pitch, roll))))
    return torch.tensor([[*rotation, x, y, scale]], dtype=torch.float32)


@pytest.mark.parametrize("region", [LEFT_EYE, RIGHT_EYE, LOWER_FACE])
def test_a_region_is_centred_on_its_point_upright_and_of_its_size(region: Region) -> None:
    pose = pose_of(20.0, -10.0, 15.0, 100.0, 120.0, 0.9)
    matrix = region_matrix(region, pose)[0].double().numpy()  # (2, 3)
    rotation = matrix_from_euler(*np.deg2rad((20.0, -10.0, 15.0)))
    np.testing.assert_allclose(matrix[:, 2], project([region.centre], rotation, (100.0, 120.0), 0.9)[0], atol=1e-4)
    right, down = matrix[:, 0], matrix[:, 1]
    assert np.linalg.norm(right) == pytest.approx(0.5 * region.side * 0.9, rel=1e-5)
    assert right @ down == pytest.approx(0.0, abs=1e-3)
    head_up = rotation[:2, 1] * (1.0, -1.0)
    assert -down @ head_up == pytest.approx(np.linalg.norm(down) * np.linalg.norm(head_up), rel=1e-5)
    assert (right[0] < 0) == region.mirrored


def test_a_close_up_shows_the_pixels_of_its_region() -> None:
    """A ramp over the crop says where every pixel of a close-up comes from."""
    side = 64
    ramp = (torch.arange(side) + 0.5) * (CROP_SIZE / side)  # crop px of every pixel centre
    image = torch.stack([ramp.expand(side, side), ramp[:, None].expand(side, side)])[None]  # (1, 2, R, R)
    for region in (LEFT_EYE, RIGHT_EYE, LOWER_FACE):
        matrix = region_matrix(region, pose_of(5.0, 0.0, 8.0, 112.0, 100.0, 0.8))
        seen = close_up(image, region, matrix)[0]  # (2, N, N)
        for row, column in ((0, 0), (10, 40), (region.cells - 1, 3)):
            unit = torch.tensor([column + 0.5, row + 0.5, 0.0]) * (2.0 / region.cells) - 1.0
            unit[2] = 1.0
            torch.testing.assert_close(seen[:, row, column], matrix[0] @ unit, atol=0.01, rtol=0)


def test_points_of_both_eyes_are_each_others_mirror_image(model: FaceModel) -> None:
    points = model.landmarks478(model.mean)[list(REGION_POINTS)]
    eyes = np.stack([points[:29], points[29:58]])
    np.testing.assert_allclose(eyes[0] * (-1, 1, 1), eyes[1], atol=1.5)


def test_jitter_keeps_poses_valid_and_near() -> None:
    torch.manual_seed(0)
    pose = pose_of(10.0, 5.0, 0.0, 112.0, 112.0, 1.0).expand(200, 9)
    moved = jittered_pose(pose)
    x, y = moved[:, :3], moved[:, 3:6]
    torch.testing.assert_close(x.norm(dim=1), torch.ones(200))
    assert (x * y).sum(dim=1).abs().max() < 1e-5
    assert (moved[:, 6:8] - pose[:, 6:8]).std() == pytest.approx(3.0, rel=0.15)
    assert moved[:, 8].log().std() == pytest.approx(0.05, rel=0.15)


def test_region_heads_decide_the_expression_and_nothing_else(toy: FaceModel) -> None:
    torch.manual_seed(0)
    network = Student(SMALL, toy.layout).eval()
    crop = torch.randint(0, 256, (3, 64, 64, 3), dtype=torch.uint8)
    with torch.inference_mode():
        before, confidence = network(crop)
        network.region_heads.regressor.bias += 0.3
        after, same_confidence = network(crop)
    changed = (before != after).any(dim=0)
    for name, span in toy.layout.slices.items():
        assert changed[span].any() == (name == "expression"), name
    assert torch.equal(confidence, same_confidence)


def test_a_frozen_trunk_stays_and_region_heads_learn_from_pixels(toy: FaceModel) -> None:
    torch.manual_seed(0)
    network = Student(replace(SMALL, light_cells=0), toy.layout).train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    optimizer = torch.optim.SGD([p for p in network.parameters() if p.requires_grad], lr=0.1)
    crop = torch.randint(0, 256, (4, 64, 64, 3), dtype=torch.uint8)
    found = network.predict(crop)
    assert found.region_points.shape == (4, len(REGION_POINTS), 2)
    (found.parameters.square().sum() + found.region_points.square().mean()).backward()
    optimizer.step()
    for name, value in network.state_dict().items():
        if not name.startswith("region_heads."):
            assert torch.equal(value, before[name]), name
    for part in ("eye.layers.0.conv", "mouth.layers.0.conv", "context", "eye_points", "mouth_points"):
        name = f"region_heads.{part}.weight"
        assert not torch.equal(network.state_dict()[name], before[name]), name


def test_guided_predictions_are_the_known_parameters_but_for_the_expression(toy: FaceModel) -> None:
    torch.manual_seed(0)
    layout: ParameterLayout = toy.layout
    network = Student(SMALL, layout).eval()
    known = torch.from_numpy(np.tile(layout.neutral(), (2, 1)))
    known[:, layout.slices["translation"]] = 100.0
    crop = torch.randint(0, 256, (2, 64, 64, 3), dtype=torch.uint8)
    with torch.inference_mode():
        found = network.predict_on(crop, known, known[:, pose_span(layout)])
    kept = np.ones(layout.size, bool)
    kept[layout.slices["expression"]] = False
    torch.testing.assert_close(found.parameters[:, kept], known[:, kept])
    assert found.parameters[:, ~kept].abs().max() > 0

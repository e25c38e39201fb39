"""The heads: their close-ups show what they say they show, and each decides its own groups and nothing else."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from facemodel import CROP_SIZE, FaceModel, LimelightError, project
from facemodel.rotation import matrix_from_euler, matrix_to_6d
from tests.toy_model import toy_model
from training.networks import Student, StudentConfig
from training.networks.close_up import (
    ConvolutionStep,
    Region,
    close_up,
    close_ups,
    jittered_pose,
    pose_span,
    region_matrices,
    region_matrix,
    sampled,
)
from training.networks.expression_head import LEFT_EYE, LOWER_FACE, REGION_POINTS, RIGHT_EYE
from training.networks.face_head import FACE, GROUPS
from training.networks.lite0 import normalised

SMALL = StudentConfig(
    resolution=64, trunk_resolution=32, head_channels=8, hidden=16, expression_hidden=24, face_hidden=24
)
POSE = ("rotation", "translation", "scale")
OWN_GROUPS = {"expression_head": ("expression",), "face_head": (*GROUPS, *POSE)}


@pytest.fixture(scope="module")
def toy() -> FaceModel:
    return toy_model(n_identity=3, n_expression=52, n_albedo=2)


def pose_of(yaw: float, pitch: float, roll: float, x: float, y: float, scale: float) -> torch.Tensor:
    rotation = matrix_to_6d(matrix_from_euler(*np.deg2rad((yaw, pitch, roll))))
    return torch.tensor([[*rotation, x, y, scale]], dtype=torch.float32)


@pytest.mark.parametrize("region", [LEFT_EYE, RIGHT_EYE, LOWER_FACE, FACE])
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
    ramp = (
        torch.arange(side, dtype=torch.uint8) * 4 + 2
    )  # one byte a crop pixel: the middle of every pixel but the last
    crop = torch.stack([ramp.expand(side, side), ramp[:, None].expand(side, side), torch.zeros(side, side)], dim=2)[
        None
    ]
    for region in (LEFT_EYE, RIGHT_EYE, LOWER_FACE, FACE):
        matrix = region_matrix(region, pose_of(5.0, 0.0, 8.0, 112.0, 100.0, 0.8))
        seen = 128.0 * close_up(crop.to(torch.uint8), region, matrix)[0] + 127.0  # (3, N, N)
        for row, column in ((0, 0), (10, 40), (region.cells - 1, 3)):
            unit = torch.tensor([column + 0.5, row + 0.5, 0.0]) * (2.0 / region.cells) - 1.0
            unit[2] = 1.0
            expected = matrix[0] @ unit * (4.0 * side / CROP_SIZE)
            torch.testing.assert_close(seen[:2, row, column], expected, atol=0.02, rtol=0)


def test_close_ups_are_what_torch_samples_of_each_crop_beyond_its_border_too() -> None:
    torch.manual_seed(0)
    crops = torch.randint(0, 256, (3, 32, 32, 3), dtype=torch.uint8)
    regions = [Region((0.0, 0.0, 0.0), 150.0, 16), Region((60.0, 30.0, 0.0), 120.0, 32, mirrored=True)]
    pose = torch.cat(
        [pose_of(8.0, 3.0, r, x, y, s) for r, x, y, s in ((40, 90, 130, 1), (-5, 10, 220, 2), (0, 112, 112, 1))]
    )
    matrices = region_matrices(regions, pose)
    for k, seen in enumerate(close_ups(crops, regions, matrices)):
        in_crop = 2.0 * matrices[:, k] / CROP_SIZE
        in_crop[..., 2] -= 1.0
        grid = torch.nn.functional.affine_grid(in_crop, [3, 3, regions[k].cells, regions[k].cells], align_corners=False)
        image = normalised(crops)
        expected = torch.nn.functional.grid_sample(image, grid, padding_mode="border", align_corners=False)
        torch.testing.assert_close(seen, expected, atol=1e-4, rtol=0)


def test_a_convolution_takes_in_its_shortcut() -> None:
    torch.manual_seed(0)
    step = ConvolutionStep(6, 6, 1).eval()
    step.norm = torch.nn.Identity()
    picture = torch.rand(2, 6, 9, 9)
    expected = step(picture)
    step.take_in_shortcut()
    assert not step.shortcut
    torch.testing.assert_close(step(picture), expected, atol=1e-5, rtol=0)


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
    assert (moved[:, 6:8] - pose[:, 6:8]).std() == pytest.approx(3.0, rel=0.5)
    assert moved[:, 8].log().std() == pytest.approx(0.05, rel=0.5)


def last_layers(network: Student, head: str) -> list[torch.nn.Linear]:
    own = getattr(network, head)
    return [own.regressor] if head == "expression_head" else [own.regressor, own.correction]


@pytest.mark.parametrize("head", OWN_GROUPS)
def test_a_head_decides_its_groups_and_nothing_else(toy: FaceModel, head: str) -> None:
    torch.manual_seed(0)
    network = Student(SMALL, toy.layout).eval()
    crop = torch.randint(0, 256, (3, 64, 64, 3), dtype=torch.uint8)
    known = torch.from_numpy(np.tile(toy.layout.neutral(), (3, 1)))
    known[:, toy.layout.slices["translation"]] = 112.0
    pose = known[:, pose_span(toy.layout)]
    with torch.inference_mode():
        before = network.predict_guided(crop, known, pose, (head,)).parameters
        for layer in last_layers(network, head):
            layer.bias += 0.3
        after = network.predict_guided(crop, known, pose, (head,)).parameters
    changed = (before != after).any(dim=0)
    for name, span in toy.layout.slices.items():
        assert changed[span].any() == (name in OWN_GROUPS[head]), name


@pytest.mark.parametrize("head", OWN_GROUPS)
def test_another_picture_changes_what_a_head_says(toy: FaceModel, head: str) -> None:
    torch.manual_seed(0)
    network = Student(SMALL, toy.layout).eval()
    known = torch.from_numpy(np.tile(toy.layout.neutral(), (2, 1)))
    known[:, toy.layout.slices["translation"]] = 112.0
    for layer in last_layers(network, head):
        torch.nn.init.normal_(layer.weight, std=1.0)
    crop = torch.randint(0, 256, (2, 64, 64, 3), dtype=torch.uint8)
    with torch.inference_mode():
        found = network.predict_guided(crop, known, known[:, pose_span(toy.layout)], (head,)).parameters
    for name, span in toy.layout.slices.items():
        if name in OWN_GROUPS[head]:
            assert (found[0, span] != found[1, span]).any(), name
        else:
            torch.testing.assert_close(found[:, span], known[:, span])


def test_a_new_face_head_keeps_the_pose_and_a_taught_one_moves_it(toy: FaceModel) -> None:
    torch.manual_seed(0)
    network = Student(SMALL, toy.layout).eval()
    crop = torch.randint(0, 256, (1, 64, 64, 3), dtype=torch.uint8)
    pose = pose_of(10.0, 5.0, 0.0, 112.0, 100.0, 0.9)
    with torch.inference_mode():
        torch.testing.assert_close(network.face_head(crop, pose).pose, pose)
        network.face_head.correction.bias[:] = torch.tensor([0, 0, 0, 0, 0, 0, 2.0, -1.0, 1.0])
        moved = network.face_head(crop, pose).pose
    torch.testing.assert_close(moved[:, :6], pose[:, :6])
    torch.testing.assert_close(moved[0, 6:], torch.tensor([122.0, 95.0, 0.9 * np.exp(0.1)], dtype=torch.float32))


def test_every_part_of_the_heads_learns(toy: FaceModel) -> None:
    torch.manual_seed(0)
    network = Student(SMALL, toy.layout).train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
    found = network.predict(torch.randint(0, 256, (4, 64, 64, 3), dtype=torch.uint8))
    assert found.region_points.points.shape == (4, len(REGION_POINTS), 2)
    (found.parameters.square().sum() + found.region_points.points.square().mean()).backward()
    optimizer.step()
    eye, mouth = "expression_head.eye.layers.0.conv", "expression_head.mouth.layers.0.conv"
    points = ("expression_head.eye_points", "expression_head.mouth_points")
    for part in (eye, mouth, *points, "expression_head.mix", "face_head.face.layers.0.conv", "face_head.layers.0"):
        name = f"{part}.weight"
        assert not torch.equal(network.state_dict()[name], before[name]), name


def test_part_of_a_prediction_is_of_the_same_crops_in_every_part(toy: FaceModel) -> None:
    with torch.inference_mode():
        whole = Student(SMALL, toy.layout).eval().predict(torch.randint(0, 256, (5, 64, 64, 3), dtype=torch.uint8))
    part = whole.take(slice(3, None))
    for whole_points, points in ((whole.region_points, part.region_points), (whole.face_points, part.face_points)):
        assert whole_points is not None and points is not None
        for before, after in zip(whole_points, points, strict=True):
            torch.testing.assert_close(after, before[3:])
    torch.testing.assert_close(part.parameters, whole.parameters[3:])
    torch.testing.assert_close(part.logit, whole.logit[3:])


def test_heads_of_another_student_come_with_their_standardisation(toy: FaceModel) -> None:
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    labels = [np.tile(toy.layout.neutral(), (50, 1)) + rng.normal(0, s, (50, toy.layout.size)) for s in (0.1, 0.2)]
    ours, theirs = (Student(SMALL, toy.layout, label.astype(np.float32)).eval() for label in labels)
    for network in (ours, theirs):
        for module in (network.regressor, network.expression_head.regressor, network.face_head.regressor):
            torch.nn.init.normal_(module.weight, std=0.1)
    crop = torch.randint(0, 256, (3, 64, 64, 3), dtype=torch.uint8)
    known = torch.from_numpy(np.tile(toy.layout.neutral(), (3, 1)))
    pose = known[:, pose_span(toy.layout)]
    heads = ("expression_head", "face_head")
    with torch.inference_mode():
        spoken = ours.decoder(ours.regressor(torch.ones(1, SMALL.hidden))[:, :-1])
        guided = theirs.predict_guided(crop, known, pose, heads).parameters
        ours.take_heads(theirs.state_dict())
        torch.testing.assert_close(ours.decoder(ours.regressor(torch.ones(1, SMALL.hidden))[:, :-1]), spoken)
        torch.testing.assert_close(ours.predict_guided(crop, known, pose, heads).parameters, guided)


@pytest.mark.parametrize(
    "places", [[[-1.3, 0.0], [0.2, 1.4]], [[0.0, 0.0], [0.31, -0.77]], [[0.999, -0.999], [1.0, 1.0]]]
)
def test_features_under_points_are_those_that_torch_samples(places: list[list[float]]) -> None:
    torch.manual_seed(0)
    features = torch.randn(2, 5, 8, 8)
    points = torch.tensor([places, places]) * torch.tensor([[[1.0]], [[-1.0]]])
    expected = torch.nn.functional.grid_sample(features, points[:, None], padding_mode="border", align_corners=False)
    finer = torch.randn(2, 3, 16, 16)
    more = torch.nn.functional.grid_sample(finer, points[:, None], padding_mode="border", align_corners=False)
    both = torch.cat([expected, more], dim=1)[:, :, 0].transpose(1, 2)  # (B, N, 5 + 3)
    torch.testing.assert_close(sampled(points, features, finer), both)


def test_following_from_the_found_pose_is_the_whole_look(toy: FaceModel) -> None:
    torch.manual_seed(0)
    network = Student(SMALL, toy.layout).eval()
    for layer in (*last_layers(network, "face_head"), network.expression_head.regressor, network.regressor):
        torch.nn.init.normal_(layer.weight, std=0.3)
    crop = torch.randint(0, 256, (3, 64, 64, 3), dtype=torch.uint8)
    with torch.inference_mode():
        whole, belief = network(crop)
        pose, found = network.find(crop)
        followed, own = network.follow(crop, pose)
        elsewhere = network.follow(crop, pose + torch.tensor([0.0] * 6 + [30.0, 0.0, 0.0]))[0]
    torch.testing.assert_close(followed, whole)
    torch.testing.assert_close(torch.minimum(found, own), belief)
    assert (elsewhere - followed).abs().max() > 1.0


def test_heads_of_another_size_are_refused(toy: FaceModel) -> None:
    other = Student(replace(SMALL, face_hidden=16), toy.layout)
    with pytest.raises(LimelightError, match="another size"):
        Student(SMALL, toy.layout).take_heads(other.state_dict())


def test_places_keep_all_their_bits_in_mixed_precision() -> None:
    torch.manual_seed(0)
    crop = torch.randint(0, 256, (2, 64, 64, 3), dtype=torch.uint8)
    image = torch.rand(2, 3, 64, 64)
    pose = torch.tensor([[0.96, 0.05, -0.28, -0.05, 1.0, 0.01, 101.3, 117.9, 0.93]] * 2)
    region = Region((3.0, -40.0, 60.0), 150.0, 32)
    matrix = region_matrix(region, pose)
    exact = close_up(crop, region, matrix)
    points = 2.0 * torch.rand(2, 7, 2) - 1.0
    with torch.autocast("cpu", torch.bfloat16):
        torch.testing.assert_close(region_matrix(region, pose), matrix)
        torch.testing.assert_close(close_up(crop, region, matrix), exact)
        torch.testing.assert_close(sampled(points, image), sampled(points, image.float()))
        assert sampled(points.bfloat16(), image.bfloat16()).isfinite().all()

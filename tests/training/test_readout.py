"""What the face head reads off its points is solved for: the regression is right, and it finds what renders show."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

import numpy as np
import pytest
import torch

from facemodel import FaceModel, LimelightError
from tests.toy_model import toy_model
from training.losses.label_objective import Batch
from training.losses.linear_face import LinearFace
from training.networks import Student, StudentConfig
from training.networks.close_up import PointRefiner, pose_span, region_matrix, to_close_up, to_crop
from training.networks.face_head import FACE, FacePrediction, needed_correction
from training.tasks.readout import Ridge, gather, with_readout

SMALL = StudentConfig(resolution=64, trunk_resolution=32, head_channels=8, hidden=16, face_hidden=24)


@pytest.fixture(scope="module")
def toy() -> FaceModel:
    return toy_model(n_identity=3, n_expression=52, n_albedo=2)


def test_ridge_in_batches_is_ridge_at_once() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 6)) * (1.0, 10.0, 0.1, 1.0, 3.0, 0.5) + 5.0
    y = x @ rng.normal(size=(6, 2)) + 7.0
    ridge = Ridge()
    for part in range(0, 200, 40):
        ridge.add(torch.from_numpy(x[part : part + 40]), torch.from_numpy(y[part : part + 40]))
    weight, bias = (value.numpy() for value in ridge.solve(1e-9))
    np.testing.assert_allclose(x @ weight.T + bias, y, atol=1e-6)
    strong = Ridge()
    strong.add(torch.from_numpy(x), torch.from_numpy(y))
    weight, bias = (value.numpy() for value in strong.solve(1e9))
    np.testing.assert_allclose(x @ weight.T + bias, np.tile(y.mean(axis=0), (200, 1)), atol=1e-4)


def test_an_input_that_never_changes_does_no_harm() -> None:
    ridge = Ridge()
    x = torch.randn(100, 3)
    x[:, 1] = 4.0
    ridge.add(x, x[:, :1])
    weight, bias = ridge.solve()
    assert torch.isfinite(weight).all() and torch.isfinite(bias).all()


def solve(network: Student, batches: Iterable[Batch], ridge: Ridge | None = None) -> dict[str, torch.Tensor]:
    """The network's weights with the readout of batches."""
    weights = {name: value.clone() for name, value in network.state_dict().items()}
    ridge = ridge or Ridge()
    for _ in gather(network, batches, ridge):
        pass
    return with_readout(weights, ridge, 0.01)


def test_nothing_to_learn_from_is_one_clear_line(toy: FaceModel) -> None:
    with pytest.raises(LimelightError, match="no crops"):
        solve(Student(SMALL, toy.layout), [])
    with pytest.raises(LimelightError, match="no face head"):
        solve(Student(dataclasses.replace(SMALL, face_hidden=0), toy.layout), [])


def test_identity_and_pose_are_read_off_true_points(toy: FaceModel, monkeypatch: pytest.MonkeyPatch) -> None:
    """With points that are right, on renders and photographs, the solution tells identity and pose of other faces."""
    torch.manual_seed(0)
    face, layout = LinearFace(toy), toy.layout
    network = Student(SMALL, layout).eval()
    head = network.face_head
    torch.nn.init.zeros_(head.regressor.weight)
    truth: list[torch.Tensor] = []

    class TruePoints(torch.nn.Module):
        def forward(self, _maps: object, _points: torch.Tensor, _seen: torch.Tensor) -> torch.Tensor:
            return truth[-1]

    monkeypatch.setattr(head, "refiner", TruePoints())
    forward = type(head).forward

    def with_true_points(self: object, image: torch.Tensor, pose: torch.Tensor) -> FacePrediction:
        truth.append(to_close_up(points_of[0], region_matrix(FACE, pose)))
        return forward(head, image, pose)

    monkeypatch.setattr(type(head), "forward", with_true_points)
    points_of: list[torch.Tensor] = [torch.zeros(0)]

    def batch(seed: int) -> Batch:
        rng = np.random.default_rng(seed)
        vectors = np.tile(layout.neutral(), (64, 1))
        vectors[:, layout.slices["identity"]] = rng.normal(size=(64, 3))
        vectors[:, layout.slices["translation"]] = 112.0 + rng.normal(size=(64, 2))
        labels = torch.from_numpy(vectors.astype(np.float32))
        points_of[0] = face.landmarks(labels)[:, :478]
        one, zero = torch.ones(64), torch.zeros(64)
        photo = (torch.arange(64) % 2).float()
        crop = torch.zeros(64, 64, 64, 3, dtype=torch.uint8)
        return Batch(crop, labels, points_of[0], one[:, None], one[:, None], one, photo, one, 1 - photo, zero)

    ridge = Ridge()
    network.load_state_dict(solve(network, (batch(seed) for seed in range(25)), ridge))
    assert ridge.count == 25 * 64 and ridge.batches == 25
    half = Ridge()
    for _ in gather(network, (batch(seed) for seed in range(12)), half):
        pass
    rest = Ridge(half.sums, half.batches)
    network.load_state_dict(solve(network, (batch(seed) for seed in range(12, 25)), rest))
    torch.testing.assert_close(rest.sums, ridge.sums)
    labels = batch(99).parameters
    pose = labels[:, pose_span(layout)].clone()
    pose[:, 6:8] += 2.0
    with torch.inference_mode():
        found = network.predict_guided(torch.zeros(64, 64, 64, 3, dtype=torch.uint8), labels, pose, ("face_head",))
    identity = layout.slices["identity"]
    wrong = (found.parameters - labels)[:, identity].square().mean().sqrt()
    assert wrong < 0.5 * labels[:, identity].square().mean().sqrt()
    moved = (found.parameters - labels)[:, layout.slices["translation"]].norm(dim=1).mean()
    assert moved < 0.5 * 2.0 * np.sqrt(2.0)


def test_close_up_coordinates_go_there_and_back() -> None:
    matrix = region_matrix(FACE, torch.tensor([[0.9, 0.1, -0.42, -0.1, 0.99, 0.03, 100.0, 120.0, 0.9]]))
    points = torch.rand(1, 478, 2) * 2.0 - 1.0
    torch.testing.assert_close(to_close_up(to_crop(points, matrix), matrix), points, atol=1e-5, rtol=0)


def test_a_correction_is_what_is_missing() -> None:
    truth = torch.tensor([[1.0, 0, 0, 0, 1.0, 0, 112.0, 112.0, 1.0]])
    torch.testing.assert_close(needed_correction(truth, truth), torch.zeros(1, 9))
    away = truth.clone()
    away[:, 6], away[:, 8] = 107.0, float(np.exp(-0.1))
    torch.testing.assert_close(needed_correction(away, truth), torch.tensor([[0, 0, 0, 0, 0, 0, 1.0, 0, 1.0]]))


def test_the_refiner_learns_to_follow_a_blob() -> None:
    """Points that start beside what they mark find it by what lies under them."""
    torch.manual_seed(0)
    refiner = PointRefiner(3, 2, 4)
    optimizer = torch.optim.Adam(refiner.parameters(), lr=0.02)
    steps = (torch.arange(32) + 0.5) / 16 - 1.0
    losses = []
    for _ in range(250):
        centre = torch.rand(16, 2) - 0.5
        goal = centre[:, None].expand(16, 4, 2)
        guess = goal + 0.2 * (torch.rand(16, 4, 2) - 0.5)
        dx, dy = steps[None, None, :] - centre[:, 0, None, None], steps[None, :, None] - centre[:, 1, None, None]
        near = torch.exp(-8.0 * (dx**2 + dy**2))
        maps = torch.stack([near, dx * near, dy * near], dim=1)  # (16, 3, 32, 32)
        found = refiner((maps,), guess, torch.zeros(16, 2))
        loss = (found - goal).norm(dim=2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append((loss.item(), (guess - goal).norm(dim=2).mean().item()))
    after, before = np.mean(losses[-20:], axis=0)
    assert after < 0.5 * before

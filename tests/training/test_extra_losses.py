"""The losses beyond the paper against values worked out by hand, their gradients, and what they refuse."""

from __future__ import annotations

import math

import pytest
import torch

from facemodel import ARKIT_NAMES
from training.losses import extra_losses
from training.losses.extra_losses import ExtraWeights


def test_every_loss_is_off_unless_asked_for() -> None:
    weights = ExtraWeights()
    switches = ("shared_identity", "shared_albedo", "clip_landmarks", "clip_parameters", "scores")
    assert all(getattr(weights, name) == 0.0 for name in switches)


def test_within_person_is_the_unbiased_variance_of_a_persons_pictures() -> None:
    coefficients = torch.tensor([[1.0, 0.0], [3.0, 0.0], [9.0, 9.0], [5.0, 0.0], [7.0, 1.0]])
    person = torch.tensor([4, 4, 2, 4, -1])
    # Person 4: 1, 3 and 5 with the mean 3, times 3/2, over two coefficients; nobody else has company.
    expected = torch.tensor([4.0, 0.0, 0.0, 4.0, 0.0]) * 1.5 / 2.0
    found = extra_losses.within_person(coefficients, person)
    torch.testing.assert_close(found, expected)
    assert found[person == 4].mean() == pytest.approx(coefficients[person == 4].var(dim=0).mean().item())


def test_within_person_draws_pictures_together_and_leaves_the_others() -> None:
    coefficients = torch.tensor([[1.0], [3.0], [9.0], [8.0], [8.0]], requires_grad=True)
    extra_losses.within_person(coefficients, torch.tensor([0, 0, 1, -1, -1])).sum().backward()
    # Both squared deviations times 2 are together (a - b)^2.
    torch.testing.assert_close(coefficients.grad, torch.tensor([[-4.0], [4.0], [0.0], [0.0], [0.0]]))


def test_company() -> None:
    assert extra_losses.has_company(torch.tensor([3, -1, 3, 0, -1])).tolist() == [1.0, 0.0, 1.0, 0.0, 0.0]


def test_landmarks_in_even_motion_cost_nothing() -> None:
    time = torch.arange(5.0).view(1, 5, 1, 1)
    points = torch.rand(1, 1, 4, 2, generator=torch.Generator().manual_seed(1)) + time * torch.tensor([2.0, -1.0])
    assert extra_losses.landmark_acceleration(points).item() == pytest.approx(0.0, abs=1e-5)


def test_landmark_acceleration_is_the_length_of_the_second_difference() -> None:
    points = torch.zeros(2, 4, 2, 2)
    points[0, 1, 0] = torch.tensor([3.0, 4.0])  # one of two points jumps 5 px for one frame
    # Second differences about frames 1 and 2: 2 * 5 and 5, over two points and two differences.
    assert extra_losses.landmark_acceleration(points).tolist() == pytest.approx([15.0 / 4.0, 0.0])


def test_frames_that_are_not_seen_do_not_count() -> None:
    points = torch.zeros(1, 6, 1, 2)
    points[0, 0], points[0, 5] = 1000.0, torch.tensor([0.0, 2.0])
    seen = torch.tensor([[0.0, 1.0, 1.0, 1.0, 1.0, 1.0]])
    # About frames 2, 3 and 4, of which the last feels the jump.
    assert extra_losses.landmark_acceleration(points, seen).item() == pytest.approx(2.0 / 3.0)
    hidden = points.clone().requires_grad_()
    loss = extra_losses.landmark_acceleration(hidden, torch.tensor([[1.0, 1.0, 0.0, 0.0, 1.0, 1.0]]))
    loss.sum().backward()
    assert loss.item() == 0.0 and (hidden.grad == 0.0).all()


def test_acceleration_has_a_finite_gradient_at_rest_and_smooths_a_jump() -> None:
    points = torch.zeros(1, 3, 1, 2, requires_grad=True)
    extra_losses.landmark_acceleration(points).sum().backward()
    assert (points.grad == 0.0).all()
    jump = torch.tensor([[0.0, 1.0, 0.0]]).view(1, 3, 1).requires_grad_()
    extra_losses.parameter_acceleration(jump, torch.ones(1)).sum().backward()
    torch.testing.assert_close(jump.grad.flatten(), torch.tensor([-1.0, 2.0, -1.0]))


def test_parameter_acceleration_is_in_units_of_the_spread() -> None:
    parameters = torch.tensor([[[0.0, 0.0], [0.1, 10.0], [0.0, 0.0]]])
    found = extra_losses.parameter_acceleration(parameters, torch.tensor([0.1, 100.0]))
    assert found.item() == pytest.approx((2.0 + 0.2) / 2.0)
    none = extra_losses.parameter_acceleration(parameters, torch.ones(2), torch.zeros(1, 3))
    assert none.item() == 0.0


def test_two_frames_have_no_second_difference() -> None:
    with pytest.raises(ValueError, match="three frames"):
        extra_losses.landmark_acceleration(torch.zeros(1, 2, 5, 2))


def test_trust_is_small_where_mediapipe_hardly_scores_and_nothing_where_it_does_not() -> None:
    trust = dict(zip(ARKIT_NAMES, ExtraWeights(doubtful_trust=0.2).score_trust().tolist(), strict=True))
    assert {name for name, value in trust.items() if value == pytest.approx(0.2)} == {
        "cheekPuff",
        "noseSneerLeft",
        "noseSneerRight",
    }
    assert trust["tongueOut"] == 0.0
    assert sum(value == 1.0 for value in trust.values()) == 48
    assert ExtraWeights().score_trust(["jawOpen", "somethingElse"]).tolist() == [1.0, 0.0]


def test_score_distillation_weighs_by_trust() -> None:
    weights = torch.tensor([[0.5, 0.4, 0.9], [0.5, 0.4, 0.9], [0.0, 0.0, 0.0]])
    scores = torch.tensor([[0.3, 0.0, 0.0], [math.nan, 0.0, 0.0], [math.nan] * 3])
    trust = torch.tensor([1.0, 0.25, 0.0])
    expected = torch.tensor([(0.04 + 0.25 * 0.16) / 1.25, 0.16, 0.0])
    torch.testing.assert_close(extra_losses.score_distillation(weights, scores, trust), expected)


def test_score_distillation_gradient_is_finite_without_scores() -> None:
    weights = torch.tensor([[0.5, 0.4], [0.5, 0.4]], requires_grad=True)
    scores = torch.tensor([[0.3, math.nan], [math.nan, math.nan]])
    extra_losses.score_distillation(weights, scores, torch.tensor([1.0, 1.0])).sum().backward()
    torch.testing.assert_close(weights.grad, torch.tensor([[0.4, 0.0], [0.0, 0.0]]))


@pytest.mark.parametrize(
    ("name", "shapes"),
    [
        ("within_person", [(4, 3), (4, 1)]),
        ("within_person", [(4, 3), (3,)]),
        ("has_company", [(4, 1)]),
        ("landmark_acceleration", [(4, 5, 2)]),
        ("landmark_acceleration", [(1, 4, 5, 3)]),
        ("landmark_acceleration", [(1, 4, 5, 2), (4,)]),
        ("parameter_acceleration", [(1, 4, 6), (1,)]),
        ("parameter_acceleration", [(1, 4, 6), (6,), (1, 6)]),
        ("score_distillation", [(2, 52), (2, 51), (52,)]),
        ("score_distillation", [(2, 52), (2, 52), (2, 52)]),
    ],
)
def test_wrong_shapes_are_refused(name: str, shapes: list[tuple[int, ...]]) -> None:
    with pytest.raises(ValueError, match="expected"):
        getattr(extra_losses, name)(*(torch.zeros(shape) for shape in shapes))

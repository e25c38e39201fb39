"""The losses beyond the paper against values worked out by hand, their gradients, and what they refuse."""

from __future__ import annotations

import math

import pytest
import torch

from facemodel import ARKIT_NAMES
from training.losses import extra_losses
from training.losses.extra_losses import DOUBTFUL_TRUST, ExtraWeights, score_trust


def test_every_loss_is_off_unless_asked_for() -> None:
    weights = ExtraWeights()
    switches = ("shared_identity", "shared_albedo", "scores")
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


def test_trust_is_small_where_mediapipe_hardly_scores_and_nothing_where_it_does_not() -> None:
    trust = dict(zip(ARKIT_NAMES, score_trust().tolist(), strict=True))
    assert {name for name, value in trust.items() if value == pytest.approx(DOUBTFUL_TRUST)} == {
        "cheekPuff",
        "noseSneerLeft",
        "noseSneerRight",
    }
    assert trust["tongueOut"] == 0.0
    assert sum(value == 1.0 for value in trust.values()) == 48
    assert score_trust(["jawOpen", "somethingElse"]).tolist() == [1.0, 0.0]


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
        ("score_distillation", [(2, 52), (2, 51), (52,)]),
        ("score_distillation", [(2, 52), (2, 52), (2, 52)]),
    ],
)
def test_wrong_shapes_are_refused(name: str, shapes: list[tuple[int, ...]]) -> None:
    with pytest.raises(ValueError, match="expected"):
        getattr(extra_losses, name)(*(torch.zeros(shape) for shape in shapes))

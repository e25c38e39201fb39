"""The paper's losses against values worked out by hand, their gradients, and what they refuse."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from facemodel import color
from training.losses import paper_losses
from training.losses.paper_losses import PaperWeights


def planes(*values: list[list[float]]) -> torch.Tensor:
    """(1, H, W) from rows."""
    return torch.tensor(values)


def gray(*rows: list[float]) -> torch.Tensor:
    """(1, H, W, 3) pictures from rows of grey values."""
    return torch.tensor([rows])[..., None].repeat(1, 1, 1, 3)


def test_equation_6_has_the_printed_weights() -> None:
    assert PaperWeights().of_terms(1.0) == {
        "identity": 0.2,
        "photometric": 1.92,
        "landmarks": 0.0018,
        "inner_mouth": 0.0013,
        "regularization": 0.0005,
        "uniform": 5.0,
    }


def test_inner_mouth_counts_from_50k_of_200k_iterations() -> None:
    weights = PaperWeights()
    assert weights.of_terms(0.0)["inner_mouth"] == 0.0
    assert weights.of_terms(49_999 / 200_000)["inner_mouth"] == 0.0
    assert weights.of_terms(50_000 / 200_000)["inner_mouth"] == 0.0013
    assert weights.of_terms(250 / 1_000)["inner_mouth"] == 0.0013  # a shorter run
    for outside in (-0.1, 1.1, math.nan):
        with pytest.raises(ValueError, match="progress"):
            weights.of_terms(outside)


def test_hybrid_is_the_weighted_sum_per_sample() -> None:
    terms = {"identity": torch.tensor([1.0, 0.0]), "inner_mouth": torch.tensor([100.0, 200.0])}
    torch.testing.assert_close(paper_losses.hybrid(terms, PaperWeights(), 0.5), torch.tensor([0.33, 0.26]))
    terms["inner_mouth"] = torch.tensor([math.nan, math.inf])  # not yet counted
    torch.testing.assert_close(paper_losses.hybrid(terms, PaperWeights(), 0.1), torch.tensor([0.2, 0.0]))


def test_hybrid_refuses_unknown_terms_none_and_unequal_shapes() -> None:
    for terms in ({"identty": torch.zeros(2)}, {}, {"identity": torch.zeros(2), "uniform": torch.zeros(3)}):
        with pytest.raises(ValueError):
            paper_losses.hybrid(terms, PaperWeights(), 0.5)


def test_identity_is_the_cosine_distance() -> None:
    features = torch.tensor([[3.0, 0.0], [1.0, 1.0], [0.0, -2.0]])
    reference = torch.tensor([[7.0, 0.0], [1.0, 0.0], [0.0, 5.0]])
    expected = torch.tensor([0.0, 1.0 - 1.0 / math.sqrt(2.0), 2.0])
    torch.testing.assert_close(paper_losses.identity(features, reference), expected)


def test_identity_gradient_turns_the_features_and_keeps_their_length() -> None:
    features = torch.tensor([[1.0, 1.0], [0.0, 0.0]], requires_grad=True)
    paper_losses.identity(features, torch.tensor([[1.0, 0.0], [1.0, 0.0]])).sum().backward()
    # d(1 - cos)/df at 45 degrees: -(e - f cos / |f|) / |f| = -(1, -1) / (2 sqrt 2)
    torch.testing.assert_close(features.grad[0], torch.tensor([-1.0, 1.0]) / (2.0 * math.sqrt(2.0)))
    assert torch.isfinite(features.grad).all()  # even of features that are zero


def test_skin_weights_follow_equation_9() -> None:
    probability = torch.tensor([0.0, 0.2, 0.5, 0.51, 1.0])
    torch.testing.assert_close(paper_losses.skin_weights(probability), torch.tensor([0.0, 0.2, 0.5, 1.0, 1.0]))


def test_photometric_is_equation_8() -> None:
    image, diffuse, full = gray([0.5, 0.5, 0.5, 0.5]), gray([0.4, 0.2, 0.0, 0.0]), gray([0.5, 0.4, 0.0, 0.0])
    face, projected = planes([[1.0, 1.0, 1.0, 0.0]]), planes([[1.0, 1.0, 0.0, 1.0]])  # M is the first two pixels
    skin = planes([[0.9, 0.25, 0.9, 0.9]])  # C = 1 and 0.25
    # Grey differences of d are sqrt(3) d long: 0.1 and 0.3 in the first term, 0 and 0.1 in the second.
    first = math.sqrt(3.0) * (1.0 * 0.1 + 0.25 * 0.3) / 1.25
    second = math.sqrt(3.0) * (0.0 + 0.1) / 2.0
    for eta in (0.0, 1.0, 0.4):
        found = paper_losses.photometric(image, diffuse, full, face, projected, skin, eta)
        assert found.tolist() == pytest.approx([first + eta * second])


def test_photometric_distance_is_euclidean_over_colours() -> None:
    image = torch.tensor([[[[0.3, 0.4, 0.0]]]])
    black, one = torch.zeros(1, 1, 1, 3), torch.ones(1, 1, 1)
    assert paper_losses.photometric(image, black, image, one, one, one).item() == pytest.approx(0.5)


def test_photometric_is_a_mean_however_little_skin_there_is() -> None:
    image, one, skin = gray([0.5, 0.5]), torch.ones(1, 1, 2), torch.tensor([[[1e-3, 0.0]]])
    black = torch.zeros_like(image)
    assert paper_losses.photometric(image, black, image, one, one, skin).item() == pytest.approx(0.5 * math.sqrt(3.0))


def test_photometric_samples_do_not_touch_each_other() -> None:
    image, dark = gray([1.0, 1.0]).repeat(2, 1, 1, 1), torch.zeros(2, 1, 2, 3)
    mask = torch.tensor([[[1.0, 0.0]], [[1.0, 1.0]]])
    found = paper_losses.photometric(image, dark, image, mask, torch.ones_like(mask), torch.ones_like(mask))
    assert found.tolist() == pytest.approx([math.sqrt(3.0)] * 2)  # a mean, however many pixels


@pytest.mark.parametrize("empty", ["face", "projected", "skin"])
def test_photometric_of_nothing_is_zero_with_finite_gradients(empty: str) -> None:
    masks = {name: torch.full((1, 2, 2), float(name != empty)) for name in ("face", "projected", "skin")}
    image = torch.rand(1, 2, 2, 3, generator=torch.Generator().manual_seed(0))
    diffuse, full = image.clone().requires_grad_(), (0.5 * image).requires_grad_()
    loss = paper_losses.photometric(image, diffuse, full, **masks)
    loss.sum().backward()
    assert torch.isfinite(diffuse.grad).all() and torch.isfinite(full.grad).all()
    if empty == "skin":  # leaves the second term alone
        assert loss.item() == pytest.approx((0.5 * image).norm(dim=-1).mean().item())
    else:
        assert loss.item() == 0.0 and full.grad.abs().sum() == 0.0


def test_photometric_gradient_reaches_colours_but_no_mask() -> None:
    face, projected, skin = (torch.full((1, 1, 2), 0.8, requires_grad=True) for _ in range(3))
    diffuse, full = torch.zeros(1, 1, 2, 3, requires_grad=True), torch.zeros(1, 1, 2, 3, requires_grad=True)
    paper_losses.photometric(gray([0.5, 0.5]), diffuse, full, face, projected, skin, 0.5).sum().backward()
    unit = -1.0 / math.sqrt(3.0) / 2.0  # two pixels share each mean
    torch.testing.assert_close(diffuse.grad, torch.full((1, 1, 2, 3), unit))
    torch.testing.assert_close(full.grad, torch.full((1, 1, 2, 3), 0.5 * unit))
    assert face.grad is None and projected.grad is None and skin.grad is None


def test_landmarks_weigh_brows_and_outer_mouth_twenty_times() -> None:
    weights = paper_losses.landmark_weights()
    heavy = [*range(17, 27), *range(48, 60)]  # iBUG: 5 points a brow, 12 around the lips
    assert np.flatnonzero(weights.numpy() == 20.0).tolist() == heavy
    assert (weights == 1.0).sum() == 68 - 22


def test_landmarks_are_equation_10() -> None:
    reference = torch.zeros(2, 68, 2)
    points = reference.clone()
    points[0, 30] = torch.tensor([3.0, 4.0])  # nose tip
    points[1, 20] = torch.tensor([0.0, 2.0])  # a brow
    points[1, 62] = torch.tensor([1.0, 0.0])  # inner lip
    found = paper_losses.landmarks(points, reference, paper_losses.landmark_weights())
    torch.testing.assert_close(found, torch.tensor([5.0 / 68.0, (20.0 * 2.0 + 1.0) / 68.0]))


def test_landmarks_have_a_finite_gradient_where_they_agree() -> None:
    points = torch.zeros(1, 68, 2, requires_grad=True)
    paper_losses.landmarks(points, torch.zeros(1, 68, 2), paper_losses.landmark_weights()).sum().backward()
    assert (points.grad == 0.0).all()


def test_inner_mouth_is_the_area_that_differs() -> None:
    projected, labelled = torch.zeros(2, 224, 224), torch.zeros(2, 224, 224)
    projected[0, 100:104, 90:110] = 1.0  # 80 px
    labelled[0, 102:106, 90:110] = 1.0  # as large, 40 px of it in common
    projected[1, 0, 0] = 0.25
    assert paper_losses.inner_mouth(projected, labelled).tolist() == [80.0, 0.25]


def test_inner_mouth_counts_px_of_the_crop_whatever_the_size() -> None:
    projected = torch.zeros(1, 112, 112)
    projected[0, :10, :10] = 1.0
    assert paper_losses.inner_mouth(projected, torch.zeros(1, 112, 112)).item() == 400.0


def test_inner_mouth_gradient_opens_and_closes() -> None:
    projected = torch.full((1, 224, 224), 0.5, requires_grad=True)
    labelled = torch.zeros(1, 224, 224)
    labelled[:, :112] = 1.0
    paper_losses.inner_mouth(projected, labelled).sum().backward()
    assert (projected.grad[:, :112] == -1.0).all() and (projected.grad[:, 112:] == 1.0).all()


def test_regularization_is_equation_12_in_units_of_the_spread() -> None:
    identity, albedo = torch.tensor([[1.0, 2.0], [0.0, 0.0]]), torch.tensor([[3.0], [0.0]])
    expression, spread = torch.tensor([[0.2, 0.0], [0.0, 0.5]]), torch.tensor([0.1, 0.25])
    found = paper_losses.regularization(identity, albedo, expression, spread)
    torch.testing.assert_close(found, torch.tensor([1.0 + 4.0 + 9.0 + 4.0, 4.0]))


def test_expression_spread_is_the_root_mean_square_with_a_floor() -> None:
    weights = torch.tensor([[0.6, 0.0], [0.8, 0.0]])
    torch.testing.assert_close(paper_losses.expression_spread(weights), torch.tensor([math.sqrt(0.5), 0.05]))


def test_uniform_is_the_variance_of_colour_and_the_tint_of_light() -> None:
    lit = torch.tensor([[[0.2, 0.5, 0.5], [0.4, 0.5, 0.5]]])  # red is 0.1 from its mean at both points
    sh = torch.zeros(1, 27)
    sh[0, 0:3] = 3.0  # white, which costs nothing
    assert paper_losses.uniform(lit, sh).item() == pytest.approx(0.01)
    sh[0, 3:6] = torch.tensor([0.1, 0.4, 0.1])  # mean 0.2: 0.01 + 0.04 + 0.01
    assert paper_losses.uniform(lit, sh).item() == pytest.approx(0.07)


def test_uniform_pulls_toward_the_mean_where_the_printed_sum_pulls_nowhere() -> None:
    lit = torch.tensor([[[0.2] * 3, [0.4] * 3]], requires_grad=True)
    sh = torch.zeros(1, 27, requires_grad=True)
    paper_losses.uniform(lit, sh).sum().backward()
    torch.testing.assert_close(lit.grad, torch.tensor([[[-0.1] * 3, [0.1] * 3]]))
    printed = (lit - lit.mean(dim=1, keepdim=True)).mean(dim=1)
    assert printed.abs().max() < 1e-7


def test_encode_srgb_matches_the_reference_with_finite_gradients() -> None:
    linear = torch.linspace(0.0, 1.0, 500, dtype=torch.float64).requires_grad_()
    encoded = paper_losses.encode_srgb(linear)
    np.testing.assert_allclose(encoded.detach(), color.encode_srgb(linear.detach()), atol=1e-9)
    encoded.sum().backward()
    assert torch.isfinite(linear.grad).all() and (linear.grad > 0).all()
    bright = torch.tensor(1.5, requires_grad=True)
    paper_losses.encode_srgb(bright).backward()
    assert bright.grad > 0  # too bright is still felt


@pytest.mark.parametrize(
    ("name", "shapes"),
    [
        ("identity", [(2, 8), (2, 9)]),
        ("identity", [(2, 8), (1, 8)]),
        ("landmarks", [(2, 68, 2), (2, 68, 3), (68,)]),
        ("landmarks", [(2, 478, 2), (2, 478, 2), (478,)]),
        ("landmarks", [(2, 68, 2), (2, 68, 2), (2, 68)]),
        ("inner_mouth", [(2, 8, 8), (2, 1, 8)]),
        ("regularization", [(2, 3), (1, 3), (2, 3), (3,)]),
        ("regularization", [(2, 3), (2, 3), (2, 3), (1,)]),
        ("uniform", [(2, 5, 3), (2, 9, 3)]),
        ("uniform", [(2, 5, 3), (2, 25)]),
        ("uniform", [(2, 5, 1), (2, 27)]),
        ("photometric", [(2, 4, 4, 3)] * 3 + [(2, 4, 4), (2, 4, 4), (1, 4, 4)]),
        ("photometric", [(2, 4, 4, 3)] * 3 + [(2, 4, 4, 1)] * 3),
        ("photometric", [(2, 3, 4, 4)] * 3 + [(2, 4, 4)] * 3),
        ("expression_spread", [(5,)]),
    ],
)
def test_wrong_shapes_are_refused(name: str, shapes: list[tuple[int, ...]]) -> None:
    with pytest.raises(ValueError, match="expected"):
        getattr(paper_losses, name)(*(torch.zeros(shape) for shape in shapes))

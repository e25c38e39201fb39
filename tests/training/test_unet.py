"""The U-Net's shapes, and its loss and weights against values worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from training.data.face_classes import ALLOWED, IGNORED, label_of
from training.networks.unet import UNet, UNetConfig, class_weights, label_weights, unweighted, weighted_cross_entropy


@pytest.mark.parametrize("size", [(32, 32), (33, 47), (1, 5), (16, 31)])
def test_every_pixel_gets_logits_of_every_class(size):
    network = UNet(UNetConfig(width=2, depth=3)).eval()
    logits = network(torch.rand(2, 3, *size))
    assert logits.shape == (2, 19, *size) and torch.isfinite(logits).all()


def test_padding_to_an_odd_size_repeats_the_edge():
    network = UNet(UNetConfig(width=2, depth=2)).eval()
    picture = torch.rand(1, 3, 10, 14)
    repeated = torch.cat([picture, picture[..., -1:], picture[..., -1:]], dim=3)
    repeated = torch.cat([repeated, repeated[..., -1:, :], repeated[..., -1:, :]], dim=2)
    torch.testing.assert_close(network(picture), network(repeated)[..., :10, :14])


def test_channels_double_at_every_level():
    network = UNet(UNetConfig(width=4, depth=3))
    assert [network.first[0].out_channels, *(block[0].out_channels for block in network.down)] == [4, 8, 16, 32]
    # Each level back up sees the enlarged one below and the skipped one beside it.
    assert [block[0].in_channels for block in network.up] == [12, 24, 48]


def test_loss_of_two_pixels_by_hand():
    probability = torch.tensor([[0.7, 0.2, 0.1], [0.1, 0.6, 0.3]])  # (pixels, classes)
    logits = probability.log().T.reshape(1, 3, 1, 2)
    labels = torch.tensor([[[0, 2]]])
    loss = weighted_cross_entropy(logits, labels, torch.tensor([1.0, 1.0, 3.0]))
    assert loss.item() == pytest.approx((-np.log(0.7) - 3.0 * np.log(0.3)) / 4.0, rel=1e-6)


def test_loss_of_a_set_is_that_of_its_classes_together():
    probability = torch.tensor([0.5, 0.3, 0.2])
    logits = (probability.log() + 1.7).reshape(1, 3, 1, 1)
    allowed = torch.tensor([[1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 1, 1]], dtype=torch.bool)
    loss = weighted_cross_entropy(logits, torch.tensor([[[3]]]), torch.ones(4), allowed)
    assert loss.item() == pytest.approx(-np.log(0.5), rel=1e-6)
    everything = weighted_cross_entropy(logits, torch.tensor([[[0]]]), torch.ones(1), torch.ones(1, 3).bool())
    assert everything.item() == pytest.approx(0.0, abs=1e-6)


def test_gradient_by_hand():
    """d loss / d logit is w (p - q) over the sum of weights; q is one-hot, or p within the set, renormalised."""
    probability = torch.tensor([[0.5, 0.3, 0.2], [0.1, 0.6, 0.3]])
    logits = probability.log().T.reshape(1, 3, 1, 2).clone().requires_grad_()
    allowed = torch.tensor([[1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 1, 1]], dtype=torch.bool)
    weighted_cross_entropy(logits, torch.tensor([[[0, 3]]]), torch.tensor([2.0, 1.0, 1.0, 0.5]), allowed).backward()
    expected = np.array([[0.5 - 1.0, 0.3, 0.2], [0.1, 0.6 - 0.6 / 0.9, 0.3 - 0.3 / 0.9]])
    expected *= np.array([[2.0], [0.5]]) / 2.5
    np.testing.assert_allclose(logits.grad.reshape(3, 2).T, expected, atol=1e-6)


def test_single_labels_cost_the_same_with_and_without_sets():
    torch.manual_seed(0)
    logits, labels = torch.randn(2, 19, 5, 5), torch.randint(0, 19, (2, 5, 5))
    weights = torch.rand(len(ALLOWED))
    plain = weighted_cross_entropy(logits, labels, weights[:19])
    torch.testing.assert_close(weighted_cross_entropy(logits, labels, weights, torch.from_numpy(ALLOWED)), plain)


def test_ignored_pixels_count_for_nothing():
    torch.manual_seed(0)
    logits = torch.randn(1, 19, 2, 2, requires_grad=True)
    labels = torch.tensor([[[3, IGNORED], [IGNORED, 5]]], dtype=torch.uint8)
    allowed = torch.from_numpy(ALLOWED)
    loss = weighted_cross_entropy(logits, labels, torch.ones(len(ALLOWED)), allowed)
    alone = weighted_cross_entropy(logits[..., [0, 1], [0, 1]][:, :, None], torch.tensor([[[3, 5]]]), torch.ones(19))
    assert loss.item() == pytest.approx(alone.item(), rel=1e-6)
    loss.backward()
    assert (logits.grad[0, :, 0, 1] == 0).all() and (logits.grad[0, :, 0, 0] != 0).all()


def test_a_picture_without_labels_costs_nothing_and_breaks_nothing():
    logits = torch.randn(1, 19, 3, 3, requires_grad=True)
    labels = torch.full((1, 3, 3), IGNORED)
    loss = weighted_cross_entropy(logits, labels, torch.ones(len(ALLOWED)), torch.from_numpy(ALLOWED))
    loss.backward()
    assert loss.item() == 0.0 and (logits.grad == 0).all()


def test_certain_mistakes_stay_finite():
    logits = torch.zeros(1, 19, 1, 1)
    logits[0, 7] = 1e4  # a brow
    label = torch.full((1, 1, 1), label_of("skin_elsewhere"))
    logits.requires_grad_()
    loss = weighted_cross_entropy(logits, label, torch.ones(len(ALLOWED)), torch.from_numpy(ALLOWED))
    loss.backward()
    assert loss.item() == pytest.approx(1e4, rel=1e-3) and torch.isfinite(logits.grad).all()


def test_class_weights_by_hand():
    weights = class_weights([400, 100, 25, 0], power=0.5, limit=10.0)
    torch.testing.assert_close(weights, torch.tensor([0.5, 1.0, 2.0, 1.0]))
    torch.testing.assert_close(class_weights([400, 100, 25], power=1.0), torch.tensor([0.25, 1.0, 4.0]))
    assert class_weights([1_000_000, 10_000, 1], limit=8.0)[2] == 8.0
    torch.testing.assert_close(class_weights(np.zeros(3)), torch.ones(3))


def test_a_set_weighs_as_its_commonest_class():
    weights = torch.arange(1.0, 20.0)
    found = label_weights(weights, torch.from_numpy(ALLOWED))
    torch.testing.assert_close(found[:19], weights)
    assert found[label_of("skin_elsewhere")] == 1.0  # background's


def test_what_weights_do_to_the_probabilities_is_taken_back():
    """Of pixels that look alike 80 % are of class 0; weighted training says 4/7, corrected 4/5."""
    weights = torch.ones(19)
    weights[1] = 3.0
    network = UNet(UNetConfig(width=2, depth=1)).eval()
    with torch.no_grad():
        network.head.weight.zero_()
        network.head.bias.fill_(-20.0)
        network.head.bias[:2] = 0.0
    labels = torch.tensor([0, 0, 0, 0, 1]).reshape(1, 1, 5)
    optimizer = torch.optim.LBFGS([network.head.bias], max_iter=50)

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss = weighted_cross_entropy(network(torch.zeros(1, 3, 1, 5)), labels, weights)
        loss.backward()
        return loss

    optimizer.step(closure)
    share = network(torch.zeros(1, 3, 1, 1)).softmax(dim=1)[0, :2, 0, 0]
    torch.testing.assert_close(share, torch.tensor([4 / 7, 3 / 7]), atol=1e-3, rtol=0)
    network.load_state_dict(unweighted(network.state_dict(), weights))
    share = network(torch.zeros(1, 3, 1, 1)).softmax(dim=1)[0, :2, 0, 0]
    torch.testing.assert_close(share, torch.tensor([0.8, 0.2]), atol=1e-3, rtol=0)

"""What an earlier network has learned, carried over to another face model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from export.onnx import export_onnx
from facemodel import FaceModel, LimelightError
from tests.toy_model import toy_model
from tests.training.test_recipe import CLOSE, HEADS, SHORT, draw, nothing
from training.networks import NetworkCheckpoint, Student, load_network
from training.networks.carried import carry_over, settle_norms
from training.recipes import stages
from training.recipes.book import RECIPES
from training.recipes.recipe import Job, Recipe, Stage, follow

SHARED = ("expression", "rotation", "translation", "scale", "sh", "key_position", "key_color", "shininess")


def labels(model: FaceModel, seed: int) -> np.ndarray:
    """Random vectors (50, P), whose statistics standardise a network's outputs."""
    rng = np.random.default_rng(seed)
    vectors = np.tile(model.layout.neutral(), (50, 1))
    vectors += rng.normal(0.0, 0.1, vectors.shape).astype(np.float32)
    return np.stack([model.layout.constrain(v) for v in vectors])


@pytest.fixture(scope="module")
def old() -> FaceModel:
    return toy_model(n_identity=3, n_expression=52, n_albedo=2)


@pytest.fixture(scope="module")
def new() -> FaceModel:
    return toy_model(n_identity=5, n_expression=52, n_albedo=4, seed=1)


@pytest.fixture(scope="module")
def earlier(old: FaceModel) -> Student:
    """A network whose every layer says something."""
    torch.manual_seed(3)
    network = Student(HEADS, old.layout, labels(old, 0))
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    return network.eval()


def crops(count: int = 6) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(2).integers(0, 256, (count, 64, 64, 3), dtype=np.uint8))


def test_a_network_for_another_face_model_says_the_same_of_what_both_models_have(
    earlier: Student, old: FaceModel, new: FaceModel
) -> None:
    network = Student(HEADS, new.layout, labels(new, 1)).eval()
    carry_over(NetworkCheckpoint.of(earlier, old), network, new)
    with torch.inference_mode():
        expected, sure = earlier(crops())
        found, confident = network(crops())
    torch.testing.assert_close(confident, sure)
    for name in SHARED:
        theirs, own = expected[:, old.layout.slices[name]], found[:, new.layout.slices[name]]
        torch.testing.assert_close(own, theirs, rtol=1e-4, atol=1e-4, msg=name)


def test_a_network_for_the_same_face_model_says_the_same_but_for_what_is_solved(
    earlier: Student, old: FaceModel
) -> None:
    network = Student(HEADS, old.layout, labels(old, 1)).eval()
    carry_over(NetworkCheckpoint.of(earlier, old), network, old)
    assert network.face_head is not None and earlier.face_head is not None
    rows = network.face_head.geometry.weight
    assert not rows[:3].any() and torch.equal(rows[3:], earlier.face_head.geometry.weight[3:])
    with torch.inference_mode():
        found, expected = network(crops())[0], earlier(crops())[0]
    torch.testing.assert_close(found[:, 3:], expected[:, 3:], rtol=1e-4, atol=1e-4)


def test_another_form_or_other_expressions_are_refused_in_a_line(earlier: Student, old: FaceModel) -> None:
    saved = NetworkCheckpoint.of(earlier, old)
    with pytest.raises(LimelightError, match="of another form"):
        carry_over(saved, Student(replace(HEADS, hidden=12), old.layout), old)
    fewer = toy_model(n_identity=3, n_expression=10, n_albedo=2)
    with pytest.raises(LimelightError, match="other expressions"):
        carry_over(saved, Student(HEADS, fewer.layout), fewer)


def test_norms_that_were_folded_away_come_back_and_change_nothing() -> None:
    torch.manual_seed(0)
    first, second = nn.Conv2d(3, 8, 3, bias=False), nn.Conv2d(8, 4, 3, bias=False)
    network = nn.Sequential(first, nn.BatchNorm2d(8), nn.ReLU(), second, nn.BatchNorm2d(4))
    with torch.no_grad():
        first.weight.mul_(0.01)  # as if folded in
        first.weight[0] = 0.0  # a channel that says nothing
    for norm in (network[1], network[4]):
        norm.running_var.fill_(1.0 - norm.eps)
        nn.init.uniform_(norm.bias, -1.0, 1.0)
    batches = [torch.randn(16, 3, 12, 12) * 3.0 + 1.0 for _ in range(4)]
    network.eval()
    with torch.inference_mode():
        before = network(batches[0])
        trained_on = network.train()(batches[0])
    for norm in (network[1], network[4]):
        norm.running_mean.zero_()
        norm.running_var.fill_(1.0 - norm.eps)
    assert (trained_on - before).abs().mean() > 0.3  # what would be trained, were the norms left alone
    network.train()
    settle_norms(network, batches)
    assert network.training
    with torch.inference_mode():
        torch.testing.assert_close(network.eval()(batches[0]), before, rtol=1e-4, atol=1e-4)
        assert (network.train()(batches[0]) - before).abs().mean() < 0.1
    for conv in (first, second):
        length = conv.weight.flatten(1).norm(dim=1)
        torch.testing.assert_close(length[length > 0], torch.full_like(length[length > 0], 2.0**0.5))


@pytest.fixture
def job(earlier: Student, old: FaceModel, new: FaceModel, tmp_path: Path) -> Job:
    """A run that begins with the network of another face model."""
    export_onnx(NetworkCheckpoint.of(earlier, old), tmp_path / "tiny.onnx", old, crops(3).numpy())
    recipe = Recipe(
        "tiny",
        "It goes on.",
        (),
        (
            Stage("draw", draw, count=16),
            Stage("tiny-before", stages.before, ("draw",), count=2, config=CLOSE),
            Stage("trunk", stages.train, ("tiny-before",), config=replace(SHORT, steps=1, learning_rate=1e-9)),
            Stage("heads", stages.train, ("trunk", "tiny-before"), config=replace(CLOSE, steps=1, learning_rate=1e-9)),
            Stage("appearance", stages.appearance_again, ("heads",), count=2, config=replace(CLOSE, steps=4)),
        ),
    )
    return Job(recipe.going_on(), tmp_path / "out", new, nothing, initial=tmp_path)


def test_a_recipe_goes_on_from_an_earlier_network(job: Job, earlier: Student, old: FaceModel, new: FaceModel) -> None:
    follow(job)
    figures: Mapping[str, float] = job.mark(job.recipe.stages[1]).figures
    assert figures["render.angle"] > 0.0
    begun, trunk, heads = (load_network(job.checkpoint(name)) for name in ("tiny-before", "trunk", "heads"))
    with torch.inference_mode():
        expected, found = earlier(crops())[0], begun.build()(crops())[0]
    for name in SHARED:
        theirs, own = expected[:, old.layout.slices[name]], found[:, new.layout.slices[name]]
        torch.testing.assert_close(own, theirs, rtol=0.05, atol=0.05, msg=name)
    for name, value in begun.weights.items():  # training took steps of next to nothing
        if name.endswith(("conv.weight", "regressor.weight")):
            torch.testing.assert_close(heads.weights[name], value, msg=name)
            torch.testing.assert_close(trunk.weights.get(name, value), value, msg=name)
    kept: Mapping[str, float] = job.mark(job.recipe.stages[4]).figures
    reread = load_network(job.checkpoint("appearance")).weights
    changed = {name for name, value in heads.weights.items() if not torch.equal(reread[name], value)}
    assert bool(changed) == bool(kept["better"]) == (kept["loss"] < kept["before.loss"])
    assert all(name.startswith("face_head.appearance.") for name in changed)
    job.earlier(job.recipe.stages[1]).write_bytes(b"another one")
    with pytest.raises(LimelightError, match="stage tiny-before was done with network"):
        follow(job)


def test_an_earlier_network_that_is_not_there_is_one_line(job: Job, tmp_path: Path) -> None:
    (tmp_path / "tiny.onnx").unlink()
    with pytest.raises(LimelightError, match=r"tiny\.onnx: cannot be read"):
        follow(job)


def test_recipes_of_networks_go_on_and_others_say_that_they_do_not() -> None:
    for name in ("student", "student-open", "resnet50"):
        again = RECIPES[name].going_on()
        assert again.name == name and again.hours < 0.5 * RECIPES[name].hours
    with pytest.raises(LimelightError, match="leave out --initial"):
        RECIPES["paper"].going_on()

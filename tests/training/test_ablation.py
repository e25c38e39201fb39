"""The ablation: the right runs, each once, and a table that grows with them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from facemodel import Crop, LimelightError
from tests.toy_model import toy_model
from tests.training.fake_evaluation import EXTENT, material
from training.config import LossWeights, PaperConfig, TrainConfig, load_config
from training.data import STORED_SIZE, Samples, ShardWriter
from training.evaluation import landmark_fit
from training.evaluation.ablation import read_ablation
from training.evaluation.torch_loop import PhotoLoop, TorchNetwork
from training.networks import StudentConfig
from training.recipes import ablation as ablations
from training.recipes.ablation import ablate, losses_of, measure_with, without
from training.train import Trainer

MODEL = toy_model(n_identity=3, n_expression=52, n_albedo=2)
LAYOUT = MODEL.layout


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    """Two losses that are on, six steps, crops of noise."""
    root = tmp_path_factory.mktemp("prepared")
    rng = np.random.default_rng(0)
    count = 16
    vectors = np.tile(LAYOUT.neutral(), (count, 1))
    vectors += rng.normal(0, 0.01, vectors.shape).astype(np.float32)
    vectors[:, LAYOUT.slices["translation"]] += 112.0
    yes = np.ones(count, bool)
    ShardWriter(root, "synthetic", MODEL).write(
        0,
        Samples(
            images=rng.integers(0, 255, (count, STORED_SIZE, STORED_SIZE, 3), dtype=np.uint8),
            parameters=np.stack([LAYOUT.constrain(vector) for vector in vectors]),
            landmarks=np.full((count, 478, 2), 112.0, np.float32)
            + rng.normal(0, 20, (count, 478, 2)).astype(np.float32),
            face=yes,
            photo=~yes,
            geometry=yes,
            light=yes,
            held_out=np.arange(count) >= 12,
        ),
    )
    off = dict.fromkeys(LossWeights.__dataclass_fields__, 0.0)
    return TrainConfig(
        name="toy",
        data=str(root),
        pretrained=False,
        steps=4,
        batch_size=4,
        threads=1,
        checkpoint_minutes=60.0,
        validation_minutes=60.0,
        network=StudentConfig(resolution=32, head_channels=8, hidden=16, frozen_blocks=0),
        loss=LossWeights(**off | {"expression": 150.0, "key_direction": 0.2, "key_distance": 0.05}),
    )


def figures_of(network):
    """A figure that tells one network from another."""
    return {"color": float(sum(p.double().abs().sum() for p in network.parameters()))}


def test_losses_are_those_that_are_on():
    paper = TrainConfig(objective="paper")
    assert list(losses_of(paper)) == [
        "identity (7)",
        "photometric (8)",
        "landmarks (10)",
        "inner mouth (11)",
        "regularisation (12)",
        "uniform (13)",
    ]
    more = replace(paper, paper=PaperConfig(dense_landmarks=0.05, labelled=8))
    assert list(losses_of(more))[6:] == ["dense landmarks", "labels"]
    assert "openings" in losses_of(TrainConfig()) and "identity (7)" not in losses_of(TrainConfig())


def test_a_loss_is_left_out_by_its_weights_alone():
    config = TrainConfig(objective="paper")
    left = without(config, losses_of(config)["photometric (8)"])
    assert left.paper.weights.photometric == 0.0
    assert replace(left, paper=config.paper) == config
    assert replace(left.paper.weights, photometric=config.paper.weights.photometric) == config.paper.weights


def test_the_shipped_configuration_has_losses_beyond_the_paper_on():
    config = load_config("student-112")
    assert config.network.resolution == 112 and config.objective == "paper"
    assert {"identity (7)", "uniform (13)", "dense landmarks", "scores", "shared identity", "labels"} <= losses_of(
        config
    ).keys()


def test_every_run_is_trained_once_and_the_table_grows(config, tmp_path, monkeypatch):
    measured = []

    def measure(name, network, resolution):
        assert resolution == 32
        measured.append(name)
        return figures_of(network)

    found = ablate(config, MODEL, tmp_path, measure)
    assert measured == ["full", "without_expression", "without_key_light"]
    assert found is not None and found.losses == ["expression", "key light"]
    assert [run.without for run in found.runs] == ["", "expression", "key light"]
    assert len({run.figures["color"] for run in found.runs}) == 3
    assert read_ablation(tmp_path / "ablation.json") == found
    assert "4 batches of 4 labelled crops" in found.about
    saved = torch.load(tmp_path / "without_key_light" / "last.pt", weights_only=False)
    assert saved["config"]["loss"]["key_direction"] == 0.0 and saved["config"]["loss"]["expression"] == 150.0

    monkeypatch.setattr(Trainer, "run", lambda _: pytest.fail("trained again"))
    assert ablate(config, MODEL, tmp_path, measure) == found
    assert len(measured) == 3
    only = ablate(config, MODEL, tmp_path, measure, ["key light"])
    assert only is not None and [run.without for run in only.runs] == ["", "key light"]
    with pytest.raises(LimelightError, match="of another configuration"):
        ablate(replace(config, steps=5), MODEL, tmp_path, measure)
    with pytest.raises(LimelightError, match="no loss 'gravity' is on"):
        ablate(config, MODEL, tmp_path, measure, ["gravity"])


def test_a_stopped_run_goes_on_to_the_same_figures(config, tmp_path, monkeypatch):
    whole = ablate(config, MODEL, tmp_path / "a", lambda _, network, __: figures_of(network), ["expression"])
    train = Trainer.run

    def stopped(self):
        self.train_step(self.task.batch(self.step))
        self.save()
        return {}

    monkeypatch.setattr(Trainer, "run", stopped)
    assert ablate(config, MODEL, tmp_path / "b", lambda *_: pytest.fail("measured too early")) is None
    assert not (tmp_path / "b" / "ablation.json").exists()
    monkeypatch.setattr(Trainer, "run", train)
    again = ablate(config, MODEL, tmp_path / "b", lambda _, network, __: figures_of(network), ["expression"])
    assert again == whole


class Blind:
    """MediaPipe finds no face of the toy model; it need not look."""

    def __init__(self, bundle):
        pass

    def __call__(self, image):
        return None

    def close(self):
        pass


class Constant(torch.nn.Module):
    """Sees the same face in every crop."""

    def __init__(self, vector):
        super().__init__()
        self.vector = torch.from_numpy(vector)

    def forward(self, crop):
        assert crop.shape == (1, 32, 32, 3) and crop.dtype == torch.uint8
        return self.vector[None], torch.ones(1, 1)


def test_runs_are_measured_by_the_sections_of_the_evaluation(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(landmark_fit, "PhotoLandmarker", Blind)
    shown = material(MODEL, tmp_path, Path("none.task"), extent=replace(EXTENT, people=2, shapes=4, layers=2))
    found = measure_with(shown)("run", Constant(LAYOUT.neutral()), 32)
    assert found.keys() == {"shape", "shape_std", "regions", "expression", "key_angle"}
    assert found["expression"] > 0.2 and found["shape"] > 0.1
    assert "photos is left out: no data folder" in capsys.readouterr().out


def test_a_photo_is_looked_at_twice_from_a_known_pose():
    vector = LAYOUT.neutral()
    p = LAYOUT.view(vector)
    p.translation[:], p.scale = (120.0, 100.0), 1.0
    loop = PhotoLoop(MODEL, TorchNetwork("x", Constant(vector), 32))
    image = np.zeros((200, 200, 3), np.uint8)
    start = (np.eye(3), np.array([100.0, 100.0]), 0.9)
    once = Crop.around_head(*start).lift(LAYOUT, vector)
    q = LAYOUT.view(once)
    twice = Crop.around_head(q.rotation, q.translation, q.scale).lift(LAYOUT, vector)
    np.testing.assert_allclose(loop.follow(image, start), twice, rtol=1e-5, atol=1e-4)
    broken = PhotoLoop(MODEL, TorchNetwork("x", Constant(np.full_like(vector, np.nan)), 32))
    assert broken.follow(image, start) is None


def test_the_command_says_what_is_missing_in_one_line(tmp_path, capsys):
    config = tmp_path / "c.toml"
    config.write_text(f'name = "x"\ndata = "{tmp_path.as_posix()}"\npretrained = false\n')
    for arguments, words in (
        (["--config", str(tmp_path / "none.toml")], "no such file"),
        (["--config", str(config), "--out", str(tmp_path / "out")], "nothing prepared there"),
        (["--config", str(config), "--only", "gravity"], "no loss 'gravity'"),
    ):
        with pytest.raises(SystemExit) as stopped:
            ablations.main(arguments)
        assert stopped.value.code == 1
        error = capsys.readouterr().err
        assert words in error and error.count("\n") == 1


def test_figures_that_the_table_shows_exist():
    from training.evaluation.ablation import COLUMNS
    from training.evaluation.sections import SECTIONS

    for section, key in ablations.FIGURES.values():
        assert key in {measure.key for measure in SECTIONS[section].measures}
    assert COLUMNS.keys() <= ablations.FIGURES.keys()

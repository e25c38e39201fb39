"""The ablation: the right runs, and a table of what they found."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from facemodel import Crop
from tests.toy_model import toy_model
from tests.training.fake_evaluation import EXTENT, material
from training.evaluation.ablation import read_ablation
from training.evaluation.sections import shape as shape_section
from training.recipes.paper import (
    ABLATION,
    FIGURES,
    LOSSES,
    SHORT,
    TRAINING,
    PhotoLoop,
    TorchNetwork,
    measure,
    measured,
    table,
    without,
)
from training.recipes.recipe import Job, Recipe, Stage, follow

MODEL = toy_model(n_identity=3, n_expression=52, n_albedo=2)
LAYOUT = MODEL.layout


def test_a_loss_is_left_out_by_its_weights_alone():
    left = without(TRAINING, *LOSSES["photometric (8)"])
    assert left.paper.weights.photometric == 0.0
    assert replace(left, paper=TRAINING.paper) == TRAINING
    assert replace(left.paper.weights, photometric=TRAINING.paper.weights.photometric) == TRAINING.paper.weights


def test_every_loss_is_on_in_the_full_run_and_off_in_its_own():
    runs = [stage for stage in ABLATION.stages if stage.work is measured]
    assert runs[0].config == SHORT and len(runs) == len(LOSSES) + 1
    for stage, fields in zip(runs[1:], LOSSES.values(), strict=True):
        assert stage.config == without(SHORT, *fields) != SHORT
    assert len({stage.name for stage in runs}) == len(runs)


def test_the_table_holds_what_the_runs_found(tmp_path):
    def found(_job: Job, stage: Stage) -> dict[str, float]:
        return {"color": 0.1 if stage.name == "full" else 0.2}

    names = ("full", "without-uniform-13")
    runs = tuple(Stage(name, found) for name in names)
    job = Job(Recipe("short", "Two runs.", (*runs, Stage("table", table, names))), tmp_path, MODEL, len)
    follow(job)
    written = read_ablation(tmp_path / "ablation.json")
    assert written.about == "Two runs." and written.losses == ["uniform (13)"]
    assert [(run.without, run.figures["color"]) for run in written.runs] == [("", 0.1), ("uniform (13)", 0.2)]


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
    monkeypatch.setattr(shape_section, "PhotoLandmarker", Blind)
    shown = material(MODEL, tmp_path, Path("none.task"), extent=replace(EXTENT, people=2, shapes=4, layers=2))
    found = measure(shown, TorchNetwork("run", Constant(LAYOUT.neutral()), 32))
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


def test_figures_that_the_table_shows_exist():
    from training.evaluation.ablation import COLUMNS
    from training.evaluation.sections import SECTIONS

    for section, key in FIGURES.values():
        assert key in {measure.key for measure in SECTIONS[section].measures}
    assert COLUMNS.keys() <= FIGURES.keys()

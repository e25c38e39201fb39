"""The model card says what a network learned from, how long, how good it is and what it reads weakly."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from facemodel import FaceModel, LimelightError
from tests.toy_model import toy_model
from tests.training.fake_evaluation import EXTENT
from training.evaluation.record import Evaluation, NetworkRecord, write_evaluation
from training.evaluation.section import Findings
from training.recipes.card import write_card
from training.recipes.recipe import Job, Mark, Recipe, Stage

STAGES = (
    Stage("fits", lambda _job, _stage: {}),
    Stage("trunk", lambda _job, _stage: {}, hours=1.0),
)


@pytest.fixture
def model() -> FaceModel:
    return toy_model()


@pytest.fixture
def job(model: FaceModel, tmp_path: Path) -> Job:
    """A run whose network was measured."""
    recipe = Recipe("quick", "It is quick.", STAGES, STAGES, photographs=False)
    job = Job(recipe, tmp_path, model, lambda _: 0)
    for stage, figures in zip(STAGES, ({"photographs": 120.0}, {}), strict=True):
        mark = job.mark(stage)
        Mark(mark.path, mark.inputs, 90.0, figures, True).write()
    units = {name: {"slope": slope} for name, slope in (("jawOpen", 0.9), ("tongueOut", 0.1), ("cheekPuff", 0.49))}
    sections = {
        "photos": Findings({"nme68": 0.02, "color": 0.2}),
        "expression": Findings({}, {"units": units}),
    }
    write_evaluation(
        tmp_path / "quick.json", Evaluation(model.digest, EXTENT, [NetworkRecord("quick", 128, 9.0, sections)])
    )
    return job


def test_a_card_has_data_times_figures_and_what_is_read_weakly(job: Job, model: FaceModel) -> None:
    write_card(job)
    text = (job.out / "quick_card.md").read_text()
    assert text.startswith("# Model card: `quick`\n\nIt is quick.\n")
    assert "120 photographs (fits)" in text and "| trunk | 1.5 |" in text and model.digest in text
    assert "2.00 % | 3.50 % | met |" in text and "| **not met** |" in text
    assert "2 of 3 expression units rise by less than half of what they should: tongueOut, cheekPuff." in text
    assert "No photograph" in text and "--initial" not in text


def test_a_card_says_that_an_earlier_network_went_before(job: Job) -> None:
    write_card(replace(job, initial=job.out))
    text = (job.out / "quick_card.md").read_text()
    assert "--seed 0 --initial DIR`" in text and "goes on from the earlier networks" in text


def test_a_network_that_was_not_measured_has_no_card(job: Job) -> None:
    (job.out / "quick.json").unlink()
    with pytest.raises(LimelightError, match=r"quick\.json: cannot be read"):
        write_card(job)

"""The shipped network is as good as README says: on clips against MediaPipe, on the performer against truth."""

from __future__ import annotations

import pytest

from limelight.live_evaluation import evaluate_clip, evaluate_performer
from realtime.engines import open_engine
from training.evaluation.context import CLIPS


@pytest.fixture(scope="module")
def student(model):
    return open_engine("student", model)


@pytest.mark.parametrize("clip", CLIPS)
def test_follows_real_faces(clip, model, student, sources):
    report = evaluate_clip(model, student, sources / "videos" / clip, frames=200)["raw"]
    assert report["tracked"] >= 0.98
    assert report["nme68"] <= 0.05
    assert report["nme68_inner"] <= 0.04
    assert report["rotation_deg"] <= 5.0


@pytest.fixture(scope="module")
def performance(model, student):
    """Errors of the network, and of an answer that does not look."""
    report = evaluate_performer(model, student, frames=200)
    return report["tracked"], report["mean"]


def test_follows_the_performer(performance):
    """Much better than an answer that does not look in pose, lips and lids, and better in the brows."""
    network, floor = performance
    assert network["tracked"] >= 0.98
    assert network["nme68"] <= 0.05
    assert network["nme68_inner"] <= 0.04
    assert network["rotation_deg"] <= min(5.0, 0.5 * floor["rotation_deg"])
    for part, share in {"lips": 0.75, "lids": 0.5, "brows": 0.9}.items():
        assert network[part] <= share * floor[part]


@pytest.mark.xfail(
    reason="on 300 frames active weights are 0.199 off, of 0.282; an earlier network had 0.136", strict=True
)
def test_reads_the_performers_active_weights(performance):
    """At least twice as well as an answer that does not look."""
    network, floor = performance
    assert network["expression_rmse"] <= 0.5 * floor["expression_rmse"]

"""Networks of another face model are measured beside those of this one."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from facemodel import FaceModel, LimelightError
from realtime.persons.likeness import Likeness
from tests.toy_model import toy_model
from training.evaluation.carried_engine import CarriedEngine


class FixedAnswers:
    """An engine that says the same of every crop."""

    name, resolution = "fixed", 32

    def __init__(self, model: FaceModel, answers: NDArray[np.float32]) -> None:
        self.model_digest, self.answers = model.digest, answers
        self.poses: NDArray | None = None

    def infer(
        self, crops: NDArray[np.uint8], poses: NDArray[np.float32] | None = None
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        self.poses = poses
        return self.answers[: len(crops)], np.arange(len(crops), dtype=np.float32)


@pytest.fixture
def theirs() -> FaceModel:
    return toy_model(n_identity=3, n_expression=6, n_albedo=2)


def answers_of(model: FaceModel) -> NDArray[np.float32]:
    rng = np.random.default_rng(4)
    return rng.normal(1.0, 0.3, (2, model.layout.size)).astype(np.float32)


def test_the_person_is_carried_over_and_all_else_stays(theirs: FaceModel) -> None:
    ours = toy_model(n_identity=5, n_expression=6, n_albedo=4, seed=1)
    answers = answers_of(theirs)
    engine = FixedAnswers(theirs, answers)
    carried = CarriedEngine(engine, theirs, ours)
    assert (carried.resolution, carried.model_digest) == (32, ours.digest)
    poses = np.ones((2, 9), np.float32)
    vectors, confidences = carried.infer(np.zeros((2, 32, 32, 3), np.uint8), poses)
    assert engine.poses is poses and list(confidences) == [0.0, 1.0]
    for own, their in zip(vectors, answers, strict=True):
        p, q = ours.layout.view(own), theirs.layout.view(their)
        identity, albedo = Likeness.of(theirs, q.identity, q.albedo).coefficients(ours)
        np.testing.assert_allclose(p.identity, identity, rtol=1e-3, atol=1e-3)
        np.testing.assert_allclose(p.albedo, albedo, rtol=1e-3, atol=1e-3)
        for name, span in ours.layout.slices.items():
            if name not in ("identity", "albedo"):
                np.testing.assert_array_equal(own[span], their[theirs.layout.slices[name]])


def test_within_one_face_model_nothing_is_lost(theirs: FaceModel) -> None:
    answers = answers_of(theirs)
    vectors, _ = CarriedEngine(FixedAnswers(theirs, answers), theirs, theirs).infer(np.zeros((2, 32, 32, 3), np.uint8))
    np.testing.assert_allclose(vectors, answers, rtol=0.02, atol=0.02)


def test_models_of_other_expressions_are_refused_in_a_line(theirs: FaceModel) -> None:
    with pytest.raises(LimelightError, match="has other expressions"):
        CarriedEngine(FixedAnswers(theirs, answers_of(theirs)), theirs, toy_model(3, 5, 2))

"""Answers of a network that was trained for another face model, in the terms of the one that is measured with."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from facemodel import FaceModel, LimelightError
from realtime.engines.base import MAX_FACES, Engine
from realtime.persons.likeness import Likeness


class CarriedEngine:
    """Runs an engine and carries identity and albedo over by likeness; all else means the same with both models.

    So networks from before and after a change of the face model are measured on the same pictures. What is lost on the
    way is a few tenths of a mm.

    Args:
        engine: of `theirs`.
        theirs: the face model that its network was trained for.
        ours: the one whose parameters come out.

    Raises LimelightError: the two models have other expressions.
    """

    def __init__(self, engine: Engine, theirs: FaceModel, ours: FaceModel) -> None:
        if theirs.expression_names != ours.expression_names:
            raise LimelightError(f"face model '{theirs.name}': has other expressions than '{ours.name}'")
        self.name, self.resolution, self.model_digest = engine.name, engine.resolution, ours.digest
        self._engine, self._theirs, self._ours = engine, theirs.layout, ours.layout
        self._identity, self._albedo = _carrying(theirs, ours)
        self._vectors = np.empty((MAX_FACES, ours.layout.size), np.float32)

    def infer(
        self, crops: NDArray[np.uint8], poses: NDArray[np.float32] | None = None
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return what `Engine.infer` does, of the other face model."""
        answers, confidences = self._engine.infer(crops, poses)
        vectors = self._vectors[: len(answers)]
        for name, span in self._ours.slices.items():
            vectors[:, span] = answers[:, self._theirs.slices[name]] if name not in ("identity", "albedo") else 0.0
        person = np.ones((len(answers), 1), np.float32)
        for name, matrix in (("identity", self._identity), ("albedo", self._albedo)):
            vectors[:, self._ours.slices[name]] = np.hstack([answers[:, self._theirs.slices[name]], person]) @ matrix
        return vectors, confidences


def _carrying(theirs: FaceModel, ours: FaceModel) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Matrices (K + 1, K') from coefficients and a 1 to those of the other model: carrying over is linear."""

    def carried(identity: NDArray, albedo: NDArray) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        return Likeness.of(theirs, identity, albedo).coefficients(ours)

    nobody = np.zeros(theirs.layout.n_identity), np.zeros(theirs.layout.n_albedo)
    middle = carried(*nobody)
    identities = [carried(one, nobody[1])[0] - middle[0] for one in np.eye(theirs.layout.n_identity)]
    albedos = [carried(nobody[0], one)[1] - middle[1] for one in np.eye(theirs.layout.n_albedo)]
    return np.stack([*identities, middle[0]]), np.stack([*albedos, middle[1]])

"""Shape error of reconstructed faces against true ones: the whole face, and its regions each aligned by itself."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facemodel import FaceModel
from training.evaluation.shape_error import Scan, fit_similarity, shape_error

REGIONS = ("nose", "mouth", "forehead", "cheeks")
"""Those of REALY."""

_NEAR = 14.0  # mm from a landmark: what still belongs to its part
_BROWS_AND_EYES68, _NOSE68, _MOUTH68 = (*range(17, 27), *range(36, 48)), tuple(range(27, 36)), tuple(range(48, 68))


def face_regions(model: FaceModel) -> dict[str, NDArray[np.int64]]:
    """Vertices of the face region in parts, by the mean shape; they do not overlap.

    Nose and mouth are what lies within 14 mm of their landmarks and nearer to them than to brows and eyes, forehead
    and cheeks the rest above and below the eyes. What lies around brows and eyes belongs to none.
    """
    face = model.region_vertices("face")
    landmarks, points = model.landmarks68(model.mean), model.mean[face]  # (68, 3), (K, 3)
    parts = (_NOSE68, _MOUTH68, _BROWS_AND_EYES68)
    distance = np.stack(
        [np.linalg.norm(points[:, None] - landmarks[list(part)], axis=2).min(axis=1) for part in parts]
    )  # (3, K)
    owner = np.where(distance.min(axis=0) <= _NEAR, distance.argmin(axis=0), -1)  # (K,)
    above = points[:, 1] > landmarks[36:48, 1].mean()
    return {
        "nose": face[owner == 0],
        "mouth": face[owner == 1],
        "forehead": face[(owner == -1) & above],
        "cheeks": face[(owner == -1) & ~above],
    }


class FaceShapeError:
    """Measures reconstructed shapes of one face model.

    Args:
        model: the face model; both shapes have its vertices.
        every: the ICP measures only every so many vertices of the truth; the reconstruction keeps all.
    """

    def __init__(self, model: FaceModel, every: int = 1) -> None:
        self._model = model
        self._face = model.region_vertices("face")
        self._measured = self._face[::every]
        self._regions = face_regions(model)

    def __call__(self, shape: NDArray[np.floating], truth: NDArray[np.floating]) -> dict[str, float]:
        """Errors of a shape (V, 3) mm against the true one (V, 3) mm.

        Returns:
            face, face_std: mean and standard deviation of the point-to-plane distance after ICP with an isotropic
            scale, started at the 68 landmarks, as Tables 2 to 4.
            nose, mouth, forehead, cheeks: mean distance of corresponding points, each region aligned rigidly by
            itself after one scale for the whole face; regions: the mean of these four. As in REALY (Chai et al.,
            "REALY: Rethinking the evaluation of 3D face reconstruction", ECCV 2022), whose correspondences are
            found; here they are known, and the scale is that of the whole face, not of seven points.
            face_rigid, ..., regions_rigid: the same without any scale.
        """
        model, face = self._model, self._face
        scan = Scan(truth, model_normals(model, truth)).at(self._measured)
        marks, goals = model.landmarks68(shape), model.landmarks68(truth)
        errors: dict[str, float] = {}
        for suffix, free_scale in (("", True), ("_rigid", False)):
            distances = shape_error(shape[face], scan, free_scale, fit_similarity(marks, goals, free_scale))
            errors[f"face{suffix}"], errors[f"face_std{suffix}"] = float(distances.mean()), float(distances.std())
            scale = fit_similarity(shape[face], truth[face], free_scale).scale
            for name, part in self._regions.items():
                points = scale * shape[part]
                aligned = fit_similarity(points, truth[part], free_scale=False)(points)
                errors[name + suffix] = float(np.linalg.norm(aligned - truth[part], axis=1).mean())
            errors[f"regions{suffix}"] = float(np.mean([errors[name + suffix] for name in REGIONS]))
        return errors


def model_normals(model: FaceModel, vertices: NDArray[np.floating]) -> NDArray[np.float64]:
    """Unit vertex normals in double precision, (V, 3) mm to (V, 3)."""
    return model.normals(np.asarray(vertices, np.float64))


@dataclass(frozen=True)
class PersonDistances:
    """How far neutral shapes lie apart, root mean square over the vertices, mean over pairs, mm.

    Attributes:
        within: between shapes of one person. between: between shapes of different people.
        within_pairs, between_pairs: how many pairs these are.
    """

    within: float
    between: float
    within_pairs: int
    between_pairs: int

    @property
    def ratio(self) -> float:
        """Within over between; at 1 or above the identity vector is noise, as it is where everybody is the same."""
        return self.within / self.between if self.between else float("inf")


@dataclass(frozen=True, eq=False)
class PersonPairs:
    """Distances of neutral shapes, summed over the pairs of any two of P people.

    Attributes:
        sums: (P, P) mm, symmetric; on the diagonal over one person's pairs of shapes, each once.
        counts: (P, P) how many pairs.
    """

    sums: NDArray[np.float64]
    counts: NDArray[np.float64]

    @classmethod
    def of(cls, shapes: NDArray[np.floating], people: NDArray) -> PersonPairs:
        """Return those of shapes (N, K, 3) mm of people (N,), in the order of their names.

        The points correspond; each shape is first laid rigidly onto the mean of all.
        """
        mean = shapes.mean(axis=0)
        laid = np.stack([fit_similarity(shape, mean, free_scale=False)(shape) for shape in shapes])  # (N, K, 3)
        flat = (laid - laid.mean(axis=0)).reshape(len(laid), -1)
        square = (flat**2).sum(axis=1)
        distance = np.sqrt(np.maximum(square[:, None] + square - 2.0 * flat @ flat.T, 0.0) / shapes.shape[1])  # (N, N)
        np.fill_diagonal(distance, 0.0)
        names, who = np.unique(people, return_inverse=True)
        member = np.eye(len(names))[who]  # (N, P)
        sums, pairs = member.T @ distance @ member, member.T @ (1.0 - np.eye(len(who))) @ member
        once = 1.0 - 0.5 * np.eye(len(names))  # a person's own pairs are in there both ways
        return cls(sums * once, pairs * once)

    def distances(self, people: NDArray[np.int64] | None = None) -> PersonDistances:
        """Return the mean distances over all people, or over these by number, somebody's pairs as often as they occur.

        A person who occurs twice is not compared with themselves as if they were two.

        Raises:
            ValueError: nobody is there twice, or nobody else.
        """
        count = len(self.sums)
        times = np.ones(count) if people is None else np.bincount(people, minlength=count).astype(float)
        within, between = np.diag(times), np.triu(np.outer(times, times), 1)
        within_pairs, between_pairs = (self.counts * within).sum(), (self.counts * between).sum()
        if not within_pairs or not between_pairs:
            raise ValueError("person distances need several people, and one of them more than once")
        return PersonDistances(
            float((self.sums * within).sum() / within_pairs),
            float((self.sums * between).sum() / between_pairs),
            round(within_pairs),
            round(between_pairs),
        )


def neutral_shapes(
    model: FaceModel, vectors: NDArray[np.floating], vertices: NDArray[np.int64] | None = None
) -> NDArray[np.float64]:
    """Neutral shapes (N, K, 3) mm of parameters (N, P): identity alone; of the face region unless told otherwise."""
    chosen = model.region_vertices("face") if vertices is None else vertices
    identity = np.asarray(vectors[:, model.layout.slices["identity"]], np.float64)
    return model.mean[chosen] + np.tensordot(identity, model.identity[:, chosen].astype(np.float64), axes=1)


def mean_over_views(model: FaceModel, vectors: NDArray[np.floating]) -> NDArray[np.float64]:
    """(V, 3) mm: mean shape of parameters (N, P) of one person with one expression, seen from N views (Table 4).

    The shapes are averaged in the model's frame, where they differ neither in pose nor in place; they are linear in
    identity and expression, so that this is the shape of the mean coefficients.
    """
    spans = model.layout.slices
    identity, expression = (
        np.asarray(vectors[:, spans[g]], np.float64).mean(axis=0) for g in ("identity", "expression")
    )
    return model.shape(identity, expression)

"""Shape error in mm of whole faces, as Tables 2 to 4 (ICP, then point-to-plane distance), and of their regions.

The true shape stands still, the reconstructed one is moved onto it. Every point of the truth counts once: it is
paired with the nearest vertex of the reconstruction, and its distance is taken along its own normal. So no
reconstruction gains by shrinking or by leaving a part out, and the unit is the truth's mm also where scale is free.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from facemodel import FaceModel

REGIONS = ("nose", "mouth", "forehead", "cheeks")
"""Those of REALY."""

_NEAR = 14.0  # mm from a landmark: what still belongs to its part
_BROWS_AND_EYES68, _NOSE68, _MOUTH68 = (*range(17, 27), *range(36, 48)), tuple(range(27, 36)), tuple(range(48, 68))

_ITERATIONS = 60
_SETTLED = 1e-6  # of the step in units of the scan's size
_UNSEEN = 1e-6  # a motion that moves the planes less than this share of the best seen one is not determined


@dataclass(frozen=True)
class Similarity:
    """x -> scale * rotation @ x + translation; rotation (3, 3), translation (3,) mm."""

    scale: float = 1.0
    rotation: NDArray[np.float64] = field(default_factory=lambda: np.eye(3))
    translation: NDArray[np.float64] = field(default_factory=lambda: np.zeros(3))

    def __call__(self, points: ArrayLike) -> NDArray[np.float64]:
        """Move points, (N, 3) to (N, 3)."""
        return self.scale * np.asarray(points, float) @ self.rotation.T + self.translation

    def inverse(self) -> Similarity:
        rotation = self.rotation.T
        return Similarity(1.0 / self.scale, rotation, -rotation @ self.translation / self.scale)

    def after(self, first: Similarity) -> Similarity:
        """Return what `first` and then this one do."""
        return Similarity(self.scale * first.scale, self.rotation @ first.rotation, self(first.translation))


@dataclass(frozen=True)
class Scan:
    """The true surface: points (N, 3) mm and their unit normals (N, 3)."""

    points: NDArray[np.floating]
    normals: NDArray[np.floating]


def fit_similarity(points: ArrayLike, reference: ArrayLike, free_scale: bool = True) -> Similarity:
    """Return what brings points (N, 3) closest to their partners (N, 3) in least squares; scale 1 unless it is free.

    Source: Umeyama, "Least-squares estimation of transformation parameters between two point patterns", PAMI 1991.
    """
    points, reference = np.asarray(points, float), np.asarray(reference, float)
    centre, goal = points.mean(axis=0), reference.mean(axis=0)
    p, r = points - centre, reference - goal
    u, singular, vt = np.linalg.svd(r.T @ p)
    sign = np.array([1.0, 1.0, np.sign(np.linalg.det(u @ vt))])
    rotation = (u * sign) @ vt
    scale = float((singular * sign).sum() / (p**2).sum()) if free_scale else 1.0
    return Similarity(scale, rotation, goal - scale * rotation @ centre)


def align(
    points: NDArray[np.floating], scan: Scan, free_scale: bool = True, start: Similarity | None = None
) -> Similarity:
    """Return what brings points (M, 3) onto the scan: point-to-plane ICP.

    Args:
        points: vertices of the reconstruction, mm; may cover more than the scan does.
        scan: the truth, or a region of it.
        free_scale: with an isotropic scale, else rigid.
        start: where to start, since nothing is searched; the identity if None.

    Source: Chen and Medioni, "Object modelling by registration of multiple range images", 1992.
    """
    current = start or Similarity()
    tree = cKDTree(points)  # nearest neighbours are the same before and after a similarity
    for _ in range(_ITERATIONS):
        nearest = tree.query(current.inverse()(scan.points))[1]
        step, size = _step(current(points[nearest]), scan, free_scale)
        current = step.after(current)
        if size < _SETTLED:
            break
    return current


def point_to_plane(points: NDArray[np.floating], scan: Scan, motion: Similarity) -> NDArray[np.float64]:
    """Return (N,) mm: distance of each point of the scan to the nearest moved point (M, 3), along the scan's normal."""
    nearest = cKDTree(points).query(motion.inverse()(scan.points))[1]
    return np.abs(((motion(points[nearest]) - scan.points) * scan.normals).sum(axis=1))


def _step(moved: NDArray[np.float64], scan: Scan, free_scale: bool) -> tuple[Similarity, float]:
    """One linearised least-squares step for pairs (N, 3), and its size in units of the scan's size.

    Motions that no plane notices (of a plane within itself, say) are left at zero.
    """
    centre = moved.mean(axis=0)
    arm = moved - centre
    reach = float(np.sqrt((arm**2).sum(axis=1).mean())) or 1.0
    columns = [np.cross(arm, scan.normals) / reach, scan.normals]  # turn, shift
    if free_scale:
        columns.append((arm * scan.normals).sum(axis=1, keepdims=True) / reach)
    residual = ((scan.points - moved) * scan.normals).sum(axis=1)
    motion = np.linalg.lstsq(np.concatenate(columns, axis=1), residual, rcond=_UNSEEN)[0]  # (6 or 7,) mm
    rotation = Rotation.from_rotvec(motion[:3] / reach).as_matrix()
    scale = float(np.exp(motion[6] / reach)) if free_scale else 1.0
    step = Similarity(scale, rotation, centre + motion[3:6] - scale * rotation @ centre)
    return step, float(np.abs(motion).max() / reach)


def face_regions(model: FaceModel) -> dict[str, NDArray[np.int64]]:
    """Return vertices of the face region in parts, by the mean shape; they do not overlap.

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
        self._model, self._face, self._regions = model, model.region_vertices("face"), face_regions(model)
        self._measured = self._face[::every]

    def __call__(self, shape: NDArray[np.floating], truth: NDArray[np.floating]) -> dict[str, float]:
        """Return the errors of a shape (V, 3) mm against the true one (V, 3) mm.

        Returns: face, face_std: mean and standard deviation of the point-to-plane distance after ICP with an isotropic
            scale, started at the 68 landmarks, as Tables 2 to 4. nose, mouth, forehead, cheeks: mean distance of
            corresponding points, each region aligned rigidly by itself after one scale for the whole face; regions: the
            mean of these four. As in REALY (Chai et al., "REALY: Rethinking the evaluation of 3D face reconstruction",
            ECCV 2022), whose correspondences are found; here they are known, and the scale is that of the whole face,
            not of seven points. face_rigid, ..., regions_rigid: the same without any scale.
        """
        model, face = self._model, self._face
        scan = Scan(truth[self._measured], model.normals(np.asarray(truth, np.float64))[self._measured])
        marks, goals = model.landmarks68(shape), model.landmarks68(truth)
        errors: dict[str, float] = {}
        for suffix, free_scale in (("", True), ("_rigid", False)):
            motion = align(shape[face], scan, free_scale, fit_similarity(marks, goals, free_scale))
            distances = point_to_plane(shape[face], scan, motion)
            errors[f"face{suffix}"], errors[f"face_std{suffix}"] = float(distances.mean()), float(distances.std())
            scale = fit_similarity(shape[face], truth[face], free_scale).scale
            for name, part in self._regions.items():
                points = scale * shape[part]
                aligned = fit_similarity(points, truth[part], free_scale=False)(points)
                errors[name + suffix] = float(np.linalg.norm(aligned - truth[part], axis=1).mean())
            errors[f"regions{suffix}"] = float(np.mean([errors[name + suffix] for name in REGIONS]))
        return errors


@dataclass(frozen=True, eq=False)
class PersonPairs:
    """Distances of neutral shapes, root mean square over the vertices, summed over the pairs of any two of P people.

    Attributes:
        sums: (P, P) mm, symmetric; on the diagonal over one person's pairs of shapes, each once.
        counts: (P, P) how many pairs.
    """

    sums: NDArray[np.float64]
    counts: NDArray[np.float64]

    @classmethod
    def of(cls, shapes: NDArray[np.floating], people: NDArray) -> PersonPairs:
        """Compare shapes (N, K, 3) mm of people (N,), in the order of their names.

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

    def distances(self, people: NDArray[np.int64] | None = None) -> tuple[float, float]:
        """Return the mean distance within and between people, mm; NaN where there are no such pairs.

        Where both are alike the identity vector is noise.

        Args:
            people: numbers of those that count, somebody's pairs as often as they occur, but never with themselves as
                if they were two; everybody if None.
        """
        count = len(self.sums)
        times = np.ones(count) if people is None else np.bincount(people, minlength=count).astype(float)
        within, between = np.diag(times), np.triu(np.outer(times, times), 1)
        return _ratio(self.sums * within, self.counts * within), _ratio(self.sums * between, self.counts * between)


def _ratio(sums: NDArray[np.float64], counts: NDArray[np.float64]) -> float:
    return float(sums.sum() / counts.sum()) if counts.any() else float("nan")


def neutral_shapes(model: FaceModel, vectors: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the face regions (N, K, 3) mm of the identities of parameters (N, P) alone."""
    face = model.region_vertices("face")
    identity = np.asarray(vectors[:, model.layout.slices["identity"]], np.float64)
    return model.mean[face] + np.tensordot(identity, model.identity[:, face].astype(np.float64), axes=1)


def mean_over_views(model: FaceModel, vectors: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return (V, 3) mm, the mean shape of parameters (N, P) of one person with one expression in N views (Table 4).

    The shapes are averaged in the model's frame and are linear in the coefficients: it is the shape of their means.
    """
    identity, expression = (
        np.asarray(vectors[:, model.layout.slices[group]], np.float64).mean(axis=0)
        for group in ("identity", "expression")
    )
    return model.shape(identity, expression)

"""Shape error in mm: ICP with an isotropic scale, then point-to-plane distance, as Tables 2 to 4.

The true shape stands still, the reconstructed one is moved onto it. Every point of the truth counts once: it is
paired with the nearest vertex of the reconstruction, and its distance is taken along its own normal. So no
reconstruction gains by shrinking or by leaving a part out, and the unit is the truth's mm also where scale is free.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

_ITERATIONS = 60
_SETTLED = 1e-6  # of the step in units of the scan's size
_UNSEEN = 1e-6  # a motion that moves the planes less than this share of the best seen one is not determined


@dataclass(frozen=True)
class Similarity:
    """x -> scale * rotation @ x + translation; rotation (3, 3), translation (3,) mm."""

    scale: float
    rotation: NDArray[np.float64]
    translation: NDArray[np.float64]

    @classmethod
    def identity(cls) -> Similarity:
        return cls(1.0, np.eye(3), np.zeros(3))

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
    current = start or Similarity.identity()
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


def shape_error(
    points: NDArray[np.floating], scan: Scan, free_scale: bool = True, start: Similarity | None = None
) -> NDArray[np.float64]:
    """Return (N,) mm: `point_to_plane` after `align`."""
    return point_to_plane(points, scan, align(points, scan, free_scale, start))


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

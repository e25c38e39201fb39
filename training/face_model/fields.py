"""Displacement fields on the template: harmonic continuation and small affine models of rigid parts."""

from __future__ import annotations

import numpy as np
from scipy.sparse.linalg import splu

from training.face_model.surface import triangle_normals, uniform_laplacian, vertex_normals


def continue_harmonically(triangles: np.ndarray, values: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Fill the vertices that are not known so that each is the mean of its neighbours.

    Args:
        triangles: (T, 3). values: (V, C), read where `known` (V,) is true. Every part of the mesh that holds an unknown
            vertex needs a known one.

    Returns:
        (V, C), equal to `values` where known.
    """
    laplacian = uniform_laplacian(len(known), triangles).tocsr()
    used = np.zeros(len(known), dtype=bool)
    used[triangles] = True
    unknown = ~known & used
    filled = np.where(known[:, None], values, 0.0)
    rows = laplacian[unknown]
    filled[unknown] = splu(rows[:, unknown].tocsc()).solve(-(rows[:, known] @ values[known]))
    return filled


def unfold(
    vertices: np.ndarray, triangles: np.ndarray, where: np.ndarray, protected: np.ndarray, rounds: int = 3
) -> np.ndarray:
    """Flatten creases in which triangles turn away from their surroundings.

    Args:
        where: (V,) bool, vertices that may be mended. protected: (V,) bool, vertices that must stay.
    """
    smoothing = 0.5 * uniform_laplacian(len(vertices), triangles)
    mended = vertices.copy()
    for _ in range(rounds):
        around = vertex_normals(mended, triangles)
        for _ in range(3):
            around = around - smoothing @ around
        facing = (triangle_normals(mended, triangles) * around[triangles].mean(axis=1)).sum(axis=1)
        folded = np.zeros(len(vertices), dtype=bool)
        folded[triangles[facing < 0.1]] = True
        folded[triangles[folded[triangles].any(axis=1)]] = True
        folded &= where & ~protected
        if not folded.any():
            break
        mended = continue_harmonically(triangles, mended, ~folded)
    return mended


def fit_translation_scale(points: np.ndarray, displacements: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Displacements (..., N, 3) at `at` (N, 3) of the translation and isotropic scale that fit the given ones best.

    Args:
        points: (P, 3). displacements: (..., P, 3).
    """
    centre = points.mean(axis=0)
    offsets = points - centre
    scale = (displacements * offsets).sum(axis=(-1, -2)) / (offsets**2).sum()
    translation = displacements.mean(axis=-2)
    return translation[..., None, :] + scale[..., None, None] * (at - centre)


def fit_affine(points: np.ndarray, displacements: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Displacements (N, 3) at `at` of the affine map that fits `displacements` (P, 3) at `points` (P, 3)."""
    design = np.concatenate([points, np.ones((len(points), 1))], axis=1)
    solution, *_ = np.linalg.lstsq(design, displacements, rcond=None)
    return np.concatenate([at, np.ones((len(at), 1))], axis=1) @ solution

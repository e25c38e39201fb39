"""The identity basis: orthogonal on the face region, ordered by variance, coefficients N(0, 1)."""

from __future__ import annotations

import numpy as np


def orthogonalize(modes: np.ndarray, weights: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray, float]:
    """Principal components of `sum_k z_k modes_k`, z ~ N(0, 1), measured on weighted vertices.

    The covariance is known exactly, so the components come from the Gram matrix of the modes, not from samples.

    Args:
        modes: (K, V, 3) mm. weights: (V,) non-negative, area weights on the face region, 0 elsewhere.
        count: number of components to keep, at most K.

    Returns:
        basis (count, V, 3) whose coefficients are N(0, 1) and whose weighted inner products vanish;
        rotation (count, K) that gives its coefficients from those of the modes; fraction kept.
    """
    weighted = modes * np.sqrt(weights)[:, None]
    flat = weighted.reshape(len(modes), -1)
    variance, vectors = np.linalg.eigh(flat @ flat.T)
    order = np.argsort(variance)[::-1]
    variance, vectors = np.maximum(variance[order], 0), vectors[:, order]
    fraction = np.cumsum(variance) / variance.sum()
    rotation = vectors[:, :count].T  # (count, K)
    rotation *= np.where(rotation[np.arange(count), np.abs(rotation).argmax(axis=1)] < 0, -1, 1)[:, None]
    return np.tensordot(rotation, modes, axes=1), rotation, float(fraction[count - 1])


def with_ages(modes: np.ndarray, ages: np.ndarray, share: float) -> np.ndarray:
    """Return modes (K + S, V, 3): of identity (K, V, 3), and the displacements of ages (S, V, 3).

    Coefficients of the latter are N(0, 1), so that they add `share` of their mean square to the variance.
    """
    return np.concatenate([modes, np.sqrt(share / len(ages)) * ages])


def fit_residual(basis: np.ndarray, weights: np.ndarray, shapes: np.ndarray) -> float:
    """Return the weighted root mean square distance in mm that the best fits of the basis leave of shapes (S, V, 3)."""
    root = np.sqrt(weights / weights.sum())[:, None]
    design, wanted = ((array * root).reshape(len(array), -1).T for array in (basis, shapes))  # (3 V, Ni), (3 V, S)
    solution, *_ = np.linalg.lstsq(design, wanted, rcond=None)
    return float(np.sqrt(((wanted - design @ solution) ** 2).sum(axis=0).mean()))

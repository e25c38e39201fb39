"""The identity basis: orthogonal on the face region, ordered by variance, coefficients N(0, 1)."""

from __future__ import annotations

import numpy as np


def orthogonalize(modes: np.ndarray, weights: np.ndarray, keep: float) -> tuple[np.ndarray, np.ndarray, float]:
    """Principal components of `sum_k z_k modes_k`, z ~ N(0, 1), measured on weighted vertices.

    The covariance is known exactly, so the components come from the Gram matrix of the modes, not from samples.

    Args:
        modes: (K, V, 3) mm. weights: (V,) non-negative, area weights on the face region, 0 elsewhere.
        keep: fraction of the weighted variance to keep, in (0, 1].

    Returns:
        basis (Ni, V, 3) whose coefficients are N(0, 1) and whose weighted inner products vanish;
        rotation (Ni, K) that gives its coefficients from those of the modes; fraction kept.
    """
    weighted = modes * np.sqrt(weights)[:, None]
    flat = weighted.reshape(len(modes), -1)
    variance, vectors = np.linalg.eigh(flat @ flat.T)
    order = np.argsort(variance)[::-1]
    variance, vectors = np.maximum(variance[order], 0), vectors[:, order]
    fraction = np.cumsum(variance) / variance.sum()
    count = int(np.searchsorted(fraction, keep) + 1)
    rotation = vectors[:, :count].T  # (Ni, K)
    rotation *= np.where(rotation[np.arange(count), np.abs(rotation).argmax(axis=1)] < 0, -1, 1)[:, None]
    return np.tensordot(rotation, modes, axes=1), rotation, float(fraction[count - 1])

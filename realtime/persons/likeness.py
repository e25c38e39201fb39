"""A person's likeness: shape and skin at points that every face model has, so that they outlast the face model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facemodel import FaceModel
from facemodel.landmarks import N_MEDIAPIPE

N_POINTS = N_MEDIAPIPE + 68
"""MediaPipe's points, then iBUG's, which follow the jaw."""

_SHAPE_NOISE = 1.0
"""mm that a point may be off, as probable as a coefficient of 1."""
_ALBEDO_NOISE = 0.02
"""The same of linear RGB."""
_DECIMALS = {"points": 3, "diffuse": 5, "specular": 5}


@dataclass(frozen=True, eq=False)
class Likeness:
    """What a face without expression is at N_POINTS points, in the coordinates and colours of `FaceModel`.

    Attributes:
        points: (N_POINTS, 3) mm.
        diffuse, specular: (N_POINTS, 3) linear RGB.
    """

    points: NDArray[np.float32]
    diffuse: NDArray[np.float32]
    specular: NDArray[np.float32]

    @classmethod
    def of(cls, model: FaceModel, identity: NDArray, albedo: NDArray) -> Likeness:
        """Return the likeness that coefficients of a face model make, (n_identity,) and (n_albedo,)."""
        shape = model.mean + np.tensordot(identity, model.identity, axes=1)
        return cls(*(_at_points(model, values).astype(np.float32) for values in (shape, *model.albedo(albedo))))

    def coefficients(self, model: FaceModel) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return identity and albedo of a face model that come nearest, (n_identity,) and (n_albedo,).

        They are the most probable ones for N(0, 1) coefficients and independent Gaussian noise at the points.
        """
        identity = _most_probable([(self.points, model.mean, model.identity)], model, _SHAPE_NOISE)
        diffuse = self.diffuse, model.diffuse_mean, model.diffuse_basis
        specular = self.specular, model.specular_mean, model.specular_basis
        return identity, _most_probable([diffuse, specular], model, _ALBEDO_NOISE)

    def to_json(self) -> dict[str, list[list[float]]]:
        """Return it as JSON values, to a thousandth of a mm."""
        return {
            name: [[round(value, decimals) for value in row] for row in getattr(self, name).tolist()]
            for name, decimals in _DECIMALS.items()
        }

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Likeness:
        """Read what `to_json` wrote.

        Raises:
            ValueError, KeyError, TypeError: it is not a likeness.
        """
        arrays = {field.name: np.array(content[field.name], np.float32) for field in fields(cls)}
        for name, array in arrays.items():
            if array.shape != (N_POINTS, 3) or not np.isfinite(array).all():
                raise ValueError(f"'{name}' is not of {N_POINTS} points")
        return cls(**arrays)


def _at_points(model: FaceModel, values: NDArray) -> NDArray:
    """Values (V, 3) of the vertices at the points, (N_POINTS, 3)."""
    return np.concatenate([model.landmarks478(values), model.landmarks68(values)])


def _most_probable(
    parts: list[tuple[NDArray, NDArray, NDArray]], model: FaceModel, noise: float
) -> NDArray[np.float32]:
    """(K,) coefficients that parts share; of each what is seen (N_POINTS, 3), mean (V, 3) and basis (K, V, 3)."""
    modes = np.concatenate(
        [np.reshape([_at_points(model, mode) for mode in basis], (len(basis), 3 * N_POINTS)) for _, _, basis in parts],
        axis=1,
    ).astype(float)  # (K, parts * 3 * N_POINTS)
    away = np.concatenate([(seen - _at_points(model, mean)).ravel() for seen, mean, _ in parts])
    normal = modes @ modes.T + noise**2 * np.eye(len(modes))
    return np.linalg.solve(normal, modes @ away).astype(np.float32)

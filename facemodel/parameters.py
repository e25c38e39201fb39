"""The parameter vector: one flat float32 vector with named slices, owned by `ParameterLayout`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facemodel.rotation import matrix_from_6d, matrix_to_6d

MIN_SHININESS, MAX_SHININESS = 1.0, 200.0


@dataclass(frozen=True)
class ParameterLayout:
    """Order and size of the parameter vector of one face model.

    Groups, in order: identity, expression, albedo, rotation (6-D), translation (tx, ty; px), scale (f; px/mm),
    sh (9 x RGB, row by row), key_position (3; mm), key_color (3; linear RGB), shininess (1).
    """

    n_identity: int
    n_albedo: int
    expression_names: tuple[str, ...]
    expression_range: tuple[float, float] = (0.0, 1.0)

    @cached_property
    def slices(self) -> dict[str, slice]:
        sizes = {
            "identity": self.n_identity,
            "expression": len(self.expression_names),
            "albedo": self.n_albedo,
            "rotation": 6,
            "translation": 2,
            "scale": 1,
            "sh": 27,
            "key_position": 3,
            "key_color": 3,
            "shininess": 1,
        }
        slices, start = {}, 0
        for name, size in sizes.items():
            slices[name] = slice(start, start + size)
            start += size
        return slices

    @property
    def n_expression(self) -> int:
        return len(self.expression_names)

    @cached_property
    def size(self) -> int:
        return self.slices["shininess"].stop

    def view(self, vector: NDArray) -> Parameters:
        """Named views into `vector` (size,); writing to them writes to the vector."""
        if vector.shape != (self.size,):
            raise ValueError(f"parameter vector: expected shape ({self.size},), got {vector.shape}")
        return Parameters(self, vector)

    def neutral(self) -> NDArray[np.float32]:
        """(size,) mean face, looking at the camera, at the origin with f = 1 px/mm, in soft frontal light."""
        vector = np.zeros(self.size, dtype=np.float32)
        p = self.view(vector)
        p.rotation = np.eye(3)
        p.scale = 1.0
        p.sh[0] = 2.6  # radiance of about 0.73 from everywhere
        p.sh[1] = 0.25
        p.sh[2] = 0.45
        p.key_position[:] = (150.0, 250.0, 400.0)
        p.key_color[:] = 0.5
        p.shininess = 20.0
        return vector

    def constrain(self, vector: NDArray) -> NDArray:
        """Clamp `vector` (size,) in place to what a face can do, and return it.

        Expression weights stay within the model's range and mouthClose at most jawOpen; key colour is not
        negative; shininess stays within 1..200.
        """
        p = self.view(vector)
        expression, (low, high) = p.expression, self.expression_range
        np.minimum(np.maximum(expression, low, out=expression), high, out=expression)
        if self.mouth_close_and_jaw_open is not None:
            close, jaw = self.mouth_close_and_jaw_open
            expression[close] = min(expression[close], expression[jaw])
        np.maximum(p.key_color, 0.0, out=p.key_color)
        p.shininess = min(max(p.shininess, MIN_SHININESS), MAX_SHININESS)
        return vector

    @cached_property
    def mouth_close_and_jaw_open(self) -> tuple[int, int] | None:
        """Indices of mouthClose and jawOpen in the expression group, None where the model has no such pair."""
        names = self.expression_names
        if "mouthClose" in names and "jawOpen" in names:
            return names.index("mouthClose"), names.index("jawOpen")
        return None

    def to_dict(self) -> dict[str, Any]:
        """This layout as JSON values: enough for `from_dict`, and for readers that know nothing of us.

        An expression range without a bound is null there: infinity is not JSON.
        """
        return {
            "n_identity": self.n_identity,
            "n_albedo": self.n_albedo,
            "expression_names": list(self.expression_names),
            "expression_range": [bound if np.isfinite(bound) else None for bound in self.expression_range],
            "parameters": list(self.names()),
            "slices": {name: [span.start, span.stop] for name, span in self.slices.items()},
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> ParameterLayout:
        """The layout that `to_dict` described.

        Raises:
            KeyError, TypeError, ValueError: the values are not those of a layout.
        """
        low, high = values["expression_range"]
        return cls(
            n_identity=int(values["n_identity"]),
            n_albedo=int(values["n_albedo"]),
            expression_names=tuple(str(name) for name in values["expression_names"]),
            expression_range=(-np.inf if low is None else float(low), np.inf if high is None else float(high)),
        )

    def names(self) -> Iterator[str]:
        """One name per number of the vector, such as `expression.jawOpen` or `sh.3.g`, in order."""
        for group, span in self.slices.items():
            for i in range(span.stop - span.start):
                if group == "expression":
                    yield f"expression.{self.expression_names[i]}"
                elif group == "sh":
                    yield f"sh.{i // 3}.{'rgb'[i % 3]}"
                elif group in ("translation", "key_position"):
                    yield f"{group}.{'xyz'[i]}"
                elif group == "key_color":
                    yield f"{group}.{'rgb'[i]}"
                elif span.stop - span.start == 1:
                    yield group
                else:
                    yield f"{group}.{i}"


class Parameters:
    """Named views into one parameter vector; made by `ParameterLayout.view`."""

    __slots__ = ("layout", "vector")

    def __init__(self, layout: ParameterLayout, vector: NDArray) -> None:
        self.layout = layout
        self.vector = vector

    @property
    def identity(self) -> NDArray:
        """(n_identity,) coefficients c_i, N(0, 1)."""
        return self.vector[self.layout.slices["identity"]]

    @property
    def expression(self) -> NDArray:
        """(n_expression,) weights c_e, 0..1 for ARKit names."""
        return self.vector[self.layout.slices["expression"]]

    @property
    def albedo(self) -> NDArray:
        """(n_albedo,) coefficients c_t, N(0, 1), shared by diffuse and specular albedo (Eq. 2)."""
        return self.vector[self.layout.slices["albedo"]]

    @property
    def rotation(self) -> NDArray:
        """(3, 3) head rotation, orthonormalised from the stored 6-D form."""
        return matrix_from_6d(self.vector[self.layout.slices["rotation"]])

    @rotation.setter
    def rotation(self, matrix: NDArray) -> None:
        self.vector[self.layout.slices["rotation"]] = matrix_to_6d(matrix)

    @property
    def translation(self) -> NDArray:
        """(2,) tx, ty: the head centre in pixels."""
        return self.vector[self.layout.slices["translation"]]

    @property
    def scale(self) -> float:
        """f, px/mm."""
        return float(self.vector[self.layout.slices["scale"].start])

    @scale.setter
    def scale(self, value: float) -> None:
        self.vector[self.layout.slices["scale"].start] = value

    @property
    def sh(self) -> NDArray:
        """(9, 3) SH coefficients, irradiance / pi."""
        return self.vector[self.layout.slices["sh"]].reshape(9, 3)

    @property
    def key_position(self) -> NDArray:
        """(3,) mm from the head centre."""
        return self.vector[self.layout.slices["key_position"]]

    @property
    def key_color(self) -> NDArray:
        """(3,) linear RGB."""
        return self.vector[self.layout.slices["key_color"]]

    @property
    def shininess(self) -> float:
        return float(self.vector[self.layout.slices["shininess"].start])

    @shininess.setter
    def shininess(self, value: float) -> None:
        self.vector[self.layout.slices["shininess"].start] = value

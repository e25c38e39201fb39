"""Rigs: what a take keeps of its face model and of its persons, so that it is drawn without the model it was made with.

Written once a take: the face model without identity and albedo modes, as a face model file (expression targets as
float16, as such files have them). Written for each person: the mesh without expression and its albedo, as float32. A
linear face model adds up from these, so nothing is lost but what the recording's own rounding took.
"""

from __future__ import annotations

import hashlib
import io
import json
import struct
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from facemodel import FaceModel, LimelightError, ParameterLayout
from realtime.frame import Person
from realtime.persons.calibration import Calibration
from realtime.takes.cdr import CdrReader, CdrWriter

_PERSON = struct.Struct("<I?3x")


@dataclass(frozen=True, eq=False)
class Rig:
    """A person of a take, to be drawn; V vertices.

    Attributes:
        person: as the recording knew the person: coefficients of the model that it was made with.
        vertices: (V, 3) mm, without expression.
        diffuse, specular: (V, 3) linear RGB, not below zero.
        eye_centres: (2, 3) mm, the subject's left eyeball then the right.
    """

    person: Person
    vertices: NDArray[np.float32]
    diffuse: NDArray[np.float32]
    specular: NDArray[np.float32]
    eye_centres: NDArray[np.float32]

    @classmethod
    def of(cls, person: Person, model: FaceModel) -> Rig:
        """Return the rig of a person of `model`."""
        vertices = model.shape(person.identity, np.zeros(model.layout.n_expression, np.float32))
        diffuse, specular = model.albedo(person.albedo)
        arrays = (vertices, diffuse, specular, _eye_centres(model, vertices))
        return cls(person, *(array.astype(np.float32, copy=False) for array in arrays))

    def encode(self) -> bytes:
        """Return the CDR message of this rig."""
        file = io.BytesIO()
        np.savez_compressed(
            file, vertices=self.vertices, diffuse=self.diffuse, specular=self.specular, eye_centres=self.eye_centres
        )
        cdr = CdrWriter()
        cdr.fields(_PERSON, 4, self.person.key, self.person.settled)
        cdr.floats(self.person.identity)
        cdr.floats(self.person.albedo)
        cdr.data(file.getvalue())
        cdr.text(self.person.name)
        cdr.text("" if self.person.calibration is None else self.person.calibration.encode())
        return cdr.message()

    @classmethod
    def decode(cls, data: bytes, layout: ParameterLayout) -> Rig:
        """Read what `encode` wrote.

        Args:
            data: the message.
            layout: of the model that the take was recorded with.

        Raises:
            ValueError: `data` is not such a message.
        """
        try:
            cdr = CdrReader(data)
            key, settled = cdr.fields(_PERSON, 4)
            identity, albedo = _of_size(cdr.floats(), layout.n_identity), _of_size(cdr.floats(), layout.n_albedo)
            with np.load(io.BytesIO(cdr.data()), allow_pickle=False) as archive:
                arrays = [archive[name] for name in ("vertices", "diffuse", "specular", "eye_centres")]
            name, told = (cdr.text(), cdr.text()) if cdr.left else ("", "")  # takes of the first program have neither
            calibration = Calibration.from_json(json.loads(told), layout.expression_names) if told else None
        except (struct.error, KeyError, TypeError, OSError, EOFError, zipfile.BadZipFile, zlib.error) as error:
            raise ValueError(f"malformed person message ({error})") from error
        shape = arrays[0].shape
        for array, expected in zip(arrays, (shape, shape, shape, (2, 3)), strict=True):
            if array.shape != expected or array.dtype != np.float32 or not np.isfinite(array).all():
                raise ValueError("malformed person message (an array of another shape, or numbers that are none)")
        return cls(Person(key, identity, albedo, settled, name, calibration), *arrays)


def encode_model(model: FaceModel) -> bytes:
    """Return the CDR message of a face model without its identity and albedo modes."""
    file = io.BytesIO()
    _without_modes(model).write(file)
    cdr = CdrWriter()
    cdr.text(model.name)
    cdr.text(model.digest)
    cdr.data(file.getvalue())
    return cdr.message()


def decode_model(data: bytes) -> FaceModel:
    """Read what `encode_model` wrote.

    Raises:
        ValueError: `data` is not such a message.
    """
    try:
        cdr = CdrReader(data)
        cdr.text()
        cdr.text()
        return FaceModel.read(io.BytesIO(cdr.data()), "its face model")
    except (struct.error, LimelightError) as error:
        raise ValueError(f"malformed model message ({error})") from error


def model_of_persons(model: FaceModel, rigs: Sequence[Rig]) -> FaceModel:
    """Return a face model whose identity and albedo modes are persons: weight 1 of mode i is person i.

    Args:
        model: without modes, N expressions.
        rigs: of K persons, with the model's vertices.

    Returns:
        A model with K identity and K albedo modes, and the same expressions.
    """
    modes = {
        "identity": [rig.vertices - model.mean for rig in rigs],
        "diffuse_basis": [rig.diffuse - model.diffuse_mean for rig in rigs],
        "specular_basis": [rig.specular - model.specular_mean for rig in rigs],
    }
    shape = model.mean.shape
    arrays = {name: np.asarray(values, np.float32).reshape(-1, *shape) for name, values in modes.items()}  # (K, V, 3)
    return replace(model, **arrays, digest=_digest(model, *arrays.values()))  # type: ignore[arg-type]


def model_of_person(model: FaceModel, rig: Rig) -> FaceModel:
    """Return a face model whose mean is one person, without identity and albedo modes; for exporters.

    Args:
        model: whose expressions the person has.
        rig: with the model's vertices.
    """
    return replace(
        _without_modes(model),
        mean=rig.vertices,
        diffuse_mean=rig.diffuse,
        specular_mean=rig.specular,
        eye_centres=rig.eye_centres,
        digest=_digest(model, rig.vertices, rig.diffuse, rig.specular),
    )


def _without_modes(model: FaceModel) -> FaceModel:
    none = np.empty((0, model.n_vertices, 3), np.float32)
    return replace(model, identity=none, diffuse_basis=none, specular_basis=none)


def _digest(model: FaceModel, *arrays: NDArray[np.float32]) -> str:
    hasher = hashlib.sha256(model.digest.encode())
    for array in arrays:
        hasher.update(np.ascontiguousarray(array).tobytes())
    return hasher.hexdigest()[:16]


def _eye_centres(model: FaceModel, vertices: NDArray) -> NDArray:
    """(2, 3): each of the model's, moved as the vertices of its eyeball moved on average."""
    if "eyes" not in model.region_names:
        return model.eye_centres
    eyes = model.region_vertices("eyes")
    left = np.linalg.norm(model.mean[eyes, None] - model.eye_centres, axis=-1).argmin(axis=1) == 0  # (E,)
    moved = vertices[eyes] - model.mean[eyes]
    shifts = [moved[side].mean(axis=0) if side.any() else np.zeros(3) for side in (left, ~left)]
    return model.eye_centres + np.stack(shifts)


def _of_size(vector: NDArray[np.float32] | None, size: int) -> NDArray[np.float32]:
    vector = np.empty(0, np.float32) if vector is None else vector
    if len(vector) != size:
        raise ValueError(f"malformed person message ({len(vector)} coefficients instead of {size})")
    return vector

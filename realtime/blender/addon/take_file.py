"""Reads takes that Limelight exported: glTF (.glb) and NPZ."""

from __future__ import annotations

import json
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from .motion import Motion, eye_quaternions, head_quaternions

_DAMAGE = (ValueError, LookupError, TypeError, AttributeError, StopIteration, EOFError)


class TakeFileError(ValueError):
    """A file is no exported take; the message is one line for the user."""


def read_take_file(path: str | Path) -> Motion:
    """Return the motion in a take's glTF or NPZ.

    Raises:
        TakeFileError: neither, or damaged.
        OSError: it cannot be read.
    """
    path = Path(path)
    readers = {".glb": _read_glb, ".npz": _read_npz}
    if path.suffix.lower() not in readers:
        raise TakeFileError(f"{path.name}: export the take with 'limelight export-take --to gltf' or '--to npz'")
    try:
        motion = readers[path.suffix.lower()](path)
    except (*_DAMAGE, struct.error, zipfile.BadZipFile, zlib.error) as error:
        raise TakeFileError(f"{path.name}: no take that Limelight exported, or damaged") from error
    if not len(motion.time):
        raise TakeFileError(f"{path.name}: there is no face in it")
    return motion


def _read_npz(path: Path) -> Motion:
    """Frames without the face are as the last one with it; those before it first comes, as that one."""
    with np.load(path, allow_pickle=False) as arrays:
        weights = np.asarray(arrays["expression"], float)  # (N, K)
        there = ~np.isnan(weights[:, 0])
        last = np.maximum.accumulate(np.where(there, np.arange(len(there)), -1))  # (N,)
        last[last < 0] = there.argmax()
        rows = last[: len(last) if there.any() else 0]
        time = np.asarray(arrays["timestamp"], float)[: len(rows)]
        later = np.concatenate([[True], time[1:] > np.maximum.accumulate(time)[:-1]])[: len(rows)]
        return Motion(
            names=tuple(str(name) for name in arrays["expression_names"]),
            time=(time - time[:1])[later],
            weights=weights[rows][later],
            head_position=0.001 * np.asarray(arrays["head_position"], float)[rows][later],
            head_rotation=_continuous(head_quaternions(arrays["head_angles"][rows][later])),
            eye_rotations=_continuous(eye_quaternions(arrays["eye_angles"][rows][later])),
        )


def _read_glb(path: Path) -> Motion:
    data = path.read_bytes()
    if struct.unpack_from("<4sII", data) != (b"glTF", 2, len(data)):
        raise ValueError("not the whole of a binary glTF 2.0 file")
    size, _ = struct.unpack_from("<I4s", data, 12)
    document = json.loads(data[20 : 20 + size])
    gltf = _Gltf(document, data[28 + size :])
    names = tuple(document["meshes"][gltf.node("face")["mesh"]]["extras"]["targetNames"])
    time, weights = gltf.curve("face", "weights")
    eyes = [gltf.curve(eye, "rotation")[1] for eye in ("leftEye", "rightEye")]
    return Motion(
        names=names,
        time=time[:, 0],
        weights=weights.reshape(-1, len(names)),
        head_position=gltf.curve("head", "translation")[1],
        head_rotation=np.roll(gltf.curve("head", "rotation")[1], 1, axis=-1),
        eye_rotations=np.roll(np.stack(eyes, axis=1), 1, axis=-1),
    )


class _Gltf:
    def __init__(self, document: dict[str, Any], data: bytes) -> None:
        self._document, self._data = document, data

    def node(self, name: str) -> dict[str, Any]:
        return next(node for node in self._document["nodes"] if node.get("name") == name)

    def curve(self, node: str, path: str) -> tuple[np.ndarray, np.ndarray]:
        """(N, 1) times and (N, width) values of an animated property; of weights, as many rows as frames and names."""
        index = self._document["nodes"].index(self.node(node))
        animation = self._document["animations"][0]
        channel = next(c for c in animation["channels"] if c["target"] == {"node": index, "path": path})
        sampler = animation["samplers"][channel["sampler"]]
        return self._accessor(sampler["input"]), self._accessor(sampler["output"])

    def _accessor(self, index: int) -> np.ndarray:
        accessor = self._document["accessors"][index]
        width = {"SCALAR": 1, "VEC3": 3, "VEC4": 4}[accessor["type"]]
        start = self._document["bufferViews"][accessor["bufferView"]].get("byteOffset", 0)
        numbers = np.frombuffer(self._data, "<f4", accessor["count"] * width, start + accessor.get("byteOffset", 0))
        return numbers.reshape(-1, width).astype(float)


def _continuous(quaternions: np.ndarray) -> np.ndarray:
    """Quaternions (N, ..., 4), each with the sign that is nearer to the one before it."""
    flips = np.ones(quaternions.shape[:-1])
    flips[1:] = np.where((quaternions[1:] * quaternions[:-1]).sum(axis=-1) < 0.0, -1.0, 1.0)
    return quaternions * np.cumprod(flips, axis=0)[..., None]

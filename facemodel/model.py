"""The face model: a linear 3D morphable face read from one `.npz` file (Eq. 1 and 2 of the paper)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from facemodel.array_files import read_arrays
from facemodel.errors import LimelightError
from facemodel.parameters import ParameterLayout
from facemodel.whole_files import whole_file

FORMAT_VERSION = 1
REGIONS = ("face", "scalp", "ears", "neck", "eyes", "teeth", "tongue", "mouth_lining")

_SHAPES: dict[str, tuple[str | int, ...]] = {
    "mean": ("V", 3),
    "identity": ("Ni", "V", 3),
    "expression": ("Ne", "V", 3),
    "expression_names": ("Ne",),
    "expression_range": (2,),
    "diffuse_mean": ("V", 3),
    "diffuse_basis": ("Na", "V", 3),
    "specular_mean": ("V", 3),
    "specular_basis": ("Na", "V", 3),
    "occlusion": ("V",),
    "triangles": ("T", 3),
    "uv": ("U", 2),
    "uv_triangles": ("T", 3),
    "region_names": ("R",),
    "triangle_region": ("T",),
    "inner_mouth_triangles": ("M", 3),
    "landmarks68_triangles": (68,),
    "landmarks68_barycentric": (68, 3),
    "landmarks478_triangles": (478,),
    "landmarks478_barycentric": (478, 3),
    "eye_centres": (2, 3),
}
_INDICES = {
    "triangles": "V",
    "uv_triangles": "U",
    "triangle_region": "R",
    "inner_mouth_triangles": "V",
    "landmarks68_triangles": "T",
    "landmarks478_triangles": "T",
}
_OPTIONAL = ("occlusion",)
_TEXTS = ("name", "licence", "provenance")


@dataclass(frozen=True, eq=False)
class FaceModel:
    """A 3D morphable face. Every dimension comes from the file.

    Coordinates are mm in the model frame: +x image right when the subject faces the camera (the subject's
    left), +y up, +z toward the camera, origin 60 mm behind the mid-point of the mean's eyeballs, pose zero =
    MediaPipe's canonical face. Albedo is linear RGB.

    Attributes:
        mean: (V, 3) S-bar, mm.
        identity: (Ni, V, 3) M_i, for N(0, 1) coefficients.
        expression: (Ne, V, 3) M_e, for weights within `expression_range`.
        diffuse_mean, diffuse_basis: (V, 3) T_d, (Na, V, 3) M_d.
        specular_mean, specular_basis: (V, 3) T_s, (Na, V, 3) M_s, over the same coefficients c_t.
        occlusion: (V,) share of the light from all around that reaches the vertex, 0..1, baked; it scales both terms of
            the shading. 1 everywhere where a file has none.
        triangles: (T, 3), counter-clockwise from outside.
        uv, uv_triangles: (U, 2) with v up, (T, 3).
        region_names, triangle_region: names and (T,) the region of every triangle.
        inner_mouth_triangles: (M, 3) extra triangles that close the mouth opening, Fig. 1(c).
        landmarks*_triangles, landmarks*_barycentric: where each landmark lies on the mesh.
        eye_centres: (2, 3) mm, the subject's left eyeball then the right.
        digest: first 16 hex digits of the SHA-256 of the arrays; what a take or a network is tied to.
    """

    name: str
    licence: str
    provenance: str
    mean: NDArray[np.float32]
    identity: NDArray[np.float32]
    expression: NDArray[np.float32]
    expression_names: tuple[str, ...]
    expression_range: tuple[float, float]
    diffuse_mean: NDArray[np.float32]
    diffuse_basis: NDArray[np.float32]
    specular_mean: NDArray[np.float32]
    specular_basis: NDArray[np.float32]
    occlusion: NDArray[np.float32]
    triangles: NDArray[np.int32]
    uv: NDArray[np.float32]
    uv_triangles: NDArray[np.int32]
    region_names: tuple[str, ...]
    triangle_region: NDArray[np.uint8]
    inner_mouth_triangles: NDArray[np.int32]
    landmarks68_triangles: NDArray[np.int32]
    landmarks68_barycentric: NDArray[np.float32]
    landmarks478_triangles: NDArray[np.int32]
    landmarks478_barycentric: NDArray[np.float32]
    eye_centres: NDArray[np.float32]
    digest: str = field(default="", compare=False)

    @classmethod
    def load(cls, path: str | Path | None = None) -> FaceModel:
        """Read and check a face model file; the embedded default without a path.

        Raises:
            LimelightError: the file is missing, not a face model, of another version, or malformed; the
                message names the array.
        """
        if path is None:
            path = Path(str(files("facemodel") / "assets" / "limelight.npz"))
        path = Path(path)
        if not path.is_file():
            raise LimelightError(f"face model {path}: no such file; build it with 'limelight model build'")
        return cls.read(path, f"face model {path}")

    @classmethod
    def read(cls, file: Path | IO[bytes], what: str) -> FaceModel:
        """Read and check a face model from a file that may be open, such as one in memory.

        Args:
            file: its path, or open for reading.
            what: the file in error messages.

        Raises:
            LimelightError: not a face model, of another version, or malformed; the message names the array.
        """
        arrays = read_arrays(file, what)
        try:
            _check(arrays)
        except LimelightError as error:
            raise LimelightError(f"{what}: {error}") from error
        return cls.from_arrays(arrays)

    @classmethod
    def from_arrays(cls, arrays: dict[str, NDArray]) -> FaceModel:
        """Build from the arrays of a file (see the class); bases may be float16."""
        values: dict[str, object] = {}
        for f in fields(cls):
            if f.name == "digest":
                continue
            array = np.ones(len(arrays["mean"])) if _left_out(f.name, arrays) else np.asarray(arrays[f.name])
            if f.name in _TEXTS:
                values[f.name] = str(array)
            elif f.name in ("expression_names", "region_names"):
                values[f.name] = tuple(str(name) for name in array)
            elif f.name == "expression_range":
                values[f.name] = (float(array[0]), float(array[1]))
            elif f.name == "triangle_region":
                values[f.name] = array.astype(np.uint8)
            else:
                values[f.name] = np.ascontiguousarray(array, np.int32 if f.name in _INDICES else np.float32)
        return cls(**values, digest=_digest(arrays))  # type: ignore[arg-type]

    def save(self, path: str | Path) -> Path:
        """Write the model; returns the path.

        The file appears whole or not at all: one that was there stays until the new one is complete.

        Raises:
            LimelightError: the arrays are malformed or the file cannot be written.
        """
        path = Path(path)
        with whole_file(path, f"face model {path}") as partial, partial.open("wb") as file:
            self.write(file)
        return path

    def write(self, file: IO[bytes]) -> None:
        """Write the model to an open file, bases as float16, compressed; occlusion only where anything is occluded.

        Raises:
            LimelightError: the arrays are malformed.
        """
        arrays: dict[str, NDArray] = {"format_version": np.array(FORMAT_VERSION, np.int32)}
        for f in fields(self):
            if f.name == "digest" or (f.name == "occlusion" and (self.occlusion == 1.0).all()):
                continue
            value = np.asarray(getattr(self, f.name))
            if f.name in ("identity", "expression", "diffuse_basis", "specular_basis"):
                value = value.astype(np.float16)
            elif f.name == "expression_range":
                value = value.astype(np.float32)
            arrays[f.name] = value
        _check(arrays)
        np.savez_compressed(file, **arrays)  # type: ignore[arg-type]  # given a name, NumPy would append .npz to it

    @cached_property
    def layout(self) -> ParameterLayout:
        """Layout of the parameter vector that drives this model."""
        return ParameterLayout(
            len(self.identity), len(self.diffuse_basis), self.expression_names, self.expression_range
        )

    @property
    def n_vertices(self) -> int:
        return len(self.mean)

    def shape(self, identity: NDArray, expression: NDArray) -> NDArray:
        """Vertices S(c_i, c_e) = S-bar + M_i c_i + M_e c_e, Eq. 1.

        Args:
            identity: (Ni,).
            expression: (Ne,).

        Returns:
            (V, 3) mm, in the precision of the coefficients.
        """
        return (
            self.mean
            + np.tensordot(identity, self.identity, axes=1)
            + np.tensordot(expression, self.expression, axes=1)
        )

    def albedo(self, coefficients: NDArray) -> tuple[NDArray, NDArray]:
        """Diffuse and specular albedo of coefficients c_t (Na,), the two brackets of Eq. 2.

        Returns:
            Two (V, 3) arrays in linear RGB, not below zero.
        """
        diffuse = self.diffuse_mean + np.tensordot(coefficients, self.diffuse_basis, axes=1)
        specular = self.specular_mean + np.tensordot(coefficients, self.specular_basis, axes=1)
        return np.maximum(diffuse, 0.0), np.maximum(specular, 0.0)

    def occluded(self) -> FaceModel:
        """Return this model with its occlusion multiplied into the albedo, as renderers draw it: at every vertex both
        brackets of Eq. 2 are scaled, and with them c_d and c_s of Eq. 4 and 5.

        Its `occlusion` is 1, so that nothing is occluded twice; the model itself is returned where it is 1 already.
        """
        if (self.occlusion == 1.0).all():
            return self
        names = ("diffuse_mean", "diffuse_basis", "specular_mean", "specular_basis")
        scaled = {name: getattr(self, name) * self.occlusion[:, None] for name in names}
        return replace(self, occlusion=np.ones_like(self.occlusion), **scaled)

    def normals(self, vertices: NDArray) -> NDArray:
        """Area-weighted unit vertex normals, (V, 3) mm to (V, 3)."""
        a, b, c = (vertices[self.triangles[:, i]] for i in range(3))
        facets = np.cross(b - a, c - a)  # (T, 3), length = twice the area
        normals = np.zeros_like(vertices)
        for axis in range(3):
            for corner in range(3):
                normals[:, axis] += np.bincount(
                    self.triangles[:, corner], weights=facets[:, axis], minlength=len(vertices)
                )
        return normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)

    def landmarks68(self, vertices: NDArray) -> NDArray:
        """iBUG's 68 points on (V, 3) or (V, 2) vertices, (68, 3) or (68, 2)."""
        corners = self.triangles[self.landmarks68_triangles]  # (68, 3)
        return np.einsum("nk,nkd->nd", self.landmarks68_barycentric, vertices[corners])

    def landmarks478(self, vertices: NDArray) -> NDArray:
        """MediaPipe's 478 points on (V, 3) or (V, 2) vertices, (478, 3) or (478, 2)."""
        corners = self.triangles[self.landmarks478_triangles]  # (478, 3)
        return np.einsum("nk,nkd->nd", self.landmarks478_barycentric, vertices[corners])

    def region_triangles(self, *names: str) -> NDArray[np.int32]:
        """(K, 3) triangles of the named regions.

        Raises:
            LimelightError: the model has no region of that name.
        """
        wanted = []
        for name in names:
            if name not in self.region_names:
                raise LimelightError(
                    f"face model {self.name}: no region '{name}'; it has {', '.join(self.region_names)}"
                )
            wanted.append(self.region_names.index(name))
        return self.triangles[np.isin(self.triangle_region, wanted)]

    def region_vertices(self, *names: str) -> NDArray[np.int64]:
        """Sorted indices of the vertices that the named regions' triangles use."""
        return np.unique(self.region_triangles(*names))


def _digest(arrays: dict[str, NDArray]) -> str:
    hasher = hashlib.sha256()
    for key in sorted(arrays):
        hasher.update(key.encode())
        hasher.update(np.ascontiguousarray(arrays[key]).tobytes())
    return hasher.hexdigest()[:16]


def _left_out(key: str, arrays: dict[str, NDArray]) -> bool:
    """Return whether a file leaves out an array that it may leave out."""
    return key in _OPTIONAL and key not in arrays


def _check(arrays: dict[str, NDArray]) -> None:
    """Refuse malformed arrays with one line that names the first wrong one."""
    version = arrays.get("format_version")
    if version is None or version.shape != () or version.dtype.kind not in "iu" or version != FORMAT_VERSION:
        found = "missing" if version is None else version
        raise LimelightError(f"array 'format_version': expected {FORMAT_VERSION}, got {found}")
    for key in (*_TEXTS, *_SHAPES):
        if key not in arrays and key not in _OPTIONAL:
            raise LimelightError(f"array '{key}' is missing")
    for key in (*_TEXTS, "expression_names", "region_names"):
        if arrays[key].dtype.kind != "U":
            raise LimelightError(f"array '{key}': expected text, got {arrays[key].dtype}")
    sizes: dict[str, int] = {}
    for key, shape in _SHAPES.items():
        if _left_out(key, arrays):
            continue
        array = arrays[key]
        expected = tuple(sizes.get(n, n) if isinstance(n, str) else n for n in shape)
        if array.ndim != len(shape) or any(
            isinstance(e, int) and e != a for e, a in zip(expected, array.shape, strict=True)
        ):
            raise LimelightError(f"array '{key}': expected shape {expected}, got {array.shape}")
        sizes.update({n: a for n, a in zip(shape, array.shape, strict=True) if isinstance(n, str)})
        if key not in _INDICES and key not in ("expression_names", "region_names") and array.dtype.kind != "f":
            raise LimelightError(f"array '{key}': expected floating-point numbers, got {array.dtype}")
        if array.dtype.kind == "f" and key != "expression_range" and not np.isfinite(array).all():
            raise LimelightError(f"array '{key}' holds values that are not finite")
    if "occlusion" in arrays and not ((arrays["occlusion"] >= 0.0) & (arrays["occlusion"] <= 1.0)).all():
        raise LimelightError("array 'occlusion' holds values outside 0..1")
    for key, of in _INDICES.items():
        array = arrays[key]
        if array.dtype.kind not in "iu":
            raise LimelightError(f"array '{key}': expected integers, got {array.dtype}")
        outside = array[(array < 0) | (array >= sizes[of])]
        if outside.size:
            raise LimelightError(f"array '{key}': index {outside[0]} is outside 0..{sizes[of] - 1}")

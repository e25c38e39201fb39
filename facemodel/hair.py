"""Hair styles, eyelashes and brows that any identity of the embedded face model can wear, read from one `.npz` file."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cached_property
from importlib.resources import files
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facemodel.array_files import read_arrays
from facemodel.errors import LimelightError
from facemodel.model import FaceModel
from facemodel.whole_files import whole_file

FORMAT_VERSION = 2
SKIN_REGIONS = ("face", "scalp", "ears", "neck")
"""Regions whose UVs are MakeHuman's skin layout."""

_CELLS = 64
_FRAME_REACH_MM = 3.0
_FARTHEST_CHECK_MM = 15.0
_COVER_MM = (7.0, 16.0)
"""Skin nearer than the first to a hair is covered by it, skin farther than the second is bare."""

_SHAPES: dict[str, tuple[str | int, ...]] = {
    "names": ("S",),
    "lashes": ("S",),
    "brows": ("S",),
    "texture_of": ("S",),
    "vertex_start": ("S+1",),
    "triangle_start": ("S+1",),
    "anchor_uv": ("H", 2),
    "anchors": ("H", 3),
    "offsets": ("H", 3, 3),
    "uv": ("H", 2),
    "triangles": ("T", 3),
    "textures": ("N", "R", "C", 2),
    "check_uv": ("K", 2),
    "check_points": ("K", 3),
}
_INTEGERS = ("texture_of", "vertex_start", "triangle_start", "anchors", "triangles", "textures")
ANCHOR_WEIGHTS = np.array([0.5, 0.25, 0.25], np.float32)
"""How much each of a hair vertex's three anchors counts."""


@dataclass(frozen=True, eq=False)
class Hair:
    """A set of hair styles, lashes and brows, bound to places of MakeHuman's skin layout.

    So bound, a style fits every model with that layout, however fine its mesh. Vertices and triangles of all styles
    follow each other; style i has those from `*_start[i]` to `*_start[i + 1]`.

    Attributes:
        names: of the styles. texture_of: (S,) into `textures`.
        lashes, brows: (S,) bool, whether it is a set of eyelashes or a pair of brows; all others are hair styles.
        vertex_start, triangle_start: (S + 1,).
        anchor_uv: (H, 2) the place on the skin that belongs to each hair vertex.
        anchors: (H, 3) the vertices of the style whose places carry this one, `ANCHOR_WEIGHTS` times.
        offsets: (H, 3, 3) mm from each of the three places: along the model's axes, but of lashes and brows the skin's.
        uv: (H, 2) place in the strand texture: u across the strands, repeating; v from 0 at the roots to 1 at the tips.
        triangles: (T, 3) into the style's vertices, the layers next to the skin first; seen from both sides.
        textures: (N, R, C, 2) uint8, strands along the rows: how much a place covers, and how bright it is.
        check_uv, check_points: (K, 2), (K, 3) places of the skin and where they are on the embedded model, mm.
    """

    names: tuple[str, ...]
    lashes: NDArray[np.bool_]
    brows: NDArray[np.bool_]
    texture_of: NDArray[np.int32]
    vertex_start: NDArray[np.int32]
    triangle_start: NDArray[np.int32]
    anchor_uv: NDArray[np.float32]
    anchors: NDArray[np.int32]
    offsets: NDArray[np.float32]
    uv: NDArray[np.float32]
    triangles: NDArray[np.int32]
    textures: NDArray[np.uint8]
    check_uv: NDArray[np.float32]
    check_points: NDArray[np.float32]

    @classmethod
    def load(cls, path: str | Path | None = None) -> Hair:
        """Read and check a hair file; the embedded one without a path.

        Raises:
            LimelightError: the file is missing, not a hair file, of another version, or malformed; the message names
                the array.
        """
        path = Path(str(files("facemodel") / "assets" / "hair.npz")) if path is None else Path(path)
        if not path.is_file():
            raise LimelightError(f"hair {path}: no such file; build it with 'limelight model build-hair'")
        arrays = read_arrays(path, f"hair {path}")
        try:
            _check(arrays)
        except LimelightError as error:
            raise LimelightError(f"hair {path}: {error}") from error
        values: dict[str, object] = {"names": tuple(str(name) for name in arrays["names"])}
        for key in _SHAPES:
            if key != "names":
                kind = np.uint8 if key == "textures" else np.bool_ if key in ("lashes", "brows") else np.float32
                values[key] = np.ascontiguousarray(
                    arrays[key], np.int32 if key in _INTEGERS and key != "textures" else kind
                )
        return cls(**values)  # type: ignore[arg-type]

    def save(self, path: Path) -> Path:
        """Write the set, compressed, offsets as float16; returns the path.

        Raises:
            LimelightError: the arrays are malformed or the file cannot be written.
        """
        arrays: dict[str, NDArray] = {f.name: np.asarray(getattr(self, f.name)) for f in fields(self)}
        arrays["offsets"] = self.offsets.astype(np.float16)
        for key in ("anchors", "triangles"):
            arrays[key] = arrays[key].astype(np.uint16)
        arrays["format_version"] = np.array(FORMAT_VERSION, np.int32)
        _check(arrays)
        with whole_file(path, f"hair {path}") as partial, partial.open("wb") as file:
            np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
        return path

    @property
    def style_names(self) -> tuple[str, ...]:
        """Names of the hair styles."""
        return self._named(~(self.lashes | self.brows))

    @property
    def lash_names(self) -> tuple[str, ...]:
        """Names of the sets of eyelashes."""
        return self._named(self.lashes)

    @property
    def brow_names(self) -> tuple[str, ...]:
        """Names of the pairs of brows."""
        return self._named(self.brows)

    def _named(self, chosen: NDArray[np.bool_]) -> tuple[str, ...]:
        return tuple(name for name, one in zip(self.names, chosen, strict=True) if one)

    def fits(self, model: FaceModel) -> bool:
        """Return whether `model` has MakeHuman's skin layout, so that it can wear this hair."""
        if not set(SKIN_REGIONS) <= set(model.region_names):
            return False
        places = SkinPlaces(model, self.check_uv)
        return float(np.median(np.linalg.norm(places.points(model.mean) - self.check_points, axis=1))) < (
            _FARTHEST_CHECK_MM
        )

    def worn_by(self, model: FaceModel, name: str) -> WornHair:
        """Return the style `name` on `model`.

        Raises:
            LimelightError: there is no such style, or the model has another skin layout.
        """
        if name not in self.names:
            raise LimelightError(f"no hair style '{name}'; there are {', '.join(self.names)}")
        if not self.fits(model):
            raise LimelightError(f"face model {model.name} cannot wear hair: its UVs are not MakeHuman's skin layout")
        return WornHair(self, model, self.names.index(name))


def hair_beside(face_model: Path) -> Path:
    """Return where the hair that is built for a face model file lies: NAME_hair.npz beside it."""
    return face_model.with_name(f"{face_model.stem}_hair.npz")


def hair_of(face_model: Path | None) -> Path | None:
    """Return the hair file that was built for a face model file; None, the embedded hair, where there is none."""
    if face_model is None:
        return None
    path = hair_beside(face_model)
    return path if path.is_file() else None


class WornHair:
    """One style on one face model.

    Attributes:
        name: of the style.
        triangles: (T, 3) int32. uv: (H, 2). texture: (R, C, 2) uint8; all as `Hair`'s.
        follows_skin: whether these are lashes or brows, which expressions move.
    """

    def __init__(self, hair: Hair, model: FaceModel, index: int) -> None:
        """Resolve the places of style `index` of `hair` on the triangles of `model`."""
        vertices = slice(*hair.vertex_start[index : index + 2])
        self.name = hair.names[index]
        self.triangles = hair.triangles[slice(*hair.triangle_start[index : index + 2])]
        self.uv = hair.uv[vertices]
        self.texture = hair.textures[hair.texture_of[index]]
        self._model = model
        self.follows_skin = bool(hair.lashes[index] | hair.brows[index])
        self._anchors = hair.anchors[vertices]
        self._offsets = hair.offsets[vertices]
        self._mean_offsets = np.einsum("k,hkd->hd", ANCHOR_WEIGHTS, self._offsets)
        self._places = SkinPlaces(model, hair.anchor_uv[vertices])
        if self.follows_skin:
            self._near = self._places.near(model.mean)

    def vertices(self, face_vertices: NDArray) -> NDArray[np.float32]:
        """Hair vertices (H, 3) mm on face vertices (V, 3) mm; those of lashes and brows turn with the skin."""
        points = self._places.points(face_vertices)  # (H, 3)
        if not self.follows_skin:
            moved = np.einsum("k,hkd->hd", ANCHOR_WEIGHTS, points[self._anchors]) + self._mean_offsets
            return moved.astype(np.float32)
        frames = self._places.frames(face_vertices, self._near)[self._anchors]  # (H, 3, 3, 3)
        carried = points[self._anchors] + np.einsum("hkij,hkj->hki", frames, self._offsets)
        return np.einsum("k,hkd->hd", ANCHOR_WEIGHTS, carried).astype(np.float32)

    def normals(self, vertices: NDArray) -> NDArray[np.float32]:
        """Unit normals (H, 3) of hair vertices (H, 3), away from the head's middle."""
        a, b, c = (vertices[self.triangles[:, i]] for i in range(3))
        normals = self._summed(np.cross(b - a, c - a), len(vertices))
        return normals * np.where((normals * vertices).sum(axis=1, keepdims=True) < 0.0, -1.0, 1.0).astype(np.float32)

    def tangents(self, vertices: NDArray) -> NDArray[np.float32]:
        """Unit directions (H, 3) of the strands at hair vertices (H, 3), root to tip."""
        a, b, c = (vertices[self.triangles[:, i]] for i in range(3))
        (ua, ub, uc) = (self.uv[self.triangles[:, i]] for i in range(3))
        first, second = ub - ua, uc - ua
        area = first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0]
        along = ((c - a) * first[:, :1] - (b - a) * second[:, :1]) * np.sign(area)[:, None]
        return self._summed(along, len(vertices))

    @cached_property
    def cover(self) -> NDArray[np.float32]:
        """(V,) how much of each face vertex lies under the hair, 0..1."""
        model = self._model
        cover = np.zeros(model.n_vertices, np.float32)
        if self.follows_skin:
            return cover
        scalp = model.region_vertices("scalp")
        hairs = self.vertices(model.mean)
        near, far = _COVER_MM
        for part in np.array_split(scalp, max(1, len(scalp) // 200)):
            gaps = ((model.mean[part, None] - hairs[None]) ** 2).sum(axis=2).min(axis=1)  # (K,)
            t = np.clip((far - np.sqrt(gaps)) / (far - near), 0.0, 1.0)
            cover[part] = t * t * (3.0 - 2.0 * t)
        return cover

    def color_scalp(self, diffuse: NDArray, specular: NDArray, color: tuple[float, float, float]) -> None:
        """Give the skin under the hair the hair's `color`, in the shade of the hair, in place; (V, 3) linear albedo."""
        amount = self.cover[:, None]
        diffuse += amount * (0.6 * np.asarray(color, diffuse.dtype) - diffuse)
        specular *= 1.0 - 0.8 * amount

    def _summed(self, facets: NDArray, count: int) -> NDArray[np.float32]:
        """Unit sums (H, 3) of the triangles' vectors (T, 3) at their corners."""
        sums = np.zeros((count, 3))
        for axis in range(3):
            for corner in range(3):
                sums[:, axis] += np.bincount(self.triangles[:, corner], weights=facets[:, axis], minlength=count)
        return (sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-12)).astype(np.float32)


class SkinPlaces:
    """Places of MakeHuman's skin layout as points of a model's triangles."""

    def __init__(self, model: FaceModel, uv: NDArray) -> None:
        """Find the skin triangle under each of (N, 2) `uv`, or the one beside it where a seam leaves a gap."""
        regions = [model.region_names.index(name) for name in SKIN_REGIONS if name in model.region_names]
        skin = np.flatnonzero(np.isin(model.triangle_region, regions))
        corners = model.uv[model.uv_triangles[skin]].astype(np.float64)  # (T, 3, 2)
        left, top = corners.min(axis=1).T.copy()  # (T,) each: contiguous, they are compared for every cell
        right, bottom = corners.max(axis=1).T.copy()
        cells = np.floor(np.clip(uv, 0.0, 1.0 - 1e-6) * _CELLS).astype(int)
        keys = cells[:, 0] * _CELLS + cells[:, 1]
        triangles = np.zeros(len(uv), int)
        weights = np.zeros((len(uv), 3))
        for key in np.unique(keys):
            asked = np.flatnonzero(keys == key)
            u, v = np.array(divmod(key, _CELLS)) / _CELLS
            margin = 0.02 / _CELLS
            near = np.empty(0, int)
            while len(near) == 0:
                across = (left <= u + 1.0 / _CELLS + margin) & (right >= u - margin)
                near = np.flatnonzero(across & (top <= v + 1.0 / _CELLS + margin) & (bottom >= v - margin))
                margin *= 8.0
            inside = _barycentric(uv[asked, None].astype(np.float64), corners[near])  # (A, N, 3)
            best = inside.min(axis=2).argmax(axis=1)
            found = np.maximum(inside[np.arange(len(asked)), best], 0.0)
            triangles[asked] = skin[near[best]]
            weights[asked] = found / found.sum(axis=1, keepdims=True)
        self._corners = model.triangles[triangles]  # (N, 3)
        self._weights = weights.astype(np.float32)
        uvs = model.uv[model.uv_triangles[triangles]].astype(np.float64)
        self._first, self._second = uvs[:, 1] - uvs[:, 0], uvs[:, 2] - uvs[:, 0]

    def points(self, face_vertices: NDArray) -> NDArray:
        """Points (N, 3) on face vertices (V, 3)."""
        return np.einsum("nk,nkd->nd", self._weights, face_vertices[self._corners])

    def near(self, face_vertices: NDArray) -> NDArray[np.float32]:
        """How much each place (N, N) counts for the axes at each other, falling off over a few mm."""
        points = self.points(face_vertices)
        gaps = ((points[:, None] - points[None]) ** 2).sum(axis=2)
        weights = np.exp(-0.5 * gaps / _FRAME_REACH_MM**2)
        return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)

    def frames(self, face_vertices: NDArray, near: NDArray) -> NDArray:
        """Axes of the skin (N, 3, 3) as columns: along u, across it, and the normal; means over what is `near`."""
        a, b, c = (face_vertices[self._corners[:, i]] for i in range(3))
        normal = _unit(near @ _unit(np.cross(b - a, c - a)))
        along = (b - a) * self._second[:, 1:] - (c - a) * self._first[:, 1:]
        area = self._first[:, 0] * self._second[:, 1] - self._first[:, 1] * self._second[:, 0]
        along = near @ _unit(along * np.sign(area)[:, None])
        along = _unit(along - (along * normal).sum(axis=1, keepdims=True) * normal)
        return np.stack([along, np.cross(normal, along), normal], axis=2)


def _unit(vectors: NDArray) -> NDArray:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12)


def _barycentric(points: NDArray, corners: NDArray) -> NDArray:
    """Barycentric coordinates (A, N, 3) of points (A, 1, 2) in triangles (N, 3, 2)."""
    ab, ac, ap = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0], points - corners[:, 0]
    area = ab[:, 0] * ac[:, 1] - ab[:, 1] * ac[:, 0]
    area = np.where(np.abs(area) < 1e-14, np.inf, area)
    v = (ap[..., 0] * ac[:, 1] - ap[..., 1] * ac[:, 0]) / area
    w = (ab[:, 0] * ap[..., 1] - ab[:, 1] * ap[..., 0]) / area
    inside = np.stack([1.0 - v - w, v, w], axis=-1)
    return np.where(np.isinf(area)[:, None], -1e9, inside)


def _check(arrays: dict[str, NDArray]) -> None:
    """Refuse malformed arrays with one line that names the first wrong one."""
    version = arrays.get("format_version")
    if version is None or version.shape != () or version.dtype.kind not in "iu" or version != FORMAT_VERSION:
        found = "missing" if version is None else version
        raise LimelightError(f"array 'format_version': expected {FORMAT_VERSION}, got {found}")
    sizes: dict[str, int] = {}
    for key, shape in _SHAPES.items():
        if key not in arrays:
            raise LimelightError(f"array '{key}' is missing")
        array = arrays[key]
        expected = tuple(sizes.get(n, n) if isinstance(n, str) else n for n in shape)
        if array.ndim != len(shape) or any(
            isinstance(e, int) and e != a for e, a in zip(expected, array.shape, strict=True)
        ):
            raise LimelightError(f"array '{key}': expected shape {expected}, got {array.shape}")
        sizes.update({n: a for n, a in zip(shape, array.shape, strict=True) if isinstance(n, str)})
        if key == "names":
            sizes["S+1"] = sizes["S"] + 1
        kinds = "U" if key == "names" else "b" if key in ("lashes", "brows") else "iu" if key in _INTEGERS else "f"
        if array.dtype.kind not in kinds:
            raise LimelightError(f"array '{key}': a {array.dtype} array is not what belongs there")
        if kinds == "f" and not np.isfinite(array).all():
            raise LimelightError(f"array '{key}' holds values that are not finite")
    for key, of in (("vertex_start", "H"), ("triangle_start", "T")):
        starts = arrays[key].astype(np.int64)
        if starts[0] != 0 or starts[-1] != sizes[of] or (np.diff(starts) < 1).any():
            raise LimelightError(f"array '{key}': expected rising numbers from 0 to {sizes[of]}")
    counts: NDArray = np.diff(arrays["vertex_start"].astype(np.int64))
    triangle_counts: NDArray = np.diff(arrays["triangle_start"].astype(np.int64))
    for key, limit in (
        ("anchors", np.repeat(counts, counts)[:, None]),
        ("triangles", np.repeat(counts, triangle_counts)[:, None]),
        ("texture_of", np.array(sizes["N"])),
    ):
        indices = arrays[key].astype(np.int64)
        if ((indices < 0) | (indices >= limit)).any():
            raise LimelightError(f"array '{key}' holds an index that is outside its style")

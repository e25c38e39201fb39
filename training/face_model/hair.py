"""`limelight model build-hair`: MakeHuman's hair, eyelashes and brows, bound to the skin of the embedded model."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from scipy.interpolate import RBFInterpolator

from facemodel.errors import LimelightError
from facemodel.hair import ANCHOR_WEIGHTS, SKIN_REGIONS, Hair, SkinPlaces
from facemodel.model import FaceModel
from training.face_model.hair_strands import COLUMNS, KINDS, ROWS, TILE_MM, islands, strand_coordinates, strand_texture
from training.face_model.makehuman import BaseMesh, read_bindings, read_obj
from training.face_model.registration import warp
from training.face_model.skin_detail import bound_uv, read_picture
from training.face_model.skin_layout import MIDLINE_V
from training.face_model.surface import SurfaceLocator, vertex_normals

STYLES = {
    "afro": ("afro01", "curls"),
    "bob": ("bob02", "straight"),
    "braid": ("braid01", "straight"),
    "long": ("long01", "wavy"),
    "ponytail": ("ponytail01", "straight"),
    "crop": ("short01", "straight"),
    "parted": ("short02", "wavy"),
    "swept": ("short03", "straight"),
    "layered": ("short04", "straight"),
    "lashes natural": ("eyelashes01", "lashes"),
    "lashes fine": ("eyelashes02", "lashes"),
    "lashes full": ("eyelashes03", "lashes"),
    "lashes open": ("eyelashes04", "lashes"),
}
"""Styles: the source's .obj and .mhclo, and the strands that are drawn on it."""

BROWS = {
    "brows arched": "eyebrow001",
    "brows pointed": "eyebrow002",
    "brows straight": "eyebrow004",
    "brows flat": "eyebrow005",
    "brows full": "eyebrow008",
    "brows bushy": "eyebrow009",
    "brows fine": "eyebrow010",
    "brows thick": "eyebrow012",
}
"""Pairs of brows: the source's .obj, .mhclo and .png."""

_LASHES = "lashes"
_BROW_HEIGHT_MM = 0.5
_CLEAR_MM = 2.0
_EYE_REACH_MM = 32.0
_LID_FALL_MM = 0.8
_WARP_POINTS = 500
_CHECKS = 24
_SEED = 11


@dataclass(frozen=True)
class HairMesh:
    """A mesh of MakeHuman's: its vertices (N, 3) on the base mesh in decimetres, quads (Q, 4), and the same quads
    (Q, 4) into vertices cut at the texture's seams."""

    vertices: np.ndarray
    quads: np.ndarray
    corners: np.ndarray


def build_hair(sources: Path, base: BaseMesh, model: FaceModel) -> Hair:
    """Bind every style to the skin of `model`.

    Args:
        sources: folder of the sources (`LIMELIGHT_DATA`).
        base: MakeHuman's base mesh, which the styles refer to.
        model: a face model with MakeHuman's skin layout.
    Raises LimelightError: a style's file is missing or malformed.
    """
    rng = np.random.default_rng(_SEED)
    fit = _Fit(base, model)
    kinds = list(KINDS)
    textures = [strand_texture(kind, rng) for kind in KINDS.values()]
    texture_of = [kinds.index(kind) for _, kind in STYLES.values()]
    parts = []
    for source, kind in STYLES.values():
        mesh = read_hair_mesh(sources / "face_model/hair" / source, base)
        parts.append(fit.bind(mesh, kind == _LASHES, rng))
    for source in BROWS.values():
        bound, texture = bind_brows(sources / "face_model/skin/brows" / source, base)
        parts.append(bound)
        texture_of.append(len(textures))
        textures.append(texture)
    counts = [len(part.uv) for part in parts]
    triangle_counts = [len(part.triangles) for part in parts]
    check_uv = fit.check_uv(rng)
    return Hair(
        names=(*STYLES, *BROWS),
        lashes=np.array([kind == _LASHES for _, kind in STYLES.values()] + [False] * len(BROWS)),
        brows=np.array([False] * len(STYLES) + [True] * len(BROWS)),
        texture_of=np.array(texture_of, np.int32),
        vertex_start=np.cumsum([0, *counts]).astype(np.int32),
        triangle_start=np.cumsum([0, *triangle_counts]).astype(np.int32),
        anchor_uv=np.concatenate([part.anchor_uv for part in parts]).astype(np.float32),
        anchors=np.concatenate([part.anchors for part in parts]).astype(np.int32),
        offsets=np.concatenate([part.offsets for part in parts]).astype(np.float32),
        uv=np.concatenate([part.uv for part in parts]).astype(np.float32),
        triangles=np.concatenate([part.triangles for part in parts]).astype(np.int32),
        textures=np.stack(textures),
        check_uv=check_uv.astype(np.float32),
        check_points=SkinPlaces(model, check_uv).points(model.mean).astype(np.float32),
    )


def read_hair_mesh(path: Path, base: BaseMesh) -> HairMesh:
    """Read `path`.obj and put it on the base mesh as `path`.mhclo says.

    Raises LimelightError: a file is missing or does not belong to the other.
    """
    mesh, bindings = read_obj(path.with_suffix(".obj")), read_bindings(path.with_suffix(".mhclo"))
    if len(bindings) != len(mesh.vertices):
        raise LimelightError(
            f"{path}.mhclo binds {len(bindings)} vertices and {path}.obj has {len(mesh.vertices)}: get both again"
        )
    scale = np.ones(3)  # of the offsets, by how large the base mesh is between two of its vertices
    for words in (line.split() for line in path.with_suffix(".mhclo").read_text(encoding="utf-8").splitlines()):
        if words and words[0] in ("x_scale", "y_scale", "z_scale"):
            axis = "xyz".index(words[0][0])
            first, second = base.vertices[[int(words[1]), int(words[2])]]
            scale[axis] = abs(first[axis] - second[axis]) / float(words[3])
    corners = base.vertices[bindings[:, :3].astype(int)]  # (N, 3, 3)
    vertices = (bindings[:, None, 3:6] @ corners)[:, 0] + bindings[:, 6:] * scale
    seams = np.stack([mesh.faces, mesh.uv_faces], axis=2).reshape(-1, 2)
    cut = np.unique(seams, axis=0, return_inverse=True)[1]
    return HairMesh(vertices, mesh.faces, cut.reshape(-1, 4))


@dataclass(frozen=True)
class _Bound:
    """The arrays of one style, as in `Hair`."""

    anchor_uv: np.ndarray
    anchors: np.ndarray
    offsets: np.ndarray
    uv: np.ndarray
    triangles: np.ndarray


def bind_brows(path: Path, base: BaseMesh) -> tuple[_Bound, np.ndarray]:
    """Return the pair of brows of `path`.obj and .mhclo lying on the skin, and its texture from `path`.png.

    The texture (ROWS, COLUMNS, 2) uint8 holds the subject's right brow in the left half of its columns and the left
    one in the right half; rows run from the inner end to the outer one.

    Raises LimelightError: a file is missing or malformed.
    """
    mesh = read_obj(path.with_suffix(".obj"))
    quads, places = mesh.faces, mesh.uv[mesh.uv_faces]  # (Q, 4), (Q, 4, 2)
    skin = bound_uv(path.with_suffix(".mhclo"), base)  # (N, 2)
    corners = np.concatenate([skin[quads], places], axis=2)  # (Q, 4, 4)
    middle = 0.5 * (corners + np.roll(corners, -1, axis=1))  # (Q, 4, 4) of the edges
    centre = np.broadcast_to(corners.mean(axis=1, keepdims=True), corners.shape)
    finer = np.stack([corners, middle, centre, np.roll(middle, 1, axis=1)], axis=2).reshape(-1, 4, 4)
    table, index = np.unique(np.round(finer.reshape(-1, 4), 6), axis=0, return_inverse=True)  # (U, 4)
    fine = index.reshape(-1, 4)
    alpha = read_picture(path.with_suffix(".png"))[..., 3].astype(np.float32) / 255.0
    texture, uv = np.zeros((ROWS, COLUMNS, 2), np.float32), np.zeros((len(table), 2))
    left = table[:, 1] > MIDLINE_V
    for half, side in enumerate((~left, left)):
        low, high = table[side, 2:].min(axis=0), table[side, 2:].max(axis=0)
        place = (table[side, 2:] - low) / (high - low)  # (K, 2) along the picture's row, up its column
        inner = np.abs(table[side, 1] - MIDLINE_V)
        outwards = np.corrcoef(place[:, 0], inner)[0, 1] > 0
        uv[side, 0] = (half + 0.05 + 0.9 * place[:, 1]) / 2
        uv[side, 1] = place[:, 0] if outwards else 1.0 - place[:, 0]
        row, column = np.indices((ROWS, COLUMNS // 2)) + 0.5
        along = row / ROWS if outwards else 1.0 - row / ROWS
        up = (column / (COLUMNS // 2) - 0.05) / 0.9
        x, y = (low[0] + along * (high[0] - low[0])), 1.0 - (low[1] + up * (high[1] - low[1]))
        at_x, at_y = ((c * size - 0.5).astype(np.float32) for c, size in ((x, alpha.shape[1]), (y, alpha.shape[0])))
        drawn = cv2.remap(cv2.GaussianBlur(alpha, (0, 0), 0.6), at_x, at_y, cv2.INTER_LINEAR)
        bright = 0.5 + 0.8 * (drawn - cv2.GaussianBlur(drawn, (0, 0), 3.0))
        texture[:, half * COLUMNS // 2 : (half + 1) * COLUMNS // 2] = np.stack([drawn, bright], axis=2)
    anchors = np.repeat(np.arange(len(table))[:, None], len(ANCHOR_WEIGHTS), axis=1)
    offsets = np.tile([0.0, 0.0, _BROW_HEIGHT_MM], (len(table), len(ANCHOR_WEIGHTS), 1))
    triangles = np.concatenate([fine[:, half] for half in ([0, 1, 2], [0, 2, 3])])
    return _Bound(table[:, :2], anchors, offsets, uv, triangles), (255.0 * np.clip(texture, 0.0, 1.0) + 0.5).astype(
        np.uint8
    )


class _Fit:
    """Carries hair from MakeHuman's base mesh to the skin of a model, and binds it there."""

    def __init__(self, base: BaseMesh, model: FaceModel) -> None:
        self._model = model
        regions = [model.region_names.index(name) for name in SKIN_REGIONS]
        self._skin = np.flatnonzero(np.isin(model.triangle_region, regions))
        self._triangles = model.triangles[self._skin]
        hair_regions = [model.region_names.index(name) for name in ("scalp", "neck", "face")]
        high = model.mean[model.triangles, 1].mean(axis=1) > model.eye_centres[:, 1].mean() + 18.0
        carriers = np.isin(model.triangle_region, hair_regions[:2]) | (
            (model.triangle_region == hair_regions[2]) & high
        )
        self._carriers = np.flatnonzero(carriers)
        self._locator = SurfaceLocator(model.mean, self._triangles)
        self._carrier_locator = SurfaceLocator(model.mean, model.triangles[self._carriers])
        self._normals = vertex_normals(model.mean.astype(float), self._triangles)
        to_eyes = np.linalg.norm(model.mean[:, None] - model.eye_centres[None], axis=2).min(axis=1)  # (V,)
        self._to_head = self._warp(base, np.full(model.n_vertices, True))
        self._to_lids = self._warp(base, to_eyes < _EYE_REACH_MM)

    def _warp(self, base: BaseMesh, wanted: np.ndarray) -> RBFInterpolator:
        """The smooth map of space from the base mesh (decimetres) to the model (mm), by equal places of the skin.

        Args:
            base: MakeHuman's base mesh.
            wanted: (V,) bool, the vertices of the model whose neighbourhood has to be met.
        """
        model = self._model
        body = base.groups == "body"
        quads, uv_quads = base.quads[body], base.uv_quads[body]
        halves = ([0, 1, 2], [0, 2, 3])
        triangles = np.concatenate([quads[:, half] for half in halves])
        uv_triangles = np.concatenate([uv_quads[:, half] for half in halves])
        flat = np.concatenate([base.uv, np.zeros((len(base.uv), 1))], axis=1)
        near = self._skin[wanted[model.triangles[self._skin]].all(axis=1)]
        uv = model.uv[np.unique(model.uv_triangles[near])]
        found = SurfaceLocator(flat, uv_triangles).closest(np.concatenate([uv, np.zeros((len(uv), 1))], axis=1))
        source = np.einsum("nk,nkd->nd", found.barycentric, base.vertices[triangles[found.triangles]])
        target = SkinPlaces(model, uv).points(model.mean)
        good = found.distances < 1e-4
        keep = _spread(target[good], _WARP_POINTS)
        return warp(source[good][keep], target[good][keep], smoothing=0.0)

    def check_uv(self, rng: np.random.Generator) -> np.ndarray:
        """Return the places (K, 2) here and there on the skin."""
        chosen = rng.choice(self._skin, _CHECKS, replace=False)
        return self._model.uv[self._model.uv_triangles[chosen]].mean(axis=1)

    def bind(self, mesh: HairMesh, lashes: bool, rng: np.random.Generator) -> _Bound:
        """Carry a mesh over, and bind its vertices."""
        vertices = self._to_lids(mesh.vertices) if lashes else self._clear(self._to_head(mesh.vertices))  # (N, 3) mm
        cut = np.zeros((mesh.corners.max() + 1, 3))
        cut[mesh.corners] = vertices[mesh.quads]
        if lashes:
            tipward = np.linalg.norm(cut[:, None] - self._model.eye_centres[None], axis=2).min(axis=1)
        else:
            tipward = -cut[:, 1]
        coordinates = strand_coordinates(cut, mesh.corners, tipward, lashes)
        if lashes:
            anchor_uv, neighbours, offsets = self._on_lids(cut, coordinates, mesh.corners)
        else:
            anchor_uv, neighbours, offsets = self._on_head(cut, mesh.corners)
        for island in islands(mesh.corners):
            coordinates[np.unique(mesh.corners[island]), 0] += rng.uniform(0.0, TILE_MM)
        triangles = np.concatenate([mesh.corners[:, half] for half in ([0, 1, 2], [0, 2, 3])])
        if lashes:
            triangles = triangles[self._holds_in_blink(cut, triangles, anchor_uv, neighbours, offsets)]
        distance = self._locator.closest(cut[triangles].mean(axis=1)).distances
        uv = np.stack([coordinates[:, 0] / TILE_MM, coordinates[:, 1]], axis=1)
        return _Bound(anchor_uv, neighbours, offsets, uv, triangles[np.argsort(distance, kind="stable")])

    def _clear(self, vertices: np.ndarray) -> np.ndarray:
        """Lift what is nearer than `_CLEAR_MM` to the skin, or below it, out along the skin's normals."""
        found = self._locator.closest(vertices)
        corners = self._triangles[found.triangles]
        points = np.einsum("nk,nkd->nd", found.barycentric, self._model.mean[corners])
        normals = np.einsum("nk,nkd->nd", found.barycentric, self._normals[corners])
        normals /= np.linalg.norm(normals, axis=1, keepdims=True)
        height = ((vertices - points) * normals).sum(axis=1)
        low = (height < _CLEAR_MM) & (found.distances < 30.0)
        return np.where(low[:, None], points + _CLEAR_MM * normals, vertices)

    def _on_head(self, cut: np.ndarray, corners: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Anchors of hair: the closest places of scalp, neck and forehead; offsets along the model's axes."""
        found = self._carrier_locator.closest(cut)
        uv_corners = self._model.uv[self._model.uv_triangles[self._carriers[found.triangles]]]
        anchor_uv = np.einsum("nk,nkd->nd", found.barycentric, uv_corners)
        neighbours = _neighbours(corners, len(cut))
        points = SkinPlaces(self._model, anchor_uv).points(self._model.mean)
        return anchor_uv, neighbours, cut[:, None] - points[neighbours]

    def _on_lids(
        self, cut: np.ndarray, coordinates: np.ndarray, corners: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Anchors of lashes: the places of their own lid at their roots; offsets along the axes of the lid there."""
        blinks = np.isin(self._model.expression_names, ("eyeBlinkLeft", "eyeBlinkRight"))
        fall = -self._model.expression[blinks].sum(axis=0)[:, 1]  # (V,) mm
        moves = fall[self._triangles].min(axis=1) > _LID_FALL_MM
        rests = fall[self._triangles].max(axis=1) < _LID_FALL_MM
        anchor_uv = np.zeros((len(cut), 2))
        for island in islands(corners):
            used = np.unique(corners[island])
            above = (cut[used, 1] - self._model.eye_centres[:, 1].mean()).mean() > 0.0
            lid = self._skin[moves if above else rests]
            found = SurfaceLocator(self._model.mean, self._model.triangles[lid]).closest(cut[used])
            uv_corners = self._model.uv[self._model.uv_triangles[lid[found.triangles]]]
            anchor_uv[used] = np.einsum("nk,nkd->nd", found.barycentric, uv_corners)
        neighbours = _roots(coordinates, corners)
        anchor_uv = anchor_uv[neighbours[:, 0]]
        places = SkinPlaces(self._model, anchor_uv)
        points = places.points(self._model.mean)[neighbours]
        frames = places.frames(self._model.mean, places.near(self._model.mean))[neighbours]
        return anchor_uv, neighbours, np.einsum("hkji,hkj->hki", frames, cut[:, None] - points)

    def _holds_in_blink(
        self, cut: np.ndarray, triangles: np.ndarray, anchor_uv: np.ndarray, anchors: np.ndarray, offsets: np.ndarray
    ) -> np.ndarray:
        """(T,) whether each triangle of lashes keeps its form when the lids shut."""
        model = self._model
        blinks = np.isin(model.expression_names, ("eyeBlinkLeft", "eyeBlinkRight"))
        shut = model.mean + model.expression[blinks].sum(axis=0)
        places = SkinPlaces(model, anchor_uv)
        frames = places.frames(shut, places.near(model.mean))[anchors]
        carried = places.points(shut)[anchors] + np.einsum("hkij,hkj->hki", frames, offsets)
        closed = np.einsum("k,hkd->hd", ANCHOR_WEIGHTS, carried)
        edges = [v[triangles] - v[np.roll(triangles, 1, axis=1)] for v in (cut, closed)]
        before, after = (np.linalg.norm(edge, axis=2).max(axis=1) for edge in edges)
        return after < 1.6 * before + 0.8


def _neighbours(corners: np.ndarray, count: int) -> np.ndarray:
    """(U, 3) each vertex itself and two that share a quad's edge with it."""
    result = np.repeat(np.arange(count)[:, None], len(ANCHOR_WEIGHTS), axis=1)
    for k in range(4):
        result[corners[:, k], 1] = corners[:, (k + 1) % 4]
        result[corners[:, (k + 1) % 4], 2] = corners[:, k]
    return result


def _roots(coordinates: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """(U, 3) the vertex at the root of each lash vertex's strand, and the next ones on both sides along the lid."""
    roots = np.zeros((len(coordinates), 3), int)
    for island in islands(corners):
        members = np.unique(corners[island])
        bases = members[coordinates[members, 1] < 0.15]
        bases = bases[np.argsort(coordinates[bases, 0])]
        own = np.abs(coordinates[members, None, 0] - coordinates[bases, 0]).argmin(axis=1)
        for column, step in enumerate((0, -1, 1)):
            roots[members, column] = bases[np.clip(own + step, 0, len(bases) - 1)]
    return roots


def _spread(points: np.ndarray, count: int) -> np.ndarray:
    """Indices of `count` points as far from each other as they can be, one after the other."""
    chosen = [0]
    distance = np.linalg.norm(points - points[0], axis=1)
    while len(chosen) < count:
        chosen.append(int(distance.argmax()))
        distance = np.minimum(distance, np.linalg.norm(points - points[chosen[-1]], axis=1))
    return np.array(chosen)

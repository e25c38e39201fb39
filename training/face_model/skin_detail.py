"""Measured detail for the albedo model: CC0 skins, brows and irises, carried to the vertices of a template.

Data: the 20 MakeHuman system skins, 12 brow textures and 9 iris textures. A skin's own tone is taken out: what is kept
is the log of the ratio between each point and the median of the face, per channel of linear RGB.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from scipy import sparse

from facemodel.errors import LimelightError
from training.face_model.makehuman import BaseMesh, read_bindings, read_obj
from training.face_model.skin_layout import MIDLINE_V, TEXTURE_SIZE, part_mask
from training.face_model.skin_tone import LUMINANCE
from training.face_model.template import Template

SKIN_REGIONS = ("face", "scalp", "ears", "neck")
AGES = {"young": 0.3, "middleage": 0.6, "old": 1.0}
"""Of the skins by the first word of their names, from 0 for children to 1; the numbers are synthetic."""
_MAX_LOG_DETAIL = 0.8
_SAMPLES_PER_EDGE = 5


class TextureSampler:
    """Carries textures in MakeHuman's skin layout to vertices.

    A vertex gets the mean of the texture over its triangles, weighted by the vertex's barycentric coordinate (its
    linear hat function). So detail finer than the mesh is averaged instead of aliased, and a vertex on a UV seam gets
    one value made from both sides.
    """

    def __init__(self, template: Template) -> None:
        """Prepare for the skin regions of `template`; the other vertices sample to zero."""
        regions = [template.region_names.index(name) for name in SKIN_REGIONS if name in template.region_names]
        used = np.isin(template.triangle_region, regions)
        corners = template.uv[template.uv_triangles[used]].astype(np.float64)  # (T, 3, 2)
        weights = _triangle_samples(_SAMPLES_PER_EDGE)  # (S, 3)
        uv = np.einsum("sc,tcd->tsd", weights, corners)  # (T, S, 2)
        pixel = np.stack([uv[..., 0], 1.0 - uv[..., 1]], axis=-1) * TEXTURE_SIZE - 0.5
        base = np.clip(np.floor(pixel), 0, TEXTURE_SIZE - 2).astype(np.int64)
        fraction = np.clip(pixel - base, 0.0, 1.0)
        triangles = template.triangles[used]
        matrix = sparse.csr_matrix((len(template.vertices), TEXTURE_SIZE**2))
        for dx in (0, 1):
            for dy in (0, 1):
                bilinear = np.abs(1 - dx - fraction[..., 0]) * np.abs(1 - dy - fraction[..., 1])  # (T, S)
                column = (base[..., 1] + dy) * TEXTURE_SIZE + base[..., 0] + dx  # (T, S)
                for corner in range(3):
                    row = np.broadcast_to(triangles[:, corner, None], column.shape)
                    value = bilinear * weights[:, corner]
                    matrix = matrix + sparse.csr_matrix((value.ravel(), (row.ravel(), column.ravel())), matrix.shape)
        total = np.asarray(matrix.sum(axis=1)).ravel()
        self._matrix = sparse.diags(1.0 / np.where(total > 0, total, 1.0)) @ matrix

    def __call__(self, texture: np.ndarray) -> np.ndarray:
        """Texture (TEXTURE_SIZE, TEXTURE_SIZE[, C]), row 0 at v = 1 -> vertex values (V[, C])."""
        return self._matrix @ texture.reshape(TEXTURE_SIZE**2, *texture.shape[2:])


def _triangle_samples(per_edge: int) -> np.ndarray:
    """Barycentric coordinates (S, 3) of a regular grid of points inside a triangle."""
    grid = [(i, j, per_edge - 1 - i - j) for i in range(per_edge) for j in range(per_edge - i)]
    return (np.array(grid) + 1.0 / 3.0) / per_edge


@dataclass(frozen=True)
class SkinDetail:
    """Detail at the vertices of a template.

    Attributes:
        log_detail: (2 K, V, 3) log ratio of linear RGB to the skin's own tone, 0 outside the skin; the second half is
            the first mirrored left to right.
        darkness: (2 K,) 1 for skins of dark people, 0 for the others. ages: (2 K,) of their people, see `AGES`.
        hair: (V,) coverage of the scalp by hair in [0, 1].
        brows: (B, V) coverage by brow hair in [0, 1].
        parts: name -> (V,) soft mask in [0, 1] of each part of `skin_layout`.
    """

    log_detail: np.ndarray
    darkness: np.ndarray
    ages: np.ndarray
    hair: np.ndarray
    brows: np.ndarray
    parts: dict[str, np.ndarray]


def load_skin_detail(template: Template, base: BaseMesh, skin: Path, part_names: tuple[str, ...]) -> SkinDetail:
    """Sample skins, brows and part masks at the vertices of `template`.

    Args:
        template: head whose skin regions use MakeHuman's skin layout.
        base: MakeHuman's base mesh, which the brow meshes refer to.
        skin: folder `face_model/skin` of the sources.
        part_names: the parts of `skin_layout` wanted.
    Raises LimelightError: a texture is missing or unreadable.
    """
    sampler = TextureSampler(template)
    skins = sorted((skin / "skins_512").glob("*_diffuse*.png"))
    if not skins:
        raise LimelightError(f"no skins in {skin / 'skins_512'}: check LIMELIGHT_DATA")
    darkness = np.array([float("darkskinned" in path.name) for path in skins])
    linear = [_resize(_srgb_to_linear(read_picture(path)[..., 2::-1] / 255.0)) for path in skins]
    hair = _hair_mask([texture for texture, dark in zip(linear, darkness, strict=True) if dark])
    details = [_log_detail(texture, hair) for texture in linear]
    details += [_mirror(detail) for detail in details]
    brows = [_brow_texture(path, base) for path in sorted((skin / "brows").glob("*.mhclo"))]
    return SkinDetail(
        log_detail=np.stack([sampler(detail) for detail in details]).astype(np.float32),
        darkness=np.tile(darkness, 2),
        ages=np.tile([AGES[path.name.split("_")[0]] for path in skins], 2),
        hair=sampler(hair),
        brows=np.stack([sampler(brow) for brow in brows]),
        parts={name: sampler(part_mask(name)) for name in part_names},
    )


def load_iris_colours(irises: Path) -> dict[str, np.ndarray]:
    """Return by name the mean linear RGB (3,) of each iris texture's ring; LimelightError if there is none."""
    paths = sorted(irises.glob("*_eye.png"))
    if not paths:
        raise LimelightError(f"no iris textures in {irises}: check LIMELIGHT_DATA")
    centre, inner, outer = np.array([0.705, 0.295]), 0.045, 0.100
    colours = {}
    for path in paths:
        picture = _srgb_to_linear(read_picture(path)[..., 2::-1] / 255.0)
        row, column = np.indices(picture.shape[:2]) / picture.shape[0]
        distance = np.hypot(column - centre[0], row - centre[1])
        colours[path.stem] = picture[(distance > inner) & (distance < outer)].mean(axis=0)
    return colours


def read_picture(path: Path) -> np.ndarray:
    """Read a picture (H, W, C) uint8 in OpenCV's order of channels; LimelightError if it cannot be read."""
    picture = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if picture is None:
        raise LimelightError(f"cannot read the picture {path}: check LIMELIGHT_DATA")
    return picture


def _srgb_to_linear(encoded: np.ndarray) -> np.ndarray:
    return np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)


def _resize(texture: np.ndarray) -> np.ndarray:
    return np.maximum(cv2.resize(texture, (TEXTURE_SIZE, TEXTURE_SIZE), interpolation=cv2.INTER_CUBIC), 1e-4)


def _mirror(texture: np.ndarray) -> np.ndarray:
    """The texture of the mirrored face: v -> 2 MIDLINE_V - v."""
    shift = np.array([[1.0, 0.0, 0.0], [0.0, -1.0, 2.0 * (1.0 - MIDLINE_V) * TEXTURE_SIZE - 1.0]])
    return cv2.warpAffine(texture, shift, texture.shape[1::-1], borderMode=cv2.BORDER_REFLECT)


def _face_front() -> np.ndarray:
    """Mask (TEXTURE_SIZE, TEXTURE_SIZE) of cheeks, nose, chin and forehead, whose median is a skin's own tone."""
    return np.sum([part_mask(name) for name in ("cheek", "forehead", "chin", "nose")], axis=0) > 0.5


def _hair_mask(dark_skins: list[np.ndarray]) -> np.ndarray:
    """Coverage (TEXTURE_SIZE, TEXTURE_SIZE) by scalp hair: where skins with black hair are much darker than skin."""
    front = _face_front()
    ratio = np.mean([np.log(s @ LUMINANCE) - np.median(np.log(s @ LUMINANCE)[front]) for s in dark_skins], axis=0)
    smooth = cv2.GaussianBlur(ratio, (0, 0), 6.0)
    hair = np.clip((-smooth - 0.45) / 1.2, 0.0, 1.0)
    u = (np.arange(TEXTURE_SIZE) + 0.5) / TEXTURE_SIZE
    w = np.abs(1.0 - u - MIDLINE_V)[:, None]
    off_head = (u < 0.63) | (1.0 - u < 0.14)[:, None]  # the layout's other islands
    face = (u > 0.765) & (w < 0.075) | (u > 0.80) & (w < 0.095) | (u > 0.895)  # eyes, nostrils and beard are no scalp
    ears = part_mask("ear") > 0.25
    hair[face | ears | off_head] = 0.0
    return 0.5 * (cv2.GaussianBlur(hair, (0, 0), 5.0) + _mirror(cv2.GaussianBlur(hair, (0, 0), 5.0)))


def _log_detail(texture: np.ndarray, hair: np.ndarray) -> np.ndarray:
    """Log ratio (H, W, 3) of a skin to its own tone, softly limited, faded out under the scalp hair."""
    log_texture = np.log(texture)
    ratio = log_texture - np.median(log_texture[_face_front()], axis=0)
    limited = _MAX_LOG_DETAIL * np.tanh(ratio / _MAX_LOG_DETAIL)
    near_hair = cv2.dilate((hair > 0.05).astype(np.float64), np.ones((15, 15)))
    return limited * (1.0 - cv2.GaussianBlur(near_hair, (0, 0), 9.0))[..., None]


def _brow_texture(clothes: Path, base: BaseMesh) -> np.ndarray:
    """Brow coverage (TEXTURE_SIZE, TEXTURE_SIZE): the brow mesh's texture drawn into the skin layout.

    The .mhclo file binds each vertex of the brow mesh to three vertices of the base mesh, whose skin UVs are known.
    """
    alpha = read_picture(clothes.with_suffix(".png"))[..., 3] / 255.0
    skin_uv = bound_uv(clothes, base)  # (N, 2)
    mesh = read_obj(clothes.with_suffix(".obj"))
    quads, corners = mesh.faces, mesh.uv[mesh.uv_faces]  # (Q, 4), (Q, 4, 2)
    triangles, texture_uv = (np.concatenate([t[:, [0, 1, 2]], t[:, [0, 2, 3]]]) for t in (quads, corners))
    target = np.stack([skin_uv[:, 0], 1.0 - skin_uv[:, 1]], axis=1)[triangles] * TEXTURE_SIZE - 0.5  # (T, 3, 2)
    source = np.stack([texture_uv[..., 0], 1.0 - texture_uv[..., 1]], axis=-1) * alpha.shape[::-1] - 0.5
    canvas = np.zeros((TEXTURE_SIZE, TEXTURE_SIZE))
    for to, start in zip(target, source, strict=True):
        low = np.floor(to.min(axis=0)).astype(int)
        width, height = np.ceil(to.max(axis=0)).astype(int) - low + 1
        edges = np.array([to[1] - to[0], to[2] - to[0]]).T
        if abs(np.linalg.det(edges)) < 1e-9:
            continue
        y, x = np.mgrid[low[1] : low[1] + height, low[0] : low[0] + width]
        b, c = np.linalg.solve(edges, np.stack([x.ravel() - to[0, 0], y.ravel() - to[0, 1]])).reshape(2, height, width)
        inside = (b >= -1e-6) & (c >= -1e-6) & (b + c <= 1 + 1e-6)
        where = start[0] + b[..., None] * (start[1] - start[0]) + c[..., None] * (start[2] - start[0])
        minified = np.sqrt(abs(np.linalg.det((start[1:] - start[0]).T)) / abs(np.linalg.det(edges)))
        blurred = cv2.GaussianBlur(alpha, (0, 0), max(0.5 * minified, 0.3))
        value = cv2.remap(blurred, where.astype(np.float32), None, cv2.INTER_LINEAR)
        window = canvas[low[1] : low[1] + height, low[0] : low[0] + width]
        np.maximum(window, np.where(inside, value, 0.0), out=window)
    return canvas


def bound_uv(clothes: Path, base: BaseMesh) -> np.ndarray:
    """Return the skin UV (N, 2) of each vertex of a MakeHuman clothes mesh, from its binding to the base mesh."""
    uv_of_vertex = np.zeros((len(base.vertices), 2))
    uv_of_vertex[base.quads.ravel()] = base.uv[base.uv_quads.ravel()]
    table = read_bindings(clothes)
    return np.einsum("nc,ncd->nd", table[:, 3:6], uv_of_vertex[table[:, :3].astype(int)])

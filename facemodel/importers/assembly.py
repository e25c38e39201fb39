"""From somebody else's linear face to our face model file.

What a foreign model lacks comes from a reference model (the embedded default) through the shape of the mean
face: the foreign mean is aligned to the reference's mean by iterative closest points, first as a similarity,
then, for looking up points only, with an affine map. Region labels, the 68 and 478 landmarks, and an albedo
where the foreign model has none, are those of the closest points. That is approximate: landmarks without a
crease to hold them (jaw line, cheeks, forehead) lie within a few millimetres of where a person would put them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facemodel.importers.mesh import boundary_rings, closest_points, fill_ring, kd_tree, similarity
from facemodel.model import FORMAT_VERSION, FaceModel

EYES_TO_ORIGIN = 60.0
"""The origin of the model frame lies this far behind the mid-point of the eyeballs, mm."""

_FURTHEST_LIP_RING = 20.0  # mm from the inner lips' landmarks to a ring that may be the mouth opening
_ITERATIONS = 60


@dataclass(frozen=True)
class ForeignModel:
    """A linear face as its authors made it, in mm with +y up and the face toward +z.

    Attributes:
        name, licence, provenance: as in `FaceModel`.
        mean: (V, 3).
        identity, expression: (Ni, V, 3), (Ne, V, 3) displacements for coefficients as `FaceModel` wants them.
        expression_names, expression_range: as in `FaceModel`.
        triangles: (T, 3), counter-clockwise from outside.
        uv, uv_triangles: (U, 2), (T, 3).
        eye_centres: (2, 3) the subject's left and right, or None to take the reference model's.
    """

    name: str
    licence: str
    provenance: str
    mean: NDArray[np.float64]
    identity: NDArray[np.float64]
    expression: NDArray[np.float64]
    expression_names: tuple[str, ...]
    expression_range: tuple[float, float]
    triangles: NDArray[np.int64]
    uv: NDArray[np.float64]
    uv_triangles: NDArray[np.int64]
    eye_centres: NDArray[np.float64] | None = None


@dataclass(frozen=True)
class Albedo:
    """Linear RGB at the vertices: (V, 3) means and (Na, V, 3) bases over one shared coefficient vector."""

    diffuse_mean: NDArray
    diffuse_basis: NDArray
    specular_mean: NDArray
    specular_basis: NDArray

    def at(self, vertices: NDArray) -> Albedo:
        """The albedo of some of the vertices."""
        return Albedo(
            self.diffuse_mean[vertices],
            self.diffuse_basis[:, vertices],
            self.specular_mean[vertices],
            self.specular_basis[:, vertices],
        )


@dataclass(frozen=True)
class Alignment:
    """Where a foreign mean face lies on the reference model.

    Attributes:
        rotation: (3, 3) from foreign axes to the model frame.
        placed: (V, 3) foreign mean in the reference's coordinates by similarity.
        scale, translation: of that similarity.
        warped_reference: (Vr, 3) the reference's mean, drawn onto `placed` by an affine map.
        residual: median distance in mm of the reference's face region from the foreign surface.
    """

    rotation: NDArray[np.float64]
    placed: NDArray[np.float64]
    scale: float
    translation: NDArray[np.float64]
    warped_reference: NDArray[np.float64]
    residual: float


def align(mean: NDArray, triangles: NDArray, reference: FaceModel) -> Alignment:
    """Align a foreign mean face (V, 3), in mm and roughly upright and frontal, to the reference's; noses first."""
    face = reference.region_vertices("face")
    target = reference.mean[face].astype(float)  # (F, 3)
    used = mean[np.unique(triangles)]
    scale, rotation, translation = 1.0, np.eye(3), _tip(target) - _tip(used)
    for _ in range(_ITERATIONS):
        placed = scale * used @ rotation.T + translation
        distance, nearest = kd_tree(placed).query(target)
        kept = distance <= np.quantile(distance, 0.85)
        scale, rotation, translation = similarity(used[nearest[kept]], target[kept])
    placed = scale * mean @ rotation.T + translation

    affine = np.vstack([np.eye(3), np.zeros(3)])  # (4, 3)
    homogeneous = np.column_stack([target, np.ones(len(target))])
    for _ in range(_ITERATIONS // 4):
        index, weights, distance = closest_points(homogeneous @ affine, placed, triangles, candidates=8)
        found = np.einsum("nk,nkd->nd", weights, placed[triangles[index]])
        kept = distance <= np.quantile(distance, 0.9)
        affine, *_ = np.linalg.lstsq(homogeneous[kept], found[kept], rcond=None)
    everywhere = np.column_stack([reference.mean, np.ones(reference.n_vertices)])
    return Alignment(rotation, placed, scale, translation, everywhere @ affine, float(np.median(distance)))


def transfer_regions(
    triangles: NDArray, alignment: Alignment, reference: FaceModel, *regions: str
) -> NDArray[np.uint8]:
    """(T,) region of every triangle: that of the closest reference triangle of `regions`, as index into its names."""
    wanted = np.isin(reference.triangle_region, [reference.region_names.index(name) for name in regions])
    centroids = alignment.placed[triangles].mean(axis=1)
    index, _, _ = closest_points(centroids, alignment.warped_reference, reference.triangles[wanted], candidates=8)
    return reference.triangle_region[wanted][index]


def transfer_albedo(alignment: Alignment, reference: FaceModel) -> Albedo:
    """The reference's albedo at the points of its surface that are closest to the foreign vertices."""
    index, weights, _ = closest_points(alignment.placed, alignment.warped_reference, reference.triangles)
    corners = reference.triangles[index]  # (V, 3)

    def blend(values: NDArray) -> NDArray:
        return np.einsum("vk,...vkc->...vc", weights, values[..., corners, :])

    return Albedo(
        blend(reference.diffuse_mean),
        np.stack([blend(mode) for mode in reference.diffuse_basis]),
        blend(reference.specular_mean),
        np.stack([blend(mode) for mode in reference.specular_basis]),
    )


def assemble(
    foreign: ForeignModel,
    albedo: Albedo,
    region: NDArray[np.uint8],
    kept: NDArray[np.bool_],
    alignment: Alignment,
    reference: FaceModel,
) -> FaceModel:
    """A face model in our frame, of the triangles that are `kept` (T,) with their `region` (T,)."""
    triangles, region = foreign.triangles[kept], region[kept]
    used, compact = np.unique(triangles, return_inverse=True)
    triangles = compact.reshape(-1, 3)
    uv_used, uv_compact = np.unique(foreign.uv_triangles[kept], return_inverse=True)

    if foreign.eye_centres is None:
        eyes = (reference.eye_centres - alignment.translation) / alignment.scale  # still in the reference's axes
    else:
        eyes = foreign.eye_centres @ alignment.rotation.T
    origin = eyes.mean(axis=0) - (0.0, 0.0, EYES_TO_ORIGIN)
    mean = foreign.mean[used] @ alignment.rotation.T - origin
    at = albedo.at(used)

    facial = np.flatnonzero(region == reference.region_names.index("face"))
    placed = alignment.placed[used]
    arrays: dict[str, NDArray] = {
        "format_version": np.array(FORMAT_VERSION, np.int32),
        "name": np.array(foreign.name),
        "licence": np.array(foreign.licence),
        "provenance": np.array(f"{foreign.provenance} Aligned to {reference.name} {reference.digest}."),
        "mean": mean,
        "identity": foreign.identity[:, used] @ alignment.rotation.T,
        "expression": foreign.expression[:, used] @ alignment.rotation.T,
        "expression_names": np.array(foreign.expression_names),
        "expression_range": np.array(foreign.expression_range, np.float32),
        "diffuse_mean": at.diffuse_mean,
        "diffuse_basis": at.diffuse_basis,
        "specular_mean": at.specular_mean,
        "specular_basis": at.specular_basis,
        "triangles": triangles,
        "uv": foreign.uv[uv_used],
        "uv_triangles": uv_compact.reshape(-1, 3),
        "region_names": np.array(reference.region_names),
        "triangle_region": region,
        "eye_centres": eyes - origin,
    }
    if (reference.occlusion < 1.0).any():
        index, weights, _ = closest_points(placed, alignment.warped_reference, reference.triangles)
        arrays["occlusion"] = (weights * reference.occlusion[reference.triangles[index]]).sum(axis=1)
    for landmarks in ("landmarks68", "landmarks478"):
        points = getattr(reference, landmarks)(alignment.warped_reference)
        index, weights, _ = closest_points(points, placed, triangles[facial])
        arrays[f"{landmarks}_triangles"] = facial[index]
        arrays[f"{landmarks}_barycentric"] = weights
    lips = reference.landmarks68(alignment.warped_reference)[60:68]
    arrays["inner_mouth_triangles"] = fill_ring(_mouth_ring(triangles[facial], placed, lips), placed)
    return FaceModel.from_arrays(arrays)


def _mouth_ring(triangles: NDArray, vertices: NDArray, lips: NDArray) -> NDArray[np.int64]:
    """The ring of vertices around the mouth opening; where the mesh has none, the eight nearest to the inner lips."""
    rings = boundary_rings(triangles)
    tree = kd_tree(lips)
    distances = [float(tree.query(vertices[ring])[0].mean()) for ring in rings]
    if distances and min(distances) < _FURTHEST_LIP_RING / 2:
        return rings[int(np.argmin(distances))]
    facial = np.unique(triangles)
    _, nearest = kd_tree(vertices[facial]).query(lips)
    _, first = np.unique(nearest, return_index=True)
    return facial[nearest[np.sort(first)]]


def _tip(points: NDArray) -> NDArray[np.float64]:
    """The foremost point: the tip of the nose."""
    return points[points[:, 2].argmax()].astype(float)

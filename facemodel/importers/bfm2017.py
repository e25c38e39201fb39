"""Basel Face Model 2017 with the albedo model of Smith et al. 2020, from the user's own licensed files.

Shape file (HDF5, Gerig et al. 2018): `shape/model` and `expression/model` with `mean`, `pcaBasis` and
`pcaVariance`, and `shape/representer/cells`. Albedo file (Smith et al. 2020): `diffuseAlbedo/model` and
`specularAlbedo/model` with the same three arrays, linear RGB, over one shared coefficient vector c_t. Bases
become basis x sqrt(variance), so that coefficients are N(0, 1). The mesh is cropped to the frontal face without
ears and neck, as the paper crops it. The model has no eyeballs, teeth or tongue, and its UVs are a cylinder's.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facemodel.errors import LimelightError
from facemodel.importers.assembly import Albedo, ForeignModel, align, assemble, transfer_regions
from facemodel.model import FaceModel


def import_bfm2017(shape: str | Path, albedo: str | Path, reference: FaceModel) -> FaceModel:
    """Read both files; every dimension comes from them.

    Args:
        shape: `model2017-1_bfm_nomouth.h5` or another file of that structure.
        albedo: `albedoModel2020_bfm_albedoPart.h5`, of the same mesh.
        reference: gives landmarks and the crop; see `facemodel.importers.assembly`.

    Raises:
        LimelightError: h5py is not installed, or a file is missing, unreadable or of another structure or mesh.
    """
    with _open(Path(shape)) as file:
        mean, identity = _linear_model(file, Path(shape), "shape/model")
        offset, expression = _linear_model(file, Path(shape), "expression/model", len(mean))
        triangles = _cells(file, Path(shape), len(mean))
    with _open(Path(albedo)) as file:
        diffuse_mean, diffuse = _linear_model(file, Path(albedo), "diffuseAlbedo/model", len(mean))
        specular_mean, specular = _linear_model(file, Path(albedo), "specularAlbedo/model", len(mean))
    if len(diffuse) != len(specular):
        raise LimelightError(
            f"{albedo}: {len(diffuse)} diffuse but {len(specular)} specular modes; they must share coefficients"
        )
    mean = mean + offset
    triangles = _facing_outwards(mean, triangles)
    uv = _cylinder(mean)
    foreign = ForeignModel(
        name="bfm2017",
        licence="Basel Face Model 2017 and Smith et al. 2020: under the licences you accepted; do not redistribute",
        provenance="Imported from the user's own files of the Basel Face Model 2017 and its albedo model.",
        mean=mean,
        identity=identity,
        expression=expression,
        expression_names=tuple(f"expression{i:03d}" for i in range(len(expression))),
        expression_range=(-np.inf, np.inf),
        triangles=triangles,
        uv=uv,
        uv_triangles=triangles,
    )
    alignment = align(mean, triangles, reference)
    region = transfer_regions(triangles, alignment, reference, "face", "scalp", "ears", "neck")
    kept = region == reference.region_names.index("face")
    colours = Albedo(diffuse_mean, diffuse, specular_mean, specular)
    return assemble(foreign, colours, region, kept, alignment, reference)


def _open(path: Path) -> Any:
    try:
        import h5py
    except ImportError as error:
        raise LimelightError("importing the Basel Face Model needs h5py: pip install 'limelight[train]'") from error
    if not path.is_file():
        raise LimelightError(f"{path}: no such file")
    try:
        return h5py.File(path, "r")
    except OSError as error:
        raise LimelightError(f"{path}: not an HDF5 file, or truncated") from error


def _dataset(file: Any, path: Path, name: str) -> NDArray[np.float64]:
    try:
        return np.asarray(file[name], dtype=float)
    except (KeyError, TypeError, ValueError, OSError) as error:
        raise LimelightError(f"{path}: dataset '{name}' is missing or unreadable") from error


def _linear_model(
    file: Any, path: Path, group: str, n_vertices: int | None = None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean (V, 3) and basis (N, V, 3) for N(0, 1) coefficients."""
    mean = _dataset(file, path, f"{group}/mean").reshape(-1)
    basis = _dataset(file, path, f"{group}/pcaBasis")
    variance = _dataset(file, path, f"{group}/pcaVariance").reshape(-1)
    if len(mean) % 3 or (n_vertices is not None and len(mean) != 3 * n_vertices):
        wanted = "a multiple of 3" if n_vertices is None else f"3 x {n_vertices}"
        raise LimelightError(f"{path}: dataset '{group}/mean' holds {len(mean)} numbers, not {wanted}")
    if basis.shape != (len(mean), len(variance)):
        raise LimelightError(
            f"{path}: dataset '{group}/pcaBasis' has shape {basis.shape}, not {(len(mean), len(variance))}"
        )
    modes = (basis * np.sqrt(variance)).T  # (N, 3V)
    return mean.reshape(-1, 3), modes.reshape(len(variance), -1, 3)


def _cells(file: Any, path: Path, n_vertices: int) -> NDArray[np.int64]:
    """Triangles (T, 3); the file stores them one to a column."""
    name = "shape/representer/cells"
    cells = _dataset(file, path, name).astype(np.int64)
    if cells.ndim != 2 or 3 not in cells.shape:
        raise LimelightError(f"{path}: dataset '{name}' has shape {cells.shape}, not (3, T)")
    cells = cells.T if cells.shape[0] == 3 else cells
    if cells.size == 0 or cells.min() < 0 or cells.max() >= n_vertices:
        raise LimelightError(f"{path}: dataset '{name}' points outside its {n_vertices} vertices")
    return np.ascontiguousarray(cells)


def _facing_outwards(vertices: NDArray, triangles: NDArray[np.int64]) -> NDArray[np.int64]:
    """The triangles, all turned round if most of the front faces away from +z."""
    a, b, c = (vertices[triangles[:, i]] for i in range(3))
    toward = np.cross(b - a, c - a)[:, 2]
    front = (a + b + c)[:, 2] / 3.0 > np.median(vertices[:, 2])
    return triangles if toward[front].sum() > 0 else triangles[:, ::-1].copy()


def _cylinder(vertices: NDArray) -> NDArray[np.float64]:
    """(V, 2) UVs 0..1 on a cylinder about the vertical axis, the face in the middle, v up."""
    centre = 0.5 * (vertices.min(axis=0) + vertices.max(axis=0))
    u = np.arctan2(vertices[:, 0] - centre[0], vertices[:, 2] - vertices[:, 2].min()) / (2.0 * np.pi) + 0.5
    v = (vertices[:, 1] - vertices[:, 1].min()) / np.ptp(vertices[:, 1])
    return np.column_stack([u, v])

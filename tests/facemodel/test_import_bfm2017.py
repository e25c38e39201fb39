"""Importing the Basel Face Model, on small files of its HDF5 structure that the tests make from the toy model."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from facemodel import FaceModel, LimelightError
from facemodel.importers.bfm2017 import import_bfm2017
from facemodel.rotation import matrix_from_euler
from tests.toy_model import toy_model

TURN = matrix_from_euler(np.radians(-2.0), np.radians(4.0), np.radians(1.0))
SHIFT = np.array([1.0, 20.0, -15.0])
SKIN = ("face", "scalp", "ears", "neck")


@pytest.fixture(scope="module")
def toy() -> FaceModel:
    return toy_model(n_identity=5, n_expression=8, n_albedo=3)


def write_linear_model(file: h5py.File, group: str, mean: np.ndarray, modes: np.ndarray, scales: np.ndarray) -> None:
    """`modes` (N, V, 3) for N(0, 1) coefficients as basis and variance, with the given scales split off."""
    flat = (modes / scales[:, None, None]).reshape(len(modes), -1).T
    file[f"{group}/mean"] = mean.reshape(-1).astype(np.float32)
    file[f"{group}/pcaBasis"] = flat.astype(np.float32)
    file[f"{group}/pcaVariance"] = (scales**2).astype(np.float32)


@pytest.fixture
def files(toy, tmp_path) -> tuple[Path, Path]:
    """Shape and albedo file: the toy's skin, turned and shifted, with part of the mean in the expression's mean."""
    shape, albedo = tmp_path / "shape.h5", tmp_path / "albedo.h5"
    offset = np.full_like(toy.mean, 0.5)
    with h5py.File(shape, "w") as file:
        write_linear_model(
            file, "shape/model", toy.mean @ TURN.T + SHIFT - offset, toy.identity @ TURN.T, np.arange(1.0, 6.0)
        )
        write_linear_model(file, "expression/model", offset, toy.expression[:4] @ TURN.T, np.full(4, 3.0))
        file["shape/representer/cells"] = toy.region_triangles(*SKIN).T
        file["shape/representer/points"] = (toy.mean @ TURN.T + SHIFT).T
    with h5py.File(albedo, "w") as file:
        write_linear_model(file, "diffuseAlbedo/model", toy.diffuse_mean, toy.diffuse_basis, np.full(3, 0.5))
        write_linear_model(file, "specularAlbedo/model", toy.specular_mean, toy.specular_basis, np.full(3, 2.0))
    return shape, albedo


@pytest.fixture
def imported(files, toy, tmp_path) -> FaceModel:
    return FaceModel.load(import_bfm2017(*files, toy).save(tmp_path / "bfm.npz"))


def test_dimensions_come_from_the_files(imported):
    assert (len(imported.identity), len(imported.expression), len(imported.diffuse_basis)) == (5, 4, 3)
    assert imported.expression_range == (-np.inf, np.inf)
    assert imported.layout.mouth_close_and_jaw_open is None


def test_it_is_cropped_to_the_frontal_face(imported, toy):
    assert set(imported.triangle_region.tolist()) == {imported.region_names.index("face")}
    face = len(toy.region_triangles("face"))
    assert abs(len(imported.triangles) - face) < 0.03 * face
    assert imported.n_vertices == len(np.unique(imported.triangles))


def test_pose_zero_and_place_are_ours(imported, toy):
    np.testing.assert_allclose(imported.eye_centres, toy.eye_centres, atol=0.3)
    for landmarks in ("landmarks68", "landmarks478"):
        distance = np.linalg.norm(
            getattr(imported, landmarks)(imported.mean) - getattr(toy, landmarks)(toy.mean), axis=1
        )
        assert np.median(distance) < 0.3
        assert np.quantile(distance, 0.95) < 1.0


def test_bases_are_for_unit_normal_coefficients(imported, toy):
    c = np.array([1.0, -1.0, 0.5, 0.0, 2.0])
    e = np.array([0.5, 1.0, -1.0, 0.0])
    moved = imported.landmarks478(imported.shape(c, e))
    expected = toy.landmarks478(toy.mean + np.tensordot(c, toy.identity, 1) + np.tensordot(e, toy.expression[:4], 1))
    distance = np.linalg.norm(moved - expected, axis=1)
    assert np.median(distance) < 0.3
    assert np.quantile(distance, 0.95) < 1.0


def test_diffuse_and_specular_share_coefficients(imported, toy):
    c = np.array([1.0, -0.5, 0.3])
    for ours, theirs in zip(imported.albedo(c), toy.albedo(c), strict=True):
        np.testing.assert_allclose(imported.landmarks478(ours), toy.landmarks478(theirs), atol=0.02)


def test_triangles_that_are_wound_the_other_way_are_turned(files, toy, imported):
    with h5py.File(files[0], "r+") as file:
        file["shape/representer/cells"][...] = file["shape/representer/cells"][()][::-1]
    again = import_bfm2017(*files, toy)
    assert again.normals(again.mean)[:, 2].mean() > 0
    np.testing.assert_allclose(again.mean, imported.mean, atol=1e-4)


@pytest.mark.parametrize(
    ("which", "dataset"),
    [
        (0, "shape/model/mean"),
        (0, "expression/model/pcaBasis"),
        (0, "shape/representer/cells"),
        (1, "diffuseAlbedo/model/pcaVariance"),
        (1, "specularAlbedo/model/mean"),
    ],
)
def test_a_missing_dataset_is_named(files, toy, which, dataset):
    with h5py.File(files[which], "r+") as file:
        del file[dataset]
    with pytest.raises(LimelightError, match=dataset):
        import_bfm2017(*files, toy)


def test_files_of_different_meshes_are_refused(files, toy):
    with h5py.File(files[1], "r+") as file:
        del file["diffuseAlbedo/model/mean"]
        file["diffuseAlbedo/model/mean"] = np.zeros(30)
    with pytest.raises(LimelightError, match=r"diffuseAlbedo/model/mean.*30 numbers"):
        import_bfm2017(*files, toy)


def test_albedo_models_of_different_size_are_refused(files, toy):
    with h5py.File(files[1], "r+") as file:
        for name in ("pcaBasis", "pcaVariance"):
            shorter = file[f"specularAlbedo/model/{name}"][..., :2]
            del file[f"specularAlbedo/model/{name}"]
            file[f"specularAlbedo/model/{name}"] = shorter
    with pytest.raises(LimelightError, match="share"):
        import_bfm2017(*files, toy)


def test_cells_outside_the_mesh_are_refused(files, toy):
    with h5py.File(files[0], "r+") as file:
        file["shape/representer/cells"][0, 0] = 10**6
    with pytest.raises(LimelightError, match="cells"):
        import_bfm2017(*files, toy)


def test_what_is_no_hdf5_file_is_refused(files, toy, tmp_path):
    other = tmp_path / "other.h5"
    other.write_bytes(b"hello")
    with pytest.raises(LimelightError, match="not an HDF5 file"):
        import_bfm2017(other, files[1], toy)
    with pytest.raises(LimelightError, match="no such file"):
        import_bfm2017(files[0], tmp_path / "none.h5", toy)

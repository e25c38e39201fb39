"""Importing ICT-FaceKit, on a small clone that the tests write: the toy model, turned, in cm, as OBJ files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from facemodel import FaceModel, LimelightError
from facemodel.importers.ict import import_ict
from facemodel.rotation import matrix_from_euler
from tests.toy_model import toy_model

SHAPES = {
    "jawOpen": "jawOpen",
    "browInnerUp_L": "browInnerUp",
    "browInnerUp_R": "mouthPucker",
    "cheekPuff_L": "cheekPuff",
}
"""ICT's name of a shape, and the toy's shape that stands for it."""
TURN = matrix_from_euler(np.radians(2.0), np.radians(-3.0), np.radians(1.0))
SHIFT = np.array([3.0, -12.0, 25.0])
MATERIALS = {
    "face": "M_Face",
    "scalp": "M_BackHead",
    "ears": "M_BackHead",
    "neck": "M_BackHead",
    "mouth_lining": "M_BackHead",
    "tongue": "M_GumsTongue",
    "teeth": "M_Teeth",
}


def to_ict(points: np.ndarray) -> np.ndarray:
    """From the toy's frame (mm) to that of the clone (cm, otherwise placed and turned)."""
    return (points @ TURN.T + SHIFT) / 10.0


def material_of(toy: FaceModel, triangle: int) -> str:
    region = toy.region_names[toy.triangle_region[triangle]]
    if region == "eyes":
        return "M_ScleraLeft" if toy.mean[toy.triangles[triangle], 0].mean() > 0 else "M_ScleraRight"
    return MATERIALS[region]


def displacement(toy: FaceModel, name: str) -> np.ndarray:
    return toy.expression[toy.expression_names.index(name)]


def obj_text(toy: FaceModel, vertices: np.ndarray, with_faces: bool) -> str:
    lines = [f"v {x:.6f} {y:.6f} {z:.6f}" for x, y, z in to_ict(vertices)]
    if with_faces:
        lines += [f"vt {u:.6f} {v:.6f}" for u, v in toy.uv]
        lashes = np.flatnonzero(toy.triangle_region == toy.region_names.index("face"))[:10]
        faces = [(material_of(toy, i), i) for i in range(len(toy.triangles))] + [("M_EyeLashes", i) for i in lashes]
        material = None
        for name, i in faces:
            if name != material:
                lines.append(f"usemtl {name}")
                material = name
            lines.append("f " + " ".join(f"{v + 1}/{v + 1}" for v in toy.triangles[i]))
    return "\n".join(lines) + "\n"


@pytest.fixture(scope="module")
def toy() -> FaceModel:
    return toy_model(n_identity=3, n_expression=52, n_albedo=2)


@pytest.fixture(scope="module")
def source_clone(toy, tmp_path_factory) -> Path:
    shapes = tmp_path_factory.mktemp("ICT-FaceKit") / "FaceXModel"
    shapes.mkdir()
    (shapes / "generic_neutral_mesh.obj").write_text(obj_text(toy, toy.mean, True))
    for i, mode in enumerate(toy.identity):
        (shapes / f"identity{i:03d}.obj").write_text(obj_text(toy, toy.mean + mode, False))
    for name, ours in SHAPES.items():
        (shapes / f"{name}.obj").write_text(obj_text(toy, toy.mean + displacement(toy, ours), False))
    (shapes / "vertex_indices.json").write_text(json.dumps({"expressions": list(SHAPES)}))
    return shapes.parent


@pytest.fixture
def clone(source_clone, tmp_path) -> Path:
    """A clone that a test may damage."""
    folder = tmp_path / "FaceXModel"
    folder.mkdir()
    for path in (source_clone / "FaceXModel").iterdir():
        (folder / path.name).symlink_to(path)
    return tmp_path


@pytest.fixture(scope="module")
def imported(source_clone, toy, tmp_path_factory) -> FaceModel:
    path = tmp_path_factory.mktemp("imported") / "ict.npz"
    return FaceModel.load(import_ict(source_clone, toy).save(path))


def test_dimensions_and_names_come_from_the_clone(imported):
    assert imported.identity.shape[0] == 3
    assert imported.expression_names == ("jawOpen", "browInnerUpLeft", "browInnerUpRight", "cheekPuffLeft")
    assert imported.expression_range == (0.0, 1.0)
    assert "MIT" in imported.licence


def test_it_is_placed_in_our_frame(imported, toy):
    np.testing.assert_allclose(imported.eye_centres, toy.eye_centres, atol=0.3)
    np.testing.assert_allclose(imported.eye_centres.mean(axis=0), [0.0, 0.0, 60.0], atol=1e-3)
    for landmarks in ("landmarks68", "landmarks478"):
        found = getattr(imported, landmarks)(imported.mean)
        distance = np.linalg.norm(found - getattr(toy, landmarks)(toy.mean), axis=1)
        assert np.median(distance) < 0.3
        assert distance.max() < 1.0


def test_displacements_are_turned_and_scaled_with_the_mean(imported, toy):
    moved = imported.landmarks478(imported.shape(np.array([1.0, 0.0, 0.0]), np.array([1.0, 0.0, 0.0, 0.0])))
    expected = toy.landmarks478(toy.mean + toy.identity[0] + displacement(toy, "jawOpen"))
    assert np.linalg.norm(moved - expected, axis=1).max() < 1.0


def test_regions_follow_materials_and_what_is_no_face_is_left_out(imported, toy):
    def counts(model: FaceModel) -> np.ndarray:
        return np.bincount(model.triangle_region, minlength=len(model.region_names))

    assert len(imported.triangles) == len(toy.triangles), "the lashes are dropped"
    np.testing.assert_allclose(counts(imported), counts(toy), atol=0.06 * len(toy.triangles))
    for region in ("eyes", "teeth"):
        assert len(imported.region_triangles(region)) == len(toy.region_triangles(region))


def test_albedo_is_the_references(imported, toy):
    ours, theirs = (m.landmarks478(m.albedo(np.array([1.0, -1.0]))[0]) for m in (imported, toy))
    np.testing.assert_allclose(ours, theirs, atol=0.02)


def test_the_mouth_is_closed_by_triangles_that_face_the_camera(imported):
    corners = imported.mean[imported.inner_mouth_triangles]
    assert len(corners)
    assert (np.abs(corners[..., 1] - imported.landmarks68(imported.mean)[62, 1]) < 5.0).all()
    opened = imported.shape(np.zeros(3), np.array([1.0, 0.0, 0.0, 0.0]))[imported.inner_mouth_triangles]
    facing = np.cross(opened[:, 1] - opened[:, 0], opened[:, 2] - opened[:, 0])[:, 2]
    assert (facing >= -1e-3).all()
    assert facing.sum() > 0


def test_the_shapes_folder_itself_may_be_named(source_clone, toy, imported):
    assert import_ict(source_clone / "FaceXModel", toy).n_vertices == imported.n_vertices


def replace_file(folder: Path, name: str, text: str | None) -> None:
    path = folder / "FaceXModel" / name
    path.unlink()
    if text is not None:
        path.write_text(text)


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("generic_neutral_mesh.obj", None, "generic_neutral_mesh.obj"),
        ("generic_neutral_mesh.obj", "v 0 0 0\n", "no faces"),
        ("generic_neutral_mesh.obj", "v 0 0 0\nf 1//1 1//1 1//1\n", "not a valid OBJ"),
        ("jawOpen.obj", None, "jawOpen.obj"),
        ("jawOpen.obj", "v 0 0\nv 1 2 3\n", "jawOpen.obj"),
        ("identity001.obj", "v 0 0 0\n", "identity001.obj: 1 vertices"),
        ("vertex_indices.json", None, "vertex_indices.json"),
        ("vertex_indices.json", "{}", "expressions"),
    ],
)
def test_a_damaged_clone_is_refused_in_one_line(clone, toy, name, text, said):
    replace_file(clone, name, text)
    with pytest.raises(LimelightError, match=said) as caught:
        import_ict(clone, toy)
    assert "\n" not in str(caught.value)


def test_a_clone_without_identities_is_refused(clone, toy):
    for path in (clone / "FaceXModel").glob("identity*.obj"):
        path.unlink()
    with pytest.raises(LimelightError, match="identity000"):
        import_ict(clone, toy)

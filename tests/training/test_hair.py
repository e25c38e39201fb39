"""Hair is built from woven meshes, and drawn over rendered faces."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from facemodel import FaceModel, LimelightError, project
from facemodel.hair import Hair
from facemodel.hair_shading import HairLook
from training.face_model.hair import read_hair_mesh
from training.face_model.hair_strands import COLUMNS, KINDS, ROWS, strand_coordinates, strand_texture
from training.face_model.makehuman import BaseMesh
from training.render.hair import DrawnHair
from training.render.rasterizer import Light, rasterize

SIDE = 96
LOOK = HairLook((0.4, 0.1, 0.05))
LIGHT = Light(
    np.array([[2.5] * 3] + [[0.0] * 3] * 8, np.float32),
    np.array([0.0, 300.0, 700.0], np.float32),
    np.ones(3, np.float32),
    20.0,
)


def woven(rows: int, columns: int) -> tuple[np.ndarray, np.ndarray]:
    """A curtain 20 mm wide for each column, 30 mm long for each row: vertices (N, 3) and quads (Q, 4)."""
    row, column = np.mgrid[0 : rows + 1, 0 : columns + 1]
    vertices = np.stack([20.0 * column, -30.0 * row, 0.0 * row], axis=-1).reshape(-1, 3)
    first = (row * (columns + 1) + column)[:-1, :-1].ravel()
    return vertices, np.stack([first, first + 1, first + columns + 2, first + columns + 1], axis=1)


def test_strands_run_down_a_curtain_however_its_quads_are_listed() -> None:
    vertices, quads = woven(6, 3)
    turned = np.array([np.roll(quad, k % 4) for k, quad in enumerate(quads)])
    for corners in (quads, turned):
        across, down = strand_coordinates(vertices, corners, -vertices[:, 1], lashes=False).T
        np.testing.assert_allclose(down, -vertices[:, 1] / 180.0, atol=1e-3)
        assert np.ptp(across) == pytest.approx(60.0, abs=0.1)
        assert np.ptp(across[vertices[:, 0] == 20.0]) < 0.1


def test_lashes_run_across_their_strip() -> None:
    vertices, quads = woven(1, 8)
    coordinates = strand_coordinates(vertices, quads, -vertices[:, 1], lashes=True)
    np.testing.assert_allclose(coordinates[:, 1], -vertices[:, 1] / 30.0, atol=1e-3)


@pytest.mark.parametrize("name", list(KINDS))
def test_a_strand_texture_repeats_sideways_and_thins_out(name: str) -> None:
    texture = strand_texture(KINDS[name], np.random.default_rng(0))
    assert texture.shape == (ROWS, COLUMNS, 2)
    cover = texture[..., 0].astype(float)
    assert cover[ROWS // 3 : ROWS // 2].mean() > 3.0 * cover[-ROWS // 16 :].mean()
    steps = np.abs(np.diff(cover, axis=1)).mean()
    assert np.abs(cover[:, 0] - cover[:, -1]).mean() < 2.0 * steps + 4.0


def base_mesh() -> BaseMesh:
    vertices = np.array([[0.0, 0.0, 0.0], [2.0, 0.0, 0.0], [0.0, 2.0, 0.0], [0.0, 0.0, 4.0]])
    none = np.zeros((0, 4), int)
    return BaseMesh(vertices, np.zeros((0, 2)), none, none, np.array([]), np.array([]), {})


def test_bindings_are_read_with_their_scale_and_exact_vertices(tmp_path: Path) -> None:
    (tmp_path / "lock.obj").write_text("v 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\nvt 0 0\nf 1/1 2/1 3/1 4/1\n")
    (tmp_path / "lock.mhclo").write_text(
        "basemesh hm08\nx_scale 0 1 4.0\nz_scale 0 3 2.0\ny_scale 0 2 2.0\nverts 0\nmaterial lock.mhmat\n"
        "0\n3\n0 1 2 0.5 0.5 0.0 1.0 0.0 0.0\n0 1 2 0.0 0.0 1.0 0.0 0.0 1.0\n"
    )
    mesh = read_hair_mesh(tmp_path / "lock", base_mesh())
    assert mesh.vertices.tolist() == [[0, 0, 0], [0, 0, 4], [1.5, 0, 0], [0, 2, 2]]
    assert mesh.quads.tolist() == [[0, 1, 2, 3]]


def test_meshes_that_are_missing_or_do_not_match_are_refused(tmp_path: Path) -> None:
    with pytest.raises(LimelightError, match="is missing: check LIMELIGHT_DATA"):
        read_hair_mesh(tmp_path / "none", base_mesh())
    (tmp_path / "lock.obj").write_text("v 0 0 0\nvt 0 0\nf 1/1 1/1 1/1 1/1\n")
    (tmp_path / "lock.mhclo").write_text("verts 0\n0\n1\n")
    with pytest.raises(LimelightError, match="binds 2 vertices"):
        read_hair_mesh(tmp_path / "lock", base_mesh())


def test_hair_is_drawn_before_and_around_the_face_and_hidden_behind_it() -> None:
    model = FaceModel.load()
    face, triangles = model.mean, model.triangles
    pose = (np.eye(3), np.array([SIDE / 2, SIDE / 2]), SIDE / 300.0)
    owner, weights = rasterize(project(face, *pose), face[:, 2], triangles, SIDE, SIDE)
    corners = face[triangles[np.maximum(owner, 0)], 2]  # (S, S, 3)
    depth = np.where(owner >= 0, (corners * weights).sum(axis=2), -np.inf).astype(np.float32)
    assert np.isneginf(depth[0, 0])
    nose = model.landmarks68(face)[30]
    column, row = (int(v) for v in project(nose[None], *pose)[0])
    assert depth[row, column] == pytest.approx(nose[2], abs=6.0)

    drawn = DrawnHair(Hair.load().worn_by(model, "ponytail"))
    picture = np.zeros((SIDE, SIDE, 4), np.float32)
    cover = drawn.draw(picture, depth, face, pose, LIGHT, LOOK)
    np.testing.assert_allclose(picture[..., 3], cover, atol=1e-5)
    assert 0.0 <= cover.min() <= cover.max() <= 1.0
    top = project(face[face[:, 1].argmax()][None], *pose)[0].astype(int)
    assert cover[top[1] + 2, top[0]] > 0.9
    assert cover[row, column] == 0.0
    hair = cover > 0.9
    assert (picture[hair][:, 0] > picture[hair][:, 2]).all()  # red, as its colour
    bare = drawn.draw(np.zeros((SIDE, SIDE, 3), np.float32), np.full_like(depth, -np.inf), face, pose, LIGHT, LOOK)
    assert bare.sum() > cover.sum()  # what the head hid

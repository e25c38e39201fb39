"""Hair, lashes and brows: they follow any face, stay outside the head, and a broken file says what is wrong."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from facemodel import FaceModel, LimelightError
from facemodel.hair import Hair, hair_of
from facemodel.hair_shading import HairLook, shade_hair
from tests.toy_model import toy_model


@pytest.fixture(scope="module")
def hair() -> Hair:
    return Hair.load()


@pytest.fixture(scope="module")
def model() -> FaceModel:
    return FaceModel.load()


def person(model: FaceModel, seed: int) -> NDArray[np.float32]:
    identity = np.clip(np.random.default_rng(seed).normal(size=len(model.identity)), -2.0, 2.0)
    return model.shape(identity, np.zeros(len(model.expression))).astype(np.float32)


def with_expression(model: FaceModel, *names: str) -> NDArray[np.float32]:
    weights = np.isin(model.expression_names, names).astype(float)
    return model.shape(np.zeros(len(model.identity)), weights).astype(np.float32)


def test_there_are_styles_and_lashes_of_a_sensible_size(hair: Hair) -> None:
    assert len(hair.style_names) >= 8
    assert len(hair.lash_names) == 4
    assert len(hair.brow_names) >= 6
    assert np.diff(hair.triangle_start).max() <= 6000


def test_hair_follows_the_identity_and_keeps_its_form(hair: Hair, model: FaceModel) -> None:
    for name in hair.style_names:
        worn = hair.worn_by(model, name)
        rest, other = worn.vertices(model.mean), worn.vertices(person(model, 3))
        assert np.linalg.norm(other - rest, axis=1).mean() > 1.0  # mm
        edges = np.concatenate([worn.triangles[:, [0, 1]], worn.triangles[:, [1, 2]]])
        before, after = (np.linalg.norm(v[edges[:, 1]] - v[edges[:, 0]], axis=1) for v in (rest, other))
        long = before > 2.0
        assert np.percentile(np.abs(np.log(after[long] / before[long])), 95) < 0.35, name


def test_hair_moves_with_a_head_that_is_moved(hair: Hair, model: FaceModel) -> None:
    for name in (hair.style_names[0], hair.lash_names[0], hair.brow_names[0]):
        worn = hair.worn_by(model, name)
        moved = worn.vertices(model.mean + np.array([5.0, -3.0, 2.0], np.float32))
        np.testing.assert_allclose(moved, worn.vertices(model.mean) + [5.0, -3.0, 2.0], atol=1e-2)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_little_hair_is_below_the_skin(hair: Hair, model: FaceModel, seed: int) -> None:
    face = person(model, seed)
    normals = model.normals(face)
    skull = model.region_vertices("scalp")
    for name in hair.style_names:
        vertices = hair.worn_by(model, name).vertices(face)
        gaps = ((vertices[:, None] - face[skull][None]) ** 2).sum(axis=2)  # (H, S)
        nearest = skull[gaps.argmin(axis=1)]
        height = ((vertices - face[nearest]) * normals[nearest]).sum(axis=1)
        near = gaps.min(axis=1) < 25.0**2
        assert np.mean(height[near] < -3.0) < 0.05, name


def test_lashes_go_down_with_the_upper_lids_and_stay_on_them(hair: Hair, model: FaceModel) -> None:
    shut = with_expression(model, "eyeBlinkLeft", "eyeBlinkRight")
    for name in hair.lash_names:
        worn = hair.worn_by(model, name)
        used = np.unique(worn.triangles)
        rest, closed = worn.vertices(model.mean)[used], worn.vertices(shut)[used]
        upper = rest[:, 1] > np.median(rest[:, 1])
        fall = (rest - closed)[:, 1]
        assert fall[upper].max() > 4.0
        assert np.median(fall[upper]) > np.median(np.abs(fall[~upper])) + 1.0
        skin = model.region_vertices("face")
        away = [
            np.sqrt(((lashes[:, None] - face[skin][None]) ** 2).sum(axis=2).min(axis=1))
            for lashes, face in ((rest, model.mean), (closed, shut))
        ]
        assert away[1].max() < away[0].max() + 6.0
        assert np.percentile(away[1], 90) < 8.0


def test_brows_follow_the_skin_and_lie_on_it(hair: Hair, model: FaceModel) -> None:
    raised = with_expression(model, "browInnerUp", "browOuterUpLeft", "browOuterUpRight")
    normals = model.normals(raised)
    skin = model.region_vertices("face")
    for name in hair.brow_names:
        worn = hair.worn_by(model, name)
        rest, up = worn.vertices(model.mean), worn.vertices(raised)
        assert (up - rest)[:, 1].mean() > 2.0, name
        assert (rest[:, 0] > 0.0).mean() == pytest.approx(0.5, abs=0.05), name
        points = model.landmarks478(model.mean)[[107, 66, 105, 336, 296, 334]]
        assert np.linalg.norm(points[:, None] - rest[None], axis=2).min(axis=1).max() < 10.0, name
        gaps = np.linalg.norm(up[:, None] - raised[skin][None], axis=2)
        nearest = skin[gaps.argmin(axis=1)]
        height = ((up - raised[nearest]) * normals[nearest]).sum(axis=1)
        assert height.min() > -0.3, name
        assert height.max() < 2.0, name


def test_hair_on_the_scalp_does_not_move_with_a_blink(hair: Hair, model: FaceModel) -> None:
    worn = hair.worn_by(model, "crop")
    shut = with_expression(model, "eyeBlinkLeft", "eyeBlinkRight")
    assert np.abs(worn.vertices(shut) - worn.vertices(model.mean)).max() < 1.0


def test_the_same_places_are_found_on_a_finer_mesh(hair: Hair, model: FaceModel) -> None:
    fine = refined(model)
    for name in ("crop", "lashes natural"):
        coarse = hair.worn_by(model, name).vertices(model.mean)
        np.testing.assert_allclose(hair.worn_by(fine, name).vertices(fine.mean), coarse, atol=0.3)


def refined(model: FaceModel) -> FaceModel:
    """The model with a vertex more in the middle of each triangle."""
    middle = model.mean[model.triangles].mean(axis=1)
    uv_middle = model.uv[model.uv_triangles].mean(axis=1)
    count, uv_count = len(model.mean), len(model.uv)

    def split(triangles: NDArray, first: int) -> NDArray[np.int32]:
        centre = first + np.arange(len(triangles))
        corners = [np.stack([triangles[:, i], triangles[:, (i + 1) % 3], centre], axis=1) for i in range(3)]
        return np.concatenate(corners).astype(np.int32)

    return replace(
        model,
        mean=np.concatenate([model.mean, middle]),
        uv=np.concatenate([model.uv, uv_middle]),
        triangles=split(model.triangles, count),
        uv_triangles=split(model.uv_triangles, uv_count),
        triangle_region=np.tile(model.triangle_region, 3),
    )


def test_the_scalp_under_the_hair_is_covered_and_the_face_is_not(hair: Hair, model: FaceModel) -> None:
    cover = hair.worn_by(model, "crop").cover
    assert cover[model.region_vertices("scalp")].mean() > 0.5
    only_face = np.setdiff1d(model.region_vertices("face"), model.region_vertices("scalp"))
    assert cover[only_face].max() == 0.0


def test_a_model_with_another_skin_layout_wears_no_hair(hair: Hair, model: FaceModel) -> None:
    other = replace(model, uv=model.uv[:, ::-1].copy())
    assert not hair.fits(other)
    assert not hair.fits(toy_model())
    with pytest.raises(LimelightError, match="cannot wear hair"):
        hair.worn_by(other, "crop")


def test_an_unknown_style_is_refused(hair: Hair, model: FaceModel) -> None:
    with pytest.raises(LimelightError, match="no hair style 'mohawk'; there are afro"):
        hair.worn_by(model, "mohawk")


def test_the_highlight_needs_the_key_light_and_hair_in_no_light_is_black() -> None:
    axis = np.array([[1.0, 0.0, 0.0]]), np.array([[0.0, 0.0, 1.0]])
    arguments = (HairLook((0.2, 0.1, 0.05)), np.zeros((1, 3)), axis[1], axis[0], np.ones(1))
    dark = shade_hair(*arguments, np.zeros((9, 3)), np.array([0.0, 300.0, 500.0]), np.zeros(3))
    np.testing.assert_array_equal(dark, 0.0)
    lit = shade_hair(*arguments, np.zeros((9, 3)), np.array([0.0, 300.0, 500.0]), np.ones(3))
    np.testing.assert_array_equal(lit[:, :3], 0.0)
    assert (lit[:, 3:] > 0.0).all()


def test_a_face_model_has_the_hair_that_lies_beside_it(tmp_path: Path) -> None:
    assert hair_of(None) is None
    assert hair_of(tmp_path / "candidate.npz") is None
    (tmp_path / "candidate_hair.npz").touch()
    assert hair_of(tmp_path / "candidate.npz") == tmp_path / "candidate_hair.npz"


def test_a_saved_set_reads_back(hair: Hair, tmp_path: Path) -> None:
    again = Hair.load(hair.save(tmp_path / "hair.npz"))
    assert again.names == hair.names
    np.testing.assert_array_equal(again.offsets, hair.offsets)
    np.testing.assert_array_equal(again.triangles, hair.triangles)


@pytest.mark.parametrize(
    ("key", "change", "message"),
    [
        ("format_version", lambda a: a + 1, "array 'format_version': expected 2, got 3"),
        ("uv", lambda a: a[:-1], "array 'uv': expected shape"),
        ("uv", lambda a: np.where(np.arange(len(a))[:, None] == 4, np.nan, a), "array 'uv' holds values"),
        ("offsets", lambda a: a.astype(int), "array 'offsets': a int64 array"),
        ("triangles", lambda a: a + np.uint16(60000), "array 'triangles' holds an index"),
        ("anchors", lambda a: a.astype(int) - 1, "array 'anchors' holds an index"),
        ("texture_of", lambda a: a + 9, "array 'texture_of' holds an index"),
        ("vertex_start", lambda a: a[::-1], "array 'vertex_start': expected rising numbers"),
        ("textures", None, "array 'textures' is missing"),
    ],
)
def test_a_malformed_file_names_the_array(tmp_path: Path, key: str, change, message: str) -> None:
    with np.load(Path(__file__).parents[2] / "facemodel/assets/hair.npz") as archive:
        arrays = dict(archive)
    if change is None:
        del arrays[key]
    else:
        arrays[key] = change(arrays[key])
    np.savez(tmp_path / "hair.npz", **arrays)
    with pytest.raises(LimelightError, match=message):
        Hair.load(tmp_path / "hair.npz")


def test_files_that_are_none_are_refused(tmp_path: Path) -> None:
    with pytest.raises(LimelightError, match="no such file"):
        Hair.load(tmp_path / "none.npz")
    (tmp_path / "text.npz").write_text("no hair")
    with pytest.raises(LimelightError, match="unreadable or truncated"):
        Hair.load(tmp_path / "text.npz")

"""What 3-D exports share: the head's parts and targets, its texture, its turns."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from facemodel import ARKIT_NAMES, LimelightError
from facemodel.channels import ChannelReader
from realtime.takes.exporters import export_take
from realtime.takes.scene.albedo import bake_albedo
from realtime.takes.scene.head import Head
from realtime.takes.scene.light import roughness
from tests.realtime.moving_head import moving_take
from tests.toy_model import toy_model


@pytest.fixture(scope="module")
def toy():
    return toy_model()


def test_an_expression_that_the_model_splits_is_one_target_that_moves_both_sides(toy):
    inner = ARKIT_NAMES.index("browInnerUp")
    names = [*ARKIT_NAMES[:inner], "browInnerUpLeft", *ARKIT_NAMES[inner + 1 :], "browInnerUpRight"]
    extra = np.roll(toy.expression[inner : inner + 1], 1, axis=2)
    split = replace(toy, expression_names=tuple(names), expression=np.concatenate([toy.expression, extra]))
    vector = split.layout.neutral()
    split.layout.view(vector).expression[[inner, 52]] = 0.25, 0.75
    weight = float(ChannelReader(split.layout).read(vector, (640, 480)).weight("browInnerUp"))
    assert weight == 0.5
    head = Head.of(split)
    both = (0.001 * (toy.expression[inner] + extra[0]))[head.skin.source]
    np.testing.assert_allclose(weight * head.targets[inner], 0.5 * both, atol=1e-8)


def test_an_expression_that_the_model_lacks_is_a_target_that_moves_nothing():
    model = toy_model(n_expression=20)
    head = Head.of(model)
    lacking = np.array([name not in model.expression_names for name in ARKIT_NAMES])
    assert lacking.sum() == 32
    assert not head.targets[lacking].any() and not head.target_normals[lacking].any()
    assert all(target.any() for target in head.targets[~lacking])


@pytest.fixture(scope="module")
def head(model):
    return Head.of(model)


def test_looking_about_moves_lids_and_skin_but_no_eyeball(model, head):
    eyes = set(model.region_vertices("eyes"))
    assert head.eyes is not None
    assert eyes == set(head.eyes[0].source) | set(head.eyes[1].source)
    assert eyes.isdisjoint(head.skin.source)
    look = head.targets[[name.startswith("eyeLook") for name in ARKIT_NAMES]]
    assert (np.abs(look).max(axis=(1, 2)) > 0.001).all(), "metres"
    for eye in head.eyes:
        assert 0.5 * (eye.vertices.min(axis=0) + eye.vertices.max(axis=0)) == pytest.approx(0.0, abs=0.002)
    assert head.eye_centres[0, 0] > 0.02, "the subject's left is at image right"


def test_a_model_without_eyeballs_has_a_whole_skin(toy):
    names = tuple("face" if name == "eyes" else name for name in toy.region_names)
    head = Head.of(replace(toy, region_names=names))
    assert head.eyes is None and len(head.skin.triangles) == len(toy.triangles)


def test_every_corner_keeps_its_place_and_uv(model, head):
    skin = head.skin
    of_skin = model.triangle_region != model.region_names.index("eyes")
    np.testing.assert_allclose(skin.vertices[skin.triangles], 0.001 * model.mean[model.triangles[of_skin]], atol=1e-8)
    np.testing.assert_array_equal(skin.uv[skin.triangles], model.uv[model.uv_triangles[of_skin]])
    np.testing.assert_allclose(np.linalg.norm(skin.normals, axis=1), 1.0, atol=1e-5)


def test_charts_that_overlap_or_leave_the_square_get_no_texture():
    uv = np.array([[0.1, 0.1], [0.9, 0.1], [0.1, 0.9], [0.9, 0.9]])
    colors = np.full((4, 3), 0.5)
    apart = np.array([[0, 1, 2], [1, 3, 2]])
    picture = bake_albedo(uv, apart, colors, size=64)
    assert picture is not None and np.unique(picture).tolist() == [188], "sRGB, to the borders"
    assert bake_albedo(uv, np.array([[0, 1, 2], [0, 1, 3]]), colors, size=64) is None
    assert bake_albedo(uv + 1.0, apart, colors, size=64) is None


def test_a_texture_has_its_first_row_at_the_top():
    uv = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    colors = np.array([[0.0] * 3, [1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [1.0, 1.0, 0.0]])
    picture = bake_albedo(uv, np.array([[0, 1, 2], [1, 3, 2]]), colors, size=64)
    assert picture is not None
    assert (picture[0, 0, 1] > 240) and (picture[0, -1] > (240, 240, -1)).all() and (picture[-1, -1, 0] > 240)
    assert picture[-1, 0].max() < 60


def test_a_sharper_highlight_is_a_smoother_surface():
    assert roughness(200.0) < roughness(20.0) < roughness(0.0) == 1.0


@pytest.mark.parametrize("name", ["gltf", "usd"])
def test_a_model_with_expressions_of_its_own_is_refused(toy, tmp_path, name):
    own = replace(toy, expression_names=tuple(f"mode{i}" for i in range(52)))
    take = moving_take(tmp_path / "take.mcap", own, frames=2)
    with pytest.raises(LimelightError, match="has no ARKit expressions"):
        export_take(take, name, tmp_path / "take.glb" if name == "gltf" else tmp_path / "take.usdz")

"""The held-out renders: the same every time, resumable, and what their labels say."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from facemodel import CROP_SIZE, FaceModel, LimelightError, project
from facemodel.rotation import matrix_to_euler
from tests.toy_model import toy_model
from training.data.synthetic import SceneConfig
from training.evaluation.color_error import color_error
from training.evaluation.layers import face_layers
from training.evaluation.render_set import EXPRESSIONS, RenderSetConfig, render_set
from training.evaluation.skin_tone import skin_angle, tone_direction, tone_group, typology_angle
from training.render.degrade import CLEAN

MODEL = toy_model()
LAYOUT = MODEL.layout
SCENE = replace(SceneConfig(glasses_share=0.0, hat_share=0.0, occluder_share=0.0, headphones_share=0.0), faults=CLEAN)
CONFIG = RenderSetConfig(people=5, views=((0.0, 0.0), (-30.0, 10.0)), lights=2, size=70, scene=SCENE)


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    folder = tmp_path_factory.mktemp("renders")
    return folder, render_set(MODEL, folder, CONFIG)


def test_the_set_is_the_whole_grid_with_its_labels(drawn):
    _, renders = drawn
    assert len(renders) == len(renders.jpegs) == 5 * 3 * 2 * 2
    assert renders.image(59).shape == (70, 70, 3)
    keys = set(zip(renders.person, renders.expression, renders.view, renders.light, strict=True))
    assert len(keys) == 60
    assert list(dict.fromkeys(renders.expression.tolist())) == list(EXPRESSIONS)


def test_labels_say_what_the_pictures_show(drawn):
    _, renders = drawn
    errors = []
    for i in range(0, 60, 7):
        p = LAYOUT.view(renders.parameters[i])
        points = project(MODEL.landmarks478(MODEL.shape(p.identity, p.expression)), p.rotation, p.translation, p.scale)
        np.testing.assert_allclose(renders.landmarks[i], points, atol=1e-2)
        layers = face_layers(MODEL, renders.parameters[i], 56)
        assert layers.mask.sum() > 300
        errors.append(color_error(renders.crop(i, 56) / 255.0, layers.color, layers.mask).mean)
    assert np.median(errors) < 0.08  # what no label describes is drawn too: texture, shadows, hair


def test_one_person_keeps_face_and_lights_and_changes_expression_and_view(drawn):
    _, renders = drawn
    spans = LAYOUT.slices
    first = renders.parameters[renders.person == 0]
    assert (np.ptp(first[:, spans["identity"]], axis=0) == 0).all()
    assert (np.ptp(first[:, spans["albedo"]], axis=0) == 0).all()
    assert np.ptp(renders.parameters[:, spans["identity"]], axis=0).min() > 0.1
    shininess = [
        {round(float(s), 4) for s in first[renders.light[:12] == n][:, spans["shininess"]].ravel()} for n in (0, 1)
    ]
    assert len(shininess[0]) == len(shininess[1]) == 1 and shininess[0] != shininess[1]
    jaw = first[:, spans["expression"]][:, LAYOUT.expression_names.index("jawOpen")]
    kinds = renders.expression[:12]
    assert (jaw[kinds == "mouth_stretch"] > 0.6).all() and (jaw[kinds != "mouth_stretch"] == 0).all()
    assert (first[kinds == "neutral"][:, spans["expression"]] == 0).all()
    smile = first[:, spans["expression"]][:, LAYOUT.expression_names.index("mouthSmileLeft")]
    assert (smile[kinds == "grin"] > 0.5).all()


def test_views_look_where_the_configuration_says(drawn):
    _, renders = drawn
    rotations = np.stack([LAYOUT.view(vector).rotation for vector in renders.parameters])
    yaw = np.degrees(matrix_to_euler(rotations)[0])
    assert np.abs(yaw[renders.view == 0]).max() < 12
    assert (np.abs(yaw[renders.view == 1] + 30) < 12).all()
    assert (renders.parameters[:, LAYOUT.slices["key_color"]] > 0).all()


def test_tones_cover_the_range_evenly(drawn):
    _, renders = drawn
    albedo = renders.parameters[::12, LAYOUT.slices["albedo"]]
    tones = np.sort(albedo @ tone_direction(MODEL))
    edges = np.linspace(*CONFIG.tone, 6)
    assert ((tones >= edges[:-1] - 1e-5) & (tones <= edges[1:] + 1e-5)).all()
    for i in range(0, 60, 12):
        assert renders.tone_angle[i] == pytest.approx(skin_angle(MODEL, albedo[i // 12]))
        assert renders.tone_group[i] == tone_group(renders.tone_angle[i])


def test_the_same_seed_draws_the_same_set_also_after_an_interruption(drawn, tmp_path):
    folder, renders = drawn
    written = (folder / "chunk_0000" / "images.npy").stat().st_mtime_ns
    again = render_set(MODEL, folder, CONFIG)
    assert (folder / "chunk_0000" / "images.npy").stat().st_mtime_ns == written  # not drawn anew
    np.testing.assert_array_equal(again.parameters, renders.parameters)

    render_set(MODEL, tmp_path, CONFIG)
    (tmp_path / "chunk_0001").rename(tmp_path / ".partial_chunk_0001")  # as an interrupted run leaves it
    resumed = render_set(MODEL, tmp_path, CONFIG)
    for i in range(len(renders)):
        np.testing.assert_array_equal(resumed.image(i), renders.image(i))
    np.testing.assert_array_equal(resumed.landmarks, renders.landmarks)


def test_another_seed_or_model_is_another_set(drawn, tmp_path):
    folder, renders = drawn
    other = render_set(MODEL, tmp_path, replace(CONFIG, seed=1, people=1))
    assert not np.allclose(other.parameters[0], renders.parameters[0])
    for model, config in ((MODEL, replace(CONFIG, lights=1)), (toy_model(seed=3), CONFIG)):
        with pytest.raises(LimelightError, match="another"):
            render_set(model, folder, config)
    (tmp_path / "render_set.json").write_text("{")
    with pytest.raises(LimelightError, match="another"):
        render_set(MODEL, tmp_path, replace(CONFIG, seed=1, people=1))


def test_a_crop_is_the_middle_of_the_picture(drawn):
    _, renders = drawn
    middle = renders.image(3)[7:63, 7:63]
    np.testing.assert_array_equal(renders.crop(3, 56), middle)
    assert renders.crop(3, 28).shape == (28, 28, 3)
    assert renders.crop(3, 112).shape == (112, 112, 3)
    assert round(56 / 70 * 280) == CROP_SIZE


def test_highlights_that_can_be_seen_are_told_from_those_that_cannot(drawn):
    _, renders = drawn
    highlights = np.array([face_layers(MODEL, vector, 56).specular.max() for vector in renders.parameters])
    assert renders.highlight.shape == (60,)
    assert highlights[renders.highlight].min() > 0.0
    assert not renders.highlight[highlights < 1e-3].any()


def test_typology_angle_of_known_colours():
    """A grey of L* = 50 + d has b* = 0 and so +-90 degrees; skin of the ColorChecker lies between."""
    assert typology_angle([0.5, 0.5, 0.5]) == pytest.approx(90.0, abs=0.5)
    assert typology_angle([0.05, 0.05, 0.05]) == pytest.approx(-90.0, abs=0.5)
    light_skin = typology_angle(((np.array([194, 150, 130]) / 255 + 0.055) / 1.055) ** 2.4)  # L* 65.7, b* 17.8
    assert light_skin == pytest.approx(np.degrees(np.arctan2(15.7, 17.8)), abs=2.0)
    assert tone_group(light_skin) == "light"
    dark_skin = typology_angle(((np.array([115, 82, 68]) / 255 + 0.055) / 1.055) ** 2.4)  # L* 38.0, b* 14.1
    assert dark_skin == pytest.approx(np.degrees(np.arctan2(-12.0, 14.1)), abs=2.5)
    assert tone_group(dark_skin) == "dark"


def test_groups_change_at_their_limits():
    assert [tone_group(a) for a in (-31, 0, 20, 30, 50, 60)] == [
        "dark", "brown", "tan", "intermediate", "light", "very light",
    ]  # fmt: skip


def test_the_shipped_models_tones_run_from_dark_to_light():
    model, low, high = FaceModel.load(), *RenderSetConfig().tone
    angles = [skin_angle(model, tone * tone_direction(model)) for tone in np.linspace(low, high, 9)]
    assert (np.diff(angles) > 0).all()
    assert {tone_group(angle) for angle in angles} >= {"dark", "brown", "tan", "intermediate", "light"}

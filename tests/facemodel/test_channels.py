"""Channels: read from parameters, right in sign, order and range, and mirrored."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from facemodel import ARKIT_NAMES, FaceModel, ParameterLayout
from facemodel.channels import CHANNEL_NAMES, CHANNEL_SLICES, N_CHANNELS, ChannelReader, Channels, Gaze
from facemodel.lighting import sh_basis
from facemodel.rotation import matrix_from_euler

SIZE = (640, 480)


@pytest.fixture(scope="module")
def model() -> FaceModel:
    return FaceModel.load()


@pytest.fixture(scope="module")
def layout(model: FaceModel) -> ParameterLayout:
    return model.layout


def a_vector(layout: ParameterLayout, **weights: float) -> np.ndarray:
    vector = layout.neutral()
    p = layout.view(vector)
    p.translation[:] = 320, 240
    for name, value in weights.items():
        p.expression[layout.expression_names.index(name)] = value
    return vector


def test_each_column_has_a_name_of_its_own():
    assert len(set(CHANNEL_NAMES)) == N_CHANNELS == CHANNEL_SLICES["shininess"].stop


@pytest.mark.parametrize("name", ARKIT_NAMES)
def test_a_weight_comes_out_under_its_own_name(layout, name):
    vector = a_vector(layout, **{"jawOpen": 0.25, name: 0.25})
    channels = ChannelReader(layout).read(vector, SIZE)
    shown = {n: w for n, w in zip(ARKIT_NAMES, channels.weights, strict=True) if w > 0}
    assert shown == pytest.approx({"jawOpen": 0.25, name: 0.25})


def test_mouth_close_is_at_most_jaw_open_and_weights_stay_in_range(layout):
    vector = a_vector(layout, mouthClose=0.8, jawOpen=0.3, cheekPuff=1.4, tongueOut=-0.2)
    channels = ChannelReader(layout).read(vector, SIZE)
    assert channels.weight("mouthClose") == channels.weight("jawOpen") == pytest.approx(0.3)
    assert channels.weight("cheekPuff") == 1.0
    assert channels.weight("tongueOut") == 0.0


def test_a_split_shape_is_the_mean_of_its_halves_and_a_lacking_one_is_0():
    layout = ParameterLayout(2, 1, ("browInnerUpLeft", "browInnerUpRight", "jawOpen"))
    vector = a_vector(layout, browInnerUpLeft=0.2, browInnerUpRight=0.6, jawOpen=1.0)
    reader = ChannelReader(layout)
    assert reader.has_arkit_weights
    channels = reader.read(vector, SIZE)
    assert channels.weight("browInnerUp") == pytest.approx(0.4)
    assert channels.weights.sum() == pytest.approx(1.4)


def test_a_layout_without_arkit_names_has_a_head_and_no_weights():
    layout = ParameterLayout(2, 1, ("pc0", "pc1"), (-np.inf, np.inf))
    vector = a_vector(layout, pc0=3.0)
    reader = ChannelReader(layout)
    assert not reader.has_arkit_weights
    channels = reader.read(vector, SIZE)
    assert not channels.weights.any()
    assert channels.head_position[2] < 0


def test_the_head_is_where_it_is(layout):
    vector = a_vector(layout)
    p = layout.view(vector)
    p.rotation = matrix_from_euler(*np.radians((20.0, -10.0, 5.0)))
    p.scale = 2.0
    p.translation[:] = 420, 190
    channels = ChannelReader(layout).read(vector, SIZE)
    assert channels.head_angles == pytest.approx((20.0, -10.0, 5.0), abs=1e-4)
    assert channels.head_rotation == pytest.approx(p.rotation, abs=1e-6)
    assert channels.head_position == pytest.approx((50.0, 25.0, -320 / np.tan(np.radians(30)) / 2), rel=1e-6)
    assert channels.scale == 2.0
    assert channels.translation == pytest.approx((420, 190))


@pytest.mark.parametrize(
    ("weights", "left", "right"),
    [
        ({"eyeLookOutLeft": 1.0, "eyeLookInRight": 1.0}, (30, 0), (30, 0)),  # both to image right
        ({"eyeLookInLeft": 1.0}, (-30, 0), (0, 0)),
        ({"eyeLookOutRight": 1.0}, (0, 0), (-30, 0)),
        ({"eyeLookUpLeft": 1.0}, (0, 25), (0, 0)),
        ({"eyeLookDownRight": 1.0}, (0, 0), (0, -25)),
    ],
)
def test_eyes_turn_as_the_model_turns_them(model, weights, left, right):
    channels = ChannelReader.of_model(model).read(a_vector(model.layout, **weights), SIZE)
    assert channels.eye_angles == pytest.approx(np.array([left, right], float), abs=0.4)


@pytest.mark.parametrize("share", [0.1, 0.25, 0.5, 0.8])
def test_eyes_between_turn_as_their_vertices_do(model, share):
    weights = {"eyeLookOutLeft": share, "eyeLookUpLeft": 0.6 * share}
    vector = a_vector(model.layout, **weights)
    vertices = model.region_vertices("eyes")
    left = vertices[model.mean[vertices, 0] > 0]
    ball = model.mean[left] - model.eye_centres[0]
    moved = model.shape(np.zeros(model.layout.n_identity), model.layout.view(vector).expression)[left]
    u, _, vt = np.linalg.svd((moved - model.eye_centres[0]).T @ ball)
    expected = matrix_from_euler(*np.radians([*ChannelReader.of_model(model).read(vector, SIZE).eye_angles[0], 0.0]))
    assert np.degrees(np.arccos(np.clip((u @ vt)[:, 2] @ expected[:, 2], -1, 1))) < 0.1


def test_a_layout_alone_has_the_standard_gaze(model):
    vector = a_vector(model.layout, eyeLookOutLeft=0.4, eyeLookUpLeft=0.3, eyeLookInRight=0.9)
    alone, own = (reader.read(vector, SIZE) for reader in (ChannelReader(model.layout), ChannelReader.of_model(model)))
    assert alone.eye_angles == pytest.approx(own.eye_angles, abs=0.5)


def test_a_model_without_eyes_that_turn_has_the_standard_gaze(model):
    stiff = replace(model, region_names=tuple("balls" if name == "eyes" else name for name in model.region_names))
    assert np.array_equal(Gaze.of(stiff).turns, Gaze.standard(model.expression_names).turns)


def test_light_passes_as_it_is(layout):
    vector = a_vector(layout)
    p = layout.view(vector)
    p.sh[:] = np.arange(27).reshape(9, 3)
    p.key_position[:] = 1, 2, 3
    p.key_color[:] = 0.1, 0.2, 0.3
    p.shininess = 40
    channels = ChannelReader(layout).read(vector, SIZE)
    assert channels.sh == pytest.approx(p.sh)
    assert channels.key_position == pytest.approx((1, 2, 3))
    assert channels.key_color == pytest.approx((0.1, 0.2, 0.3))
    assert channels.shininess == 40


def test_many_rows_are_read_as_one_is_and_a_row_of_nan_stays_nan(layout):
    vectors = np.stack([a_vector(layout, jawOpen=0.1 * i) for i in range(4)])
    vectors[2] = np.nan
    reader = ChannelReader(layout)
    many = reader.read(vectors, np.array([SIZE] * 4))
    assert np.isnan(many.rows[2]).all()
    for i in (0, 1, 3):
        assert np.array_equal(many.rows[i], reader.read(vectors[i], SIZE).rows)


def test_rows_are_written_where_they_are_wanted(layout):
    out = Channels.empty()
    assert ChannelReader(layout).read(a_vector(layout, jawOpen=0.5), SIZE, out) is out
    assert out.weight("jawOpen") == 0.5
    with pytest.raises(ValueError, match="expected shape"):
        Channels(np.zeros(7))


def test_a_mirror_exchanges_left_and_right(layout):
    vector = a_vector(layout, eyeBlinkLeft=0.7, jawLeft=0.4, mouthSmileRight=0.3, eyeLookOutLeft=0.5)
    p = layout.view(vector)
    p.rotation = matrix_from_euler(*np.radians((20.0, -10.0, 5.0)))
    p.translation[0] = 400
    plain = ChannelReader(layout).read(vector, SIZE)
    mirrored = plain.mirror()
    assert mirrored.weight("eyeBlinkRight") == pytest.approx(0.7)
    assert mirrored.weight("jawRight") == pytest.approx(0.4)
    assert mirrored.weight("mouthSmileLeft") == pytest.approx(0.3)
    assert mirrored.head_angles == pytest.approx((-20.0, -10.0, -5.0), abs=1e-4)
    assert mirrored.head_position == pytest.approx(plain.head_position * (-1, 1, 1))
    assert mirrored.eye_angles[1] == pytest.approx(plain.eye_angles[0] * (-1, 1))
    assert mirrored.mirror().rows == pytest.approx(plain.rows)


def test_mirrored_light_shines_from_the_other_side(layout):
    channels = ChannelReader(layout).read(a_vector(layout), SIZE)
    channels.sh[:] = np.random.default_rng(3).normal(size=(9, 3))
    normal = np.array([0.48, 0.6, 0.64])
    seen = sh_basis(normal) @ channels.sh
    assert sh_basis(normal * (-1, 1, 1)) @ channels.mirror().sh == pytest.approx(seen)

"""The synthetic performer: acting that is repeatable and human, and frames that agree with their truth."""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from facemodel import ARKIT_NAMES, FaceModel, ParameterLayout, project
from facemodel.color import encode_srgb
from facemodel.reference import render as render_reference
from facemodel.rotation import angle_between, matrix_to_euler
from realtime.frame import Frame
from realtime.sources.performer import ActingRanges, Performer
from realtime.sources.synthetic import SyntheticPerformer, choose_hair, make_room
from tests.toy_model import toy_model

LAYOUT = ParameterLayout(6, 3, ARKIT_NAMES)
TIMES = np.arange(0.0, 60.0, 1.0 / 15.0)


@pytest.fixture(scope="module")
def performance() -> list[NDArray[np.float32]]:
    performer = Performer(LAYOUT, 640, 480, seed=1)
    return [performer.parameters(t) for t in TIMES]


def weights(performance: list[NDArray], name: str) -> NDArray:
    return np.array([LAYOUT.view(v).expression[ARKIT_NAMES.index(name)] for v in performance])


def test_same_seed_same_performance_and_another_seed_another() -> None:
    one, same, other = (Performer(LAYOUT, 640, 480, seed) for seed in (3, 3, 4))
    np.testing.assert_array_equal(one.parameters(12.3), same.parameters(12.3))
    assert not np.array_equal(one.parameters(12.3), other.parameters(12.3))


def test_one_person_per_performance(performance: list[NDArray]) -> None:
    for group in ("identity", "albedo"):
        values = np.array([v[LAYOUT.slices[group]] for v in performance])
        assert np.ptp(values, axis=0).max() == 0.0
        assert np.abs(values[0]).max() > 0.0


def test_parameters_are_finite_constrained_and_the_head_stays_in_the_frame(
    performance: list[NDArray],
) -> None:
    for vector in performance:
        assert np.isfinite(vector).all()
        np.testing.assert_array_equal(vector, LAYOUT.constrain(vector.copy()))
        p = LAYOUT.view(vector)
        assert 100 < p.translation[0] < 540
        assert 100 < p.translation[1] < 380
        assert p.key_position[2] > 0.0


def test_the_head_turns_within_its_ranges_and_moves_smoothly(performance: list[NDArray]) -> None:
    rotations = np.array([LAYOUT.view(v).rotation for v in performance])
    yaw, pitch, roll = (np.degrees(a) for a in matrix_to_euler(rotations))
    ranges = ActingRanges()
    for angle, limit in ((yaw, ranges.yaw), (pitch, ranges.pitch), (roll, ranges.roll)):
        assert 0.4 * limit < np.abs(angle).max() <= limit + 1e-3
    speed = np.degrees(angle_between(rotations[:-1], rotations[1:])) * 15.0
    assert speed.max() < 150.0  # degrees a second
    assert abs(yaw[0]) < 1.0
    assert abs(pitch[0]) < 1.0


def test_blinks_are_complete_short_and_as_frequent_as_people_blink() -> None:
    performer = Performer(LAYOUT, 640, 480, seed=2)
    times = np.arange(0.0, 24.0, 0.025)
    left = ARKIT_NAMES.index("eyeBlinkLeft")
    closed = np.array([LAYOUT.view(performer.parameters(t)).expression[left] > 0.9 for t in times])
    starts = np.flatnonzero(closed[1:] & ~closed[:-1])
    assert 5 <= len(starts) <= 14
    lengths = [np.argmax(~closed[s + 1 :]) * 0.025 for s in starts if not closed[s + 1 :].all()]
    assert np.median(lengths) < 0.4  # seconds


def test_gaze_is_conjugate_and_the_act_uses_the_face(performance: list[NDArray]) -> None:
    np.testing.assert_allclose(weights(performance, "eyeLookOutLeft"), weights(performance, "eyeLookInRight"))
    np.testing.assert_allclose(weights(performance, "eyeLookUpLeft"), weights(performance, "eyeLookUpRight"))
    for name in ("jawOpen", "mouthFunnel", "mouthSmileLeft", "browInnerUp", "eyeBlinkRight", "eyeLookInLeft"):
        assert weights(performance, name).max() > 0.3, name
        assert weights(performance, name).min() < 0.1, name


def test_the_lights_move(performance: list[NDArray]) -> None:
    keys = np.array([LAYOUT.view(v).key_position for v in performance])
    directions = keys / np.linalg.norm(keys, axis=1, keepdims=True)
    assert (directions @ directions[0]).min() < 0.7
    sh = np.array([LAYOUT.view(v).sh for v in performance])
    assert np.ptp(sh[:, 3], axis=0).max() > 0.2


def test_a_model_without_arkit_names_acts_too() -> None:
    layout = ParameterLayout(4, 2, tuple(f"mode {i}" for i in range(7)), (-np.inf, np.inf))
    performer = Performer(layout, 320, 240)
    early, late = (layout.view(performer.parameters(t)).expression for t in (1.0, 4.0))
    assert np.abs(early - late).min() > 0.0


@pytest.fixture(scope="module")
def toy() -> FaceModel:
    return toy_model()


@pytest.fixture
def source(toy: FaceModel) -> Iterator[SyntheticPerformer]:
    made = SyntheticPerformer(toy, width=160, height=120, fps=10.0, live=False, duration=1.0, noise=0.0)
    yield made
    made.close()


def read_all(source: SyntheticPerformer) -> list[Frame]:
    frames = []
    while (frame := source.read()) is not None:
        frames.append(frame)
    return frames


def test_frames_carry_the_truth_they_were_drawn_from(toy: FaceModel, source: SyntheticPerformer) -> None:
    frames = read_all(source)
    assert [f.index for f in frames] == list(range(10))
    np.testing.assert_allclose([f.timestamp for f in frames], np.arange(10) / 10.0)
    last = frames[-1]
    assert last.image.shape == (120, 160, 3)
    reference = render_reference(toy, last.truth, 160, 120)
    colour = encode_srgb(reference.diffuse + reference.specular)[..., ::-1] * 255.0
    upper = reference.mask & (np.arange(120)[:, None] < 60)
    assert np.median(np.abs(last.image - colour)[upper]) <= 1.0


def test_frames_are_separate_memory_and_repeatable(toy: FaceModel, source: SyntheticPerformer) -> None:
    first, *_, last = read_all(source)
    assert not np.shares_memory(first.image, last.image)
    again = SyntheticPerformer(toy, width=160, height=120, fps=10.0, live=False, noise=0.0)
    np.testing.assert_array_equal(again.read().image, first.image)
    again.close()


def test_noise_has_the_level_asked_for(toy: FaceModel) -> None:
    quiet, noisy = (SyntheticPerformer(toy, width=160, height=120, live=False, noise=level) for level in (0.0, 4.0))
    difference = noisy.read().image.astype(float) - quiet.read().image
    quiet.close()
    noisy.close()
    assert 3.0 < difference.std() < 5.0


def test_live_performance_skips_what_a_late_reader_missed(toy: FaceModel) -> None:
    source = SyntheticPerformer(toy, width=64, height=48, fps=50.0)
    first = source.read()
    time.sleep(0.2)
    late = source.read()
    source.close()
    assert late.index >= first.index + 9
    assert late.timestamp - first.timestamp == pytest.approx((late.index - first.index) / 50.0)


def test_closed_source_ends(source: SyntheticPerformer) -> None:
    source.close()
    source.close()
    assert source.read() is None


def test_rooms_differ_by_seed_and_are_out_of_focus() -> None:
    room = make_room(320, 240, seed=1)
    assert room.shape == (240, 320, 3)
    assert np.abs(room.astype(int) - make_room(320, 240, seed=2)).mean() > 3.0
    assert np.abs(np.diff(room.astype(int), axis=1)).max() < 25


@pytest.fixture(scope="module")
def embedded() -> FaceModel:
    return FaceModel.load()


def first_frame(model: FaceModel, seed: int) -> Frame:
    source = SyntheticPerformer(model, width=320, height=240, seed=seed, live=False, noise=0.0)
    frame = source.read()
    source.close()
    assert frame is not None
    return frame


def test_the_performer_wears_hair_the_same_for_a_seed(embedded: FaceModel) -> None:
    frame, again = first_frame(embedded, 2), first_frame(embedded, 2)
    np.testing.assert_array_equal(frame.image, again.image)
    bald = render_reference(embedded, frame.truth, 320, 240)
    colour = encode_srgb(bald.diffuse + bald.specular)[..., ::-1] * 255.0
    places = project_points(embedded, frame)
    scalp = places[embedded.region_vertices("scalp")]
    top = scalp[scalp[:, 1].argmin()] + (0.0, 12.0)
    row, column = int(top[1]), int(top[0])
    around = np.s_[row : row + 6, column - 20 : column + 20]
    assert bald.mask[around].all()
    assert np.abs(frame.image - colour)[around].mean() > 10.0
    nose = embedded.landmarks68(places)[30]
    middle = np.s_[int(nose[1]) - 3 : int(nose[1]) + 3, int(nose[0]) - 3 : int(nose[0]) + 3]
    assert np.abs(frame.image - colour)[middle].mean() < 3.0


def project_points(model: FaceModel, frame: Frame) -> NDArray:
    p = model.layout.view(frame.truth)
    return project(model.shape(p.identity, p.expression), p.rotation, p.translation, p.scale)


def test_performers_of_other_seeds_have_other_hair(embedded: FaceModel) -> None:
    hair = [choose_hair(embedded, seed) for seed in range(12)]
    chosen = {(worn.name, look.color) for one in hair for worn, look in one[2:]}
    assert len({name for name, _ in chosen}) == 3
    assert len({color for _, color in chosen}) > 3
    assert all(worn.follows_skin for one in hair for worn, _ in one[:2])
    assert len({one[1][0].name for one in hair}) > 2


def test_a_model_with_another_skin_layout_acts_without_hair(toy: FaceModel) -> None:
    assert choose_hair(toy, 0) == []

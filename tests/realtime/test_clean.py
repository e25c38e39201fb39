"""Cleaning: no delay, no lost blink, gaps closed and spikes gone; and the same whatever the blocks are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facemodel import LimelightError
from facemodel.rotation import angle_between, matrix_from_6d
from realtime.frame import TrackingState
from realtime.takes import clean as clean_module
from realtime.takes.clean import Cleaning, clean, close_gaps, remove_spikes, smooth
from realtime.takes.rows import Rows
from tests.realtime.clip_rows import assert_equal, in_blocks, rows_at
from tests.realtime.take_factory import LAYOUT

SLICES = LAYOUT.slices
EXPRESSION, ROTATION, TRANSLATION = (SLICES[name] for name in ("expression", "rotation", "translation"))
TIME = 10.0 + np.arange(300) / 60.0


def cleaned(rows: Rows, cleaning: Cleaning, *sizes: int) -> Rows:
    found = Rows.join(clean(in_blocks(rows, *(sizes or (len(rows),))), cleaning, LAYOUT))
    assert len(found) == len(rows)
    return found


@settings(max_examples=60)
@given(
    st.lists(st.floats(0.004, 0.3), min_size=1, max_size=80),
    st.lists(st.tuples(st.integers(0, 80), st.integers(1, 12)), max_size=3),
    st.lists(st.integers(1, 20), min_size=1, max_size=4),
    st.builds(
        Cleaning, st.sampled_from([0.0, 0.1, 0.6]), st.sampled_from([0.0, 3.0]), st.sampled_from([0.0, 0.3, 1.0])
    ),
    st.integers(0, 2**31),
)
def test_blocks_make_no_difference(steps, gaps, sizes, cleaning, seed):
    rows = rows_at(np.cumsum([5.0, *steps]), [(begin, begin + length) for begin, length in gaps])
    random = np.random.default_rng(seed)
    rows.vectors[:] += 0.2 * random.normal(size=rows.vectors.shape).astype(np.float32)
    assert_equal(cleaned(rows, cleaning, *sizes), cleaned(rows, cleaning), atol=1e-6)


def test_smoothing_takes_noise_and_leaves_motion_where_it_was():
    clear, noisy = rows_at(TIME), rows_at(TIME)
    random = np.random.default_rng(0)
    for group, size in (("expression", 0.02), ("rotation", 0.01), ("translation", 1.0)):
        noisy.vectors[:, SLICES[group]] += size * random.normal(size=noisy.vectors[:, SLICES[group]].shape)
    smoothed = cleaned(noisy, Cleaning(strength=1.0))
    column = EXPRESSION.start + LAYOUT.expression_names.index("jawOpen")
    before, after = (np.abs(rows.vectors[:, column] - clear.vectors[:, column]).std() for rows in (noisy, smoothed))
    assert after < 0.55 * before
    truth, turned = (matrix_from_6d(rows.vectors[:, ROTATION].astype(float)) for rows in (clear, smoothed))
    assert np.degrees(angle_between(truth, turned)).mean() < 0.5
    # no delay: of all shifts none fits better than none
    wave = [
        np.sqrt(((smoothed.vectors[20:-20, column] - np.roll(clear.vectors[:, column], s)[20:-20]) ** 2).mean())
        for s in (-2, -1, 0, 1, 2)
    ]
    assert np.argmin(wave) == 2


def test_what_is_smooth_already_stays_as_it_is():
    for time in (TIME, np.sort(np.random.default_rng(1).uniform(0.0, 5.0, 300))):
        rows = rows_at(time)
        found = cleaned(rows, Cleaning())
        np.testing.assert_allclose(found.vectors[:, EXPRESSION], rows.vectors[:, EXPRESSION], atol=0.03)
        np.testing.assert_allclose(found.vectors[:, TRANSLATION], rows.vectors[:, TRANSLATION], atol=0.05)


@pytest.mark.parametrize("fps", [25, 30, 60])
def test_a_blink_stays_a_blink(fps):
    time = np.arange(3 * fps) / fps
    rows = rows_at(time)
    column = EXPRESSION.start + LAYOUT.expression_names.index("eyeBlinkLeft")
    blink = np.clip(1.0 - np.abs(time - 1.5) / 0.1, 0.0, 1.0)  # 200 ms from open to open
    rows.vectors[:, column] = blink
    found = cleaned(rows, Cleaning())
    assert found.vectors[:, column].max() > 0.9 * blink.max()
    assert found.vectors[:, column].argmax() == blink.argmax()


def test_weights_stay_weights():
    rows = rows_at(TIME)
    rows.vectors[:, EXPRESSION] = np.random.default_rng(0).integers(0, 2, (300, LAYOUT.n_expression))
    found = cleaned(rows, Cleaning()).vectors[:, EXPRESSION]
    assert found.min() >= 0.0 and found.max() <= 1.0
    turned = cleaned(rows, Cleaning()).vectors[:, ROTATION].reshape(-1, 2, 3)
    np.testing.assert_allclose(np.linalg.norm(turned, axis=-1), 1.0, atol=1e-5)


def test_gaps_up_to_a_length_are_closed():
    rows, truth = rows_at(TIME, [(50, 56), (100, 140), (295, 300)]), rows_at(TIME)
    close_gaps(rows, 0.2, LAYOUT)
    assert rows.there.tolist() == [not (100 <= i < 140 or i >= 295) for i in range(300)]
    assert [rows.state[i] for i in (49, 50, 55, 56)] == [
        TrackingState.TRACKING,
        *[TrackingState.HELD] * 2,
        TrackingState.TRACKING,
    ]
    assert (rows.person[50:56] == 1).all()
    np.testing.assert_allclose(rows.vectors[50:56, EXPRESSION], truth.vectors[50:56, EXPRESSION], atol=0.02)


def test_a_held_pose_is_a_gap_too_and_another_person_is_none():
    rows = rows_at(TIME)
    rows.state[50:55] = TrackingState.HELD
    rows.vectors[50:55] = rows.vectors[49]
    rows.state[100:105], rows.person[105:] = TrackingState.HELD, 2
    held = rows.vectors[100:105].copy()
    close_gaps(rows, 0.2, LAYOUT)
    np.testing.assert_allclose(rows.vectors[52, EXPRESSION], rows_at(TIME).vectors[52, EXPRESSION], atol=0.02)
    np.testing.assert_array_equal(rows.vectors[100:105], held)


def test_spikes_go_and_steps_and_blinks_stay():
    rows = rows_at(TIME)
    names = LAYOUT.expression_names
    jaw, blink = (EXPRESSION.start + names.index(name) for name in ("jawOpen", "eyeBlinkLeft"))
    rows.vectors[:, jaw], rows.vectors[:, blink] = 0.1, 0.0
    rows.vectors[100, jaw], rows.vectors[100, blink] = 0.9, 1.0
    rows.vectors[200:, jaw] = 0.8  # stays open
    rows.vectors[150, ROTATION] = (0, 1, 0, -1, 0, 0)
    rows.vectors[150, TRANSLATION] += 50.0
    remove_spikes(rows, 4.0, LAYOUT)
    np.testing.assert_allclose(rows.vectors[:200, jaw], 0.1)
    np.testing.assert_allclose(rows.vectors[200:, jaw], 0.8)
    assert rows.vectors[100, blink] == 1.0
    turned = [matrix_from_6d(each.vectors[149:152, ROTATION].astype(float)) for each in (rows, rows_at(TIME))]
    assert np.degrees(angle_between(*turned)).max() < 1.5
    assert np.abs(rows.vectors[150, TRANSLATION] - rows.vectors[149, TRANSLATION]).max() < 2.0


def test_smoothing_does_not_reach_over_gaps():
    rows = rows_at(TIME, [(100, 110)])
    rows.vectors[:100, TRANSLATION] = 100.0
    rows.vectors[110:, TRANSLATION] = 300.0
    smooth(rows, 0.2, LAYOUT)
    np.testing.assert_allclose(rows.vectors[:100, TRANSLATION], 100.0, rtol=1e-5)
    np.testing.assert_allclose(rows.vectors[110:, TRANSLATION], 300.0, rtol=1e-5)
    assert np.isnan(rows.vectors[100:110]).all()


def test_the_input_is_not_changed():
    rows, before = rows_at(TIME, [(50, 55)]), rows_at(TIME, [(50, 55)])
    cleaned(rows, Cleaning())
    assert_equal(rows, before)


def test_options_are_read():
    assert Cleaning.parse("") == Cleaning()
    assert Cleaning.parse("gaps=0.5, strength=0") == Cleaning(gaps=0.5, strength=0.0)
    assert Cleaning.parse("spikes=6").spikes == 6.0


@pytest.mark.parametrize("text", ["strength=2", "strength", "gaps=-1", "gaps=nan", "smooth=1", "gaps=x"])
def test_options_that_make_no_sense_are_one_line(text):
    with pytest.raises(LimelightError) as error:
        Cleaning.parse(text)
    assert "\n" not in str(error.value) and text in str(error.value)


def test_frames_of_one_time_weigh_together_and_cost_no_more(monkeypatch):
    time = np.concatenate([TIME[:100], np.full(5000, TIME[100]), TIME[101:200]])
    rows = rows_at(time)
    jaw = EXPRESSION.start + LAYOUT.expression_names.index("jawOpen")
    rows.vectors[100:5100, jaw] = np.linspace(0.2, 0.6, 5000)
    fitted = []
    fit = clean_module._fitted_at
    monkeypatch.setattr(
        clean_module, "_fitted_at", lambda *arguments: (fitted.append(len(arguments[0])), fit(*arguments))[1]
    )
    smooth(rows, 0.15, LAYOUT)
    assert fitted == [200, 200]
    assert np.ptp(rows.vectors[100:5100, jaw]) == 0.0
    assert rows.vectors[100, jaw] == pytest.approx(0.4, abs=0.01), "5000 frames weigh more than their neighbours"

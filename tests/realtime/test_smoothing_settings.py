"""Strengths that people can set: their texts, their errors, and what each of them reaches."""

from __future__ import annotations

import numpy as np
import pytest

from facemodel import ARKIT_NAMES, LimelightError
from facemodel.parameters import ParameterLayout
from facemodel.rotation import matrix_from_euler
from realtime.tracking.smoothing import PRESETS, Smoother, SmoothingSettings
from realtime.tracking.smoothing.smoother import filter_strength

PARTS = ("head", "eyes", "brows", "mouth", "light")
LAYOUT = ParameterLayout(n_identity=3, n_albedo=2, expression_names=ARKIT_NAMES)
RATE = 30.0


def test_presets():
    assert tuple(PRESETS) == ("still", "balanced", "raw")
    assert PRESETS["balanced"] == SmoothingSettings() == SmoothingSettings.uniform(0.5)
    assert PRESETS["raw"] == SmoothingSettings.uniform(0.0)
    assert all(getattr(PRESETS["still"], part) > 0.5 for part in PARTS)
    assert [PRESETS[name].preset for name in PRESETS] == list(PRESETS)
    assert SmoothingSettings(mouth=0.3).preset is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("raw", SmoothingSettings.uniform(0.0)),
        ("mouth=0.3", SmoothingSettings(mouth=0.3)),
        ("balanced,mouth=0.3", SmoothingSettings(mouth=0.3)),
        (" raw , head = 1 , eyes=.25", SmoothingSettings(1.0, 0.25, 0.0, 0.0, 0.0)),
        ("mouth=0.3,raw", SmoothingSettings.uniform(0.0)),
        ("mouth=0.3,mouth=0.4", SmoothingSettings(mouth=0.4)),
    ],
)
def test_texts(text, expected):
    assert SmoothingSettings.parse(text) == expected


def test_a_text_goes_on_from_what_holds():
    assert SmoothingSettings.parse("brows=1", PRESETS["raw"]) == SmoothingSettings(0.0, 0.0, 1.0, 0.0, 0.0)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("calm", "'calm': say a preset (still, balanced, raw) or PART=STRENGTH"),
        ("", "'': say a preset"),
        ("balanced,", "'': say a preset"),
        ("0.3", "'0.3': say a preset"),
        ("mouht=0.3", "'mouht': no such part; there are head, eyes, brows, mouth, light"),
        ("preset=raw", "'preset': no such part"),
        ("mouth=1.5", "mouth=1.5: a strength is from 0 (off) to 1"),
        ("mouth=-0.1", "mouth=-0.1: a strength is from 0"),
        ("mouth=inf", "mouth=inf: a strength is from 0"),
        ("mouth=nan", "mouth='nan': a strength is a number"),
        ("mouth=", "mouth='': a strength is a number"),
        ("mouth=a=b", "mouth='a=b': a strength is a number"),
    ],
)
def test_errors_are_one_line_that_names_what_there_is(text, says):
    with pytest.raises(LimelightError) as caught:
        SmoothingSettings.parse(text)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("strength", [-1.0, 1.01, float("nan")])
def test_a_strength_out_of_range_is_refused(strength):
    with pytest.raises(LimelightError, match="head="):
        SmoothingSettings(head=strength)


@pytest.mark.parametrize("settings", [*PRESETS.values(), SmoothingSettings(0.1, 0.123456789, 1.0, 1 / 3, 0.0)])
def test_a_text_brings_settings_back(settings):
    assert SmoothingSettings.parse(str(settings)) == settings
    assert SmoothingSettings.parse(str(settings), PRESETS["still"]) == settings


def test_what_a_cut_off_is_divided_by():
    assert filter_strength(0.0) == 0.0
    assert filter_strength(0.5) == pytest.approx(1.0)
    assert filter_strength(1.0) == pytest.approx(6.0)


def noisy(layout, count, seed=6):
    """Frames of a face that trembles in all it has."""
    rng = np.random.default_rng(seed)
    for _ in range(count):
        raw = layout.neutral()
        p = layout.view(raw)
        p.translation[:] = (320.0, 240.0) + rng.normal(0.0, 1.0, 2)
        p.scale = 2.0 + rng.normal(0.0, 0.02)
        p.rotation = matrix_from_euler(*np.radians(rng.normal(0.0, 1.0, 3)))
        p.expression[:] = 0.4 + rng.normal(0.0, 0.03, layout.n_expression)
        p.sh[:] += rng.normal(0.0, 0.05, (9, 3))
        p.key_position[:] += rng.normal(0.0, 10.0, 3)
        p.key_color[:] += rng.normal(0.0, 0.05, 3)
        p.shininess = 20.0 + rng.normal()
        yield layout.constrain(raw)


def part_of_number(layout):
    """The part of each number of the vector after identity; identity and albedo belong to none."""
    for name in layout.names():
        group, _, rest = name.partition(".")
        if group == "expression":
            yield "eyes" if rest.startswith("eye") else "brows" if rest.startswith("brow") else "mouth"
        elif group in ("rotation", "translation", "scale"):
            yield "head"
        else:
            yield "none" if group in ("identity", "albedo") else "light"


@pytest.mark.parametrize("part", PARTS)
def test_a_part_that_is_off_passes_bit_by_bit_and_the_others_are_as_before(part):
    off, before = Smoother(LAYOUT, settings=SmoothingSettings(**{part: 0.0})), Smoother(LAYOUT)
    parts = np.array(list(part_of_number(LAYOUT)))
    closing = LAYOUT.slices["expression"].start + ARKIT_NAMES.index("mouthClose")  # at most jawOpen, raw or smoothed
    parts[closing] = "none"
    assert (parts == part).sum() >= 5
    others = (parts != part) & (parts != "none")
    for i, raw in enumerate(noisy(LAYOUT, 20)):
        out, other = off.update(raw, i / RATE), before.update(raw, i / RATE)
        np.testing.assert_array_equal(out[parts == part], raw[parts == part])
        np.testing.assert_array_equal(out[others], other[others])
        if i > 3:
            assert np.abs(other - raw)[parts == part].max() > 0.0


@pytest.mark.parametrize("part", PARTS)
def test_a_stronger_part_is_steadier(part):
    parts = np.array(list(part_of_number(LAYOUT))) == part

    def jitter(strength):
        smoother = Smoother(LAYOUT, settings=SmoothingSettings(**{part: strength}))
        track = np.array([smoother.update(raw, i / RATE) for i, raw in enumerate(noisy(LAYOUT, 120))])
        return np.abs(np.diff(track[40:], axis=0))[:, parts].sum(axis=1).mean()

    off, light, medium, heavy = (jitter(s) for s in (0.0, 0.25, 0.5, 1.0))
    assert off > light > medium > 1.8 * heavy


def test_new_settings_hold_at_once_and_make_no_jump():
    """As if the filters had never been off: the state has followed all the time."""
    frames = list(noisy(LAYOUT, 60))
    smoother = Smoother(LAYOUT, settings=PRESETS["raw"])
    for i, raw in enumerate(frames[:30]):
        smoother.update(raw, i / RATE)
    smoother.settings = PRESETS["balanced"]
    out = smoother.update(frames[30], 30 / RATE)
    x = LAYOUT.slices["translation"].start
    low, high = sorted((float(frames[29][x]), float(frames[30][x])))
    assert low < out[x] < high  # between where it was and where it is, not where a filter was left long ago
    smoother.settings = PRESETS["raw"]
    np.testing.assert_array_equal(smoother.update(frames[31], 31 / RATE)[x:], frames[31][x:])


def test_expressions_without_arkits_names_belong_to_the_mouth():
    layout = ParameterLayout(3, 2, tuple(f"expression{i:03d}" for i in range(6)), (-np.inf, np.inf))
    span = layout.slices["expression"]
    smoother = Smoother(layout, settings=SmoothingSettings(mouth=0.0))
    other = Smoother(layout, settings=SmoothingSettings(eyes=0.0, brows=0.0))
    for i, raw in enumerate(noisy(layout, 10)):
        np.testing.assert_array_equal(smoother.update(raw, i / RATE)[span], raw[span])
        smoothed = other.update(raw, i / RATE)[span]
    assert (smoothed != raw[span]).all()


def test_each_eye_winks_by_itself():
    left, right = (LAYOUT.slices["expression"].start + ARKIT_NAMES.index(f"eyeBlink{s}") for s in ("Left", "Right"))
    smoother = Smoother(LAYOUT)
    for i in range(30):
        raw = LAYOUT.neutral()
        raw[left] = 0.9 if i in (20, 21) else 0.05
        raw[right] = 0.05
        out = smoother.update(raw, i / RATE)
        assert out[right] == pytest.approx(0.05)
        if i in (20, 21):
            assert out[left] > 0.85
    smoother.reset_motion()
    raw[left] = 0.15
    assert smoother.update(raw, 1.0)[left] == np.float32(0.15)

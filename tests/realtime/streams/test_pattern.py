"""The test pattern: one channel at a time, under its name, and the command that streams it."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from facemodel import ARKIT_NAMES
from facemodel.channels import CHANNEL_NAMES, ChannelReader
from realtime.streams.pattern import PatternFeed
from tests.realtime.streams.faces import MODEL
from tests.toy_model import toy_model


@pytest.fixture(scope="module")
def rows():
    """{name of the step: (frames, C)} of one round, without waiting; the name is told by results and status alike."""
    feed = PatternFeed(MODEL, fps=20.0, step=1.0, paced=False)
    reader, found = ChannelReader(MODEL.layout), {}
    for _ in range(20 * len(feed.steps)):
        result = feed.read()
        assert feed.status().message == result.label
        found.setdefault(result.label, []).append(reader.read(result.performer.smoothed, (640, 480)).rows.copy())
    return {name: np.array(frames) for name, frames in found.items()}


def moved(frames: np.ndarray) -> set[str]:
    return {CHANNEL_NAMES[i] for i in np.flatnonzero(np.ptp(frames, axis=0) > 1e-5)}


def test_each_weight_rises_to_1_and_falls_alone(rows):
    assert tuple(rows)[:52] == ARKIT_NAMES
    for name in ARKIT_NAMES:
        weights = rows[name][:, :52]
        column = weights[:, ARKIT_NAMES.index(name)]
        assert (column[0], column[10]) == (0.0, 1.0)
        assert (np.diff(column[:11]) > 0).all()
        assert (np.diff(column[10:]) < 0).all()
        assert moved(weights) == {name}
        at_rest = np.delete(weights, ARKIT_NAMES.index(name), axis=1)
        assert at_rest.max() == (1.0 if name == "mouthClose" else 0.0)  # which needs an open jaw


@pytest.mark.parametrize(("way", "sign"), [("+", 1.0), ("-", -1.0)])
@pytest.mark.parametrize(
    ("channel", "most"),
    [*((f"head{angle}", 30.0) for angle in ("Yaw", "Pitch", "Roll")), *((f"head{axis}", 60.0) for axis in "XYZ")],
)
def test_the_head_goes_each_way(rows, channel, most, way, sign):
    name = f"{channel} {way}"
    column = rows[name][:, CHANNEL_NAMES.index(channel)]
    assert column[10] - column[0] == pytest.approx(sign * most, abs=1e-3)
    others = moved(rows[name]) - {channel, "translationX", "translationY", "scale"}
    assert others == set()


def test_the_eyes_look_each_way_together(rows):
    columns = [CHANNEL_NAMES.index(name) for name in ("leftEyeYaw", "leftEyePitch", "rightEyeYaw", "rightEyePitch")]
    for way, sign in (("image right", (1, 0)), ("image left", (-1, 0)), ("up", (0, 1)), ("down", (0, -1))):
        assert np.sign(np.round(rows[f"eyes {way}"][10, columns], 3)).tolist() == [*sign, *sign]


def test_the_light_comes_from_each_side_in_each_colour(rows):
    def at(name, *channels):
        return rows[name][10, [CHANNEL_NAMES.index(channel) for channel in channels]].tolist()

    assert at("key light from image right", "keyX", "keyY") == [500, 0]
    assert at("key light from below", "keyX", "keyY") == [0, -500]
    assert at("key light green", "keyR", "keyG", "keyB") == [0, 1, 0]
    assert at("SH light from image right", "sh3R", "sh1R") == [1, 0]
    assert moved(rows["key light red"]) == {"keyR"}


def test_a_model_with_few_expressions_shows_those():
    few = PatternFeed(toy_model(n_expression=8), paced=False)
    assert [step.name for step in few.steps][:3] == ["eyeBlinkLeft", "eyeBlinkRight", "jawOpen"]
    assert not any(step.name.startswith("eyes") for step in few.steps)
    few.read()


def test_it_keeps_time_and_ends_at_once_when_closed():
    feed = PatternFeed(MODEL, fps=50.0)
    times = [feed.read().time for _ in range(5)]
    np.testing.assert_allclose(np.diff(times) * 50, np.round(np.diff(times) * 50), atol=1e-6)
    assert np.diff(times).min() > 0
    slow = PatternFeed(MODEL, fps=0.01)
    slow.read()
    threading.Timer(0.05, slow.close).start()
    assert slow.read() is None

"""Comparing takes: numbers whose truth is known, the command, and the picture of both."""

from __future__ import annotations

import csv
import json
from dataclasses import replace

import numpy as np
import pytest

from facemodel import LimelightError
from facemodel.channels import CHANNEL_NAMES, N_CHANNELS
from limelight.cli import main
from realtime.frame import Frame
from realtime.takes import load_take
from realtime.takes.companion import Companion, shift_between
from realtime.takes.compare import Version, compare
from realtime.takes.curves import Quality
from realtime.takes.marks import IN, OUT, with_point, write_marks
from tests.realtime.take_factory import LAYOUT, face, result, write_take

JAW, YAW = CHANNEL_NAMES.index("jawOpen"), CHANNEL_NAMES.index("headYaw")


def version(late=0.0, fps=60.0, seconds=10.0, noise=0.0, name="a", seed=0):
    """A jaw that opens and shuts without ever repeating itself, and a head that turns, so many seconds later."""
    times = np.arange(round(seconds * fps)) / fps
    rows = np.zeros((len(times), N_CHANNELS))
    t = times - late
    rows[:, JAW] = 0.5 + 0.2 * np.sin(2.0 * t) + 0.2 * np.sin(3.3 * t)
    rows[:, YAW] = 20.0 * np.sin(1.3 * t + 0.1 * t**2)
    rows[:, JAW] += noise * np.random.default_rng(seed).normal(size=len(times))
    return Version(name, fps, times, rows, np.zeros(len(times), np.uint8))


def channel(comparison, name):
    return comparison.channels[CHANNEL_NAMES.index(name)]


@pytest.mark.parametrize("late", [0.0, 0.05, 0.0417, -0.2, 0.5])
@pytest.mark.parametrize("fps", [60.0, 25.0])
def test_the_lag_is_found_between_frames_and_at_other_rates(late, fps):
    found = compare(version(), version(late, fps))
    assert found.lag == pytest.approx(late, abs=0.002)
    assert channel(found, "jawOpen").lag == pytest.approx(late, abs=0.002)
    assert channel(found, "headYaw").lag == pytest.approx(late, abs=0.002)
    assert channel(found, "mouthPucker").lag is None  # it does not move


def test_other_motion_has_no_lag():
    a, b = version(), version()
    b.rows[:, JAW] = np.random.default_rng(1).uniform(size=len(b.times))
    assert channel(compare(a, b), "jawOpen").lag is None


def test_differences_and_where_the_largest_is():
    a, b = version(), version()
    b.rows[:, JAW] += 0.01
    b.rows[123, YAW] += 7.0
    found = compare(a, b)
    jaw, yaw = channel(found, "jawOpen"), channel(found, "headYaw")
    assert (jaw.mean, jaw.largest) == (pytest.approx(0.01), pytest.approx(0.01))
    assert (yaw.largest, yaw.at) == (pytest.approx(7.0), pytest.approx(123 / 60.0))
    assert found.frames == 600 and found.seconds == pytest.approx(599 / 60.0)


def test_jitter_is_the_mean_second_difference():
    calm, noisy = version(), version(noise=0.01)
    found = channel(compare(calm, noisy), "jawOpen")
    steady = np.abs(np.diff(calm.rows[:, JAW], 2)).mean()
    assert found.jitter[0] == pytest.approx(steady)
    assert found.jitter[1] == pytest.approx(np.abs(np.diff(noisy.rows[:, JAW], 2)).mean())
    assert found.jitter[1] > 10.0 * found.jitter[0]


def test_frames_without_a_face_are_left_out():
    a, b = version(), version()
    a.rows[:100] = np.nan
    a.quality[:100] = Quality.NOBODY
    b.rows[550:] = np.nan
    found = compare(a, b)
    assert found.frames == 450 and found.lag == pytest.approx(0.0, abs=0.002)
    assert found.a.shares["nobody"] == pytest.approx(100 / 600)
    assert "16.7 % nobody" in next(found.lines())
    a.rows[:] = np.nan
    with pytest.raises(LimelightError, match="no frame in common where both have a face"):
        compare(a, b)


def test_times_that_do_not_meet_are_refused():
    with pytest.raises(LimelightError, match="no time in common"):
        compare(version(), version(), shift=30.0)


def turning(index, late=0):
    """A face that turns and opens its mouth."""
    one = face(index)
    vector = face(0).smoothed.copy()
    view = LAYOUT.view(vector)
    view.rotation, view.translation[:], view.scale = np.eye(3), (320.0, 240.0), 1.5
    view.expression[:] = 0.5 + 0.4 * np.sin(0.21 * (index - late))
    return replace(one, smoothed=vector, confidence=0.95)


def moment(index, late=0, begin=0):
    """A result of a file whose frame `begin` was the first that was recorded."""
    one = result(index - begin, (turning(index, late),))
    return replace(one, frame=Frame(index, index / 30.0, one.frame.image))


@pytest.fixture
def takes(tmp_path):
    """Two takes of one clip, of which the second begins ten frames later and lags two frames behind."""
    first = write_take(tmp_path / "a.mcap", [moment(i) for i in range(120)])
    second = write_take(tmp_path / "b.mcap", [moment(i, 2, 10) for i in range(10, 120)])
    return first, second


def test_takes_of_one_file_are_laid_on_each_other_by_its_times(takes, tmp_path):
    first, second = map(load_take, takes)
    assert shift_between(first, second) == pytest.approx(-10 / 30)
    other = load_take(write_take(tmp_path / "c.mcap", [moment(i) for i in range(10, 20)], source_name="other.mp4"))
    assert shift_between(first, other) == 0.0
    live = load_take(write_take(tmp_path / "d.mcap", [moment(i) for i in range(10, 20)], source_live=True))
    assert shift_between(live, live) == shift_between(first, live) == 0.0


def test_a_companion_gives_the_same_moment(takes):
    first, second = map(load_take, takes)
    beside = Companion(second, first)
    assert beside.result_at(9 / 30) is None  # it had not begun
    assert [beside.result_at(i / 30).frame.index for i in (10, 60, 119)] == [10, 60, 119]
    assert beside.result_at(5.0) is None


def test_the_command_says_what_differs(takes, capsys, tmp_path):
    first, second = map(str, takes)
    assert main(["compare", first, second]) == 0
    said = capsys.readouterr().out
    assert "compared 110 frames" in said and "B is later than A by +66." in said
    assert "jawOpen" in said and "keyX" not in said
    out = tmp_path / "report.json"
    assert main(["compare", first, second, "--json", "--out", str(out)]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed == json.loads(out.read_text())
    assert printed["lag"] == pytest.approx(2 / 30, abs=0.004)
    assert [c["name"] for c in printed["channels"]] == list(CHANNEL_NAMES)
    assert main(["compare", first, second, "--out", str(tmp_path / "report.csv")]) == 0
    rows = list(csv.reader((tmp_path / "report.csv").open()))
    assert len(rows) == 1 + N_CHANNELS and rows[0][0] == "channel"
    (tmp_path / "mine.csv").write_text("mine")
    assert main(["compare", first, second, "--out", str(tmp_path / "mine.csv")]) == 1
    assert (tmp_path / "mine.csv").read_text() == "mine"


def test_one_take_is_compared_with_what_the_network_said(takes, capsys):
    assert main(["compare", str(takes[0]), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["b"]["name"] == "a.mcap, raw" and said["frames"] == 120
    assert max(channel["largest"] for channel in said["channels"]) > 0.1


def test_in_and_out_points_of_the_first_bound_it(takes, capsys):
    take = load_take(takes[0])
    write_marks(takes[0], take.header.created, with_point(with_point((), IN, 101.0), OUT, 102.0))
    assert main(["compare", str(takes[0]), str(takes[1]), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["frames"] == 31


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--raw"], "--raw is for two takes"),
        (["--out", "report.txt"], "must end in .json or .csv"),
        (["--video", "a.avi"], "must end in .mp4"),
        (["none.mcap"], "none.mcap"),
    ],
)
def test_what_makes_no_sense_is_one_line(takes, capsys, arguments, words):
    assert main(["compare", str(takes[0]), *arguments]) == 1
    said = capsys.readouterr()
    assert words in said.err and said.err.count("\n") == 1 and said.out == ""


def test_both_are_drawn_beside_each_other(takes, tmp_path, capsys):
    from tests.realtime.video_factory import read_video

    first, second = takes
    for path, trimmed in ((first, "x.mcap"), (second, "y.mcap")):
        assert main(["take", "trim", str(path), "--to", "0.5", "--out", str(tmp_path / trimmed)]) == 0
    status = main(
        ["compare", *(str(tmp_path / name) for name in ("x.mcap", "y.mcap")), "--video", str(tmp_path / "both.mp4")]
    )
    if status and "OpenGL" in capsys.readouterr().err:
        pytest.skip("no OpenGL")
    assert status == 0
    _, pictures = read_video(tmp_path / "both.mp4")
    assert len(pictures) == 16 and pictures[0].shape == (480, 1280, 3)
    halves = [(p[:, :640].astype(int), p[:, 640:].astype(int)) for p in pictures]
    assert halves[0][1].max() < 20 < halves[0][0].max()  # the second take had not begun
    assert np.abs(halves[12][0] - halves[12][1]).mean() > 0.1 and halves[12][1].max() > 20

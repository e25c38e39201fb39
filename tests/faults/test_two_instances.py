"""Two programs at once, and signals: no file is shared, and every file that was begun is whole."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from facemodel import LimelightError
from realtime.outputs.video_file import VideoFile
from realtime.session import Session
from realtime.session_config import SessionConfig
from realtime.takes import load_take
from tests.faults.test_disk_faults import Pictures
from tests.realtime.loop_parts import INFO, MODEL, ListSource, PictureTracker
from tests.realtime.video_factory import read_video
from tests.waiting import wait_for

ROOT = Path(__file__).resolve().parents[2]
FRAMES = 8


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A home and a cache for all runs of this module."""
    return tmp_path_factory.mktemp("home")


def start(home, *arguments):
    """Start the program; Ctrl-C reaches it even where these tests run in the background."""
    environment = {key: value for key, value in os.environ.items() if key not in ("DISPLAY", "WAYLAND_DISPLAY")}
    environment |= {"HOME": str(home), "XDG_CACHE_HOME": str(home / "cache"), "XDG_CONFIG_HOME": str(home / "config")}
    environment |= {"PYTHONPATH": str(ROOT)}
    environment.pop("XDG_DOCUMENTS_DIR", None)
    code = "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
    code += "from limelight.cli import main; sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", code, "run", *map(str, arguments), "--threads", "1"]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


def end(process):
    out, err = process.communicate(timeout=240)
    assert "Traceback" not in err
    return process.returncode, out, err


def errors(err):
    return [line for line in err.splitlines() if "error:" in line]


def check_whole(take, video, frames):
    loaded = load_take(take)
    assert loaded.cut is None
    assert len(loaded) == frames
    times, _ = read_video(video)
    assert len(times) == frames


def test_two_runs_that_nobody_named_share_no_file_and_leave_whole_ones(home):
    runs = [start(home, "--frames", FRAMES) for _ in range(2)]
    for status, out, err in [end(run) for run in runs]:
        assert status == 0, err
        assert json.loads(out.splitlines()[-1])["frames"] == FRAMES
    takes, videos = (sorted(home.rglob(f"take-*{suffix}")) for suffix in (".mcap", ".mp4"))
    assert len(takes) == len(videos) == 2
    for take, video in zip(takes, videos, strict=True):
        check_whole(take, video, FRAMES)


def test_of_two_runs_with_one_name_one_refuses_in_one_line(home, tmp_path):
    named = ("--source", "synthetic", "--headless", "--frames", FRAMES, "--take", tmp_path / "t.mcap")
    named += ("--video", tmp_path / "v.mp4")
    ended = [end(run) for run in [start(home, *named) for _ in range(2)]]
    assert Counter(status for status, _, _ in ended) == {0: 1, 1: 1}
    assert [len(errors(err)) for status, _, err in sorted(ended, key=lambda one: one[0])] == [0, 1]
    check_whole(tmp_path / "t.mcap", tmp_path / "v.mp4", FRAMES)


@pytest.mark.parametrize(
    ("name", "times"), [("SIGINT", 1), ("SIGINT", 5), ("SIGTERM", 1), ("SIGHUP", 1), ("SIGTERM", 3)]
)
def test_a_signal_finishes_the_files(home, tmp_path, name, times):
    if (number := getattr(signal, name, None)) is None or sys.platform == "win32":
        pytest.skip(f"this system has no {name}")
    take, video = tmp_path / "t.mcap", tmp_path / "v.mp4"
    run = start(home, "--source", "synthetic", "--headless", "--take", take, "--video", video)
    wait_for(lambda: run.poll() is not None or (video.is_file() and video.stat().st_size > 2_000), 240)
    for _ in range(times):
        run.send_signal(number)
        time.sleep(0.02)
    status, out, err = end(run)
    assert status == 128 + number, err
    assert not errors(err)
    frames = json.loads(out.splitlines()[-1])["frames"]
    assert frames > 0
    check_whole(take, video, frames)


def test_two_videos_cannot_be_written_into_one_file(tmp_path):
    first, second = (VideoFile(tmp_path / "v.mp4", Pictures()) for _ in range(2))
    first.begin(INFO)
    with pytest.raises(LimelightError, match="exists already and is never overwritten"):
        second.begin(INFO)
    assert (tmp_path / "v.mp4").exists()
    first.close()


def test_a_dated_take_whose_name_another_program_took_has_another_one(tmp_path, monkeypatch):
    """Both looked for a free name in the same moment."""
    taken = tmp_path / "take-20261128-201500.mcap"
    taken.write_bytes(b"somebody's")
    monkeypatch.setattr("realtime.takes.slate.Slate.path", lambda *_: taken)
    session = Session(MODEL, PictureTracker, SessionConfig(takes=tmp_path, paced=True))
    session.use_source(ListSource(100_000, live=True))
    path = session.start_recording()
    assert session.recording().path == path == tmp_path / "take-20261128-201500-2.mcap"
    wait_for(lambda: session.recording().frames >= 3)
    session.stop()
    assert taken.read_bytes() == b"somebody's"
    assert load_take(path).cut is None

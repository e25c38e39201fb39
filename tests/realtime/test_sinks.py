"""The recorder and the video writer: nothing lost, nothing that waits for ever, every failure one clear line."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
from collections import namedtuple
from pathlib import Path

import numpy as np
import pytest

from facemodel import LimelightError
from realtime.frame import Frame, TrackedFrame, TrackingState
from realtime.opencv import cv2
from realtime.outputs.video_writer import VideoWriter
from realtime.sinks.recorder import Recorder
from realtime.takes import TakeReader
from tests.realtime.take_factory import header, mixed_states, tracked, write_take

ROOT = Path(__file__).resolve().parents[2]
needs_limits = pytest.mark.skipif(sys.platform == "win32", reason="this system has no limit on a file's size")


def run_python(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run code in a process of its own, which its limits die with."""
    command = [sys.executable, "-c", code, *arguments]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60)


# --- recorder ------------------------------------------------------------------------------------------------


def test_every_frame_is_recorded_those_without_a_face_too(tmp_path):
    recorder = Recorder(tmp_path / "a.mcap", header())
    results = mixed_states(50)
    for result in results:
        recorder.submit(result)
    recorder.close()
    recorder.close()
    reader = TakeReader(tmp_path / "a.mcap")
    frames = list(reader)
    assert [(f.index, f.state) for f in frames] == [(r.frame.index, r.state) for r in results]
    assert reader.cut is None
    assert recorder.frames == 50


def test_frames_are_on_disk_soon_without_a_close(tmp_path):
    recorder = Recorder(tmp_path / "a.mcap", header())
    recorder.submit(tracked(0))
    deadline = threading.Event()
    found = 0
    for _ in range(500):
        found = len(list(TakeReader(tmp_path / "a.mcap")))
        if found or deadline.wait(0.02):
            break
    recorder.close()
    assert found == 1


def test_what_the_loop_does_to_a_result_later_is_not_recorded(tmp_path):
    recorder = Recorder(tmp_path / "a.mcap", header())
    result = tracked(0)
    expected = result.smoothed.copy()
    recorder.submit(result)
    result.smoothed[:] = -1.0
    recorder.close()
    np.testing.assert_array_equal(next(iter(TakeReader(tmp_path / "a.mcap"))).smoothed, expected)


def test_a_stalled_disk_blocks_nobody_and_loses_nothing(tmp_path, monkeypatch, caplog):
    stalled, may_write = threading.Event(), threading.Event()
    real_write = os.write

    def stalling_write(descriptor: int, data: bytes) -> int:
        if threading.current_thread().name == "limelight-recorder":
            stalled.set()
            may_write.wait(30.0)
        return real_write(descriptor, data)

    monkeypatch.setattr("realtime.takes.writer.os.write", stalling_write)
    recorder = Recorder(tmp_path / "a.mcap", header())
    recorder.submit(tracked(0))
    assert stalled.wait(30.0)
    with caplog.at_level(logging.WARNING):
        for i in range(1, 400):
            recorder.submit(tracked(i % 50))
    assert recorder.backlog > 300
    assert caplog.text.count("the disk is slow") == 1
    may_write.set()
    recorder.close()
    assert len(list(TakeReader(tmp_path / "a.mcap"))) == 400


RECORD_UNTIL_FULL = """
import resource, sys
from facemodel import LimelightError
from realtime.sinks.recorder import Recorder
from tests.realtime.take_factory import header, tracked
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
recorder = Recorder(sys.argv[1], header())
errors = []
for i in range(400):
    try:
        recorder.submit(tracked(i))
    except LimelightError as error:
        errors.append(str(error))
try:
    recorder.close()
except LimelightError as error:
    errors.append(str(error))
print("|".join(errors))
"""


@needs_limits
def test_a_full_disk_is_said_once_and_what_was_written_is_readable(tmp_path):
    path = tmp_path / "full.mcap"
    done = run_python(RECORD_UNTIL_FULL, str(path))
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    (error,) = done.stdout.strip().split("|")
    assert str(path) in error
    assert "stays readable" in error
    reader = TakeReader(path)
    frames = list(reader)
    assert 0 < len(frames) < 400
    assert [f.index for f in frames] == list(range(len(frames)))
    assert reader.cut is not None
    np.testing.assert_array_equal(frames[-1].raw, tracked(frames[-1].index).raw)


def test_a_read_only_disk_is_one_line(tmp_path, monkeypatch):
    def refuse(*arguments: object) -> int:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("realtime.takes.writer.os.open", refuse)
    with pytest.raises(LimelightError, match=r"cannot be created \(Read-only file system\)"):
        Recorder(tmp_path / "a.mcap", header())


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_is_one_line(tmp_path):
    tmp_path.chmod(0o555)
    try:
        with pytest.raises(LimelightError, match=r"cannot be created \(Permission denied\)"):
            Recorder(tmp_path / "a.mcap", header())
    finally:
        tmp_path.chmod(0o755)


def test_an_existing_take_is_refused_before_the_performance(tmp_path):
    path = write_take(tmp_path / "a.mcap", [tracked(0)])
    with pytest.raises(LimelightError, match="exists already"):
        Recorder(path, header())
    assert len(list(TakeReader(path))) == 1


# --- video ---------------------------------------------------------------------------------------------------


def result_at(index: int, timestamp: float | None = None) -> TrackedFrame:
    time = index / 25.0 if timestamp is None else timestamp
    return TrackedFrame(Frame(index, time, np.full((48, 64, 3), 10 * (index % 25), np.uint8)), TrackingState.SEARCHING)


def show_frame(result: TrackedFrame) -> np.ndarray:
    return result.frame.image


def read_levels(path: Path) -> list[float]:
    video = cv2.VideoCapture(str(path))
    levels = []
    while (read := video.read())[0]:
        levels.append(float(read[1].mean()))
    video.release()
    return levels


def test_a_video_has_every_frame_in_order(tmp_path):
    writer = VideoWriter(tmp_path / "out.mp4", 64, 48, 25.0, show_frame)
    for i in range(25):
        writer.submit(result_at(i))
    writer.close()
    writer.close()
    np.testing.assert_allclose(read_levels(tmp_path / "out.mp4"), 10.0 * np.arange(25), atol=4.0)
    video = cv2.VideoCapture(str(tmp_path / "out.mp4"))
    assert video.get(cv2.CAP_PROP_FPS) == 25.0
    assert (writer.frames, writer.dropped) == (25, 0)


def test_a_slow_encoder_holds_up_a_file_and_loses_nothing(tmp_path):
    gate = threading.Semaphore(0)

    def slow(result: TrackedFrame) -> np.ndarray:
        gate.acquire()
        return result.frame.image

    writer = VideoWriter(tmp_path / "out.mp4", 64, 48, 25.0, slow)
    sent = []
    sender = threading.Thread(target=lambda: [sent.append(writer.submit(result_at(i))) for i in range(30)])
    sender.start()
    sender.join(0.2)
    assert sender.is_alive()  # it waits
    assert len(sent) < 30
    gate.release(30)
    sender.join(30.0)
    writer.close()
    assert len(read_levels(tmp_path / "out.mp4")) == 30


def test_a_slow_encoder_never_holds_up_a_camera_and_the_video_keeps_its_time(tmp_path):
    started, gate = threading.Event(), threading.Event()

    def slow(result: TrackedFrame) -> np.ndarray:
        started.set()
        gate.wait(30.0)
        return result.frame.image

    writer = VideoWriter(tmp_path / "out.mp4", 64, 48, 25.0, slow, live=True)
    writer.submit(result_at(0))
    assert started.wait(30.0)
    for i in range(1, 20):
        writer.submit(result_at(i))
    assert writer.dropped == 11  # the queue holds 8
    gate.set()
    while writer.backlog:
        threading.Event().wait(0.005)
    writer.submit(result_at(24))
    writer.close()
    levels = read_levels(tmp_path / "out.mp4")
    assert len(levels) == 25  # 24 frames later is 24 frames later in the video
    assert levels[24] == pytest.approx(240.0, abs=4.0)


def test_a_camera_faster_than_the_video_is_thinned(tmp_path):
    writer = VideoWriter(tmp_path / "out.mp4", 64, 48, 25.0, show_frame, live=True)
    for i in range(4):
        writer.submit(result_at(i, timestamp=i / 50.0))
    writer.close()
    assert len(read_levels(tmp_path / "out.mp4")) == 3  # due at 0, 1 and (rounded) 2 of 25 a second
    assert writer.dropped == 1


def test_a_long_pause_does_not_become_minutes_of_still_picture(tmp_path):
    writer = VideoWriter(tmp_path / "out.mp4", 64, 48, 25.0, show_frame, live=True)
    for timestamp in (0.0, 0.04, 3600.0, 3600.04):
        writer.submit(result_at(0, timestamp))
    writer.close()
    assert len(read_levels(tmp_path / "out.mp4")) == 4


def test_an_odd_size_loses_its_last_row_and_column(tmp_path):
    writer = VideoWriter(tmp_path / "out.mp4", 65, 49, 25.0, lambda result: np.zeros((49, 65, 3), np.uint8))
    writer.submit(result_at(0))
    writer.close()
    video = cv2.VideoCapture(str(tmp_path / "out.mp4"))
    assert (video.get(cv2.CAP_PROP_FRAME_WIDTH), video.get(cv2.CAP_PROP_FRAME_HEIGHT)) == (64, 48)


def test_a_video_of_nothing_leaves_no_file(tmp_path):
    VideoWriter(tmp_path / "out.mp4", 64, 48, 25.0, show_frame).close()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("name", "reason"), [("out.avi", "must end in .mp4"), ("file/out.mp4", "cannot be created")])
def test_a_bad_path_is_one_line(tmp_path, name, reason):
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(LimelightError, match=reason):
        VideoWriter(tmp_path / name, 64, 48, 25.0, show_frame)


def test_a_full_disk_ends_the_video_with_one_line_and_blocks_nobody(tmp_path, monkeypatch):
    usage = namedtuple("usage", "total used free")
    writer = VideoWriter(tmp_path / "out.mp4", 64, 48, 25.0, show_frame)
    writer.submit(result_at(0))
    while not writer.frames:
        threading.Event().wait(0.005)
    monkeypatch.setattr("realtime.outputs.video_writer.shutil.disk_usage", lambda path: usage(1, 1, 0))
    errors = []
    for i in range(1, 40):
        try:
            writer.submit(result_at(i))
        except LimelightError as error:
            errors.append(str(error))
    try:
        writer.close()
    except LimelightError as error:
        errors.append(str(error))
    assert len(errors) == 1
    assert "the disk is full" in errors[0]
    assert len(read_levels(tmp_path / "out.mp4")) == 1


ENCODE_UNTIL_FULL = """
import resource, sys
import numpy as np
from facemodel import LimelightError
from realtime.frame import Frame, TrackedFrame, TrackingState
from realtime.outputs.video_writer import VideoWriter
resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))
noise = np.random.default_rng(0).integers(0, 256, (240, 320, 3)).astype(np.uint8)
writer = VideoWriter(sys.argv[1], 320, 240, 25.0, lambda result: noise)
for i in range(60):
    writer.submit(TrackedFrame(Frame(i, i / 25.0, noise), TrackingState.SEARCHING))
try:
    writer.close()
except LimelightError as error:
    print(error)
"""


@needs_limits
def test_a_video_that_could_not_be_finished_is_one_line(tmp_path):
    done = run_python(ENCODE_UNTIL_FULL, str(tmp_path / "out.mp4"))
    assert done.returncode == 0, done.stderr
    assert "of 60 frames could be written" in done.stdout
    assert done.stdout.count("\n") == 1
    assert done.stderr == ""


def test_a_renderer_that_fails_is_one_line(tmp_path):
    def fail(result: TrackedFrame) -> np.ndarray:
        raise LimelightError("the GPU is gone")

    writer = VideoWriter(tmp_path / "out.mp4", 64, 48, 25.0, fail)
    writer.submit(result_at(0))
    with pytest.raises(LimelightError, match="the GPU is gone"):
        writer.close()


def test_a_bug_in_a_renderer_blocks_nobody_and_is_one_line(tmp_path, caplog):
    writer = VideoWriter(tmp_path / "out.mp4", 64, 48, 25.0, lambda result: result.nonsense)
    errors = []
    for i in range(30):
        try:
            writer.submit(result_at(i))
        except LimelightError as error:
            errors.append(str(error))
    if not errors:
        with pytest.raises(LimelightError) as late:
            writer.close()
        errors.append(str(late.value))
    writer.close()
    assert len(errors) == 1
    assert "internal error" in errors[0]
    assert "nonsense" in caplog.text


def test_a_bug_in_recording_does_not_pass_unnoticed(tmp_path, monkeypatch):
    recorder = Recorder(tmp_path / "a.mcap", header())
    monkeypatch.setattr(recorder._writer, "append_encoded", lambda message, timestamp: 1 / 0)
    recorder.submit(tracked(0))
    with pytest.raises(LimelightError, match="internal error"):
        recorder.close()


def test_a_picture_of_another_size_is_one_line(tmp_path):
    writer = VideoWriter(tmp_path / "out.mp4", 128, 96, 25.0, show_frame)
    writer.submit(result_at(0))
    with pytest.raises(LimelightError, match="expected pictures of 128x96, got one of 64x48"):
        writer.close()

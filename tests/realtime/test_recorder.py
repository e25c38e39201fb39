"""The recorder: nothing lost, nothing that waits for ever, every failure one clear line."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from facemodel import LimelightError
from realtime.frame import Frame, Result
from realtime.sinks.contract import Policy
from realtime.sinks.recorder import Recorder
from realtime.sinks.worker import SinkState, Worker, WorkerConfig
from realtime.takes import Marker, TakeReader, load_take
from tests.realtime.take_factory import face, info, mixed_states, result, someone, tick, write_take

ROOT = Path(__file__).resolve().parents[2]
needs_limits = pytest.mark.skipif(sys.platform == "win32", reason="this system has no limit on a file's size")


def begun(path: Path) -> Recorder:
    recorder = Recorder(path)
    recorder.begin(info())
    return recorder


def record(recorder: Recorder, results: list[Result]) -> None:
    for one in results:
        recorder.submit(recorder.prepare(one))


def test_every_frame_is_recorded_those_without_a_face_too(tmp_path):
    results = mixed_states(50)
    recorder = begun(tmp_path / "a.mcap")
    record(recorder, results)
    assert recorder.status() == "50 frames, 1.6 s"
    recorder.close()
    recorder.close()
    take = load_take(recorder.path)
    assert [frame.index for frame in take.frames] == list(range(50))
    assert list(take.track().state) == [one.state for one in results]
    assert take.cut is None and recorder.frames == 50
    assert recorder.seconds == pytest.approx(49 / 30.0)


def test_pictures_do_not_wait_in_the_queue(tmp_path):
    picture = np.full((480, 640, 3), 7, np.uint8)
    whole = replace(result(0), frame=Frame(0, 100.0, picture), timings={"find": 1.0})
    prepared = Recorder(tmp_path / "a.mcap").prepare(whole)
    queued = prepared.result
    assert prepared.picture is None and not np.shares_memory(queued.frame.image, picture)
    assert queued.frame.image.shape == picture.shape and queued.frame.image.base.nbytes <= 3
    assert queued.faces is whole.faces and not queued.timings


def test_a_worker_records_what_it_is_offered(tmp_path):
    worker = Worker(Recorder(tmp_path / "a.mcap"), WorkerConfig(Policy.EVERY))
    assert worker.begin(info())
    for i in range(40):
        worker.offer(result(i, size=(1280, 720) if i > 20 else (640, 480)))
    worker.close()
    assert worker.status().state is SinkState.CLOSED
    take = load_take(tmp_path / "a.mcap")
    assert [frame.width for frame in take.frames] == [640] * 21 + [1280] * 19


def test_frames_are_on_disk_without_a_close(tmp_path, monkeypatch):
    now = [0.0]
    monkeypatch.setattr("realtime.takes.mcap_file.time.monotonic", lambda: now[0])
    recorder = begun(tmp_path / "a.mcap")
    for i in range(12):
        now[0] = i / 30.0
        record(recorder, [result(i, ())])  # small ones: only time can flush them
    assert 12 - len(list(TakeReader(recorder.path))) <= 3  # a tenth of a second
    recorder.close()


def test_a_stall_holds_back_nothing(tmp_path, monkeypatch):
    """What came before a stall is on the disk while it lasts: the process may be killed in it."""
    now = [0.0]
    monkeypatch.setattr("realtime.takes.mcap_file.time.monotonic", lambda: now[0])
    recorder = begun(tmp_path / "a.mcap")
    record(recorder, [result(0, ())])
    for seconds in (0.05, 0.1, 0.15):
        now[0] = seconds
        record(recorder, [tick(result(0, ()), seconds)])
    take = load_take(recorder.path)
    assert len(take) == len(take.stalls) == 1
    recorder.close()


def test_a_recorder_that_is_begun_again_goes_on_in_a_new_file(tmp_path, monkeypatch):
    worker = Worker(Recorder(tmp_path / "a.mcap", reference_video=True), WorkerConfig(Policy.EVERY))
    assert worker.begin(info())
    with monkeypatch.context() as broken:
        broken.setattr("realtime.takes.mcap_file.os.write", _full)
        for i in range(30):
            worker.offer(result(i))
        worker.close()
    assert worker.status().state is SinkState.FAILED and "No space left" in worker.problem
    assert worker.restart()
    for i in range(30, 35):
        worker.offer(result(i))
    worker.close()
    again = load_take(tmp_path / "a-2.mcap")
    assert [frame.index for frame in again.frames] == list(range(30, 35))
    assert len(again.video) == 5 and worker.sink.name.endswith("a-2.mcap")
    assert (tmp_path / "a.mcap").exists()


def _full(*_: object) -> int:
    raise OSError(28, "No space left on device")


def test_a_mark_stands_at_the_newest_result(tmp_path):
    recorder = begun(tmp_path / "a.mcap")
    recorder.mark("before anything")
    record(recorder, [result(0), result(1)])
    thread = threading.Thread(target=recorder.mark, args=("good",))
    thread.start()
    thread.join()
    record(recorder, [result(2)])
    recorder.mark("last")
    recorder.close()
    recorder.mark("too late")
    recorder.close()
    assert load_take(recorder.path).markers == (
        Marker(result(0).time, "before anything"),
        Marker(result(1).time, "good"),
        Marker(result(2).time, "last"),
    )


def test_marks_and_stalls_are_written_while_no_frame_comes(tmp_path):
    recorder = begun(tmp_path / "a.mcap")
    record(recorder, [result(0), tick(result(0), 0.1)])
    recorder.mark("still waiting")
    record(recorder, [tick(result(0), 0.5)])
    recorder.close()
    take = load_take(recorder.path)
    assert len(take) == 1 and len(take.stalls) == 1
    assert take.markers == (Marker(pytest.approx(result(0).time + 0.1), "still waiting"),)


def test_an_existing_take_is_refused_before_the_performance(tmp_path):
    path = write_take(tmp_path / "a.mcap", [result(0)])
    with pytest.raises(LimelightError, match="exists already"):
        begun(path)
    assert len(load_take(path)) == 1


def test_a_read_only_disk_is_one_line(tmp_path, monkeypatch):
    def refuse(*arguments: object) -> int:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("realtime.takes.mcap_file.os.open", refuse)
    with pytest.raises(LimelightError, match=r"cannot be created \(Read-only file system\)"):
        begun(tmp_path / "a.mcap")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_is_one_line(tmp_path):
    tmp_path.chmod(0o555)
    try:
        with pytest.raises(LimelightError, match=r"cannot be created \(Permission denied\)"):
            begun(tmp_path / "a.mcap")
    finally:
        tmp_path.chmod(0o755)


def test_a_stalled_disk_blocks_nobody_and_loses_nothing(tmp_path, monkeypatch):
    stalled, may_write = threading.Event(), threading.Event()
    real_write = os.write

    def stalling_write(descriptor: int, data: bytes) -> int:
        if worker.status().delivered > 2:
            stalled.set()
            may_write.wait(60)
        return real_write(descriptor, data)

    worker = Worker(Recorder(tmp_path / "a.mcap"), WorkerConfig(Policy.EVERY))
    assert worker.begin(info())
    monkeypatch.setattr("realtime.takes.mcap_file.os.write", stalling_write)
    for i in range(400):
        worker.offer(result(i))
    assert stalled.wait(60)
    may_write.set()
    worker.close()
    assert len(load_take(tmp_path / "a.mcap")) == 400


RECORD_UNTIL_FULL = """
import resource, sys
from realtime.sinks.contract import Policy
from realtime.sinks.recorder import Recorder
from realtime.sinks.worker import Worker, WorkerConfig
from tests.realtime.take_factory import info, result
worker = Worker(Recorder(sys.argv[1]), WorkerConfig(Policy.EVERY))
assert worker.begin(info())
resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, 500_000))
for i in range(400):
    worker.offer(result(i))
worker.close()
print(worker.status().state.value, worker.problem, sep="|")
"""


@needs_limits
def test_a_full_disk_is_one_line_and_what_was_written_is_readable(tmp_path):
    path = tmp_path / "full.mcap"
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", RECORD_UNTIL_FULL, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=240)
    assert done.returncode == 0, done.stderr
    state, problem = done.stdout.strip().split("|")
    assert state == "failed"
    assert str(path) in problem and "stays readable" in problem
    take = load_take(path)
    assert 0 < len(take) < 400
    assert [frame.index for frame in take.frames] == list(range(len(take)))
    assert take.cut is not None
    last = take.frames[-1]
    np.testing.assert_array_equal(last.faces[0].raw, face(last.index).raw)
    assert take.person_model(1).n_vertices > 0


def test_a_disk_that_fails_at_the_end_is_one_line(tmp_path, monkeypatch):
    recorder = begun(tmp_path / "a.mcap")
    record(recorder, [result(0)])
    monkeypatch.setattr("realtime.takes.mcap_file.os.write", _full)
    with pytest.raises(LimelightError, match="No space left on device"):
        recorder.close()
    recorder.close()


def written_persons(path: Path) -> list[tuple[float, bool]]:
    """When (s from the start) each rig was written, and whether the person had settled."""
    reader, times, start = TakeReader(path), [], None
    for recorded in reader.messages():
        start = recorded.message.log_time if start is None else start
        if recorded.topic.name == "/limelight/persons":
            rig = reader.decode(recorded)
            times.append(((recorded.message.log_time - start) / 1e9, rig.person.settled))
    return times


def test_rigs_are_written_early_at_growing_distances_and_when_settled(tmp_path):
    recorder = begun(tmp_path / "a.mcap")
    for i in range(30 * 10):
        person = someone(seed=min(i, 150), settled=i >= 150)
        record(recorder, [result(i, [face(i, person=person)])])
    recorder.close()
    times = written_persons(recorder.path)
    assert [settled for _, settled in times] == [False] * 4 + [True]
    np.testing.assert_allclose([time for time, _ in times], [0.0, 1.0, 2.0, 4.0, 5.0], atol=0.05)
    (rig,) = load_take(recorder.path).rigs.values()
    np.testing.assert_array_equal(rig.person.identity, someone(seed=150).identity)


def test_a_person_who_never_settles_is_written_at_the_end(tmp_path):
    recorder = begun(tmp_path / "a.mcap")
    for i in range(20):
        record(recorder, [result(i, [face(i, person=someone(seed=i))] if i < 15 else [])])
    recorder.close()
    (rig,) = load_take(recorder.path).rigs.values()
    np.testing.assert_array_equal(rig.person.identity, someone(seed=14).identity)
    assert not rig.person.settled

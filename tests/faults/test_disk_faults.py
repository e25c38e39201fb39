"""What a disk can do to the show, and that take and video are whole whatever the source does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from mcap.reader import make_reader

from realtime.loop.live_feed import LiveFeed
from realtime.loop.source_reader import Reopening
from realtime.outputs.video_file import VideoFile
from realtime.session import Session
from realtime.session_config import SessionConfig
from realtime.sinks.contract import Policy
from realtime.sinks.registry import VIDEO_WORKER
from realtime.sinks.worker import SinkState, Worker, WorkerConfig
from realtime.takes import load_take
from realtime.takes.format import FRAME_TOPIC, STALL_TOPIC
from tests.faults.faulty_source import FPS, Device, Fault
from tests.faults.simulated_clock import SimulatedClock
from tests.realtime.loop_parts import MODEL, Collector, ListSource, PictureTracker
from tests.realtime.video_factory import read_video

ROOT = Path(__file__).resolve().parents[2]
needs_limits = pytest.mark.skipif(sys.platform == "win32", reason="this system has no limit on a file's size")


class Pictures:
    """A drawing that shows the frames as they are, or noise, of which an encoder makes much."""

    def __init__(self, noise=False):
        self.noise = np.random.default_rng(0) if noise else None

    def __call__(self, info):
        return self

    def draw(self, result):
        image = result.frame.image
        return image if self.noise is None else self.noise.integers(0, 256, (120, 160, 3), dtype=np.uint8)

    def close(self):
        pass


def film_with_limit(folder, limit, noise):
    """Film 1500 frames with files of at most `limit` bytes; runs in a process of its own. Return how it went."""
    import resource

    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    session = Session(MODEL, PictureTracker, SessionConfig(paced=False))
    take = session.add_sink(str(folder / "t.mcap"))
    video = session.add_sink(Worker(VideoFile(folder / "v.mp4", Pictures(noise)), VIDEO_WORKER))
    stream = Collector()
    session.add_sink(Worker(stream, WorkerConfig(Policy.EVERY)))
    source = ListSource(1500, fps=FPS)
    if noise:
        source.width, source.height = 160, 120
    loop = session.use_source(source)
    ended = loop.wait(200)
    problems = session.stop()
    return {
        "ended": [ended, loop.status().frames, loop.status().error, len(stream.results)],
        "problems": problems,
        "take": take.status().state.value,
        "video": video.status().state.value,
    }


def run_with_limit(folder, limit, noise):
    code = (
        "import json, pathlib, sys; from tests.faults.test_disk_faults import film_with_limit as film; "
        "print(json.dumps(film(pathlib.Path(sys.argv[1]), int(sys.argv[2]), bool(int(sys.argv[3])))))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(folder), str(limit), str(int(noise))],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@needs_limits
def test_a_disk_that_fills_under_the_video_costs_neither_the_take_nor_a_result(tmp_path):
    outcome = run_with_limit(tmp_path, 2_500_000, noise=True)
    assert outcome["ended"] == [True, 1500, "", 1500]
    assert (outcome["take"], outcome["video"]) == ("closed", "failed")
    (problem,) = outcome["problems"]
    assert "v.mp4" in problem and "\n" not in problem
    assert [frame.index for frame in load_take(tmp_path / "t.mcap").frames] == list(range(1500))
    times, _ = read_video(tmp_path / "v.mp4")
    assert 50 < len(times) < 1500
    np.testing.assert_allclose(np.diff(times), 1 / FPS, atol=1e-3)


@needs_limits
def test_a_disk_that_fills_under_the_take_costs_neither_the_video_nor_a_result(tmp_path):
    outcome = run_with_limit(tmp_path, 400_000, noise=False)
    assert outcome["ended"] == [True, 1500, "", 1500]
    assert (outcome["take"], outcome["video"]) == ("failed", "closed")
    (problem,) = outcome["problems"]
    assert "t.mcap" in problem and "stays readable" in problem and "\n" not in problem
    take = load_take(tmp_path / "t.mcap")
    assert take.cut is not None
    assert [frame.index for frame in take.frames] == list(range(len(take)))
    assert 50 < len(take) < 1500
    times, _ = read_video(tmp_path / "v.mp4")
    assert len(times) == 1500


@needs_limits
def test_a_disk_that_is_full_from_the_start_is_one_line_for_each_file(tmp_path):
    outcome = run_with_limit(tmp_path, 0, noise=False)
    assert outcome["ended"] == [True, 1500, "", 1500]
    assert (outcome["take"], outcome["video"]) == ("failed", "failed")
    assert [("t.mcap" in line, "v.mp4" in line, "\n" in line) for line in sorted(outcome["problems"])] == [
        (True, False, False),
        (False, True, False),
    ]


def test_a_folder_that_cannot_be_written_is_one_line_and_the_show_goes_on(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("no folder")  # what nobody can write into, root neither
    session = Session(MODEL, PictureTracker, SessionConfig(paced=False))
    workers = [session.add_sink(str(blocked / name)) for name in ("t.mcap", "v.mp4")]
    stream = Collector()
    session.add_sink(Worker(stream, WorkerConfig(Policy.EVERY)))
    loop = session.use_source(ListSource(50))
    assert loop.wait(60)
    assert [worker.status().state for worker in workers] == [SinkState.FAILED] * 2
    assert all(str(blocked) in worker.problem and "\n" not in worker.problem for worker in workers)
    assert len(session.stop()) == 2
    assert stream.frames == list(range(50))


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_is_one_line(tmp_path):
    tmp_path.chmod(0o500)
    session = Session(MODEL, PictureTracker, SessionConfig(paced=False))
    worker = session.add_sink(str(tmp_path / "t.mcap"))
    assert session.use_source(ListSource(5)).wait(60)
    assert "t.mcap" in worker.problem and "\n" not in worker.problem
    session.stop()


def show(folder, seconds, *faults):
    """A show on a simulated clock with a take and a video; return all its results."""
    clock = SimulatedClock()
    device = Device(clock, seconds, *faults)
    session = Session(MODEL, PictureTracker, SessionConfig())
    results = []
    session.listen(results.append)
    session.add_sink(str(folder / "t.mcap"))
    session.add_sink(Worker(VideoFile(folder / "v.mp4", Pictures()), WorkerConfig(Policy.EVERY, per_feed=True)))
    feed = LiveFeed(device.open(), PictureTracker(), reopening=Reopening(device.open), clock=clock)
    assert session.use(feed).wait(60)
    assert session.stop() == ()
    return results


BROKEN = (
    Fault("stall", 0.5, 1.5),
    Fault("gone", 2.0, 4.0),
    Fault("garbage", 5.8, 6.2),
    Fault("size", 6.4, 7.0),
    Fault("backwards", 7.5, 8.0),
    Fault("crash", 8.5, 9.0),
)


def test_a_take_has_a_row_for_every_frame_none_for_a_tick_and_a_mark_for_every_stall(tmp_path):
    results = show(tmp_path, 10.0, *BROKEN)
    frames = [result for result in results if not result.stalled]
    assert len(results) - len(frames) > 60
    take = load_take(tmp_path / "t.mcap")
    assert take.cut is None
    assert [frame.index for frame in take.frames] == [result.frame.index for result in frames]
    np.testing.assert_allclose([f.time for f in take.frames], [result.time for result in frames], atol=1e-6)
    assert np.all(np.diff([frame.time for frame in take.frames]) > 0)
    sizes = {(frame.width, frame.height) for frame in take.frames}
    assert sizes == {(64, 48), (128, 96)}
    gaps = [(a.time, b.time) for a, b in zip(frames, frames[1:], strict=False) if b.time - a.time > 0.2]
    assert len(gaps) == 4  # stall, gone, garbage, crash
    assert len(take.stalls) == 4
    for (begin, end), stall in zip(gaps, take.stalls, strict=True):
        assert begin <= stall.begin <= stall.end <= end + 1e-3


def test_another_program_reads_the_take_of_a_broken_show_too(tmp_path):
    results = show(tmp_path, 10.0, *BROKEN)
    with (tmp_path / "t.mcap").open("rb") as file:
        reader = make_reader(file, validate_crcs=True)
        assert reader.get_summary() is not None
        topics = [channel.topic for _, channel, _ in reader.iter_messages()]
    assert topics.count(FRAME_TOPIC) == sum(not result.stalled for result in results)
    assert topics.count(STALL_TOPIC) == 8  # where each begins, and where it ends


def test_a_video_has_every_frame_of_a_broken_show_at_its_time(tmp_path):
    results = [result for result in show(tmp_path, 10.0, *BROKEN) if not result.stalled]
    times, pictures = read_video(tmp_path / "v.mp4")
    np.testing.assert_allclose(times, [result.time - results[0].time for result in results], atol=1e-3)
    assert {picture.shape for picture in pictures} == {(48, 64, 3)}

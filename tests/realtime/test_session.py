"""A session: feeds and sinks come and go, and a take is always finished."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest

from facemodel import FaceModel, LimelightError
from facemodel.output_files import free_path
from realtime.frame import Frame, TrackingState
from realtime.render.geometry import FaceGeometry
from realtime.session import Session
from realtime.session_config import SessionConfig
from realtime.sinks.contract import Policy
from realtime.sinks.worker import SinkState, Worker, WorkerConfig
from realtime.sources import CameraInfo
from realtime.takes import load_take
from realtime.takes.slate import Slate
from realtime.tracking.smoothing import SmoothingSettings
from tests.realtime.loop_parts import MODEL, Collector, ListSource, PictureTracker
from tests.waiting import wait_for


@pytest.fixture
def tracker():
    return PictureTracker()


@pytest.fixture
def session(tmp_path, tracker):
    session = Session(MODEL, lambda: tracker, SessionConfig(takes=tmp_path / "takes", paced=False))
    yield session
    session.stop()


def steady(count=100_000, **options):
    """A source that goes on for as long as a test may take, at 500 frames a second."""

    class Steady(ListSource):
        def read(self):
            time.sleep(0.002)
            return super().read()

    return Steady(count, **options)


def stream(sink, policy=Policy.EVERY, per_feed=False):
    return Worker(sink, WorkerConfig(policy, per_feed=per_feed), "test://")


def test_frames_flow_and_the_status_follows(session):
    loop = session.use_source(ListSource(30))
    assert loop.wait(60)
    status = session.status()
    assert (status.frames, status.tracked_frames, status.source_name) == (30, 30, "list")
    assert (status.state, status.faces) == (TrackingState.TRACKING, 1)
    assert session.network_name == "no network"


def test_without_a_sink_that_draws_no_mesh_is_computed(session, monkeypatch):
    """Tracking, smoothing and listening need parameters alone; vertices are for those who show them."""

    def never(*_):
        raise AssertionError("a mesh was computed")

    for name in ("shape", "albedo", "normals"):
        monkeypatch.setattr(FaceModel, name, never)
    monkeypatch.setattr(FaceGeometry, "update_shape", never)
    session.add_sink(stream(Collector()))
    assert session.use_source(ListSource(20)).wait(60)
    assert (session.status().tracked_frames, session.status().error) == (20, "")


def test_the_tracker_is_made_when_it_is_needed_and_once(tmp_path):
    made = []

    def make():
        made.append(PictureTracker())
        return made[-1]

    session = Session(MODEL, make, SessionConfig(paced=False))
    assert made == []
    session.use_source(ListSource(3)).wait(60)
    session.use_source(ListSource(3, live=True)).wait(60)
    assert len(made) == 1
    assert [asked for asked in made[0].asked if asked[0] == "reset"] == [("reset", True), ("reset", False)]
    session.stop()


def test_a_recording_is_finished_when_the_source_changes(session, tmp_path):
    """One take, one source: its header and its clock belong to that source."""
    session.use_source(steady(name="first"))
    path = session.start_recording()
    assert path.parent == tmp_path / "takes"
    wait_for(lambda: session.recording().frames >= 5)
    session.use_source(ListSource(10, name="other")).wait(60)
    assert session.recording() is None
    take = load_take(path)
    assert take.cut is None
    assert take.header.source_name == "first"
    assert len(take) >= 5


def test_one_take_at_a_time_and_only_of_a_live_feed(session):
    with pytest.raises(LimelightError, match="nothing to record"):
        session.start_recording()
    session.use_source(steady())
    path = session.start_recording()
    with pytest.raises(LimelightError, match=f"already recording to {path}"):
        session.start_recording()
    session.stop_recording()
    session.stop_recording()
    assert session.start_recording() != path


def test_a_take_that_cannot_be_begun_is_refused_and_the_next_one_is_not(session, tmp_path):
    session.use_source(steady())
    (tmp_path / "here.mcap").write_bytes(b"mine")
    with pytest.raises(LimelightError, match="exists already"):
        session.start_recording(tmp_path / "here.mcap")
    assert session.recording() is None
    assert session.sinks() == ()
    session.start_recording(tmp_path / "there.mcap")
    assert session.recording().path == tmp_path / "there.mcap"


def test_a_take_plays_in_the_light_that_was_recorded_until_the_show_is_changed(session, tmp_path):
    path, seen = tmp_path / "t.mcap", Collector()
    changes = {10: {"light/source": "show", "environment/name": "sunset"}, 20: {"light/1/intensity": 0.5}}
    session.add_sink(str(path))

    def perform(result):
        seen.submit(result)
        session.show.set(changes.get(result.frame.index, {}))

    session.listen(perform)
    session.use_source(ListSource(30)).wait(60)
    session.unlisten(perform)
    performed = [result.lighting for result in seen.results]
    assert [(light.estimated, len(light.lights)) for light in performed] == (
        11 * [(True, 0)] + 10 * [(False, 0)] + 9 * [(False, 1)]
    )
    session.show.set({"environment/name": "candle"})

    def played(change_at=None):
        seen = Collector()

        def watch(result):
            seen.submit(result)
            if result.frame.index == change_at:
                session.show.set({"light/source": "estimated"})

        session.listen(watch)
        session.open(str(path)).wait(60)
        session.unlisten(watch)
        return [result.lighting for result in seen.results]

    again = played()
    assert [(one.estimated, len(one.lights)) for one in again] == [
        (one.estimated, len(one.lights)) for one in performed
    ]
    np.testing.assert_array_equal(again[15].environment.sh, session.show.environments["sunset"].sh)
    assert [light.estimated for light in played(change_at=24)] == 11 * [True] + 14 * [False] + 5 * [True]
    assert session.as_recorded is False
    assert played()[15].environment is not None  # the next take plays as it was recorded again
    plain = Session(MODEL, PictureTracker, SessionConfig(paced=False, recorded_light=False))
    results = Collector()
    plain.listen(results.submit)
    plain.open(str(path)).wait(60)
    plain.stop()
    assert all(result.lighting.estimated for result in results.results)


def test_a_take_plays_as_a_feed_and_the_camera_comes_back(session, tmp_path):
    path = tmp_path / "t.mcap"
    session.add_sink(str(path))
    session.use_source(ListSource(40)).wait(60)
    seen = Collector()
    session.listen(seen.submit)
    loop = session.open(str(path))
    assert session.transport is not None
    assert loop.wait(60)
    take = load_take(path)
    assert [r.frame.index for r in seen.results] == [frame.index for frame in take.frames] == list(range(40))
    assert seen.results[0].performer.id == 1
    with pytest.raises(LimelightError, match="nothing to record"):
        session.start_recording()
    session.use_source(ListSource(5)).wait(60)
    assert session.transport is None


def test_streams_go_on_with_the_next_feed_and_files_do_not(session):
    lasting, file = Collector(), Collector()
    session.add_sink(stream(lasting))
    session.add_sink(stream(file, per_feed=True))
    session.use_source(ListSource(10, name="first")).wait(60)
    session.use_source(ListSource(10, name="second")).wait(60)
    session.stop()
    assert lasting.frames == [*range(10), *range(10)]
    assert file.frames == list(range(10))
    assert file.closed == 1
    assert [info.name for info in file.begun] == ["first"]


def test_a_sink_may_join_and_leave_in_the_middle(session):
    session.use_source(steady())
    sink = Collector()
    worker = session.add_sink(stream(sink))
    wait_for(lambda: len(sink.results) > 5)
    session.remove_sink(worker)
    assert sink.closed == 1
    count = len(sink.results)
    time.sleep(0.05)
    assert len(sink.results) == count
    assert session.sinks() == ()


def test_a_failing_sink_is_shown_and_costs_the_others_nothing(session):
    bad, good = Collector(fail_at=3), Collector()
    worker = session.add_sink(stream(bad))
    session.add_sink(stream(good))
    loop = session.use_source(ListSource(50))
    loop.wait(60)
    wait_for(lambda: worker.status().state is SinkState.FAILED)
    assert "disk full" in session.status().error
    assert [status.state for status in session.sinks()] == [SinkState.FAILED, SinkState.RUNNING]
    assert session.stop() == (worker.problem,)
    assert good.frames == list(range(50))


def test_a_failed_take_goes_on_in_a_new_file(session, tmp_path):
    def fail(_):
        raise OSError(28, "No space left on device")

    session.use_source(steady())
    worker = session.add_sink(str(tmp_path / "t.mcap"))
    wait_for(lambda: worker.status().delivered > 3)
    worker.sink._writer.append = fail
    wait_for(lambda: worker.status().state is SinkState.FAILED)
    again = session.restart_sink(worker)
    assert again.status().state is SinkState.RUNNING
    assert session.recording().path == tmp_path / "t-2.mcap"
    assert len(load_take(tmp_path / "t.mcap")) > 3


def test_a_take_that_fails_again_and_again_counts_on(tmp_path):
    for number in range(2, 5):
        free_path(tmp_path / "t.mcap").touch()
        assert free_path(tmp_path / "t.mcap").name == f"t-{number}.mcap"
    assert free_path(tmp_path / "t-3.mcap").name == "t-4.mcap"
    (tmp_path / "scene-7.mcap").touch()
    assert free_path(tmp_path / "scene-7.mcap").name == "scene-7-2.mcap"  # somebody's own number


def test_a_failed_stream_is_started_again(session):
    sink = Collector(fail_at=1)
    worker = session.add_sink(stream(sink))
    session.use_source(steady())
    wait_for(lambda: worker.status().state is SinkState.FAILED)
    sink.fail_at = None
    assert session.restart_sink(worker) is worker
    wait_for(lambda: len(sink.results) > 3)
    assert session.status().error == ""


@pytest.mark.parametrize("all_sinks", [True, False])
def test_where_all_sinks_are_wanted_none_begins_behind_one_that_cannot(tmp_path, tracker, all_sinks):
    class Unable(Collector):
        def begin(self, info):
            raise LimelightError("the address is taken")

    session = Session(MODEL, lambda: tracker, SessionConfig(all_sinks=all_sinks))
    session.add_sink(stream(Unable()))
    behind = Collector()
    session.add_sink(stream(behind))
    session.use_source(ListSource(3)).wait(60)
    session.stop()
    assert bool(behind.begun) is not all_sinks


def test_an_unknown_kind_of_sink_is_refused(session):
    with pytest.raises(LimelightError, match="gopher://x: no such kind of sink"):
        session.add_sink("gopher://x")


def test_smoothing_reaches_the_tracker_now_and_with_the_next_source(session, tracker):
    settings = SmoothingSettings.parse("still")
    session.smoothing = settings
    session.use_source(ListSource(2)).wait(60)
    assert ("set_smoothing", settings) in tracker.asked
    session.use_source(steady())
    session.smoothing = SmoothingSettings.parse("raw")
    wait_for(lambda: tracker.asked[-1] == ("set_smoothing", SmoothingSettings.parse("raw")))


def test_what_is_asked_without_a_feed_does_nothing(session):
    session.recenter()
    session.reset_person()
    session.choose(1)
    session.choose_at(1.0, 2.0)
    assert session.status().source_name == ""
    assert session.transport is None


class Camera(ListSource):
    """A camera that is there once at a time."""

    open_now = 0

    def __init__(self, index):
        assert Camera.open_now == 0, "a camera cannot be opened twice"
        Camera.open_now += 1
        super().__init__(100_000, live=True, name=f"camera {index}")

    def close(self):
        super().close()
        if self.closed == 1:
            Camera.open_now -= 1


@pytest.fixture
def one_camera(monkeypatch):
    camera = CameraInfo(0, "Logitech C920")
    Camera.open_now = 0
    monkeypatch.setattr("realtime.session.resolve_camera", lambda spec: camera if spec == "camera" else None)
    monkeypatch.setattr("realtime.session.list_cameras", lambda: [CameraInfo(2, camera.name)])
    opened = []

    def open_source(spec, settings):
        opened.append(spec)
        return Camera(spec) if spec.startswith("camera") else ListSource(10, name=spec)

    monkeypatch.setattr("realtime.session.open_source", open_source)
    return opened


def test_a_camera_that_is_opened_again_is_let_go_first(session, one_camera):
    session.open("camera")
    session.open("camera")
    assert session.status().source_name == "camera camera"


def test_what_ran_goes_on_where_the_next_source_cannot_be_opened(session, monkeypatch):
    session.use_source(steady())
    with pytest.raises(LimelightError):
        session.open("/nowhere/clip.mp4")
    frames = session.status().frames
    wait_for(lambda: session.status().frames > frames)


def test_a_lost_camera_is_opened_again_by_its_name(session, one_camera, monkeypatch):
    session.open("camera")
    wait_for(lambda: session.status().frames > 3)
    source = session._feed.source

    def unplugged():
        raise LimelightError("unplugged")

    source.read = unplugged
    wait_for(lambda: session.status().feed.reopened == 1)
    assert one_camera == ["camera", "camera:2"]  # it came back under another number
    frames = session.status().frames
    wait_for(lambda: session.status().frames > frames)


def test_stop_ends_everything_and_says_what_it_could_not(session):
    hang = threading.Event()

    class Hanging(Collector):
        def submit(self, result):
            hang.wait(60)

    worker = Worker(Hanging(), WorkerConfig(Policy.EVERY, patience=0.2))
    session.add_sink(worker)
    session.use_source(ListSource(5)).wait(60)
    problems = session.stop()
    hang.set()
    assert len(problems) == 1
    assert "hangs" in problems[0]
    assert session.stop() == ()
    with pytest.raises(LimelightError, match="has ended"):
        session.use_source(ListSource(5))


def test_a_source_is_closed_when_no_tracker_can_be_had():
    def none():
        raise LimelightError("network 'x': no such file")

    session = Session(MODEL, none)
    source = ListSource(5)
    with pytest.raises(LimelightError, match="no such file"):
        session.use_source(source)
    assert source.closed == 1


def test_a_slate_stands_in_the_take_and_counts_on(tmp_path):
    slate = Slate("A 1", 7, "the good one")
    config = SessionConfig(takes=tmp_path, paced=False, slate=slate, names="{scene}_{take:03d}")
    session = Session(MODEL, PictureTracker, config)
    session.use_source(ListSource(100_000, live=True))
    names = []
    for _ in range(2):
        path = session.start_recording()
        wait_for(lambda: session.recording().frames > 2)
        session.stop_recording()
        names.append((path.name, load_take(path).header.slate))
    session.stop()
    assert names == [("A 1_007.mcap", slate), ("A 1_008.mcap", Slate("A 1", 8))]


def test_results_of_a_live_source_carry_timecode():
    session = Session(MODEL, PictureTracker, SessionConfig(paced=False, timecode="system@25"))
    heard = []
    session.listen(heard.append)
    session.use_source(ListSource(100_000, live=True))
    wait_for(lambda: len(heard) > 5)
    assert "system clock, 25" in session.timecode.status()
    session.timecode.use(None)
    wait_for(lambda: heard[-1].timecode is None)
    session.stop()
    assert heard[0].timecode.rate.name == "25"
    assert abs(heard[4].timecode.minus(heard[0].timecode)) < 60
    with pytest.raises(LimelightError, match="frame rate"):
        Session(MODEL, PictureTracker, SessionConfig(timecode="system@12"))


def test_a_frames_memory_is_not_kept_by_a_recorder(session, tmp_path):
    """What waits for the disk has no pictures."""
    import gc
    import weakref

    class Picture(np.ndarray):
        pass

    kept = []

    class Watched(ListSource):
        def read(self):
            frame = super().read()
            if frame is None:
                return None
            image = np.zeros((24, 32, 3), np.uint8).view(Picture)
            kept.append(weakref.ref(image))
            return Frame(frame.index, frame.timestamp, image)

    session.add_sink(str(tmp_path / "t.mcap"))
    session.use_source(Watched(50)).wait(60)
    session.stop()
    gc.collect()
    assert sum(ref() is not None for ref in kept) <= 3


class SlowSink(Collector):
    """Takes its time to begin, until it is let."""

    def __init__(self):
        super().__init__()
        self.beginning, self.may = threading.Event(), threading.Event()

    def begin(self, info):
        self.beginning.set()
        self.may.wait(60)
        super().begin(info)


def in_background(function):
    thread = threading.Thread(target=function, daemon=True)
    thread.start()
    return thread


def test_what_is_set_while_a_sink_begins_holds_for_the_feed():
    tracker = PictureTracker()
    session = Session(MODEL, lambda: tracker)
    slow = SlowSink()
    session.add_sink(Worker(slow, WorkerConfig()))
    opening = in_background(lambda: session.use_source(ListSource(100_000, live=True)))
    assert slow.beginning.wait(60)
    raw = SmoothingSettings.parse("raw")
    session.smoothing = raw
    slow.may.set()
    opening.join(60)
    wait_for(lambda: ("set_smoothing", raw) in tracker.asked)
    session.stop()


def test_a_sink_that_is_removed_while_feeds_change_is_ended():
    session = Session(MODEL, PictureTracker)
    slow = SlowSink()
    worker = session.add_sink(Worker(slow, WorkerConfig()))
    opening = in_background(lambda: session.use_source(ListSource(100_000, live=True)))
    assert slow.beginning.wait(60)
    removing = in_background(lambda: session.remove_sink(worker))
    slow.may.set()
    opening.join(60)
    removing.join(60)
    assert session.workers() == ()
    assert worker.status().state is SinkState.CLOSED
    session.stop()


def test_a_file_whose_folder_is_the_users_goes_on_in_a_new_one(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    session = Session(MODEL, PictureTracker)
    session.use_source(ListSource(100_000, live=True))
    worker = session.add_sink("~/a.mcap?scene=A 1&take=2")
    again = session.restart_sink(worker)
    wait_for(lambda: again.status().delivered > 2)
    session.stop()
    assert again.sink.path == tmp_path / "a-2.mcap"
    assert load_take(again.sink.path).header.slate == Slate("A 1", 2)

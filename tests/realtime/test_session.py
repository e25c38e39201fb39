"""A session: sources and recordings come and go, and a take is always finished."""

from __future__ import annotations

import time
from datetime import datetime

import numpy as np
import pytest

from facemodel import FaceModel, LimelightError, project
from realtime.face_finder import FoundFace
from realtime.frame import Frame, TrackingState
from realtime.render.geometry import FaceGeometry
from realtime.session import Session, SessionConfig, dated_path
from realtime.sources import CameraInfo
from realtime.takes.reader import load_take
from tests.toy_model import toy_model

MODEL = toy_model()
LAYOUT = MODEL.layout
HEAD = LAYOUT.neutral()
LAYOUT.view(HEAD).translation[:] = (160, 120)


class StillNetwork:
    """A network and a finder for a head that always looks the same from its own crop."""

    name, resolution, model_digest = "still", 32, MODEL.digest

    def find(self, image):
        p = LAYOUT.view(HEAD)
        points = project(MODEL.landmarks478(MODEL.mean), p.rotation, p.translation, p.scale)
        return [FoundFace(points, {}, np.eye(4))]

    def infer(self, pixels, pose=None):
        from facemodel import Crop

        p = LAYOUT.view(HEAD)
        return Crop.around_head(p.rotation, p.translation, p.scale).lower(LAYOUT, HEAD), 0.9


class Blank:
    """So many grey frames at 100 a second."""

    def __init__(self, count, name="blank", live=False):
        self.name, self.width, self.height, self.fps, self.live = name, 320, 240, 100.0, live
        self.left, self.closed = count, False

    def read(self):
        if self.left == 0 or self.closed:
            return None
        self.left -= 1
        time.sleep(0.002)
        return Frame(1000 - self.left, (1000 - self.left) / 100.0, np.full((240, 320, 3), 128, np.uint8))

    def close(self):
        self.closed = True


@pytest.fixture
def session(tmp_path):
    still = StillNetwork()
    session = Session(MODEL, still, still, SessionConfig(takes=tmp_path / "takes", realtime=False))
    yield session
    session.stop()


def test_frames_flow_and_the_status_follows(session):
    pipeline = session.use_source(Blank(30))
    assert pipeline.wait(20)
    status = session.status()
    assert (status.frames, status.tracked_frames, status.source_name) == (30, 30, "blank")
    assert status.state is TrackingState.TRACKING


def test_without_a_sink_that_draws_no_mesh_is_computed(session, tmp_path, monkeypatch):
    """Tracking, smoothing and recording need parameters alone; vertices are for those who show them."""

    def never(*_):
        raise AssertionError("a mesh was computed")

    for name in ("shape", "albedo", "normals"):
        monkeypatch.setattr(FaceModel, name, never)
    monkeypatch.setattr(FaceGeometry, "update_shape", never)
    session.on_first_source = lambda _: session.start_recording(tmp_path / "take.mcap")
    pipeline = session.use_source(Blank(20))
    assert pipeline.wait(20)
    assert (session.status().tracked_frames, session.status().error) == (20, "")


def test_a_recording_is_finished_when_the_source_changes(session, tmp_path):
    """One take, one source: its header and its clock belong to that source."""
    session.use_source(Blank(1000))
    path = session.start_recording()
    assert path.parent == tmp_path / "takes"
    deadline = time.monotonic() + 10
    while session.recording().frames < 5 and time.monotonic() < deadline:
        time.sleep(0.01)
    session.use_source(Blank(10, "other")).wait(20)
    assert session.recording() is None
    take = load_take(path)
    assert take.cut is None
    assert take.header.source_name == "blank"
    assert take.header.model_digest == MODEL.digest
    assert len(take) >= 5
    assert (np.diff(take.timestamp) > 0).all()


def test_after_a_recording_that_failed_a_new_one_starts(session, tmp_path):
    session.use_source(Blank(100_000))
    session.start_recording(tmp_path / "first.mcap")
    session._recorder._failure.set(LimelightError("take first.mcap: the disk is full"))
    assert session.recording() is None
    session.start_recording(tmp_path / "second.mcap")
    assert session.recording().path == tmp_path / "second.mcap"
    assert len(session._sinks) == 1


def test_a_recording_is_finished_by_stop(session):
    session.use_source(Blank(20)).wait(20)
    session.use_source(Blank(1000))
    path = session.start_recording()
    time.sleep(0.2)
    session.stop()
    assert load_take(path).cut is None


def test_owned_sinks_are_closed_by_stop_and_their_failures_told(session):
    class Broken:
        def submit(self, result):
            pass

        def close(self):
            raise LimelightError("video out.mp4: the disk is full")

    session.add_sink(Broken(), owned=True)
    with pytest.raises(LimelightError, match="disk is full"):
        session.stop()


def test_a_new_source_starts_without_the_old_centre(session):
    session.use_source(Blank(100_000))
    session.recenter()
    time.sleep(0.3)
    results = []

    class Collector:
        def submit(self, result):
            results.append(result)

        def close(self):
            pass

    session.add_sink(Collector())
    deadline = time.monotonic() + 10
    while not results and time.monotonic() < deadline:
        time.sleep(0.01)
    assert results[-1].centred is not None
    session.use_source(Blank(5, "other")).wait(20)
    assert results[-1].centred is None


def test_a_camera_that_is_opened_again_is_let_go_first(session, monkeypatch):
    """Whatever the words for it: a camera cannot be opened twice."""
    held = []

    def open_camera(spec):
        assert not held, "the camera is still held"
        source = Blank(100_000, "camera", live=True)
        held.append(source)
        close = source.close

        def let_go():
            close()
            held.clear()

        source.close = let_go
        return source

    monkeypatch.setattr("realtime.session.open_source", open_camera)
    monkeypatch.setattr("realtime.session.resolve_camera", lambda spec: CameraInfo(0, "C920"))
    for spec in (None, "camera", "camera:0", "C920"):
        session.open_source(spec)
    assert session.status().source_name == "camera"


def test_recording_twice_or_without_a_source_is_refused(session):
    with pytest.raises(LimelightError, match="open a source"):
        session.start_recording()
    session.use_source(Blank(1000))
    session.start_recording()
    with pytest.raises(LimelightError, match="already recording"):
        session.start_recording()


def test_a_source_that_cannot_be_opened_leaves_the_old_one_running(session):
    first = Blank(100_000)
    session.use_source(first)
    with pytest.raises(LimelightError):
        session.open_source("no/such/file.mp4")
    assert not first.closed
    assert session.status().source_name == "blank"


def test_switching_closes_the_old_source(session):
    first = Blank(100_000)
    session.use_source(first)
    session.use_source(Blank(5, "second")).wait(20)
    assert first.closed
    assert session.status().source_name == "second"


def test_what_was_asked_for_in_advance_begins_with_the_first_frame(session, tmp_path):
    session.on_first_source = lambda source: session.start_recording(tmp_path / f"{source.name}.mcap")
    session.use_source(Blank(25)).wait(20)
    session.stop()
    assert len(load_take(tmp_path / "blank.mcap")) == 25


def test_limits_apply_to_the_source(tmp_path):
    still = StillNetwork()
    session = Session(MODEL, still, still, SessionConfig(takes=tmp_path, realtime=False, frames=7))
    pipeline = session.use_source(Blank(100))
    assert pipeline.wait(20)
    assert session.status().frames == 7
    session.stop()


def test_a_stopped_session_stays_stopped(session):
    session.stop()
    source = Blank(5)
    with pytest.raises(LimelightError, match="ended"):
        session.use_source(source)
    assert source.closed


def test_smoothing_carries_over_to_the_next_source(session):
    session.smoothing = 0.9
    assert session.use_source(Blank(3)).smoothing == 0.9
    session.smoothing = 0.1
    assert session.use_source(Blank(3)).smoothing == 0.1


def test_dated_paths_never_collide(tmp_path):
    now = datetime(2026, 1, 2, 3, 4, 5)
    first = dated_path(tmp_path, ".mcap", now)
    assert first.name == "take-20260102-030405.mcap"
    first.touch()
    assert dated_path(tmp_path, ".mcap", now).name == "take-20260102-030405-2.mcap"

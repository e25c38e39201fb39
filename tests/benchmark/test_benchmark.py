"""What `limelight benchmark` is made of: frames, numbers in pictures, processes, ratios, growth, tables."""

from __future__ import annotations

import mmap
import os
import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmark.clip import ClipReader, encode, film_performer, film_video
from benchmark.contest import TURN, compare, turns
from benchmark.figures import Live, Loop, Picture, Record, Spread, Startup, Tracking, ratios_of
from benchmark.frame_ids import CELL, ID_WIDTH, IDS, draw_id, read_id
from benchmark.limited_process import LimitedProcess, can_confine
from benchmark.limits import LIMITS
from benchmark.live import ClipCamera, LiveLoop, soak_of
from benchmark.memory import peak_mb, resident_mb
from benchmark.peers import OpenSeeFacePeer, find_openseeface
from benchmark.pictures import PLAIN_LIGHT, PicturesInTurn
from benchmark.startup import measure_startup
from benchmark.table import markdown, terminal
from facemodel import LimelightError
from realtime.frame import Frame
from realtime.opencv import cv2
from realtime.sources.video import VideoSource


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """Five frames of the performer."""
    return film_performer(tmp_path_factory.mktemp("clip") / "frames.raw", 320, 240, 5, lambda: None)


def spread(p50: float) -> Spread:
    return Spread(p50, p50 * 1.5, p50 * 2.0, 10)


def tracking(p50: float) -> Tracking:
    return Tracking(spread(p50), {"network": spread(p50 / 2)}, 1.0, 0.5, 100.0)


def live(p95: float = 20.0, memory: float | None = 300.0) -> Live:
    return Live(Spread(p95 / 2, p95, p95 * 2, 30), spread(30.0), 40.0, 30, 30, 29, 1, memory, memory)


class Doubler:
    """An object for another process."""

    def __init__(self, offset: int) -> None:
        if offset < 0:
            raise LimelightError("offset: must not be below 0")
        self.offset = offset

    def double(self, value: int) -> int:
        if value == 13:
            raise LimelightError("13: no such number")
        return 2 * value + self.offset

    def cores(self) -> int:
        return len(os.sched_getaffinity(0))

    def stumble(self) -> None:
        raise KeyError("x")

    def die(self) -> None:
        os.kill(os.getpid(), signal.SIGKILL if hasattr(signal, "SIGKILL") else signal.SIGTERM)


class Counter:
    """A contestant that finds a face in every other frame."""

    def __init__(self, fails_at: int | None) -> None:
        self._fails_at = fails_at
        self.found = False

    def step(self, frame: Frame) -> dict[str, float]:
        if frame.index == self._fails_at:
            raise LimelightError("it broke")
        self.found = frame.index % 2 == 0
        return {"network": float(frame.index), "odd": 1.0} if frame.index % 2 else {"network": float(frame.index)}

    def close(self) -> None:
        pass


class CounterEntry:
    def __init__(self, name: str, opens: bool = True, fails_at: int | None = None) -> None:
        self.name, self._opens, self._fails_at = name, opens, fails_at

    def open(self, threads: int) -> Counter:
        if not self._opens:
            raise LimelightError("it cannot be opened")
        return Counter(self._fails_at)


def test_spread_is_of_the_values():
    found = Spread.of([4.0, 1.0, 3.0, 2.0, 5.0])
    assert (found.p50, found.count) == (3.0, 5)
    assert found.p50 < found.p95 <= found.p99 <= 5.0
    with pytest.raises(ValueError):
        Spread.of([])


def test_a_clip_plays_forwards_and_backwards_without_a_cut(clip):
    with ClipReader(clip) as reader:
        played = [reader.read(index).copy() for index in range(2 * clip.period + 1)]
    assert clip.period == 8
    for index, mirrored in ((5, 3), (6, 2), (7, 1), (8, 0), (9, 1), (12, 4), (16, 0)):
        assert np.array_equal(played[index], played[mirrored])
    assert not np.array_equal(played[0], played[1])
    assert played[0].shape == (240, 320, 3) and clip.size == "320x240"


def test_a_clip_becomes_a_video_and_a_video_a_clip(clip, tmp_path):
    video = encode(clip, tmp_path / "clip.mp4")
    source = VideoSource(video)
    assert (source.width, source.height) == (320, 240)
    source.close()
    again = film_video(tmp_path / "again.raw", video, 20, lambda: None)
    assert again.frames == clip.period
    with ClipReader(clip) as one, ClipReader(again) as other:
        difference = np.abs(one.read(3).astype(int) - other.read(3)).mean()
    assert difference < 8.0


def test_a_video_of_one_frame_is_refused(clip, tmp_path):
    writer = cv2.VideoWriter(str(tmp_path / "one.mp4"), cv2.VideoWriter.fourcc(*"mp4v"), 30.0, (320, 240))
    with ClipReader(clip) as reader:
        writer.write(reader.read(0))
    writer.release()
    with pytest.raises(LimelightError, match="one frame"):
        film_video(tmp_path / "one.raw", tmp_path / "one.mp4", 20, lambda: None)


def test_a_truncated_clip_is_refused(clip, tmp_path):
    short = tmp_path / "short.raw"
    short.write_bytes(clip.path.read_bytes()[:-100])
    with ClipReader(replace(clip, path=short)) as reader, pytest.raises(LimelightError, match="truncated"):
        reader.read(clip.frames - 1)


@pytest.mark.parametrize("number", [0, 1, 4660, IDS - 1, IDS + 7])
def test_numbers_are_read_back_from_noisy_pictures(number):
    picture = np.random.default_rng(0).integers(0, 256, (40, 300, 3)).astype(np.uint8)
    draw_id(picture, number)
    noisy = np.clip(picture + np.random.default_rng(1).normal(0, 20, picture.shape), 0, 255).astype(np.uint8)
    assert read_id(noisy) == number % IDS


def test_no_number_is_no_number():
    picture = np.full((40, 300, 3), 90, np.uint8)
    assert read_id(picture) is None
    assert read_id(picture[:, : ID_WIDTH - 1]) is None
    draw_id(picture, 5)
    picture[:CELL, :CELL] = 255 - picture[:CELL, :CELL]  # one bit is damaged
    assert read_id(picture) is None
    with pytest.raises(ValueError, match="too small"):
        draw_id(picture[:, :100], 5)


def test_an_object_in_a_process_of_its_own():
    with LimitedProcess("doubler", 1, Doubler, 1) as process:
        assert process.call("double", 4) == 9
        with pytest.raises(LimelightError, match="13: no such number"):
            process.call("double", 13)
        with pytest.raises(LimelightError, match="KeyError in stumble"):
            process.call("stumble")
        assert process.call("double", 5) == 11
        if can_confine():
            assert process.call("cores") == 1
        with pytest.raises(LimelightError, match="its process ended"):
            process.call("die")
        with pytest.raises(LimelightError, match="its process ended"):
            process.call("double", 4)


def test_an_object_that_cannot_be_made_says_why():
    before = os.sched_getaffinity(0) if can_confine() else None
    with pytest.raises(LimelightError, match="must not be below 0"):
        LimitedProcess("doubler", 1, Doubler, -1)
    if can_confine():
        assert os.sched_getaffinity(0) == before


def test_contestants_see_the_same_frames_and_only_those_after_the_warm_up_count(clip):
    entries = [CounterEntry("one"), CounterEntry("broken", fails_at=9), CounterEntry("closed", opens=False)]
    steps: list[None] = []
    found, left_out = compare(entries, clip, 1, frames=10, warm_up=4, step=lambda: steps.append(None))
    assert left_out == {"closed": "it cannot be opened", "broken": "it broke"}
    assert list(found) == ["one"]
    one = found["one"]
    assert one.step_ms.count == 10
    assert one.stages_ms["network"] == Spread.of(range(4, 14))
    assert one.stages_ms["odd"].count == 5
    assert one.found == 0.5
    assert one.ready_s > 0.0
    alone: list[None] = []
    compare(entries[:1], clip, 1, frames=TURN + 1, warm_up=TURN, step=lambda: alone.append(None))
    assert len(alone) == turns(1, TURN + 1, TURN) == 4


def test_lights_are_drawn_in_turn_over_the_frames(clip):
    pictures = PicturesInTurn(clip)
    try:
        found = pictures.measure(2)
    finally:
        pictures.close()
    assert next(iter(found)) == PLAIN_LIGHT and found[PLAIN_LIGHT].ratio == 1.0
    assert len(found) == 5 and all(each.draw_ms.count == 2 for each in found.values())
    shadows = found["2 lights, shadows"]
    assert shadows.ratio == pytest.approx(shadows.draw_ms.p50 / found[PLAIN_LIGHT].draw_ms.p50, abs=1e-3)


def test_ratios_are_of_medians_and_the_largest_stands_for_all():
    measured = {
        1: {"student": tracking(6.0), "student-open": tracking(3.0), "mediapipe": tracking(12.0)},
        2: {"student": tracking(5.0), "mediapipe": tracking(8.0), "openseeface": tracking(4.0)},
    }
    peers = ("mediapipe", "openseeface")
    ratios = ratios_of(measured, peers, default="student-open")
    assert ratios == {
        "default_vs_mediapipe": 0.25,
        "default_vs_mediapipe_1_thread": 0.25,
        "default_vs_openseeface": None,
        "student_vs_mediapipe": 0.625,
        "student_vs_mediapipe_1_thread": 0.5,
        "student_vs_mediapipe_2_threads": 0.625,
        "student_vs_openseeface": 1.25,
        "student_vs_openseeface_2_threads": 1.25,
        "student_open_vs_mediapipe": 0.25,
        "student_open_vs_mediapipe_1_thread": 0.25,
    }
    ratios = ratios_of(measured, peers, default="student")
    assert ratios["default_vs_mediapipe"] == 0.625 and ratios["default_vs_openseeface"] == 1.25
    assert ratios["default_vs_mediapipe_1_thread"] == 0.5 and ratios["default_vs_openseeface_2_threads"] == 1.25
    ratios = ratios_of(measured, peers, default="unmeasured")
    assert ratios["default_vs_mediapipe"] is None and ratios["default_vs_openseeface"] is None


def test_growth_is_from_the_first_tenth_to_the_last():
    windows = [live(p95=20.0 + 0.1 * i, memory=300.0 + i) for i in range(20)]
    soak = soak_of(windows, minutes=5.0)
    assert soak.latency_growth_ms == pytest.approx(1.8)
    assert soak.memory_growth_mb == pytest.approx(18.0)
    assert len(soak.windows) == 20
    assert soak_of([live(memory=None)] * 3, 1.0).memory_growth_mb is None


def test_memory_is_that_of_the_process():
    resident, peak = resident_mb(), peak_mb()
    if not Path("/proc/self/status").is_file():
        pytest.skip("this system does not tell memory")
    assert resident is not None and peak is not None
    with mmap.mmap(-1, 40_000_000) as block:  # pages that nobody had: an array may get ones that were freed before
        block.write(b"\x01" * len(block))
        grown = resident_mb()
    assert grown is not None and grown - resident > 30.0
    assert (peak_mb() or 0.0) >= grown - 1.0


def test_a_camera_of_stored_frames_numbers_them_and_skips_what_a_late_reader_missed(clip):
    camera = ClipCamera(clip, fps=200.0)
    first, second = camera.read(), camera.read()
    assert first is not None and second is not None
    assert (first.index, read_id(first.image)) == (0, 0)
    assert camera.captured_at(second.index) == second.timestamp > first.timestamp
    assert not np.shares_memory(first.image, second.image)
    camera._start = (camera._start or 0.0) - 1.0  # as if the reader had been away for a second
    late = camera.read()
    assert late is not None and late.index >= 200 and read_id(late.image) == late.index
    camera.close()
    assert camera.read() is None


def test_latency_needs_room_for_the_numbers(clip):
    with pytest.raises(LimelightError, match="too small"):
        LiveLoop(replace(clip, width=200), "student", 1, 30.0, drawn=False)


def test_startup_says_what_failed(clip, tmp_path):
    with pytest.raises(LimelightError, match="start-up: network 'no-such'"):
        measure_startup(tmp_path / "x.mp4", "no-such", 1, 1, lambda: None)


def test_openseeface_follows_the_performer(sources, model, tmp_path):
    try:
        peer = OpenSeeFacePeer(find_openseeface(sources).folder, threads=1)
    except LimelightError:
        pytest.skip("the peers' files are absent")
    from facemodel import project
    from realtime.sources.synthetic import SyntheticPerformer

    performer = SyntheticPerformer(model, live=False, seed=7)
    errors = []
    for _ in range(12):
        frame = performer.read()
        assert frame is not None and frame.truth is not None
        stages = peer.step(frame)
        assert peer.found
        p = model.layout.view(frame.truth)
        shape = model.shape(p.identity, p.expression)
        true = project(model.landmarks68(shape), p.rotation, p.translation, p.scale)
        inner = slice(17, 60)  # brows, nose, eyes and outer lips: numbered alike in both
        area = np.prod(np.ptp(true[inner], axis=0))
        errors.append(np.linalg.norm(peer.landmarks[inner] - true[inner], axis=1).mean() / np.sqrt(area))
    performer.close()
    assert "find" not in stages  # the detector runs for the first frame only
    assert np.mean(errors) < 0.08


def test_peers_that_are_absent_are_named(tmp_path):
    with pytest.raises(LimelightError, match="LIMELIGHT_DATA"):
        find_openseeface(None)
    with pytest.raises(LimelightError, match=r"lm_model0_opt\.onnx is absent"):
        find_openseeface(tmp_path)
    (tmp_path / "lm_model0_opt.onnx").write_bytes(b"not a network")
    with pytest.raises(LimelightError, match="corrupt"):
        OpenSeeFacePeer(tmp_path, 1)


@pytest.fixture
def record() -> Record:
    trackers = {"student": tracking(6.0), "mediapipe": tracking(12.0)}
    loop = {"plain": Loop(80.0, {"crop": spread(0.5)}), "drawn": Loop(20.0, {"draw": spread(25.0)})}
    machine = dict.fromkeys(("onnxruntime", "mediapipe", "opencv-python", "numpy"), "1.0")
    return Record(
        machine={
            **machine, "cpu": "a processor", "cores": 2, "cores_confined": True, "system": "Linux", "python": "3.11",
            "opengl": "llvmpipe", "load": 0.1,
        },
        settings={"sizes": ["640x480"], "network": "student", "fps": 30.0, "frames_of": "synthetic performer"},
        tracking={2: trackers},
        loop={2: {"640x480": loop}},
        pictures={2: {"640x480": {PLAIN_LIGHT: Picture(spread(8.0), 1.0), "2 lights": Picture(spread(10.0), 1.25)}}},
        live={2: {"plain": live(), "drawn": live(p95=45.0)}},
        startup=Startup(2.5, [2.5], {"imports": 1.0, "first frame": 1.5}),
        soak=soak_of([live(), live(), live(memory=325.0)], 0.5),
        ratios=ratios_of({2: trackers}, ("mediapipe", "openseeface"), "student-int8"),
        left_out={"openseeface": "no data folder"},
    )  # fmt: skip


def test_tables_tell_what_holds_and_what_does_not(record):
    for text in (terminal(record), markdown(record)):
        lines = {line.strip("| ").split("  ")[0].split(" |")[0].strip(): line for line in text.splitlines()}
        assert "NO" in lines["student's step / MediaPipe's"] and "0.5" in lines["student's step / MediaPipe's"]
        assert "yes" in lines["whole loop, 640x480, not drawn"]
        assert "NO" in lines["whole loop, 640x480, drawn"]
        assert "yes" in lines["capture to parameters, p95, not drawn"]
        assert "NO" in lines["capture to parameters, p95, drawn"]
        assert "NO" in lines["growth of memory in the soak"]
        assert "(1.25)" in lines["640x480, 2 lights"]
        assert "student's step / OpenSeeFace's" not in lines  # it was not measured


def test_the_report_is_whole_markdown(record):
    text = markdown(record)
    assert text.startswith("# Benchmarks\n")
    assert "no data folder" in text and "a processor" in text
    blocks = [block.splitlines() for block in text.split("\n\n") if block.startswith("|")]
    assert len(blocks) == 8
    for block in blocks:
        assert len({line.count("|") for line in block}) == 1


def test_tables_of_what_little_was_measured(record):
    little = replace(record, tracking={}, loop={}, pictures={}, live={}, soak=None, ratios={})
    assert "Start to first shaded frame" in terminal(little)
    assert "Soak" not in markdown(little)


def test_every_limit_finds_its_value(record):
    others = ("student_vs_openseeface", "student_int8_vs_mediapipe", "student_int8_vs_openseeface")
    full = replace(record, ratios=record.ratios | dict.fromkeys(others, 0.9))
    assert all(limit.value(full) is not None for limit in LIMITS)
    assert all(limit.value(Record()) is None for limit in LIMITS)

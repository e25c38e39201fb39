"""The video sink: the results' own times, sound kept, every failure one line, and a file that survives being killed."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest

from facemodel import LimelightError
from realtime.frame import Frame, Result, Sound, StreamInfo
from realtime.outputs.video_file import VideoFile, _WholeWrites
from realtime.sources import VideoSource
from tests.realtime.video_factory import grey, levels, read_video, set_back, tone_begins, write_video

ROOT = Path(__file__).resolve().parents[2]
needs_limits = pytest.mark.skipif(sys.platform == "win32", reason="this system has no limit on a file's size")


class Frames:
    """Shows the frames as they are."""

    def __init__(self, info: StreamInfo) -> None:
        self.closed = 0

    def draw(self, result: Result) -> np.ndarray:
        return result.frame.image

    def close(self) -> None:
        self.closed += 1


def info(live: bool = False, fps: float = 25.0, size: tuple[int, int] = (64, 48), sound: Sound | None = None):
    return StreamInfo("test", *size, fps, live, model=None, sound=sound)


def result(time: float, level: int = 100, size: tuple[int, int] = (64, 48), stalled: bool = False) -> Result:
    return Result(Frame(0, time, grey(level, size)), time, stalled=stalled)


def film(path: Path, results: list[Result], about: StreamInfo | None = None) -> VideoFile:
    video = VideoFile(path, Frames)
    video.begin(about or info())
    for item in results:
        video.submit(item)
    video.close()
    return video


# --- times and pictures --------------------------------------------------------------------------------------


def test_every_result_is_a_frame_at_its_own_time(tmp_path):
    times = [0.0, 0.01, 0.3, 1.0, 1.001, 12.0, 40.0]  # a file may pause as long as it likes
    video = film(tmp_path / "out.mp4", [result(t, 20 + 30 * i) for i, t in enumerate(times)])
    found, pictures = read_video(tmp_path / "out.mp4")
    np.testing.assert_allclose(found, times, atol=1e-4)
    np.testing.assert_allclose(levels(pictures), [20 + 30 * i for i in range(7)], atol=4.0)
    assert video.frames == 7
    assert video.status() == "7 frames, 40.0 s"


def test_a_constant_rate_stays_one_and_the_last_frame_has_its_length(tmp_path):
    film(tmp_path / "out.mp4", [result(i / 24.0) for i in range(48)], info(fps=24.0))
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert container.streams.video[0].average_rate == 24
        assert container.duration == pytest.approx(2_000_000, abs=100)
        assert not any(container.streams.audio)


def test_the_video_begins_where_the_feed_does(tmp_path):
    film(tmp_path / "out.mp4", [result(90210.5), result(90210.75)])
    assert read_video(tmp_path / "out.mp4")[0] == pytest.approx([0.0, 0.25], abs=1e-4)


def test_a_stall_is_no_frame(tmp_path):
    results = [result(0.0), *(result(0.04 * i, stalled=True) for i in range(1, 9)), result(0.36)]
    assert film(tmp_path / "out.mp4", results).frames == 2
    assert read_video(tmp_path / "out.mp4")[0] == pytest.approx([0.0, 0.36], abs=1e-4)


@pytest.mark.parametrize("live", [False, True])
def test_a_clock_that_runs_backwards_goes_on_one_frame_later(tmp_path, live):
    times = [100.0, 100.04, 3.0, 3.1]
    film(tmp_path / "out.mp4", [result(t) for t in times], info(live))
    assert read_video(tmp_path / "out.mp4")[0] == pytest.approx([0.0, 0.04, 0.08, 0.18], abs=1e-4)


def test_a_long_pause_of_a_live_performance_is_joined_and_a_short_one_kept(tmp_path):
    film(tmp_path / "out.mp4", [result(t) for t in (0.0, 9.0, 3600.0, 3600.5)], info(live=True))
    assert read_video(tmp_path / "out.mp4")[0] == pytest.approx([0.0, 9.0, 9.04, 9.54], abs=1e-4)


def test_a_frame_of_another_size_is_letter_boxed(tmp_path):
    film(tmp_path / "out.mp4", [result(0.0, 200), result(0.04, 200, (32, 48)), result(0.08, 200, (640, 480))])
    pictures = read_video(tmp_path / "out.mp4")[1]
    assert [p.shape for p in pictures] == [(48, 64, 3)] * 3
    assert pictures[0].min() > 150
    assert pictures[1][:, 20:44].min() > 150
    assert pictures[1][:, :12].max() < 60
    assert pictures[1][:, 52:].max() < 60
    assert pictures[2].min() > 150


def test_an_odd_size_loses_its_last_row_and_column(tmp_path):
    film(tmp_path / "out.mp4", [result(0.0, size=(65, 49))], info(size=(65, 49)))
    assert read_video(tmp_path / "out.mp4")[1][0].shape == (48, 64, 3)


def test_our_own_reader_finds_the_same(tmp_path, caplog):
    film(tmp_path / "out.mp4", [result(i * i / 100.0, 10 + 8 * i) for i in range(20)])
    source = VideoSource(tmp_path / "out.mp4")
    with caplog.at_level(logging.WARNING):
        frames = [source.read() for _ in range(21)]
    assert frames.pop() is None
    np.testing.assert_allclose([f.timestamp for f in frames], np.arange(20) ** 2 / 100.0, atol=1e-4)
    assert caplog.text == ""


# --- sound ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "codec", "kept_as"),
    [
        ("in.mp4", "aac", "aac"),
        ("in.mkv", "flac", "flac"),
        ("in.mkv", "pcm_s16le", "aac"),
        ("in.ts", "aac", "aac"),
        ("in.mkv", "mp2", "aac"),
    ],
)
def test_sound_is_kept_in_time_with_the_pictures(tmp_path, name, codec, kept_as):
    path = write_video(tmp_path / name, [grey(90)] * 50, tone_from=1.0, sound_codec=codec)
    source = VideoSource(path)
    results = []
    while (frame := source.read()) is not None:
        results.append(Result(frame, frame.timestamp))
    video = film(tmp_path / "out.mp4", results, info(sound=source.sound))
    with av.open(str(tmp_path / "out.mp4")) as container:
        (stream,) = container.streams.audio
        assert stream.codec_context.name == kept_as
        last = [p for p in container.demux(stream) if p.pts is not None][-1]
        assert float((last.pts + last.duration) * last.time_base) == pytest.approx(2.0, abs=0.06)
    assert tone_begins(tmp_path / "out.mp4") == pytest.approx(1.0, abs=0.03)
    assert read_video(tmp_path / "out.mp4")[0] == pytest.approx(np.arange(50) / 25.0, abs=0.001)
    assert video.status() == "50 frames, 2.0 s"


@pytest.mark.parametrize("codec", ["aac", "pcm_s16le"])
def test_sound_is_cut_to_the_part_that_was_filmed(tmp_path, codec):
    path = write_video(tmp_path / "in.mkv", [grey(90)] * 100, tone_from=2.0, sound_seconds=4.0, sound_codec=codec)
    results = [result(1.5 + i / 25.0) for i in range(25)]
    film(tmp_path / "out.mp4", results, info(sound=Sound(path)))
    assert tone_begins(tmp_path / "out.mp4") == pytest.approx(0.5, abs=0.03)
    assert read_video(tmp_path / "out.mp4")[0] == pytest.approx(np.arange(25) / 25.0, abs=0.001)
    with av.open(str(tmp_path / "out.mp4")) as container:
        ends = [float((p.pts + p.duration) * p.time_base) for p in container.demux(audio=0) if p.pts is not None]
    assert max(ends) == pytest.approx(1.0, abs=0.06)


def test_sound_whose_place_in_the_file_is_later_is_found(tmp_path):
    """Pictures that begin half a second into the file's clock."""
    times = [0.5 + i / 25.0 for i in range(25)]
    path = write_video(tmp_path / "in.mp4", [grey(90)] * 25, times, tone_from=1.0)
    source = VideoSource(path)
    film(tmp_path / "out.mp4", [result(i / 25.0) for i in range(25)], info(sound=source.sound))
    assert tone_begins(tmp_path / "out.mp4") == pytest.approx(0.5, abs=0.03)


def test_sound_that_ends_early_holds_nothing_up(tmp_path):
    path = write_video(tmp_path / "in.mp4", [grey(90)] * 50, tone_from=0.1, sound_seconds=0.5)
    film(tmp_path / "out.mp4", [result(i / 25.0) for i in range(50)], info(sound=Sound(path)))
    assert len(read_video(tmp_path / "out.mp4")[0]) == 50


@pytest.mark.parametrize("broken", ["gone", "silent"])
def test_sound_that_cannot_be_kept_is_said_and_the_video_goes_on(tmp_path, caplog, broken):
    path = tmp_path / "in.mp4"
    if broken == "silent":
        write_video(path, [grey(90)] * 3)
    video = film(tmp_path / "out.mp4", [result(i / 25.0) for i in range(5)], info(sound=Sound(path)))
    assert len(read_video(tmp_path / "out.mp4")[0]) == 5
    assert "it has no sound: in.mp4" in video.status()
    assert caplog.text.count("it has no sound") == 1


def test_sound_ends_where_the_source_jumps_and_that_is_said(tmp_path, caplog):
    path = write_video(tmp_path / "in.mp4", [grey(90)] * 50, tone_from=0.1)
    results = [result(t) for t in (*np.arange(20) / 25.0, *np.arange(20) / 25.0)]
    video = film(tmp_path / "out.mp4", results, info(sound=Sound(path)))
    assert len(read_video(tmp_path / "out.mp4")[0]) == 40
    assert "its sound ends at 0.8 s" in video.status()
    with av.open(str(tmp_path / "out.mp4")) as container:
        ends = [float((p.pts + p.duration) * p.time_base) for p in container.demux(audio=0) if p.pts is not None]
    assert max(ends) == pytest.approx(0.8, abs=0.08)


# --- being killed --------------------------------------------------------------------------------------------

FILM_FOR_EVER = """
import sys
import numpy as np
from realtime.frame import Frame, Result, StreamInfo
from realtime.outputs.video_file import VideoFile
from tests.realtime.test_video_file import Frames
fps = float(sys.argv[2])
video = VideoFile(sys.argv[1], Frames)
video.begin(StreamInfo("test", 160, 120, fps, True, None))
rng = np.random.default_rng(0)
for i in range(100_000):
    picture = rng.integers(0, 256, (120, 160, 3)).astype(np.uint8)
    video.submit(Result(Frame(i, i / fps, picture), i / fps))
    print(i + 1, flush=True)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="this system has no SIGKILL")
@pytest.mark.parametrize(
    ("fps", "frames", "suffix"), [(30.0, 77, ".mp4"), (60.0, 131, ".mp4"), (8.0, 30, ".mp4"), (30.0, 77, ".mov")]
)
def test_a_video_that_is_killed_lacks_at_most_a_third_of_a_second(tmp_path, fps, frames, suffix):
    path = tmp_path / f"out{suffix}"
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", FILM_FOR_EVER, str(path), str(fps)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        told = 0
        while told < frames:
            told = int(process.stdout.readline())
        process.send_signal(signal.SIGKILL)
        told = max([told, *(int(line) for line in process.stdout.read().split()[:-1])])
    times, pictures = read_video(path)
    np.testing.assert_allclose(times, np.arange(len(times)) / fps, atol=1e-4)
    assert len(pictures) >= told - 0.3 * fps - 1
    assert len({p.tobytes() for p in pictures}) == len(pictures)  # they are pictures, not repeats


@needs_limits
def test_a_full_disk_is_one_line_and_what_was_written_is_readable(tmp_path):
    code = FILM_FOR_EVER.replace(
        "rng =", "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))\nrng ="
    ).replace("for i in", "from facemodel import LimelightError\ntry:\n  for i in")
    code = code.replace("\n    picture", "\n      picture").replace("\n    video.s", "\n      video.s")
    code = code.replace("\n    print(i + 1, flush=True)", "") + (
        "\nexcept LimelightError as error:\n  print(error)\nvideo.close()\nvideo.close()\nprint(video.status())\n"
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "out.mp4"), "25"],
        capture_output=True, text=True, env=environment, timeout=240,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    error, status = done.stdout.splitlines()
    assert "cannot be written (File too large)" in error
    found = len(read_video(tmp_path / "out.mp4")[0])
    assert found > 3
    assert int(status.split()[0]) - 8 <= found


# --- failures ------------------------------------------------------------------------------------------------


def test_a_disk_that_fills_while_the_file_is_finished_is_one_line(tmp_path, monkeypatch):
    class FillingDisk(_WholeWrites):
        full = False

        def write(self, data: bytes) -> int:
            if self.full:
                raise OSError(28, "No space left on device")
            return super().write(data)

    monkeypatch.setattr("realtime.outputs.video_file._WholeWrites", FillingDisk)
    video = VideoFile(tmp_path / "out.mp4", Frames)
    video.begin(info())
    for i in range(15):
        video.submit(result(i / 25.0))
    FillingDisk.full = True
    with pytest.raises(LimelightError) as error:
        video.close()
    assert "cannot be written (No space left on device)" in str(error.value)
    assert "\n" not in str(error.value)
    video.close()
    assert len(read_video(tmp_path / "out.mp4")[0]) >= 6


def test_a_drawing_is_made_when_a_feed_begins_and_closed_with_the_file(tmp_path):
    made: list[Frames] = []

    def make(about: StreamInfo) -> Frames:
        made.append(Frames(about))
        return made[-1]

    video = VideoFile(tmp_path / "out.mp4", make)
    assert made == []
    video.begin(info())
    video.submit(result(0.0))
    assert made[0].closed == 0
    video.close()
    assert made[0].closed == 1


def test_a_drawing_that_fails_leaves_the_frames_before(tmp_path):
    class Failing(Frames):
        def draw(self, item: Result) -> np.ndarray:
            if item.time > 0.1:
                raise LimelightError("the GPU is gone")
            return item.frame.image

    video = VideoFile(tmp_path / "out.mp4", Failing)
    video.begin(info())
    for time in (0.0, 0.04, 0.08):
        video.submit(result(time))
    with pytest.raises(LimelightError, match="the GPU is gone"):
        video.submit(result(0.12))
    video.close()
    assert len(read_video(tmp_path / "out.mp4")[0]) == 3


def test_a_video_of_nothing_leaves_no_file(tmp_path):
    film(tmp_path / "out.mp4", [])
    film(tmp_path / "stalled.mp4", [result(0.0, stalled=True)])
    assert list(tmp_path.iterdir()) == []


def test_a_finished_video_is_not_filmed_over(tmp_path):
    video = film(tmp_path / "out.mp4", [result(0.0)])
    with pytest.raises(LimelightError, match="under another name"):
        video.begin(info())
    assert len(read_video(tmp_path / "out.mp4")[0]) == 1


def test_a_video_of_nothing_may_begin_again(tmp_path):
    video = film(tmp_path / "out.mp4", [])
    video.begin(info())
    video.submit(result(0.0))
    video.close()
    assert len(read_video(tmp_path / "out.mp4")[0]) == 1


@pytest.mark.parametrize(
    ("name", "reason"), [("out.avi", "must end in .mp4 or .mov"), ("file/out.mp4", "cannot be created")]
)
def test_a_bad_path_is_one_line(tmp_path, name, reason):
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(LimelightError, match=reason):
        film(tmp_path / name, [result(0.0)])


def test_a_size_that_cannot_be_encoded_is_one_line_and_leaves_no_file(tmp_path):
    with pytest.raises(LimelightError) as error:
        film(tmp_path / "out.mp4", [], info(size=(1, 1)))
    assert "\n" not in str(error.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform != "linux", reason="names here are Unicode")
def test_a_name_that_is_not_utf8_is_written_and_can_be_shown(tmp_path):
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.mp4"))
    video = film(path, [result(0.0), result(0.04)])
    video.name.encode()
    assert len(read_video(path)[0]) == 2


def test_an_existing_file_is_never_overwritten(tmp_path):
    film(tmp_path / "out.mp4", [result(0.0), result(0.04)])
    with pytest.raises(LimelightError, match="exists already and is never overwritten"):
        film(tmp_path / "out.mp4", [result(0.0)])
    assert len(read_video(tmp_path / "out.mp4")[0]) == 2


def test_sound_ends_where_a_file_is_set_back_though_time_rises(tmp_path):
    path = write_video(tmp_path / "in.mp4", [grey(90)] * 50, tone_from=0.1)
    results = [Result(frame, frame.timestamp) for frame in set_back(0)]
    video = film(tmp_path / "out.mp4", results, info(sound=Sound(path)))
    assert "its sound ends at 1.0 s" in video.status()

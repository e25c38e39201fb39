"""Video files as sources: every frame, upright, at the time that the file gives it, whatever the container."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest

from facemodel import LimelightError
from realtime.frame import Frame
from realtime.opencv import cv2
from realtime.sources import SourceSettings, VideoSource, open_source
from tests.realtime.video_factory import grey, levels, set_rotation, skip_beginning, write_video

ROOT = Path(__file__).resolve().parents[2]


def ramp(count: int, size: tuple[int, int] = (64, 48)) -> list[np.ndarray]:
    return [grey(20 + 200 * i // max(1, count - 1), size) for i in range(count)]


def textured(count: int, size: tuple[int, int] = (320, 240)) -> list[np.ndarray]:
    """Pictures that take some bytes each."""
    rng = np.random.default_rng(0)
    return [rng.integers(0, 256, (size[1], size[0], 3)).astype(np.uint8) for _ in range(count)]


def read_all(source) -> list[Frame]:
    frames = []
    while (frame := source.read()) is not None:
        frames.append(frame)
    source.close()
    return frames


def one_line(error: pytest.ExceptionInfo[LimelightError]) -> str:
    assert "\n" not in str(error.value)
    return str(error.value)


def corner_picture() -> np.ndarray:
    """Black but for a white block in the top left corner, (48, 64, 3)."""
    picture = grey(0)
    picture[:16, :16] = 255
    return picture


def bright_corner(image: np.ndarray) -> str:
    height, width = image.shape[:2]
    corners = {
        "top left": image[:8, :8], "top right": image[:8, width - 8 :],
        "bottom left": image[height - 8 :, :8], "bottom right": image[height - 8 :, width - 8 :],
    }  # fmt: skip
    (name,) = [name for name, block in corners.items() if block.mean() > 128]
    return name


# --- times ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["clip.mp4", "clip.mkv", "clip.mov", "clip.avi", "clip.ts"])
def test_every_frame_is_delivered_in_order_with_the_files_times(tmp_path, name):
    source = VideoSource(write_video(tmp_path / name, ramp(12), codec="mpeg4"))
    assert (source.name, source.width, source.height, source.fps, source.live) == (name, 64, 48, 25.0, False)
    assert source.sound is None
    frames = read_all(source)
    assert [f.index for f in frames] == list(range(12))
    np.testing.assert_allclose([f.timestamp for f in frames], np.arange(12) / 25.0, atol=0.001)
    np.testing.assert_allclose(levels([f.image for f in frames]), levels(ramp(12)), atol=7.0)
    assert source.read() is None
    source.close()


def test_a_variable_rate_is_kept_exactly_and_a_late_first_frame_is_time_zero(tmp_path):
    times = [0.5, 0.52, 0.9, 1.7, 1.71, 4.0]
    frames = read_all(VideoSource(write_video(tmp_path / "clip.mp4", ramp(6), times)))
    np.testing.assert_allclose([f.timestamp for f in frames], np.array(times) - 0.5, atol=1e-4)


def test_a_stream_without_times_gets_its_nominal_rate(tmp_path):
    frames = read_all(VideoSource(write_video(tmp_path / "clip.h264", ramp(9), fps=50)))
    assert len(frames) == 9
    steps = np.diff([f.timestamp for f in frames])
    np.testing.assert_allclose(steps, steps[0])
    assert steps[0] in (1.0 / 25.0, 1.0 / 50.0)  # what FFmpeg makes of the stream's own words


def test_times_that_jump_back_still_rise(tmp_path):
    """Two transport streams in one file, as cameras that start anew write them."""
    one = write_video(tmp_path / "one.ts", ramp(10), codec="mpeg4").read_bytes()
    (tmp_path / "two.ts").write_bytes(one + one)
    frames = read_all(VideoSource(tmp_path / "two.ts"))
    assert len(frames) > 10
    assert (np.diff([f.timestamp for f in frames]) > 0.0).all()


def test_an_edit_list_is_obeyed_and_is_no_damage(tmp_path, caplog):
    path = write_video(tmp_path / "clip.mp4", ramp(50), options={"bf": "2"})
    skip_beginning(path, 0.8)
    with caplog.at_level(logging.WARNING):
        frames = read_all(VideoSource(path))
    assert frames[0].timestamp == 0.0
    assert len(frames) == pytest.approx(30, abs=3)  # B-frames around the cut may stay
    np.testing.assert_allclose(np.diff([f.timestamp for f in frames]), 0.04, atol=1e-4)
    assert float(frames[0].image.mean()) > 90.0
    assert caplog.text == ""


def test_a_gif_keeps_its_own_uneven_times(sources):
    frames = read_all(VideoSource(sources / "videos" / "head-pose-face-detection-female-and-male.gif"))
    steps = np.diff([f.timestamp for f in frames])
    assert len(frames) == 56
    assert (steps > 0.0).all()
    assert steps.max() - steps.min() > 0.005


# --- pictures ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("degrees", "corner", "size"),
    [(90, "top right", (48, 64)), (180, "bottom right", (64, 48)), (270, "bottom left", (48, 64))],
)
def test_pictures_are_turned_as_the_file_says_or_as_the_user_does(tmp_path, degrees, corner, size):
    path = write_video(tmp_path / "clip.mp4", [corner_picture()] * 3)
    set_rotation(path, degrees)
    told = open_source(str(path))
    assert (told.width, told.height) == size
    assert {bright_corner(f.image) for f in read_all(told)} == {corner}
    overridden = read_all(open_source(str(path), SourceSettings(rotate=0)))
    assert {bright_corner(f.image) for f in overridden} == {"top left"}
    assert {f.image.shape for f in overridden} == {(48, 64, 3)}
    plain = write_video(tmp_path / "plain.mp4", [corner_picture()] * 3)
    asked = read_all(open_source(str(plain), SourceSettings(rotate=degrees)))
    assert {bright_corner(f.image) for f in asked} == {corner}
    assert {f.image.shape[1::-1] for f in asked} == {size}


@pytest.mark.parametrize(
    ("codec", "pix_fmt", "options"),
    [
        ("libx264", "yuv420p", {}),
        ("libx264", "yuv444p", {}),
        ("libx264", "yuv420p10le", {}),
        ("libx264", "yuv420p", {"colorspace": "bt709", "color_range": "tv"}),
        ("mjpeg", "yuvj422p", {}),
        ("ffv1", "bgr0", {}),
    ],
)
def test_colours_are_right_in_every_pixel_format(tmp_path, codec, pix_fmt, options):
    colours = [(30, 60, 200), (40, 180, 60), (190, 90, 30), (128, 128, 128)]  # BGR
    pictures = [np.full((48, 64, 3), colour, np.uint8) for colour in colours]
    frames = read_all(VideoSource(write_video(tmp_path / "clip.mkv", pictures, codec=codec, pix_fmt=pix_fmt)))
    for frame, colour in zip(frames, colours, strict=True):
        np.testing.assert_allclose(frame.image.reshape(-1, 3).mean(0), colour, atol=5.0)


def test_the_named_colour_matrix_is_used(tmp_path):
    """The same luma and chroma are other colours in the matrix of HD."""
    from tests.realtime.video_factory import TIME_BASE

    seen = {}
    for space in (1, 6):  # BT.709, BT.601
        path = tmp_path / f"{space}.mp4"
        with av.open(str(path), "w") as container:
            stream = container.add_stream("libx264", rate=25)
            stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
            stream.codec_context.time_base = TIME_BASE
            stream.codec_context.colorspace = space
            yuv = np.full((72, 64), 128, np.uint8)
            yuv[60:] = 200  # Cr
            frame = av.VideoFrame.from_ndarray(yuv, format="yuv420p")
            frame.pts, frame.time_base = 0, TIME_BASE
            container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
        seen[space] = read_all(VideoSource(path))[0].image.reshape(-1, 3).mean(0)
    luma = (128 - 16) * 255 / 219
    np.testing.assert_allclose(seen[6][2], luma + 1.596 * 72, atol=6.0)
    np.testing.assert_allclose(seen[1][2], luma + 1.793 * 72, atol=6.0)
    np.testing.assert_allclose(seen[6][1], luma - 0.813 * 72, atol=6.0)
    np.testing.assert_allclose(seen[1][1], luma - 0.534 * 72, atol=6.0)


def test_a_resolution_that_changes_in_the_middle_is_delivered_as_it_comes(tmp_path):
    small = write_video(tmp_path / "a.ts", ramp(10), options={"bf": "0"}).read_bytes()
    large = write_video(tmp_path / "b.ts", ramp(10, (128, 96)), options={"bf": "0"}).read_bytes()
    (tmp_path / "both.ts").write_bytes(small + large)
    source = VideoSource(tmp_path / "both.ts")
    assert (source.width, source.height) == (64, 48)
    shapes = [f.image.shape for f in read_all(source)]
    assert shapes.count((48, 64, 3)) >= 9
    assert shapes.count((96, 128, 3)) >= 9
    assert shapes == sorted(shapes)


def test_the_same_few_pictures_are_used_and_never_one_that_is_held(tmp_path):
    source = VideoSource(write_video(tmp_path / "clip.mp4", ramp(24)))
    held, addresses = {}, set()
    for index in range(24):
        frame = source.read()
        addresses.add(frame.image.ctypes.data)
        if index in (2, 5):
            held[index] = frame
        del frame
    source.close()
    assert len(addresses) <= 5
    for index, frame in held.items():
        assert float(frame.image.mean()) == pytest.approx(float(ramp(24)[index].mean()), abs=4.0)


def test_odd_sizes_are_read(tmp_path):
    frames = read_all(VideoSource(write_video(tmp_path / "c.mkv", ramp(3, (65, 49)), codec="ffv1", pix_fmt="bgr0")))
    assert {f.image.shape for f in frames} == {(49, 65, 3)}


# --- sound ---------------------------------------------------------------------------------------------------


def test_sound_is_named_with_the_place_where_the_pictures_begin(tmp_path):
    path = write_video(tmp_path / "clip.mp4", ramp(10), times=[0.5 + i / 25 for i in range(10)], tone_from=0.7)
    source = VideoSource(path)
    assert source.sound is not None
    assert source.sound.path == path
    assert source.sound.start == pytest.approx(0.5, abs=0.001)
    source.close()


def test_a_song_with_a_cover_is_no_video(tmp_path):
    path = tmp_path / "song.mp4"
    with av.open(str(path), "w") as container:
        sound = container.add_stream("aac", rate=48000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 48000), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 48000
        container.mux(sound.encode(frame))
        container.mux(sound.encode(None))
    with pytest.raises(LimelightError) as error:
        VideoSource(path)
    assert "no readable picture" in one_line(error)


# --- damage --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty (0 bytes)"),
        (b"a letter to FFmpeg, which would draw it\n" * 200, "not a video"),
        (bytes(range(256)) * 40, "truncated or not a video"),
    ],
)
def test_a_file_that_is_no_video_is_one_line(tmp_path, content, reason):
    path = tmp_path / "clip.mp4"
    path.write_bytes(content)
    with pytest.raises(LimelightError) as error:
        VideoSource(path)
    assert reason in one_line(error)
    assert str(path) in one_line(error)


def test_an_mp4_without_its_index_is_one_line(tmp_path):
    path = write_video(tmp_path / "clip.mp4", textured(20), movflags="use_metadata_tags")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])  # the index is at the end of the file
    with pytest.raises(LimelightError) as error:
        VideoSource(path)
    assert "truncated" in one_line(error)


@pytest.mark.parametrize("name", ["clip.mp4", "clip.mkv", "clip.avi"])
def test_a_cut_video_delivers_its_start_and_warns_once(tmp_path, caplog, name):
    path = write_video(tmp_path / name, textured(50), codec="mpeg4", options={"b": "2000000"})
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with caplog.at_level(logging.WARNING):
        frames = read_all(VideoSource(path))
    assert 5 <= len(frames) < 45
    assert [f.index for f in frames] == list(range(len(frames)))
    (record,) = caplog.records
    assert "damaged or truncated" in record.getMessage()
    assert str(path) in record.getMessage()


def test_garbage_in_the_middle_costs_what_it_hit(tmp_path, caplog):
    path = write_video(tmp_path / "clip.mkv", textured(50), codec="mjpeg", pix_fmt="yuvj420p")
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 20000] = bytes(20000)
    path.write_bytes(data)
    with caplog.at_level(logging.WARNING):
        frames = read_all(VideoSource(path))
    assert len(frames) > 20
    assert (np.diff([f.timestamp for f in frames]) > 0.0).all()


@pytest.mark.parametrize(
    ("name", "tone"), [("clip.mp4", None), ("clip.mkv", None), ("clip.mp4", 0.2), ("clip.mkv", 0.2), ("clip.ts", 0.2)]
)
def test_a_whole_video_is_not_called_damaged_though_its_sound_is_longer(tmp_path, caplog, name, tone):
    path = write_video(tmp_path / name, ramp(25), tone_from=tone, sound_seconds=3.0)
    with caplog.at_level(logging.WARNING):
        assert len(read_all(VideoSource(path))) == 25
    assert caplog.text == ""


# --- names ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["Gesichter ü 顔.mp4", "100%03d.mp4", "a:b.mp4", "-i.mp4"])
def test_names_with_other_letters_are_names(tmp_path, name):
    source = VideoSource(write_video(tmp_path / "clip.mp4", ramp(3)).rename(tmp_path / name))
    assert source.name == name
    assert len(read_all(source)) == 3


@pytest.mark.skipif(sys.platform != "linux", reason="names here are Unicode")
def test_a_name_that_is_not_utf8_is_read_and_can_be_shown(tmp_path):
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.mp4"))
    write_video(tmp_path / "clip.mp4", ramp(3)).rename(path)
    source = VideoSource(path)
    source.name.encode()
    assert source.name == "caf\ufffd.mp4"
    assert len(read_all(source)) == 3
    path.write_bytes(b"")
    with pytest.raises(LimelightError) as error:
        VideoSource(path)
    one_line(error).encode()


def test_ffmpeg_is_silent(tmp_path):
    path = write_video(tmp_path / "clip.mp4", textured(20))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    code = (
        "import sys\nfrom pathlib import Path\nfrom realtime.sources import VideoSource\n"
        "source = VideoSource(Path(sys.argv[1]))\nwhile source.read(): pass\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)],
        capture_output=True, text=True, cwd=ROOT, timeout=240,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert "damaged or truncated" in done.stderr


# --- animations ----------------------------------------------------------------------------------------------


def write_animation(path: Path, count: int = 70) -> Path:
    animation = cv2.Animation()
    animation.frames = ramp(count)
    animation.durations = [100 if i % 2 else 50 for i in range(count)]
    assert cv2.imwriteanimation(str(path), animation, [cv2.IMWRITE_WEBP_QUALITY, 101])
    return path


@pytest.mark.parametrize("name", ["a.png", "a.apng", "a.webp", "a.gif", "a.avif"])
def test_an_animation_is_read_whole_at_its_own_times(tmp_path, name):
    path = write_animation(tmp_path / name)
    source = open_source(str(path))
    assert not source.live
    frames = read_all(source)
    assert len(frames) == 70
    assert {f.image.shape for f in frames} == {(48, 64, 3)}
    steps = np.diff([f.timestamp for f in frames])
    np.testing.assert_allclose(steps, [0.1 if i % 2 else 0.05 for i in range(69)], atol=0.002)
    np.testing.assert_allclose(levels([f.image for f in frames]), levels(ramp(70)), atol=6.0)


def test_a_cut_webp_animation_is_one_line(tmp_path):
    path = write_animation(tmp_path / "a.webp")
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(LimelightError) as error:
        open_source(str(path))
    assert "truncated" in one_line(error)

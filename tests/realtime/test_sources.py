"""Sources: what a user types opens the right one, and everything that can be wrong is one clear line."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from facemodel import LimelightError
from realtime.opencv import cv2
from realtime.sources import (
    CameraInfo,
    CameraSettings,
    CameraSource,
    ImageSource,
    SourceSettings,
    VideoSource,
    default_source,
    open_source,
)
from realtime.sources.camera import find_camera
from realtime.sources.images import pad_to_size, read_image
from tests.waiting import wait_for

CAMERAS = [CameraInfo(0, "Logitech C920"), CameraInfo(2, "Logitech BRIO"), CameraInfo(4, "OBS Virtual Camera")]
PATIENT = CameraSettings(first_frame_timeout=30.0, stall_timeout=30.0)


class FakeCapture:
    """Delivers an image whenever the test lets it; grey value = number of the frame."""

    def __init__(self, opened: bool = True, size: tuple[int, int] = (32, 24)) -> None:
        self.opened, self.size = opened, size
        self.allowed = threading.Semaphore(0)
        self.delivered = 0
        self.released = threading.Event()
        self.told_ms = lambda: 0.0  # the driver's own time of the picture just grabbed

    def isOpened(self) -> bool:  # noqa: N802
        return self.opened

    def grab(self):
        return self.allowed.acquire(timeout=0.01)

    def retrieve(self, image=None):
        self.delivered += 1
        if image is None or image.shape != (self.size[1], self.size[0], 3):
            image = np.empty((self.size[1], self.size[0], 3), np.uint8)
        image[:] = self.delivered
        return True, image

    def get(self, prop: int) -> float:
        return self.told_ms() if prop == cv2.CAP_PROP_POS_MSEC else 30.0

    def set(self, prop: int, value: float) -> bool:
        return True

    def release(self) -> None:
        self.released.set()

    def let(self, frames: int) -> None:
        self.allowed.release(frames)

    def wait_for(self, frames: int) -> None:
        """Until the camera's thread has taken so many frames."""
        while self.delivered < frames:
            threading.Event().wait(0.005)


def open_fake(capture: FakeCapture, settings: CameraSettings = PATIENT) -> CameraSource:
    return CameraSource(CAMERAS[0], settings, lambda camera, settings: capture)


def write_video(path: Path, frames: int = 12, fps: float = 25.0, size: tuple[int, int] = (64, 48)) -> Path:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), fps, size)
    for i in range(frames):
        writer.write(np.full((size[1], size[0], 3), 20 * (i % 12), np.uint8))
    writer.release()
    return path


def write_image(path: Path, size: tuple[int, int] = (20, 10), value: int = 200) -> Path:
    cv2.imwrite(str(path), np.full((size[1], size[0], 3), value, np.uint8))
    return path


def read_all(source) -> list:
    frames = []
    while (frame := source.read()) is not None:
        frames.append(frame)
    return frames


def one_line(error: pytest.ExceptionInfo[LimelightError]) -> str:
    assert "\n" not in str(error.value)
    return str(error.value)


# --- camera -------------------------------------------------------------------------------------------------


def test_a_camera_answers_for_its_controls_between_pictures():
    capture = FakeCapture()
    asked: list[tuple[int, float]] = []
    capture.set = lambda prop, value: asked.append((prop, value))
    capture.allowed.release()
    camera = open_fake(capture)
    camera.controls.set("gain", 3.0)
    wait_for(lambda: asked == [(cv2.CAP_PROP_GAIN, 3.0)])
    camera.close()


def test_a_slow_reader_gets_the_newest_frame_and_sees_the_gap():
    capture = FakeCapture()
    capture.let(1)
    camera = open_fake(capture)
    assert (camera.width, camera.height, camera.fps, camera.live) == (32, 24, 30.0, True)
    assert camera.read().index == 0
    capture.let(9)
    capture.wait_for(10)
    frame = None
    while frame is None or frame.index < 9:  # the last of them may still be on its way from the thread
        frame = camera.read()
    assert frame.image[0, 0, 0] == 10
    camera.close()


def test_frames_are_never_delivered_twice_and_times_rise():
    capture = FakeCapture()
    capture.let(1)
    camera = open_fake(capture)
    frames = [camera.read()]
    for _ in range(4):
        capture.let(1)
        frames.append(camera.read())
    camera.close()
    assert [f.index for f in frames] == [0, 1, 2, 3, 4]
    assert all(b.timestamp > a.timestamp for a, b in zip(frames, frames[1:], strict=False))


def test_a_frame_is_as_old_as_the_driver_says(monkeypatch):
    """And not as young as its decoding; a time of another clock is not believed."""
    monkeypatch.setattr("realtime.sources.camera._DRIVER_TELLS_TIME", True)
    capture = FakeCapture()
    capture.told_ms = lambda: 1000.0 * (time.perf_counter() - 0.08)
    capture.let(1)
    camera = open_fake(capture)
    assert time.perf_counter() - camera.read().timestamp >= 0.08
    for clock in (time.time, lambda: 12.5):
        capture.told_ms = lambda clock=clock: 1000.0 * clock()
        before = time.perf_counter()
        capture.let(1)
        assert before <= camera.read().timestamp <= time.perf_counter()
    camera.close()


def test_a_camera_uses_the_same_few_pictures_and_never_one_that_is_held():
    capture = FakeCapture()
    capture.let(1)
    camera = open_fake(capture)
    first = camera.read()  # held to the end, as by a slow sink
    addresses = set()
    for _ in range(30):
        capture.let(1)
        frame = camera.read()
        addresses.add(frame.image.ctypes.data)
        del frame
    camera.close()
    assert len(addresses) <= 3
    assert first.image.ctypes.data not in addresses
    assert (first.image == 1).all()


def test_a_camera_that_changes_its_size_goes_on():
    capture = FakeCapture()
    capture.let(1)
    camera = open_fake(capture)
    assert camera.read().image.shape == (24, 32, 3)
    capture.size = (48, 36)
    for _ in range(3):
        capture.let(1)
        assert camera.read().image.shape == (36, 48, 3)
    camera.close()


def test_a_camera_that_stops_delivering_is_one_line():
    capture = FakeCapture()
    capture.let(1)
    camera = open_fake(capture, CameraSettings(first_frame_timeout=30.0, stall_timeout=0.2))
    camera.read()
    with pytest.raises(LimelightError) as error:
        camera.read()
    assert "Logitech C920" in one_line(error)
    assert "stopped delivering" in one_line(error)
    camera.close()


def test_a_camera_that_recovers_within_the_limit_goes_on():
    capture = FakeCapture()
    capture.let(1)
    camera = open_fake(capture)
    camera.read()
    threading.Timer(0.1, capture.let, [1]).start()
    assert camera.read().index == 1
    camera.close()


def test_a_camera_without_a_first_frame_is_one_line_and_released():
    capture = FakeCapture()
    with pytest.raises(LimelightError) as error:
        open_fake(capture, CameraSettings(first_frame_timeout=0.2))
    assert "delivers no picture" in one_line(error)
    assert capture.released.wait(60)


def test_a_busy_camera_is_one_line(monkeypatch):
    monkeypatch.setattr("realtime.sources.camera.list_cameras", lambda: CAMERAS)
    capture = FakeCapture(opened=False)
    with pytest.raises(LimelightError) as error:
        open_fake(capture)
    assert "cannot be opened" in one_line(error)
    assert capture.released.is_set()


def test_a_missing_camera_is_one_line_that_lists_those_present(monkeypatch):
    monkeypatch.setattr("realtime.sources.camera.list_cameras", lambda: CAMERAS)
    with pytest.raises(LimelightError) as error:
        CameraSource(CameraInfo(7, "camera 7"), PATIENT, lambda camera, settings: FakeCapture(opened=False))
    assert "there is no camera:7" in one_line(error)
    assert "Logitech BRIO" in one_line(error)


def test_closing_ends_a_waiting_read_and_releases_the_camera():
    capture = FakeCapture()
    capture.let(1)
    camera = open_fake(capture)
    camera.read()
    threading.Timer(0.05, camera.close).start()
    assert camera.read() is None
    assert capture.released.wait(60)
    camera.close()


@pytest.mark.parametrize(("name", "index"), [("brio", 2), ("OBS", 4), ("logitech c920", 0), ("LOGITECH BRIO", 2)])
def test_a_camera_is_found_by_part_of_its_name(name, index):
    assert find_camera(name, CAMERAS).index == index


def test_an_exact_name_wins_over_longer_ones():
    cameras = [CameraInfo(0, "Webcam HD"), CameraInfo(1, "Webcam")]
    assert find_camera("webcam", cameras).index == 1


def test_an_ambiguous_name_lists_the_candidates():
    with pytest.raises(LimelightError) as error:
        find_camera("logitech", CAMERAS)
    assert "camera:0 (Logitech C920)" in one_line(error)
    assert "camera:2 (Logitech BRIO)" in one_line(error)
    assert "OBS" not in one_line(error)


# --- open_source ---------------------------------------------------------------------------------------------


@pytest.fixture
def opened_camera(monkeypatch):
    """Catches the camera that `open_source` would open."""
    chosen = []
    monkeypatch.setattr("realtime.sources.CameraSource", lambda camera, settings: chosen.append(camera))
    return chosen


@pytest.mark.parametrize(
    ("spec", "index"),
    [
        ("camera", 0),
        (None, 0),
        ("auto", 0),
        ("camera:2", 2),
        ("camera:9", 9),
        ("camera:brio", 2),
        ("obs", 4),
        ("/dev/video2", 2),
    ],
)
def test_a_camera_is_opened_by_number_or_name(opened_camera, spec, index):
    open_source(spec, cameras=lambda: CAMERAS)
    assert [camera.index for camera in opened_camera] == [index]


def test_no_camera_at_all_is_one_line():
    with pytest.raises(LimelightError) as error:
        open_source("camera", cameras=list)
    assert "no camera found" in one_line(error)


def test_the_default_is_the_first_camera_else_the_synthetic_performer():
    spec, line = default_source(lambda: CAMERAS)
    assert spec == "camera:0"
    assert "Logitech C920" in line
    spec, line = default_source(list)
    assert spec == "synthetic"
    assert "no camera" in line
    assert "\n" not in line


@pytest.mark.parametrize("spec", ["synthetic", None])
def test_the_synthetic_performer_gets_its_settings(monkeypatch, spec):
    monkeypatch.setattr("realtime.sources.synthetic.SyntheticPerformer", lambda **settings: settings)
    settings = SourceSettings(synthetic_width=320, synthetic_height=200, synthetic_live=False, seed=3)
    opened = open_source(spec, settings, cameras=list)
    assert opened == {"width": 320, "height": 200, "fps": 30.0, "seed": 3, "live": False}


@pytest.mark.parametrize("spec", ["missing.mp4", "some/where/clip", "/nowhere/at/all"])
def test_a_missing_file_is_one_line(spec):
    with pytest.raises(LimelightError) as error:
        open_source(spec, cameras=lambda: CAMERAS)
    assert "no such file" in one_line(error)


def test_an_unknown_name_is_one_line_that_lists_the_cameras():
    with pytest.raises(LimelightError) as error:
        open_source("facetime", cameras=lambda: CAMERAS)
    assert "OBS Virtual Camera" in one_line(error)


def test_files_and_folders_open_by_their_kind(tmp_path):
    assert isinstance(open_source(str(write_video(tmp_path / "a.mp4"))), VideoSource)
    (tmp_path / "pictures").mkdir()
    image = write_image(tmp_path / "pictures" / "b.PNG")
    assert isinstance(open_source(str(image)), ImageSource)
    assert isinstance(open_source(str(tmp_path / "pictures")), ImageSource)


# --- images --------------------------------------------------------------------------------------------------


def test_a_folder_is_read_in_natural_order(tmp_path):
    for number in (10, 2, 1):
        write_image(tmp_path / f"shot{number}.png", value=number)
    (tmp_path / "notes.txt").write_text("not an image")
    frames = read_all(ImageSource.from_folder(tmp_path, fps=10.0))
    assert [int(f.image[0, 0, 0]) for f in frames] == [1, 2, 10]
    np.testing.assert_allclose([f.timestamp for f in frames], [0.0, 0.1, 0.2])


def test_unreadable_images_are_skipped_with_a_warning(tmp_path, caplog):
    (tmp_path / "a.jpg").write_bytes(b"broken")
    (tmp_path / "b.jpg").write_bytes(b"")
    write_image(tmp_path / "c.png")
    with caplog.at_level(logging.WARNING):
        frames = read_all(ImageSource.from_folder(tmp_path))
    assert [f.index for f in frames] == [0]
    assert "a.jpg" in caplog.text
    assert "b.jpg" in caplog.text


def test_a_folder_without_readable_images_is_one_line(tmp_path):
    with pytest.raises(LimelightError) as error:
        ImageSource.from_folder(tmp_path)
    assert "holds no images" in one_line(error)
    (tmp_path / "a.jpg").write_bytes(b"broken")
    with pytest.raises(LimelightError) as error:
        ImageSource.from_folder(tmp_path)
    assert "none of its 1 images" in one_line(error)


@pytest.mark.parametrize(("content", "reason"), [(b"", "empty"), (b"\x89PNG broken", "truncated or not an image")])
def test_a_bad_image_is_one_line(tmp_path, content, reason):
    path = tmp_path / "face.png"
    path.write_bytes(content)
    with pytest.raises(LimelightError) as error:
        open_source(str(path))
    assert reason in one_line(error)


def test_a_truncated_jpeg_never_raises_anything_else(tmp_path):
    path = write_image(tmp_path / "face.jpg", size=(200, 200))
    path.write_bytes(path.read_bytes()[:300])
    try:
        image = read_image(path)
    except LimelightError:
        return
    assert image.shape == (200, 200, 3)


def test_every_image_gets_the_size_of_the_first(tmp_path):
    write_image(tmp_path / "1.png", (40, 20), 255)
    write_image(tmp_path / "2.png", (10, 10), 255)
    source = ImageSource.from_folder(tmp_path)
    frames = read_all(source)
    assert (source.width, source.height) == (40, 20)
    assert {f.image.shape for f in frames} == {(20, 40, 3)}
    bright = frames[1].image[..., 0] > 128
    assert bright[:, 10:30].all()  # the square, 20 px high, in the middle
    assert not bright[:, :10].any()
    assert not bright[:, 30:].any()


def test_pad_to_size_keeps_an_image_that_fits():
    image = np.zeros((5, 7, 3), np.uint8)
    assert pad_to_size(image, 7, 5) is image


def test_images_are_read_from_a_path_with_other_letters(tmp_path):
    path = tmp_path / "Gesichter ü 顔.png"
    cv2.imencode(".png", np.full((4, 4, 3), 9, np.uint8))[1].tofile(path)
    assert read_image(path)[0, 0, 0] == 9


# --- OpenCV --------------------------------------------------------------------------------------------------


def test_opencv_leaves_qt_and_the_terminal_alone(tmp_path):
    path = tmp_path / "clip.mp4"
    path.write_bytes(bytes(range(256)) * 40)
    code = (
        "import os\n"
        "from realtime.opencv import cv2\n"
        "assert not [k for k in os.environ if k.startswith('QT_QPA')], os.environ\n"
        f"assert not cv2.VideoCapture({str(path)!r}).isOpened()\n"
    )
    environment = {"PATH": "", "PYTHONPATH": str(Path(__file__).resolve().parents[2])}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""

"""Picture formats that people have: read whole, turned upright, or refused by their right name."""

from __future__ import annotations

import logging
import os
import struct
import sys
from pathlib import Path

import numpy as np
import pytest

from facemodel import LimelightError
from realtime.opencv import cv2
from realtime.sources import ImageSource, SourceSettings, open_source
from realtime.sources.file_kind import FileKind, file_kind
from realtime.sources.images import list_images, read_image
from tests.realtime.video_factory import grey, write_video


def write_animation(path: Path, count: int = 3) -> Path:
    animation = cv2.Animation()
    animation.frames = [grey(20 * i) for i in range(count)]
    animation.durations = [100] * count
    assert cv2.imwriteanimation(str(path), animation)
    return path


def write_image(path: Path, level: int = 90) -> Path:
    assert cv2.imwrite(str(path), grey(level))
    return path


def write_turned_jpeg(path: Path, orientation: int) -> Path:
    """A JPEG with a bright top left corner that its EXIF data turn."""
    picture = grey(0)
    picture[:16, :16] = 255
    data = cv2.imencode(".jpg", picture)[1].tobytes()
    tiff = b"MM\0*\0\0\0\x08" + struct.pack(">HHHIHHI", 1, 0x0112, 3, 1, orientation, 0, 0)
    exif = b"Exif\0\0" + tiff
    path.write_bytes(data[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + data[2:])
    return path


def refused(path: Path) -> str:
    with pytest.raises(LimelightError) as error:
        read_image(path)
    assert "\n" not in str(error.value)
    assert str(path) in str(error.value)
    return str(error.value)


@pytest.mark.parametrize("name", ["a.png", "a.webp", "a.gif", "a.avif"])
def test_an_animation_is_no_still_and_called_what_it_is(tmp_path, name):
    path = write_animation(tmp_path / name)
    assert file_kind(path) is FileKind.ANIMATION
    assert "is an animation" in refused(path)


@pytest.mark.parametrize("name", ["a.png", "a.webp", "a.gif", "a.avif", "a.jp2", "a.tiff"])
def test_a_still_of_the_same_formats_is_read(tmp_path, name):
    image = read_image(write_image(tmp_path / name))
    assert image.shape == (48, 64, 3)
    assert float(image.mean()) == pytest.approx(90.0, abs=4.0)


@pytest.mark.parametrize("name", ["clip.mp4", "clip.mkv", "clip.avi", "clip.ts"])
def test_a_video_is_called_a_video_whatever_its_name(tmp_path, name):
    path = write_video(tmp_path / name, [grey(9)] * 3, codec="mpeg4").rename(tmp_path / "photo.jpg")
    assert "is a video" in refused(path)


def test_heic_is_called_heic_where_it_cannot_be_read(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    path = tmp_path / "phone.heic"
    path.write_bytes(b"\0\0\0\x1cftypheic\0\0\0\0mif1heicmiaf" + bytes(200))
    message = refused(path)
    assert "HEIC" in message
    assert "convert it to JPEG" in message
    assert "truncated" not in message


def test_heic_is_read_where_its_package_is_installed(tmp_path):
    heif = pytest.importorskip("pillow_heif")
    from PIL import Image

    rgb = np.dstack([np.full((48, 64), level, np.uint8) for level in (200, 100, 50)])
    heif.from_pillow(Image.fromarray(rgb)).save(str(tmp_path / "phone.heic"))
    image = read_image(tmp_path / "phone.heic")
    np.testing.assert_allclose(image.reshape(-1, 3).mean(0), (50, 100, 200), atol=4.0)
    data = (tmp_path / "phone.heic").read_bytes()
    (tmp_path / "cut.heic").write_bytes(data[: len(data) // 2])
    assert "HEIC" in refused(tmp_path / "cut.heic")


@pytest.mark.parametrize(("orientation", "corner"), [(6, "top right"), (3, "bottom right"), (8, "bottom left")])
def test_a_photograph_is_turned_by_its_exif_data_unless_the_user_turns_it(tmp_path, orientation, corner):
    path = write_turned_jpeg(tmp_path / "photo.jpg", orientation)
    turned = open_source(str(path)).read().image
    height, width = turned.shape[:2]
    block = {
        "top right": turned[:8, width - 8 :], "bottom right": turned[height - 8 :, width - 8 :],
        "bottom left": turned[height - 8 :, :8],
    }[corner]  # fmt: skip
    assert block.mean() > 200.0
    stored = open_source(str(path), SourceSettings(rotate=0)).read().image
    assert stored.shape == (48, 64, 3)
    assert stored[:8, :8].mean() > 200.0
    upside_down = open_source(str(path), SourceSettings(rotate=180)).read().image
    assert upside_down[40:, 56:].mean() > 200.0


def test_stills_have_the_rate_that_was_asked_for(tmp_path):
    for number in range(5):
        write_image(tmp_path / f"{number}.png")
    source = open_source(str(tmp_path), SourceSettings(image_fps=24.0))
    times = []
    while (frame := source.read()) is not None:
        times.append(frame.timestamp)
    assert source.fps == 24.0
    np.testing.assert_allclose(times, np.arange(5) / 24.0)


def test_what_a_folder_holds_beside_stills_is_named_and_not_half_read(tmp_path, caplog):
    write_image(tmp_path / "1.png")
    write_animation(tmp_path / "2.png")
    write_image(tmp_path / "3.png")
    source = ImageSource.from_folder(tmp_path)
    with caplog.at_level(logging.WARNING):
        frames = [source.read() for _ in range(3)]
    assert [frame is not None for frame in frames] == [True, True, False]
    assert "2.png: is an animation" in caplog.text


@pytest.mark.skipif(sys.platform != "linux", reason="names here are Unicode")
def test_names_that_are_not_utf8(tmp_path):
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xe9t\xe9"))
    folder.mkdir()
    path = folder / os.fsdecode(b"no\xebl.png")
    write_image(tmp_path / "a.png").rename(path)
    assert list_images(folder) == [path]
    assert read_image(path).shape == (48, 64, 3)
    for source in (open_source(str(path)), open_source(str(folder))):
        source.name.encode()
        assert source.read() is not None
    path.write_bytes(b"\x89PNG")
    with pytest.raises(LimelightError) as error:
        read_image(path)
    str(error.value).encode()


@pytest.mark.parametrize("suffix", [".webp", ".png", ".avif", ".gif", ".heic", ".mp4"])
def test_a_file_that_ends_anywhere_in_its_head_is_one_line(tmp_path, suffix):
    whole = tmp_path / f"whole{suffix}"
    if suffix in (".heic", ".mp4"):
        whole.write_bytes(b"\0\0\0\x1cftypheic\0\0\0\0mif1heicmiaf")
    else:
        write_animation(whole)
    data = whole.read_bytes()
    path = tmp_path / f"cut{suffix}"
    for end in range(1, 48):
        path.write_bytes(data[:end])
        refused(path)
        with pytest.raises(LimelightError):
            open_source(str(path))

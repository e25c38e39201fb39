"""A live video with the sound of a microphone: a clap is seen and heard at once."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from facemodel import LimelightError
from realtime.frame import Frame, Result
from realtime.outputs.video_file import VideoFile
from tests.realtime.test_take_sound import FakeInput
from tests.realtime.test_video_file import Frames, info
from tests.realtime.video_factory import grey, read_video, tone_begins

FPS = 25.0
CLAP = 1.2  # s


def film(monkeypatch, path: Path, latency: float, lost: range = range(0)) -> VideoFile:
    """Two seconds before a camera and a microphone, whose blocks of `lost` do not come; pictures are late."""
    heard = FakeInput(monkeypatch)
    video = VideoFile(path, Frames, microphone="Desk")
    video.begin(info(live=True))
    heard.now += 0.5  # before the first picture
    began, waiting = heard.now, [index / FPS for index in range(50)]
    for block in range(260):
        if block in lost:
            heard.now += 0.01
        else:
            heard.play(8000 * (-1) ** block if 0.01 * block >= CLAP - 1e-6 else 0)
        while waiting and began + waiting[0] + latency <= heard.now + 1e-6:
            index, time = round(waiting[0] * FPS), began + waiting.pop(0)
            level = 240 if time - began >= CLAP - 1e-6 else 20
            video.submit(Result(Frame(index, time, grey(level)), time, captured=time))
    assert not waiting
    video.close()
    assert heard.closed
    return video


def flash(path: Path) -> float:
    """When the picture gets bright, s."""
    times, pictures = read_video(path)
    return next(time for time, picture in zip(times, pictures, strict=True) if picture.mean() > 120)


@pytest.mark.parametrize(("latency", "suffix"), [(0.03, ".mp4"), (0.3, ".mp4"), (0.1, ".mov")])
def test_a_clap_is_seen_and_heard_at_once_however_late_pictures_are(monkeypatch, tmp_path, latency, suffix):
    path = tmp_path / f"show{suffix}"
    video = film(monkeypatch, path, latency)
    assert flash(path) == pytest.approx(CLAP, abs=0.01)
    assert tone_begins(path) == pytest.approx(CLAP, abs=1.0 / FPS)
    assert "sound" not in video.status()
    with av.open(str(path)) as container:
        (sound,) = container.streams.audio
        assert (sound.codec_context.name, sound.rate, sound.channels) == ("aac", 48000, 1)
        length = sum(frame.samples for frame in container.decode(sound)) / sound.rate
    assert length == pytest.approx(2.0, abs=0.1)


def test_what_the_input_lost_is_silence_and_moves_nothing(monkeypatch, tmp_path):
    film(monkeypatch, tmp_path / "show.mp4", 0.1, lost=range(40, 70))
    assert tone_begins(tmp_path / "show.mp4") == pytest.approx(CLAP, abs=1.0 / FPS)


def test_without_such_an_input_there_is_no_video(monkeypatch, tmp_path):
    path = tmp_path / "show.mp4"
    with pytest.raises(LimelightError, match=r"video .*show.mp4: sound: ") as raised:
        VideoFile(path, Frames, microphone="no such device").begin(info(live=True))
    assert "\n" not in str(raised.value)
    assert not path.exists()


def test_a_file_without_sound_says_so_and_is_filmed(tmp_path):
    video = VideoFile(tmp_path / "show.mp4", Frames, microphone="")
    video.begin(info())
    video.submit(Result(Frame(0, 0.0, grey(90)), 0.0))
    assert "it has no sound: the source has none" in video.status()
    video.close()
    assert len(read_video(tmp_path / "show.mp4")[0]) == 1
    assert np.allclose(read_video(tmp_path / "show.mp4")[1][0], 90, atol=3)

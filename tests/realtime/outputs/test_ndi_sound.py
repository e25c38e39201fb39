"""Sound that goes out by NDI with the picture of its moment: a clap is seen and heard at once."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from facemodel import FaceModel, LimelightError
from realtime.frame import Frame, Result, Sound, StreamInfo
from realtime.outputs.ndi import NdiOutput, open_ndi
from realtime.sinks.address import Address
from realtime.sinks.registry import open_sink
from tests.realtime.outputs.picture_libraries import Ndi, NdiSender, install
from tests.realtime.test_take_sound import FakeInput
from tests.realtime.video_factory import grey, set_back, write_video

MODEL = FaceModel.load()
FPS = 25.0
SIZE = (64, 48)
CLAP = 1.2  # s


@pytest.fixture
def ndi(monkeypatch) -> Ndi:
    stand_in = Ndi()
    install(monkeypatch, cyndilib=stand_in)
    return stand_in


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return write_video(tmp_path_factory.mktemp("clip") / "clip.mp4", [grey(90)] * 50, tone_from=CLAP)


def about(live: bool = True, sound: Sound | None = None) -> StreamInfo:
    return StreamInfo("test", *SIZE, FPS, live, MODEL, sound=sound)


def opened(query: str = "sound") -> NdiOutput:
    return open_ndi(Address.parse(f"ndi://?view=camera&size=64x48&{query}"))


def picture(index: int, time: float, captured: float | None = None) -> Result:
    """The flash is in pictures from the clap on."""
    level = 250 if time >= CLAP - 1e-6 else 20
    return Result(Frame(index, time, grey(level, SIZE)), time, captured=captured)


def flash(sender: NdiSender) -> int:
    """How many pictures were sent, the first bright one with them."""
    return 1 + next(number for number, frame in enumerate(sender.frames) if frame[0] > 200)


def click(sender: NdiSender) -> int:
    """How many pictures were sent when the sound got loud."""
    return next(number for number, samples in sender.sounds if np.abs(samples).max() > 0.1)


def test_a_files_sound_goes_out_with_its_pictures(ndi, clip):
    output = opened()
    output.begin(about(live=False, sound=Sound(clip)))
    for index in range(50):
        output.submit(picture(index, index / FPS))
    (sender,) = ndi.senders
    assert (sender.heard.sample_rate, sender.heard.num_channels) == (48000, 1)
    assert click(sender) == pytest.approx(flash(sender), abs=1)
    length = sum(samples.shape[1] for _, samples in sender.sounds) / 48000.0
    assert length == pytest.approx(2.0, abs=0.05)
    peak = max(np.abs(samples).max() for _, samples in sender.sounds)
    assert peak == pytest.approx(0.5, abs=0.1)  # full scale is 1
    output.close()
    output.close()


def perform(monkeypatch, ndi: Ndi, query: str, latency: float) -> NdiSender:
    """Two seconds before a camera and a microphone, with pictures that are late; the feed's clock is 900 s behind."""
    heard = FakeInput(monkeypatch)
    monkeypatch.setattr("realtime.outputs.ndi.perf_counter", lambda: heard.now)
    output = opened(query)
    output.begin(about())
    began, waiting = heard.now, [index / FPS for index in range(50)]
    for block in range(300):
        heard.play(8000 if 0.01 * block >= CLAP - 1e-6 else 0)
        while waiting and began + waiting[0] + latency <= heard.now + 1e-6:
            time = waiting.pop(0)
            shown = picture(round(time * FPS), time, captured=began + time)
            output.submit(replace(shown, time=began + time - 900.0))
    status = output.status()
    output.close()
    assert heard.closed and not waiting
    assert status.startswith("MACHINE (Limelight), 50 pictures, sound ")
    return ndi.senders[-1]


@pytest.mark.parametrize("latency", [0.02, 0.08, 0.25, 0.5])
def test_a_microphone_waits_for_the_picture_however_late_it_is(monkeypatch, ndi, latency):
    sender = perform(monkeypatch, ndi, "sound=Desk", latency)
    assert click(sender) == pytest.approx(flash(sender), abs=1)


def test_a_delay_that_is_said_is_kept_whatever_the_pictures_do(monkeypatch, ndi):
    sender = perform(monkeypatch, ndi, "sound&sound-delay=100", 0.3)
    assert click(sender) - flash(sender) == pytest.approx((0.1 - 0.3) * FPS, abs=1)


def test_the_delay_stands_in_the_panel(monkeypatch, ndi):
    heard = FakeInput(monkeypatch)
    monkeypatch.setattr("realtime.outputs.ndi.perf_counter", lambda: heard.now)
    output = opened()
    output.begin(about())
    output.submit(picture(0, 0.0, captured=heard.now - 0.064))
    assert output.status() == "MACHINE (Limelight), 1 pictures, sound 64 ms later"
    output.close()


def test_sound_goes_on_while_the_picture_stands(monkeypatch, ndi):
    heard = FakeInput(monkeypatch)
    output = opened()
    output.begin(about())
    output.submit(picture(0, 0.0, captured=heard.now))
    for tick in range(1, 11):
        for _ in range(4):
            heard.play(8000)
        output.submit(replace(picture(0, 0.04 * tick), stalled=True))
    output.close()
    (sender,) = ndi.senders
    assert len(sender.sounds) == pytest.approx(40, abs=2)


def test_a_file_that_is_set_back_is_heard_from_there(ndi, clip):
    """Set back at 1 s to 0.4 s: the clap comes 0.6 s later, with its picture."""
    output = opened()
    output.begin(about(live=False, sound=Sound(clip)))
    for frame in set_back(0):
        bright = frame.timestamp - frame.shift >= CLAP - 1e-6
        output.submit(Result(replace(frame, image=grey(250 if bright else 20, SIZE)), frame.timestamp))
    output.close()
    (sender,) = ndi.senders
    assert flash(sender) == 25 + 20 + 1
    assert click(sender) == pytest.approx(flash(sender), abs=1)


def test_a_source_without_sound_and_a_file_that_is_gone_cost_the_sound_alone(ndi, tmp_path):
    for sound, line in ((None, "no sound: the source has none"), (Sound(tmp_path / "gone.mp4"), "cannot be read")):
        output = opened()
        output.begin(about(live=False, sound=sound))
        output.submit(picture(0, 0.0))
        assert line in output.status()
        assert ndi.senders[-1].heard is None and len(ndi.senders[-1].frames) == 1
        output.close()


def test_a_missing_microphone_is_one_line(ndi):
    worker = open_sink("ndi://Stage?sound=no such device")
    assert not worker.begin(about())
    assert worker.problem.startswith("NDI Stage: sound: ")
    assert "\n" not in worker.problem


@pytest.mark.parametrize(
    ("query", "line"),
    [
        ("sound&sound-delay=soon", "sound-delay=soon must be milliseconds from 0 to 10000"),
        ("sound&sound-delay=-5", "must be milliseconds from 0 to 10000"),
        ("sound&sound-delay=nan", "must be milliseconds from 0 to 10000"),
        ("sound-delay=80", "sound-delay needs sound: ndi://Stage[?]sound&sound-delay=80"),
    ],
)
def test_a_delay_that_makes_no_sense_is_one_line(query, line):
    with pytest.raises(LimelightError, match=line) as raised:
        open_sink(f"ndi://Stage?{query}")
    assert "\n" not in str(raised.value)

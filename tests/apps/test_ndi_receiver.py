"""NDI's own receiver sees what `ndi://` sends, over this machine's loopback."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.realtime.video_factory import grey, write_video

pytest.importorskip("cyndilib", exc_type=ImportError)
pytestmark = pytest.mark.apps

SEND_AND_RECEIVE = """
import sys, time
from fractions import Fraction
import cyndilib
import numpy as np
from cyndilib.receiver import ReceiveFrameType
from facemodel import FaceModel
from realtime.frame import StreamInfo
from realtime.sinks.registry import open_sink
from tests.realtime.fake_session import toy_result

model = FaceModel.load()
result = toy_result(model, width=320, height=240)
worker = open_sink("ndi://Limelight test?view=camera" + sys.argv[1])
assert worker.begin(StreamInfo("test", 320, 240, 25.0, True, model)), worker.problem
end = time.monotonic() + 50
finder = cyndilib.Finder()
finder.open()
while not (names := [name for name in finder.update_sources() if "(Limelight test)" in name]):
    assert time.monotonic() < end, "not found"
    finder.wait_for_sources(0.2)
receiver = cyndilib.Receiver(color_format=cyndilib.RecvColorFormat.BGRX_BGRA)
frame = cyndilib.VideoRecvFrame()
receiver.set_video_frame(frame)
with finder.notify:
    receiver.set_source(finder.get_source(names[0]))
while not frame.get_buffer_depth():
    assert time.monotonic() < end, "nothing came"
    worker.offer(result)
    receiver.receive(ReceiveFrameType.recv_video, 50)
pixels = np.empty(320 * 240 * 4, np.uint8)
assert frame.fill_p_data(pixels)
pixels = pixels.reshape(240, 320, 4)
face = np.s_[100:140, 172:212]  # the middle of it
off = np.abs(pixels[..., :3].astype(int) - result.frame.image)
print(frame.get_resolution(), frame.get_frame_rate(), worker.status().connected)
print(off[face].mean() < 6.0, off[:20].mean() < 6.0, pixels[face][..., 3].min(), pixels[:20, ..., 3].max())
receiver.disconnect()
worker.close()
finder.close()
"""

SEND_CLAP = """
import sys, time
from pathlib import Path
import numpy as np
from facemodel import FaceModel
from realtime.frame import Frame, Result, Sound, StreamInfo
from realtime.outputs.ndi import open_ndi
from realtime.sinks.address import Address

output = open_ndi(Address.parse("ndi://Limelight clap?view=camera&sound"))
output.begin(StreamInfo("test", 320, 240, 25.0, True, FaceModel.load(), sound=Sound(Path(sys.argv[1]))))


def send(index):
    level = np.full((240, 320, 3), 20 + 5 * index, np.uint8)
    output.submit(Result(Frame(index, index / 25.0, level), index / 25.0))
    time.sleep(0.04)


end = time.monotonic() + 50
while not output.connected():
    assert time.monotonic() < end, "nobody listens"
    send(0)
for _ in range(25):  # what goes out before it listens is lost
    send(0)
for index in range(45):
    send(index)
time.sleep(2.0)
output.close()
"""

HEAR_CLAP = """
import subprocess, sys, time
import cyndilib
import numpy as np
from cyndilib.receiver import ReceiveFrameType

sender = subprocess.Popen([sys.executable, "-c", sys.argv[1], sys.argv[2]])
end = time.monotonic() + 50
finder = cyndilib.Finder()
finder.open()
while not (names := [name for name in finder.update_sources() if "(Limelight clap)" in name]):
    assert time.monotonic() < end, "not found"
    finder.wait_for_sources(0.2)
receiver = cyndilib.Receiver(color_format=cyndilib.RecvColorFormat.BGRX_BGRA)
video, audio = cyndilib.VideoRecvFrame(), cyndilib.AudioRecvFrame(max_buffers=64)
receiver.set_video_frame(video)
receiver.set_audio_frame(audio)
with finder.notify:
    receiver.set_source(finder.get_source(names[0]))
pixels = np.empty(320 * 240 * 4, np.uint8)
seen, heard, shapes = {}, [], set()
while not heard or max(seen, default=0) <= 30:
    assert time.monotonic() < end, f"not all came: {sorted(seen)}, {len(heard)}"
    receiver.receive(ReceiveFrameType.recv_all, 50)
    while audio.get_buffer_depth():
        samples, when = audio.get_read_data()
        shapes.add(samples.shape)
        if np.abs(samples).max() > 0.1:
            heard.append(when / 1e7)
    while video.get_buffer_depth():
        assert video.fill_p_data(pixels)
        seen.setdefault(round((pixels[::4].mean() - 17.0) / 5.0), video.get_timestamp_posix())
before = max(when for index, when in seen.items() if index < 30)
after = min(when for index, when in seen.items() if index > 30)
print(shapes, audio.sample_rate, before <= heard[0] <= after)
receiver.disconnect()
finder.close()
assert sender.wait(10) == 0
"""


@pytest.mark.parametrize(
    ("query", "line"), [("", "True True 255 255"), ("&alpha=face", "True False 255 0")], ids=["opaque", "alpha"]
)
def test_a_receiver_gets_the_picture(tmp_path, query, line):
    """Found without mDNS, which not every machine has: by NDI's own settings."""
    assert run(tmp_path, SEND_AND_RECEIVE, query)[-2:] == ["(320, 240) 25 True", line]


def test_a_receiver_sees_and_hears_a_clap_at_once(tmp_path):
    """The tone of 1.2 s comes between the neighbours of the picture of that moment, by NDI's own time stamps."""
    clip = write_video(tmp_path / "clip.mp4", [grey(90)] * 50, tone_from=1.2)
    assert run(tmp_path, HEAR_CLAP, SEND_CLAP, str(clip))[-1] == "{(1, 480)} 48000 True"


def run(folder: Path, program: str, *arguments: str) -> list[str]:
    """Run a program that finds its own source, and return the lines that it prints."""
    settings = {"ndi": {"networks": {"ips": "127.0.0.1"}}}
    (folder / "ndi-config.v1.json").write_text(json.dumps(settings))
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        env=os.environ | {"NDI_CONFIG_DIR": str(folder)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip().splitlines()

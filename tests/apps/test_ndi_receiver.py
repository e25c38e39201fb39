"""NDI's own receiver sees what `ndi://` sends, over this machine's loopback."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

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
worker = open_sink("ndi://Limelight test?view=camera")
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
off = np.abs(pixels.reshape(240, 320, 4)[..., :3].astype(int) - result.frame.image)
print(frame.get_resolution(), frame.get_frame_rate(), worker.status().connected, off.mean() < 6.0)
receiver.disconnect()
worker.close()
finder.close()
"""


def test_a_receiver_gets_the_picture(tmp_path):
    """Found without mDNS, which not every machine has: by NDI's own settings."""
    settings = {"ndi": {"networks": {"ips": "127.0.0.1"}}}
    (tmp_path / "ndi-config.v1.json").write_text(json.dumps(settings))
    done = subprocess.run(
        [sys.executable, "-c", SEND_AND_RECEIVE],
        env=os.environ | {"NDI_CONFIG_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().splitlines()[-1] == "(320, 240) 25 True True"

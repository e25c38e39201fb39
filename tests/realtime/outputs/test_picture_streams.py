"""Pictures for other programs: virtual camera, NDI, Spout and Syphon, and what is said where they cannot be had."""

from __future__ import annotations

import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from facemodel import FaceModel
from realtime.frame import StreamInfo
from realtime.sinks.registry import open_sink
from realtime.sinks.worker import SinkState, Worker
from tests.realtime.fake_session import toy_result
from tests.realtime.outputs.picture_libraries import Ndi, PixelFormat, Spout, Syphon, VirtualCameras, install
from tests.waiting import wait_for

MODEL = FaceModel.load()
SHOWN = toy_result(MODEL, width=160, height=120)
INFO = StreamInfo("test", 160, 120, 29.97, True, MODEL)


def send_one(address: str) -> Worker:
    """Send a result there; what it takes is the frame, mirrored."""
    worker = open_sink(f"{address}?view=camera&mirror=yes")
    assert worker.begin(INFO), worker.problem
    worker.offer(SHOWN)
    wait_for(lambda: worker.status().delivered == 1)
    return worker


def is_frame(picture: np.ndarray) -> bool:
    """Whether (H, W, 3) BGR is the frame, mirrored."""
    return bool(np.abs(picture.astype(int) - SHOWN.frame.image[:, ::-1]).max() <= 2)


def refused(address: str) -> str:
    """The line with which a sink does not begin."""
    worker = open_sink(address)
    assert not worker.begin(INFO)
    assert "\n" not in worker.problem
    return worker.problem


def test_a_virtual_camera_takes_the_pictures_of_its_address(monkeypatch):
    cameras = VirtualCameras()
    install(monkeypatch, pyvirtualcam=cameras)
    worker = send_one("vcam://")
    status = worker.status()
    assert (status.name, status.line) == ("virtual camera", "OBS Virtual Camera, 1 pictures")
    assert status.connected is None
    worker.close()
    (camera,) = cameras.opened
    assert (camera.width, camera.height, camera.fps, camera.fmt) == (160, 120, 29.97, PixelFormat.BGR)
    assert is_frame(camera.frames[0])
    assert camera.closed == 1


def test_the_name_of_a_device_is_taken_as_it_was_typed(monkeypatch):
    cameras = VirtualCameras(("Unity Video Capture", "/dev/video10"))
    install(monkeypatch, pyvirtualcam=cameras)
    for address, device in (("vcam://Unity%20Video Capture", "Unity Video Capture"), ("vcam:///dev/video10", None)):
        worker = open_sink(address)
        assert worker.begin(INFO)
        worker.close()
        assert cameras.opened[-1].device == (device or "/dev/video10")


def test_without_pyvirtualcam_the_line_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyvirtualcam", None)
    line = refused("vcam://")
    assert line == "virtual camera: needs pyvirtualcam: pip install 'limelight[vcam]'"


@pytest.mark.parametrize(
    ("platform", "remedy"), [("linux", "modprobe v4l2loopback"), ("win32", "OBS Studio"), ("darwin", "OBS Studio")]
)
def test_without_a_device_the_line_says_what_to_do(monkeypatch, platform, remedy):
    install(monkeypatch, pyvirtualcam=VirtualCameras(()))
    monkeypatch.setattr(sys, "platform", platform)
    line = refused("vcam://Cam")
    assert line.startswith("virtual camera Cam: Device Cam does not exist; virtual camera not found; ")
    assert remedy in line


def test_the_real_library_refuses_a_device_that_does_not_exist():
    pytest.importorskip("pyvirtualcam")
    assert refused("vcam:///dev/video77").startswith("virtual camera /dev/video77: ")


def test_a_device_file_that_goes_away_is_noticed(monkeypatch, tmp_path):
    """pyvirtualcam itself says nothing of it on Linux."""
    install(monkeypatch, pyvirtualcam=VirtualCameras(("/dev/limelight-gone",)))
    there = True
    exists = Path.exists
    monkeypatch.setattr(Path, "exists", lambda path: there if path.name == "limelight-gone" else exists(path))
    worker = send_one("vcam://")
    there = False
    worker.offer(SHOWN)
    wait_for(lambda: worker.status().state is SinkState.FAILED)
    assert worker.problem == "virtual camera: /dev/limelight-gone was taken away"
    there = True
    wait_for(worker.restart)  # once what failed is released
    worker.close()


def test_ndi_sends_frames_with_their_rate(monkeypatch):
    ndi = Ndi()
    install(monkeypatch, cyndilib=ndi)
    worker = send_one("ndi://Stage left")
    assert worker.status().connected
    assert worker.status().line == "MACHINE (Stage left), 1 pictures"
    (sender,) = ndi.senders
    sender.receivers = 0
    worker.offer(SHOWN)
    wait_for(lambda: worker.status().delivered == 2)
    assert worker.status().connected is False
    worker.close()
    assert (sender.frame.size, sender.frame.fourcc) == ((160, 120), ndi.FourCC.BGRX)
    assert sender.frame.rate == Fraction(2997, 100)
    pixels = sender.frames[0].reshape(120, 160, 4)
    assert is_frame(pixels[..., :3])
    assert not sender.running


def test_ndi_that_takes_nothing_fails_in_one_line(monkeypatch):
    ndi = Ndi()
    install(monkeypatch, cyndilib=ndi)
    worker = send_one("ndi://")
    ndi.senders[0].works = False
    worker.offer(SHOWN)
    wait_for(lambda: worker.status().state is SinkState.FAILED)
    assert worker.problem == "NDI Limelight: takes no pictures any more"
    wait_for(lambda: not ndi.senders[0].running)


@pytest.mark.parametrize(
    ("address", "module", "platform", "extra"),
    [("ndi://A", "cyndilib", sys.platform, "ndi"), ("spout://A", "SpoutGL", "win32", "spout"),
     ("syphon://A", "syphon", "darwin", "syphon")],
)  # fmt: skip
def test_a_library_that_is_missing_is_named(monkeypatch, address, module, platform, extra):
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setitem(sys.modules, module, None)
    line = refused(address)
    assert f"pip install 'limelight[{extra}]'" in line


@pytest.mark.parametrize(
    ("address", "platform", "line"),
    [
        ("spout://", "linux", "Spout Limelight: there is Spout on Windows alone; use ndi:// here"),
        ("spout://", "darwin", "Spout Limelight: there is Spout on Windows alone; use syphon:// here"),
        ("syphon://Stage", "win32", "Syphon Stage: there is Syphon on macOS alone; use spout:// here"),
    ],
)
def test_another_system_is_told_what_it_has_instead(monkeypatch, address, platform, line):
    monkeypatch.setattr(sys, "platform", platform)
    assert refused(address) == line


def test_spout_sends_from_a_context_of_its_own(monkeypatch):
    monkeypatch.setattr(sys, "platform", "win32")
    spout = Spout()
    install(monkeypatch, SpoutGL=spout)
    worker = send_one("spout://Stage")
    worker.close()
    assert [call[0] for call in spout.calls] == [
        "createOpenGL", "setSenderName", "sendImage", "releaseSender", "closeOpenGL",
    ]  # fmt: skip
    _, pixels, *rest = spout.calls[2]
    assert rest == [160, 120, 0x80E1, False, 0]
    assert is_frame(pixels[..., :3])


def test_spout_without_opengl_says_so(monkeypatch):
    monkeypatch.setattr(sys, "platform", "win32")
    spout = Spout()
    spout.works = False
    install(monkeypatch, SpoutGL=spout)
    assert refused("spout://") == "Spout Limelight: has no OpenGL here; update the GPU driver"


def test_syphon_publishes_upright_pictures(monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    syphon = Syphon()
    raw = Syphon.__dict__
    functions = {name: raw[name].__get__(syphon) for name in ("create_mtl_texture", "copy_bytes_to_mtl_texture")}
    install(monkeypatch, syphon=syphon)
    module = type(sys)("syphon.utils.raw")
    module.__dict__.update(functions)
    monkeypatch.setitem(sys.modules, "syphon.utils", type(sys)("syphon.utils"))
    monkeypatch.setitem(sys.modules, "syphon.utils.raw", module)
    worker = send_one("syphon://Stage")
    assert worker.status().connected
    worker.close()
    ((data, flipped),) = syphon.published
    rgba = np.frombuffer(data, np.uint8).reshape(120, 160, 4)
    assert flipped  # its first row is the top one
    assert is_frame(rgba[..., 2::-1])
    assert (syphon.name, syphon.stopped) == ("Stage", 1)


def test_syphon_without_metal_says_so(monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    syphon = Syphon()
    syphon.refused = "No Metal device is available"
    install(monkeypatch, syphon=syphon)
    monkeypatch.setitem(sys.modules, "syphon.utils", type(sys)("syphon.utils"))
    monkeypatch.setitem(sys.modules, "syphon.utils.raw", type(sys)("syphon.utils.raw"))
    assert refused("syphon://") == "Syphon Limelight: No Metal device is available"

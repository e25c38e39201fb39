"""Stand-ins for the libraries that hand pictures to other programs, with the calls of the real ones that we make."""

from __future__ import annotations

import sys
from enum import Enum
from fractions import Fraction
from types import ModuleType, SimpleNamespace

import numpy as np


def install(monkeypatch, **modules: object) -> None:
    """Put stand-ins where `import` finds them; dots in names are written as two underscores."""
    for name, content in modules.items():
        module = ModuleType(name.replace("__", "."))
        module.__dict__.update(vars(content))
        monkeypatch.setitem(sys.modules, module.__name__, module)


class PixelFormat(Enum):
    RGB = "raw "
    BGR = "24BG"


class VirtualCameras:
    """Stands in for pyvirtualcam 0.15: `Camera` takes frames of its size and type alone, and says so if not."""

    def __init__(self, devices: tuple[str, ...] = ("OBS Virtual Camera",)) -> None:
        self.devices = list(devices)
        self.opened: list[VirtualCamera] = []
        self.failure: Exception | None = None
        self.Camera = self._open
        self.PixelFormat = PixelFormat

    def _open(self, width, height, fps, *, fmt=PixelFormat.RGB, device=None, backend=None, print_fps=False):
        device = device or next(iter(self.devices), None)
        if device not in self.devices:
            raise RuntimeError(
                f"'one' backend: Device {device} does not exist.\n'two' backend: virtual camera not found"
            )
        self.opened.append(VirtualCamera(self, width, height, fps, fmt, device))
        return self.opened[-1]


class VirtualCamera:
    def __init__(self, cameras, width, height, fps, fmt, device) -> None:
        self._cameras = cameras
        self.width, self.height, self.fps, self.fmt, self.device = width, height, fps, fmt, device
        self.frames: list[np.ndarray] = []
        self.closed = 0

    def send(self, frame: np.ndarray) -> None:
        if self._cameras.failure is not None:
            raise self._cameras.failure
        if frame.dtype != np.uint8:
            raise TypeError(f"unexpected frame dtype: {frame.dtype} != uint8")
        if frame.shape != (self.height, self.width, 3):
            raise ValueError(f"unexpected frame shape: {frame.shape}")
        self.frames.append(frame.copy())

    def close(self) -> None:
        self.closed += 1


class Spout:
    """Stands in for SpoutGL 0.1: `SpoutSender`, and `enums` with OpenGL's numbers."""

    def __init__(self) -> None:
        self.enums = SimpleNamespace(GL_BGRA_EXT=0x80E1)
        self.calls: list[tuple] = []
        self.works = True
        self.SpoutSender = lambda: self

    def createOpenGL(self) -> bool:  # noqa: N802
        self.calls.append(("createOpenGL",))
        return self.works

    def closeOpenGL(self) -> bool:  # noqa: N802
        self.calls.append(("closeOpenGL",))
        return True

    def setSenderName(self, name: str) -> None:  # noqa: N802
        self.calls.append(("setSenderName", name))

    def sendImage(self, pixels, width, height, gl_format, invert, host_fbo) -> bool:  # noqa: N802
        assert memoryview(pixels).contiguous
        assert memoryview(pixels).nbytes == width * height * 4
        self.calls.append(("sendImage", np.array(pixels), width, height, gl_format, invert, host_fbo))
        return self.works

    def releaseSender(self, milliseconds: int = 0) -> None:  # noqa: N802
        self.calls.append(("releaseSender",))


class Syphon:
    """Stands in for syphon-python 0.2: `SyphonMetalServer`, and what `syphon.utils.raw` does with its textures."""

    def __init__(self) -> None:
        self.published: list[tuple[bytes, bool]] = []
        self.stopped = 0
        self.device = object()
        self.has_clients = True
        self.refused = ""
        self.SyphonMetalServer = self._serve

    def _serve(self, name, device=None, command_queue=None, *, is_private=False):
        if self.refused:
            raise RuntimeError(self.refused)
        self.name = name
        return self

    def create_mtl_texture(self, device, width, height):
        assert device is self.device
        return SimpleNamespace(width=width, height=height, data=b"")

    def copy_bytes_to_mtl_texture(self, data: bytes, texture) -> None:
        assert len(data) == texture.width * texture.height * 4
        texture.data = data

    def publish_frame_texture(self, texture, region=None, size=None, is_flipped=False) -> None:
        self.published.append((texture.data, is_flipped))

    def stop(self) -> None:
        self.stopped += 1


class Ndi:
    """Stands in for cyndilib 0.1: `Sender`, `VideoSendFrame`, `AudioSendFrame`, `FourCC`."""

    def __init__(self) -> None:
        self.FourCC = SimpleNamespace(BGRX=1481787202, BGRA=1095911234)
        self.senders: list[NdiSender] = []
        self.VideoSendFrame, self.AudioSendFrame = NdiFrame, NdiSound
        self.Sender = self._make

    def _make(self, ndi_name, ndi_groups="", clock_video=True, clock_audio=True):
        assert not clock_video and not clock_audio  # it would wait in the calls
        self.senders.append(NdiSender(ndi_name))
        return self.senders[-1]


class NdiFrame:
    def set_resolution(self, width: int, height: int) -> None:
        self.size = width, height

    def set_frame_rate(self, rate: Fraction) -> None:
        self.rate = rate

    def set_fourcc(self, fourcc: int) -> None:
        self.fourcc = fourcc


class NdiSound:
    def __init__(self, max_num_samples: int = 1602) -> None:
        self.length = max_num_samples


class NdiSender:
    def __init__(self, name: str) -> None:
        self.name = f"MACHINE ({name})"
        self.frames: list[np.ndarray] = []
        self.sounds: list[tuple[int, np.ndarray]] = []  # with how many frames were sent before
        self.heard: NdiSound | None = None
        self.receivers, self.works, self.running = 1, True, False

    def set_video_frame(self, frame: NdiFrame) -> None:
        self.frame = frame

    def set_audio_frame(self, frame: NdiSound) -> None:
        assert not self.running
        self.heard = frame

    def open(self) -> None:
        self.running = True

    def close(self) -> None:
        self.running = False

    def write_audio(self, data: np.ndarray) -> None:
        assert self.running and self.heard is not None
        assert (data.dtype, data.shape) == (np.float32, (self.heard.num_channels, self.heard.length))
        self.sounds.append((len(self.frames), data.copy()))

    def write_video_async(self, data: np.ndarray) -> bool:
        assert self.running and data.ndim == 1 and data.size == 4 * self.frame.size[0] * self.frame.size[1]
        self.frames.append(data.copy())
        return self.works

    def get_num_connections(self, timeout: float) -> int:
        return self.receivers

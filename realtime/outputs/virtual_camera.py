"""`vcam://`: a camera that other programs can choose, through pyvirtualcam."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from facemodel import LimelightError
from realtime.outputs.picture_options import PictureOptions
from realtime.outputs.picture_stream import PictureStream, library
from realtime.sinks.address import Address

_REMEDIES = {
    "linux": "load v4l2loopback: install v4l2loopback-dkms, then "
    "sudo modprobe v4l2loopback exclusive_caps=1 card_label=Limelight",
    "win32": "install OBS Studio, which brings 'OBS Virtual Camera', or Unity Capture; if one is there, end the "
    "program that sends to it",
    "darwin": "install OBS Studio and start its virtual camera once, then stop it there",
}


def open_virtual_camera(address: Address) -> PictureStream:
    """Return the sink of `vcam://[DEVICE]`; DEVICE is one as pyvirtualcam names it, the first that is free if none.

    Raises:
        LimelightError: an option makes no sense; once it begins, pyvirtualcam is not installed, or there is no device.
    """
    device = address.place or None
    name = f"virtual camera {device}" if device else "virtual camera"
    options = PictureOptions.of(address)

    def open_sender(size: tuple[int, int], fps: float) -> _VirtualCamera:
        return _VirtualCamera(library("pyvirtualcam", "pyvirtualcam", "vcam", name), name, device, size, fps)

    return PictureStream(name, options, open_sender)


class _VirtualCamera:
    """Sends to one device; see `realtime.outputs.picture_stream.Sender`."""

    def __init__(
        self, pyvirtualcam: ModuleType, name: str, device: str | None, size: tuple[int, int], fps: float
    ) -> None:
        self._name = name
        try:
            self._camera = pyvirtualcam.Camera(*size, fps, fmt=pyvirtualcam.PixelFormat.BGR, device=device)
        except Exception as error:  # RuntimeError of its backends, or whatever a driver makes of it
            raise LimelightError(f"{name}: {_reason(error)}; {_remedy()}") from error
        self.line: str = self._camera.device
        # Its device file is looked at, since pyvirtualcam only prints that it cannot write there any more.
        self._file = Path(self.line) if self.line.startswith("/dev/") else None

    def send(self, picture: NDArray[np.uint8]) -> None:
        if self._file is not None and not self._file.exists():
            raise LimelightError(f"{self._name}: {self.line} was taken away")
        try:
            self._camera.send(picture)
        except Exception as error:
            raise LimelightError(f"{self._name}: {self.line} takes no pictures any more ({_reason(error)})") from error

    def connected(self) -> bool | None:
        return None

    def close(self) -> None:
        self._camera.close()


def _reason(error: Exception) -> str:
    """What pyvirtualcam says, of all backends that it tried, in one line."""
    said = str(error).split(" Did you run")[0] or type(error).__name__
    return "; ".join((line.partition(" backend: ")[2] or line).rstrip(". ") for line in said.splitlines())


def _remedy() -> str:
    return _REMEDIES.get(sys.platform, "pyvirtualcam knows Linux, macOS and Windows")

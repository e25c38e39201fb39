"""`spout://NAME` and `syphon://NAME`: pictures for other programs of this machine, on the GPU."""

from __future__ import annotations

import sys
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from facemodel import LimelightError
from realtime.opencv import cv2
from realtime.outputs.picture_options import PictureOptions
from realtime.outputs.picture_stream import PictureStream, four_channels, library
from realtime.sinks.address import Address

_DEFAULT_NAME = "Limelight"


def open_spout(address: Address) -> PictureStream:
    """Return the sink of `spout://[NAME]`.

    Raises:
        LimelightError: an option makes no sense; once it begins, this is not Windows, or SpoutGL is not installed.
    """
    name = address.place or _DEFAULT_NAME

    def open_sender(size: tuple[int, int], fps: float) -> _SpoutSender:  # noqa: ARG001 (receivers follow the pictures)
        _require("win32", f"Spout {name}: there is Spout on Windows alone")
        return _SpoutSender(library("SpoutGL", "SpoutGL", "spout", f"Spout {name}"), name, size)

    return PictureStream(f"Spout {name}", PictureOptions.of(address, premultiplied=True), open_sender)


def open_syphon(address: Address) -> PictureStream:
    """Return the sink of `syphon://[NAME]`.

    Raises:
        LimelightError: an option makes no sense; once it begins, this is not macOS, or syphon-python is not installed.
    """
    name = address.place or _DEFAULT_NAME

    def open_sender(size: tuple[int, int], fps: float) -> _SyphonSender:  # noqa: ARG001 (receivers follow the pictures)
        _require("darwin", f"Syphon {name}: there is Syphon on macOS alone")
        syphon, raw = (
            library(module, "syphon-python", "syphon", f"Syphon {name}") for module in ("syphon", "syphon.utils.raw")
        )
        return _SyphonSender(syphon, raw, name, size)

    return PictureStream(f"Syphon {name}", PictureOptions.of(address, premultiplied=True), open_sender)


def _require(platform: str, line: str) -> None:
    if sys.platform != platform:
        here = {"win32": "use spout:// here", "darwin": "use syphon:// here"}.get(sys.platform, "use ndi:// here")
        raise LimelightError(f"{line}; {here}")


class _SpoutSender:
    """Sends through a context of its own; see `realtime.outputs.picture_stream.Sender`."""

    def __init__(self, spout: ModuleType, name: str, size: tuple[int, int]) -> None:
        self.line = name
        self._format = int(spout.enums.GL_BGRA_EXT)
        self._pixels = np.empty((size[1], size[0], 4), np.uint8)
        self._sender = spout.SpoutSender()
        if not self._sender.createOpenGL():
            raise LimelightError(f"Spout {name}: has no OpenGL here; update the GPU driver")
        self._sender.setSenderName(name)

    def send(self, picture: NDArray[np.uint8]) -> None:
        four_channels(picture, self._pixels)
        height, width = picture.shape[:2]
        if not self._sender.sendImage(self._pixels, width, height, self._format, False, 0):
            raise LimelightError(f"Spout {self.line}: takes no pictures any more")

    def connected(self) -> bool | None:
        return None

    def close(self) -> None:
        self._sender.releaseSender()
        self._sender.closeOpenGL()


class _SyphonSender:
    """Sends through Metal; see `realtime.outputs.picture_stream.Sender`."""

    def __init__(self, syphon: ModuleType, raw: ModuleType, name: str, size: tuple[int, int]) -> None:
        self.line = name
        self._raw = raw
        self._pixels = np.empty((size[1], size[0], 4), np.uint8)
        try:
            self._server = syphon.SyphonMetalServer(name)
        except RuntimeError as error:
            raise LimelightError(f"Syphon {name}: {error}") from error
        self._texture = raw.create_mtl_texture(self._server.device, *size)
        self._watched = False

    def send(self, picture: NDArray[np.uint8]) -> None:
        cv2.cvtColor(picture, cv2.COLOR_BGRA2RGBA if picture.shape[2] == 4 else cv2.COLOR_BGR2RGBA, dst=self._pixels)
        self._raw.copy_bytes_to_mtl_texture(self._pixels.tobytes(), self._texture)
        self._server.publish_frame_texture(self._texture, is_flipped=True)
        self._watched = self._server.has_clients

    def connected(self) -> bool | None:
        return self._watched

    def close(self) -> None:
        self._server.stop()

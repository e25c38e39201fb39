"""The sink that hands what it draws to other programs, picture by picture; how, is its sender's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from types import ModuleType
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from facemodel import LimelightError
from realtime.frame import Result, StreamInfo
from realtime.opencv import cv2
from realtime.outputs.overlay import Overlay
from realtime.outputs.picture_options import PictureOptions
from realtime.render import ViewMode


class Sender(Protocol):
    """Sends pictures of one size to other programs; used on one thread, but for `connected`."""

    line: str
    """What it sends to, for people, such as the name of the virtual camera."""

    def send(self, picture: NDArray[np.uint8]) -> None:
        """Send (H, W, 3) uint8 BGR, or (H, W, 4) BGRA if its address asks for alpha; the array may be reused
        afterwards.

        Raises:
            LimelightError: what it sends to is gone.
        """
        ...

    def connected(self) -> bool | None:
        """Return whether anybody receives; None where that cannot be known. May be called from any thread."""
        ...

    def close(self) -> None:
        """Release what it holds."""
        ...


OpenSender = Callable[[tuple[int, int], float], Sender]
"""Opens a sender for pictures of (width, height) px, at so many frames a second; may raise LimelightError."""


class PictureStream:
    """Draws every result and sends the picture; see `realtime.sinks.contract.Sink`.

    Attributes:
        name: for people.
        sent: pictures so far.
    """

    def __init__(self, name: str, options: PictureOptions, open_sender: OpenSender) -> None:
        """
        Args:
            name: for people.
            options: how pictures are drawn.
            open_sender: called whenever a feed begins.
        """
        self.name = name
        self.sent = 0
        self._options, self._open_sender = options, open_sender
        self._sender: Sender | None = None
        self._drawing: Overlay | None = None

    def begin(self, info: StreamInfo) -> None:
        """Open the sender.

        Raises:
            LimelightError: it cannot be opened, or there is no OpenGL.
        """
        self._sender = self._open_sender(self._options.size_for(info), info.fps)
        self._drawing = self._options.drawing(info)

    def submit(self, result: Result) -> None:
        """Draw and send one result; a stall is drawn too, since its light may change.

        Raises:
            LimelightError: what it is sent to is gone.
        """
        if self._drawing is not None and self._sender is not None:
            self._sender.send(self._drawing.draw(result))
            self.sent += 1

    def show_view(self, mode: ViewMode) -> None:
        """Show another view from the next result on, unless the alpha that was asked for does not go with it."""
        if not self._options.why_not(mode):
            self._options = replace(self._options, render=replace(self._options.render, mode=mode))
            if (drawing := self._drawing) is not None:
                drawing.show_view(mode)

    def status(self) -> str:
        """Return what is sent to, and how many pictures were."""
        sender = self._sender
        return f"{self.sent} pictures" if sender is None else f"{sender.line}, {self.sent} pictures"

    def connected(self) -> bool | None:
        """Return whether anybody receives; None where that cannot be known."""
        sender = self._sender
        return None if sender is None else sender.connected()

    def close(self) -> None:
        """Close sender and drawing; a second call does nothing."""
        drawing, self._drawing = self._drawing, None
        sender, self._sender = self._sender, None
        try:
            if drawing is not None:
                drawing.close()
        finally:
            if sender is not None:
                sender.close()


def four_channels(picture: NDArray[np.uint8], pixels: NDArray[np.uint8]) -> None:
    """Write (H, W, 3) BGR, opaque, or (H, W, 4) BGRA to `pixels` (H, W, 4)."""
    if picture.shape[2] == 4:
        np.copyto(pixels, picture)
    else:
        cv2.cvtColor(picture, cv2.COLOR_BGR2BGRA, dst=pixels)


def library(module: str, package: str, extra: str, name: str) -> ModuleType:
    """Return the module of a library that only some users install.

    Args:
        module: to import.
        package: that it comes with.
        extra: of Limelight, that has the package.
        name: of the sink that needs it.

    Raises:
        LimelightError: it is not installed, or does not work here.
    """
    try:
        return import_module(module)
    except ImportError as error:
        missing = isinstance(error, ModuleNotFoundError) and error.name == module.partition(".")[0]
        reason = f"needs {package}" if missing else f"{package} does not work here ({error})"
        raise LimelightError(f"{name}: {reason}: pip install 'limelight[{extra}]'") from error

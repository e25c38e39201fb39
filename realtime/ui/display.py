"""Finds out in time whether a window can be opened at all: Qt itself would end the process without a word to us."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from ctypes.util import find_library
from pathlib import Path
from typing import TYPE_CHECKING

from facemodel import LimelightError

if TYPE_CHECKING:
    from PyQt6.QtGui import QScreen

_WITHOUT_WINDOW = "use 'limelight run --headless' to run without a window"


@contextmanager
def require_display() -> Iterator[None]:
    """Make sure that Qt finds a display; create the QApplication within.

    Raises:
        LimelightError: there is none, or a system library that Qt needs is missing.
    """
    platform = os.environ.get("QT_QPA_PLATFORM", "").split(";")[0].split(":")[0]
    wayland = bool(os.environ.get("WAYLAND_DISPLAY")) and platform != "xcb"
    if not sys.platform.startswith("linux") or platform not in ("", "xcb", "wayland") or wayland:
        yield
        return
    if not os.environ.get("DISPLAY"):
        raise LimelightError(f"no display: neither DISPLAY nor WAYLAND_DISPLAY is set; {_WITHOUT_WINDOW}")
    _check_xcb_plugin()
    with _x_connection():
        yield


def list_displays() -> list[str]:
    """Return the displays of this machine for people, the main one first; they are numbered from 1 on.

    Raises:
        LimelightError: there is none, or a system library that Qt needs is missing.
    """
    from PyQt6.QtGui import QGuiApplication

    if QGuiApplication.instance() is not None:
        return [describe_screen(screen) for screen in QGuiApplication.screens()]
    with require_display():
        application = QGuiApplication(["limelight"])
        described = [describe_screen(screen) for screen in application.screens()]
        del application
    return described


def describe_screen(screen: QScreen) -> str:
    """Return a display's name and its pixels, for people."""
    ratio, size = screen.devicePixelRatio(), screen.size()
    return f"{screen.name()} {round(size.width() * ratio)}x{round(size.height() * ratio)}"


def check_opengl() -> None:
    """Check that windows can draw with OpenGL 3.3; needs a QGuiApplication.

    Raises:
        LimelightError: they cannot.
    """
    from PyQt6.QtGui import QOffscreenSurface, QOpenGLContext

    context, surface = QOpenGLContext(), QOffscreenSurface()
    surface.create()
    if not context.create() or not context.makeCurrent(surface):
        raise LimelightError(
            f"no OpenGL for windows: install a GPU driver, or Mesa (libgl1, libgl1-mesa-dri); {_WITHOUT_WINDOW}"
        )
    version = context.format().version()
    context.doneCurrent()
    if version < (3, 3):
        raise LimelightError(
            f"OpenGL {version[0]}.{version[1]} is too old, 3.3 is needed: update the GPU driver; {_WITHOUT_WINDOW}"
        )


def _check_xcb_plugin() -> None:
    """The dynamic linker names the library that is missing; Qt would not."""
    import PyQt6.QtGui

    plugin = Path(PyQt6.QtGui.__file__).parent / "Qt6" / "plugins" / "platforms" / "libqxcb.so"
    if not plugin.is_file():
        return
    try:
        ctypes.CDLL(str(plugin))
    except OSError as error:
        missing = str(error).split(":")[0]
        raise LimelightError(
            f"the window needs the system library {missing}: install it "
            f"(Debian, Ubuntu: libxcb-cursor0 libxkbcommon-x11-0 libxcb-icccm4 libxcb-keysyms1); {_WITHOUT_WINDOW}"
        ) from error


@contextmanager
def _x_connection() -> Iterator[None]:
    """A connection to the X server, held open meanwhile: Xvfb starts anew, and refuses, when its last client goes."""
    name = find_library("xcb")
    if name is None:
        yield
        return
    xcb = ctypes.CDLL(name)
    xcb.xcb_connect.restype = ctypes.c_void_p
    xcb.xcb_connection_has_error.argtypes = xcb.xcb_disconnect.argtypes = [ctypes.c_void_p]
    connection = xcb.xcb_connect(None, None)
    try:
        if xcb.xcb_connection_has_error(connection):
            raise LimelightError(f"display {os.environ['DISPLAY']} does not answer; {_WITHOUT_WINDOW}")
        yield
    finally:
        xcb.xcb_disconnect(connection)

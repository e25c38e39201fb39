"""What tests do with a window: open it, show it a result, look at its pixels."""

from __future__ import annotations

import numpy as np
from PyQt6.QtGui import QImage

from realtime.session import Session
from realtime.ui.settings import SettingsFile
from realtime.ui.window import MainWindow
from tests.realtime.fake_session import FakeSession, toy_result


def open_window(qtbot, session: Session, settings: SettingsFile) -> MainWindow:
    window = MainWindow(session, settings)
    qtbot.addWidget(window)
    window.resize(900, 640)
    window.show()
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    window.view.setFocus()
    return window


def settle(qtbot, window: MainWindow) -> None:
    """Wait until everything that the window does in the background is done, and shown."""
    for background in (
        window.sources._opener._background,
        window.sinks._background,
        window.takes._background,
        window.persons._background,
    ):
        done: list[object] = []
        background.submit(lambda: None, done.append, done.append)
        qtbot.waitUntil(lambda done=done: len(done) == 1)
    window.refresh()


def show_frame(qtbot, window: MainWindow, session: FakeSession, **kwargs) -> None:
    result = toy_result(session.model, **kwargs)
    session.deliver(result)
    qtbot.waitUntil(lambda: window.view.result is result)


def pixels(window: MainWindow) -> np.ndarray:
    """(H, W, 3) of what the view shows."""
    image = window.view.grabFramebuffer().convertToFormat(QImage.Format.Format_RGB888)
    buffer = image.constBits()
    buffer.setsize(image.sizeInBytes())
    rows = np.frombuffer(bytes(buffer), np.uint8).reshape(image.height(), image.bytesPerLine())
    return rows[:, : 3 * image.width()].reshape(image.height(), image.width(), 3).astype(int)


def difference(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.abs(a - b).mean())

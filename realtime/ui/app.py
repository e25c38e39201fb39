"""Opens the window on a session and ends the process's work when it closes."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from functools import partial
from types import TracebackType
from typing import Any

from PyQt6.QtCore import QTimer
from PyQt6.QtGui import QSurfaceFormat
from PyQt6.QtWidgets import QApplication

from facemodel import LimelightError
from realtime.ui.display import check_opengl, require_display
from realtime.ui.session_protocol import Playback, Session
from realtime.ui.settings import SettingsFile
from realtime.ui.theme import STYLESHEET
from realtime.ui.window import MainWindow

_log = logging.getLogger(__name__)

_STOP_SECONDS = 8.0
"""How long a closed window waits for the session; its threads wait for a hanging camera for less."""


def run_window(
    session: Session,
    settings: SettingsFile | None = None,
    source: str | None = None,
    playback: Playback | None = None,
) -> int:
    """Show the window until it is closed, then stop the session.

    A take that is being recorded is finalised. If the session does not stop within a few seconds (a driver that
    hangs), the process is ended here and now.

    Args:
        session: not started yet; the window opens its source.
        settings: where the window remembers itself; the user's own file if None.
        source: as `Session.open_source` takes it; None for the remembered or else the default one.
        playback: the transport, if the session replays a take; no source is opened then.

    Returns:
        The exit status of the process.

    Raises:
        LimelightError: there is no display, or no OpenGL 3.3.
    """
    application = make_application()
    window = MainWindow(session, settings or SettingsFile(), playback)
    window.closed.connect(application.quit)
    previous = _close_on_signals(window)
    previous_hook, sys.excepthook = sys.excepthook, partial(_report, window)
    window.show()
    window.activateWindow()  # without a window manager nobody else gives it the keyboard
    if playback is None:
        window.start(source)
    try:
        status = application.exec()
    finally:
        sys.excepthook = previous_hook
        for number, handler in previous.items():
            signal.signal(number, handler)
        problems = _stop(session)
    if problems is None:
        print("limelight: a device did not let go in time; the program ends without it", file=sys.stderr)
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status or 1)
    for problem in problems:
        print(f"limelight: error: {problem}", file=sys.stderr)
    return 1 if problems else status


def make_application() -> QApplication:
    existing = QApplication.instance()
    if isinstance(existing, QApplication):
        return existing
    surface = QSurfaceFormat()
    surface.setVersion(3, 3)
    surface.setProfile(QSurfaceFormat.OpenGLContextProfile.CoreProfile)
    QSurfaceFormat.setDefaultFormat(surface)
    with require_display():
        application = QApplication(["limelight"])
    check_opengl()
    application.setApplicationDisplayName("Limelight")
    application.setStyle("Fusion")
    application.setStyleSheet(STYLESHEET)
    return application


def _close_on_signals(window: MainWindow) -> dict[int, Any]:
    """Ctrl+C in the terminal closes the window; the window's timer lets Python see the signal.

    The event loop closes it, since a signal may arrive in the middle of painting, whose OpenGL must not go away.
    """

    def close(*_: object) -> None:
        QTimer.singleShot(0, window.close)

    return {number: signal.signal(number, close) for number in (signal.SIGINT, signal.SIGTERM)}


def _report(window: MainWindow, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """A bug in the window is logged and said, and capture goes on; by default PyQt would end the process."""
    _log.error("the window failed", exc_info=(kind, error, trace))
    window.area.banner.show_error(f"internal error: {error or kind.__name__}; the log has more", retry=False)


def _stop(session: Session) -> list[str] | None:
    """End the session in a thread that may be left behind.

    Returns:
        What could not be finished, a line each; None if the session did not end in time. A take is finished first.
    """
    problems: list[str] = []

    def stop() -> None:
        for step in (session.stop_recording, session.stop):
            try:
                step()
            except LimelightError as error:
                problems.append(str(error))

    thread = threading.Thread(target=stop, name="limelight-stop", daemon=True)
    thread.start()
    thread.join(_STOP_SECONDS)
    return None if thread.is_alive() else problems

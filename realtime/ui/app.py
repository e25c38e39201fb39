"""Opens the window on a session and ends the process's work when it closes."""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from PyQt6 import sip
from PyQt6.QtCore import QTimer
from PyQt6.QtGui import QSurfaceFormat
from PyQt6.QtWidgets import QApplication

from realtime.interruption import Interruption, finishing_files
from realtime.session import Session
from realtime.ui.background import all_ended
from realtime.ui.display import check_opengl, require_display
from realtime.ui.options import Compared
from realtime.ui.output_window import OutputScreens
from realtime.ui.settings import SettingsFile
from realtime.ui.theme import STYLESHEET
from realtime.ui.window import MainWindow

if TYPE_CHECKING:
    from realtime.controls.desk import Desk

_log = logging.getLogger(__name__)

_GLANCE_MS = 100

_STOP_SECONDS = 8.0
"""How long a closed window waits for a session that gets nowhere; its threads wait for a hanging camera for less."""


def run_window(
    session: Session,
    settings: SettingsFile | None = None,
    source: str | None = None,
    beside: Path | None = None,
    wipe: bool = False,
    show_file: Path | None = None,
    tour: bool = False,
    desk: Desk | None = None,
) -> int:
    """Show the window until it is closed, or Ctrl-C, SIGTERM or SIGHUP closes it, then stop the session.

    Files that are being written are finished, however often a signal comes. If the session gets nowhere for a few
    seconds (a driver that hangs), the process is ended here and now.

    Args:
        session: without a feed yet; the window opens its source.
        settings: where the window remembers itself; the user's own file if None.
        source: a source or a take, as `Session.open` takes it; None for the remembered or else the default one.
        beside: another take that is shown beside the one that `source` is.
        wipe: show two versions with a line between them at first.
        show_file: where the session's show is saved; None asks for a place.
        tour: take who never saw it through the first steps.
        desk: what hears controls from outside, which a right click binds; None for none.

    Returns:
        The exit status of the process.

    Raises:
        LimelightError: there is no display, or no OpenGL 3.3.
    """
    with finishing_files() as interruption:
        application = make_application()
        screens = OutputScreens()
        session.show_on(screens)
        window = MainWindow(session, settings or SettingsFile())
        window.closed.connect(screens.shut_down)  # first: an output's window refuses to be closed by `quit`
        window.closed.connect(application.quit)
        timer = _close_when(interruption, window)
        previous_hook, sys.excepthook = sys.excepthook, partial(_report, window)
        window.show()
        window.activateWindow()  # without a window manager nobody else gives it the keyboard
        window.takes.beside_next = beside
        window.cues.file = show_file
        window.midi.desk = desk
        window.options.update(compared=Compared.WIPE if wipe else Compared.A)
        window.sources.start(source)
        if tour:
            window.tour.offer()
        try:
            status = application.exec()
        finally:
            timer.stop()
            screens.shut_down()
            sys.excepthook = previous_hook
            problems = _stop(session)
    for problem in problems or ():
        print(f"limelight: error: {problem}", file=sys.stderr)
    if problems is None or not all_ended(_STOP_SECONDS):
        print("limelight: a device or a disk did not let go in time; the program ends without it", file=sys.stderr)
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status or 1)
    sip.delete(window)  # or the application's end does it, which crashes now and then
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


def _close_when(interruption: Interruption, window: MainWindow) -> QTimer:
    """Close the window once a signal has come.

    The event loop looks for it, since a signal may come in the middle of painting, whose OpenGL must not go away.
    """
    timer = QTimer(window)
    timer.timeout.connect(lambda: window.close() if interruption else None)
    timer.start(_GLANCE_MS)
    return timer


def _report(window: MainWindow, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """A bug in the window is logged and said, and capture goes on; by default PyQt would end the process."""
    _log.error("the window failed", exc_info=(kind, error, trace))
    window.area.banner.show_error(f"internal error: {error or kind.__name__}; the log has more")


def _stop(session: Session) -> tuple[str, ...] | None:
    """End the session in a thread that may be left behind.

    Returns:
        What could not be finished, a line each; None if the session got nowhere for a while. A sink that still writes
        what waits for it gets somewhere.
    """
    workers = session.workers()
    problems: list[tuple[str, ...]] = []
    thread = threading.Thread(target=lambda: problems.append(session.stop()), name="limelight-stop", daemon=True)
    thread.start()
    delivered, since = -1, time.monotonic()
    while thread.is_alive() and time.monotonic() - since < _STOP_SECONDS:
        thread.join(_GLANCE_MS / 1000.0)
        now = sum(worker.status().delivered for worker in workers)
        if now != delivered:
            delivered, since = now, time.monotonic()
    return None if thread.is_alive() else tuple(line for lines in problems for line in lines)

"""How the window looked the last time."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING

from PyQt6.QtCore import QRect, Qt
from PyQt6.QtGui import QGuiApplication
from PyQt6.QtWidgets import QMainWindow

from realtime.light.values import DEFAULTS, Value
from realtime.render import ViewMode
from realtime.ui.options import ViewOptions
from realtime.ui.settings import SettingsFile, WindowSettings, changed_values

if TYPE_CHECKING:
    from realtime.ui.window import MainWindow

_log = logging.getLogger(__name__)
_DEFAULT_SIZE = (1280, 800)


def view_options(settings: WindowSettings, plays_show: bool = False) -> ViewOptions:
    """Return what the view shows at first: the relit picture where a show is to be played."""
    if plays_show:
        return ViewOptions(ViewMode.RELIT, settings.mirror)
    mode = next((mode for mode in ViewMode if mode.value == settings.mode), ViewMode.OVERLAY)
    return ViewOptions(mode, settings.mirror)


def restore_place(window: QMainWindow, settings: WindowSettings) -> None:
    """Put the window where it was, if there still is a screen."""
    window.resize(*_DEFAULT_SIZE)
    if settings.geometry:
        wanted = QRect(*(round(number) for number in settings.geometry))
        if any(screen.availableGeometry().intersects(wanted) for screen in QGuiApplication.screens()):
            window.setGeometry(wanted)
    if settings.maximized:
        window.setWindowState(Qt.WindowState.WindowMaximized)


def place_of(window: QMainWindow) -> tuple[int, int, int, int]:
    """Return x, y, width, height of the window on the desktop, while it does not fill the screen."""
    rect = window.normalGeometry() if window.isMaximized() or window.isFullScreen() else window.geometry()
    return rect.x(), rect.y(), rect.width(), rect.height()


def save_settings(window: MainWindow, file: SettingsFile) -> None:
    """Write how the window looks; a file that cannot be written is logged."""
    before, options = file.load(), window.options.value
    asked_for_now = window.smoothing.value == window.session.config.smoothing
    settings = WindowSettings(
        geometry=place_of(window),
        maximized=window.isMaximized(),
        source=window.sources.remember(before.source),
        mode=options.mode.value,
        mirror=options.mirror,
        smoothing=before.smoothing if asked_for_now else window.smoothing.value,
        light=before.light
        if window.session.show.document.cues
        else _own_light(changed_values(window.session.show.beneath()), window.session.config.lighting, before),
        tour_seen=window.tour.tour.value.seen,
        streams=window.sinks.list.kept,
        curves=window.playback.curves.chosen,
        curves_shown=window.playback.curves_wanted,
    )
    try:
        file.save(settings)
    except OSError as error:
        _log.warning("settings %s: cannot be written (%s)", file.path, error.strerror)


def _own_light(now: dict[str, Value], asked: Mapping[str, Value], before: WindowSettings) -> dict[str, Value]:
    """The light to remember: what was asked for this time alone, and is still so, is as it was before."""
    passing = {name for name, value in asked.items() if now.get(name, DEFAULTS[name]) == value}
    kept = {name: value for name, value in before.light.items() if name in passing}
    return {name: value for name, value in now.items() if name not in passing} | kept

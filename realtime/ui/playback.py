"""What is seen of a feed that can be played: the bar, the curves under the picture, and which version is drawn."""

from __future__ import annotations

from collections.abc import Mapping

from PyQt6.QtCore import QObject, pyqtSignal
from PyQt6.QtGui import QAction

from realtime.observable import Observable
from realtime.session import Session
from realtime.ui.compare_marks import CompareMarks
from realtime.ui.curves import CurvePanel
from realtime.ui.handlers import let_keys_through
from realtime.ui.options import ViewOptions
from realtime.ui.playback_bar import PlaybackBar
from realtime.ui.settings import WindowSettings
from realtime.ui.take_desk import TakeDesk


class Playback(QObject):
    """Keeps the bar, the curves and the marks of versions up to date. `changed` asks for a refresh of the window.

    Attributes:
        bar: the playback bar.
        curves: the curves of the take that plays.
        curves_wanted: whether they are to be shown while a take plays.
    """

    changed = pyqtSignal()

    def __init__(
        self,
        session: Session,
        takes: TakeDesk,
        actions: Mapping[str, QAction],
        options: Observable[ViewOptions],
        marks: CompareMarks,
        remembered: WindowSettings,
    ) -> None:
        """
        Args:
            session: that plays.
            takes: what is done with takes.
            actions: by name.
            options: listened to.
            marks: say which version is shown.
            remembered: what was shown the last time.
        """
        super().__init__()
        self._session, self._takes, self._actions = session, takes, actions
        self._options, self._marks = options, marks
        self.bar = PlaybackBar(actions)
        self.curves, self.curves_wanted = CurvePanel(remembered.curves), remembered.curves_shown
        let_keys_through(actions, self.bar.timeline, self.curves.plot)
        self.curves.sought.connect(self.bar.timeline.sought)
        self.bar.speed_chosen.connect(self._set_speed)
        takes.changed.connect(self._show_take)
        options.listen(self._show_versions)

    def refresh(self, full_screen: bool) -> None:
        """Bring everything up to date."""
        transport, curves = self._session.transport, self._takes.curves
        self.show_position()
        self.bar.setVisible(transport is not None and not full_screen)
        if transport is not None:
            self.bar.timeline.show_marks(self._takes.frames_of_markers(), transport.span)
            self.bar.timeline.show_quality(None if curves is None else curves.quality)
            self.curves.refresh()
        shown = self.curves_wanted and curves is not None and not full_screen
        self.curves.setVisible(shown)
        self._actions["curves"].setChecked(shown)
        self._actions["compare_with"].setChecked(self._takes.other is not None)

    def show_position(self) -> None:
        """Show which frame is shown."""
        transport = self._session.transport
        self.bar.show_transport(transport, self._takes.timecode())
        if transport is not None:
            self.curves.plot.show_frame(transport.frame)

    def toggle_curves(self) -> None:
        """Show the curves of a take, or hide them."""
        self.curves_wanted = not self.curves_wanted
        self.changed.emit()

    def _show_take(self) -> None:
        """Another take plays, or is compared with, or something about them has changed."""
        other = self._takes.other
        self.curves.show_curves(self._takes.curves, self._takes.other_curves, 0.0 if other is None else other.shift)
        self._show_versions(self._options.value)
        self.changed.emit()

    def _show_versions(self, options: ViewOptions) -> None:
        self._marks.show_compared(options.compared, options.wipe, self._takes.names)

    def _set_speed(self, speed: float) -> None:
        if (transport := self._session.transport) is not None:
            transport.speed = speed

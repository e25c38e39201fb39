"""What a person does about persons: choose one, calibrate, adjust how expressions are read, forget."""

from __future__ import annotations

from collections.abc import Callable

from PyQt6.QtCore import QObject, QTimer
from PyQt6.QtWidgets import QMessageBox

from facemodel import LimelightError
from realtime.frame import StreamInfo, TrackingState
from realtime.persons.guide import Guide, GuideState
from realtime.persons.store import PersonStore
from realtime.session import Session
from realtime.ui.background import Background
from realtime.ui.expression_table import ExpressionTable
from realtime.ui.overlays import ViewArea
from realtime.ui.person_panel import PersonPanel

_GUIDE_MS = 50


class PersonDesk(QObject):
    """Tells the session who sits there, leads through a calibration over the picture, and stores in the background.

    Attributes:
        guide: the calibration that runs; None while none does.
        table: of gains, curves and limits.
    """

    def __init__(self, session: Session, panel: PersonPanel, area: ViewArea) -> None:
        """
        Args:
            session: whose performer it is.
            panel: where persons are chosen.
            area: where instructions are shown.
        """
        super().__init__()
        self.guide: Guide | None = None
        self.table = ExpressionTable(area)
        self._session, self._panel, self._area = session, panel, area
        self._background = Background()
        self._name = ""
        self._info: StreamInfo | None = None
        self._timer = QTimer(self)
        self._timer.timeout.connect(self._lead)
        panel.chosen.connect(self._use)
        panel.calibrate_asked.connect(self.calibrate)
        panel.adjust_asked.connect(self._adjust)
        panel.forget_asked.connect(self.forget)
        area.guide.skip_asked.connect(lambda: self.guide.skip() if self.guide else None)
        area.guide.cancel_asked.connect(self.cancel)
        self.table.changed.connect(self._set)

    def refresh(self) -> None:
        """Show who is known, and who sits there."""
        session = self._session
        self._panel.show_persons(
            session.sitter.store.names(), session.sitter.name, session.sitter.glasses, session.sitter.line
        )
        plays = session.info is not None and session.take is None and not session.status().ended
        self._panel.allow_calibrating(plays and self.guide is None)
        self._panel.setEnabled(self.guide is None)
        if self.table.isVisible() and not session.sitter.name:
            self.table.hide()

    def ask(self) -> None:
        """Calibrate whose name is in the panel, or ask for a name there."""
        name = self._panel.name
        if text := name.text().strip():
            self.calibrate(text)
        else:
            name.setFocus()

    def calibrate(self, name: str) -> None:
        """Lead the performer through the poses, and keep what was measured under a name."""
        info = self._session.info
        if self.guide is not None or info is None:
            return
        try:
            PersonStore.check_name(name)
        except LimelightError as error:
            self._area.banner.show_error(str(error))
            return
        self._name, self._info = name, info
        self.guide = Guide(info.model.layout)
        self._session.listen(self.guide.see)
        self._timer.start(_GUIDE_MS)
        self._lead()
        self.refresh()

    def cancel(self) -> None:
        """End a calibration that runs, and keep nothing of it."""
        if self.guide is not None:
            self._session.unlisten(self.guide.see)
            self.guide = None
        self._timer.stop()
        self._area.guide.show_guide(None)
        self.refresh()

    def forget(self) -> None:
        """Delete the person who sits there, once that is confirmed."""
        name = self._session.sitter.name
        answer = QMessageBox.question(self._panel, "Forget", f"Delete what is known of {name}?")
        if answer == QMessageBox.StandardButton.Yes:
            self._submit(lambda: self._forget(name))

    def close(self) -> None:
        """Begin nothing more."""
        self.cancel()
        self.table.close()
        self._background.close()

    def _lead(self) -> None:
        guide, session = self.guide, self._session
        if guide is None:
            return
        if guide.state is GuideState.RUNNING:
            if self._source_changed():
                self.cancel()
                self._area.banner.show_error(
                    "Calibration: the source changed or ended before the last pose; nothing is kept"
                )
            else:
                self._area.guide.show_guide(guide, session.status().state is TrackingState.TRACKING)
            return
        name = self._name
        self.cancel()
        self._submit(lambda: session.keep_person(name, guide), lambda: self._tell(guide))

    def _source_changed(self) -> bool:
        before, now = self._info, self._session.info
        return now is None or now is not before or self._session.status().ended

    def _tell(self, guide: Guide) -> None:
        if guide.skipped:
            self._area.banner.show_error(
                f"{self._session.sitter.name} is calibrated; not measured: {', '.join(guide.skipped)}. "
                "Calibrate again to add it"
            )

    def _use(self, name: str, glasses: bool) -> None:
        self._submit(lambda: self._session.sitter.use(name, glasses), self._show_table)

    def _adjust(self) -> None:
        self.table.show()
        self.table.raise_()
        self._show_table()

    def _set(self, expression: str, setting: str, value: float) -> None:
        self._submit(lambda: self._session.sitter.adjust(expression, setting, value), self._show_table)

    def _show_table(self) -> None:
        calibration = self._session.sitter.calibration
        if self.table.isVisible() and calibration is not None:
            self.table.show_person(self._session.sitter.name, calibration)

    def _forget(self, name: str) -> None:
        self._session.sitter.store.delete(name)
        self._session.sitter.use("", self._session.sitter.glasses)

    def _submit(self, function: Callable[[], object], then: Callable[[], object] = lambda: None) -> None:
        def done(_: object) -> None:
            then()
            self.refresh()

        def failed(line: str) -> None:
            self._area.banner.show_error(line)
            self._show_table()
            self.refresh()

        self._background.submit(function, done, failed)

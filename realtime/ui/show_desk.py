"""What a person does with the cues of a show, from keys, menu and panel alike."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from PyQt6.QtCore import QObject, pyqtSignal
from PyQt6.QtWidgets import QFileDialog, QMessageBox, QWidget

from facemodel import LimelightError
from realtime.light.cue_editor import CueEditor
from realtime.light.cues.cue import CueNumber
from realtime.light.cues.document import ShowDocument
from realtime.light.cues.show_file import load_show, save_show
from realtime.light.show import Show
from realtime.ui.background import Background

_FILES = "Shows (*.yaml *.yml);;All files (*)"


class ShowDesk(QObject):
    """Gives a show commands. `changed` is emitted when there is something new to show; `failed` carries one line.

    Attributes:
        file: of the show; None while it has none.
        cue_only: edits leave the next cue as it looks.
        chosen: the cue that is selected in the list, which `go_to`, `make_next`, `delete` and `step` are about.
    """

    changed = pyqtSignal()
    failed = pyqtSignal(str)

    def __init__(self, show: Show) -> None:
        """
        Args:
            show: that is played and edited.
        """
        super().__init__()
        self._show = show
        self._cues = CueEditor(show)
        self._background = Background()
        self.file: Path | None = None
        self.cue_only = False
        self.chosen: CueNumber | None = None

    def handlers(self, owner: QWidget) -> dict[str, Callable[[], object]]:
        """Return what to call for the actions of the menu Show, by name; dialogs belong to `owner`."""
        show = self._show
        return {
            "go": partial(self._do, show.go),
            "back": partial(self._do, show.back),
            "hold": partial(self._do, self._hold),
            "release": partial(self._do, show.release),
            "panic": partial(self._do, show.panic),
            "blackout": partial(self._do, lambda: show.set_blackout(not show.blackout)),
            "tap": partial(self._do, show.tap),
            "record_cue": partial(self._do, lambda: self._cues.record(cue_only=self.cue_only)),
            "update_cue": partial(self._do, lambda: self._cues.update(cue_only=self.cue_only)),
            "undo": partial(self._do, show.undo),
            "redo": partial(self._do, show.redo),
            "open_show": partial(self.ask_file, owner),
            "save_show": partial(self.save, owner),
        }

    def go_to(self) -> None:
        """Start the chosen cue."""
        if (number := self.chosen) is not None:
            self._do(lambda: self._show.go_to(number))

    def make_next(self) -> None:
        """Let GO start the chosen cue."""
        if (number := self.chosen) is not None:
            self._do(lambda: self._show.standby(number))

    def delete(self) -> None:
        """Delete the chosen cue, and choose the one after it."""
        if (number := self.chosen) is not None:
            cues = self._show.document.cues
            other = cues.after(number) or cues.before(number)

            def delete() -> None:
                self._cues.delete(number, self.cue_only)
                self.chosen = other.number if other is not None else None

            self._do(delete)

    def type(self, number: CueNumber, word: str, text: str) -> None:
        """Let a cue say something else for a word: `number`, or see `CueEditor.type`."""

        def change() -> None:
            if word == "number":
                self._cues.renumber(number, text)
                self.chosen = CueNumber.of(text)
            else:
                self._cues.type(number, word, text)

        self._do(change)

    def move(self, number: CueNumber, before: CueNumber | None) -> None:
        """Put a cue directly before another, or at the end."""
        self._do(lambda: setattr(self, "chosen", self._cues.move(number, before)))

    def step(self, by: int) -> None:
        """Put the chosen cue one place up (-1) or down (1)."""
        cues = self._show.document.cues
        if (number := self.chosen) is None:
            return
        if by < 0 and (above := cues.before(number)) is not None:
            self.move(number, above.number)
        elif by > 0 and (below := cues.after(number)) is not None:
            beyond = cues.after(below.number)
            self.move(number, beyond.number if beyond is not None else None)

    def set_block(self, number: CueNumber, on: bool) -> None:
        """Let a cue block, or track again."""
        self._do(lambda: self._cues.set_block(number, on))

    def set_assert(self, number: CueNumber, on: bool) -> None:
        """Let a cue play what is tracked too, or no longer."""
        self._do(lambda: self._cues.set_assert(number, on))

    def switch_effect(self, name: str, on: bool) -> None:
        """Start an effect by hand, or stop it."""
        self._do(lambda: self._show.start_effect(name) if on else self._show.stop_effect(name))

    def ask_file(self, owner: QWidget) -> None:
        """Ask which show to open, and play it from before its first cue."""
        name, _ = QFileDialog.getOpenFileName(owner, "Open show", str(self.file or ""), _FILES)
        if name:
            path = Path(name)
            self._background.submit(lambda: load_show(path), partial(self._opened, path), self.failed.emit)

    def save(self, owner: QWidget) -> None:
        """Save the show, and ask where to if it has no file."""
        path = self._path(owner)
        if path is None:
            return
        document = self._show.document
        self._background.submit(
            lambda: save_show(path, document), lambda _nothing: self._saved(path, document), self.failed.emit
        )

    def may_close(self, owner: QWidget) -> bool:
        """Return whether the show may end: it has no edits that were not saved, or they are saved or given up now."""
        if not self._show.status().edited:
            return True
        buttons = QMessageBox.StandardButton
        answer = QMessageBox.question(
            owner,
            "Limelight",
            "Cues were edited and are not saved. Save the show?",
            buttons.Save | buttons.Discard | buttons.Cancel,
            buttons.Save,
        )
        if answer == buttons.Save:
            path = self._path(owner)
            if path is None:
                return False
            try:
                save_show(path, self._show.document)
            except LimelightError as error:
                self.failed.emit(str(error))
                return False
        elif answer != buttons.Discard:
            return False
        self._show.mark_saved()
        return True

    def close(self) -> None:
        """Let nothing more happen."""
        self._background.close()

    def _path(self, owner: QWidget) -> Path | None:
        """Return where to save, or None if nobody says so."""
        if self.file is not None:
            return self.file
        name, _ = QFileDialog.getSaveFileName(owner, "Save show", "show.yaml", _FILES)
        path = Path(name)
        return None if not name else path if path.suffix else path.with_suffix(".yaml")

    def _hold(self) -> None:
        if self._show.status().progress.paused:
            self._show.resume()
        else:
            self._show.pause()

    def _opened(self, path: Path, document: ShowDocument) -> None:
        self._do(lambda: self._show.load(document))
        self.file = path

    def _saved(self, path: Path, document: ShowDocument) -> None:
        self.file = path
        if self._show.document is document:
            self._show.mark_saved()
        self.changed.emit()

    def _do(self, command: Callable[[], object]) -> None:
        try:
            command()
        except LimelightError as error:
            self.failed.emit(str(error))
        self.changed.emit()

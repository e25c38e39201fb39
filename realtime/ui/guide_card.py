"""The guided calibration over the picture: what to do now, how long, and a way to skip it or to leave."""

from __future__ import annotations

from PyQt6.QtCore import Qt, pyqtSignal
from PyQt6.QtGui import QKeyEvent
from PyQt6.QtWidgets import QApplication, QFrame, QHBoxLayout, QLabel, QProgressBar, QPushButton, QVBoxLayout, QWidget

from realtime.persons.guide import NEUTRAL, Guide

_PER_SECOND = 50
"""Steps of the progress bar."""


class GuideCard(QFrame):
    """Shows where a guided calibration stands; it beeps at each pose, for eyes that are shut.

    It has the keyboard from each pose on, so that Space skips; once it hides, its parent has it.
    `skip_asked` and `cancel_asked` are emitted when a person asks for them.
    """

    skip_asked = pyqtSignal()
    cancel_asked = pyqtSignal()

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("guide")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._number = -1  # of the pose that is shown
        self.instruction, self.note = QLabel(), QLabel()
        self.instruction.setObjectName("guideInstruction")
        for label in (self.instruction, self.note):
            label.setAlignment(Qt.AlignmentFlag.AlignCenter)
            label.setWordWrap(True)
        self.progress = QProgressBar()
        self.progress.setTextVisible(False)
        self.progress.setAccessibleName("Of this pose")
        self.skip, self.cancel = QPushButton("Skip"), QPushButton("Cancel")
        self.cancel.setToolTip("Leave everything as it was (Esc)")
        buttons = QHBoxLayout()
        buttons.addWidget(self.note, 1)
        buttons.addWidget(self.skip)
        buttons.addWidget(self.cancel)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(18, 12, 18, 12)
        layout.setSpacing(8)
        layout.addWidget(self.instruction)
        layout.addWidget(self.progress)
        layout.addLayout(buttons)
        self.skip.clicked.connect(self.skip_asked)
        self.cancel.clicked.connect(self.cancel_asked)
        self.hide()

    def show_guide(self, guide: Guide | None, face_seen: bool = True) -> None:
        """Show the pose that runs; hide without one.

        Args:
            guide: that leads; None for none.
            face_seen: whether there is a face now; the time of a pose waits for it.
        """
        step = None if guide is None else guide.step
        if guide is None or step is None:
            if self._number >= 0:
                self.parentWidget().setFocus()
            self._number = -1
            self.hide()
            return
        if guide.number != self._number:
            self._number = guide.number
            self.instruction.setText(step.instruction)
            self.setAccessibleName(step.instruction)
            self.progress.setRange(0, round(_PER_SECOND * step.seconds))
            self.skip.setEnabled(step is not NEUTRAL)
            self.skip.setToolTip(
                "Leave this pose out (Space)" if step is not NEUTRAL else "The face at rest is always needed"
            )
            QApplication.beep()
            self.show()
            self.raise_()
            self.setFocus()
        self.progress.setValue(round(_PER_SECOND * (step.seconds - guide.remaining)))
        place = f"{guide.number + 1} of {len(guide.steps)}"
        self.note.setText(place if face_seen else f"{place}: no face is seen, the time waits")

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        if event.key() == Qt.Key.Key_Space:
            self.skip.click()  # does nothing while it is disabled
        else:
            super().keyPressEvent(event)

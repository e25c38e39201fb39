"""The Person section: chosen, calibrated over the picture, adjusted in the table, forgotten."""

from __future__ import annotations

import numpy as np
import pytest

from realtime.frame import Face, Frame, Person, Result, TrackingState
from realtime.persons.calibration import Calibration
from realtime.persons.guide import STEPS
from realtime.persons.store import StoredPerson

pytest.importorskip("pytestqt")
from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QMessageBox

from realtime.persons.store import Setup
from realtime.ui.person_panel import PersonPanel
from tests.realtime.window_parts import settle

AT_REST = 0.08
ACTED = {"eyes shut": "eyeBlink", "smile": "mouthSmile", "jaw open": "jawOpen"}


def click(qtbot, widget):
    assert widget.isEnabled()
    qtbot.mouseClick(widget, Qt.MouseButton.LeftButton)


class Actor:
    """Does what the guide of a window asks for."""

    def __init__(self, window, session):
        self.window, self.session, self.time = window, session, 10.0

    def act(self, seconds: float, seen: bool = True) -> None:
        """Deliver so many seconds of results."""
        layout = self.session.model.layout
        for _ in range(round(30 * seconds)):
            guide = self.window.persons.guide
            step = None if guide is None else guide.step
            raw = layout.neutral()
            p = layout.view(raw)
            p.expression[:] = AT_REST
            acted = "-" if step is None else ACTED.get(step.name, "-")
            for i, name in enumerate(layout.expression_names):
                if name.startswith(acted):
                    p.expression[i] = 0.6
            state = TrackingState.TRACKING if seen else TrackingState.HELD
            person = Person(1, p.identity.copy(), p.albedo.copy())
            face = Face(1, state, raw, person, raw=raw if seen else None, confidence=1.0)
            self.session.deliver(Result(Frame(0, self.time, np.zeros((8, 8, 3), np.uint8)), self.time, (face,)))
            self.time += 1 / 30


def start(qtbot, window, session, name="Anna") -> Actor:
    panel = window.panel.person
    assert not panel.calibrate.isEnabled()
    qtbot.keyClicks(panel.name, name)
    click(qtbot, panel.calibrate)
    assert window.area.guide.isVisible()
    return Actor(window, session)


def reading(session, name: str, weight: float) -> float:
    calibration = session.sitter.calibration
    read = calibration.apply(np.full(len(calibration.names), weight), np.empty(len(calibration.names)))
    return float(read[calibration.names.index(name)])


def test_a_calibration_leads_through_the_poses_and_is_kept(qtbot, window, session):
    actor, card = start(qtbot, window, session), window.area.guide
    told = []
    for step in STEPS:
        qtbot.waitUntil(lambda step=step: card.instruction.text() == step.instruction)
        told.append((card.skip.isEnabled(), card.note.text()))
        actor.act(step.seconds / 2)
        qtbot.waitUntil(lambda: 0.4 < card.progress.value() / card.progress.maximum() < 0.6)
        actor.act(step.seconds / 2 + 0.1)
    assert told == [(False, "1 of 4"), (True, "2 of 4"), (True, "3 of 4"), (True, "4 of 4")]
    qtbot.waitUntil(lambda: session.sitter.name == "Anna")
    qtbot.waitUntil(lambda: window.panel.person.person.currentText() == "Anna")
    assert not card.isVisible()
    assert session.sitter.store.chosen().name == "Anna"
    assert reading(session, "mouthSmileLeft", 0.6) == pytest.approx(1.0)
    assert reading(session, "mouthSmileLeft", AT_REST) < 0.03
    assert window.panel.person.line.full_text() == "Anna: calibrated for fake"
    assert not window.area.banner.isVisible()


def test_a_pose_is_skipped_and_that_is_said(qtbot, window, session):
    actor, card = start(qtbot, window, session), window.area.guide
    actor.act(STEPS[0].seconds + 0.1)
    qtbot.waitUntil(card.skip.isEnabled)
    click(qtbot, card.skip)
    qtbot.waitUntil(lambda: card.instruction.text() == STEPS[2].instruction)
    actor.act(6.0)
    qtbot.waitUntil(lambda: session.sitter.name == "Anna")
    qtbot.waitUntil(lambda: "not measured: eyes shut" in window.area.banner.text.text())


def test_space_skips_a_pose_but_not_the_face_at_rest_and_the_view_has_the_keys_again(qtbot, window, session):
    actor, card = start(qtbot, window, session), window.area.guide
    qtbot.waitUntil(card.hasFocus)
    qtbot.keyClick(window.focusWidget(), Qt.Key.Key_Space)
    assert window.persons.guide.number == 0
    actor.act(STEPS[0].seconds + 0.1)
    qtbot.waitUntil(card.skip.isEnabled)
    for number in (2, 3):
        qtbot.keyClick(window.focusWidget(), Qt.Key.Key_Space)
        assert window.persons.guide.number == number
    assert window.panel.person.name.text() == "Anna"
    assert not window.options.value.frozen
    qtbot.keyClick(window.focusWidget(), Qt.Key.Key_Escape)
    qtbot.waitUntil(window.view.hasFocus)
    assert session.sitter.store.names() == []


@pytest.mark.parametrize("how", ["button", "escape", "source"])
def test_a_calibration_that_is_left_keeps_nothing(qtbot, window, session, how):
    actor = start(qtbot, window, session)
    actor.act(4.0)
    if how == "button":
        click(qtbot, window.area.guide.cancel)
    elif how == "escape":
        qtbot.keyClick(window, Qt.Key.Key_Escape)
    else:
        session.state = type(session.state)(ended=True)
        qtbot.waitUntil(lambda: "nothing is kept" in window.area.banner.text.text())
    qtbot.waitUntil(lambda: not window.area.guide.isVisible())
    actor.act(12.0)
    assert window.persons.guide is None
    assert session.sitter.store.names() == []


def test_the_time_waits_for_a_face_and_says_so(qtbot, window, session):
    actor, card = start(qtbot, window, session), window.area.guide
    session.state = type(session.state)(state=TrackingState.SEARCHING)
    actor.act(20.0, seen=False)
    qtbot.waitUntil(lambda: "no face is seen" in card.note.text())
    assert card.instruction.text() == STEPS[0].instruction


def test_a_name_that_no_file_can_have_is_refused_before_the_poses(qtbot, window, session):
    qtbot.keyClicks(window.panel.person.name, "a/b")
    click(qtbot, window.panel.person.calibrate)
    assert "a name has 1 to 60 characters" in window.area.banner.text.text()
    assert window.persons.guide is None


def test_the_key_calibrates_who_is_named_and_asks_for_a_name_otherwise(qtbot, window):
    window.view.setFocus()
    qtbot.keyClick(window, "N", Qt.KeyboardModifier.ShiftModifier)
    qtbot.waitUntil(window.panel.person.name.hasFocus)
    qtbot.keyClicks(window.panel.person.name, "Bo")
    window.view.setFocus()
    qtbot.keyClick(window, "N", Qt.KeyboardModifier.ShiftModifier)
    assert window.area.guide.isVisible()


@pytest.fixture
def anna(window, session):
    """Somebody who is known, and sits there."""
    none = Calibration.none(session.model.expression_names)
    zeros = np.zeros(len(session.model.identity), np.float32), np.zeros(len(session.model.diffuse_basis), np.float32)
    person = StoredPerson("Anna", session.model.digest, *zeros).with_calibration(Setup("fake"), none)
    session.sitter.store.save(person)
    session.sitter.use("Anna")
    window.refresh()


def test_somebody_is_chosen_with_glasses_and_nobody_again(qtbot, window, session, anna):
    panel = window.panel.person
    assert panel.name.text() == "Anna"
    click(qtbot, panel.glasses)
    qtbot.waitUntil(lambda: session.sitter.glasses)
    panel.person.setFocus()
    qtbot.keyClick(panel.person, Qt.Key.Key_Up)
    qtbot.waitUntil(lambda: session.sitter.name == "")
    qtbot.waitUntil(lambda: not panel.adjust.isEnabled())
    assert session.sitter.store.chosen() is None
    qtbot.keyClick(panel.person, Qt.Key.Key_Down)
    qtbot.waitUntil(lambda: session.sitter.name == "Anna")


def test_who_cannot_be_read_is_said_and_the_one_before_stays(qtbot, window, session, anna):
    panel = window.panel.person
    (session.sitter.store.folder / "Bo.json").write_text("{", encoding="utf-8")
    window.refresh()
    panel.person.setFocus()
    qtbot.keyClick(panel.person, Qt.Key.Key_Down)
    qtbot.waitUntil(lambda: "damaged" in window.area.banner.text.text())
    settle(qtbot, window)
    assert panel.person.currentText() == "Anna"
    assert session.sitter.name == "Anna"


def test_gains_are_edited_in_the_table_and_kept(qtbot, window, session, anna):
    click(qtbot, window.panel.person.adjust)
    dialog = window.persons.table
    qtbot.waitUntil(dialog.isVisible)
    table = dialog.table
    names = [table.item(row, 0).text() for row in range(table.rowCount())]
    assert names == list(session.model.expression_names)
    qtbot.keyClicks(dialog.search, "smile")
    shown = [name for row, name in enumerate(names) if not table.isRowHidden(row)]
    assert shown == [name for name in names if "smile" in name.lower()]

    row = names.index("mouthSmileLeft")
    table.setCurrentCell(row, 1)
    table.editItem(table.item(row, 1))
    editor = table.findChild(type(_spin_box()))
    editor.selectAll()
    qtbot.keyClicks(editor, editor.locale().toString(1.5))
    qtbot.keyClick(editor, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: session.sitter.calibration.gain[row] == 1.5)
    other = names.index("mouthSmileRight")
    qtbot.waitUntil(lambda: table.item(other, 1).data(Qt.ItemDataRole.EditRole) == 1.5)
    dialog.both.setChecked(False)
    table.item(row, 3).setData(Qt.ItemDataRole.EditRole, 0.7)
    qtbot.waitUntil(lambda: session.sitter.calibration.limit[row] == 0.7)
    assert session.sitter.calibration.limit[other] == 1.0
    assert session.sitter.store.load("Anna").calibration(tuple(names)).limit[row] == 0.7

    click(qtbot, dialog.reset)
    qtbot.waitUntil(lambda: session.sitter.calibration.changes_nothing)
    qtbot.waitUntil(lambda: table.item(row, 1).data(Qt.ItemDataRole.EditRole) == 1.0)


def _spin_box():
    from PyQt6.QtWidgets import QDoubleSpinBox

    return QDoubleSpinBox()


def test_somebody_is_forgotten_once_that_is_confirmed(qtbot, window, session, anna, monkeypatch):
    answers = [QMessageBox.StandardButton.No, QMessageBox.StandardButton.Yes]
    monkeypatch.setattr(QMessageBox, "question", lambda *_: answers.pop(0))
    click(qtbot, window.panel.person.forget)
    assert session.sitter.store.names() == ["Anna"]
    click(qtbot, window.panel.person.forget)
    settle(qtbot, window)
    assert session.sitter.store.names() == []
    qtbot.waitUntil(lambda: window.panel.person.person.count() == 1)
    assert session.sitter.name == ""


def test_while_a_take_plays_nobody_is_calibrated(qtbot, window, session):
    qtbot.keyClicks(window.panel.person.name, "Anna")
    assert window.panel.person.calibrate.isEnabled()
    session.take = object()
    window.persons.refresh()
    session.take = None
    assert not window.panel.person.calibrate.isEnabled()


def test_a_list_that_is_shown_again_keeps_what_is_typed(qtbot):
    panel = PersonPanel()
    qtbot.addWidget(panel)
    panel.show_persons(["Anna"], "Anna", False, "")
    panel.name.setText("An")
    panel.show_persons(["Anna"], "Anna", False, "")
    assert panel.name.text() == "An"

"""The slate in the window: what a person fills in is the next take's."""

from __future__ import annotations

import pytest
from PyQt6.QtCore import Qt

from facemodel import LimelightError
from realtime.takes.slate import Slate
from realtime.ui.slate_panel import SlatePanel
from tests.realtime.fake_session import FakeSession
from tests.realtime.loop_parts import MODEL


@pytest.fixture
def panel(qtbot):
    panel = SlatePanel()
    qtbot.addWidget(panel)
    panel.show()
    return panel


def test_what_is_filled_in_is_the_slate(panel, qtbot):
    heard = []
    panel.changed.connect(heard.append)
    panel.show_slate(Slate())
    assert not panel.take.isEnabled()
    qtbot.keyClicks(panel.scene, "A1")
    panel.show_slate(heard[-1])
    panel.take.setValue(4)
    qtbot.keyClicks(panel.notes, "good")
    assert heard[-1] == Slate("A1", 4, "good")


def test_a_slate_that_counted_on_is_shown_and_not_asked_for(panel):
    heard = []
    panel.changed.connect(heard.append)
    panel.show_slate(Slate("B", 9))
    assert (panel.scene.text(), panel.take.value(), panel.notes.text()) == ("B", 9, "")
    assert heard == []


def test_a_space_that_is_being_typed_stays(panel, qtbot):
    heard = []
    panel.changed.connect(heard.append)
    qtbot.keyClicks(panel.scene, "A ")
    panel.show_slate(heard[-1])
    qtbot.keyClicks(panel.scene, "1")
    assert heard[-1].scene == "A 1"


def test_timecode_is_chosen_and_shown(panel, qtbot):
    heard = []
    panel.timecode_asked.connect(heard.append)
    panel.source.setFocus()
    qtbot.keyClick(panel.source, Qt.Key.Key_Down)
    assert heard == ["system"]
    panel.show_timecode("ltc:Desk@25", "01:02:03:04 (LTC on Desk, 25)")
    assert panel.source.currentData() == "ltc"
    assert panel.timecode.full_text() == "01:02:03:04"
    assert "LTC on Desk" in panel.timecode.toolTip()
    panel.show_timecode("", "")
    assert panel.source.currentData() == ""


def test_the_window_hands_both_to_the_session(qtbot, tmp_path, monkeypatch):
    from realtime.ui.settings import SettingsFile
    from realtime.ui.window import MainWindow

    session = FakeSession(MODEL, tmp_path)
    window = MainWindow(session, SettingsFile(tmp_path / "settings.json"))
    qtbot.addWidget(window)
    window.show()
    qtbot.keyClicks(window.panel.record.slate.scene, "Intro")
    assert session.slate == Slate("Intro")
    window.panel.record.slate.timecode_asked.emit("system")
    qtbot.waitUntil(lambda: "system clock" in window.panel.record.slate.timecode.toolTip())

    def refuse(name):
        raise LimelightError("timecode ltc: no such sound input")

    monkeypatch.setattr(session.timecode, "use", refuse)
    window.panel.record.slate.timecode_asked.emit("ltc")
    qtbot.waitUntil(lambda: "no such sound input" in window.area.banner.text.text())
    window.close()

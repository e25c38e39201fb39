"""Edits of light, material and look at the window are undone, one for each gesture; needs a display (Xvfb will do)."""

from __future__ import annotations

import pytest

pytest.importorskip("pytestqt")
from PyQt6.QtCore import QPoint, Qt
from PyQt6.QtWidgets import QAbstractButton, QColorDialog, QStyle, QStyleOptionSlider

from realtime.render import ViewMode
from realtime.ui import hand
from tests.realtime.window_parts import settle, show_frame

LEFT, CTRL = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.ControlModifier


@pytest.fixture
def slow(monkeypatch):
    """Let each change come too late after the one before to go on with it, unless a control is held."""
    monkeypatch.setattr(hand, "_PAUSE", 0.0)


def undo(qtbot, window, modifiers=CTRL):
    window.refresh()
    qtbot.keyClick(window.view, Qt.Key.Key_Z, modifiers)
    window.refresh()


def redo(qtbot, window):
    undo(qtbot, window, CTRL | Qt.KeyboardModifier.ShiftModifier)


def drag(qtbot, widget, start, *places, button=LEFT):
    qtbot.mousePress(widget, button, pos=start)
    for place in places:
        qtbot.mouseMove(widget, place)
    qtbot.mouseRelease(widget, button, pos=places[-1])


def drag_slider(qtbot, slider, by):
    """Take the handle of a slider and move it."""
    option = QStyleOptionSlider()
    slider.initStyleOption(option)
    handle = slider.style().subControlRect(
        QStyle.ComplexControl.CC_Slider, option, QStyle.SubControl.SC_SliderHandle, slider
    )
    start = handle.center()
    drag(qtbot, slider, start, *(start + QPoint(round(by * part / 4), 0) for part in range(1, 5)))


def test_a_drag_of_a_slider_is_one_edit(qtbot, window, session, slow):
    show, sliders = session.show, window.panel.light.sliders
    show.set({"light/source": "show", "light/1/intensity": 1.0})
    drag_slider(qtbot, sliders["intensity"].slider, -20)
    first = show.values()["light/1/intensity"]
    drag_slider(qtbot, sliders["intensity"].slider, 30)
    second = show.values()["light/1/intensity"]
    assert first < 1.0 and second > first
    assert window.session.show.status().undo == "Light 1 intensity"
    undo(qtbot, window)
    assert show.values()["light/1/intensity"] == first
    assert sliders["intensity"].value() == pytest.approx(first, abs=0.01)
    undo(qtbot, window)
    assert show.values()["light/1/intensity"] == 1.0
    assert show.status().undo is None
    redo(qtbot, window)
    redo(qtbot, window)
    assert show.values()["light/1/intensity"] == second


def test_touching_a_light_that_is_off_is_undone_whole(qtbot, window, session):
    before = session.show.values()
    amber = next(b for b in window.findChildren(QAbstractButton) if b.accessibleName() == "Amber light")
    qtbot.mouseClick(amber, LEFT)
    assert session.show.values()["light/source"] == "show"
    undo(qtbot, window)
    assert session.show.values() == before
    assert session.show.status().undo is None


def test_a_drag_on_the_pad_and_one_in_the_picture_are_an_edit_each(qtbot, window, session, slow):
    pad, show = window.panel.light.pad, session.show
    before, middle = show.values(), pad.rect().center()
    drag(qtbot, pad, middle + QPoint(10, 0), middle + QPoint(20, 5), middle + QPoint(30, 10))
    padded = show.values()
    start = QPoint(200, 200)
    drag(qtbot, window.view, start, start + QPoint(20, 0), start + QPoint(40, 0), button=Qt.MouseButton.RightButton)
    assert show.values() != padded != before
    undo(qtbot, window)
    assert show.values() == padded
    undo(qtbot, window)
    assert show.values() == before


def test_the_handle_of_a_light_in_the_picture_is_dragged_back_by_an_undo(qtbot, window, session, slow):
    show = session.show
    show.set({"light/source": "show", "light/3/intensity": 1.0, "light/3/azimuth": 0.0, "light/3/elevation": 0.0})
    before = show.values()
    window.options.update(mode=ViewMode.OVERLAY)
    show_frame(qtbot, window, session)
    settle(qtbot, window)
    (mark,) = window.area.lights.marks
    at = QPoint(round(mark.x), round(mark.y))
    drag(qtbot, window.view, at, at + QPoint(20, 0), at + QPoint(40, 0), at + QPoint(60, 0))
    assert show.status().undo == "Move light 3"
    undo(qtbot, window)
    assert show.values() == before
    (back,) = window.area.lights.marks
    assert (back.x, back.y) == pytest.approx((mark.x, mark.y))


def test_material_look_and_environment_are_undone_with_cues_in_the_order_they_were_made(qtbot, window, session):
    show, look, light = session.show, window.panel.look, window.panel.light
    qtbot.keyClick(look.skin.sliders["material/specular"].slider, Qt.Key.Key_End)
    look.lock.click()
    box = light.environment.choice
    box.setCurrentIndex(box.findData("sunset"))
    box.activated.emit(box.currentIndex())
    qtbot.keyClick(window.view, Qt.Key.Key_R, CTRL)
    qtbot.keyClick(light.around.sliders["environment/rotation"].slider, Qt.Key.Key_End)
    texts = []
    while (text := show.status().undo) is not None:
        texts.append(text)
        undo(qtbot, window)
    assert texts == [
        "Environment rotation", "Record cue 1", "Environment name", "Relight lock", "Material specular",
    ]  # fmt: skip
    values = show.values()
    assert (values["material/specular"], values["relight/lock"], values["light/source"]) == (1.0, False, "estimated")
    assert not look.lock.isChecked() and not show.document.cues.cues


def test_a_key_that_is_pressed_again_and_again_is_one_edit(qtbot, window, session):
    slider = window.panel.look.video.sliders["relight/even"].slider
    before = session.show.values()
    for _ in range(5):
        qtbot.keyClick(slider, Qt.Key.Key_Right)
    undo(qtbot, window)
    assert session.show.values() == before


@pytest.mark.parametrize("accepted", [True, False])
def test_a_choice_of_a_colour_is_one_edit_and_none_when_it_is_cancelled(qtbot, window, session, slow, accepted):
    show, row = session.show, window.panel.look.backdrop
    row.other.click()
    dialog = row.findChild(QColorDialog)
    for name in ("red", "blue", "green"):
        dialog.setCurrentColor(getattr(Qt.GlobalColor, name))
    assert show.values()["relight/backdrop"] == (0.0, 1.0, 0.0)
    (dialog.accept if accepted else dialog.reject)()
    assert show.status().undo == ("Relight backdrop" if accepted else None)
    if accepted:
        undo(qtbot, window)
    assert show.values()["relight/backdrop"] == (0.0, 0.0, 0.0)


def test_the_keys_of_the_light_are_undone_and_desks_are_not(qtbot, window, session):
    show = session.show
    qtbot.keyClick(window.view, Qt.Key.Key_L)
    assert show.values()["light/source"] == "show"
    show.set({"light/2/intensity": 0.5})  # a desk
    undo(qtbot, window)
    assert (show.values()["light/source"], show.values()["light/2/intensity"]) == ("estimated", 0.5)
    assert show.status().undo is None

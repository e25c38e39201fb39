"""The tour of the first run, by real clicks and keys; needs a display (Xvfb will do)."""

from __future__ import annotations

from functools import partial

import pytest

pytest.importorskip("pytestqt")
from PyQt6.QtCore import QPoint, QRect, Qt
from PyQt6.QtWidgets import QApplication, QPushButton, QWidget

from realtime.render import ViewMode
from realtime.session import Session
from realtime.ui.actions import ACTIONS
from realtime.ui.settings import SettingsFile
from realtime.ui.tour import Tour, TourPlace, TourStep
from realtime.ui.window import MainWindow
from tests.realtime.window_parts import open_window, settle, show_frame


def on_screen(widget: QWidget) -> QRect:
    return QRect(widget.mapToGlobal(QPoint()), widget.size())


def step_of(window: MainWindow) -> TourStep | None:
    return window.tour.tour.value.step


def begin_at(window: MainWindow, step: TourStep) -> None:
    window.tour.tour.start()
    while step_of(window) is not step:
        window.tour.tour.advance()


def test_the_steps_follow_each_other_and_the_end_is_remembered():
    tour, shown = Tour(TourPlace()), []
    tour.listen(lambda place: shown.append(place.step))
    tour.start()
    tour.done(TourStep.RELIGHT)  # not what is asked for now
    assert tour.value == TourPlace(TourStep.SOURCE)
    for step in TourStep:
        tour.done(step)
    assert shown == [None, *TourStep, None]
    assert tour.value == TourPlace(seen=True)


def test_a_tour_that_was_left_is_seen_and_one_that_never_began_is_not():
    tour = Tour(TourPlace())
    tour.leave()
    assert not tour.value.seen
    tour.start()
    tour.leave()
    assert tour.value == TourPlace(seen=True)


def test_each_step_has_a_key_for_each_blank():
    names = {spec.name for spec in ACTIONS}
    for step in TourStep:
        assert step.text.count("{}") == len(step.actions)
        assert set(step.actions) <= names


def test_the_tour_is_offered_once(window):
    assert not window.tour.card.isVisible()
    window.tour.offer()
    assert window.tour.card.isVisible()
    window.tour.tour.leave()
    window.tour.offer()
    assert not window.tour.card.isVisible()


@pytest.mark.parametrize("leave", ["Esc", "Skip", "to the end"])
def test_a_tour_that_was_ended_is_remembered(qtbot, session, tmp_path, leave):
    settings = SettingsFile(tmp_path / "other.json")
    window = open_window(qtbot, session, settings)
    window.tour.offer()
    if leave == "Esc":
        qtbot.keyClick(window.view, Qt.Key.Key_Escape)
    elif leave == "Skip":
        qtbot.mouseClick(window.tour.card.leave, Qt.MouseButton.LeftButton)
    else:
        for _step in TourStep:
            qtbot.mouseClick(window.tour.card.next, Qt.MouseButton.LeftButton)
    assert not window.tour.card.isVisible()
    assert not window.tour.ring.isVisible()
    window.close()
    assert settings.load().tour_seen


def test_a_window_that_is_closed_within_the_tour_offers_it_again(qtbot, session, tmp_path):
    settings = SettingsFile(tmp_path / "other.json")
    window = open_window(qtbot, session, settings)
    window.tour.offer()
    window.close()
    assert not settings.load().tour_seen


def test_help_and_a_key_start_it_again(qtbot, window):
    window.tour.tour.start()
    qtbot.keyClick(window.view, Qt.Key.Key_F1)
    assert not window.tour.card.isVisible()
    button = next(b for b in window.area.help.findChildren(QPushButton) if b.text() == "First steps")
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    assert not window.area.help.isVisible()
    assert window.tour.card.isVisible()
    assert step_of(window) is TourStep.SOURCE
    again = partial(qtbot.keyClick, window.view, Qt.Key.Key_F1, Qt.KeyboardModifier.ShiftModifier)
    again()
    assert step_of(window) is TourStep.RELIGHT
    qtbot.keyClick(window.view, Qt.Key.Key_Escape)
    again()
    assert step_of(window) is TourStep.SOURCE


def test_the_card_says_where_it_stands(window):
    window.tour.tour.start()
    card = window.tour.card
    said = []
    for step in TourStep:
        assert card.title.text() == step.title
        assert "{" not in card.text.text()
        said.append((card.place.text(), card.next.text(), card.leave.isVisible()))
        window.tour.tour.advance()
    assert said == [
        ("1 of 4", "Next", True),
        ("2 of 4", "Next", True),
        ("3 of 4", "Next", True),
        ("4 of 4", "Done", False),
    ]


@pytest.mark.parametrize("step", [TourStep.SOURCE, TourStep.RELIGHT, TourStep.RECORD])
@pytest.mark.parametrize("size", [(720, 480), (1280, 800)])
def test_the_ring_is_around_what_the_card_speaks_of_and_neither_hides_it(qtbot, window, step, size):
    panel = window.panel
    about = {
        TourStep.SOURCE: panel.source,
        TourStep.RELIGHT: panel.view.modes[ViewMode.RELIT],
        TourStep.RECORD: panel.record.button,
    }[step]
    window.resize(*size)
    begin_at(window, step)
    QApplication.processEvents()
    ring, card, target = on_screen(window.tour.ring), on_screen(window.tour.card), on_screen(about)
    assert window.tour.ring.isVisible()
    assert ring.contains(target)
    assert not card.intersects(target)
    assert on_screen(window.area).contains(card)
    assert not about.visibleRegion().isEmpty()


def test_the_ring_scrolls_with_the_panel(qtbot, window):
    window.resize(720, 480)
    begin_at(window, TourStep.SOURCE)
    scroll = window.panel.findChild(QWidget, "panelScroll")
    scroll.verticalScrollBar().setValue(scroll.verticalScrollBar().value() + 60)
    assert on_screen(window.tour.ring).contains(on_screen(window.panel.source))


def test_a_chosen_source_ends_the_first_step(window):
    window.tour.tour.start()
    window.panel.source.chosen.emit("synthetic")
    assert step_of(window) is TourStep.RELIGHT


def test_relighting_needs_the_picture_and_the_light(qtbot, window):
    begin_at(window, TourStep.RELIGHT)
    qtbot.keyClick(window.view, Qt.Key.Key_9)
    assert step_of(window) is TourStep.RELIGHT
    qtbot.keyClick(window.view, Qt.Key.Key_L)
    assert step_of(window) is TourStep.LIGHT


def test_a_picture_that_is_relit_already_waits_for_a_key(qtbot, window):
    window.session.show.set({"light/source": "show"})
    window.options.update(mode=ViewMode.RELIT)
    begin_at(window, TourStep.RELIGHT)
    window.refresh()
    assert step_of(window) is TourStep.RELIGHT
    qtbot.keyClick(window.view, Qt.Key.Key_9)
    assert step_of(window) is TourStep.LIGHT


def test_a_light_that_is_dragged_ends_its_step(qtbot, window, session):
    session.show.set({"light/source": "show", "light/1/intensity": 1.0})
    window.options.update(mode=ViewMode.RELIT)
    settle(qtbot, window)
    show_frame(qtbot, window, session)
    plain = window.area.lights.grab().toImage()
    begin_at(window, TourStep.LIGHT)
    assert window.area.lights.grab().toImage() != plain  # the handles are pointed out
    handle = window.view.handles[0]
    at = QPoint(round(handle.x), round(handle.y))
    assert not window.tour.card.geometry().contains(at)
    qtbot.mousePress(window.view, Qt.MouseButton.LeftButton, pos=at)
    qtbot.mouseMove(window.view, at + QPoint(1, 0))
    assert step_of(window) is TourStep.LIGHT
    qtbot.mouseMove(window.view, at + QPoint(-90, 30))
    qtbot.mouseRelease(window.view, Qt.MouseButton.LeftButton, pos=at + QPoint(-90, 30))
    assert step_of(window) is TourStep.RECORD
    assert window.area.lights.grab().toImage() != plain  # it has moved
    assert not window.area.lights._pointed_out


def test_a_take_ends_the_tour_once_it_is_finished(qtbot, window):
    begin_at(window, TourStep.RECORD)
    qtbot.keyClick(window.view, Qt.Key.Key_R)
    settle(qtbot, window)
    assert step_of(window) is TourStep.RECORD
    qtbot.keyClick(window.view, Qt.Key.Key_R)
    settle(qtbot, window)
    assert window.tour.tour.value == TourPlace(seen=True)


def test_full_screen_hides_the_card_and_escape_leaves_that_first(qtbot, window):
    window.tour.tour.start()
    qtbot.keyClick(window.view, Qt.Key.Key_F11)
    assert not window.tour.card.isVisible()
    qtbot.keyClick(window.view, Qt.Key.Key_Escape)
    assert window.tour.card.isVisible()
    qtbot.keyClick(window.view, Qt.Key.Key_Escape)
    assert not window.tour.card.isVisible()


def test_the_keyboard_stays_the_views(qtbot, window):
    window.tour.tour.start()
    qtbot.mouseClick(window.tour.card.next, Qt.MouseButton.LeftButton)
    assert window.view.hasFocus()
    qtbot.keyClick(window.view, Qt.Key.Key_Space)
    assert window.options.value.frozen


@pytest.mark.parametrize("asked", [True, False])
def test_a_run_offers_the_tour_only_where_it_is_asked_to(qapp, session, tmp_path, monkeypatch, asked):
    from realtime.ui import app

    offered: list[bool] = []
    monkeypatch.setattr("realtime.ui.tour_desk.TourDesk.offer", lambda _desk: offered.append(True))
    monkeypatch.setattr(type(qapp), "exec", lambda *_args: qapp.closeAllWindows() or 0)
    monkeypatch.setattr(Session, "show_on", lambda *_args: None)
    app.run_window(session, SettingsFile(tmp_path / "window.json"), "synthetic", tour=asked)
    assert offered == [True] * asked

"""The window, by real clicks and keys; needs a display (Xvfb will do)."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from dataclasses import replace
from time import perf_counter

import numpy as np
import pytest

pytest.importorskip("pytestqt")
from PyQt6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PyQt6.QtGui import QColor, QDragEnterEvent, QDropEvent, QImage, QPainter
from PyQt6.QtWidgets import QAbstractButton, QComboBox, QFileDialog, QLabel, QScrollArea, QSlider

from facemodel import LimelightError
from realtime.frame import TrackingState
from realtime.light.lighting import FaceLight, direction_of
from realtime.light.show import Show
from realtime.loop.loop import LoopStatus
from realtime.observable import Observable
from realtime.opencv import cv2
from realtime.render import ViewMode
from realtime.tracking.smoothing.settings import PRESETS
from realtime.ui.actions import ACTIONS, key_text
from realtime.ui.color_row import dot_icon
from realtime.ui.handlers import match_estimate
from realtime.ui.light_panel import LightPanel
from realtime.ui.settings import SettingsFile, WindowSettings
from realtime.ui.theme import ACCENT
from realtime.ui.window import MainWindow
from tests.conftest import ROOT
from tests.realtime.fake_session import FakeSession, toy_face, toy_result
from tests.realtime.window_parts import difference, open_window, pixels, settle, show_frame


def test_every_view_mode_shows_another_picture(qtbot, window, session):
    session.show.set({"light/source": "show", "environment/name": "sunset"})
    show_frame(qtbot, window, session)
    seen = {}
    for number, mode in enumerate(window.panel.view.modes, start=1):
        qtbot.mouseClick(window.panel.view.modes[mode], Qt.MouseButton.LeftButton)
        assert window.options.value.mode is mode
        assert window.panel.view.modes[mode].isChecked()
        by_click = pixels(window)
        qtbot.keyClick(window.view, Qt.Key.Key_1 if number != 1 else Qt.Key.Key_2)
        qtbot.keyClick(window.view, Qt.Key(Qt.Key.Key_0 + number))
        assert difference(pixels(window), by_click) < 0.5
        seen[mode] = by_click
    assert len(seen) == 9
    modes = list(seen)
    for i, first in enumerate(modes):
        for second in modes[:i]:
            assert difference(seen[first], seen[second]) > 0.2, (first, second)


def test_v_cycles_through_the_modes(qtbot, window):
    window.options.update(mode=ViewMode.RELIT)
    qtbot.keyClick(window.view, Qt.Key.Key_V)
    assert window.options.value.mode is ViewMode.CAMERA


def test_the_view_modes_stand_in_full_rows(window):
    rows = [button.y() for button in window.panel.view.modes.values()]
    assert {rows.count(y) for y in rows} == {3}


def test_the_spot_of_a_light_shows_on_a_button_of_its_colour():
    picture = QImage(16, 16, QImage.Format.Format_RGB32)
    picture.fill(QColor(ACCENT))
    painter = QPainter(picture)
    dot_icon(QColor(ACCENT)).paint(painter, 0, 0, 16, 16)
    painter.end()
    assert min(picture.pixelColor(x, 8).lightness() for x in range(16)) < QColor(ACCENT).lightness() - 100


def test_mirror_flips_the_display_and_nothing_that_is_recorded(qtbot, window, session):
    window.options.update(mirror=False)
    qtbot.keyClick(window.view, Qt.Key.Key_R)
    qtbot.waitUntil(lambda: session.current is not None)
    show_frame(qtbot, window, session)
    plain = pixels(window)
    qtbot.keyClick(window.view, Qt.Key.Key_M)
    mirrored = pixels(window)
    show_frame(qtbot, window, session)
    assert difference(plain, mirrored) > 5
    assert difference(plain[:, ::-1], mirrored) < 1
    first, second = session.takes[0].written
    np.testing.assert_array_equal(first.performer.raw, second.performer.raw)
    np.testing.assert_array_equal(first.frame.image, second.frame.image)


def test_r_starts_and_ends_a_take(qtbot, window, session):
    qtbot.keyClick(window.view, Qt.Key.Key_R)
    qtbot.waitUntil(lambda: session.current is not None)
    session.current.seconds = 65.0
    show_frame(qtbot, window, session)
    window.refresh()
    assert "01:05" in window.panel.record.button.text()
    assert "1 frames" in window.panel.record.button.text()
    assert str(session.current.path) == window.panel.record.path.full_text()
    qtbot.mouseClick(window.panel.record.button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: session.current is None and not window.panel.record.button.isChecked())
    window.refresh()
    assert str(session.takes[0].path) in window.panel.record.path.full_text()
    assert not window.panel.record.button.isChecked()


def test_a_take_that_cannot_be_written_is_said_and_not_shown_as_running(qtbot, window, session, monkeypatch):
    def refuse(path=None):
        raise LimelightError("takes folder /x: read-only; choose another folder")

    monkeypatch.setattr(session, "start_recording", refuse)
    qtbot.mouseClick(window.panel.record.button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(window.area.banner.isVisible)
    assert "read-only" in window.area.banner.text.text()
    assert not window.panel.record.button.isChecked()


def test_help_lists_every_shortcut(qtbot, window):
    qtbot.keyClick(window.view, Qt.Key.Key_F1)
    assert window.area.help.isVisible()
    shown = {label.text() for label in window.area.help.findChildren(QLabel)}
    for spec in ACTIONS:
        if spec.on_help_page:
            assert spec.text in shown
            assert " ".join(map(key_text, spec.keys)) in shown
    assert any("Ctrl+1 to Ctrl+8" in text for text in shown)
    qtbot.keyClick(window.view, Qt.Key.Key_Escape)
    assert not window.area.help.isVisible()


@pytest.mark.parametrize("width", [1280, 1900])
def test_the_help_page_shows_all_of_each_line_beside_the_cues_too(qtbot, window, width):
    window.resize(width, 800)
    window.show_operator(True)
    qtbot.keyClick(window.view, Qt.Key.Key_F1)
    area = window.area.help.findChild(QScrollArea)
    qtbot.waitUntil(area.isVisible)
    assert 0 < area.widget().minimumSizeHint().width() <= area.viewport().width()


def test_no_two_actions_share_a_key():
    keys = [key for spec in ACTIONS for key in spec.keys]
    assert len(keys) == len(set(keys))


def test_every_action_is_in_a_menu(window):
    in_menus = {action for menu in window.menuBar().actions() for action in menu.menu().actions()}
    assert {window.actions_by_name[spec.name] for spec in ACTIONS} <= in_menus


def test_light_override_changes_the_picture_and_no_parameter(qtbot, window, session):
    window.options.update(mode=ViewMode.OVERLAY)
    show_frame(qtbot, window, session)
    face = window.view.result.performer
    raw, smoothed = face.raw.copy(), face.smoothed.copy()
    followed = pixels(window)
    session.show.set({"light/1/intensity": 2.0, "light/1/azimuth": 65.0, "light/1/color": (1.0, 0.1, 0.1)})
    assert difference(pixels(window), followed) == 0
    qtbot.keyClick(window.view, Qt.Key.Key_L)
    assert difference(pixels(window), followed) > 0.05
    qtbot.mouseClick(window.panel.light.follow, Qt.MouseButton.LeftButton)
    assert difference(pixels(window), followed) == 0
    np.testing.assert_array_equal(face.raw, raw)
    np.testing.assert_array_equal(face.smoothed, smoothed)


def test_an_environment_relights_the_face(qtbot, window, session):
    show_frame(qtbot, window, session)
    followed = pixels(window)
    box = window.panel.light.environment.choice
    box.setCurrentIndex(box.count() - 2)
    box.activated.emit(box.count() - 2)
    assert session.show.values()["light/source"] == "show"
    assert session.show.values()["environment/name"] == box.currentData() != ""
    relit = pixels(window)
    assert difference(relit, followed) > 0.5
    qtbot.keyClick(window.panel.light.around.sliders["environment/rotation"].slider, Qt.Key.Key_PageUp)
    assert difference(pixels(window), relit) > 0.1


def write_panorama(path):
    """Light from image left alone."""
    image = np.zeros((64, 128, 3), np.uint8)
    image[24:40, 20:44] = 255
    path.write_bytes(cv2.imencode(".png", image)[1].tobytes())
    return path


def test_a_panorama_relights_the_face_and_is_remembered(qtbot, window, session, tmp_path, monkeypatch):
    show_frame(qtbot, window, session)
    followed, panel = pixels(window), window.panel.light
    path = write_panorama(tmp_path / "left.png")
    answers = iter(["", str(path)])
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (next(answers), ""))
    box, before = panel.environment.choice, session.show.values()
    ask = box.count() - 1
    box.setCurrentIndex(ask)
    box.activated.emit(ask)  # nothing chosen: nothing changes
    assert session.show.values() == before and box.currentData() == before["environment/name"]
    box.setCurrentIndex(ask)
    box.activated.emit(ask)
    assert session.show.values()["environment/name"] == box.currentData() == str(path)
    assert box.currentText() == "left.png" and session.show.now().environment.key_position[0] < -400.0
    assert difference(pixels(window), followed) > 0.5
    again = LightPanel(Show({"environment/name": str(path)}), Observable(1), window.actions_by_name)
    again.restore_panorama()
    assert again.environment.choice.currentData() == str(path)


def test_a_panorama_that_is_gone_is_said_and_the_estimated_light_stays(qtbot, window, session, tmp_path):
    show_frame(qtbot, window, session)
    window.panel.light.load_panorama(str(tmp_path / "gone.hdr"))
    assert "gone.hdr" in window.area.banner.text.text()
    assert session.show.values()["light/source"] == "estimated"
    session.show.set({"light/source": "show", "environment/name": str(tmp_path / "gone.hdr")})
    window.panel.light.restore_panorama()
    assert window.panel.light.environment.choice.currentText() == "As estimated"


def test_terms_can_be_switched_off(qtbot, window, session):
    show_frame(qtbot, window, session)
    both = pixels(window)
    qtbot.mouseClick(window.panel.light.specular, Qt.MouseButton.LeftButton, pos=QPoint(8, 12))
    assert not window.options.value.specular
    without_specular = pixels(window)
    qtbot.keyClick(window.view, Qt.Key.Key_D)
    dark = pixels(window)
    assert both.sum() > without_specular.sum() > dark.sum()


def place(window, n=1):
    """Unit vector to a light."""
    values = window.session.show.values()
    return direction_of(values[f"light/{n}/azimuth"], values[f"light/{n}/elevation"])


@pytest.mark.parametrize("mirror", [False, True])
def test_the_pad_moves_the_key_light_as_the_picture_shows_it(qtbot, window, mirror):
    window.options.update(mirror=mirror)
    pad = window.panel.light.pad
    at = pad.rect().center() + QPoint(30, 0)
    qtbot.mouseClick(pad, Qt.MouseButton.LeftButton, pos=at)
    x, y, _ = direction = place(window)
    assert window.session.show.values()["light/source"] == "show"
    assert (x < -0.4) if mirror else (x > 0.4)
    assert abs(y) < 0.1
    assert (pad.position_of(direction) - QPointF(at)).manhattanLength() < 1.5


@pytest.mark.parametrize(
    ("button", "modifier"),
    [
        (Qt.MouseButton.RightButton, Qt.KeyboardModifier.NoModifier),
        (Qt.MouseButton.LeftButton, Qt.KeyboardModifier.ControlModifier),
    ],
)
def test_dragging_in_the_view_moves_the_key_light(qtbot, window, button, modifier):
    window.options.update(mirror=False)
    before = place(window)
    qtbot.mousePress(window.view, button, modifier, QPoint(200, 200))
    qtbot.mouseMove(window.view, QPoint(260, 200))
    qtbot.mouseRelease(window.view, button, modifier, QPoint(260, 200))
    assert window.session.show.values()["light/source"] == "show"
    assert place(window)[0] > before[0] + 0.1


@pytest.mark.parametrize("mirror", [False, True])
def test_the_handle_of_a_light_is_dragged_in_the_picture(qtbot, window, session, mirror):
    window.options.update(mirror=mirror, mode=ViewMode.OVERLAY)
    session.show.set(
        {"light/source": "show", "light/3/intensity": 1.0, "light/3/azimuth": 0.0, "light/3/elevation": 0.0}
    )
    show_frame(qtbot, window, session)
    settle(qtbot, window)
    (mark,) = window.area.lights.marks
    assert mark.number == 3 and not mark.behind
    at, to = QPoint(round(mark.x), round(mark.y)), QPoint(round(mark.x) + 60, round(mark.y))
    qtbot.mousePress(window.view, Qt.MouseButton.LeftButton, pos=at)
    qtbot.mouseMove(window.view, to)
    qtbot.mouseRelease(window.view, Qt.MouseButton.LeftButton, pos=to)
    assert window.selected_light.value == 3 and window.panel.light.numbers[2].isChecked()
    x, y, _ = place(window, 3)
    assert (x < -0.1) if mirror else (x > 0.1)
    assert abs(y) < 0.05
    (moved,) = window.area.lights.marks
    assert moved.x > mark.x + 10.0
    assert session.calls == []  # a click would have chosen a face


def test_the_estimate_is_matched_by_a_light_that_stands_where_its_key_light_is():
    show, sh = Show(), np.zeros((9, 3), np.float32)
    sh[0], sh[3] = 2.0, 0.5  # from image right
    match_estimate(show, 2, FaceLight(sh, np.array((800.0, 0.0, 0.0)), np.array((0.5, 0.25, 0.0)), 30.0))
    (light,) = show.now().lights
    assert light.number == 2 and light.direction == pytest.approx((1.0, 0.0, 0.0), abs=1e-6)
    assert light.color[1] == pytest.approx(0.5 * light.color[0]) and light.distance == pytest.approx(800.0)
    falls = 2.0 * 0.28209479 + 0.5 * 0.48860251
    assert light.color[0] == pytest.approx(0.5 * falls) and show.now().intensity == 0.5


def test_material_and_relit_video_are_set_in_their_panel(qtbot, window, session):
    panel = window.panel.look
    qtbot.keyClick(panel.skin.sliders["material/specular"].slider, Qt.Key.Key_End)
    qtbot.keyClick(panel.video.sliders["relight/strength"].slider, Qt.Key.Key_Home)
    panel.background.setCurrentIndex(panel.background.findData("replace"))
    panel.background.activated.emit(panel.background.currentIndex())
    panel.lock.click()
    values = session.show.values()
    assert values["material/specular"] == pytest.approx(4.0) and values["relight/strength"] == 0.0
    assert values["relight/background"] == "replace" and values["relight/lock"] is True


def test_a_plain_drag_in_the_view_leaves_the_light_alone(qtbot, window):
    qtbot.mousePress(window.view, Qt.MouseButton.LeftButton, pos=QPoint(200, 200))
    qtbot.mouseMove(window.view, QPoint(260, 200))
    assert window.session.show.values()["light/source"] == "estimated"


def test_keys_reach_the_session(qtbot, window, session):
    qtbot.keyClick(window.view, Qt.Key.Key_C)
    qtbot.keyClick(window.view, Qt.Key.Key_N)
    assert session.calls == ["recenter", "reset_person"]


def test_presets_and_parts_of_smoothing_reach_the_session(qtbot, window, session):
    panel = window.panel.smoothing
    assert session.smoothing == PRESETS["balanced"] and panel.presets["balanced"].isChecked()
    qtbot.mouseClick(panel.presets["still"], Qt.MouseButton.LeftButton)
    assert session.smoothing == PRESETS["still"]
    assert panel.presets["still"].isChecked() and not panel.presets["balanced"].isChecked()
    assert not panel.parts["mouth"].isVisible()
    qtbot.mouseClick(panel.expander, Qt.MouseButton.LeftButton)
    qtbot.keyClick(panel.parts["mouth"].slider, Qt.Key.Key_Home)
    assert session.smoothing == replace(PRESETS["still"], mouth=0.0)
    assert not any(button.isChecked() for button in panel.presets.values())
    assert "off" in {label.text() for label in panel.parts["mouth"].findChildren(QLabel)}
    for part in panel.parts.values():
        qtbot.keyClick(part.slider, Qt.Key.Key_Home)
    assert session.smoothing == PRESETS["raw"] and panel.presets["raw"].isChecked()


def test_light_that_the_command_asked_for_counts_and_is_not_remembered(qtbot, qapp, toy, tmp_path):
    settings = SettingsFile(tmp_path / "window.json")
    own = {"light/source": "show", "light/1/intensity": 0.5}
    settings.save(WindowSettings(light=own))
    asked = {"light/source": "estimated", "environment/name": "sunset"}
    session = FakeSession(toy, tmp_path)
    session.config = replace(session.config, lighting=asked)
    window = open_window(qtbot, session, settings)
    assert asked.items() <= session.show.values().items()
    window.close()
    assert settings.load().light == own
    session = FakeSession(toy, tmp_path)
    session.config = replace(session.config, lighting=asked)
    window = open_window(qtbot, session, settings)
    session.show.set({"environment/name": "candle"})
    window.close()
    assert settings.load().light == {**own, "environment/name": "candle"}


def test_smoothing_that_the_command_asked_for_counts_and_is_not_remembered(qtbot, qapp, toy, tmp_path):
    settings = SettingsFile(tmp_path / "window.json")
    settings.save(WindowSettings(smoothing=PRESETS["raw"]))
    asked = FakeSession(toy, tmp_path, smoothing=PRESETS["still"])
    window = open_window(qtbot, asked, settings)
    assert asked.smoothing == PRESETS["still"] and window.panel.smoothing.presets["still"].isChecked()
    window.close()
    assert settings.load().smoothing == PRESETS["raw"]


def test_space_freezes_the_picture_while_tracking_goes_on(qtbot, window, session):
    show_frame(qtbot, window, session)
    frozen = window.view.result
    qtbot.keyClick(window.view, Qt.Key.Key_Space)
    session.deliver(toy_result(session.model, index=1))
    qtbot.wait(50)
    assert window.view.result is frozen
    qtbot.keyClick(window.view, Qt.Key.Key_Space)
    show_frame(qtbot, window, session, index=2)


def test_a_recentred_head_is_shown_where_it_is_shown_alone(qtbot, window, session):
    plain = toy_result(session.model)
    turned = replace(toy_face(session.model), centred=toy_face(session.model, yaw=-0.4).smoothed)
    centred = toy_result(session.model, faces=(turned,))
    for mode, changes in ((ViewMode.GEOMETRY, True), (ViewMode.OVERLAY, False)):
        window.options.update(mode=mode)
        window.view.show_result(plain)
        before = pixels(window)
        window.view.show_result(centred)
        assert (difference(pixels(window), before) > 0.2) is changes


def test_full_screen_shows_the_picture_alone(qtbot, window):
    qtbot.keyClick(window.view, Qt.Key.Key_F11)
    qtbot.waitUntil(window.isFullScreen)
    assert not window.panel.isVisible()
    assert not window.status_line.isVisible()
    qtbot.waitUntil(lambda: window.menuBar().height() == 0)
    qtbot.keyClick(window.view, Qt.Key.Key_M)
    assert not window.options.value.mirror
    qtbot.keyClick(window.view, Qt.Key.Key_Escape)
    qtbot.waitUntil(lambda: not window.isFullScreen())
    assert window.panel.isVisible()
    qtbot.waitUntil(lambda: window.menuBar().height() > 0)


def test_cameras_are_offered_by_name(qtbot, window, session):
    window.sources.start(None)
    box = window.panel.source.choice
    qtbot.waitUntil(lambda: box.findText("FaceTime HD") >= 0)
    box.setCurrentIndex(box.findText("FaceTime HD"))
    box.activated.emit(box.currentIndex())
    qtbot.waitUntil(lambda: session.opened[-1] == "camera:2")


def test_a_source_that_fails_is_said_in_words_and_can_be_tried_again(qtbot, window, session):
    session.refused["clip.mp4"] = "video clip.mp4: no such file"
    window.sources.open("clip.mp4")
    qtbot.waitUntil(window.area.banner.isVisible)
    assert window.area.banner.text.text() == "video clip.mp4: no such file"
    session.refused.clear()
    qtbot.mouseClick(window.area.banner.again, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: session.opened == ["clip.mp4", "clip.mp4"])
    qtbot.waitUntil(lambda: not window.area.banner.isVisible())


def test_a_source_is_open_even_if_another_one_that_fails_was_asked_for_meanwhile(qtbot, window, session):
    session.refused["gone.mp4"] = "video gone.mp4: no such file"
    window.sources.open("camera:0")
    window.sources.open("gone.mp4")
    settle(qtbot, window)
    assert session.opened == ["camera:0", "gone.mp4"]
    assert window.panel.source.current == "camera:0"


def test_a_source_that_ended_on_an_error_offers_retry(qtbot, window, session):
    window.sources.open("camera:0")
    settle(qtbot, window)
    assert session.opened == ["camera:0"] and not window.status_line.message.full_text()
    session.state = replace(session.state, error="Logitech C920: unplugged; plug it in and retry", ended=True)
    qtbot.waitUntil(window.area.banner.again.isVisible)
    assert "unplugged" in window.area.banner.text.text()
    assert "Stopped" in window.status_line.state.text()
    qtbot.mouseClick(window.area.banner.again, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: session.opened == ["camera:0", "camera:0"])
    qtbot.waitUntil(lambda: not window.area.banner.isVisible())


def test_a_remembered_source_that_is_gone_gives_way_to_the_default(qtbot, session, tmp_path):
    settings = SettingsFile(tmp_path / "window.json")
    settings.path.write_text('{"source": "/gone.mp4"}')
    session.refused["/gone.mp4"] = "video /gone.mp4: no such file"
    window = open_window(qtbot, session, settings)
    window.sources.start(None)
    qtbot.waitUntil(lambda: session.opened == ["/gone.mp4", None])
    window.close()


def test_the_status_line_names_the_state(window):
    for state, words in (
        (TrackingState.SEARCHING, "Searching"),
        (TrackingState.TRACKING, "Tracking"),
        (TrackingState.HELD, "held"),
        (TrackingState.NEUTRAL, "neutral"),
    ):
        status = LoopStatus(29.6, 41.2, state, faces=1, source_name="Logitech C920")
        window.status_line.show_status(status, message="several faces")
        assert words in window.status_line.state.text()
    assert window.status_line.speed.text() == "30 fps"
    assert window.status_line.latency.text() == "41 ms"
    assert window.status_line.message.full_text() == "several faces"


def test_the_latency_to_the_screen_is_of_the_frame_that_is_drawn(qtbot, window, session):
    window.refresh()
    assert window.status_line.to_screen.text() == ""
    drawn = []
    window.view.shown.connect(drawn.append)
    window.screen_latency.seconds = 600.0  # that the test may take
    show_frame(qtbot, window, session, captured=perf_counter() - 60.0)  # long ago, and out of the median soon
    qtbot.waitUntil(lambda: len(drawn) == 1)
    window.screen_latency.clear()
    begun = perf_counter()
    for index in range(10):  # none but the last is drawn
        session.deliver(toy_result(session.model, index, 64, 48, captured=begun - (0.5 if index == 9 else 30.0)))
    qtbot.waitUntil(lambda: len(drawn) == 2)
    assert drawn[1] is window.view.result and drawn[1].frame.index == 9
    window.refresh()
    milliseconds = screen_latency(window)
    assert 500.0 <= milliseconds <= 501.0 + 1000.0 * (perf_counter() - begun)
    window.options.update(mode=ViewMode.WIREFRAME)  # painted again: the picture is not a newer one
    qtbot.wait(200)
    assert len(drawn) == 2 and window.screen_latency.median() == pytest.approx(milliseconds, abs=0.51)
    window.screen_latency.seconds = 0.1
    qtbot.waitUntil(lambda: window.status_line.to_screen.text() == "")


def screen_latency(window: MainWindow) -> float:
    """What the status line says, ms."""
    number, unit = window.status_line.to_screen.text().split(" ", 1)
    assert unit == "ms to screen"
    return float(number)


def test_pictures_without_a_moment_of_capture_have_no_latency(qtbot, window, session):
    drawn = []
    window.view.shown.connect(drawn.append)
    show_frame(qtbot, window, session)
    qtbot.waitUntil(lambda: len(drawn) == 1)
    window.refresh()
    assert window.status_line.to_screen.text() == ""


def test_a_dropped_file_is_opened(qtbot, window, session, tmp_path):
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(tmp_path / "clip.mp4"))])
    how = (Qt.DropAction.CopyAction, data, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier)
    enter = QDragEnterEvent(QPoint(100, 100), *how)
    window.dragEnterEvent(enter)
    assert enter.isAccepted()
    window.dropEvent(QDropEvent(QPointF(100, 100), *how))
    qtbot.waitUntil(lambda: session.opened == [str(tmp_path / "clip.mp4")])


def test_the_picture_is_repainted_only_for_something_new(qtbot, window, session, monkeypatch):
    painted = []
    composer = window.view._painter.sides[0].composer
    draw = composer.draw
    monkeypatch.setattr(composer, "draw", lambda *a, **k: (painted.append(1), draw(*a, **k)))
    show_frame(qtbot, window, session)

    def rests():
        """Half a second without painting, once the window itself is laid out and shown."""
        painted.clear()
        qtbot.wait(500)
        return not painted

    qtbot.waitUntil(rests)
    show_frame(qtbot, window, session, index=1)
    qtbot.waitUntil(lambda: len(painted) == 1)


def test_frames_that_nobody_had_time_for_are_dropped(qtbot, window, session):
    def loop():
        for i in range(50):
            session.deliver(toy_result(session.model, index=i, width=64, height=48))

    thread = threading.Thread(target=loop)
    thread.start()
    thread.join()
    qtbot.waitUntil(lambda: window.view.result is not None and window.view.result.frame.index == 49)


def test_what_is_set_is_remembered(qtbot, session, tmp_path):
    settings = SettingsFile(tmp_path / "window.json")
    first = open_window(qtbot, session, settings)
    first.options.update(mode=ViewMode.ALBEDO, mirror=False)
    session.show.set({"light/source": "show", "environment/name": "sunset", "light/1/intensity": 1.7})
    first.smoothing.update(mouth=0.25)
    first.sources.open("synthetic")
    settle(qtbot, first)
    first.setGeometry(60, 50, 1000, 660)
    size, light = first.size(), session.show.values()
    first.close()

    again = FakeSession(session.model, tmp_path)
    second = open_window(qtbot, again, SettingsFile(tmp_path / "window.json"))
    second.sources.start(None)
    qtbot.waitUntil(lambda: again.opened == ["synthetic"])
    assert second.options.value.mode is ViewMode.ALBEDO
    assert not second.options.value.mirror
    assert second.session.show.values() == light
    assert again.smoothing == replace(PRESETS["balanced"], mouth=0.25)
    assert second.panel.smoothing.parts["mouth"].value() == pytest.approx(0.25, abs=0.01)
    assert SettingsFile(tmp_path / "window.json").load().geometry[2:] == (size.width(), size.height())
    second.close()


def test_a_settings_folder_that_cannot_be_written_does_not_keep_the_window_open(qtbot, session, tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("")
    window = open_window(qtbot, session, SettingsFile(blocked / "window.json"))
    assert window.close()


def test_everything_that_can_be_used_has_a_name_for_screen_readers(window):
    for kind in (QSlider, QAbstractButton, QComboBox):
        for widget in window.panel.findChildren(kind):
            assert widget.accessibleName() or widget.text(), widget
            assert widget.toolTip() or widget is window.panel.record.folder, widget.accessibleName()


CLOSE_WHILE_RECORDING = """
import os, signal, sys, threading, time
from pathlib import Path
from PyQt6.QtCore import QTimer
from realtime.ui import app
from realtime.ui.settings import SettingsFile
from tests.realtime.fake_session import FakeSession
from tests.toy_model import toy_model

folder, case = Path(sys.argv[1]), sys.argv[2]

class Session(FakeSession):
    def cameras(self):
        if case.startswith("looks"):
            time.sleep(1.0 if case == "looks slowly" else 100.0)
            print("cameras were found", flush=True)
        return super().cameras()

    def stop(self):
        print("finalised" if self.current else "nothing to finalise", flush=True)
        if case == "hangs":
            threading.Event().wait()
        if case == "signals":
            for _ in range(4):
                os.kill(os.getpid(), signal.SIGINT)
                time.sleep(0.05)
            os.kill(os.getpid(), signal.SIGHUP)
            print("after the signals", flush=True)
        return super().stop()

def close():
    window = next(w for w in application.topLevelWidgets() if w.windowTitle() == "Limelight")
    session.start_recording()
    if case in ("SIGINT", "SIGTERM", "SIGHUP"):
        for _ in range(5):
            os.kill(os.getpid(), getattr(signal, case))
    elif case == "interrupted while painting":
        window.view.paintGL = interrupt
        window.view.update()
    elif case == "fails":
        QTimer.singleShot(0, window.close)
        raise ValueError("a bug in the window")
    else:
        window.close()

def interrupt():
    os.kill(os.getpid(), signal.SIGINT)
    window = next(w for w in application.topLevelWidgets() if w.windowTitle() == "Limelight")
    print("painted to the end" if window.isVisible() else "closed while painting", file=sys.stderr, flush=True)

app._STOP_SECONDS = 0.5 if case in ("hangs", "looks for ever") else 60.0
application = app.make_application()
session = Session(toy_model(), folder)
QTimer.singleShot(500, close)
sys.exit(app.run_window(session, SettingsFile(folder / "window.json"), "synthetic"))
"""


def run_python(code: str, *arguments: str, **environment: str | None) -> subprocess.CompletedProcess[str]:
    variables = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=ROOT,
        env={name: value for name, value in variables.items() if value is not None},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


CASES = ["ends", "hangs", "looks slowly", "looks for ever", "SIGINT", "SIGTERM", "SIGHUP", "signals", "fails"]


@pytest.mark.parametrize("case", CASES)
def test_closing_the_window_ends_the_process_and_the_take(qapp, tmp_path, case):
    done = run_python(CLOSE_WHILE_RECORDING, str(tmp_path), case)
    assert done.stdout.splitlines()[:1] == ["finalised"], done.stderr
    hangs = case in ("hangs", "looks for ever")
    assert (done.returncode == 0) is not hangs, done.stderr
    assert ("did not let go" in done.stderr) is hangs
    assert ("cameras were found" in done.stdout) is (case == "looks slowly")
    assert ("after the signals" in done.stdout) is (case == "signals")
    assert (tmp_path / "window.json").is_file()


def test_an_interrupt_waits_for_the_end_of_painting(qapp, tmp_path):
    done = run_python(CLOSE_WHILE_RECORDING, str(tmp_path), "interrupted while painting")
    assert "painted to the end" in done.stderr and "closed while painting" not in done.stderr
    assert done.returncode == 0 and done.stdout.splitlines()[:1] == ["finalised"], done.stderr


def test_without_a_display_there_is_one_clear_line():
    code = "from realtime.ui.app import make_application; make_application()"
    done = run_python(code, DISPLAY=None, WAYLAND_DISPLAY=None, QT_QPA_PLATFORM=None)
    assert done.returncode != 0
    assert "LimelightError: no display" in done.stderr
    done = run_python(code, DISPLAY=":999", WAYLAND_DISPLAY=None, QT_QPA_PLATFORM="xcb")
    assert "display :999 does not answer" in done.stderr or "system library" in done.stderr


def test_a_swatch_colours_the_key_light(qtbot, window):
    amber = next(b for b in window.findChildren(QAbstractButton) if b.accessibleName() == "Amber light")
    qtbot.mouseClick(amber, Qt.MouseButton.LeftButton)
    red, green, blue = window.session.show.values()["light/1/color"]
    assert window.session.show.now().lights
    assert red == 1.0 > green > blue


def test_arrow_keys_move_the_key_light(qtbot, window):
    before = place(window)
    qtbot.keyClick(window.panel.light.pad, Qt.Key.Key_Up)
    assert place(window)[1] > before[1]


def test_without_a_camera_it_is_said_who_acts(qtbot, window, session, monkeypatch):
    monkeypatch.setattr(session, "cameras", list)
    window.sources.start(None)
    qtbot.waitUntil(lambda: "synthetic performer" in window.status_line.message.full_text())
    assert session.opened == [None]


def test_a_camera_is_remembered_by_its_name_since_numbers_change(qtbot, session, tmp_path):
    settings = SettingsFile(tmp_path / "window.json")
    first = open_window(qtbot, session, settings)
    first.sources.start(None)
    qtbot.waitUntil(lambda: first.panel.source.choice.findText("FaceTime HD") >= 0)
    first.sources.open("camera:2")
    settle(qtbot, first)
    assert session.opened[-1] == "camera:2"
    first.close()
    assert settings.load().source == "camera:FaceTime HD"

    second = open_window(qtbot, session, settings)
    second.sources.start(None)
    qtbot.waitUntil(lambda: session.opened[-1] == "camera:FaceTime HD")
    qtbot.waitUntil(lambda: second.panel.source.choice.currentText() == "FaceTime HD")
    second.close()
    assert settings.load().source == "camera:FaceTime HD"


def test_a_source_given_for_one_time_is_not_remembered(qtbot, window, session, tmp_path):
    window.sources.start("clip.mp4")
    settle(qtbot, window)
    assert session.opened == ["clip.mp4"]
    assert window.panel.source.choice.currentText() == "clip.mp4"
    window.close()
    assert SettingsFile(tmp_path / "window.json").load().source == ""

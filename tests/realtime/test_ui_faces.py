"""Several faces in the window: what is drawn, which number stands at which, and how one is chosen."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("pytestqt")
from PyQt6.QtCore import QPoint, Qt

from realtime.frame import TrackingState
from realtime.render import ViewMode
from realtime.ui.actions import CHOICES
from realtime.ui.picture_fit import PictureFit
from tests.realtime.fake_session import toy_face, toy_result
from tests.realtime.window_parts import difference, pixels
from tests.toy_model import toy_model

LEFT, RIGHT = (170.0, 260.0), (470.0, 220.0)


@pytest.fixture
def two(toy):
    """The performer at the right of the frame, and somebody at its left."""
    return toy_face(toy, 7, RIGHT, 0.8), toy_face(toy, 3, LEFT, 0.6)


def shown(window, model, faces, **kwargs) -> np.ndarray:
    """The view's pixels with these faces over the same picture."""
    window.view.show_result(toy_result(model, faces=tuple(faces), **kwargs))
    window.area.show_marks()
    return pixels(window)


def halves(window, a: np.ndarray, b: np.ndarray) -> tuple[bool, bool]:
    """Whether two pictures differ in the left half of the view, and in the right one."""
    middle = a.shape[1] // 2
    return difference(a[:, :middle], b[:, :middle]) > 0.2, difference(a[:, middle:], b[:, middle:]) > 0.2


@pytest.mark.parametrize("mode", [ViewMode.OVERLAY, ViewMode.WIREFRAME])
def test_over_the_picture_all_faces_are_drawn(window, toy, two, mode):
    window.options.update(mode=mode, mirror=False)
    performer, other = two
    nobody = shown(window, toy, ())
    assert halves(window, shown(window, toy, two), nobody) == (True, True)
    assert halves(window, shown(window, toy, (performer,)), nobody) == (False, True)
    held = replace(other, state=TrackingState.HELD)
    assert halves(window, shown(window, toy, (performer, held)), nobody) == (True, True)
    gone = replace(other, state=TrackingState.NEUTRAL)
    assert halves(window, shown(window, toy, (performer, gone)), nobody) == (False, True)


@pytest.mark.parametrize("mode", [ViewMode.GEOMETRY, ViewMode.ALBEDO, ViewMode.SIDE_BY_SIDE])
def test_a_head_shown_alone_is_the_performers(window, toy, two, mode):
    window.options.update(mode=mode)
    both, alone, others = shown(window, toy, two), shown(window, toy, two[:1]), shown(window, toy, two[::-1])
    assert difference(both, alone) == 0
    assert difference(both, others) > 0.2
    gone = replace(two[0], state=TrackingState.NEUTRAL)
    assert difference(shown(window, toy, (gone, two[1])), alone) == 0  # it eases to neutral where everybody sees it


def test_every_face_is_lit_by_the_rig(window, toy, two):
    window.options.update(mirror=False)
    followed = shown(window, toy, two)
    window.session.show.set({"light/source": "show", "environment/name": "sunset"})
    assert halves(window, pixels(window), followed) == (True, True)


def test_a_face_that_is_nearer_covers_one_that_is_farther(window, toy):
    window.options.update(mirror=False, whole_head=True, mode=ViewMode.OVERLAY)
    near, far = toy_face(toy, 1, (320, 240), 1.2), toy_face(toy, 2, (320, 240), 0.4)
    alone = shown(window, toy, (near,))
    assert difference(shown(window, toy, (near, far)), alone) == 0
    assert difference(shown(window, toy, (far, near)), alone) == 0


@pytest.mark.parametrize("mirror", [False, True])
def test_marks_count_from_the_left_of_the_frame(window, toy, two, mirror):
    window.options.update(mirror=mirror)
    shown(window, toy, two)
    assert window.area.marks.isVisible()
    first, second = window.area.marks.marks
    assert (first.number, second.number) == (1, 2)
    assert (first.performer, second.performer) == (False, True)
    assert (first.x < second.x) is not mirror
    for mark, place in ((first, LEFT), (second, RIGHT)):
        x, y = window.view.fit.to_view(*place)
        assert mark.x == pytest.approx(x, abs=1) and mark.y < y


def test_marks_stand_only_where_there_is_something_to_choose(qtbot, window, toy, two):
    shown(window, toy, two)
    assert len(window.area.marks.marks) == 2
    window.options.update(mode=ViewMode.GEOMETRY)
    assert not window.area.marks.isVisible()
    window.options.update(mode=ViewMode.SIDE_BY_SIDE)
    assert all(mark.x < window.view.width() / 2 for mark in window.area.marks.marks)
    shown(window, toy, two[:1])
    assert not window.area.marks.isVisible()
    lost = replace(two[1], state=TrackingState.NEUTRAL)
    shown(window, toy, (two[0], lost))
    assert [mark.number for mark in window.area.marks.marks] == [2]  # as the key that chooses it
    qtbot.keyClick(window.view, Qt.Key.Key_F11)
    qtbot.waitUntil(window.isFullScreen)
    assert not window.area.marks.isVisible()
    qtbot.keyClick(window.view, Qt.Key.Key_Escape)
    qtbot.waitUntil(lambda: not window.isFullScreen() and window.area.marks.isVisible())


def test_a_mark_is_seen_where_it_says_it_is(qtbot, window, toy, two):
    shown(window, toy, two)
    qtbot.wait(50)
    picture = window.area.grab().toImage()
    other, performer = window.area.marks.marks
    beside = QPoint(6, 0)
    assert picture.pixelColor(QPoint(round(performer.x), round(performer.y)) + beside).red() > 200  # the accent colour
    assert picture.pixelColor(QPoint(round(other.x), round(other.y)) + beside).red() < 80


def test_marks_do_not_leave_the_picture(window, toy):
    faces = [toy_face(toy, 1, (5.0, 3.0)), toy_face(toy, 2, (639.0, 479.0))]
    shown(window, toy, faces)
    left, top, width, height = window.view.fit.rectangle
    for mark in window.area.marks.marks:
        assert left < mark.x < left + width and top < mark.y < top + height


@pytest.mark.parametrize("mirror", [False, True])
@pytest.mark.parametrize("mode", [ViewMode.OVERLAY, ViewMode.SIDE_BY_SIDE])
def test_a_click_on_a_face_chooses_it(qtbot, window, session, toy, two, mirror, mode):
    window.options.update(mirror=mirror, mode=mode)
    shown(window, toy, two)
    x, y = window.view.fit.to_view(*LEFT)
    qtbot.mouseClick(window.view, Qt.MouseButton.LeftButton, pos=QPoint(round(x), round(y)))
    ((what, frame_x, frame_y),) = session.calls
    assert what == "choose_at"
    assert (frame_x, frame_y) == pytest.approx(LEFT, abs=2)


def test_only_a_click_into_the_picture_chooses(qtbot, window, session, toy, two):
    shown(window, toy, two)
    left = Qt.MouseButton.LeftButton
    qtbot.mousePress(window.view, left, pos=QPoint(200, 200))
    qtbot.mouseMove(window.view, QPoint(260, 200))
    qtbot.mouseMove(window.view, QPoint(200, 200))
    qtbot.mouseRelease(window.view, left, pos=QPoint(200, 200))
    qtbot.mouseClick(window.view, left, Qt.KeyboardModifier.ControlModifier, QPoint(200, 200))
    qtbot.mouseClick(window.view, Qt.MouseButton.RightButton, pos=QPoint(200, 200))
    qtbot.mouseClick(window.view, left, pos=QPoint(200, 1))  # above a picture that is letter-boxed
    window.options.update(mode=ViewMode.GEOMETRY)
    qtbot.mouseClick(window.view, left, pos=QPoint(200, 200))
    assert session.calls == []
    window.options.update(mode=ViewMode.OVERLAY)
    qtbot.mouseClick(window.view, left, pos=QPoint(200, 200))
    assert len(session.calls) == 1
    window.view.show_result(None)
    qtbot.mouseClick(window.view, left, pos=QPoint(200, 200))
    assert len(session.calls) == 1


def test_keys_and_menu_choose_by_number(qtbot, window, session):
    for number in CHOICES:
        qtbot.keyClick(window.view, Qt.Key(Qt.Key.Key_0 + number), Qt.KeyboardModifier.ControlModifier)
    assert session.calls == [("choose", number) for number in range(1, 9)]
    (tracking,) = (menu.menu() for menu in window.menuBar().actions() if menu.text() == "Tracking")
    next(action for action in tracking.actions() if action.text() == "Face 2 is the performer").trigger()
    assert session.calls[-1] == ("choose", 2)


def test_another_resolution_in_the_middle_is_carried_through(qtbot, window, session, toy):
    window.options.update(mirror=False)
    for width, height in ((640, 480), (1280, 720), (320, 240)):
        result = toy_result(toy, width=width, height=height)
        session.deliver(result)
        qtbot.waitUntil(lambda result=result: window.view.result is result)
        assert window.view.fit.frame_size == (width, height)
        left, top, wide, high = window.view.fit.rectangle
        assert wide / high == pytest.approx(width / height, rel=0.01)
        x, y = left + round(0.1 * wide), top + round(0.1 * high)
        colour = result.frame.image[round(0.1 * height), round(0.1 * width), ::-1]  # BGR
        np.testing.assert_allclose(pixels(window)[y, x], colour, atol=3)
        face = round(left + 0.6 * wide), round(top + 0.5 * high)
        bare = pixels_without_face(window, toy, width, height)
        assert np.abs(pixels(window)[face[1], face[0]] - bare[face[1], face[0]]).sum() > 20
        window.view.show_result(result)
        qtbot.mouseClick(window.view, Qt.MouseButton.LeftButton, pos=QPoint(*face))
        assert session.calls[-1][1:] == pytest.approx((0.6 * width, 0.5 * height), abs=0.01 * width)


def pixels_without_face(window, toy, width: int, height: int) -> np.ndarray:
    kept = window.view.result
    window.view.show_result(toy_result(toy, width=width, height=height, faces=()))
    bare = pixels(window)
    window.view.show_result(kept)
    return bare


def test_a_feed_with_another_face_model_is_drawn_with_it(qtbot, window, session, toy):
    other = toy_model(n_identity=5, n_albedo=3)
    assert other.layout.size != toy.layout.size
    window.options.update(mode=ViewMode.GEOMETRY)
    session.deliver(toy_result(toy))
    qtbot.waitUntil(lambda: window.view.result is not None)
    before = pixels(window)
    session.present = other
    result = toy_result(other, yaw=-0.5)
    session.deliver(result)
    qtbot.waitUntil(lambda: window.view.result is result)
    assert window.view.model is other
    assert difference(pixels(window), before) > 0.2
    session.present = toy
    session.deliver(again := toy_result(toy))
    qtbot.waitUntil(lambda: window.view.result is again)
    assert difference(pixels(window), before) == 0


@pytest.mark.parametrize("mode", [ViewMode.CAMERA, ViewMode.SIDE_BY_SIDE])
@pytest.mark.parametrize("mirror", [False, True])
@pytest.mark.parametrize("view_size", [(900, 300), (300, 900)])
def test_places_in_view_and_frame_are_each_others_inverse(mode, mirror, view_size):
    fit = PictureFit((640, 480), view_size, mode, mirror)
    for place in ((0.0, 0.0), (640.0, 480.0), (100.0, 400.0)):
        assert fit.to_frame(*fit.to_view(*place)) == pytest.approx(place)
    assert fit.to_frame(-1.0, -1.0) is None
    assert fit.to_frame(view_size[0] + 1.0, 10.0) is None

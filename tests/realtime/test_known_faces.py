"""Which of several faces is the known person, and whose neutral outlives an absence."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from realtime.loop.live_feed import LiveConfig, LiveFeed
from realtime.persons.calibration import Calibration
from realtime.persons.profile import Profile
from tests.realtime.loop_parts import ListSource
from tests.realtime.scene import BLANK, LAYOUT, MODEL, Head, Scene, head_at
from tests.realtime.test_tracker import Player, tracker_of

NAMES = MODEL.expression_names


def profile(name: str = "Anna", identity: float = 0.0, gain: float = 1.0) -> Profile:
    calibration = Calibration.none(NAMES).with_setting("all", "gain", gain)
    return Profile(
        name,
        calibration,
        np.full(LAYOUT.n_identity, identity, np.float32),
        np.zeros(LAYOUT.n_albedo, np.float32),
    )


class Pictures(ListSource):
    """Frames of the size of the scene."""

    def read(self):
        frame = super().read()
        return None if frame is None else replace(frame, image=BLANK)


def pair() -> Scene:
    """Anna to the left, who is larger, and Bo."""
    return Scene(Head(head_at(160, scale=0.6, identity=0.0)), Head(head_at(480, scale=0.4, identity=1.0)))


def names(faces) -> dict[int, str]:
    """{place, px: name} of the faces, the performer first."""
    return {round(float(LAYOUT.view(face.smoothed).translation[0])): face.person.name for face in faces}


@pytest.fixture
def beside():
    """A scene of Anna and Bo, both followed, Anna known and the performer, its tracker and its player."""
    scene = pair()
    tracker = tracker_of(scene, faces=2, thorough=True)
    tracker.use_profile(profile())
    play = Player(tracker)
    assert names(play(10)) == {160: "Anna", 480: ""}
    return scene, tracker, play


def test_who_comes_back_after_a_long_absence_is_known_again_and_who_stayed_never_was(beside):
    scene, _, play = beside
    scene.heads[0].visible = False
    assert names(play(90)) == {480: ""}
    scene.heads[0].visible = True
    assert names(play(60)) == {480: "", 160: "Anna"}


def test_a_stranger_who_comes_in_the_meantime_is_nobody_known(beside):
    scene, _, play = beside
    scene.heads[0].visible = False
    play(90)
    scene.heads.append(Head(head_at(320, scale=0.4, identity=-1.0)))
    assert names(play(60)) == {480: "", 320: ""}


def test_alone_whoever_comes_is_the_known_person():
    scene = Scene(Head(head_at(160, identity=1.0)), Head(head_at(480, identity=-1.0), visible=False))
    tracker = tracker_of(scene)
    tracker.use_profile(profile())
    play = Player(tracker)
    assert names(play(5)) == {160: "Anna"}
    scene.heads[0].visible, scene.heads[1].visible = False, True
    assert names(play(90)) == {480: "Anna"}


def test_another_performer_is_not_the_known_person(beside):
    _, tracker, play = beside
    tracker.choose(2)
    assert names(play(5)) == {480: "", 160: "Anna"}
    tracker.use_profile(profile(gain=0.5), performer=False)
    faces = play()
    assert names(faces) == {480: "", 160: "Anna"}
    assert faces[1].person.calibration.gain[0] == 0.5


def test_only_one_is_the_known_person_whoever_is_said_to_be(beside):
    _, tracker, play = beside
    tracker.choose(2)
    play(5)
    tracker.use_profile(profile())
    assert names(play(5)) == {480: "Anna", 160: ""}
    tracker.choose(1)
    tracker.use_profile(None)
    assert names(play(5)) == {160: "", 480: ""}


def test_forgetting_the_performer_leaves_nobody_known(beside):
    _, tracker, play = beside
    tracker.choose(2)
    tracker.reset_person()
    faces = play(5)
    assert names(faces) == {480: "", 160: ""}
    assert {face.person.key for face in faces}.isdisjoint({1, 2})


def test_a_click_on_somebody_else_where_one_is_followed_gives_no_identity_away():
    scene = pair()
    tracker = tracker_of(scene)
    tracker.use_profile(profile())
    play = Player(tracker)
    assert names(play(5)) == {160: "Anna"}
    tracker.choose_at(480.0, 240.0)
    assert names(play(10)) == {480: ""}
    scene.heads.append(Head(head_at(320, scale=0.4, identity=-1.0)))
    tracker.choose_at(320.0, 240.0)
    assert names(play(10)) == {320: ""}
    tracker.choose_at(160.0, 240.0)
    assert names(play(10)) == {160: "Anna"}


def test_who_comes_after_somebody_else_who_was_alone_is_the_known_person():
    scene = pair()
    tracker = tracker_of(scene)
    tracker.use_profile(profile())
    play = Player(tracker)
    play(5)
    tracker.choose_at(480.0, 240.0)
    play(10)
    scene.heads[0].visible = scene.heads[1].visible = False
    play(90)
    scene.heads[0].visible = True
    assert names(play(10)) == {160: "Anna"}


@pytest.mark.parametrize("faces", [1, 2])
def test_the_performer_that_a_session_begins_with_is_the_known_person(faces):
    tracker = tracker_of(pair(), faces=faces, thorough=True)
    feed = LiveFeed(Pictures(40), tracker, "scene", LiveConfig(paced=False))
    feed.choose_first(2)
    feed.use_profile(profile())
    result = None
    while (read := feed.read()) is not None:
        result = read
    feed.close()
    assert names(result.faces) == ({480: "Anna"} if faces == 1 else {480: "Anna", 160: ""})


def resting(identity: float) -> Head:
    head = Head(head_at(identity=identity))
    LAYOUT.view(head.truth).expression[:] = 0.1
    return head


def expression(faces) -> float:
    return float(np.mean(LAYOUT.view(faces[0].smoothed).expression))


@pytest.mark.parametrize(("identity", "rests"), [(0.0, True), (1.0, False)])
def test_the_neutral_outlives_a_long_absence_of_the_same_person(identity, rests):
    scene = Scene(resting(0.0))
    play = Player(tracker_of(scene))
    assert expression(play(150)) < 0.02
    scene.heads[0].visible = False
    play(75)
    scene.heads[:] = [resting(identity)]
    faces = play(5)
    assert faces[0].id == 2
    assert expression(faces) == pytest.approx(0.01 if rests else 0.1, abs=0.01)

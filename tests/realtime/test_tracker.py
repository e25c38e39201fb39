"""The tracker: states, ids, and that the finder and the engine run only when they have to."""

from __future__ import annotations

import numpy as np
import pytest

from facemodel.rotation import angle_between
from realtime.frame import Frame, TrackingState
from realtime.tracking.smoothing import SmoothingSettings
from realtime.tracking.tracker import Tracker, TrackerConfig
from tests.realtime.scene import BLANK, LAYOUT, MODEL, Head, Scene, head_at

TRACKING, HELD, NEUTRAL = TrackingState.TRACKING, TrackingState.HELD, TrackingState.NEUTRAL


def tracker_of(scene, thorough=False, **config):
    tracker = Tracker(MODEL, scene, scene, TrackerConfig(**config))
    tracker.reset(thorough)
    tracker.set_smoothing(SmoothingSettings.uniform(0.0))
    tracker._warp = scene.warp
    return tracker


class Player:
    """Runs a tracker at 30 frames a second."""

    def __init__(self, tracker, image=BLANK):
        self.tracker, self.image = tracker, image
        self.index = -1

    @property
    def time(self):
        return self.index / 30

    def __call__(self, frames=1):
        for _ in range(frames):
            self.index += 1
            faces = self.tracker.track(Frame(self.index, self.time, self.image), self.time, {})
        return faces


def ids(faces):
    return [face.id for face in faces]


def x_of(face):
    return float(LAYOUT.view(face.smoothed).translation[0])


def test_follows_a_moving_head_without_searching_again():
    scene = Scene()
    play = Player(tracker_of(scene))
    for i in range(60):
        scene.heads[0].truth = head_at(
            x=200 + 4 * i, y=240 + 40 * np.sin(i / 9), scale=1.0 + i / 90, yaw=np.sin(i / 15)
        )
        (face,) = play()
        assert (face.id, face.state) == (1, TRACKING)
        truth, raw = LAYOUT.view(scene.heads[0].truth), LAYOUT.view(face.raw)
        np.testing.assert_allclose(raw.translation, truth.translation, atol=0.01)
        assert angle_between(raw.rotation, truth.rotation) < 1e-3
    assert (scene.finds, scene.looks) == (0, 2)  # found, and the round to its end


def test_a_face_is_frozen_and_its_arrays_are_read_only():
    (face,) = Player(tracker_of(Scene()))()
    for array in (face.raw, face.smoothed, face.person.identity, face.person.albedo):
        with pytest.raises(ValueError, match="read-only"):
            array[:] = 0
    with pytest.raises(AttributeError):
        face.id = 3


def test_the_network_is_told_the_last_pose_and_asked_without_it_before_the_finder():
    scene = Scene()
    play = Player(tracker_of(scene))
    play()
    assert scene.runs == [(1, False), (1, True)]  # found, and once more with a better crop
    scene.runs.clear()
    see = scene.infer

    def forgetful(crops, poses=None):
        seen, confidence = see(crops, poses)
        return seen, confidence if poses is None else np.full_like(confidence, 0.1)

    scene.infer = forgetful
    (face,) = play()
    assert face.state is TRACKING
    assert scene.runs == [(1, True), (1, False)]
    assert scene.looks == 2  # the end of the first round


def test_all_followed_faces_are_one_run_and_all_found_ones_another():
    scene = Scene(Head(head_at(120, identity=1)), Head(head_at(320, identity=-1)), Head(head_at(520, identity=2)))
    play = Player(tracker_of(scene, faces=4, thorough=True))
    assert ids(play()) == [1, 2, 3]
    assert scene.runs == [(3, False), (3, True)]
    scene.runs.clear()
    play()
    assert scene.runs == [(3, True)]


def test_holds_then_eases_to_neutral_then_finds_the_same_one_again():
    scene = Scene()
    play = Player(tracker_of(scene, hold=0.4))
    play(3)
    scene.heads[0].visible = False
    assert [play()[0].state for _ in range(11)] == [HELD] * 11
    assert play(4)[0].state is NEUTRAL
    scene.heads[0].visible = True
    (face,) = play()
    assert (face.id, face.state) == (1, TRACKING)


def test_a_performer_who_went_stays_neutral_until_somebody_comes():
    scene = Scene(Head(head_at(identity=1)))
    play = Player(tracker_of(scene))
    who = play(3)[0].person
    scene.heads[0].visible = False
    (face,) = play(300)
    assert (face.id, face.state) == (1, NEUTRAL)
    scene.heads[0].visible = True
    (face,) = play()
    assert (face.id, face.state) == (2, TRACKING)  # after so long it may be anybody
    assert face.person.key != who.key


def test_who_comes_back_within_two_seconds_elsewhere_is_known_by_the_identity():
    scene = Scene(Head(head_at(150, identity=1.0)), Head(head_at(450, identity=-1.0)))
    play = Player(tracker_of(scene, faces=2))
    assert [(face.id, round(x_of(face))) for face in play(5)] == [(1, 150), (2, 450)]
    for head in scene.heads:
        head.visible = False
    play(45)
    scene.heads[0].truth, scene.heads[1].truth = head_at(450, identity=1.0), head_at(150, identity=-1.0)
    scene.heads[0].visible = True
    play(3)
    scene.heads[1].visible = True
    # Each is where the other one was, so place alone would swap them.
    assert {face.id: round(x_of(face)) for face in play(3)} == {1: 450, 2: 150}


def test_ids_are_not_swapped_when_faces_cross():
    front, back = Head(head_at(140, scale=1.1, identity=0.3)), Head(head_at(500, identity=-0.3))
    scene = Scene(front, back)
    play = Player(tracker_of(scene, faces=2))
    for i in range(120):
        front.truth = head_at(140 + 3 * i, scale=1.1, identity=0.3)
        back.truth = head_at(500 - 3 * i, identity=-0.3)
        faces = {face.id: x_of(face) for face in play()}
        assert abs(faces[1] - (140 + 3 * i)) < 1
        assert i == 0 or set(faces) == {1, 2}
    assert abs(faces[2] - (500 - 3 * i)) < 1


def test_one_that_was_taken_for_another_gets_its_own_id_back():
    """While two stand one behind the other there is one to follow, and it may be taken for the wrong one."""
    scene = Scene(Head(head_at(200, scale=1.1, identity=0.5)), Head(head_at(420, identity=-0.5)))
    play = Player(tracker_of(scene, faces=2))
    assert ids(play(30)) == [1, 2]
    scene.heads[1].visible = False
    scene.heads[0].truth = head_at(200, scale=1.1, identity=-0.5)  # what is followed as 1 is 2
    states = {face.id: face.state for face in play(25)}
    assert states[2] is TRACKING
    assert states[1] is not TRACKING
    scene.heads[1].truth = head_at(300, identity=0.5)
    scene.heads[1].visible = True
    assert {face.id: round(x_of(face)) for face in play(8)} == {1: 300, 2: 200}


def test_a_face_that_another_one_covers_is_not_seen_twice():
    front, back = Head(head_at(300, scale=1.1, identity=0.3)), Head(head_at(420, identity=-0.3))
    scene = Scene(front, back)
    play = Player(tracker_of(scene, faces=2))
    play(3)
    for x in range(420, 310, -6):
        back.truth = head_at(x, identity=-0.3)
        faces = play()
    assert {face.id: face.state for face in faces}[1] is TRACKING
    assert {face.id: face.state for face in faces}[2] is not TRACKING


def test_the_largest_is_the_performer_and_others_go_when_they_are_gone():
    scene = Scene(Head(head_at(150, scale=0.8, identity=1)), Head(head_at(450, scale=1.2, identity=-1)))
    play = Player(tracker_of(scene, faces=3))
    performer = play(3)[0]
    assert round(x_of(performer)) == 450
    scene.heads[0].visible = False
    assert len(play(20)) == 2
    assert ids(play(45)) == [performer.id]
    scene.heads[0].visible = True
    scene.heads[1].visible = False
    faces = play(70)
    assert [round(x_of(face)) for face in faces] == [150]
    assert ids(faces) == [3]


def test_one_face_alone_is_followed_by_default_and_more_are_told():
    scene = Scene(Head(head_at(150, scale=0.8)), Head(head_at(450, scale=1.2)))
    tracker = tracker_of(scene)
    (face,) = Player(tracker)(3)
    assert round(x_of(face)) == 450
    assert tracker.message == "2 faces in view: following the performer"


def test_a_stranger_does_not_take_a_lost_performers_place_at_once():
    scene = Scene(Head(head_at(150, scale=1.2, identity=1.0)), Head(head_at(450, scale=0.8, identity=-1.0)))
    play = Player(tracker_of(scene))
    assert ids(play(3)) == [1]
    scene.heads[0].visible = False
    assert [(face.id, face.state) for face in play(10)] == [(1, HELD)]
    scene.heads[0].visible = True
    assert [(face.id, face.state) for face in play(1)] == [(1, TRACKING)]
    scene.heads[0].visible = False
    assert ids(play(58)) == [1]
    assert [(face.id, round(x_of(face))) for face in play(5)] == [(2, 450)]


@pytest.mark.parametrize("faces", [1, 2])
def test_the_performer_can_be_chosen_by_number_and_by_place(faces):
    scene = Scene(Head(head_at(150, scale=0.8, identity=1)), Head(head_at(450, scale=1.2, identity=-1)))
    tracker = tracker_of(scene, faces=faces)
    play = Player(tracker)
    assert round(x_of(play(3)[0])) == 450
    tracker.choose(1)
    assert round(x_of(play(12)[0])) == 150
    tracker.choose(7)  # nobody
    assert round(x_of(play(12)[0])) == 150
    tracker.choose_at(460.0, 230.0)
    assert round(x_of(play(3)[0])) == 450
    tracker.choose_at(460.0, 230.0)  # who is it already
    result = play(2)
    assert round(x_of(result[0])) == 450
    assert len(result) == faces


def test_asking_for_somebody_who_is_not_there_ends_by_itself():
    scene = Scene()
    tracker = tracker_of(scene)
    play = Player(tracker)
    play(3)
    tracker.choose_at(10.0, 10.0)
    (face,) = play(12)
    looks = scene.looks
    play(30)
    assert scene.looks == looks
    assert (face.id, face.state) == (1, TRACKING)


def test_a_chosen_face_takes_the_place_of_another_where_all_are_taken():
    heads = [Head(head_at(100 + 200 * i, scale=1.2 - 0.2 * i, identity=i - 1)) for i in range(3)]
    tracker = tracker_of(Scene(*heads), faces=2)
    play = Player(tracker)
    assert [round(x_of(face)) for face in play(3)] == [100, 300]
    tracker.choose_at(500.0, 230.0)
    assert [round(x_of(face)) for face in play(4)] == [500, 100]


def test_more_people_are_looked_for_once_a_second():
    scene = Scene(Head(head_at(150, identity=1)), Head(head_at(450, identity=-1), visible=False))
    play = Player(tracker_of(scene, faces=2))
    play(3)
    looks = scene.looks
    play(90)
    assert 3 <= scene.looks - looks <= 7  # a round takes a look, and one more ends it
    scene.heads[1].visible = True
    play(31)
    assert len(play()) == 2


def test_nobody_is_looked_for_where_all_are_there():
    scene = Scene()
    play = Player(tracker_of(scene))
    play(100)
    assert scene.looks == 2


def test_what_the_network_doubts_or_the_finder_holds_for_turned_is_not_believed():
    for head in (Head(confidence=0.85), Head(upright=False)):
        assert Player(tracker_of(Scene(head)))(5) == ()


def test_a_followed_face_may_be_less_sure():
    scene = Scene()
    play = Player(tracker_of(scene))
    play()
    scene.heads[0].confidence = 0.6
    assert play()[0].state is TRACKING
    scene.heads[0].confidence = 0.4
    assert play()[0].state is HELD


def test_a_thorough_tracker_searches_the_whole_frame():
    scene = Scene(Head(visible=False))
    play = Player(tracker_of(scene, thorough=True))
    play(91)
    assert 3 <= scene.finds <= 4  # once a second; in between piece by piece
    assert scene.looks == 91 - scene.finds


def test_without_frames_faces_are_held_and_eased_but_not_forgotten():
    scene = Scene()
    tracker = tracker_of(scene)
    play = Player(tracker)
    play(3)
    runs, looks = len(scene.runs), scene.looks
    now = play.time
    states = [tracker.idle(now + i / 30)[0].state for i in range(1, 300)]
    assert states[0] is HELD
    assert states[-1] is NEUTRAL
    assert len(scene.runs) == runs
    play.index += 300
    (face,) = play()
    assert (face.id, face.state) == (1, TRACKING)  # ten seconds of a dead camera are no absence
    assert scene.looks == looks  # where it was


@pytest.mark.parametrize("ticks", [True, False])
def test_a_dead_camera_does_not_count_against_who_was_lost_before(ticks):
    scene = Scene()
    tracker = tracker_of(scene)
    play = Player(tracker)
    play(3)
    scene.heads[0].visible = False
    play(10)
    if ticks:
        for i in range(1, 300):
            tracker.idle(play.time + i / 30)
    play.index += 300
    play()  # away still, but for a third of a second of pictures only
    scene.heads[0].visible = True
    assert [(face.id, face.state) for face in play()] == [(1, TRACKING)]


def test_a_new_resolution_carries_the_faces_over():
    scene = Scene()
    tracker = tracker_of(scene)
    play = Player(tracker)
    play(3)
    scene.heads[0].truth = head_at(640, 480, 2.0)
    play.image = np.zeros((960, 1280, 3), np.uint8)
    looks = scene.looks
    (face,) = play()
    assert (face.id, face.state, round(x_of(face))) == (1, TRACKING, 640)
    assert scene.looks == looks
    scene.heads[0].truth = head_at(200, 100, 0.7)
    play.image = np.zeros((360, 640, 3), np.uint8)  # another part of the room: found anew
    (face,) = play(2)
    assert (face.state, round(x_of(face))) == (TRACKING, 200)


def test_recentring_makes_the_performers_next_pose_straight_ahead():
    scene = Scene(Head(head_at(200, yaw=0.3)))
    tracker = tracker_of(scene)
    play = Player(tracker)
    assert play()[0].centred is None
    tracker.recenter()
    (face,) = play()
    centred = LAYOUT.view(face.centred)
    np.testing.assert_allclose(centred.rotation, np.eye(3), atol=1e-5)
    np.testing.assert_allclose(centred.translation, (320, 240), atol=1e-3)
    np.testing.assert_allclose(LAYOUT.view(face.smoothed).translation[0], 200, atol=0.01)


def test_a_centre_outlives_a_long_absence():
    scene = Scene(Head(head_at(200, yaw=0.3)))
    tracker = tracker_of(scene)
    play = Player(tracker)
    tracker.recenter()
    play()
    tracker.recenter()
    play()
    scene.heads[0].visible = False
    play(100)
    scene.heads[0].visible = True
    (face,) = play(2)
    assert face.id == 2
    np.testing.assert_allclose(LAYOUT.view(face.centred).rotation, np.eye(3), atol=1e-5)


@pytest.mark.parametrize("faces", [1, 3])
def test_who_comes_after_a_performer_is_gone_is_the_performer_and_has_the_centre(faces):
    scene = Scene(Head(head_at(200, yaw=0.3, identity=1.0)), Head(head_at(400, yaw=0.3, identity=-1.0), visible=False))
    tracker = tracker_of(scene, faces=faces)
    play = Player(tracker)
    tracker.recenter()  # before anybody is there
    play(2)
    scene.heads[0].visible = False
    play(70)
    scene.heads[1].visible = True
    face = play(3)[0]
    assert (face.id, round(x_of(face))) == (2, 400)
    np.testing.assert_allclose(LAYOUT.view(face.centred).rotation, np.eye(3), atol=1e-5)


def test_a_click_where_a_lost_face_rests_is_for_who_stands_there_now():
    scene = Scene(Head(head_at(150, scale=1.2, identity=1.0)), Head(head_at(450, identity=-1.0)))
    tracker = tracker_of(scene, faces=2)
    play = Player(tracker)
    play(4)
    scene.heads[1].visible = False
    play(3)
    tracker.choose_at(450.0, 230.0)
    assert x_of(play()[0]) == pytest.approx(150, abs=1)


def test_a_person_settles_and_can_be_forgotten():
    scene = Scene(Head(head_at(identity=1.0)))
    tracker = tracker_of(scene)
    play = Player(tracker)
    first = play(10)[0].person
    assert not first.settled
    settled = play(150)[0].person
    assert settled.settled
    assert settled.key == first.key
    np.testing.assert_allclose(settled.identity, 1.0, atol=1e-5)
    assert play()[0].person is settled
    tracker.reset_person()
    scene.heads[0].truth = head_at(identity=-1.0)
    other = play()[0].person
    assert other.key != settled.key
    np.testing.assert_allclose(other.identity, -1.0, atol=1e-5)


def test_what_is_no_number_is_no_face():
    scene = Scene()
    play = Player(tracker_of(scene))
    play()
    scene.heads[0].truth = head_at() * np.float32("nan")
    see = scene.infer
    scene.infer = lambda crops, poses=None: (np.full((len(crops), LAYOUT.size), np.nan, np.float32), see(crops)[1])
    scene.heads[0].truth = head_at()
    assert play()[0].state is HELD


def test_a_reset_begins_anew():
    scene = Scene()
    tracker = tracker_of(scene)
    play = Player(tracker)
    play(3)
    tracker.reset()
    scene.heads[0].visible = False
    assert play() == ()


def test_more_faces_than_the_engine_takes_are_refused():
    with pytest.raises(ValueError, match="1 to 8"):
        tracker_of(Scene(), faces=9)

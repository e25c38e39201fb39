"""The tracker's states, and that the face finder runs only when it has to."""

from __future__ import annotations

import numpy as np
import pytest

from facemodel import Crop, project
from facemodel.rotation import angle_between, matrix_from_euler
from realtime.face_finder import FoundFace
from realtime.frame import Frame, TrackingState
from realtime.tracking.tracker import Tracker, TrackerConfig
from tests.toy_model import toy_model

MODEL = toy_model()
LAYOUT = MODEL.layout
BLANK = np.zeros((480, 640, 3), np.uint8)


def head_at(x=320.0, y=240.0, scale=1.5, yaw=0.0):
    vector = LAYOUT.neutral()
    p = LAYOUT.view(vector)
    p.translation[:], p.scale, p.rotation = (x, y), scale, matrix_from_euler(yaw, 0.05, 0.1)
    return vector


class Scene:
    """Stands in for picture, network and finder at once: all of them see the head that `truth` describes."""

    name, resolution, model_digest = "scene", 64, MODEL.digest

    def __init__(self):
        self.truth = head_at()
        self.visible = True
        self.confidence = 0.99
        self.searches = 0
        self.crop = None

    def find(self, image):
        self.searches += 1
        if not self.visible:
            return []
        p = LAYOUT.view(self.truth)
        points = project(MODEL.landmarks478(MODEL.mean), p.rotation, p.translation, p.scale)
        return [FoundFace(points, {}, np.eye(4))]

    def infer(self, pixels, pose=None):
        return self.crop.lower(LAYOUT, self.truth), self.confidence if self.visible else 0.02


@pytest.fixture
def scene():
    return Scene()


@pytest.fixture
def tracker(scene):
    tracker = Tracker(MODEL, scene, scene, TrackerConfig(hold=0.4, search_interval=0.1))

    def remember(image, crop):
        scene.crop = crop
        return np.zeros((64, 64, 3), np.uint8)

    tracker._warp = remember
    return tracker


def play(tracker, times):
    return [tracker.track(Frame(i, t, BLANK)) for i, t in enumerate(times)]


def test_follows_a_moving_head_without_searching_again(scene, tracker):
    for i in range(60):
        scene.truth = head_at(x=200 + 4 * i, y=240 + 40 * np.sin(i / 9), scale=1.2 + i / 60, yaw=np.sin(i / 15))
        result = tracker.track(Frame(i, i / 30, BLANK))
        assert result.state is TrackingState.TRACKING
        np.testing.assert_allclose(
            result.raw[LAYOUT.slices["translation"]], LAYOUT.view(scene.truth).translation, atol=0.01
        )
        assert angle_between(LAYOUT.view(result.raw).rotation, LAYOUT.view(scene.truth).rotation) < 1e-3
    assert scene.searches == 1


def test_the_network_is_told_the_last_pose_and_asked_without_it_before_the_finder(scene, tracker):
    told, see = [], scene.infer

    def attentive(pixels, pose=None):
        told.append(pose)
        return see(pixels)

    scene.infer = attentive
    play(tracker, [0.0])
    assert told[0] is None
    last = LAYOUT.view(scene.truth)
    scene.truth = head_at(x=330.0)
    play(tracker, [1 / 30])
    np.testing.assert_allclose(told[-1], scene.crop.lower_pose(last.rotation, last.translation, last.scale), atol=1e-4)
    told.clear()

    def forgetful(pixels, pose=None):
        told.append(pose)
        return see(pixels)[0], 0.1 if pose is not None else 0.99

    scene.infer = forgetful
    assert play(tracker, [2 / 30])[0].state is TrackingState.TRACKING
    assert [pose is None for pose in told] == [False, True]
    assert scene.searches == 1


def test_states_after_a_loss(scene, tracker):
    play(tracker, [0.0])
    scene.visible = False
    states = [r.state for r in play(tracker, np.arange(0.1, 1.2, 0.1))]
    assert states[:4] == [TrackingState.HELD] * 4
    assert set(states[5:]) == {TrackingState.NEUTRAL}
    scene.visible = True
    assert play(tracker, [1.3])[0].state is TrackingState.TRACKING


def test_searching_until_a_first_face_and_not_on_every_frame(scene, tracker):
    scene.visible = False
    results = play(tracker, np.arange(30) / 30)
    assert {r.state for r in results} == {TrackingState.SEARCHING}
    assert all(r.raw is None and r.crop is None for r in results)
    assert scene.searches <= 11


def test_a_lost_face_is_searched_within_the_same_frame(scene, tracker):
    play(tracker, [0.0])
    scene.truth = head_at(x=80.0, y=100.0, scale=0.8)  # a cut: the face is somewhere else
    result = play(tracker, [1 / 30])[0]
    assert result.state is TrackingState.TRACKING
    assert scene.searches == 2
    np.testing.assert_allclose(LAYOUT.view(result.raw).translation, (80.0, 100.0), atol=0.01)


def test_a_confident_but_inconsistent_answer_is_not_believed(scene, tracker):
    play(tracker, [0.0])
    far = head_at(x=80.0, y=100.0)
    scene.find = lambda image: []
    scene.truth = far
    assert play(tracker, [1 / 30])[0].state is TrackingState.HELD


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_numbers_that_are_not_finite_are_a_loss(scene, tracker, value):
    play(tracker, [0.0])
    scene.infer = lambda pixels, pose: (np.full(LAYOUT.size, value, np.float32), 1.0)
    assert play(tracker, [1 / 30])[0].state is TrackingState.HELD


def test_a_face_that_leaves_the_frame_is_lost(scene, tracker):
    play(tracker, [0.0])
    scene.find = lambda image: []
    for i in range(1, 40):
        scene.truth = head_at(x=320 + 12 * i)
        result = tracker.track(Frame(i, i / 30, BLANK))
    assert result.state is not TrackingState.TRACKING


def test_the_largest_of_several_faces_is_taken_and_said(scene, tracker):
    near = scene.find(BLANK)[0]
    far = FoundFace(near.landmarks * 0.3, {}, np.eye(4))
    scene.find = lambda image: [near, far]
    result = play(tracker, [0.0])[0]
    np.testing.assert_allclose(LAYOUT.view(result.raw).translation, (320, 240), atol=0.01)
    assert "2 faces" in tracker.message


def test_results_do_not_share_memory(scene, tracker):
    first, second = play(tracker, [0.0, 1 / 30])
    before = first.raw.copy()
    second.raw[:] = 0
    np.testing.assert_array_equal(first.raw, before)


def test_crop_around_head_is_upright():
    p = LAYOUT.view(head_at())
    p.rotation = matrix_from_euler(0.0, 0.0, 0.7)
    crop = Crop.around_head(p.rotation, p.translation, p.scale)
    seen = LAYOUT.view(crop.lower(LAYOUT, p.vector))
    assert angle_between(seen.rotation, np.eye(3)) < 1e-3

"""OpenSeeFace's packets, read at the offsets of its receiver, OpenSee.cs."""

from __future__ import annotations

import struct
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facemodel.camera import project
from realtime.frame import TrackingState
from realtime.opencv import cv2
from tests.realtime.streams.receivers import EVERY_WEIGHT, HEIGHT, MODEL, WIDTH, a_face, a_result, open_stream

SIZE = 1785
FEATURES = (
    *("EyeLeft", "EyeRight", "EyebrowSteepnessLeft", "EyebrowUpDownLeft", "EyebrowQuirkLeft"),
    *("EyebrowSteepnessRight", "EyebrowUpDownRight", "EyebrowQuirkRight", "MouthCornerUpDownLeft"),
    *("MouthCornerInOutLeft", "MouthCornerUpDownRight", "MouthCornerInOutRight", "MouthOpen", "MouthWide"),
)
# 66 of iBUG's 68 points: its mouth has no outer corners.
IBUG = [i for i in range(68) if i not in (48, 54)]
RIGHT_CORNER, LEFT_CORNER, NOSE = 58, 62, 30


class Seen:
    """One face, as the receiver reads it."""

    def __init__(self, data: bytes) -> None:
        def floats(at: int, *shape: int) -> np.ndarray:
            return np.frombuffer(data, "<f4", int(np.prod(shape)), at).reshape(shape).astype(float)

        (self.time,), (self.id,) = struct.unpack_from("<d", data, 0), struct.unpack_from("<i", data, 8)
        self.width, self.height = floats(12, 2)
        self.right_open, self.left_open = floats(20, 2)
        self.fitted, (self.error,) = data[28], floats(29, 1)
        self.quaternion, self.euler, self.translation = floats(33, 4), floats(49, 3), floats(61, 3)
        self.confidence = floats(73, 68)
        self.points = floats(345, 68, 2)  # column, row
        self.points_3d = floats(889, 70, 3) * (1.0, -1.0, -1.0)  # as its tracker has them: x image left, y up, z out
        self.features = dict(zip(FEATURES, floats(1729, 14), strict=True))


@pytest.fixture
def ask(receiver):
    """Sends results through a stream, and returns the faces of each datagram."""

    def ask(*results, **options):
        stream = open_stream("openseeface", receiver.port, **options)
        for result in results:
            stream.submit(result)
        datagrams = receiver.take(stream.sent)
        stream.close()
        assert all(len(datagram) % SIZE == 0 for datagram in datagrams)
        return [[Seen(d[at : at + SIZE]) for at in range(0, len(d), SIZE)] for d in datagrams]

    return ask


def landmarks(face) -> np.ndarray:
    """The face's points in the head's frame, mm, from the whole mesh."""
    p = MODEL.layout.view(face.smoothed)
    return MODEL.landmarks68(MODEL.shape(p.identity, p.expression))[IBUG]


def its_rotation(quaternion) -> np.ndarray:
    """The matrix that OpenSeeFace made a quaternion of: it writes the inverse one's."""
    x, y, z, w = quaternion
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y + z * w), 2 * (x * z - y * w)],
            [2 * (x * y - z * w), 1 - 2 * (x * x + z * z), 2 * (y * z + x * w)],
            [2 * (x * z + y * w), 2 * (y * z - x * w), 1 - 2 * (x * x + y * y)],
        ]
    )


def test_points_are_where_the_face_is_in_the_picture(ask):
    face = a_face(EVERY_WEIGHT, head=(20.0, -10.0, 5.0), place=(400.0, 200.0, 1.5))
    p = MODEL.layout.view(face.smoothed)
    before = time.time()
    ((seen,),) = ask(a_result(face))
    assert (seen.width, seen.height, seen.id, seen.fitted, seen.error) == (WIDTH, HEIGHT, 0, 1, 0.0)
    assert before <= seen.time <= time.time()
    assert seen.points[:66] == pytest.approx(project(landmarks(face), p.rotation, p.translation, p.scale), abs=0.01)
    assert seen.confidence == pytest.approx(np.full(68, 0.75))


def test_left_is_the_subjects_left_which_is_image_right(ask):
    ((seen,),) = ask(a_result(a_face({"eyeBlinkLeft": 0.9})))
    column = seen.points[:, 0]
    assert column[0] < column[36] < column[39] < column[NOSE] < column[42] < column[45] < column[16]
    assert column[RIGHT_CORNER] < column[LEFT_CORNER]
    assert column[66] < column[67]
    assert (seen.left_open, seen.right_open) == pytest.approx((0.1, 1.0))
    assert seen.features["EyeLeft"] == pytest.approx(-0.9)
    assert seen.features["EyeRight"] == 0.0
    assert seen.points[8, 1] > seen.points[NOSE, 1] > seen.points[27, 1]  # rows grow downwards


def test_the_3d_points_are_the_head_without_its_pose(ask):
    ((seen,),), ((turned,),) = ask(a_result(a_face())), ask(a_result(a_face(head=(30.0, 10.0, 20.0))))
    assert seen.points_3d == pytest.approx(turned.points_3d, abs=1e-5)
    assert seen.points_3d[NOSE] == pytest.approx((0.0, 0.0, 0.0))
    assert seen.points_3d[0, 0] > 0 > seen.points_3d[16, 0]  # +x image left
    assert seen.points_3d[27, 1] > 0 > seen.points_3d[8, 1]  # +y up
    assert seen.points_3d[:17, 2].max() < 0  # +z out of the face
    # Its own face's size: 0.516 from eye to eye, and about as wide as its own, 0.91
    assert np.linalg.norm(seen.points_3d[68] - seen.points_3d[69]) == pytest.approx(0.516, abs=1e-4)
    assert 0.7 < seen.points_3d[0, 0] - seen.points_3d[16, 0] < 1.4


@settings(max_examples=40)
@given(st.tuples(st.floats(-80, 80), st.floats(-60, 60), st.floats(-180, 180)), st.booleans())
def test_pose_and_3d_points_give_the_points_in_the_picture(ask, head, mirror):
    face = a_face({"jawOpen": 0.5}, head=head, place=(300.0, 260.0, 1.0))
    ((seen,),) = ask(a_result(face), mirror="yes" if mirror else "no")
    rotation = its_rotation(seen.quaternion)
    x, y, z = cv2.RQDecomp3x3(rotation)[0]
    apart = np.subtract([(x, y, z), (x + 180.0, 180.0 - y, z + 180.0)], seen.euler)  # the same rotation
    assert np.abs((apart + 180.0) % 360.0 - 180.0).max(axis=1).min() < 0.05
    # Its camera: rows first, and the focal length is the width. Without perspective: the nose's depth for all points.
    turned = seen.points_3d @ rotation.T
    row, column = (seen.translation[:2] + turned[:68, :2]).T * WIDTH / seen.translation[2]
    assert np.stack([column + HEIGHT / 2, row + WIDTH / 2], axis=1) == pytest.approx(seen.points, abs=0.05)


@pytest.mark.parametrize(
    ("head", "axis", "sign"),
    [((30.0, 0.0, 0.0), 1, 1.0), ((0.0, 30.0, 0.0), 0, -1.0)],  # to image right: columns grow; up: rows fall
)
def test_who_turns_looks_that_way(ask, head, axis, sign):
    ((seen,),) = ask(a_result(a_face(head=head)))
    outwards = its_rotation(seen.quaternion) @ (0.0, 0.0, 1.0)
    assert sign * outwards[axis] == pytest.approx(0.5, abs=1e-4)
    assert outwards[2] < 0  # toward the camera


@pytest.mark.parametrize(
    ("weights", "axis", "sign"),
    [
        ({"eyeLookOutLeft": 1.0, "eyeLookInRight": 1.0}, 0, -1.0),  # to the subject's left
        ({"eyeLookInLeft": 1.0, "eyeLookOutRight": 1.0}, 0, 1.0),
        ({"eyeLookUpLeft": 1.0, "eyeLookUpRight": 1.0}, 1, 1.0),
        ({"eyeLookDownLeft": 1.0, "eyeLookDownRight": 1.0}, 1, -1.0),
    ],
)
def test_gaze_goes_from_the_eyeballs_centre_to_the_pupil(ask, weights, axis, sign):
    ((seen,),) = ask(a_result(a_face(weights)))
    for pupil, centre in ((66, 68), (67, 69)):
        gaze = seen.points_3d[pupil] - seen.points_3d[centre]
        assert sign * gaze[axis] / np.linalg.norm(gaze) > 0.15
        assert gaze[2] > 0


def test_one_eye_alone_is_its_own(ask):
    ((seen,),) = ask(a_result(a_face({"eyeLookUpLeft": 1.0})))
    right, left = (seen.points_3d[66 + i] - seen.points_3d[68 + i] for i in (0, 1))
    assert left[1] > 0.01
    assert abs(right[1]) < 1e-3


@pytest.mark.parametrize(
    ("weights", "features"),
    [
        ({"eyeWideLeft": 0.6}, {"EyeLeft": 0.6}),
        ({"eyeBlinkRight": 0.6}, {"EyeRight": -0.6}),
        ({"browOuterUpLeft": 0.6}, {"EyebrowSteepnessLeft": -0.6, "EyebrowUpDownLeft": 0.3, "EyebrowQuirkLeft": 0.6}),
        ({"browDownRight": 0.6}, {"EyebrowSteepnessRight": -0.6, "EyebrowUpDownRight": -0.6}),
        (
            {"browInnerUp": 0.6},
            {f"EyebrowSteepness{s}": 0.6 for s in ("Left", "Right")}
            | {f"EyebrowUpDown{s}": 0.3 for s in ("Left", "Right")},
        ),
        # OpenSeeExpression.cs takes corners below -0.2 for a smile
        ({"mouthSmileLeft": 0.6}, {"MouthCornerUpDownLeft": -0.6, "MouthCornerInOutLeft": 0.6, "MouthWide": 0.3}),
        ({"mouthFrownRight": 0.6}, {"MouthCornerUpDownRight": 0.6}),
        ({"mouthPucker": 0.6}, dict.fromkeys(("MouthCornerInOutLeft", "MouthCornerInOutRight", "MouthWide"), -0.6)),
        ({"jawOpen": 0.6}, {"MouthOpen": 0.6}),
        ({"jawOpen": 0.6, "mouthClose": 0.6}, {}),
    ],
)
def test_features_have_their_signs(ask, weights, features):
    ((seen,),) = ask(a_result(a_face(weights)))
    assert seen.features == pytest.approx(dict.fromkeys(FEATURES, 0.0) | features, abs=1e-5)


def test_mirrored(ask):
    face = a_face({"mouthLeft": 0.5, "eyeBlinkLeft": 0.9}, head=(25.0, 10.0, 15.0), place=(400.0, 200.0, 1.5))
    ((plain,),), ((mirrored,),) = ask(a_result(face)), ask(a_result(face), mirror="yes")
    assert (mirrored.left_open, mirrored.right_open) == (plain.right_open, plain.left_open)
    assert mirrored.features["EyeRight"] == plain.features["EyeLeft"]
    for a, b in ((0, 16), (8, 8), (17, 26), (31, 35), (36, 45), (40, 47), (48, 52), (53, 57), (58, 62), (63, 65)):
        assert mirrored.points[a] == pytest.approx(np.array([WIDTH, 0.0]) + plain.points[b] * (-1.0, 1.0), abs=0.01)
        assert mirrored.points_3d[a] == pytest.approx(plain.points_3d[b] * (-1.0, 1.0, 1.0), abs=1e-5)
    assert mirrored.points[66] == pytest.approx(np.array([WIDTH, 0.0]) + plain.points[67] * (-1.0, 1.0), abs=0.05)


def test_all_faces_are_in_one_datagram_the_performer_first(ask):
    faces = [a_face({"jawOpen": 0.1 * i}, place=(100.0 * i, 240.0, 1.0), number=i) for i in (3, 1, 2)]
    (seen,) = ask(a_result(*faces))
    assert [(face.id, round(face.features["MouthOpen"], 5)) for face in seen] == [(0, 0.3), (1, 0.1), (2, 0.2)]
    assert [round(face.points[27, 0], -2) for face in seen] == [300.0, 100.0, 200.0]


def test_who_is_left_out_keeps_their_number(ask):
    broken = a_face(number=7)
    broken.smoothed[:] = np.nan
    ((seen,),) = ask(a_result(broken, a_face(number=4)))
    assert seen.id == 1


def test_more_faces_than_a_datagram_holds_are_left_out(ask):
    (seen,) = ask(a_result(*(a_face(number=i) for i in range(1, 41))))
    assert len(seen) == 36


def test_nothing_is_sent_without_a_face_and_a_held_one_is_sent(ask):
    held = a_face(state=TrackingState.HELD)
    assert len(ask(a_result(), a_result(held, time=1.0), a_result(time=2.0))) == 1


def test_time_never_goes_back_even_if_a_take_is_set_back(ask):
    seen = ask(*(a_result(a_face(), time=t) for t in (5.0, 6.0, 1.0)))
    times = [faces[0].time for faces in seen]
    assert times == sorted(times)

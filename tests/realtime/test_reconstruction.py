"""What `Reconstructor` believes of what the finder finds; the network is scripted."""

from __future__ import annotations

import numpy as np
import pytest

from facemodel import Crop
from facemodel.rotation import matrix_from_euler
from realtime.reconstruction import Reconstructor
from tests.fake_finder import HeadFinder
from tests.toy_model import toy_model

MODEL = toy_model()
LAYOUT = MODEL.layout
IMAGE = np.zeros((480, 640, 3), np.uint8)


def head(x=320.0, y=240.0, scale=1.0, yaw=0.0, roll=0.0):
    vector = LAYOUT.neutral()
    p = LAYOUT.view(vector)
    p.translation[:], p.scale, p.rotation = (x, y), scale, matrix_from_euler(yaw, 0.0, roll)
    return vector


def crop_of(vector):
    p = LAYOUT.view(vector)
    return Crop.around_head(p.rotation, p.translation, p.scale)


class Network:
    """Sees, in any crop, the nearest head of a picture, with the confidence that belongs to it."""

    name, resolution, model_digest = "scripted", 32, MODEL.digest

    def __init__(self, heads, confidences=None):
        self.heads = heads
        self.confidences = confidences or [0.99] * len(heads)
        self.crop, self.poses = None, []

    def infer(self, crops, poses=None):
        self.poses.append(None if poses is None else poses[0])
        apart = [np.hypot(*np.subtract(crop_of(one).centre, self.crop.centre)) for one in self.heads]
        nearest = int(np.argmin(apart))
        return self.crop.lower(LAYOUT, self.heads[nearest])[None], np.array([self.confidences[nearest]], np.float32)


def reconstruct(network, finder, **options):
    reconstructor = Reconstructor(MODEL, network, finder, **options)

    def remember(image, crop):
        network.crop = crop
        return np.zeros((32, 32, 3), np.uint8)

    reconstructor._warp = remember
    return reconstructor(IMAGE)


def test_every_face_is_there_and_the_largest_is_first():
    small, large, middle = head(80, 100, 0.3), head(450, 240, 1.2), head(250, 300, 0.6, roll=1.4)
    faces = reconstruct(Network([small, large, middle]), HeadFinder(LAYOUT, [small, middle, large]))
    for face, expected in zip(faces, (large, middle, small), strict=True):
        np.testing.assert_allclose(face.parameters, expected, atol=1e-3)
        assert face.confidence == pytest.approx(0.99)


def test_the_first_look_knows_no_pose_and_the_others_do():
    there = head()
    network = Network([there])
    reconstruct(network, HeadFinder(LAYOUT, [head(330, 250, 1.1, yaw=0.2)]))
    assert [pose is None for pose in network.poses] == [True, False, False]
    p = LAYOUT.view(there)
    expected = crop_of(there).lower_pose(p.rotation, p.translation, p.scale)
    np.testing.assert_allclose(network.poses[-1], expected, atol=1e-3)


@pytest.mark.parametrize(("confidence", "believed"), [(0.95, 1), (0.9, 1), (0.89, 0), (0.5, 0)])
def test_a_face_must_be_confident(confidence, believed):
    assert len(reconstruct(Network([head()], [confidence]), HeadFinder(LAYOUT, [head()]))) == believed


def test_a_face_must_be_upright_in_its_own_crop():
    turned = head(roll=2.8)
    finder = HeadFinder(LAYOUT, [turned])
    assert len(reconstruct(Network([turned]), finder)) == 1
    (crop,) = finder.votes
    assert crop.angle == pytest.approx(crop_of(turned).angle, abs=1e-3)
    assert crop.side == pytest.approx(crop_of(turned).side, rel=1e-3)
    finder.standing = False
    assert reconstruct(Network([turned]), finder) == []


def test_who_is_not_confident_needs_no_vote():
    finder = HeadFinder(LAYOUT, [head()])
    reconstruct(Network([head()], [0.3]), finder)
    assert finder.votes == []


def test_two_found_faces_that_are_one_come_once_and_the_surer_look_counts():
    there = head()
    nearly = head(326, 236, 1.05)  # where another look at the same face ended
    network = Network([there, nearly], [0.93, 0.99])
    finder = HeadFinder(LAYOUT, [head(300, 240), head(350, 230)])
    (face,) = reconstruct(network, finder)
    np.testing.assert_allclose(face.parameters, nearly, atol=1e-3)


def test_neighbours_and_a_small_face_beside_a_large_one_are_different_faces():
    heads = [head(250), head(390), head(250, 150, 0.3)]
    assert len(reconstruct(Network(heads), HeadFinder(LAYOUT, heads))) == 3


def test_what_lies_elsewhere_than_where_it_was_found_is_left_out():
    far = head(500, 400)
    assert reconstruct(Network([far]), HeadFinder(LAYOUT, [head(100, 100)])) == []


def test_a_second_look_that_contradicts_the_first_is_no_face():
    there = head()
    network = Network([there])
    steady = network.infer

    def fickle(crops, poses=None):
        seen, confidences = steady(crops, poses)
        if poses is not None:
            LAYOUT.view(seen[0]).scale *= 3.0
        return seen, confidences

    network.infer = fickle
    assert reconstruct(network, HeadFinder(LAYOUT, [there])) == []


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_numbers_that_are_not_finite_are_no_face(value):
    network = Network([head()])
    network.infer = lambda crops, poses=None: (np.full((1, LAYOUT.size), value, np.float32), np.ones(1, np.float32))
    assert reconstruct(network, HeadFinder(LAYOUT, [head()])) == []


def test_nobody_is_an_empty_list():
    assert reconstruct(Network([head()]), HeadFinder(LAYOUT)) == []

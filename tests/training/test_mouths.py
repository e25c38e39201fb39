"""Lips of the built face model that meet, what stays behind the skin, and the measures of both."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from facemodel import FaceModel
from facemodel.arkit import ARKIT_NAMES
from tests.training.mouth_figures import MouthViews, lip_gap, measure_mouths
from training.face_model.closures import (
    CLOSING_REACH_MM,
    LIP_OVERLAP_AT_MOST_MM,
    LIP_OVERLAP_MM,
    LipContact,
    edge_of_lip,
)
from training.face_model.insides import FrontSkin
from training.face_model.transfer import SHUT_MOUTH, both_sides

Skin = tuple[np.ndarray, np.ndarray, np.ndarray]
NOBODY = np.zeros((1, 1, 3))


@pytest.fixture
def lips() -> Skin:
    """Skin around a slit 3 mm high and 40 mm wide: vertices, triangles, sides of its two inner rings."""
    around, rings = 64, 20
    angle = 2 * np.pi * np.arange(around) / around
    radius = np.arange(rings)[:, None]
    x, y = (20 + radius) * np.cos(angle), (1.5 + radius) * np.sin(angle)
    vertices = np.stack([x, y, np.zeros_like(x)], axis=2).reshape(-1, 3)
    ring, k = (index.ravel() for index in np.mgrid[0 : rings - 1, 0:around])
    a, b = ring * around + k, ring * around + (k + 1) % around
    triangles = np.concatenate([np.stack([a, a + around, b], axis=1), np.stack([b, a + around, b + around], axis=1)])
    sides = np.where(np.arange(len(vertices)) < 2 * around, np.sign(np.round(vertices[:, 1], 9)), 0).astype(int)
    return vertices, triangles, sides


class TestLipContact:
    def test_the_edge_of_a_lip_is_found_between_vertices(self) -> None:
        vertices = np.array([[0.0, 0, 0], [2, 2, 2], [0, 5, 1], [2, 5, 1]])
        edges = np.array([[0, 1], [2, 3]])
        np.testing.assert_allclose(edge_of_lip(vertices, edges, np.array([0.5, 2.0]), -1), [[0.5] * 3, [2.0] * 3])
        np.testing.assert_allclose(edge_of_lip(vertices, edges, np.array([0.5]), 1), [[0.5, 5, 1]])

    def test_an_open_mouth_is_closed_and_the_skin_far_from_it_stays(self, lips: Skin) -> None:
        vertices = lips[0]
        contact = LipContact(*lips)
        closing = contact.closing(vertices[None], NOBODY)[0]
        assert contact.gap(vertices).max() > 2.5
        closed = contact.gap(vertices + closing)
        assert -LIP_OVERLAP_MM - 0.2 < closed.min() <= closed.max() < 0
        far = np.abs(vertices[:, 1]) > 3 + CLOSING_REACH_MM
        np.testing.assert_array_equal(closing[far], 0)
        np.testing.assert_allclose(closing[..., [0, 2]], 0)

    def test_lips_that_overlap_too_far_are_parted(self, lips: Skin) -> None:
        vertices, _, sides = lips
        contact = LipContact(*lips)
        crossed = vertices - 3.0 * sides[:, None] * [0, 1, 0]
        parted = contact.gap(crossed + contact.closing(crossed[None], NOBODY)[0])
        assert contact.gap(crossed).min() < -2.5
        np.testing.assert_allclose(parted, -LIP_OVERLAP_AT_MOST_MM, atol=0.2)

    def test_a_mouth_closes_for_the_people_whose_lips_are_furthest_apart(self, lips: Skin) -> None:
        vertices, _, sides = lips
        contact = LipContact(*lips)
        people = np.linspace(0, 1, 50)[:, None, None] * (sides > 0)[:, None] * [0, 1, 0]
        closed = vertices + contact.closing(vertices[None], people)[0]
        gaps = np.array([contact.gap(closed + person).max() for person in people])
        assert np.mean(gaps < 0) >= 0.95
        assert contact.gap(closed).max() < -0.8

    def test_no_person_opens_the_mouth(self, lips: Skin) -> None:
        vertices, _, sides = lips
        contact = LipContact(*lips)
        upper_up = 2.0 * (sides > 0)[:, None] * [0, 1, 0.5]
        both_up = 2.0 * np.abs(sides)[:, None] * [0, 1, 0]
        modes = np.stack([upper_up, both_up])
        corrected = modes + contact.identity_corrections(modes)
        before = contact.gap(vertices)
        for mode in corrected:
            for weight in (-2.0, 1.0):
                np.testing.assert_allclose(contact.gap(vertices + weight * mode), before, atol=0.1)
        np.testing.assert_allclose(corrected[1], modes[1], atol=1e-9)


class TestFrontSkin:
    def test_teeth_keep_their_distance_from_skin_that_comes_forward(self) -> None:
        rng = np.random.default_rng(0)
        x, y = (index.ravel() for index in np.mgrid[-30:31, -30:31].astype(float))
        vertices = np.stack([x, y, np.zeros_like(x)], axis=1)
        corner = np.arange(len(x)).reshape(61, 61)[:-1, :-1].ravel()
        triangles = np.stack([corner, corner + 61, corner + 62], axis=1)
        triangles = np.concatenate([triangles, np.stack([corner, corner + 62, corner + 1], axis=1)])
        forward = lambda at: 1 + 0.1 * at[:, 1] - 0.002 * at[:, 0] ** 2  # noqa: E731
        modes = np.zeros((1, *vertices.shape))
        modes[0, :, 2] = forward(vertices)
        teeth = np.concatenate([rng.uniform(-15, 15, (80, 2)), np.full((80, 1), -6.0)], axis=1)
        own = np.zeros((1, 80, 3))
        own[..., 2] = 0.7
        tongue = teeth[:5] - [0, 0, 20]
        found = FrontSkin(vertices, triangles, modes).keep_behind(teeth, own, tongue)
        np.testing.assert_allclose(found[0], forward(tongue) - 0.7, atol=0.05)


class TestFigures:
    def test_shapes_of_a_shut_mouth_exist(self) -> None:
        assert both_sides("mouthSmile").sum() == 2
        assert both_sides("mouthLeft").nonzero()[0].tolist() == [ARKIT_NAMES.index("mouthLeft")]
        assert all(both_sides(name).any() for name in SHUT_MOUTH)

    def test_teeth_before_the_lips_are_seen_and_count_as_through(self, model: FaceModel) -> None:
        views = MouthViews(model)
        assert views.through(model.mean) == 0
        bitten = model.mean.astype(float)
        bitten[model.region_vertices("teeth"), 2] += 40
        assert views.through(bitten) > 100
        assert views.seen(bitten) > views.seen(model.mean) + 100

    def test_an_open_mouth_is_seen(self, model: FaceModel) -> None:
        jaw_open = model.mean + model.expression[ARKIT_NAMES.index("jawOpen")]
        assert lip_gap(model, jaw_open) > lip_gap(model, model.mean) + 15
        assert MouthViews(model).seen(jaw_open) > 300

    def test_people_whose_mouths_stay_open_are_counted(self, model: FaceModel) -> None:
        jaw_open = model.expression[ARKIT_NAMES.index("jawOpen")]
        smile = np.where(both_sides("mouthSmile")[:, None, None] > 0, jaw_open / 2, model.expression)
        figures = measure_mouths(replace(model, mean=model.mean + jaw_open, expression=smile), people=2)
        assert figures.open_at_rest == 1
        assert figures.open_when_shut["mouthSmile"] == 1
        assert figures.gap > 15


class TestEmbeddedModel:
    """What a model that `limelight model build` makes must keep."""

    def test_shut_mouths_are_shut_and_nothing_comes_through(self, model: FaceModel) -> None:
        figures = measure_mouths(model, people=25)
        assert figures.gap < 0.2
        assert figures.open_at_rest <= 0.04
        assert max(figures.open_when_shut.values()) <= 0.08
        assert not figures.through

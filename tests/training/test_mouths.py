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
from training.face_model.insides import FrontSkin, outer_teeth, shape_tongue
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


class TestTongue:
    def test_it_becomes_narrower_and_all_of_it_comes_forward_most_of_all_the_tip(self) -> None:
        x, y, z = (index.ravel() for index in np.mgrid[-25:26:5, -5:6:5, 0:71:5].astype(float))
        vertices = np.stack([x, y, z], axis=1)
        shape, out = shape_tongue(vertices)
        widths = [np.ptp(shape[z == depth, 0]) for depth in (0.0, 35.0, 70.0)]
        assert 50.0 > widths[0] >= widths[1] > widths[2] > 20.0
        assert np.ptp(shape[z == 70.0, 1]) < np.ptp(shape[z == 0.0, 1]) == pytest.approx(10.0)
        assert (np.diff(out[(x == 0.0) & (y == 0.0), 2]) >= 0.0).all() and out[:, 2].min() > 5.0
        np.testing.assert_array_equal(out[:, 0], 0.0)
        assert (out[z == 70.0, 1] < 0.0).all()


class TestTeeth:
    def test_outer_sides_are_found_with_the_edge_below_them(self) -> None:
        """A row as MakeHuman draws it: root, outer side, biting edge, inner side."""
        columns, profile = 9, np.array([[-50.0, 10.0], [-60.0, 9.5], [-70.0, 8.0], [-60.0, 1.0]])  # height, depth
        across = np.linspace(-20.0, 20.0, columns)
        vertices = np.array([[x, y, z] for y, z in profile for x in across])
        a = np.concatenate([row * columns + np.arange(columns - 1) for row in range(3)])
        below = a + columns
        triangles = np.concatenate([np.stack([a, below, below + 1], 1), np.stack([a, below + 1, a + 1], 1)])
        outer = np.arange(columns, 2 * columns)
        np.testing.assert_array_equal(outer_teeth(vertices, triangles), np.stack([outer, outer + columns], axis=1))


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

    def test_a_tongue_comes_out_over_the_lip_and_is_lit_there(self, model: FaceModel) -> None:
        jaw, out = (model.expression[ARKIT_NAMES.index(name)].astype(float) for name in ("jawOpen", "tongueOut"))
        views, opened = MouthViews(model), model.mean + 0.5 * jaw
        seen = [views.seen(opened + weight * out) for weight in (0.0, 0.5, 1.0)]
        assert seen[0] + 50 < seen[1] < seen[2] - 50
        tongue = model.region_vertices("tongue")
        forward = model.mean[tongue, 2]
        tip, root = (np.quantile(forward, share) for share in (0.8, 0.2))
        assert model.occlusion[tongue][forward > tip].mean() > 0.9 > 0.6 > model.occlusion[tongue][forward < root].max()

    def test_a_tongue_at_rest_leaves_the_corners_of_the_mouth_free(self, model: FaceModel) -> None:
        tongue, corners = model.mean[model.region_vertices("tongue")], model.landmarks478(model.mean)[[61, 291]]
        in_front = tongue[:, 2] > corners[:, 2].min() - 25.0
        assert np.abs(tongue[in_front, 0]).max() < np.abs(corners[:, 0]).min() - 2.0

    def test_teeth_face_forward_down_to_their_edge(self, model: FaceModel) -> None:
        """Else the light on them is mixed with what is seen from below."""
        teeth = model.region_vertices("teeth")
        front = teeth[(np.abs(model.mean[teeth, 0]) < 10.0) & (model.mean[teeth, 2] > 82.0)]
        upper = front[np.linalg.norm(model.expression[ARKIT_NAMES.index("jawOpen")][front], axis=1) < 3.0]
        facing = upper[model.normals(model.mean)[upper, 2] > 0.9]
        assert model.mean[facing, 1].min() < model.mean[upper, 1].min() + 3.0

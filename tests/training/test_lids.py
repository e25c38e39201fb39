"""The eyes of the face model: lids from mesh to mesh, lids that close, eyeballs that nothing pierces."""

from __future__ import annotations

import numpy as np
import pytest

from facemodel import FaceModel
from tests.training.eye_figures import eyeball, measure_eyes
from training.face_model.closures import LID_OVERLAP_MM, keep_lids_outside, lid_closure
from training.face_model.lids import (
    MARGIN_RING,
    lid_arcs,
    lid_correspondences,
    lid_margins,
    lid_quads,
    lid_rings,
    margin_points,
)

IRIS_TOP = 5.9


def eye(height: float, rings: int, around: int = 32, spacing: float = 0.7) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rings about an opening at x = 32: vertices, quads facing +z, and the innermost ring."""
    angle = 2 * np.pi * np.arange(around) / around
    grow = spacing * np.arange(rings)[:, None]
    x, y = 32 + (12 + grow) * np.cos(angle), (height + grow) * np.sin(angle)
    vertices = np.stack([x, y, np.broadcast_to(grow, x.shape)], axis=2).reshape(-1, 3)
    ring, k = (index.ravel() for index in np.mgrid[0 : rings - 1, 0:around])
    following = (k + 1) % around
    corners = [ring * around + k, (ring + 1) * around + k, (ring + 1) * around + following, ring * around + following]
    return vertices, np.stack(corners, axis=1), np.arange(around)


def split(quads: np.ndarray) -> np.ndarray:
    return np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])


class TestCurves:
    def test_arcs_run_from_the_inner_to_the_outer_corner(self) -> None:
        vertices, _, loop = eye(4.0, rings=3)
        for mirror in (1, -1):
            upper, lower = lid_arcs(vertices * [mirror, 1, 1], loop)
            for arc in (upper, lower):
                assert vertices[arc[0], 0] == pytest.approx(20)
                assert vertices[arc[-1], 0] == pytest.approx(44)
            assert vertices[upper[1:-1], 1].min() > 0 > vertices[lower[1:-1], 1].max()

    def test_lids_go_to_lids_and_corners_to_corners(self) -> None:
        source, quads, loop = eye(3.0, rings=8, around=24)
        target, target_quads, target_loop = eye(5.0, rings=9, around=40)
        duct = int(target[:, 0].argmin())  # beyond all rings that are used
        vertices, weights = lid_correspondences(source, quads, loop, target, split(target_quads), target_loop, duct)
        np.testing.assert_allclose(np.asarray(weights.sum(axis=1)).ravel(), 1)
        assert weights.data.min() >= 0
        points = weights @ target
        clear = np.abs(source[vertices, 1]) > 0.5
        assert (np.sign(points[clear, 1]) == np.sign(source[vertices[clear], 1])).all()
        inner, outer = {}, {}
        for ring in range(4):
            on_ring = np.flatnonzero(vertices // 24 == ring)
            inner[ring], outer[ring] = (
                points[on_ring[f(source[vertices[on_ring], 0])]] for f in (np.argmin, np.argmax)
            )
        assert inner[0][0] == pytest.approx(20 - 0.7)  # the target's second ring
        np.testing.assert_allclose(inner[3], target[duct])  # past the tear duct
        assert outer[3][0] == pytest.approx(44 + 4 * 0.7)

    def test_landmarks_lie_on_the_margins_in_the_order_of_the_rim(self) -> None:
        vertices, quads, loop = eye(4.0, rings=12)
        margins = lid_margins(vertices, split(quads), loop)
        angle = 2 * np.pi * np.arange(16) / 16
        rim = np.stack([np.cos(angle), np.sin(angle), 0 * angle], axis=1)  # outer corner, upper lid, inner corner, ...
        points = margin_points(margins, rim)
        assert points.shape == (16, 3)
        assert points[0, 0] == pytest.approx(44 + MARGIN_RING * 0.7)
        assert points[8, 0] == vertices[6 * 32 : 7 * 32, 0].min()  # the corner beyond the tear duct
        assert points[1:8, 1].min() > 0 > points[9:, 1].max()
        assert (np.diff(points[:9, 0]) < 0).all()

    def test_the_strips_next_to_the_opening_are_split(self) -> None:
        _, quads, loop = eye(4.0, rings=9)
        marked = lid_quads(quads, loop)
        assert marked.sum() == 4 * 32
        assert quads[marked].max() < 5 * 32


class TestClosing:
    @pytest.fixture
    def closed(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Closed vertices before and after the correction, and the upper and lower front edges (2, M)."""
        vertices, quads, loop = eye(4.0, rings=14)
        triangles = split(quads)
        blink = np.zeros_like(vertices)
        fading = np.clip((11 - vertices[:, 1]) / 4, 0, 1)
        blink[:, 1] = -fading * np.maximum(2 * vertices[:, 1] - 0.7, 0)  # a slit of 0.7 mm stays
        blink[:, 2] = 0.6 * fading * (vertices[:, 1] > 1)
        kinked = lid_rings(vertices, triangles, loop)[MARGIN_RING][0][10]
        blink[kinked, 1] -= 0.8
        fixed = blink + lid_closure(vertices, triangles, loop, blink)
        edges = np.stack(lid_rings(vertices, triangles, loop)[MARGIN_RING])
        return vertices + blink, vertices + fixed, edges

    def test_front_edges_meet_in_a_smooth_line(self, closed: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
        before, after, (upper, lower) = closed
        middle = slice(5, -5)
        gap = lambda v: (v[upper] - v[lower])[middle]  # noqa: E731
        assert gap(before)[:, 1].max() > 0.3
        np.testing.assert_allclose(gap(after)[:, 1], -LID_OVERLAP_MM, atol=0.2)
        assert np.abs(gap(after)[:, 2]).max() < 0.1 < np.abs(gap(before)[:, 2]).max()
        bend = lambda v: np.abs(np.diff(v[upper, 1], n=2)).max()  # noqa: E731
        assert bend(after) < 0.5 * bend(before)

    def test_corners_and_what_is_far_stay(self, closed: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
        before, after, (upper, _) = closed
        np.testing.assert_allclose(after[upper[[0, -1]]], before[upper[[0, -1]]], atol=1e-9)
        far = np.linalg.norm(before - [32, 0, 0], axis=1) > 25
        np.testing.assert_allclose(after[far], before[far], atol=1e-9)

    def test_no_lid_passes_through_the_eyeball(self) -> None:
        angle = np.radians(np.linspace(5, 50, 10))
        lid = 14.5 * np.stack([0 * angle, np.sin(angle), np.cos(angle)], axis=1)
        shut = 14.5 * np.stack([0 * angle, np.sin(angle - 0.6), np.cos(angle - 0.6)], axis=1)
        shape = (shut - lid)[None]
        through = lambda: min(np.linalg.norm(lid + w * shape[0], axis=1).min() for w in np.linspace(0, 1, 21))  # noqa: E731
        assert through() < 13.9
        keep_lids_outside(lid, shape, np.ones(10, dtype=bool), np.zeros(3), 14.2)
        assert through() > 14.15


def check_turns(model: FaceModel) -> None:
    """Every eyeLook shape turns its eyeball about its centre as a rigid body, and leaves the other alone."""
    for side, suffix in enumerate(("Left", "Right")):
        ball, radius = eyeball(model, side)
        rest = (model.mean[ball] - model.eye_centres[side]).astype(float)
        for direction in ("In", "Out", "Up", "Down"):
            shape = model.expression[model.expression_names.index(f"eyeLook{direction}{suffix}")].astype(float)
            turned = rest + shape[ball]
            u, _, vt = np.linalg.svd(rest.T @ turned)
            rotation = u @ vt
            np.testing.assert_allclose(turned, rest @ rotation, atol=0.01)
            assert np.degrees(np.arccos((np.trace(rotation) - 1) / 2)) > 20
            assert np.linalg.norm(turned, axis=1) == pytest.approx(radius, abs=0.02)
            assert not shape[eyeball(model, 1 - side)[0]].any()


class TestEmbeddedModel:
    """What a model that `limelight model build` makes must keep."""

    def test_eyes_open_as_those_of_icts_mean(self, model: FaceModel) -> None:
        eyes = measure_eyes(model)
        assert eyes.inner_corners == pytest.approx(36.9, abs=0.5)
        assert eyes.outer_corners == pytest.approx(89.2, abs=0.5)
        assert eyes.length == pytest.approx(26.9, abs=0.5)
        assert eyes.height == pytest.approx(8.4, abs=0.5)

    def test_the_upper_lid_covers_the_top_of_the_iris(self, model: FaceModel) -> None:
        eyes = measure_eyes(model)
        assert IRIS_TOP - 2.5 < eyes.upper_lid < IRIS_TOP - 1.0
        assert eyes.lower_lid == pytest.approx(-IRIS_TOP, abs=0.7)

    def test_closed_lids_leave_no_gap_and_no_lid_enters_the_eyeball(self, model: FaceModel) -> None:
        eyes = measure_eyes(model)
        assert eyes.blink_gap == 0
        assert eyes.clearance > 0.2

    def test_eyeballs_turn_rigidly(self, model: FaceModel) -> None:
        check_turns(model)

    def test_landmarks_meet_when_the_eye_closes(self, model: FaceModel) -> None:
        weights = np.zeros(len(model.expression_names))
        weights[[model.expression_names.index(f"eyeBlink{side}") for side in ("Left", "Right")]] = 1
        closed = model.landmarks478(model.shape(np.zeros(len(model.identity)), weights))
        for upper, lower in ((387, 373), (386, 374), (385, 380), (160, 144), (159, 145), (158, 153)):
            assert abs(closed[upper, 1] - closed[lower, 1]) < 0.8

"""ICP and point-to-plane distance on shapes whose error is known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from tests.toy_model import toy_model
from training.evaluation.shape_error import (
    REGIONS,
    FaceShapeError,
    PersonPairs,
    Scan,
    Similarity,
    align,
    face_regions,
    fit_similarity,
    mean_over_views,
    neutral_shapes,
    point_to_plane,
)

MODEL = toy_model()
FACE = MODEL.region_vertices("face")
TRUTH = MODEL.mean.astype(float)
SCAN = Scan(TRUTH[FACE], MODEL.normals(TRUTH)[FACE])


def shape_error(points, scan, free_scale=True):
    return point_to_plane(points, scan, align(points, scan, free_scale))


def motion(scale=1.0, degrees=(4.0, -6.0, 3.0), shift=(3.0, -2.0, 5.0)):
    return Similarity(scale, Rotation.from_euler("xyz", degrees, degrees=True).as_matrix(), np.array(shift))


def plane(height=0.0, count=21):
    x, y = np.meshgrid(np.linspace(-50, 50, count), np.linspace(-50, 50, count))
    points = np.stack([x.ravel(), y.ravel(), np.full(x.size, height)], 1)
    return Scan(points, np.tile([0.0, 0.0, 1.0], (len(points), 1)))


def test_a_similarity_undoes_its_inverse_and_composes():
    first, second = motion(1.2), motion(0.8, (10, 0, 0), (0, 1, 0))
    np.testing.assert_allclose(first.inverse()(first(TRUTH)), TRUTH, atol=1e-9)
    np.testing.assert_allclose(second.after(first)(TRUTH), second(first(TRUTH)), atol=1e-9)


def test_fit_similarity_finds_scale_turn_and_shift_and_never_mirrors():
    known = motion(1.3, (20, 30, -40))
    found = fit_similarity(TRUTH, known(TRUTH))
    assert found.scale == pytest.approx(1.3)
    np.testing.assert_allclose(found.rotation, known.rotation, atol=1e-9)
    np.testing.assert_allclose(found.translation, known.translation, atol=1e-9)
    assert fit_similarity(TRUTH, known(TRUTH), free_scale=False).scale == 1.0
    assert np.linalg.det(fit_similarity(TRUTH, TRUTH * (-1, 1, 1)).rotation) == pytest.approx(1.0)


def test_icp_recovers_a_known_similarity_exactly():
    known = motion(1.04)
    found = align(known.inverse()(TRUTH[FACE]), SCAN)
    assert found.scale == pytest.approx(1.04, abs=1e-6)
    np.testing.assert_allclose(found.rotation, known.rotation, atol=1e-6)
    np.testing.assert_allclose(found.translation, known.translation, atol=1e-4)


def test_without_a_free_scale_a_larger_head_is_an_error_and_with_it_none():
    larger = 1.06 * TRUTH[FACE]
    assert shape_error(larger, SCAN).max() < 1e-5
    rigid = shape_error(larger, SCAN, free_scale=False)
    assert 0.5 < rigid.mean() < 3.0
    found = align(motion().inverse()(TRUTH[FACE]), SCAN, free_scale=False)
    assert found.scale == 1.0
    np.testing.assert_allclose(found.rotation, motion().rotation, atol=1e-6)


def test_the_distance_to_a_plane_is_its_height_whatever_lies_beside():
    scan = plane()
    beside = plane(2.5).points + (0.9, -0.7, 0.0)
    np.testing.assert_allclose(point_to_plane(beside, scan, Similarity()), 2.5)


def test_a_plane_is_aligned_by_its_height_alone():
    """Shift and turn within a plane, and its scale, are not determined: they stay as they were."""
    scan = plane()
    found = align(plane(2.5).points + (0.9, -0.7, 0.0), scan)
    np.testing.assert_allclose(found.translation, (0.0, 0.0, -2.5), atol=1e-9)
    np.testing.assert_allclose(found.rotation, np.eye(3), atol=1e-9)
    assert found.scale == pytest.approx(1.0)


def test_half_the_points_off_by_a_known_height_leave_half_of_it():
    """Two halves of a plane, interleaved, one of them 2 mm up: the best plane lies between, 1 mm from each."""
    scan = plane()
    points = scan.points.copy()
    index = np.arange(len(points))
    points[index % 2 == 0, 2] = 2.0
    assert shape_error(points, scan, free_scale=False).mean() == pytest.approx(1.0, abs=0.01)


def test_noise_along_the_normals_comes_back_as_its_mean_size():
    rng = np.random.default_rng(0)
    height = rng.normal(0.0, 0.5, len(FACE))
    noisy = SCAN.points + SCAN.normals * height[:, None]
    found = shape_error(noisy, SCAN).mean()
    assert found == pytest.approx(0.5 * np.sqrt(2 / np.pi), rel=0.1)
    assert shape_error(noisy, SCAN, free_scale=False).mean() == pytest.approx(found, rel=0.05)


def test_a_reconstruction_gains_nothing_by_leaving_a_part_out():
    upper = TRUTH[FACE][TRUTH[FACE][:, 1] > -20]
    assert point_to_plane(upper, SCAN, Similarity()).mean() > 1.0


def test_regions_lie_where_their_names_say_and_do_not_overlap():
    regions = face_regions(MODEL)
    assert set(regions) == set(REGIONS)
    together = np.concatenate(list(regions.values()))
    assert len(np.unique(together)) == len(together)
    assert np.isin(together, FACE).all()
    middle = {name: MODEL.mean[vertices].mean(axis=0) for name, vertices in regions.items()}
    assert all(len(vertices) > 3 for vertices in regions.values())
    assert middle["forehead"][1] > middle["nose"][1] > middle["mouth"][1]
    assert middle["nose"][2] > middle["cheeks"][2]


def test_a_face_is_compared_whole_with_and_without_a_free_scale():
    known = motion(1.05, (8, -15, 5), (40, 10, -20))
    same = FaceShapeError(MODEL)(known(TRUTH).astype(np.float32), TRUTH)
    assert max(v for k, v in same.items() if not k.endswith("_rigid")) < 1e-3
    assert same["face_rigid"] > 0.5
    assert same["regions_rigid"] > 0.3


def test_each_region_is_aligned_by_itself_and_errors_within_it_count_along_the_surface_too():
    measure, nose = FaceShapeError(MODEL), face_regions(MODEL)["nose"]
    moved = TRUTH.copy()
    moved[nose] = motion(1.0, (0, 5, 0), (0.0, 0.0, 6.0))(TRUTH[nose])  # in the wrong place, but of the right form
    errors = measure(moved, TRUTH)
    assert errors["face"] > 0.1
    assert errors["nose_rigid"] < 1e-6
    assert errors["mouth_rigid"] < 1e-6
    assert errors["regions"] == pytest.approx(np.mean([errors[name] for name in REGIONS]))
    wider = TRUTH.copy()
    wider[nose] *= (1.2, 1.0, 1.0)
    spread = 0.2 * np.abs(TRUTH[nose, 0] - TRUTH[nose, 0].mean()).mean()
    assert measure(wider, TRUTH)["nose_rigid"] == pytest.approx(spread, rel=0.15)


def test_every_other_vertex_gives_nearly_the_same_error():
    shape = MODEL.shape(np.full(MODEL.layout.n_identity, 1.5), np.zeros(MODEL.layout.n_expression))
    full, half = (FaceShapeError(MODEL, every)(shape, TRUTH)["face"] for every in (1, 2))
    assert half == pytest.approx(full, rel=0.15)
    assert full > 0.05


def test_person_distances_compare_views_of_one_person_with_other_people():
    rng = np.random.default_rng(1)
    people = np.repeat(np.arange(4), 5)
    of_person = rng.normal(0.0, 2.0, (4, 300, 3))
    shapes = MODEL.mean[:300] * 1.0 + of_person[people] + rng.normal(0.0, 0.5, (20, 300, 3))
    pairs = PersonPairs.of(shapes, people)
    assert np.trace(pairs.counts) == 4 * 10
    assert np.triu(pairs.counts, 1).sum() == 190 - 40
    within, between = pairs.distances()
    assert within == pytest.approx(0.5 * np.sqrt(2 * 3), rel=0.1)
    assert between == pytest.approx(np.sqrt(2 * 3 * (4.0 + 0.25)), rel=0.1)
    within, between = PersonPairs.of(MODEL.mean[:300] + rng.normal(size=(20, 300, 3)), people).distances()
    assert within / between == pytest.approx(1.0, abs=0.1)


def test_somebody_who_is_drawn_twice_is_not_compared_with_themselves():
    rng = np.random.default_rng(1)
    people = np.repeat(np.arange(3), 4)
    pairs = PersonPairs.of(rng.normal(0.0, 2.0, (3, 50, 3))[people] + rng.normal(0.0, 0.5, (12, 50, 3)), people)
    assert pairs.distances(np.array([0, 0, 1]))[1] == pytest.approx(pairs.distances(np.array([0, 1]))[1])
    one, other = (pairs.distances(np.array([0, 1, 2])[order]) for order in ([0, 1, 2], [2, 0, 1]))
    assert one == pytest.approx(other) and one == pytest.approx(pairs.distances())
    assert np.isnan(pairs.distances(np.array([1, 1, 1]))[1])


def test_person_distances_do_not_see_place_and_turn():
    people = np.array([0, 0, 1])
    wider = TRUTH * (1.1, 1.0, 1.0)
    shapes = np.stack([TRUTH, motion(1.0)(TRUTH), wider])
    within, between = PersonPairs.of(shapes, people).distances()
    assert within < 1e-6
    assert between > 1.0
    assert np.isnan(PersonPairs.of(shapes, np.arange(3)).distances()[0])


def test_the_mean_over_views_is_the_mean_of_the_shapes():
    rng = np.random.default_rng(2)
    vectors = np.tile(MODEL.layout.neutral(), (6, 1))
    for vector in vectors:
        p = MODEL.layout.view(vector)
        p.identity[:], p.expression[:] = rng.normal(size=p.identity.shape), rng.random(p.expression.shape)
    views = [MODEL.layout.view(vector) for vector in vectors]
    shapes = [MODEL.shape(p.identity, p.expression) for p in views]
    np.testing.assert_allclose(mean_over_views(MODEL, vectors), np.mean(shapes, axis=0), atol=1e-4)
    rest = np.zeros(MODEL.layout.n_expression)
    neutral = [MODEL.shape(p.identity, rest)[FACE] for p in views]
    np.testing.assert_allclose(neutral_shapes(MODEL, vectors), neutral, atol=1e-4)

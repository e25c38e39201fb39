"""Weak-perspective camera, pose from points, and the crop's change of view."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from facemodel import CROP_SIZE, Crop, fit_pose, project
from facemodel.lighting import sh_basis, shade_specular
from facemodel.rotation import matrix_from_euler, matrix_to_6d, matrix_to_euler
from tests.toy_model import toy_model

LAYOUT = toy_model(n_identity=3, n_expression=8, n_albedo=2).layout
POINTS = np.random.default_rng(0).normal(size=(40, 3)) * 60.0

crops = st.builds(
    Crop,
    centre=st.tuples(st.floats(-200, 2000), st.floats(-200, 2000)),
    side=st.floats(20, 2000),
    angle=st.floats(-np.pi, np.pi),
)


def random_vector(seed: int) -> np.ndarray:
    """float64 parameters of a face somewhere in a frame."""
    rng = np.random.default_rng(seed)
    vector = rng.normal(size=LAYOUT.size)
    p = LAYOUT.view(vector)
    p.rotation = Rotation.random(rng=rng).as_matrix()
    p.translation[:] = rng.uniform(0, 800, size=2)
    p.scale = float(rng.uniform(0.3, 5.0))
    p.key_position[:] = rng.normal(size=3) * 300.0
    return vector


def apply(matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
    return points @ matrix[:, :2].T + matrix[:, 2]


def test_projection_axes():
    right, up, near = project(np.eye(3) * 10.0, np.eye(3), (100.0, 50.0), 2.0)
    np.testing.assert_allclose(right, [120.0, 50.0], err_msg="+x goes to image right")
    np.testing.assert_allclose(up, [100.0, 30.0], err_msg="+y goes up, pixels go down")
    np.testing.assert_allclose(near, [100.0, 50.0], err_msg="depth does not move a point")


@pytest.mark.parametrize("seed", range(8))
def test_fit_pose_is_exact_without_noise(seed):
    rng = np.random.default_rng(seed)
    rotation, translation = Rotation.random(rng=rng).as_matrix(), rng.uniform(-500, 500, size=2)
    scale = float(rng.uniform(0.05, 20.0))
    found = fit_pose(POINTS, project(POINTS, rotation, translation, scale))
    np.testing.assert_allclose(found[0], rotation, atol=1e-9)
    np.testing.assert_allclose(found[1], translation, atol=1e-7)
    assert found[2] == pytest.approx(scale)


def test_fit_pose_bears_noise_and_returns_a_rotation():
    rotation = matrix_from_euler(0.6, -0.2, 0.3)
    pixels = project(POINTS, rotation, (300.0, 200.0), 2.0) + np.random.default_rng(1).normal(size=(40, 2))
    found, translation, scale = fit_pose(POINTS, pixels)
    np.testing.assert_allclose(found @ found.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(found) == pytest.approx(1.0)
    np.testing.assert_allclose(found, rotation, atol=0.02)
    np.testing.assert_allclose(translation, (300.0, 200.0), atol=1.0)
    assert scale == pytest.approx(2.0, rel=0.02)


def test_crop_corners():
    crop = Crop((100.0, 60.0), side=40.0)
    corners = apply(crop.to_frame(), np.array([[0.0, 0.0], [CROP_SIZE, CROP_SIZE]]))
    np.testing.assert_allclose(corners, [[80.0, 40.0], [120.0, 80.0]])


def test_crop_angle_leans_the_up_axis_to_the_right():
    crop = Crop((0.0, 0.0), side=224.0, angle=0.3)
    middle, top = apply(crop.to_frame(), np.array([[112.0, 112.0], [112.0, 0.0]]))
    lean = top - middle
    assert lean[0] > 0 > lean[1]
    assert np.arctan2(lean[0], -lean[1]) == pytest.approx(0.3)


@given(crops)
@settings(max_examples=50)
def test_crop_matrices_are_inverse(crop):
    points = np.array([[0.0, 0.0], [224.0, 0.0], [30.0, 200.0]])
    np.testing.assert_allclose(apply(crop.from_frame(), apply(crop.to_frame(), points)), points, atol=1e-6)


def test_crop_size_of_the_network_only_scales():
    crop = Crop((50.0, 70.0), side=90.0, angle=0.5)
    np.testing.assert_allclose(
        apply(crop.to_frame(128), np.array([[64.0, 32.0]])), apply(crop.to_frame(256), np.array([[128.0, 64.0]]))
    )


@pytest.mark.parametrize("roll", [-170.0, -60.0, 0.0, 25.0, 90.0])
def test_crop_around_head_stands_the_head_upright(roll):
    rotation = matrix_from_euler(0.0, 0.0, np.radians(roll))
    crop = Crop.around_head(rotation, (320.0, 240.0), 1.5)
    vector = random_vector(0)
    p = LAYOUT.view(vector)
    p.rotation, p.scale = rotation, 1.5
    p.translation[:] = (320.0, 240.0)
    seen = LAYOUT.view(crop.lower(LAYOUT, vector))
    np.testing.assert_allclose(np.degrees(matrix_to_euler(seen.rotation)), 0.0, atol=1e-6)


def test_crop_around_head_scales_with_the_head():
    small = Crop.around_head(np.eye(3), (0.0, 0.0), 1.0)
    large = Crop.around_head(np.eye(3), (0.0, 0.0), 3.0)
    assert large.side == pytest.approx(3 * small.side)


@given(crops, st.integers(0, 1000))
@settings(max_examples=50)
def test_lift_and_lower_are_inverse(crop, seed):
    vector = random_vector(seed)
    back = crop.lower(LAYOUT, crop.lift(LAYOUT, vector))
    np.testing.assert_allclose(back, vector, rtol=1e-7, atol=1e-6)


@given(crops, st.integers(0, 1000))
@settings(max_examples=50)
def test_lifted_parameters_project_where_the_crop_maps_the_points(crop, seed):
    vector = random_vector(seed)
    inside, lifted = LAYOUT.view(vector), LAYOUT.view(crop.lift(LAYOUT, vector))
    in_crop = project(POINTS, inside.rotation, inside.translation, inside.scale)
    in_frame = project(POINTS, lifted.rotation, lifted.translation, lifted.scale)
    np.testing.assert_allclose(in_frame, apply(crop.to_frame(), in_crop), rtol=1e-8, atol=1e-5)


def test_a_pose_alone_is_lowered_as_the_whole_vector_is() -> None:
    vector = LAYOUT.neutral()
    p = LAYOUT.view(vector)
    p.rotation, p.translation[:], p.scale = matrix_from_euler(0.4, -0.2, 0.3), (310.0, 200.0), 1.7
    crop = Crop((300.0, 210.0), 180.0, -0.4)
    seen = LAYOUT.view(crop.lower(LAYOUT, vector))
    pose = crop.lower_pose(p.rotation, p.translation, p.scale)
    expected = [*matrix_to_6d(seen.rotation), *seen.translation, seen.scale]
    np.testing.assert_allclose(pose, expected, rtol=1e-5, atol=1e-5)
    assert pose.dtype == np.float32


@given(crops, st.integers(0, 1000))
@settings(max_examples=30)
def test_lifting_changes_no_colour(crop, seed):
    vector = random_vector(seed)
    inside, lifted = LAYOUT.view(vector), LAYOUT.view(crop.lift(LAYOUT, vector))
    normals = POINTS / np.linalg.norm(POINTS, axis=1, keepdims=True)

    def colours(p):
        n = normals @ p.rotation.T
        highlight = shade_specular(np.ones(3), POINTS @ p.rotation.T, n, p.key_position, np.abs(p.key_color), 8.0)
        return sh_basis(n) @ p.sh, highlight

    for before, after in zip(colours(inside), colours(lifted), strict=True):
        np.testing.assert_allclose(after, before, atol=1e-9)


def test_lifting_leaves_the_person_alone_and_can_write_in_place():
    vector, crop = random_vector(4).astype(np.float32), Crop((90.0, 80.0), 50.0, 0.7)
    lifted = crop.lift(LAYOUT, vector)
    for group in ("identity", "expression", "albedo", "key_color", "shininess"):
        np.testing.assert_array_equal(lifted[LAYOUT.slices[group]], vector[LAYOUT.slices[group]])
    assert lifted.dtype == np.float32
    target = np.empty_like(vector)
    assert crop.lift(LAYOUT, vector, out=target) is target
    np.testing.assert_array_equal(target, lifted)
    assert crop.lift(LAYOUT, vector, out=vector) is vector
    np.testing.assert_allclose(vector, lifted, rtol=1e-6, err_msg="lifting a vector onto itself")


def test_points_go_through_a_crop_as_the_pose_does() -> None:
    crop = Crop((310.0, 205.0), 180.0, 0.3)
    points = np.array([[300.0, 200.0], [350.0, 260.0]])
    matrix = crop.from_frame()
    np.testing.assert_allclose(crop.lower_points(points), points @ matrix[:, :2].T + matrix[:, 2])
    np.testing.assert_allclose(crop.lower_points(crop.centre), (CROP_SIZE / 2, CROP_SIZE / 2))
    back = crop.to_frame()
    np.testing.assert_allclose(crop.lower_points(points) @ back[:, :2].T + back[:, 2], points)

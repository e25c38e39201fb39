"""Rotations: the 6-D form, Euler signs as people see them, and distances."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.spatial.transform import Rotation, Slerp

from facemodel.rotation import (
    angle_between,
    in_plane,
    matrix_from_6d,
    matrix_from_euler,
    matrix_to_6d,
    matrix_to_euler,
    matrix_to_quaternion,
    matrix_to_yxz,
    nearest_rotation,
    slerp,
)

NOSE, TOP = np.array([0.0, 0.0, 1.0]), np.array([0.0, 1.0, 0.0])
angles = st.floats(-np.pi, np.pi)


def random_rotations(count: int, seed: int = 0) -> np.ndarray:
    return Rotation.random(count, rng=np.random.default_rng(seed)).as_matrix()


def test_six_d_round_trip_in_any_leading_shape():
    rotations = random_rotations(12).reshape(3, 4, 3, 3)
    six = matrix_to_6d(rotations)
    assert six.shape == (3, 4, 6)
    np.testing.assert_allclose(matrix_from_6d(six), rotations, atol=1e-12)


def test_six_d_is_the_first_column_then_the_second():
    rotation = random_rotations(1)[0]
    np.testing.assert_array_equal(matrix_to_6d(rotation), [*rotation[:, 0], *rotation[:, 1]])


@given(arrays(float, 6, elements=st.floats(-10, 10)))
def test_any_six_numbers_that_span_a_plane_become_a_rotation(six):
    a, b = six[:3], six[3:]
    if np.linalg.norm(np.cross(a, b)) < 1e-3 * max(1.0, np.linalg.norm(a) * np.linalg.norm(b)):
        return
    rotation = matrix_from_6d(six)
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-9)
    assert np.linalg.det(rotation) == pytest.approx(1.0)
    np.testing.assert_allclose(rotation[:, 0], a / np.linalg.norm(a), atol=1e-12)


def test_six_d_keeps_single_precision():
    assert matrix_from_6d(np.array([1, 0, 0, 0, 1, 0], np.float32)).dtype == np.float32


def test_euler_signs():
    turned = matrix_from_euler(0.3, 0.0, 0.0) @ NOSE
    assert turned[0] > 0, "yaw > 0 turns the nose to image right"
    raised = matrix_from_euler(0.0, 0.3, 0.0) @ NOSE
    assert raised[1] > 0, "pitch > 0 turns the nose up"
    rolled = matrix_from_euler(0.0, 0.0, 0.3) @ TOP
    assert rolled[0] > 0, "roll > 0 is clockwise: the top of the head goes to image right"


def test_roll_is_innermost():
    yaw, pitch, roll = 0.7, -0.4, 0.9
    composed = matrix_from_euler(0, pitch, 0) @ matrix_from_euler(yaw, 0, 0) @ matrix_from_euler(0, 0, roll)
    np.testing.assert_allclose(matrix_from_euler(yaw, pitch, roll), composed, atol=1e-12)


def test_euler_against_scipy():
    yaw, pitch, roll = 0.5, -0.8, 1.9
    scipy_matrix = Rotation.from_euler("XYZ", [-pitch, yaw, -roll]).as_matrix()
    np.testing.assert_allclose(matrix_from_euler(yaw, pitch, roll), scipy_matrix, atol=1e-12)


@given(st.floats(-1.5, 1.5), angles, angles)
def test_euler_round_trip(yaw, pitch, roll):
    rotation = matrix_from_euler(yaw, pitch, roll)
    np.testing.assert_allclose(matrix_from_euler(*matrix_to_euler(rotation)), rotation, atol=1e-7)


def test_euler_broadcasts():
    yaw, pitch, roll = matrix_to_euler(matrix_from_euler(np.linspace(-1, 1, 5), 0.2, -0.1))
    assert yaw.shape == (5,)
    np.testing.assert_allclose(yaw, np.linspace(-1, 1, 5))
    np.testing.assert_allclose(pitch, 0.2)
    np.testing.assert_allclose(roll, -0.1)


@pytest.mark.parametrize("angle", [0.0, 1e-8, 0.01, 1.0, 3.0, np.pi])
def test_angle_between_is_the_geodesic_angle(angle):
    start = random_rotations(1, seed=3)[0]
    axis = np.array([1.0, -2.0, 0.5]) / np.linalg.norm([1.0, -2.0, 0.5])
    turned = start @ Rotation.from_rotvec(angle * axis).as_matrix()
    assert angle_between(start, turned) == pytest.approx(angle, abs=1e-7 if angle > 3 else 1e-12)


def test_in_plane_is_counter_clockwise():
    turned = in_plane(np.pi / 2) @ np.array([1.0, 0.0, 0.0])
    np.testing.assert_allclose(turned, [0.0, 1.0, 0.0], atol=1e-12)


def test_one_vector_is_read_as_in_a_batch():
    for six in np.random.default_rng(3).normal(size=(50, 6)):
        np.testing.assert_allclose(matrix_from_6d(six), matrix_from_6d(six[None])[0], atol=1e-13)
    assert matrix_from_6d(np.eye(3, dtype=np.float32)[:, :2].T.ravel()).dtype == np.float32


def test_parallel_columns_are_no_rotation_and_no_crash():
    for six in (np.zeros(6), np.array([1.0, 0, 0, 2, 0, 0])):
        assert np.isnan(matrix_from_6d(six)).any()


def test_the_nearest_rotation_undoes_scale_and_keeps_nan():
    rotation = matrix_from_euler(0.4, -0.2, 0.1)
    found = nearest_rotation(np.stack([1.7 * rotation, np.full((3, 3), np.nan)]))
    assert found[0] == pytest.approx(rotation)
    assert np.isnan(found[1]).all()


def test_yxz_angles_are_those_of_the_three_turns():
    rotations = random_rotations(50)
    y, x, z = matrix_to_yxz(rotations)
    again = Rotation.from_euler("YXZ", np.stack([y, x, z], axis=-1)).as_matrix()
    np.testing.assert_allclose(again, rotations, atol=1e-12)
    yaw, pitch, roll = 0.4, 0.0, 0.0
    np.testing.assert_allclose(matrix_to_yxz(matrix_from_euler(yaw, pitch, roll)), (0.4, 0.0, 0.0), atol=1e-12)
    np.testing.assert_allclose(matrix_to_yxz(matrix_from_euler(0.0, 0.3, 0.0)), (0.0, -0.3, 0.0), atol=1e-12)
    np.testing.assert_allclose(matrix_to_yxz(matrix_from_euler(0.0, 0.0, 0.2)), (0.0, 0.0, -0.2), atol=1e-12)


def test_slerp_goes_the_shortest_way_at_even_speed():
    a, b = random_rotations(40, 1), random_rotations(40, 2)
    part = np.random.default_rng(3).uniform(0.0, 1.0, 40)
    expected = [
        Slerp([0.0, 1.0], Rotation.from_matrix(np.stack([first, last])))(at).as_matrix()
        for first, last, at in zip(a, b, part, strict=True)
    ]
    np.testing.assert_allclose(slerp(a, b, part), expected, atol=1e-9)


@pytest.mark.parametrize("angle", [0.0, 1e-9, 1e-6, 1e-3, np.pi - 1e-3, np.pi - 1e-7, np.pi])
def test_slerp_of_hardly_anything_and_of_half_a_turn(angle):
    a, b = np.eye(3), Rotation.from_rotvec([0.0, angle, 0.0]).as_matrix()
    for part in (0.0, 0.25, 0.75, 1.0):
        found = slerp(a, b, part)
        np.testing.assert_allclose(found @ found.T, np.eye(3), atol=1e-7)
        wrong = np.abs(angle_between(a, found) - part * angle)
        assert wrong < 1e-6 or (angle > 3.1 and min(angle_between(a, found), angle_between(b, found)) < 1e-6)


def test_a_quaternion_turns_as_its_matrix():
    half_turns = Rotation.from_rotvec(np.pi * np.eye(3)).as_matrix()
    rotations = np.concatenate((random_rotations(60), half_turns, np.eye(3)[None])).reshape(4, 16, 3, 3)
    found = matrix_to_quaternion(rotations)  # (4, 16, 4)
    turned = Rotation.from_quat(found.reshape(-1, 4)).as_matrix()
    np.testing.assert_allclose(turned, rotations.reshape(-1, 3, 3), atol=1e-9)
    assert (found.max(axis=-1) == np.abs(found).max(axis=-1)).all()  # the largest is positive

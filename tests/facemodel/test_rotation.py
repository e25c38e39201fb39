"""Rotations: the 6-D form, Euler signs as people see them, and distances."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.spatial.transform import Rotation

from facemodel.rotation import (
    angle_between,
    in_plane,
    matrix_from_6d,
    matrix_from_euler,
    matrix_to_6d,
    matrix_to_euler,
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

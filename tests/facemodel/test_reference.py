"""The reference renderer: coverage, visibility, and colour."""

from __future__ import annotations

import numpy as np
import pytest

from facemodel.reference import rasterize, render
from tests.toy_model import toy_model


@pytest.fixture(scope="module")
def toy():
    return toy_model(n_identity=3, n_expression=8, n_albedo=2)


def frontal(toy, size: int = 96) -> np.ndarray:
    vector = toy.layout.neutral().astype(np.float64)
    p = toy.layout.view(vector)
    p.scale = size / 260.0
    p.translation[:] = size / 2
    return vector


def test_a_triangle_covers_the_pixel_centres_inside_it():
    pixels = np.array([[1.0, 1.0], [1.0, 5.0], [5.0, 1.0]])  # counter-clockwise with y up
    owner, weights = rasterize(pixels, np.zeros(3), np.array([[0, 1, 2]]), 8, 8)
    expected = np.zeros((8, 8), bool)
    for row in range(8):
        for column in range(8):
            x, y = column + 0.5, row + 0.5
            expected[row, column] = x >= 1 and y >= 1 and x + y <= 6
    np.testing.assert_array_equal(owner == 0, expected)
    centre = weights[owner == 0] @ pixels
    np.testing.assert_allclose(centre, np.argwhere(expected)[:, ::-1] + 0.5)


def test_back_faces_are_culled():
    pixels = np.array([[1.0, 1.0], [5.0, 1.0], [1.0, 5.0]])
    owner, _ = rasterize(pixels, np.zeros(3), np.array([[0, 1, 2]]), 8, 8)
    assert (owner == -1).all()


def test_the_nearer_triangle_wins_in_either_order():
    pixels = np.array([[0.0, 0.0], [0.0, 8.0], [8.0, 0.0]] * 2)
    depth = np.array([0.0, 0.0, 0.0, 1.0, 1.0, 1.0])
    for triangles, winner in ([[0, 1, 2], [3, 4, 5]], 1), ([[3, 4, 5], [0, 1, 2]], 0):
        owner, _ = rasterize(pixels, depth, np.array(triangles), 8, 8)
        assert set(np.unique(owner)) == {-1, winner}


def test_triangles_outside_the_picture_are_ignored():
    pixels = np.array([[-9.0, -9.0], [-9.0, -1.0], [-1.0, -9.0]])
    owner, _ = rasterize(pixels, np.zeros(3), np.array([[0, 1, 2]]), 4, 4)
    assert (owner == -1).all()


def test_a_head_faces_the_camera(toy):
    image = render(toy, frontal(toy), 96, 96)
    assert 0.2 < image.mask.mean() < 0.9
    assert image.mask[48, 48]
    np.testing.assert_allclose(np.linalg.norm(image.normal[image.mask], axis=1), 1.0)
    assert image.normal[image.mask][:, 2].mean() > 0.4
    for values in (image.diffuse, image.specular, image.normal, image.diffuse_albedo):
        assert np.isfinite(values).all()
        assert (values[~image.mask] == 0).all()


def test_moving_the_head_moves_the_picture(toy):
    vector = frontal(toy)
    still = render(toy, vector, 96, 96)
    toy.layout.view(vector).translation[:] += (5.0, -3.0)
    moved = render(toy, vector, 96, 96)
    np.testing.assert_array_equal(np.roll(still.triangle, (-3, 5), axis=(0, 1)), moved.triangle)


def test_light_from_one_side_brightens_that_side(toy):
    vector = frontal(toy)
    p = toy.layout.view(vector)
    p.sh[:] = 0.0
    p.sh[0], p.sh[3] = 2.0, 1.0
    image = render(toy, vector, 96, 96)
    assert image.diffuse[48, 60:80].mean() > 1.5 * image.diffuse[48, 16:36].mean()


def test_specular_needs_a_key_light(toy):
    vector = frontal(toy)
    toy.layout.view(vector).key_color[:] = 0.0
    assert not render(toy, vector, 48, 48).specular.any()

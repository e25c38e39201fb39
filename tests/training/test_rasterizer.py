"""The compiled rasteriser and shading against the float64 reference."""

from __future__ import annotations

import numpy as np
import pytest

from facemodel import project, reference
from facemodel.rotation import matrix_from_euler
from tests.toy_model import toy_model
from training.render.rasterizer import Light, Surface, rasterize, shade, vertex_normals

_SIZE = 72


@pytest.fixture(scope="module")
def scene():
    """A toy face in turned pose and coloured light: model and parameter vector in pixels of a small picture."""
    model = toy_model()
    rng = np.random.default_rng(4)
    vector = model.layout.neutral().astype(np.float64)
    p = model.layout.view(vector)
    p.identity[:] = rng.normal(size=p.identity.shape)
    p.expression[model.expression_names.index("jawOpen")] = 0.6
    p.albedo[:] = rng.normal(size=p.albedo.shape)
    p.rotation = matrix_from_euler(0.5, -0.2, 0.3)
    p.translation[:] = (35.3, 34.1)
    p.scale = 0.25
    p.sh[1:] += 0.3 * rng.normal(size=(8, 3))
    p.key_color[:] = (0.9, 0.5, 0.7)
    return model, vector


def _surface(model, p) -> Surface:
    vertices = model.shape(p.identity, p.expression)
    normals = vertex_normals(vertices, model.triangles)
    return Surface(model.triangles, vertices @ p.rotation.T, normals @ p.rotation.T, *model.albedo(p.albedo))


def test_visible_triangles_are_the_references(scene):
    model, vector = scene
    p = model.layout.view(vector)
    vertices = model.shape(p.identity, p.expression)
    pixels, depth = project(vertices, p.rotation, p.translation, p.scale), (vertices @ p.rotation.T)[:, 2]
    owner, weights = rasterize(pixels, depth, model.triangles, _SIZE, _SIZE)
    expected_owner, expected_weights = reference.rasterize(pixels, depth, model.triangles, _SIZE, _SIZE)
    assert (owner >= 0).sum() > 500
    np.testing.assert_array_equal(owner >= 0, expected_owner >= 0)
    same = owner == expected_owner
    assert same.mean() > 0.999  # equal depths on shared edges may go either way
    np.testing.assert_allclose(weights[same], expected_weights[same], atol=1e-5)


def test_back_faces_and_what_lies_outside_are_not_drawn():
    pixels = np.array([[1.0, 1.0], [1.0, 9.0], [9.0, 1.0], [30.0, 30.0]])
    front, back, outside = (0, 1, 2), (0, 2, 1), (3, 3, 3)
    owner, _ = rasterize(pixels, np.zeros(4), np.array([back, outside, front]), 8, 8)
    assert set(np.unique(owner)) == {-1, 2}


def test_nearer_triangle_hides_the_farther_one_in_any_order():
    pixels = np.array([[0.0, 0.0], [0.0, 16.0], [16.0, 0.0]] * 2)
    depth = np.array([0.0, 0.0, 0.0, 5.0, 5.0, 5.0])
    for triangles, expected in (([(0, 1, 2), (3, 4, 5)], 1), ([(3, 4, 5), (0, 1, 2)], 0)):
        owner, _ = rasterize(pixels, depth, np.array(triangles), 6, 6)
        assert (owner == expected).all()


def test_shading_is_the_references(scene):
    model, vector = scene
    p = model.layout.view(vector)
    surface = _surface(model, p)
    pixels = project(model.shape(p.identity, p.expression), p.rotation, p.translation, p.scale)
    owner, weights = rasterize(pixels, surface.posed[:, 2], model.triangles, _SIZE, _SIZE)
    image = shade(surface, Light(p.sh, p.key_position, p.key_color, p.shininess), owner, weights)[0]
    expected = reference.render(model, vector, _SIZE, _SIZE)
    assert expected.specular.max() > 0.01
    same = owner == expected.triangle
    np.testing.assert_allclose(image[same], (expected.diffuse + expected.specular)[same], atol=2e-4)
    assert not image[owner < 0].any()


def test_normals_are_the_models(scene):
    model, _ = scene
    np.testing.assert_allclose(vertex_normals(model.mean, model.triangles), model.normals(model.mean), atol=1e-4)

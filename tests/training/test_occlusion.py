"""Baked occlusion against shapes whose openness is known, and on the toy model."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh

from tests.toy_model import toy_model
from training.face_model.occlusion import bake_occlusion, openness
from training.face_model.template import Template


def test_a_ball_is_open_everywhere_and_what_it_holds_is_dark():
    outer, inner = trimesh.creation.icosphere(3, 100.0), trimesh.creation.icosphere(2, 30.0)
    both = trimesh.util.concatenate([outer, inner])
    found = openness(np.array(both.vertices), np.array(both.faces, np.int32), size=256)
    np.testing.assert_allclose(found[: len(outer.vertices)], 1.0, atol=0.03)
    assert not found[len(outer.vertices) :].any()


@pytest.mark.parametrize("depth", [20.0, 50.0, 100.0])
def test_the_bottom_of_a_well_sees_as_much_as_geometry_says(depth):
    """r^2 / (r^2 + h^2) of the cosine-weighted hemisphere in the middle of the bottom."""
    radius, around = 50.0, 64
    angle = 2.0 * np.pi * np.arange(around) / around
    ring = radius * np.stack([np.cos(angle), np.sin(angle), np.zeros(around)], axis=1)
    vertices = np.concatenate([ring, ring + [0.0, 0.0, depth], [[0.0, 0.0, 0.0]]])
    here, after = np.arange(around), (np.arange(around) + 1) % around
    walls = [np.stack([here, here + around, after], 1), np.stack([after, here + around, after + around], 1)]
    bottom = np.stack([here, after, np.full(around, 2 * around)], 1)
    found = openness(vertices, np.concatenate([*walls, bottom]).astype(np.int32), size=256)[-1]
    assert found == pytest.approx(radius**2 / (radius**2 + depth**2), abs=0.05)


def test_the_inside_of_a_face_is_darker_than_its_skin():
    model = toy_model()
    template = Template(
        model.mean.astype(float),
        model.triangles,
        model.uv,
        model.uv_triangles,
        model.region_names,
        model.triangle_region,
    )
    occlusion = bake_occlusion(model, template, size=128)
    np.testing.assert_array_equal(occlusion, bake_occlusion(model, template, size=128))
    assert occlusion.shape == (model.n_vertices,) and occlusion.dtype == np.float32
    assert occlusion.min() > 0.0 and occlusion.max() <= 1.0
    lining, scalp = (occlusion[model.region_vertices(name)] for name in ("mouth_lining", "scalp"))
    assert lining.mean() < 0.5 < 0.95 < scalp.mean()
    eyes = model.region_vertices("eyes")
    height = model.mean[eyes, 1] - model.eye_centres[0, 1]
    front = model.mean[eyes, 2] > 68.0
    assert occlusion[eyes][front & (height > 3.0)].mean() < occlusion[eyes][front & (height < -3.0)].mean()

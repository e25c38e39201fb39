"""The float64 reference against golden vectors that an independent script computed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from facemodel import project
from facemodel.lighting import sh_basis, shade_diffuse, shade_specular
from facemodel.rotation import matrix_from_euler

GOLDEN = Path(__file__).parent / "golden" / "vectors.json"


@pytest.fixture(scope="module")
def golden() -> dict[str, Any]:
    return json.loads(GOLDEN.read_text())


def test_sh_basis(golden):
    np.testing.assert_allclose(sh_basis(golden["normals"]), golden["sh_basis"], atol=1e-9)


def test_diffuse(golden):
    shaded = shade_diffuse(golden["diffuse_albedo"], golden["normals"], golden["sh"])
    np.testing.assert_allclose(shaded, golden["diffuse"], atol=1e-9)


@pytest.mark.parametrize("light", range(3))
def test_specular(golden, light):
    key = golden["lights"][light]
    expected = np.array(key["specular"])
    shaded = shade_specular(
        golden["specular_albedo"],
        golden["points"],
        golden["normals"],
        key["key_position"],
        key["key_color"],
        key["shininess"],
    )
    assert (expected == 0).all(axis=1).any(), "the vectors must hold unlit points"
    np.testing.assert_allclose(shaded, expected, atol=1e-9)


@pytest.mark.parametrize("pose", range(6))
def test_rotation_and_projection(golden, pose):
    expected = golden["poses"][pose]
    rotation = matrix_from_euler(*np.radians([expected["yaw"], expected["pitch"], expected["roll"]]))
    np.testing.assert_allclose(rotation, expected["rotation"], atol=1e-9)
    pixels = project(golden["points"], rotation, expected["translation"], expected["scale"])
    np.testing.assert_allclose(pixels, expected["pixels"], atol=1e-8)

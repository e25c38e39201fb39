"""The light rig and the observable that holds it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from facemodel import ParameterLayout
from facemodel.lighting import sh_basis
from realtime.light.environments import Environment
from realtime.light.rig import ESTIMATED, LightRig
from realtime.observable import Observable

LAYOUT = ParameterLayout(3, 2, ("jawOpen", "mouthClose"))
_SH = np.outer([0.5, 0.0, 1.0, 0, 0, 0, 0, 0, 0], [1.0, 0.5, 0.25]).astype(np.float32)
FRONT = {"front": Environment(_SH, np.array((0.0, 0.0, 800.0), np.float32), np.ones(3, np.float32))}


@pytest.fixture
def vector() -> np.ndarray:
    vector = LAYOUT.neutral()
    vector[: LAYOUT.slices["rotation"].start] = np.linspace(0.1, 0.9, LAYOUT.slices["rotation"].start)
    return vector


def apply(rig: LightRig, vector: np.ndarray) -> np.ndarray:
    return rig.apply(LAYOUT, vector, np.empty_like(vector), FRONT)


def test_a_rig_that_follows_changes_nothing(vector):
    rig = LightRig(key_intensity=2.0, environment="front", environment_rotation=90.0)
    np.testing.assert_array_equal(apply(rig, vector), vector)


def test_an_override_replaces_the_light_and_only_the_light(vector):
    before = vector.copy()
    rig = LightRig(
        override=True,
        key_direction=(0.0, 0.6, 0.8),
        key_distance=500.0,
        key_color=(1.0, 0.5, 0.0),
        key_intensity=2.0,
        shininess=64.0,
        environment="front",
        environment_intensity=3.0,
    )
    out = apply(rig, vector)
    p = LAYOUT.view(out)
    np.testing.assert_allclose(p.key_position, (0.0, 300.0, 400.0), rtol=1e-6)
    np.testing.assert_allclose(p.key_color, (2.0, 1.0, 0.0))
    assert p.shininess == 64.0
    np.testing.assert_allclose(p.sh, 3.0 * _SH, atol=1e-6)
    light = LAYOUT.slices["sh"].start
    np.testing.assert_array_equal(out[:light], vector[:light])
    np.testing.assert_array_equal(vector, before)


@pytest.mark.parametrize("name", [ESTIMATED, "of a version to come"])
def test_an_unknown_environment_is_the_estimated_one(vector, name):
    out = apply(LightRig(override=True, environment=name), vector)
    np.testing.assert_allclose(LAYOUT.view(out).sh, LAYOUT.view(vector).sh, atol=1e-6)


def test_rotation_turns_environment_and_key_light_to_image_right(vector):
    rig = LightRig(override=True, environment="front", key_direction=(0.0, 0.0, 1.0)).rotated(90.0)
    sh = LAYOUT.view(apply(rig, vector)).sh
    right, front = sh_basis([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]) @ sh
    assert right[0] > front[0] + 0.3
    np.testing.assert_allclose(rig.key_direction, (1.0, 0.0, 0.0), atol=1e-9)
    np.testing.assert_allclose(rig.rotated(0.0).key_direction, (0.0, 0.0, 1.0), atol=1e-9)


def test_adopting_the_estimate_starts_without_a_jump(vector):
    rig = replace(LightRig().adopting(LAYOUT.view(vector)), override=True)
    np.testing.assert_allclose(apply(rig, vector), vector, atol=1e-4)


def test_a_black_estimate_keeps_the_hue(vector):
    LAYOUT.view(vector).key_color[:] = 0.0
    rig = LightRig(key_color=(1.0, 0.2, 0.1)).adopting(LAYOUT.view(vector))
    assert rig.key_color == (1.0, 0.2, 0.1)
    assert rig.key_intensity == 0.0


def test_a_drag_moves_the_light_as_the_picture_moves():
    rig = LightRig(key_direction=(0.0, 0.0, 1.0))
    np.testing.assert_allclose(rig.dragged(np.pi / 2, 0.0).key_direction, (1.0, 0.0, 0.0), atol=1e-9)
    np.testing.assert_allclose(rig.dragged(0.0, np.pi / 4).key_direction, (0.0, 0.5**0.5, 0.5**0.5), atol=1e-9)
    around = rig
    for _ in range(8):
        around = around.dragged(np.pi / 4, 0.0)
    np.testing.assert_allclose(around.key_direction, (0.0, 0.0, 1.0), atol=1e-9)
    assert rig.dragged(0.0, 0.0) == rig


def test_an_observable_tells_changes_once():
    heard: list[LightRig] = []
    rig = Observable(LightRig())
    rig.listen(heard.append)
    rig.update(shininess=30.0)
    rig.update(shininess=30.0)
    assert [value.shininess for value in heard] == [20.0, 30.0]

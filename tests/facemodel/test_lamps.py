"""Lamps: what a round lamp gives, against sums over its disc, and how far a lamp reaches."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest

from facemodel.lighting import lamp_sine, risen_part, shade_lamps, soft_cosine, spot_edge, widened_lobe

ONES = np.ones(3)


@dataclass(frozen=True)
class Lamp:
    kind: str = "point"
    direction: tuple[float, float, float] = (0.0, 0.0, 1.0)
    distance: float = 1000.0
    color: tuple[float, float, float] = (0.9, 0.6, 0.3)
    size: float = 0.0
    beam: float = 40.0


def disc(size: float, steps: int = 150) -> np.ndarray:
    """Directions (N, 3) that cover a disc of a diameter in degrees around +z evenly."""
    z = 1.0 - (1.0 - np.cos(np.radians(0.5 * size))) * (np.arange(steps) + 0.5) / steps
    z, azimuth = np.meshgrid(z, 2.0 * np.pi * (np.arange(steps) + 0.5) / steps)
    radius = np.sqrt(1.0 - z * z)
    return np.stack([radius * np.cos(azimuth), radius * np.sin(azimuth), z], axis=-1).reshape(-1, 3)


@pytest.mark.parametrize("size", [1.0, 10.0, 30.0, 60.0])
def test_the_soft_terminator_is_that_of_a_disc(size):
    angle = np.linspace(0.0, np.pi, 91)
    above = disc(size) @ np.stack([np.sin(angle), 0.0 * angle, np.cos(angle)])  # (N, 91)
    expected = np.maximum(above, 0.0).mean(axis=0) / disc(size)[:, 2].mean()
    found = soft_cosine(np.cos(angle), lamp_sine(size))
    assert np.abs(found - expected).max() < 0.01
    around = np.sin(angle)  # a sphere as a whole
    assert (found * around).sum() == pytest.approx((expected * around).sum(), rel=0.01)
    assert np.abs(risen_part(np.cos(angle), lamp_sine(size)) - (above > 0.0).mean(axis=0)).max() < 0.02


def test_a_small_lamp_is_a_point():
    cosine = np.linspace(-1.0, 1.0, 50)
    np.testing.assert_allclose(soft_cosine(cosine, lamp_sine(0.0)), np.maximum(cosine, 0.0), atol=3e-4)
    assert widened_lobe(20.0, 0.0) == (pytest.approx(20.0), pytest.approx(1.0))


@pytest.mark.parametrize(("size", "shininess"), [(10.0, 100.0), (30.0, 20.0), (60.0, 8.0), (60.0, 20.0)])
def test_the_widened_highlight_is_that_of_a_disc(size, shininess):
    """In both directions across the highlight of a lamp that stands 40 degrees aside."""
    turn = np.radians(40.0)
    side = np.array([[np.cos(turn), 0.0, np.sin(turn)], [0.0, 1.0, 0.0], [-np.sin(turn), 0.0, np.cos(turn)]])
    halves = disc(size, 60) @ side.T + (0.0, 0.0, 1.0)
    halves /= np.linalg.norm(halves, axis=1, keepdims=True)
    half = np.array([np.sin(0.5 * turn), 0.0, np.cos(0.5 * turn)])
    exponent, height = widened_lobe(shininess, size)
    angle = np.linspace(-1.0, 1.0, 41)[:, None]
    for across in (np.array([0.0, 1.0, 0.0]), np.array([np.cos(0.5 * turn), 0.0, -np.sin(0.5 * turn)])):
        n = np.cos(angle) * half + np.sin(angle) * across
        expected = (np.maximum(n @ halves.T, 0.0) ** shininess).mean(axis=1)
        found = height * np.maximum(n @ half, 0.0) ** exponent
        assert np.abs(found - expected).max() < 0.05
        assert found.sum() == pytest.approx(expected.sum(), rel=0.05)


@pytest.mark.parametrize("kind", ["point", "directional", "spot"])
def test_colour_is_irradiance_over_pi_at_the_head_centre(kind):
    diffuse, specular = shade_lamps(ONES, ONES, np.zeros(3), (0.0, 0.0, 1.0), [Lamp(kind), Lamp(kind)], 20.0)
    np.testing.assert_allclose(diffuse, (1.8, 1.2, 0.6), atol=1e-3)
    np.testing.assert_allclose(specular, (1.8, 1.2, 0.6), atol=1e-3)


def test_light_falls_off_with_the_square_of_the_distance_unless_it_is_directional():
    nearer = np.array([0.0, 0.0, 500.0])
    near, _ = shade_lamps(ONES, ONES, nearer, (0.0, 0.0, 1.0), [Lamp()], 20.0)
    np.testing.assert_allclose(near, 4.0 * np.array(Lamp().color), rtol=1e-3)
    far, _ = shade_lamps(ONES, ONES, nearer, (0.0, 0.0, 1.0), [Lamp("directional")], 20.0)
    np.testing.assert_allclose(far, Lamp().color, rtol=1e-3)


def test_a_spot_ends_smoothly_at_its_beam():
    lamp = Lamp("spot", beam=20.0)
    angles = np.radians([0.0, 7.9, 9.0, 9.9, 10.1])
    points = np.stack([1000.0 * np.tan(angles), 0.0 * angles, 0.0 * angles], axis=-1)
    light, _ = shade_lamps(np.ones((5, 3)), np.ones((5, 3)), points, [(0.0, 0.0, 1.0)] * 5, [lamp], 20.0)
    lit = light[:, 0] / shade_lamps(np.ones((5, 3)), np.ones((5, 3)), points, [(0.0, 0.0, 1.0)] * 5,
                                    [replace(lamp, kind="point")], 20.0)[0][:, 0]  # fmt: skip
    assert lit[0] == lit[1] == 1.0 and 0.3 < lit[2] < 0.7 and 0.0 < lit[3] < 0.05 and lit[4] == 0.0
    assert spot_edge("point", 20.0) == (0.0, 1.0)


def test_a_lamp_behind_lights_nothing_in_front():
    lamp = Lamp(direction=(0.0, 0.0, -1.0), size=30.0)
    for shaded in shade_lamps(ONES, ONES, np.array([0.0, 0.0, 100.0]), (0.0, 0.0, 1.0), [lamp], 20.0):
        np.testing.assert_array_equal(shaded, 0.0)

"""Light errors against values worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from facemodel.lighting import COSINE_LOBE, sh_basis
from tests.toy_model import toy_model
from training.evaluation.light_error import key_angle, light_errors, radiance, radiance_error, shininess_error

LAYOUT = toy_model().layout


def test_key_angle_is_of_directions_whatever_the_distance():
    truth = np.array([(0.0, 0.0, 500.0), (0.0, 0.0, 500.0), (100.0, 0.0, 0.0), (0.0, 3.0, 0.0)])
    found = np.array([(0.0, 0.0, 20.0), (0.0, 70.0, 70.0), (-9.0, 0.0, 0.0), (0.0, 3.0, 1e-9)])
    np.testing.assert_allclose(key_angle(found, truth), (0.0, 45.0, 180.0, 0.0), atol=1e-7)


def test_radiance_takes_the_cosine_lobe_out_of_each_band():
    light = sh_basis(np.array([0.6, 0.0, 0.8]))[:, None] * (1.0, 2.0, 3.0)
    np.testing.assert_allclose(radiance(light * COSINE_LOBE[:, None]), light)
    ones = radiance(np.ones((9, 3)))
    np.testing.assert_allclose(ones[:, 0], [1, 1.5, 1.5, 1.5, 4, 4, 4, 4, 4])


def test_radiance_error_is_the_root_mean_square_over_the_sphere():
    """Parseval by brute force: over many directions the two agree."""
    rng = np.random.default_rng(0)
    own, true = rng.normal(size=(2, 9, 3))
    directions = rng.normal(size=(200000, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    seen = [sh_basis(directions) @ radiance(sh) for sh in (own, true)]
    rms = np.sqrt(((seen[0] - seen[1]) ** 2).mean() / (seen[1] ** 2).mean())
    assert radiance_error(own, true) == pytest.approx(rms, rel=0.01)


def test_radiance_error_weighs_the_higher_bands_as_radiance_does():
    truth = np.zeros((9, 3))
    truth[0] = 1.0
    low, high = truth.copy(), truth.copy()
    low[0] += 0.1
    high[8] += 0.1
    assert radiance_error(low, truth) == pytest.approx(0.1)
    assert radiance_error(high, truth) == pytest.approx(0.4)
    assert radiance_error(np.zeros((9, 3)), truth) == pytest.approx(1.0)


def test_a_free_gain_forgives_brightness_and_tint_but_not_direction():
    truth = np.random.default_rng(1).normal(size=(5, 9, 3))
    brighter = truth * (1.5, 0.7, 2.0)
    assert (radiance_error(brighter, truth) > 0.3).all()
    np.testing.assert_allclose(radiance_error(brighter, truth, free_gain=True), 0.0, atol=1e-12)
    turned = np.roll(truth, 1, axis=1)
    assert (radiance_error(turned, truth, free_gain=True) > 0.3).all()
    np.testing.assert_allclose(radiance_error(0 * truth, truth, free_gain=True), 1.0)


def test_shininess_error_counts_octaves_both_ways():
    np.testing.assert_allclose(shininess_error([20.0, 5.0, 10.0], [10.0, 40.0, 10.0]), (1.0, 3.0, 0.0))


def test_light_errors_are_medians_and_skip_lights_that_are_off():
    truths = np.tile(LAYOUT.neutral(), (5, 1))
    vectors = truths.copy()
    for i, degrees in enumerate((10.0, 20.0, 60.0, 90.0, 120.0)):
        t, v = LAYOUT.view(truths[i]), LAYOUT.view(vectors[i])
        t.key_position[:] = (0.0, 0.0, 400.0)
        v.key_position[:] = 300 * np.array([np.sin(np.radians(degrees)), 0.0, np.cos(np.radians(degrees))])
        t.key_color[:] = 1.0 if i < 3 else 0.0
        v.shininess = 2.0 * t.shininess
    errors = light_errors(LAYOUT, vectors, truths)
    assert errors["key_angle"] == pytest.approx(20.0, abs=1e-3)
    assert errors["shininess_log2"] == pytest.approx(1.0, abs=1e-5)
    assert errors["radiance"] == 0.0
    assert (errors["key_lights"], errors["lights"]) == (3, 5)
    dark = light_errors(LAYOUT, vectors[3:], truths[3:])
    assert np.isnan(dark["key_angle"]) and dark["radiance"] == 0.0

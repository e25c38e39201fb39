"""Colour and separation errors on pictures painted by hand, and the layers that they are measured on."""

from __future__ import annotations

import numpy as np
import pytest

from facemodel import CROP_SIZE
from facemodel.reference import render
from facemodel.rotation import matrix_from_euler
from tests.toy_model import toy_model
from training.evaluation.color_error import ColorError, HighlightShare, color_error, specular_leak
from training.evaluation.layers import face_layers

RNG = np.random.default_rng(0)
MASK = np.zeros((8, 10), bool)
MASK[2:6, 3:8] = True


def flat(value):
    return np.full((8, 10, 3), value, float)


def test_color_error_is_the_mean_over_channels_within_the_mask():
    image, rendered = flat(0.5), flat(0.5)
    rendered[MASK] += (0.3, 0.0, -0.15)
    rendered[~MASK] = 1.0
    error = color_error(image, rendered, MASK)
    assert error.pixels == 20
    assert error.mean == pytest.approx(0.15)
    assert error.std == pytest.approx(0.0, abs=1e-7)


def test_color_error_pools_pixels_not_pictures():
    half = np.zeros_like(MASK)
    half[0, :5] = True  # 5 pixels off by 0.4 beside 20 off by 0.1
    pooled = color_error(flat(0.5), flat(0.6), MASK) + color_error(flat(0.5), flat(0.9), half)
    assert pooled.mean == pytest.approx((20 * 0.1 + 5 * 0.4) / 25)
    assert pooled.std == pytest.approx(np.std([0.1] * 20 + [0.4] * 5))
    assert np.isnan(ColorError().mean)


def test_pictures_in_bytes_and_of_other_sizes_are_refused():
    with pytest.raises(ValueError, match="sRGB"):
        color_error(flat(128.0), flat(0.5), MASK)
    with pytest.raises(ValueError, match="sRGB"):
        color_error(flat(0.5), flat(np.nan), MASK)
    with pytest.raises(ValueError, match="shapes"):
        color_error(flat(0.5), flat(0.5), MASK[:4])


def gloss():
    picture = RNG.random((8, 10, 3)) ** 4
    picture[0] = 0.0
    return picture


def test_the_leak_is_the_share_of_specular_light_in_the_diffuse_image():
    base, specular = RNG.random((8, 10, 3)), gloss()
    for share in (0.0, 0.3, 1.0):
        leak, pattern = specular_leak(base + share * specular, base, specular, MASK)
        assert leak.share == pytest.approx(share)
        assert pattern.share == pytest.approx(share, abs=1e-9)
    assert leak.whole == pytest.approx(specular[MASK].sum())
    assert specular_leak(base + 5 * specular, base, specular, MASK)[0].share == pytest.approx(1.0)  # no more than all


def test_a_diffuse_image_too_pale_as_a_whole_leaks_by_energy_but_not_by_pattern():
    base, specular = RNG.random((8, 10, 3)) + 0.2, gloss()
    leak, pattern = specular_leak(1.1 * base, base, specular, MASK)
    assert leak.share > 0.1
    assert pattern.share == pytest.approx(0.0, abs=1e-9)
    assert specular_leak(0.9 * base, base, specular, MASK)[0].share == 0.0


def test_leaks_pool_by_energy_and_a_matt_picture_says_nothing():
    base, specular = flat(0.3), flat(0.1)
    leaks = [
        specular_leak(base + specular, base, specular, MASK)[0],
        specular_leak(base, base, 3 * specular, MASK)[0],
    ]
    assert sum(leaks, HighlightShare()).share == pytest.approx(0.25)
    matt = specular_leak(base, base, flat(0.0), MASK)
    assert all(np.isnan(each.share) for each in matt)
    assert sum(leaks, matt[0]).share == pytest.approx(0.25)


def test_layers_are_the_reference_renderers_diffuse_and_specular():
    model = toy_model()
    vector = model.layout.neutral()
    p = model.layout.view(vector)
    p.rotation = matrix_from_euler(0.3, -0.1, 0.1)
    p.translation[:], p.scale = (110.0, 100.0), 0.8
    p.albedo[:], p.key_color[:] = 0.5, (0.9, 0.8, 0.7)
    layers = face_layers(model, vector)
    reference = render(model, vector, CROP_SIZE, CROP_SIZE)
    face = reference.mask & (model.triangle_region[reference.triangle] == model.region_names.index("face"))
    assert (layers.mask != face).mean() < 1e-3
    both = layers.mask & face
    assert both.sum() > 5000
    np.testing.assert_allclose(layers.diffuse[both], reference.diffuse[both], atol=2e-3)
    np.testing.assert_allclose(layers.specular[both], reference.specular[both], atol=2e-3)
    assert layers.specular[both].max() > 0.02
    half = face_layers(model, vector, CROP_SIZE // 2)
    assert half.mask.shape == (CROP_SIZE // 2, CROP_SIZE // 2)
    assert half.mask.sum() == pytest.approx(layers.mask.sum() / 4, rel=0.03)

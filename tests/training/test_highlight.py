"""Highlights: who sees one, where it lies, and what of its pattern a diffuse image holds."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from facemodel.color import decode_srgb, encode_srgb
from facemodel.lighting import sh_basis
from training.evaluation.color_error import HighlightShare, highlight_pattern, specular_leak
from training.evaluation.layers import FaceLayers
from training.evaluation.light_error import half_angle, half_vector

SIDE = 40
RNG = np.random.default_rng(0)
MASK = np.zeros((SIDE, SIDE), bool)
MASK[4:36, 4:36] = True
ROW, COLUMN = np.mgrid[:SIDE, :SIDE] / SIDE
NORMALS = np.stack([COLUMN - 0.5, 0.5 - ROW, np.full_like(ROW, 0.8)], axis=2)
NORMALS /= np.linalg.norm(NORMALS, axis=2, keepdims=True)
ALBEDO = (0.4 + 0.2 * RNG.random((SIDE, SIDE, 1))) * (1.0, 0.7, 0.5)
GLOSS = 0.4 * np.exp(-((ROW - 0.4) ** 2 + (COLUMN - 0.6) ** 2) / 0.01)[..., None] * np.ones(3)


def lit(sh):
    """The diffuse image under coefficients (9,) of white light."""
    return ALBEDO * (sh_basis(NORMALS) @ sh)[..., None]


BASE = lit(np.array([3.0, 0.3, 0.4, -0.2, 0.1, 0.0, 0.1, 0.2, 0.0]))
TRUTH = FaceLayers(BASE, GLOSS, ALBEDO, NORMALS, MASK)


def share(diffuse):
    return highlight_pattern(diffuse, TRUTH, MASK).share


def layers(gain, mask=MASK):
    """A face whose pixels are brightened by `gain` of 255 where the mask says so."""
    specular = np.zeros((SIDE, SIDE, 3))
    specular[mask] = decode_srgb(np.full(3, 0.5 + gain / 255.0)) - decode_srgb(np.full(3, 0.5))
    return replace(TRUTH, diffuse=np.full((SIDE, SIDE, 3), decode_srgb(np.array(0.5))), specular=specular)


def test_the_pattern_is_the_share_of_the_highlight_that_is_left_in_the_diffuse_image():
    for left in (-0.3, 0.0, 0.25, 1.0):
        assert share(BASE + left * GLOSS) == pytest.approx(left, abs=1e-9)
    both = HighlightShare() + highlight_pattern(BASE + GLOSS, TRUTH, MASK)
    both = both + highlight_pattern(BASE, replace(TRUTH, specular=2.0 * GLOSS), MASK)
    assert both.share == pytest.approx(0.2)  # bright highlights count by their square


def test_errors_that_have_nothing_to_do_with_the_highlight_are_none():
    """Of the older measure, each of them is a good part of a highlight."""
    error = 0.1 * RNG.normal(size=BASE.shape) + 0.05
    shuffled = BASE.copy()
    shuffled[MASK] += RNG.permutation(error[MASK])
    other_side = lit(np.array([3.0, -1.0, 0.4, 1.5, 0.1, 0.0, 0.1, 0.2, 0.0]))
    for diffuse, near in ((BASE + 0.1, 1e-9), (1.3 * BASE, 1e-9), (other_side, 1e-9), (shuffled, 0.1)):
        assert share(diffuse) == pytest.approx(0.0, abs=near)
        assert specular_leak(diffuse, BASE, GLOSS, MASK)[0].share > 0.1
    flat = np.broadcast_to(BASE[MASK].mean(axis=0), BASE.shape)
    assert share(flat) == pytest.approx(0.0, abs=1e-9)
    assert share(other_side + 0.1 + 0.3 * GLOSS) == pytest.approx(0.3)  # and hide none that is there


def test_a_highlight_in_the_wrong_place_is_none_of_this_one():
    assert abs(share(BASE + GLOSS[::-1, ::-1])) < 0.2
    mixed = BASE.copy()
    mixed[MASK] += RNG.permutation(GLOSS[MASK])
    assert abs(share(mixed)) < 0.1


def test_without_highlight_or_face_there_is_no_share():
    assert np.isnan(highlight_pattern(BASE, replace(TRUTH, specular=0.0 * GLOSS), MASK).share)
    assert np.isnan(highlight_pattern(BASE, TRUTH, np.zeros_like(MASK)).share)
    with pytest.raises(ValueError, match="shapes differ"):
        highlight_pattern(BASE[:5], TRUTH, MASK)


def test_brightening_is_in_steps_of_a_byte_over_a_twentieth_of_the_face():
    assert layers(4.0).brightening == pytest.approx(4.0, abs=1e-6)
    spot = np.zeros_like(MASK)
    spot[10:16, 10:16] = True  # 36 of 1024 pixels: fewer than a twentieth
    assert layers(200.0, spot).brightening == 0.0
    spot[10:19, 10:19] = True
    assert layers(9.0, spot).brightening == pytest.approx(9.0, abs=1e-6)
    white = replace(TRUTH, diffuse=np.ones((SIDE, SIDE, 3)))
    assert white.brightening == 0.0  # white cannot get brighter
    assert replace(TRUTH, mask=np.zeros_like(MASK)).brightening == 0.0
    assert encode_srgb(decode_srgb(np.array(0.5))) == pytest.approx(0.5)


def test_half_vectors_turn_by_half_of_the_light():
    lights = np.array([(0.0, 0.0, 300.0), (0.0, 200.0, 0.0), (70.0, 0.0, 70.0)])
    front = np.tile((0.0, 0.0, 900.0), (3, 1))
    np.testing.assert_allclose(half_angle(lights, front), (0.0, 45.0, 22.5), atol=1e-9)
    np.testing.assert_allclose(np.linalg.norm(half_vector(lights), axis=1), 1.0)
    assert np.isfinite(half_vector((0.0, 0.0, -100.0))).all()  # a light right behind the head has none

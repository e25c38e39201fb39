"""The sRGB transfer function."""

from __future__ import annotations

import numpy as np
import pytest

from facemodel.color import decode_srgb, encode_srgb


def test_known_values():
    assert encode_srgb(0.5) == pytest.approx(0.735357, abs=1e-6)
    assert encode_srgb(0.001) == pytest.approx(0.01292)
    assert decode_srgb(0.5) == pytest.approx(0.214041, abs=1e-6)


def test_round_trip_of_every_byte():
    codes = np.arange(256)
    np.testing.assert_array_equal(np.round(encode_srgb(decode_srgb(codes / 255.0)) * 255.0), codes)


def test_encoding_rises_everywhere():
    assert (np.diff(encode_srgb(np.linspace(0, 1, 10001))) > 0).all()


def test_light_beyond_the_screen_is_clamped():
    assert encode_srgb([-0.5, 1.7]) == pytest.approx([0.0, 1.0])
    assert decode_srgb([-0.5, 1.7]) == pytest.approx([0.0, 1.0])

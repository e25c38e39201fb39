"""Jitter of clips whose motion is known."""

from __future__ import annotations

import numpy as np
import pytest

from facemodel.rotation import matrix_from_euler
from tests.toy_model import toy_model
from training.evaluation.sections.stability import jitter, moving_frames

MODEL = toy_model()
LAYOUT = MODEL.layout
FRAMES = 300


def clip(yaw=0.0, pitch=0.0, x=0.0, weight=0.2, scale=2.0):
    """FRAMES vectors whose yaw and pitch (degrees), x (px), jawOpen and scale follow numbers or arrays (FRAMES,)."""
    columns = np.broadcast_arrays(yaw, pitch, x, weight, scale, np.zeros(FRAMES))[:5]
    vectors = []
    for a, b, c, d, e in zip(*columns, strict=True):
        vector = LAYOUT.neutral()
        p = LAYOUT.view(vector)
        p.rotation = matrix_from_euler(np.radians(a), np.radians(b), 0.0)
        p.translation[:], p.scale = (300.0 + c, 200.0), e
        p.expression[LAYOUT.expression_names.index("jawOpen")] = d
        vectors.append(vector)
    return vectors


STILL = np.zeros(FRAMES, bool)
TIME = np.arange(FRAMES, dtype=float)
RNG = np.random.default_rng(0)


def test_stillness_and_steady_motion_have_no_jitter():
    for vectors in (clip(), clip(x=2.0 * TIME, yaw=-20 + 0.1 * TIME, weight=TIME / FRAMES)):
        figures = jitter(MODEL, vectors, STILL)["still"]
        assert figures["frames"] == FRAMES - 2
        assert figures["angle"] < 1e-3
        assert figures["weights"] < 1e-6
        assert figures["landmarks"] < 0.01


def test_white_noise_of_a_known_size_comes_back_times_the_root_of_six():
    noisy = clip(x=RNG.normal(0, 0.5, FRAMES), weight=0.5 + RNG.normal(0, 0.02, FRAMES))
    figures = jitter(MODEL, noisy, STILL)["still"]
    one_of = np.sqrt(LAYOUT.n_expression)  # one weight of many moves
    assert figures["weights"] == pytest.approx(0.02 * np.sqrt(6) / one_of, rel=0.12)
    shaken = jitter(MODEL, clip(x=RNG.normal(0, 0.5, FRAMES)), STILL)["still"]
    assert shaken["landmarks"] == pytest.approx(0.5 / 2.0 * np.sqrt(6), rel=0.12)  # 2 px/mm
    turned = jitter(MODEL, clip(yaw=RNG.normal(0, 0.3, FRAMES), pitch=RNG.normal(0, 0.3, FRAMES)), STILL)["still"]
    assert turned["angle"] == pytest.approx(0.3 * np.sqrt(2) * np.sqrt(6), rel=0.12)
    assert turned["landmarks"] > 0.2


def test_a_larger_face_of_the_same_motion_in_mm_has_the_same_jitter():
    noise = RNG.normal(0, 0.5, FRAMES)
    small, large = (jitter(MODEL, clip(x=s * noise, scale=s), STILL)["still"]["landmarks"] for s in (1.0, 4.0))
    assert large == pytest.approx(small, rel=1e-3)


def test_the_parts_are_measured_apart():
    moving = TIME >= 150
    figures = jitter(MODEL, clip(x=np.where(moving, RNG.normal(0, 1, FRAMES), 0.0)), moving)
    assert figures["still"]["landmarks"] < 1e-3
    assert figures["moving"]["landmarks"] > 0.5
    assert figures["still"]["frames"] + figures["moving"]["frames"] == FRAMES - 4  # none across the border


def test_gaps_do_not_count():
    vectors = clip(x=np.where(TIME < 100, 0.0, 300.0))  # found again elsewhere
    lost = [None if 95 <= t < 105 else vector for t, vector in enumerate(vectors)]
    figures = jitter(MODEL, lost, STILL)["still"]
    assert figures["landmarks"] == pytest.approx(0.0, abs=1e-4)
    assert figures["frames"] == FRAMES - 10 - 4
    assert jitter(MODEL, [None] * 5, STILL[:5])["still"]["frames"] == 0
    assert np.isnan(jitter(MODEL, vectors, STILL)["moving"]["angle"])


def test_a_frame_moves_by_the_speed_of_reference_points_not_by_their_noise():
    face = RNG.uniform(0, 100, (1, 478, 2))  # 100 px wide
    speed = np.where((TIME >= 100) & (TIME < 200), 1.0, 0.0)  # px a frame: 0.3 face sizes a second
    points = face + np.cumsum(speed)[:, None, None] + RNG.normal(0, 0.3, (FRAMES, 478, 2))
    moving = moving_frames(points, fps=30.0)
    assert moving[110:190].all()
    assert not moving[:90].any() and not moving[210:].any()
    points[150] = np.nan
    assert not moving_frames(points, fps=30.0)[150]
    assert not moving_frames(points[:5], fps=30.0).any()

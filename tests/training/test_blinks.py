"""Blinks that are counted in curves whose blinks are known."""

from __future__ import annotations

import numpy as np
import pytest

from training.evaluation.sections.clips import count_blinks

FPS = 25.0
TIMES = np.arange(200) / FPS


def lid(*blinks, rest=0.05):
    """(200,) a lid at rest that closes to `height` at each (frame, height), half so far in the frames around it."""
    curve = np.full(len(TIMES), rest)
    for frame, height in blinks:
        curve[[frame - 1, frame + 1]] = rest + 0.5 * (height - rest)
        curve[frame] = height
    return curve


def test_a_curve_keeps_its_own_blinks():
    curve = lid((20, 0.9), (60, 0.5), (64, 0.8), (120, 0.35))
    assert count_blinks(curve, curve, TIMES) == (4, 4)


def test_what_closes_less_than_a_quarter_or_stays_closed_is_no_blink():
    assert count_blinks(lid((20, 0.28)), lid(), TIMES) == (0, 0)
    assert count_blinks(np.full(200, 0.9), lid(), TIMES) == (0, 0)
    assert count_blinks(np.clip(TIMES / 4.0, 0.0, 1.0), lid(), TIMES) == (0, 0)  # closes, and is not seen to open


@pytest.mark.parametrize(("height", "kept"), [(0.9, 1), (0.67, 1), (0.61, 0), (0.05, 0)])
def test_a_blink_needs_seven_tenths_of_its_height(height, kept):
    assert count_blinks(lid((50, 0.9)), lid((50, height)), TIMES) == (1, kept)


@pytest.mark.parametrize(("frame", "kept"), [(48, 1), (52, 1), (53, 0), (47, 0)])
def test_a_blink_needs_its_time(frame, kept):
    assert count_blinks(lid((50, 0.9)), lid((frame, 0.9)), TIMES) == (1, kept)


def test_one_closing_does_not_stand_for_two():
    two, one = lid((50, 0.9), (53, 0.9)), lid((51, 0.9))
    assert count_blinks(two, one, TIMES) == (2, 1)


def test_gaps_end_curves():
    curve = lid((20, 0.9), (60, 0.9))
    lost = np.where(np.arange(200) == 60, np.nan, curve)
    assert count_blinks(lost, curve, TIMES) == (1, 1)
    assert count_blinks(np.full(200, np.nan), curve, TIMES) == (0, 0)

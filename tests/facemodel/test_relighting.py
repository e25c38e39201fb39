"""Relighting by a ratio: what it keeps, what it makes, and where it ends."""

from __future__ import annotations

import math

import numpy as np
import pytest

from facemodel.relighting import (
    BRIGHTEST,
    DARKEST,
    HIGHEST_GLOSS,
    OLD_FLOOR,
    added_light,
    log_ratio,
    on_hair,
    relit,
)

rng = np.random.default_rng(0)
ALBEDO = rng.uniform(0.05, 0.8, (200, 3))
OLD = rng.uniform(0.0, 1.5, (200, 3))
NEW = rng.uniform(0.0, 1.5, (200, 3))
FLOOR = OLD_FLOOR * OLD.mean(axis=0)
NOTHING = np.zeros((200, 3))


def shown(seen, new, old, new_gloss=NOTHING, old_gloss=NOTHING):
    value = log_ratio(new, old, FLOOR)
    added = added_light(ALBEDO, 1.0, new, old, np.exp(value), new_gloss, old_gloss, seen)
    return relit(seen, np.exp(value), added, np.zeros_like(seen))


def test_the_same_light_changes_nothing_however_dark():
    gloss = rng.uniform(0.0, 0.5, (200, 3))
    seen = rng.uniform(0.0, 1.0, (200, 3))
    np.testing.assert_allclose(shown(seen, OLD, OLD, gloss, gloss), seen, atol=1e-12)


def test_a_matt_surface_is_shown_as_the_new_light_makes_it():
    np.testing.assert_allclose(shown(ALBEDO * OLD, NEW, OLD), ALBEDO * NEW, atol=1e-12)
    lit = (OLD > FLOOR).all(axis=1) & (NEW / np.maximum(OLD, 1e-9) < 2.5).all(axis=1)
    assert lit.sum() > 50
    np.testing.assert_allclose(shown(ALBEDO * OLD, NEW, OLD)[lit], (ALBEDO * NEW)[lit], atol=1e-12)


def test_what_the_albedo_does_not_know_stays():
    pores = rng.uniform(0.7, 1.2, (200, 1))
    lit = (OLD > FLOOR).all(axis=1) & (NEW / np.maximum(OLD, 1e-9) < 2.5).all(axis=1)
    np.testing.assert_allclose(shown(pores * ALBEDO * OLD, NEW, OLD)[lit], (pores * ALBEDO * NEW)[lit], atol=1e-12)


def test_dark_sides_are_filled_and_noise_in_them_is_not():
    dark, noise = np.full((200, 3), 1e-3), rng.normal(0.0, 0.002, (200, 3))
    clean, noisy = (shown(np.maximum(ALBEDO * dark + n, 0.0), NEW, dark) for n in (0.0, noise))
    assert np.abs(clean - ALBEDO * NEW).mean() < 0.03
    assert np.abs(noisy - clean).std() < 6.0 * noise.std()


def test_the_ratio_is_bounded_and_rises_with_the_new_light():
    new = np.geomspace(1e-9, 1e6, 400)[:, None] * np.ones(3)
    value = log_ratio(new, np.full(3, 0.5), FLOOR)
    assert value.min() == DARKEST and value.max() <= BRIGHTEST
    assert (np.diff(value, axis=0) >= 0.0).all()
    assert np.exp(log_ratio(np.full(3, 1.0), np.full(3, 0.5), FLOOR)) == pytest.approx(2.0)
    assert np.isfinite(log_ratio(np.zeros(3), np.zeros(3), np.zeros(3))).all()


def test_darkness_has_no_colour():
    red = np.array([0.05, 0.0, 0.0])
    value = log_ratio(np.ones(3), red, np.full(3, 0.2))
    assert np.ptp(value) < math.log(1.3)


def test_hair_follows_less_and_in_less_colour():
    mean, red = np.full(3, -1.0), np.array([0.0, -1.0, -1.0])
    np.testing.assert_allclose(on_hair(mean, mean), mean)
    changed = on_hair(red, mean) - mean
    assert changed.sum() == pytest.approx(0.75) and 0.0 < changed[1] < changed[0] < 0.75


def test_highlights_are_added_bounded_and_taken_out_where_they_are_seen():
    gloss = np.full((200, 3), 0.05)
    same = shown(ALBEDO * OLD, OLD, OLD, gloss) - ALBEDO * OLD
    assert (same > 0.04).all() and (same < 0.05).all()
    assert (shown(ALBEDO * OLD, OLD, OLD, 1e3 * gloss) - ALBEDO * OLD <= HIGHEST_GLOSS + 1e-12).all()
    bent = HIGHEST_GLOSS * (1.0 - math.exp(-0.05 / HIGHEST_GLOSS))
    np.testing.assert_allclose(shown(ALBEDO * OLD + bent, OLD, OLD, NOTHING, gloss), ALBEDO * OLD, atol=1e-12)
    np.testing.assert_allclose(shown(ALBEDO * OLD, OLD, OLD, NOTHING, gloss), ALBEDO * OLD, atol=1e-12)


def test_white_stays_white():
    white, ratio = np.ones((1, 3)), np.array([[2.0, 1.5, 0.6]])
    np.testing.assert_allclose(relit(white, ratio, 0.0, white), [[1.0, 1.0, 0.6]])
    np.testing.assert_allclose(relit(white, ratio, 0.0, 0.9 * white), ratio)


def test_hair_over_skin_is_not_filled():
    hair = added_light(ALBEDO, 1.0, NEW, 1e-3 + NOTHING + 0.3, np.ones(3), NOTHING, NOTHING, 0.02 * ALBEDO)
    skin = added_light(ALBEDO, 1.0, NEW, 1e-3 + NOTHING + 0.3, np.ones(3), NOTHING, NOTHING, 0.3 * ALBEDO)
    assert hair.sum() < 0.4 * skin.sum()

"""The light that faces were seen in: steady, quick where it changes, and free of the camera's exposure."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from facemodel import Parameters
from facemodel.color import encode_srgb
from realtime.frame import Face, Frame, Person, TrackingState
from realtime.light.environments import ENVIRONMENTS
from realtime.light.lighting import Lighting
from realtime.matte.person_matte import Matte
from realtime.render import HeadlessComposer, RenderOptions, ViewMode
from realtime.render.old_light import CameraGain, OldLight, exposed
from realtime.render.relit_scene import RelitScenes
from realtime.render.tiles import EVERYWHERE
from tests.toy_model import toy_model

MODEL = toy_model()
ONE = np.ones(3)


def estimate(name: str = "studio", factor: float = 1.0, noise: float = 0.0, seed: int = 0) -> Parameters:
    p = MODEL.layout.view(MODEL.layout.neutral())
    random = np.random.default_rng(seed)
    p.sh[:] = factor * ENVIRONMENTS[name].sh * (1.0 + noise * random.normal(size=(9, 3)))
    p.key_position[:] = 200.0, 300.0, 500.0
    p.key_color[:] = 0.5 * factor
    p.shininess = 20.0
    return p


def follow(light: OldLight, start: float, frames: int, **kind) -> list[np.ndarray]:
    return [light.update(1, estimate(seed=k, **kind), start + k / 30.0, ONE).sh for k in range(frames)]


def test_the_first_estimate_is_taken_as_it_is_and_noise_is_filtered():
    light = OldLight()
    first = light.update(1, estimate(), 0.0, ONE)
    np.testing.assert_allclose(first.sh, ENVIRONMENTS["studio"].sh, atol=1e-4)
    np.testing.assert_allclose(first.key_position, (200.0, 300.0, 500.0), rtol=1e-5)
    assert first.shininess == pytest.approx(20.0, rel=1e-5)
    followed = np.array(follow(light, 1 / 30, 120, noise=0.1))
    raw = np.array([estimate(noise=0.1, seed=k).sh for k in range(120)])
    steps = [np.abs(np.diff(values[20:, 0], axis=0)).mean() for values in (followed, raw)]
    assert steps[0] < 0.06 * steps[1]


def test_another_light_is_followed_within_half_a_second():
    light = OldLight()
    follow(light, 0.0, 30, noise=0.05)
    after = follow(light, 1.0, 15, name="sunset", noise=0.05)
    target, start = ENVIRONMENTS["sunset"].sh, ENVIRONMENTS["studio"].sh
    assert np.abs(after[-1] - target).mean() < 0.25 * np.abs(start - target).mean()


def test_a_lock_holds_and_a_jump_back_or_a_long_absence_starts_anew():
    light = OldLight()
    before = light.update(1, estimate(), 0.0, ONE).sh
    light.locked = True
    np.testing.assert_array_equal(light.update(1, estimate("sunset"), 9.0, ONE).sh, before)
    light.locked = False
    sunset = ENVIRONMENTS["sunset"].sh
    np.testing.assert_allclose(light.update(1, estimate("sunset"), 20.0, ONE).sh, sunset, atol=1e-4)
    np.testing.assert_allclose(light.update(1, estimate(), 3.0, ONE).sh, before, atol=1e-4)
    np.testing.assert_allclose(light.update(2, estimate("sunset"), 3.0, ONE).sh, sunset, atol=1e-4)


def test_an_exposure_is_no_light():
    light, gain = OldLight(), np.array([1.4, 1.2, 0.9])
    before = light.update(1, estimate(), 0.0, ONE)
    brighter = estimate()
    brighter.sh[:] = brighter.sh * gain
    brighter.key_color[:] = brighter.key_color * gain
    after = light.update(1, brighter, 1 / 30, gain)
    np.testing.assert_allclose(after.sh, before.sh, atol=1e-4)
    np.testing.assert_allclose(exposed(after, gain).sh, brighter.sh, atol=1e-4)
    np.testing.assert_allclose(exposed(after, gain).key_color, brighter.key_color, rtol=1e-4)


def picture(gain: float | np.ndarray = 1.0, noise: float = 0.01, seed: int = 0, person: int = 0) -> Matte:
    """A background of many colours at a gain, with a person who walks before it."""
    room = np.random.default_rng(9).uniform(0.05, 0.5, (36, 64, 3)).repeat(4, 0).repeat(4, 1)
    linear = room * gain * (1.0 + noise * np.random.default_rng(seed).normal(size=room.shape))
    coverage = np.zeros((144, 256), np.float32)
    coverage[30:, 90 + person : 160 + person] = 1.0
    linear[coverage > 0.5] = np.random.default_rng(seed + 100).uniform(0.0, 1.0, 3)
    bgr = np.round(255 * encode_srgb(linear))[..., ::-1].astype(np.uint8)
    return Matte(np.zeros((144, 256, 2), np.float32), bgr, coverage, EVERYWHERE)


def test_the_gain_stays_one_while_people_move():
    gain = CameraGain()
    found = [gain.update(picture(seed=k, person=3 * k - 60), k / 30) for k in range(40)]
    assert np.abs(np.log(found)).max() < 0.01


@pytest.mark.parametrize("factor", [2.0 ** (1 / 3), 2.0 ** (-1 / 3), np.array([1.3, 1.0, 0.8])])
def test_a_jump_is_known_at_once_and_kept(factor):
    gain = CameraGain()
    for k in range(10):
        gain.update(picture(seed=k), k / 30)
    for k in range(10, 50):
        found = gain.update(picture(factor, seed=k), k / 30)
        assert np.abs(np.log(found / factor)).max() < 0.05, k


def test_a_drift_is_followed_and_little_background_is_no_witness():
    gain = CameraGain()
    for k in range(60):
        found = gain.update(picture(1.0 + 0.005 * k, seed=k), k / 30)
    assert found == pytest.approx(1.295, rel=0.06)
    crowd = picture(2.0, seed=1)
    crowd.coverage[:] = 1.0
    np.testing.assert_array_equal(gain.update(crowd, 2.0), found)
    np.testing.assert_array_equal(gain.update(picture(), 0.0), ONE)


def test_a_channel_that_is_white_all_over_follows_the_others():
    def clipped(factor: float, seed: int) -> Matte:
        made = picture(factor, seed=seed)
        made.picture[..., 0] = 255
        return made

    gain = CameraGain()
    for k in range(5):
        gain.update(clipped(1.0, k), k / 30)
    np.testing.assert_allclose(gain.update(clipped(1.3, 5), 5 / 30), 1.3, rtol=0.02)


def test_the_scene_of_a_frame_has_matte_and_both_lights():
    scenes = RelitScenes(MODEL.layout)
    vector = MODEL.layout.neutral()
    p = MODEL.layout.view(vector)
    p.sh[:], p.translation[:], p.scale = ENVIRONMENTS["studio"].sh, (80, 60), 0.5
    image = np.random.default_rng(0).integers(0, 256, (120, 160, 3), np.uint8)
    person = Person(1, p.identity, p.albedo, None)
    faces = [
        Face(1, TrackingState.TRACKING, vector, person, raw=vector),
        Face(2, TrackingState.NEUTRAL, vector, person),
    ]
    options = RenderOptions(mode=ViewMode.RELIT)
    own = scenes(Frame(0, 0.0, image), faces, Lighting(), options)
    assert own.matte is not None and len(own.faces) == 1
    assert own.faces[0].light is own.faces[0].seen
    show = Lighting(estimated=False, environment=ENVIRONMENTS["sunset"])
    relit = scenes(Frame(1, 0.1, image), faces, show, options)
    np.testing.assert_allclose(relit.faces[0].light.sh, ENVIRONMENTS["sunset"].sh, atol=1e-4)
    assert relit.faces[0].seen is not None
    np.testing.assert_allclose(relit.faces[0].seen.sh, p.sh, atol=1e-3)
    half = scenes(Frame(2, 0.2, image), faces, Lighting(estimated=False, intensity=0.5), options)
    np.testing.assert_allclose(half.faces[0].light.sh, 0.5 * p.sh, atol=1e-3)
    assert scenes(Frame(0, 0.0, image), faces, show, options).lighting is show


def test_who_turns_away_stays_in_the_light_of_the_show():
    scenes = RelitScenes(MODEL.layout)
    image = np.random.default_rng(0).integers(0, 256, (120, 160, 3), np.uint8)
    show, options = Lighting(estimated=False, environment=ENVIRONMENTS["sunset"]), RenderOptions(mode=ViewMode.RELIT)
    before = scenes(Frame(0, 0.0, image), [], show, options)
    assert before.away is not None and np.all(before.away.light.sh[0] > 0.0)
    vector = MODEL.layout.neutral()
    p = MODEL.layout.view(vector)
    p.sh[:], p.translation[:], p.scale = 0.5 * ENVIRONMENTS["studio"].sh, (80, 60), 0.5
    face = Face(1, TrackingState.TRACKING, vector, Person(1, p.identity, p.albedo), raw=vector)
    assert scenes(Frame(1, 0.1, image), [face], show, options).away is None
    lost = scenes(Frame(2, 0.2, image), [replace(face, state=TrackingState.NEUTRAL)], show, options)
    assert not lost.faces and lost.away is not None and lost.away.seen is not None
    np.testing.assert_allclose(lost.away.seen.sh, p.sh, atol=1e-3)
    np.testing.assert_allclose(lost.away.light.sh, ENVIRONMENTS["sunset"].sh, atol=1e-4)
    assert scenes(Frame(3, 0.3, image), [], Lighting(), options).away is None


def test_a_still_picture_stays_still_in_another_light():
    """Noise of camera and estimate comes through no stronger than the picture is brightened."""
    scenes, random = RelitScenes(MODEL.layout), np.random.default_rng(0)
    vector = MODEL.layout.neutral()
    p = MODEL.layout.view(vector)
    p.translation[:], p.scale = (96, 96), 0.8
    p.sh[:] = ENVIRONMENTS["studio"].sh
    p.key_position[:], p.key_color[:], p.shininess = (200.0, 300.0, 500.0), 0.3, 20.0
    person = Person(1, p.identity, p.albedo, None)
    options = RenderOptions(mode=ViewMode.RELIT)
    part = np.s_[76:120, 76:116]
    pictures, inputs = [], []
    with HeadlessComposer(MODEL, 192, 192, samples=1) as composer:
        plain = composer.render(None, vector, RenderOptions(whole_head=True)).astype(float)
        for k in range(24):
            image = np.clip(plain + random.normal(0.0, 1.5, plain.shape), 0, 255).astype(np.uint8)
            raw = vector.copy()
            MODEL.layout.view(raw).sh[:] *= 1.0 + 0.08 * random.normal(size=(9, 3))
            face = Face(1, TrackingState.TRACKING, vector, person, raw=raw)
            show = Lighting(estimated=False, environment=ENVIRONMENTS["sunset"])
            relit = composer.draw(scenes(Frame(k, k / 30.0, image), [face], show, options))
            pictures.append(relit[part].astype(float))
            inputs.append(image[part].astype(float))
    steps = [np.abs(np.diff(np.array(each[8:]), axis=0)).mean() for each in (pictures, inputs)]
    assert steps[0] < 1.2 * steps[1]
    means = np.array(pictures[8:]).mean(axis=(1, 2, 3))
    assert np.abs(np.diff(np.log(means))).max() < 0.01

"""Lamps in the picture, against the float64 reference."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from facemodel import FaceModel
from facemodel.color import decode_srgb
from facemodel.reference import render as render_reference
from realtime.light.lighting import FaceLight, Light, direction_of
from realtime.render import HeadlessComposer, RenderOptions, Scene, SceneFace, ViewMode
from realtime.sources.synthetic import choose_hair
from tests.realtime.test_render import SIZE, interior, reference_picture, scene
from tests.toy_model import toy_model

COLORS = ((0.7, 0.5, 0.4), (0.2, 0.3, 0.5), (0.1, 0.3, 0.1))


@pytest.fixture(scope="module")
def toy() -> FaceModel:
    return toy_model()


@pytest.fixture(scope="module")
def composer(toy: FaceModel) -> Iterator[HeadlessComposer]:
    with HeadlessComposer(toy, SIZE, SIZE, samples=1) as made:
        yield made


def lamp(number: int, kind: str, azimuth: float, elevation: float, size: float, **more: object) -> Light:
    color = COLORS[number % len(COLORS)]
    made = Light(number, kind, direction_of(azimuth, elevation), 700.0, color, size, 15.0, False, 0.0)
    return replace(made, **more)


LAMPS = {
    "a point": (lamp(1, "point", -40.0, 20.0, 0.0),),
    "a large one": (lamp(1, "point", 70.0, 10.0, 40.0),),
    "the sun": (lamp(2, "directional", 60.0, 40.0, 0.5),),
    "a spot": (lamp(1, "spot", -20.0, 5.0, 5.0),),
    "near and behind": (lamp(2, "point", 170.0, 20.0, 20.0, distance=220.0),),
    "all that there can be": tuple(
        lamp(n, ("point", "directional", "spot")[n % 3], 45.0 * n, 10.0 * n - 40.0, 6.0 * n) for n in range(1, 9)
    ),
}


def draw(composer: HeadlessComposer, toy: FaceModel, vector: NDArray, mode: ViewMode, **changes: object) -> NDArray:
    light = replace(FaceLight.estimated(toy.layout.view(vector)), **changes)
    options = RenderOptions(mode=mode)
    return composer.draw(Scene(None, (SceneFace(vector, light),), options)).astype(float)


@pytest.mark.parametrize("name", LAMPS)
@pytest.mark.parametrize("number", [0, 2])
def test_lamps_match_the_reference(toy: FaceModel, composer: HeadlessComposer, name: str, number: int) -> None:
    """Within one level of 255, away from silhouettes."""
    vector = scene(toy, number)
    toy.layout.view(vector).sh[:] *= 0.3  # room for more light
    reference = render_reference(toy, vector, SIZE, SIZE, LAMPS[name])
    inside = interior(toy, vector, reference)
    assert inside.sum() > 5000
    for mode, linear in {
        ViewMode.DIFFUSE: reference.diffuse,
        ViewMode.SPECULAR: reference.specular,
        ViewMode.OVERLAY: reference.diffuse + reference.specular,
    }.items():
        picture = draw(composer, toy, vector, mode, lights=LAMPS[name])
        error = np.abs(picture - reference_picture(linear)).max(axis=-1)
        assert error[inside].max() <= 1.0, f"{mode.value}: {error[inside].max():.2f} levels"


def test_material_scales_what_it_says(toy: FaceModel, composer: HeadlessComposer) -> None:
    vector = scene(toy, 0)
    toy.layout.view(vector).sh[:] *= 0.3
    reference = render_reference(toy, vector, SIZE, SIZE, LAMPS["a spot"])
    inside = interior(toy, vector, reference)
    changes = {"lights": LAMPS["a spot"], "diffuse": 0.7, "specular": 1.5, "tone": -1.0}
    for mode, linear in {
        ViewMode.DIFFUSE: 0.35 * reference.diffuse,
        ViewMode.SPECULAR: 1.5 * reference.specular,
        ViewMode.ALBEDO: 0.5 * reference.diffuse_albedo,
    }.items():
        error = np.abs(draw(composer, toy, vector, mode, **changes) - reference_picture(linear)).max(axis=-1)
        assert error[inside].max() <= 1.0, f"{mode.value}: {error[inside].max():.2f} levels"


def test_lamps_that_went_out_leave_nothing(toy: FaceModel, composer: HeadlessComposer) -> None:
    vector = scene(toy, 0)
    before = draw(composer, toy, vector, ViewMode.OVERLAY)
    assert (draw(composer, toy, vector, ViewMode.OVERLAY, lights=LAMPS["the sun"]) != before).any()
    np.testing.assert_array_equal(draw(composer, toy, vector, ViewMode.OVERLAY), before)


def test_clay_stands_in_its_own_studio(toy: FaceModel, composer: HeadlessComposer) -> None:
    vector = scene(toy, 0)
    before = draw(composer, toy, vector, ViewMode.GEOMETRY)
    lit = draw(composer, toy, vector, ViewMode.GEOMETRY, lights=LAMPS["the sun"], diffuse=0.5, tone=1.0)
    np.testing.assert_array_equal(lit, before)


def test_the_sun_makes_the_highlights_of_a_far_key_light_on_skin_and_hair(model: FaceModel) -> None:
    vector = model.layout.neutral()
    p = model.layout.view(vector)
    p.translation[:], p.scale = (SIZE / 2, SIZE / 2), 0.8
    sun = lamp(1, "directional", -50.0, 50.0, 0.0)
    key = FaceLight.estimated(p)
    as_key = replace(
        key, key_position=1e6 * np.array(sun.direction, np.float32), key_color=np.array(sun.color, np.float32)
    )
    as_lamp = replace(key, key_color=np.zeros(3, np.float32), lights=(sun,))
    options = RenderOptions(whole_head=True, diffuse=False)
    with HeadlessComposer(model, SIZE, SIZE, samples=1, hair=choose_hair(model, 1)) as composer:
        expected, found, none = (
            composer.draw(Scene(None, (SceneFace(vector, light),), options)).astype(int)
            for light in (as_key, as_lamp, replace(as_lamp, lights=()))
        )
    bright = (expected - none).sum(axis=-1) > 30
    assert bright[: SIZE // 3].sum() > 100 and bright[SIZE // 2 :].sum() > 100  # the hair, and the face
    assert (np.abs(found - expected).max(axis=-1) <= 1).mean() > 0.999  # but where light just grazes


def test_tone_is_of_the_skin_and_not_of_the_hair(model: FaceModel) -> None:
    vector = model.layout.neutral()
    p = model.layout.view(vector)
    p.translation[:], p.scale = (SIZE / 2, SIZE / 2), 0.8
    options = RenderOptions(whole_head=True)
    with HeadlessComposer(model, SIZE, SIZE, samples=1, hair=choose_hair(model, 1)) as composer:
        plain, darker = (
            composer.draw(Scene(None, (SceneFace(vector, replace(FaceLight.estimated(p), tone=tone)),), options)).copy()
            for tone in (0.0, -2.0)
        )
    darkened = 1.0 - decode_srgb(darker / 255.0).sum(axis=-1) / decode_srgb(plain / 255.0).sum(axis=-1)
    column = slice(SIZE // 2 - 5, SIZE // 2 + 5)
    assert np.abs(darkened[SIZE // 2 - 80, column]).max() < 0.2  # the top of the head; some of it shows between strands
    assert darkened[SIZE // 2 + 25, column].min() > 0.6  # below the nose

"""The relit frame: against the reference, what it leaves alone, and what it depends on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from facemodel import FaceModel, Parameters
from facemodel.color import decode_srgb, encode_srgb
from facemodel.lighting import shade_diffuse, shade_lamps
from facemodel.reference import render as render_reference
from facemodel.relighting import OLD_FLOOR, added_light, log_ratio, relit
from realtime.light.environments import ENVIRONMENTS
from realtime.light.lighting import FaceLight, Light, Lighting, Relight, direction_of
from realtime.matte.person_matte import Matte
from realtime.render import HeadlessComposer, RenderOptions, ViewMode
from realtime.render.passes import relight as relight_pass
from realtime.render.scene import Scene, SceneFace
from realtime.render.tiles import EVERYWHERE
from tests.toy_model import toy_model

SIZE = 224
RELIT = RenderOptions(mode=ViewMode.RELIT)
PLAIN = Relight(even=0.0)


@pytest.fixture(scope="module")
def toy() -> FaceModel:
    return toy_model()


@pytest.fixture(scope="module")
def composer(toy: FaceModel) -> Iterator[HeadlessComposer]:
    with HeadlessComposer(toy, SIZE, SIZE, samples=1) as made:
        yield made


def head(model: FaceModel) -> NDArray[np.float32]:
    vector = model.layout.neutral()
    p = model.layout.view(vector)
    p.translation[:], p.scale = SIZE / 2, 0.9
    p.sh[:] = ENVIRONMENTS["studio"].sh
    p.key_position[:] = 150.0, 200.0, 400.0
    p.key_color[:] = 0.6
    p.shininess = 20.0
    return vector


def lamp(azimuth: float, color: tuple[float, float, float], kind: str = "directional") -> Light:
    return Light(1, kind, direction_of(azimuth, 20.0), 1000.0, color, 20.0, 40.0, False, 0.0)


def seen_light(model: FaceModel, vector: NDArray) -> FaceLight:
    return FaceLight.estimated(model.layout.view(vector))


def new_light(*lamps: Light) -> FaceLight:
    sh = 0.4 * ENVIRONMENTS["overcast"].sh
    return FaceLight(sh.astype(np.float32), np.array([0, 0, 900], np.float32), np.zeros(3, np.float32), 20.0, lamps)


def noise(seed: int = 0) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (SIZE, SIZE, 3), np.uint8)


def matte_of(lines: NDArray[np.float32], tiles: NDArray[np.bool_] = EVERYWHERE) -> Matte:
    return Matte(lines, np.zeros((*lines.shape[:2], 3), np.uint8), lines[..., 1], tiles)


def everywhere() -> Matte:
    lines = np.zeros((32, 32, 2), np.float32)
    lines[..., 1] = 1.0
    return matte_of(lines)


def left_half() -> Matte:
    lines = np.zeros((8, 8, 2), np.float32)
    lines[:, :4, 1] = 1.0
    return matte_of(lines, np.array([[True, True, False]]))


def scene(
    model: FaceModel,
    image: NDArray[np.uint8],
    new: FaceLight,
    matte: Matte | None = None,
    relight: Relight = PLAIN,
    options: RenderOptions = RELIT,
) -> Scene:
    vector = head(model)
    face = SceneFace(vector, new, seen_light(model, vector))
    return Scene(image, (face,), options, None, Lighting(relight=relight), matte)


def test_strength_0_gives_the_frame_back_bit_for_bit(toy, composer):
    image, new = noise(), new_light(lamp(60.0, (1.0, 0.2, 0.1)))
    picture = composer.draw(scene(toy, image, new, everywhere(), Relight(strength=0.0, background="replace")))
    np.testing.assert_array_equal(picture, image)


def test_a_face_whose_light_nobody_knows_is_left_alone(toy, composer):
    image, vector = noise(), head(toy)
    face = SceneFace(vector, new_light(lamp(60.0, (1.0, 1.0, 1.0))))
    picture = composer.draw(Scene(image, (face,), RELIT, None, Lighting(), everywhere()))
    np.testing.assert_array_equal(picture, image)
    np.testing.assert_array_equal(composer.draw(Scene(image, (), RELIT)), image)


@pytest.mark.parametrize("matte", [None, everywhere(), left_half()], ids=["none", "everywhere", "left"])
@pytest.mark.parametrize("background", ["keep", "dim"])
def test_its_own_light_gives_the_frame_back(toy, composer, matte, background):
    image, vector = noise(), head(toy)
    relight = Relight(even=1.0, background=background)
    picture = composer.draw(scene(toy, image, seen_light(toy, vector), matte, relight))
    assert np.abs(picture.astype(int) - image).max() <= 1


def reference(model: FaceModel, old: FaceLight, new: FaceLight) -> tuple[NDArray, NDArray, NDArray]:
    """The head in the old light and relit, both sRGB 0..1, and where neither hair nor rims nor grazing light count."""
    vector = head(model)
    p = model.layout.view(vector)
    p.key_color[:] = 0.0
    p.sh[:] = old.sh
    picture = render_reference(model, vector, SIZE, SIZE)
    n, albedo, white = picture.normal, picture.diffuse_albedo, np.ones_like(picture.normal)
    before, after = shade_diffuse(white, n, old.sh), shade_diffuse(white, n, new.sh)
    after = after + shade_lamps(white, white, np.zeros_like(n), n, new.lights, new.shininess)[0]
    least = OLD_FLOOR * shade_diffuse(np.ones((48, 3)), relight_pass._facing(48), old.sh).mean(axis=0)
    value = log_ratio(after, before, least)
    seen = picture.diffuse
    nothing = np.zeros_like(seen)
    added = added_light(albedo, 1.0, after, before, np.exp(value), nothing, nothing, seen)
    expected = relit(seen, np.exp(value), added, encode_srgb(seen))
    parts = relight_pass.skin_parts(model)
    skin = (parts[model.triangles[picture.triangle]].max(axis=(-2, -1)) == 0.0) & picture.mask & (n[..., 2] > 0.4)
    return encode_srgb(seen), encode_srgb(expected), skin


@pytest.mark.parametrize("old", [ENVIRONMENTS["studio"].sh, 0.9 * ENVIRONMENTS["sunset"].sh], ids=["even", "one side"])
def test_glsl_relights_as_the_reference_does(toy, monkeypatch, old):
    made = relight_pass.RelightPass.__init__
    monkeypatch.setattr(relight_pass.RelightPass, "__init__", lambda self, *args: made(self, *args, reduction=1))
    before = FaceLight(np.asarray(old, np.float32), np.array([0, 0, 900], np.float32), np.zeros(3, np.float32), 20.0)
    after = replace(new_light(lamp(-60.0, (1.0, 0.9, 0.7)), lamp(70.0, (0.1, 0.3, 0.9))), specular=0.0)
    seen, expected, skin = reference(toy, before, after)
    image = np.round(seen[..., ::-1] * 255.0).astype(np.uint8)
    with HeadlessComposer(toy, SIZE, SIZE, samples=1) as fine:
        face = SceneFace(head(toy), after, before)
        lighting = Lighting(relight=PLAIN)
        picture = fine.draw(Scene(image, (face,), RELIT, None, lighting, everywhere()))
    assert skin.sum() > 3000
    error = np.abs(picture[..., ::-1] - 255.0 * expected)[skin]
    changed = np.abs(expected - seen)[skin].mean() * 255.0
    assert changed > 15.0
    assert np.median(error) < 0.6 and np.quantile(error, 0.99) < 4.0  # frames have 8 bits: dark ones are multiplied


def test_the_reduced_head_is_near_the_fine_one(toy, composer, monkeypatch):
    new = new_light(lamp(-60.0, (1.0, 0.9, 0.7)))
    vector = head(toy)
    image = composer.render(None, vector, RenderOptions(whole_head=True)).copy()
    coarse = composer.draw(scene(toy, image, new, everywhere())).copy()
    made = relight_pass.RelightPass.__init__
    monkeypatch.setattr(relight_pass.RelightPass, "__init__", lambda self, *args: made(self, *args, reduction=1))
    with HeadlessComposer(toy, SIZE, SIZE, samples=1) as other:
        fine = other.draw(scene(toy, image, new, everywhere()))
    assert np.abs(coarse.astype(int) - fine).mean() < 2.5


def test_no_frame_before_shows(toy, composer):
    new = new_light(lamp(-60.0, (1.0, 0.5, 0.2)))
    first = composer.draw(scene(toy, noise(1), new, everywhere())).copy()
    vector = head(toy)
    toy.layout.view(vector).translation[0] += 40.0
    moved = SceneFace(vector, new_light(lamp(60.0, (0.2, 0.4, 1.0))), seen_light(toy, vector))
    composer.draw(Scene(noise(2), (moved,), RELIT, None, Lighting(relight=PLAIN), left_half()))
    np.testing.assert_array_equal(composer.draw(scene(toy, noise(1), new, everywhere())), first)


def test_light_is_carried_beyond_the_head_and_fades_to_its_mean(toy, composer):
    gray = np.full((SIZE, SIZE, 3), 110, np.uint8)
    new = new_light(lamp(-80.0, (1.5, 1.5, 1.5)))
    lit = composer.draw(scene(toy, gray, new, everywhere())).astype(int)
    assert lit[112, 8].mean() > lit[112, -8].mean() + 20
    rows = lit[:, 4].mean(axis=1)
    assert np.abs(np.diff(rows)).max() < 6.0  # smooth: no grid of the reductions shows


def test_behind_the_person_the_frame_is_kept_dimmed_or_replaced(toy, composer):
    image, dark = noise(), new_light()
    dark = replace(dark, sh=0.1 * dark.sh)
    behind = np.s_[:, 150:]
    kept = composer.draw(scene(toy, image, dark, left_half())).copy()
    np.testing.assert_array_equal(kept[behind], image[behind])
    assert kept[:, :90].mean() < 0.6 * image[:, :90].mean()
    dimmed = composer.draw(scene(toy, image, dark, left_half(), replace(PLAIN, background="dim", dim=0.5))).copy()
    assert 0.3 * image[behind].mean() < dimmed[behind].mean() < 0.8 * image[behind].mean()
    blue = replace(PLAIN, background="replace", backdrop=(0.0, 0.0, 0.5))
    replaced = composer.draw(scene(toy, image, dark, left_half(), blue))
    np.testing.assert_allclose(replaced[behind].reshape(-1, 3), [[round(255 * float(encode_srgb(0.5))), 0, 0]] * len(
        replaced[behind].reshape(-1, 3)), atol=1)  # fmt: skip


def test_persons_whose_face_is_lost_stand_evenly_in_the_mean_of_the_new_light(toy, composer):
    image, dark = np.full_like(noise(), 120), new_light()
    dark = replace(dark, sh=0.25 * dark.sh)
    face = scene(toy, image, dark).faces[0]
    lost = Scene(image, (), RELIT, None, Lighting(), left_half(), face)
    picture = composer.draw(lost).copy()
    np.testing.assert_array_equal(picture[:, 150:], image[:, 150:])
    person = picture[10:-10, 10:80].reshape(-1, 3)
    assert np.ptp(person, axis=0).max() <= 1 and person.mean() < 0.7 * 120
    followed = composer.draw(scene(toy, image, dark, left_half()))
    assert abs(followed[100:120, 60:90].mean() - person.mean()) < 12  # no jump when it is lost
    np.testing.assert_array_equal(composer.draw(replace(lost, matte=None)), image)


def test_without_a_matte_the_head_alone_is_relit(toy, composer):
    image = noise()
    picture = composer.draw(scene(toy, image, new_light(lamp(-60.0, (1.0, 0.2, 0.1)))))
    assert np.abs(picture[:20, :20].astype(int) - image[:20, :20]).max() <= 1
    assert np.abs(picture[100:120, 100:120].astype(int) - image[100:120, 100:120]).mean() > 10


def test_a_head_that_the_matte_does_not_see_is_relit_too(toy, composer):
    image, new = noise(), new_light(lamp(-60.0, (1.0, 0.2, 0.1)))
    nobody = matte_of(np.zeros((32, 32, 2), np.float32), ~EVERYWHERE)
    without = composer.draw(scene(toy, image, new)).copy()
    np.testing.assert_array_equal(composer.draw(scene(toy, image, new, nobody)), without)


def test_a_mirror_shows_the_same_the_other_way_round(toy, composer):
    image, new = noise(), new_light(lamp(-60.0, (1.0, 0.5, 0.2)))
    straight = composer.draw(scene(toy, image, new, left_half())).copy()
    mirrored = composer.draw(scene(toy, image, new, left_half(), options=replace(RELIT, mirror=True)))
    assert np.abs(mirrored[:, ::-1].astype(int) - straight).max() <= 1


def test_existing_light_is_evened_out(toy, composer):
    vector = head(toy)
    old = seen_light(toy, vector)
    plain = decode_srgb(composer.render(None, vector, RenderOptions(whole_head=True)).copy() / 255.0)
    across = np.linspace(0.75, 1.3, SIZE)[None, :, None]  # a light from the right that the estimate has not
    uneven = np.round(255.0 * encode_srgb(plain * across)).astype(np.uint8)
    new = replace(old, sh=0.5 * old.sh, key_color=0.5 * old.key_color)
    part = np.s_[95:130, 80:144]

    def slope(relight: Relight) -> float:
        picture = composer.draw(scene(toy, uneven, new, everywhere(), relight)).astype(float)
        columns = picture[part].mean(axis=(0, 2))
        return float(np.log(columns[-8:].mean() / columns[:8].mean()))

    level = slope(Relight(even=1.0)), slope(PLAIN)
    assert level[0] < level[1] - 0.08


def test_what_is_in_front_of_the_face_has_none_of_its_highlights(toy, composer):
    plain = composer.render(None, head(toy), RenderOptions(whole_head=True)).copy()
    covered = plain.copy()
    covered[60:130, 80:145] = 14  # a microphone
    matt = new_light()
    shiny = replace(matt, key_color=np.full(3, 4.0, np.float32))
    inner = np.s_[85:105, 100:125]

    def highlight(image: NDArray[np.uint8]) -> float:
        without, with_it = (
            decode_srgb(composer.draw(scene(toy, image, new, everywhere()))[inner] / 255.0) for new in (matt, shiny)
        )
        return float((with_it - without).mean())

    assert highlight(plain) > 0.02
    assert highlight(covered) < 0.2 * highlight(plain)


def test_several_faces_each_have_their_light(toy, composer):
    gray = np.full((SIZE, SIZE, 3), 110, np.uint8)
    faces = []
    for x, color in ((60.0, (1.2, 0.1, 0.1)), (165.0, (0.1, 0.1, 1.2))):
        vector = head(toy)
        p = toy.layout.view(vector)
        p.translation[0], p.scale = x, 0.45
        faces.append(SceneFace(vector, new_light(lamp(0.0, color)), seen_light(toy, vector)))
    picture = composer.draw(Scene(gray, tuple(faces), RELIT, None, Lighting(relight=PLAIN), everywhere()))
    left, right = picture[112, 60].astype(int), picture[112, 165].astype(int)
    assert left[2] > left[0] + 30 and right[0] > right[2] + 30


def test_frames_of_other_sizes_are_relit_too(toy, composer):
    for shape in ((48, 64), (360, 640), (33, 17)):
        image = np.random.default_rng(3).integers(0, 256, (*shape, 3), np.uint8)
        vector = head(toy)
        p: Parameters = toy.layout.view(vector)
        p.translation[:], p.scale = (shape[1] / 2, shape[0] / 2), shape[0] / 250
        face = SceneFace(vector, new_light(lamp(30.0, (1.0, 1.0, 1.0))), seen_light(toy, vector))
        picture = composer.draw(Scene(image, (face,), RELIT, None, Lighting(), everywhere()))
        assert picture.shape == (SIZE, SIZE, 3) and picture.std() > 5.0

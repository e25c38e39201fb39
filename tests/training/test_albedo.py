"""The albedo of the default face model: skin tone, texture sampling, the inner parts and the joint basis."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from facemodel.errors import LimelightError
from facemodel.model import REGIONS
from training.face_model.albedo import _joint_basis, build_albedo
from training.face_model.albedo_inside import InnerParts, find_eyeballs, lid_bands
from training.face_model.makehuman import BaseMesh
from training.face_model.skin_detail import TextureSampler
from training.face_model.skin_layout import MIDLINE_V, TEXTURE_SIZE, part_mask, part_names
from training.face_model.skin_tone import (
    COLORCHECKER_DARK_SKIN,
    COLORCHECKER_LIGHT_SKIN,
    LUMINANCE,
    SkinTone,
    spectrum_to_linear_rgb,
)
from training.face_model.template import Template


def grid_template(u: tuple[float, float], v: tuple[float, float], steps: int = 24) -> Template:
    """A flat sheet of face skin, `steps` x `steps` cells, over a rectangle of the skin layout; one unit is 600 mm."""
    across, down = np.meshgrid(np.linspace(*u, steps + 1), np.linspace(*v, steps + 1))
    uv = np.stack([across.ravel(), down.ravel()], axis=1)
    corner = (np.arange(steps)[:, None] * (steps + 1) + np.arange(steps)).ravel()
    quads = np.stack([corner, corner + 1, corner + steps + 2, corner + steps + 1], axis=1)
    triangles = np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]]).astype(np.int32)
    vertices = np.column_stack([uv * 600.0, np.zeros(len(uv))])
    return Template(vertices, triangles, uv.astype(np.float32), triangles, REGIONS, np.zeros(len(triangles), np.uint8))


def with_eyes(template: Template, centres: np.ndarray, radius: float) -> Template:
    """`template` with two octagonal-ring spheres as region `eyes`."""
    polar, around = np.meshgrid(np.linspace(0.05, np.pi - 0.05, 40), np.arange(16) * np.pi / 8, indexing="ij")
    ball = np.stack([np.sin(polar) * np.cos(around), np.sin(polar) * np.sin(around), np.cos(polar)], axis=-1)
    node = np.arange(40 * 16).reshape(40, 16)
    right = np.roll(node, -1, axis=1)
    one = np.stack([node[:-1].ravel(), node[1:].ravel(), right[1:].ravel()], axis=1)
    vertices, triangles = [template.vertices], [template.triangles]
    for centre in centres:
        triangles.append(one + sum(len(block) for block in vertices))
        vertices.append(ball.reshape(-1, 3) * radius + centre)
    added = np.concatenate(triangles[1:])
    return Template(
        np.concatenate(vertices),
        np.concatenate(triangles).astype(np.int32),
        template.uv,
        np.concatenate([template.uv_triangles, np.zeros_like(added)]).astype(np.int32),
        REGIONS,
        np.concatenate([template.triangle_region, np.full(len(added), REGIONS.index("eyes"))]).astype(np.uint8),
    )


@pytest.fixture(scope="module")
def tone(sources) -> SkinTone:
    return SkinTone.from_tables(sources / "face_model" / "skin" / "optics")


def test_a_white_reflector_is_white_and_a_red_one_red():
    assert spectrum_to_linear_rgb(np.ones(31)) == pytest.approx(np.ones(3), abs=1e-6)
    red = spectrum_to_linear_rgb((np.arange(400, 701, 10) > 600).astype(float))
    assert red[0] > 5 * max(red[1], red[2])


@pytest.mark.parametrize("patch", [COLORCHECKER_LIGHT_SKIN, COLORCHECKER_DARK_SKIN])
def test_the_tone_curve_meets_both_colorchecker_patches(tone, patch):
    pigments = tone.pigments_of_luminance(np.dot(patch, LUMINANCE))
    assert np.exp(tone.log_albedo(*pigments)) == pytest.approx(patch, rel=0.02)


def test_tones_are_continuous_skin_from_darkest_to_palest(tone):
    luminance = np.linspace(0.03, 0.48, 60)
    rgb = np.exp(tone.log_albedo(*tone.pigments_of_luminance(luminance)))  # (60, 3)
    assert rgb @ LUMINANCE == pytest.approx(luminance, rel=0.02)
    assert (np.diff(rgb, axis=0) > 0).all()
    assert (rgb[:, 0] > rgb[:, 1]).all()
    assert (rgb[:, 1] > rgb[:, 2]).all()


def test_blood_reddens_and_melanin_darkens(tone):
    melanin, blood = (float(value) for value in tone.pigments_of_luminance(np.array(0.3)))
    plain, bloody, tanned = (
        np.exp(tone.log_albedo(np.array(m), np.array(b)))
        for m, b in ((melanin, blood), (melanin, blood + 0.7), (melanin + 0.7, blood))
    )
    assert bloody[0] / bloody[1] > 1.05 * plain[0] / plain[1]
    assert (tanned < plain).all()


def test_missing_tables_are_one_clear_line(tmp_path):
    with pytest.raises(LimelightError, match="absorption tables"):
        SkinTone.from_tables(tmp_path)


def test_part_masks_are_symmetric_and_inside_the_head():
    rows = 1.0 - (np.arange(TEXTURE_SIZE) + 0.5) / TEXTURE_SIZE
    for name in part_names():
        mask = part_mask(name)
        assert 0.5 < mask.max() <= 1.0 + 1e-9, name
        assert mask.min() >= 0.0
        middle = (mask.sum(axis=1) * rows).sum() / mask.sum()
        assert middle == pytest.approx(MIDLINE_V, abs=1e-3), name


def test_sampling_reproduces_a_smooth_texture():
    template = grid_template((0.70, 0.90), (0.30, 0.60))
    centres = (np.arange(TEXTURE_SIZE) + 0.5) / TEXTURE_SIZE
    ramp = np.stack(np.broadcast_arrays(centres[None, :], 1.0 - centres[:, None]), axis=-1)  # u and v themselves
    sampled = TextureSampler(template)(ramp)
    inside = (np.abs(template.uv - [0.8, 0.45]) < [0.09, 0.13]).all(axis=1)
    assert sampled[inside] == pytest.approx(template.uv[inside], abs=1e-3)


def test_a_vertex_on_a_uv_seam_gets_one_value_from_both_sides():
    vertices = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [-1, 0, 0]])
    uv = np.array([[0.2, 0.2], [0.3, 0.2], [0.2, 0.3], [0.8, 0.8], [0.8, 0.9], [0.7, 0.8]], np.float32)
    triangles = np.array([[0, 1, 2], [0, 2, 3]], np.int32)
    uv_triangles = np.array([[0, 1, 2], [3, 4, 5]], np.int32)
    template = Template(vertices, triangles, uv, uv_triangles, REGIONS, np.zeros(2, np.uint8))
    texture = np.zeros((TEXTURE_SIZE, TEXTURE_SIZE))
    texture[: TEXTURE_SIZE // 2] = 1.0  # v > 0.5
    assert TextureSampler(template)(texture) == pytest.approx([0.5, 0.0, 0.5, 1.0])


def test_pupil_iris_and_sclera_lie_about_the_gaze_axis():
    centres = np.array([[32.0, 0, 60], [-32.0, 0, 60]])
    template = with_eyes(grid_template((0.7, 0.9), (0.3, 0.6)), centres, 12.0)
    eyeballs = find_eyeballs(template)
    assert np.array([eyeball.centre for eyeball in eyeballs]) == pytest.approx(centres, abs=1e-6)
    assert [eyeball.radius for eyeball in eyeballs] == pytest.approx([12.0, 12.0])
    skin = template.region_vertices("face")
    inner = InnerParts(template, skin, {"blue_eye": np.array([0.05, 0.1, 0.3])}, np.random.default_rng(0))
    diffuse = np.full((len(template.vertices), 3), 0.3)
    inner.paint(diffuse, lightness=0.9)
    for eyeball in eyeballs:
        colour = diffuse[eyeball.vertices].mean(axis=1)
        below = eyeball.directions[:, 1] < 0  # not in the upper lid's shadow
        pupil = colour[eyeball.distance_mm < 1.5].max()
        iris = colour[(eyeball.distance_mm > 2.5) & (eyeball.distance_mm < 5.0) & below].mean()
        sclera = colour[(eyeball.distance_mm > 6.5) & (eyeball.distance_mm < 9.0) & below].mean()
        assert pupil < 0.3 * iris
        assert iris < 0.6 * sclera
    assert (diffuse[skin] == 0.3).all()


def test_margins_are_moist_and_lashes_grow_before_them():
    ball = with_eyes(grid_template((0.7, 0.9), (0.3, 0.6)), np.array([[32.0, 0, 60], [-32.0, 0, 60]]), 12.0)
    eyeballs = find_eyeballs(ball)
    margin, line, brow = ([32.0, 0, 60] + (12 + gap) * np.array([0, 0.4, 0.9165]) for gap in (0.4, 1.9, 8.0))
    duct = np.array([32.0 - 10.8, -2.2, 60 + 8.0])
    behind = np.array([32.0, 0, 60 - 12.4])
    points = np.array([margin, line, brow, duct, behind])
    lashes, moist = lid_bands(replace(ball, vertices=points), eyeballs, np.arange(5))
    assert lashes.argmax() == 1
    assert lashes[1] > 0.95
    assert moist[3] > 0.5 and moist[0] > 0.5
    assert lashes[3] < 0.05
    assert max(lashes[2], moist[2], lashes[4], moist[4]) < 0.01


def test_the_joint_basis_reconstructs_the_people_it_was_learned_from():
    rng = np.random.default_rng(3)
    shared = rng.normal(size=(300, 3))
    diffuse = (0.4 + 0.05 * shared @ rng.normal(size=(3, 60))).reshape(300, 20, 3).astype(np.float32)
    specular = (0.05 + 0.004 * shared @ rng.normal(size=(3, 20))).astype(np.float32)
    basis = _joint_basis(diffuse.copy(), specular.copy(), np.ones(20), (3, 3))
    assert basis.kept_variance > 0.999
    assert basis.people_coefficients.std(axis=0) == pytest.approx(np.ones(3), rel=0.01)
    for person in (0, 17, 250):
        decoded_diffuse, decoded_specular = basis.decode(basis.people_coefficients[person])
        assert decoded_diffuse == pytest.approx(diffuse[person], abs=2e-3)
        assert decoded_specular[:, 0] == pytest.approx(specular[person], abs=2e-3)


@pytest.fixture(scope="module")
def small_basis(sources):
    """The basis of a sheet of skin over the middle of the face, with eyes, and its template."""
    template = with_eyes(
        grid_template((0.76, 0.95), (0.40, 0.56), steps=40), np.array([[32.0, 0, 60], [-32.0, 0, 60]]), 12.0
    )
    return template, build_albedo(template, brow_free_base(), sources, 150)


def brow_free_base() -> BaseMesh:
    """A base mesh on which every vertex that a brow could be bound to lies outside the head."""
    count = 19158
    nothing = np.zeros((0, 4), int)
    return BaseMesh(np.zeros((count, 3)), np.zeros((1, 2)), nothing, nothing, np.array([]), np.array([]), {})


def test_random_coefficients_give_skin(small_basis):
    template, basis = small_basis
    modes = len(basis.diffuse_basis)
    assert 30 <= modes <= 60
    assert basis.kept_variance > 0.99
    assert basis.diffuse_basis.shape == (modes, len(template.vertices), 3) == basis.specular_basis.shape
    assert {a.dtype for a in (basis.diffuse_mean, basis.diffuse_basis, basis.specular_mean)} == {np.dtype(np.float32)}
    skin = template.region_vertices("face")
    rng = np.random.default_rng(8)
    below, dull, tones = [], [], []
    for _ in range(60):
        diffuse, specular = basis.decode(rng.normal(size=modes))
        below.append(np.mean(diffuse[skin] < 0.0))
        dull.append(np.mean(specular[skin] < 0.0))
        assert diffuse[skin].max() < 1.0
        tones.append(np.median(diffuse[skin], axis=0))
    tones = np.array(tones)
    assert np.mean(below) < 0.02
    assert np.mean(dull) < 0.01
    ordinary = tones[tones @ LUMINANCE > 0.05]
    assert len(ordinary) > 0.9 * len(tones)
    assert (ordinary[:, 0] > 1.2 * ordinary[:, 1]).all()
    assert (ordinary[:, 1] > ordinary[:, 2]).all()


def test_people_cover_dark_and_light_without_a_gap(small_basis):
    template, basis = small_basis
    skin = template.region_vertices("face")
    tones = [
        np.median(basis.decode(c)[0][skin], axis=0) @ LUMINANCE for c in basis.people_coefficients.astype(np.float64)
    ]
    dark, light = (np.dot(patch, LUMINANCE) for patch in (COLORCHECKER_DARK_SKIN, COLORCHECKER_LIGHT_SKIN))
    assert np.mean(np.array(tones) < 1.1 * dark) > 0.02
    assert np.mean(np.array(tones) > light) > 0.1
    assert np.diff(np.sort(tones)).max() < 0.06


def test_missing_skins_are_one_clear_line(sources, tmp_path):
    optics = tmp_path / "face_model" / "skin"
    optics.mkdir(parents=True)
    (optics / "optics").symlink_to(sources / "face_model" / "skin" / "optics")
    with pytest.raises(LimelightError, match="no skins"):
        build_albedo(grid_template((0.7, 0.9), (0.3, 0.6)), brow_free_base(), tmp_path, 2)

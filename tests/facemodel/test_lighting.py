"""Light: spherical harmonics, their rotation, and what shading must never do."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from facemodel.lighting import COSINE_LOBE, rotate_sh, sh_basis, shade_diffuse, shade_specular, turn_sh
from facemodel.rotation import in_plane


def random_normals(count: int, seed: int = 0) -> np.ndarray:
    normals = np.random.default_rng(seed).normal(size=(count, 3))
    return normals / np.linalg.norm(normals, axis=1, keepdims=True)


def sphere_quadrature() -> tuple[np.ndarray, np.ndarray]:
    """Directions and weights that integrate polynomials up to degree 15 over the sphere."""
    z, weight = np.polynomial.legendre.leggauss(8)
    azimuth = np.arange(16) * np.pi / 8
    z, azimuth = np.repeat(z, 16), np.tile(azimuth, 8)
    radius = np.sqrt(1 - z**2)
    directions = np.stack([radius * np.cos(azimuth), radius * np.sin(azimuth), z], axis=-1)
    return directions, np.repeat(weight, 16) * np.pi / 8


def test_the_basis_is_orthonormal():
    directions, weights = sphere_quadrature()
    basis = sh_basis(directions)
    np.testing.assert_allclose(basis.T @ (basis * weights[:, None]), np.eye(9), atol=1e-12)


def test_the_order_of_the_linear_band_is_y_z_x():
    np.testing.assert_allclose(sh_basis(np.eye(3))[:, 1:4].argmax(axis=1), [2, 0, 1])
    assert (sh_basis(np.eye(3)).take([3, 1, 2], axis=1).diagonal() > 0).all(), "no Condon-Shortley signs"


def test_cosine_lobe_turns_radiance_into_irradiance_over_pi():
    radiance = np.random.default_rng(1).normal(size=9)
    radiance[0] = 5.0
    z, weight = np.polynomial.legendre.leggauss(64)
    azimuth = (np.arange(64) + 0.5) * np.pi / 32
    cosine, quarter = 0.5 * (z + 1.0), 0.5 * weight  # over the upper hemisphere only
    for normal in random_normals(4):
        frame = np.linalg.svd(np.outer(normal, normal))[0][:, ::-1]
        frame[:, 2] = normal
        local = np.stack(
            [
                np.outer(np.sqrt(1 - cosine**2), np.cos(azimuth)),
                np.outer(np.sqrt(1 - cosine**2), np.sin(azimuth)),
                np.outer(cosine, np.ones(64)),
            ],
            axis=-1,
        )
        incoming = sh_basis(local @ frame.T) @ radiance  # (64, 64)
        irradiance = (incoming * (cosine * quarter)[:, None]).sum() * np.pi / 32
        assert sh_basis(normal) @ (COSINE_LOBE * radiance) == pytest.approx(irradiance / np.pi, rel=1e-9)


@pytest.mark.parametrize("seed", range(5))
def test_rotated_light_at_n_is_the_light_at_r_transposed_n(seed):
    rotation = Rotation.random(rng=np.random.default_rng(seed)).as_matrix()
    light = np.random.default_rng(seed).normal(size=(9, 3))
    normals = random_normals(50, seed)
    turned = sh_basis(normals) @ rotate_sh(rotation, light)
    np.testing.assert_allclose(turned, sh_basis(normals @ rotation) @ light, atol=1e-12)


def test_rotation_keeps_the_energy_of_every_band():
    rotation = Rotation.random(rng=np.random.default_rng(7)).as_matrix()
    light = np.random.default_rng(7).normal(size=(9, 1))
    turned = rotate_sh(rotation, light)
    for band in (slice(0, 1), slice(1, 4), slice(4, 9)):
        assert np.linalg.norm(turned[band]) == pytest.approx(np.linalg.norm(light[band]))


def test_head_and_light_turned_together_keep_their_colour():
    rotation = Rotation.random(rng=np.random.default_rng(2)).as_matrix()
    light, normals = np.random.default_rng(2).normal(size=(9, 3)), random_normals(20)
    before = shade_diffuse(np.full((20, 3), 0.5), normals, light)
    after = shade_diffuse(np.full((20, 3), 0.5), normals @ rotation.T, rotate_sh(rotation, light))
    np.testing.assert_allclose(after, before, atol=1e-12)


def test_uniform_radiance_lights_every_normal_alike():
    sh = np.zeros((9, 3))
    sh[0] = 1.0 / 0.28209479177387814
    shaded = shade_diffuse(np.full((30, 3), (0.2, 0.4, 0.6)), random_normals(30), sh)
    np.testing.assert_allclose(shaded, np.tile([0.2, 0.4, 0.6], (30, 1)), atol=1e-12)


def test_diffuse_is_never_negative():
    sh = np.zeros((9, 3))
    sh[2] = 3.0
    normals = random_normals(100)
    shaded = shade_diffuse(np.ones((100, 3)), normals, sh)
    assert (shaded >= 0).all()
    assert (shaded[normals[:, 2] < 0] == 0).all()


def test_highlight_peaks_where_the_normal_halves_light_and_view():
    angle = np.radians(np.linspace(-85, 85, 1701))
    normals = np.stack([np.sin(angle), np.zeros_like(angle), np.cos(angle)], axis=-1)
    shaded = shade_specular(np.ones(3), np.zeros(3), normals, [300.0, 0.0, 300.0], np.ones(3), 50.0)[:, 0]
    assert np.degrees(angle[shaded.argmax()]) == pytest.approx(22.5, abs=0.1)
    assert shaded.max() == pytest.approx(1.0, abs=1e-4)


def test_shininess_narrows_the_highlight():
    normal = np.array([0.0, np.sin(0.4), np.cos(0.4)])
    values = [
        shade_specular(np.ones(3), np.zeros(3), normal, [0, 0, 400.0], np.ones(3), s)[0] for s in (2.0, 20.0, 100.0)
    ]
    np.testing.assert_allclose(values, np.cos(0.4) ** np.array([2.0, 20.0, 100.0]))


def test_no_highlight_on_the_side_away_from_the_light():
    normal = np.array([0.6, 0.0, 0.8])
    behind = shade_specular(np.ones(3), np.zeros(3), normal, [-400.0, 0.0, 100.0], np.ones(3), 1.0)
    assert (behind == 0).all()


def test_a_light_straight_behind_the_head_gives_no_nan():
    shaded = shade_specular(np.ones(3), np.zeros(3), [0.0, 0.0, 1.0], [0.0, 0.0, -300.0], np.ones(3), 10.0)
    assert np.isfinite(shaded).all()


def test_key_colour_and_albedo_scale_the_highlight():
    plain = shade_specular(np.ones(3), np.zeros(3), [0.0, 0.0, 1.0], [50.0, 0, 300.0], np.ones(3), 10.0)
    tinted = shade_specular([0.5, 0.2, 0.1], np.zeros(3), [0.0, 0.0, 1.0], [50.0, 0, 300.0], [1.0, 2.0, 3.0], 10.0)
    np.testing.assert_allclose(tinted, plain * [0.5, 0.4, 0.3])


@pytest.mark.parametrize("angle", [0.0, 0.3, -2.5])
def test_a_turn_about_the_view_axis_is_the_rotation_by_it(angle: float) -> None:
    light = np.random.default_rng(0).normal(size=(9, 3))
    np.testing.assert_allclose(turn_sh(angle, light), rotate_sh(in_plane(np.array(angle)), light), atol=1e-12)
    np.testing.assert_array_equal(in_plane(angle), in_plane(np.array(angle)))

"""Panoramas as light: against analytic skies, and files of every kind."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from facemodel import LimelightError
from facemodel.color import encode_srgb
from facemodel.lighting import sh_basis
from realtime.light.environments import ENVIRONMENTS
from realtime.light.library import EnvironmentLibrary
from realtime.light.panorama import MEAN_LIGHT, environment_of, load_environment, read_panorama
from realtime.opencv import cv2

LUMINANCE = np.array([0.2126, 0.7152, 0.0722])


def normals(count: int = 500) -> np.ndarray:
    found = np.random.default_rng(1).normal(size=(count, 3))
    return found / np.linalg.norm(found, axis=1, keepdims=True)


def directions(height: int, width: int) -> np.ndarray:
    """(H, W, 3): the middle is away from the camera, its right is image right."""
    latitude = np.radians(90.0 - 180.0 * (np.arange(height) + 0.5) / height)[:, None]
    longitude = np.radians(360.0 * (np.arange(width) + 0.5) / width - 180.0)[None]
    x, z = np.cos(latitude) * np.sin(longitude), -np.cos(latitude) * np.cos(longitude)
    return np.stack(np.broadcast_arrays(x, np.sin(latitude), z), axis=-1)


def test_an_even_sky_lights_every_side_alike():
    environment = environment_of(np.full((64, 128, 3), (2.0, 1.0, 0.5)))
    light = sh_basis(normals()) @ environment.sh
    np.testing.assert_allclose(light @ LUMINANCE, MEAN_LIGHT, rtol=1e-3)
    np.testing.assert_allclose(light[:, 0] / light[:, 2], 4.0, rtol=1e-3)


def test_a_sky_that_brightens_towards_a_side_is_its_analytic_irradiance():
    """Radiance 1 + b . d gives irradiance / pi of 1 + 2/3 b . n; of band 2, x^2 - 1/3 gives a quarter."""
    d, slope = directions(128, 256), np.array([0.5, -0.3, 0.2])
    radiance = 1.0 + d @ slope + 0.6 * (d[..., 0] ** 2 - 1.0 / 3.0)
    environment = environment_of(np.repeat(radiance[..., None], 3, axis=-1))
    n = normals()
    expected = 1.0 + 2.0 / 3.0 * n @ slope + 0.25 * 0.6 * (n[:, 0] ** 2 - 1.0 / 3.0)
    np.testing.assert_allclose((sh_basis(n) @ environment.sh)[:, 1], MEAN_LIGHT * expected, atol=2e-3)


@pytest.mark.parametrize(
    ("toward", "color"), [((0.8, 0.0, 0.6), (1.0, 0.5, 0.25)), ((-0.6, 0.64, 0.48), (0.2, 0.4, 1.0))]
)
def test_the_key_light_stands_where_it_is_brightest(toward, color):
    lamp = directions(128, 256) @ np.array(toward) > np.cos(np.radians(6.0))
    environment = environment_of(0.05 + lamp[..., None] * 40.0 * np.array(color))
    direction = environment.key_position / np.linalg.norm(environment.key_position)
    assert np.degrees(np.arccos(direction @ toward)) < 3.0
    np.testing.assert_allclose(environment.key_color, np.array(color) / max(color), atol=0.02)


def test_a_sun_behind_the_head_is_no_key_light():
    sun = directions(128, 256) @ np.array((0.0, 0.0, -1.0)) > 0.99
    environment = environment_of(np.repeat(100.0 * sun[..., None], 3, axis=-1))
    assert not environment.key_color.any()
    back, front = sh_basis(np.array([[0.0, 0.0, -1.0], [0.0, 0.0, 1.0]])) @ environment.sh[:, 1]
    assert back > 1.3 > 0.4 > abs(front)


@pytest.fixture
def sky() -> np.ndarray:
    d = directions(128, 256)
    return (0.2 + 0.15 * d + 0.5 * (d @ np.array((0.6, 0.0, 0.8)) > 0.9)[..., None]).astype(np.float32)


def write(path: Path, linear: np.ndarray) -> Path:
    if path.suffix == ".exr":
        openexr = pytest.importorskip("OpenEXR")
        with openexr.File({"type": openexr.scanlineimage}, {"RGB": linear}) as file:
            file.write(str(path))
    else:
        image = linear if path.suffix == ".hdr" else np.round(255.0 * encode_srgb(linear))
        path.write_bytes(cv2.imencode(path.suffix, image[..., ::-1])[1].tobytes())
    return path


@pytest.mark.parametrize("suffix", [".hdr", ".exr", ".png", ".jpg", ".HDR"])
def test_every_kind_of_file_gives_the_same_light(tmp_path, sky, suffix):
    path = write(tmp_path / f"Sonnenuntergang ü{suffix.lower()}", sky)
    path = path.rename(path.with_suffix(suffix))
    assert np.abs(read_panorama(path) - sky).mean() < 0.01
    np.testing.assert_allclose(load_environment(path).sh, environment_of(sky).sh, atol=5e-3)


def test_an_infinite_sun_is_very_bright(tmp_path, sky):
    sky[40, 200] = np.inf
    assert np.isfinite(load_environment(write(tmp_path / "sun.exr", sky)).sh).all()


def test_large_panoramas_are_made_smaller_without_losing_light(sky):
    large = cv2.resize(sky, (1024, 512), interpolation=cv2.INTER_NEAREST)
    np.testing.assert_allclose(environment_of(large).sh, environment_of(sky).sh, atol=2e-3)


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.gif", b"GIF89a", r"must be \.hdr"),
        ("a.hdr", b"#?RADIANCE\nnothing", "no picture that can be read"),
        ("a.exr", b"nothing", "no picture that can be read"),
        ("a.jpg", b"", "no picture that can be read"),
        ("a.png", cv2.imencode(".png", np.ones((20, 30, 3)))[1].tobytes(), "twice as wide as high; this one has 30 x"),
        ("a.png", cv2.imencode(".png", np.zeros((20, 40, 3)))[1].tobytes(), "it is black"),
        ("missing.jpg", None, "No such file"),
        ("missing.exr", None, "no picture that can be read"),
    ],
)
def test_what_is_no_panorama_is_refused_in_one_line(tmp_path, name, content, reason):
    if name.endswith(".exr"):
        pytest.importorskip("OpenEXR")
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(LimelightError, match=reason) as error:
        load_environment(path)
    assert "\n" not in str(error.value) and name in str(error.value)


def test_pixels_that_are_no_numbers_are_refused(tmp_path, sky):
    sky[3, 4] = np.nan
    with pytest.raises(LimelightError, match="not numbers"):
        load_environment(write(tmp_path / "a.exr", sky))


def test_the_library_lists_panoramas_after_our_own(tmp_path, sky):
    library = EnvironmentLibrary()
    assert list(library) == list(ENVIRONMENTS)
    name = library.load(write(tmp_path / "a.png", sky))
    assert list(library)[-1] == name == str(tmp_path / "a.png")
    np.testing.assert_allclose(library[name].sh, environment_of(sky).sh, atol=5e-3)
    with pytest.raises(LimelightError):
        library.load(tmp_path / "b.png")
    assert len(library) == len(ENVIRONMENTS) + 1

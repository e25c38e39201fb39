"""Panoramas: pictures of all that is around a place, made into the light that it gives."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facemodel import LimelightError
from facemodel.color import decode_srgb
from facemodel.lighting import COSINE_LOBE, sh_basis
from realtime.light.environments import Environment
from realtime.opencv import cv2

SUFFIXES = (".hdr", ".exr", ".jpg", ".jpeg", ".png")
"""What panoramas may be: of linear light, or of sRGB."""

MEAN_LIGHT = 0.6
"""Luminance of irradiance / pi, averaged over all directions, that a panorama is brought to: about that of "studio"."""

_LINEAR = (".hdr", ".exr")
_SIZE = (256, 128)
"""Pixels that are worked with: nine coefficients know nothing finer."""
_BRIGHTEST = 65504.0
"""A pixel of the sun may be infinite; this is the largest number that half floats have."""
_KEY_DISTANCE = 800.0
_KEY_SHARE = 0.01
"""Share of all directions, the brightest ones, that the key light stands for."""
_LUMINANCE = np.array([0.2126, 0.7152, 0.0722])


def read_panorama(path: Path) -> NDArray[np.float32]:
    """Return an equirectangular picture's radiance, (128, 256, 3) linear RGB in the picture's own unit.

    Raises:
        LimelightError: it cannot be read, or is not twice as wide as high.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise LimelightError(f"panorama {path}: must be {', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]}")
    image = _read_exr(path) if path.suffix.lower() == ".exr" else _read(path)
    height, width = image.shape[:2]
    if not 1.9 < width / height < 2.1:
        raise LimelightError(
            f"panorama {path}: must be equirectangular, twice as wide as high; this one has {width} x {height} pixels"
        )
    radiance = image if path.suffix.lower() in _LINEAR else decode_srgb(image / 255.0).astype(np.float32)
    if np.isnan(radiance).any():
        raise LimelightError(f"panorama {path}: some of its pixels are not numbers")
    small = cv2.resize(np.clip(radiance, 0.0, _BRIGHTEST), _SIZE, interpolation=cv2.INTER_AREA)
    if not small.any():
        raise LimelightError(f"panorama {path}: it is black")
    return small


def environment_of(radiance: NDArray[np.floating]) -> Environment:
    """Return the light of a panorama: SH light of all of it, and a key light where it is brightest.

    The middle of the picture lies behind the head, as the camera sees it; its right is image right. The brightness is
    brought to `MEAN_LIGHT`, since panoramas do not tell theirs; the key light's largest component is 1.

    Args:
        radiance: (H, W, 3) linear RGB.
    """
    directions, solid_angles = _directions(*radiance.shape[:2])  # (N, 3), (N,)
    light = radiance.reshape(-1, 3) * solid_angles[:, None]  # (N, 3)
    sh = COSINE_LOBE[:, None] * (sh_basis(directions).T @ light)  # (9, 3)
    mean = sh[0] @ _LUMINANCE * sh_basis(directions[:1])[0, 0]
    return Environment((sh * (MEAN_LIGHT / mean)).astype(np.float32), *_key(radiance, directions, solid_angles))


def load_environment(path: Path) -> Environment:
    """Return the light of a panorama's file; see `read_panorama` and `environment_of`.

    Raises:
        LimelightError: it cannot be read, or is not twice as wide as high.
    """
    return environment_of(read_panorama(path))


def _key(
    radiance: NDArray[np.floating], directions: NDArray[np.float64], solid_angles: NDArray[np.float64]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Position and colour of the light that the brightest directions are together, seen from the front half alone."""
    soft = cv2.GaussianBlur(np.pad(radiance, ((0, 0), (16, 16), (0, 0)), mode="wrap"), (0, 0), 3.0)[:, 16:-16]
    luminance = np.where(directions[:, 2] > 0.0, soft.reshape(-1, 3) @ _LUMINANCE, 0.0)  # (N,)
    order = np.argsort(luminance)[::-1]
    brightest = order[: 1 + int(np.searchsorted(np.cumsum(solid_angles[order]), 4.0 * np.pi * _KEY_SHARE))]
    weights = luminance[brightest] * solid_angles[brightest]
    if not weights.any():  # no light from the front
        return np.array((0.0, 0.0, _KEY_DISTANCE), np.float32), np.zeros(3, np.float32)
    toward = weights @ directions[brightest]
    color = weights @ soft.reshape(-1, 3)[brightest]
    return (
        (_KEY_DISTANCE / np.linalg.norm(toward) * toward).astype(np.float32),
        (color / color.max()).astype(np.float32),
    )


def _directions(height: int, width: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return where each pixel lies, (H * W, 3) unit vectors, and how much of the sphere it covers, (H * W,)."""
    latitude = np.pi * (0.5 - (np.arange(height) + 0.5) / height)[:, None]
    longitude = 2.0 * np.pi * ((np.arange(width) + 0.5) / width - 0.5)[None]
    x, z = np.cos(latitude) * np.sin(longitude), -np.cos(latitude) * np.cos(longitude)
    directions = np.stack(np.broadcast_arrays(x, np.sin(latitude), z), axis=-1).reshape(-1, 3)
    edges = np.sin(np.pi * (0.5 - np.arange(height + 1) / height))
    rows = (edges[:-1] - edges[1:]) * 2.0 * np.pi / width
    return directions, np.repeat(rows, width)


def _read(path: Path) -> NDArray:
    """Return (H, W, 3) RGB: float32 radiance of .hdr, 0..255 of others."""
    try:
        data = np.frombuffer(path.read_bytes(), np.uint8)  # OpenCV itself cannot open every path on Windows
    except OSError as error:
        raise LimelightError(f"panorama {path}: {error.strerror or error}") from error
    flags = cv2.IMREAD_ANYDEPTH | cv2.IMREAD_COLOR if path.suffix.lower() in _LINEAR else cv2.IMREAD_COLOR
    image = cv2.imdecode(data, flags) if len(data) else None
    if image is None:
        raise LimelightError(f"panorama {path}: no picture that can be read")
    return np.ascontiguousarray(image[..., ::-1])


def _read_exr(path: Path) -> NDArray[np.float32]:
    """Return (H, W, 3) linear RGB of an OpenEXR file."""
    try:
        import OpenEXR
    except ImportError as error:
        raise LimelightError(f"panorama {path}: .exr needs OpenEXR: pip install 'limelight[exr]'") from error
    try:
        with OpenEXR.File(str(path)) as file:
            channels = file.channels()
            if "RGB" not in channels and "RGBA" not in channels:
                raise LimelightError(f"panorama {path}: has no red, green and blue, only {', '.join(channels)}")
            pixels = (channels.get("RGB") or channels["RGBA"]).pixels
    except RuntimeError as error:
        raise LimelightError(f"panorama {path}: no picture that can be read ({error})") from error
    return np.ascontiguousarray(pixels[..., :3], np.float32)

"""From linear light to what a webcam delivers: blur, noise, tone, 8 bits, JPEG."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from training.render.lamps import LUMINANCE

_STEPS = np.linspace(0.0, 1.0, 4096)
_SRGB = np.where(_STEPS <= 0.0031308, 12.92 * _STEPS, 1.055 * _STEPS ** (1 / 2.4) - 0.055).astype(np.float32) * 255.0


@dataclass(frozen=True)
class CameraFaults:
    """How often and how badly a picture suffers.

    Attributes:
        motion_share, defocus_share, coarse_share, sharpen_share, noise_share, tone_share, gray_share, jpeg_share: of
            pictures.
        motion: longest smear, px. defocus: largest Gaussian, px. coarse: strongest loss of resolution.
        sharpen: most that is added to an edge. noise: largest standard deviation at middle grey, 0..255.
        tone: of the log exponent of the camera's own tone curve. jpeg_quality: the worst.
    """

    motion_share: float = 0.1
    defocus_share: float = 0.25
    coarse_share: float = 0.25
    sharpen_share: float = 0.25
    noise_share: float = 0.8
    tone_share: float = 0.3
    gray_share: float = 0.07
    jpeg_share: float = 0.6
    motion: int = 9
    defocus: float = 1.6
    coarse: float = 5.0
    sharpen: float = 1.5
    noise: float = 14.0
    tone: float = 0.1
    jpeg_quality: int = 25


_NEVER: dict[str, Any] = {each.name: 0.0 for each in fields(CameraFaults) if each.name.endswith("_share")}
CLEAN = CameraFaults(**_NEVER)
"""A camera that does nothing to a picture."""


def photograph(
    linear: NDArray[np.float32], size: int, faults: CameraFaults, rng: Generator, gray: bool = False
) -> NDArray[np.uint8]:
    """Return a uint8 sRGB picture (size, size, 3) of a linear image (S, S, 3) with random faults, grey if wanted."""
    if gray:
        linear = np.repeat(linear @ LUMINANCE.astype(np.float32)[:, None], 3, axis=2)
    if rng.random() < faults.motion_share:
        linear = cv2.filter2D(linear, -1, _smear(rng, int(rng.integers(3, faults.motion + 1))))
    if rng.random() < faults.defocus_share:
        linear = cv2.GaussianBlur(linear, (0, 0), float(rng.uniform(0.3, faults.defocus)))
    if rng.random() < faults.coarse_share:
        small = round(size / faults.coarse ** rng.random())
        linear = cv2.resize(linear, (small, small), interpolation=cv2.INTER_AREA)
    shrinks = len(linear) > size
    linear = cv2.resize(linear, (size, size), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    encoded = _SRGB[(np.clip(linear, 0.0, 1.0) * (len(_SRGB) - 1)).astype(np.int32)]
    if rng.random() < faults.tone_share:
        encoded = 255.0 * (encoded / 255.0) ** np.float32(np.exp(rng.normal(0.0, faults.tone)))
    if rng.random() < faults.sharpen_share:
        blurred = cv2.GaussianBlur(encoded, (0, 0), float(rng.uniform(0.7, 1.6)))
        encoded = encoded + np.float32(rng.uniform(0.2, faults.sharpen)) * (encoded - blurred)
    if rng.random() < faults.noise_share:
        deviation = faults.noise * rng.random() ** 2
        shot = np.sqrt(
            0.3 + 1.4 * np.clip(encoded, 0.0, 255.0) / 255.0
        )  # a bright pixel's light is counted less exactly
        grain = rng.standard_normal((size, size, 3 if rng.random() < 0.6 else 1), dtype=np.float32) * np.float32(
            deviation
        )
        if rng.random() < 0.3:
            grain = 1.7 * cv2.GaussianBlur(grain, (0, 0), 0.7).reshape(size, size, -1)
        encoded = encoded + grain * shot
    picture = np.clip(encoded + 0.5, 0.0, 255.0).astype(np.uint8)
    if rng.random() < faults.jpeg_share:
        quality = int(rng.integers(faults.jpeg_quality, 96))
        compressed = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        picture = np.asarray(cv2.imdecode(compressed, cv2.IMREAD_COLOR), np.uint8)
    return picture


def _smear(rng: Generator, length: int) -> NDArray[np.float32]:
    """Return the kernel of a straight motion."""
    kernel = np.zeros((length, length), np.float32)
    angle = rng.uniform(0.0, np.pi)
    middle = (length - 1) / 2
    reach = middle * np.array([np.cos(angle), np.sin(angle)])
    ends = (np.round(middle - reach).astype(int).tolist(), np.round(middle + reach).astype(int).tolist())
    cv2.line(kernel, *ends, 1.0)
    return kernel / kernel.sum()

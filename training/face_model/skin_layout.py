"""Where the parts of a face lie in MakeHuman's skin layout, as soft masks.

Synthetic: the outlines were drawn by hand over the CC0 skins. Positions are (u, w): u runs down the face (hairline
about 0.76, chin about 0.94), w is the distance to the mid-line, v = 0.4828 +- w, for the layout is mirror-symmetric.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

TEXTURE_SIZE = 1024
MIDLINE_V = 0.4828


@dataclass(frozen=True)
class _Blob:
    """Gaussian spots at (u, +-w)."""

    u: float
    w: float
    sigma_u: float
    sigma_w: float


@dataclass(frozen=True)
class _Outline:
    """Polygon of (u, w) points on one half of the face, mirrored, its edge softened by `blur`."""

    points: tuple[tuple[float, float], ...]
    blur: float


_LIP_TOP = ((0.8978, 0.0), (0.8960, 0.004), (0.8990, 0.011), (0.9060, 0.0215))
_LIP_BOTTOM = ((0.9138, 0.016), (0.9172, 0.008), (0.9180, 0.0))
_BEARD_BLUR = 0.0030  # one for all three parts, so that across their common borders they add up to one
_PARTS: dict[str, _Blob | _Outline] = {
    "lips": _Outline((*_LIP_TOP, *_LIP_BOTTOM), 0.0012),
    "lower_lip": _Outline(((0.9085, 0.0), (0.9075, 0.0205), *_LIP_BOTTOM), 0.0012),
    "moustache": _Outline(
        ((0.8860, 0.0), (0.8865, 0.010), (0.8940, 0.021), (0.9080, 0.027), (0.9110, 0.0235), *reversed(_LIP_TOP)),
        _BEARD_BLUR,
    ),
    "goatee": _Outline(
        ((0.9190, 0.0), (0.9180, 0.008), (0.9110, 0.0235), (0.9080, 0.027),
         (0.9200, 0.0350), (0.945, 0.0300), (0.955, 0.0)),
        _BEARD_BLUR,
    ),
    "jaw_beard": _Outline(
        ((0.822, 0.1130), (0.850, 0.1000), (0.875, 0.0860), (0.893, 0.0620), (0.904, 0.0400), (0.908, 0.0270),
         (0.920, 0.0350), (0.945, 0.0300), (0.955, 0.0), (0.967, 0.0), (0.962, 0.0400), (0.945, 0.0750),
         (0.920, 0.1000), (0.892, 0.1180), (0.868, 0.1200), (0.845, 0.1230), (0.822, 0.1220)),
        _BEARD_BLUR,
    ),
    "cheek": _Blob(0.872, 0.046, 0.013, 0.016),
    "nose": _Blob(0.8690, 0.0, 0.0065, 0.0090),
    "nose_bridge": _Blob(0.8500, 0.0, 0.0130, 0.0050),
    "nose_tip": _Blob(0.8700, 0.0, 0.0040, 0.0045),
    "nostril": _Blob(0.8778, 0.0086, 0.0020, 0.0026),
    "forehead": _Blob(0.786, 0.0, 0.017, 0.042),
    "chin": _Blob(0.934, 0.0, 0.008, 0.013),
    "under_eye": _Blob(0.8475, 0.032, 0.0040, 0.0130),
    "upper_lid": _Blob(0.8300, 0.036, 0.0040, 0.0130),
    "eye_socket": _Blob(0.8370, 0.036, 0.0130, 0.0240),
    "ear": _Blob(0.8500, 0.141, 0.022, 0.013),
}  # fmt: skip


def part_names() -> tuple[str, ...]:
    """Names of the masks that `part_mask` draws."""
    return tuple(_PARTS)


def part_mask(name: str) -> np.ndarray:
    """Soft mask (TEXTURE_SIZE, TEXTURE_SIZE) in [0, 1] of one part, row 0 at v = 1; KeyError for an unknown name."""
    part = _PARTS[name]
    centres = (np.arange(TEXTURE_SIZE) + 0.5) / TEXTURE_SIZE
    if isinstance(part, _Blob):
        along = np.exp(-0.5 * ((centres - part.u) / part.sigma_u) ** 2)  # (columns,)
        across = (np.abs(1.0 - centres - MIDLINE_V) - part.w) / part.sigma_w  # (rows,)
        return np.exp(-0.5 * across**2)[:, None] * along
    half = np.array(part.points)
    mask = np.zeros((TEXTURE_SIZE, TEXTURE_SIZE), np.uint8)
    for side in (1.0, -1.0):
        pixels = np.stack([half[:, 0], 1.0 - (MIDLINE_V + side * half[:, 1])], axis=1) * TEXTURE_SIZE - 0.5
        cv2.fillPoly(mask, [np.round(pixels * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
    return cv2.GaussianBlur(mask.astype(np.float64) / 255.0, (0, 0), part.blur * TEXTURE_SIZE)

"""CSV: one row per frame of the take; cells are empty where it has no parameters of the face."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from facemodel import ARKIT_NAMES
from realtime.takes.channels import arkit_weights, channels_of
from realtime.takes.take import Track

extension = ".csv"

COLUMNS: tuple[str, ...] = (
    *("frame", "timestamp", "state", "confidence"),
    *ARKIT_NAMES,
    *("head_yaw", "head_pitch", "head_roll"),  # degrees
    *("head_x", "head_y", "head_z"),  # mm in the camera's frame
    *("translation_x", "translation_y", "scale"),  # px, px, px/mm
    *(f"sh_{i}_{c}" for i in range(9) for c in "rgb"),
    *("key_x", "key_y", "key_z"),  # mm from the head centre
    *("key_r", "key_g", "key_b"),
    "shininess",
)


def write(track: Track, path: Path, raw: bool) -> None:
    """See `Exporter`."""
    channels = channels_of(track, raw)
    numbers = np.column_stack(
        [
            arkit_weights(track, raw),
            channels.head_angles,
            channels.head_position,
            channels.translation,
            channels.scale,
            channels.sh.reshape(len(track), 27),
            channels.key_position,
            channels.key_color,
            channels.shininess,
        ]
    )  # (N, columns after confidence)
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(COLUMNS)
        for i, row in enumerate(numbers):
            start = [track.index[i], f"{track.timestamp[i]:.6f}", track.state[i].value, f"{track.confidence[i]:.4f}"]
            rows.writerow([*start, *("" if np.isnan(value) else f"{value:.9g}" for value in row)])

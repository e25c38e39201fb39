"""CSV: one row per frame of the clip; cells are empty where it has no parameters of the face."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from facemodel import ARKIT_NAMES
from facemodel.channels import CHANNEL_SLICES
from realtime.takes.clip import Clip

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
    *("left_eye_yaw", "left_eye_pitch", "right_eye_yaw", "right_eye_pitch"),  # degrees, in the head's frame
)

_GROUPS = (
    *("weights", "head_angles", "head_position", "translation", "scale", "sh", "key_position", "key_color"),
    *("shininess", "eye_angles"),
)
_ORDER = np.concatenate([np.r_[CHANNEL_SLICES[group]] for group in _GROUPS])
_START = "%d,%.6f,%s,%.4f"
_ROW = _START + ",%.9g" * len(_ORDER)
_EMPTY_ROW = _START + "," * len(_ORDER)


def write(clip: Clip, path: Path) -> None:
    """See `Exporter`. Where the clip has timecode, that is one more column, the last."""
    clip.require_arkit()
    timecoded = clip.has_timecode
    with path.open("w", newline="", encoding="utf-8") as file:
        file.write(",".join((*COLUMNS, "timecode") if timecoded else COLUMNS) + "\r\n")
        for block in clip.blocks():
            starts = zip(
                block.index.tolist(),
                block.time.tolist(),
                (state.value for state in block.state),
                block.confidence.tolist(),
                strict=True,
            )
            rows = block.channels.rows[:, _ORDER].tolist()
            ends = [f",{timecode}" for timecode in clip.timecodes(block)] if timecoded else [""] * len(block)
            for start, row, there, end in zip(starts, rows, block.there.tolist(), ends, strict=True):
                file.write((_ROW % (*start, *row) if there else _EMPTY_ROW % start) + end + "\r\n")

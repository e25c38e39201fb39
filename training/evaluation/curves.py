"""Learning curves: the validations of a training run as small line charts in one picture."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from facemodel import LimelightError

CURVES = {
    "nme68": "68-landmark NME, %",
    "expression_rmse": "expression, active weights",
    "identity_mm": "identity, mm",
    "angle": "head rotation, degrees",
    "key_angle": "key light, degrees",
    "shading": "shading",
    "color_error": "colour error",
}
"""Figures of `training.tasks.label_validation` that are drawn, for photos and for renders, and their titles."""

_KINDS = {"photo": (200, 90, 30), "render": (30, 110, 220)}  # BGR
_SIZE, _MARGIN, _HEAD, _FOOT = (300, 170), (46, 12), 24, 26  # px
_COLUMNS = 3
_FONT = cv2.FONT_HERSHEY_SIMPLEX


def read_history(path: Path, limit: int = 80) -> list[dict[str, float]]:
    """Validations of a run, of its `history.jsonl`, at most `limit` of them, taken evenly with first and last.

    Raises:
        LimelightError: the file is unreadable.
    """
    try:
        lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    except OSError as error:
        raise LimelightError(f"history {path}: cannot be read ({error.strerror})") from error
    except ValueError as error:
        raise LimelightError(f"history {path}: not the history of a training run ({error})") from error
    numbers = [
        {key: float(value) for key, value in line.items() if isinstance(value, int | float)}
        for line in lines
        if isinstance(line, dict)
    ]
    if len(numbers) > limit:
        numbers = [numbers[i] for i in np.linspace(0, len(numbers) - 1, limit).round().astype(int)]
    return numbers


def joined(parts: Sequence[Sequence[dict[str, float]]]) -> list[dict[str, float]]:
    """The validations of several runs, each of which went on where the one before had ended."""
    rows: list[dict[str, float]] = []
    for part in parts:
        before = rows[-1].get("minutes", 0.0) if rows else 0.0
        rows += [row | {"minutes": before + row["minutes"]} if "minutes" in row else row for row in part]
    return rows


def curves(history: Sequence[dict[str, float]]) -> NDArray[np.uint8] | None:
    """(H, W, 3) BGR charts of a run's validations by minutes of training; None where there are fewer than two."""
    charts = [chart for key, title in CURVES.items() if (chart := _chart(history, key, title)) is not None]
    if not charts:
        return None
    blank = np.full_like(charts[0], 255)
    charts += [blank] * (-len(charts) % _COLUMNS)
    lines = [np.concatenate(charts[i : i + _COLUMNS], axis=1) for i in range(0, len(charts), _COLUMNS)]
    return np.concatenate(lines)


def _value(row: dict[str, float], name: str) -> float:
    """A figure, whether photos or crops with labels were the task; NaN without one."""
    return row.get(name, row.get(f"labels.{name}", math.nan))


def _chart(history: Sequence[dict[str, float]], key: str, title: str) -> NDArray[np.uint8] | None:
    factor = 100.0 if key.startswith("nme") else 1.0
    series = {
        kind: [
            (row["minutes"], factor * value)
            for row in history
            if "minutes" in row and math.isfinite(value := _value(row, f"{kind}.{key}"))
        ]
        for kind in _KINDS
    }
    points = [point for line in series.values() for point in line]
    if max(len(line) for line in series.values()) < 2:
        return None
    times, values = np.array(points).T
    low, high = min(0.0, float(values.min())), float(values.max()) or 1.0
    end = float(times.max()) or 1.0
    width, height = _SIZE
    left, right = _MARGIN
    image = np.full((height + _HEAD + _FOOT, width, 3), 255, np.uint8)

    def place(time: float, value: float) -> tuple[int, int]:
        x = left + (width - left - right) * time / end
        return round(x), round(_HEAD + height * (1.0 - (value - low) / (high - low)))

    for share in (0.0, 0.5, 1.0):
        value = low + share * (high - low)
        y = place(0.0, value)[1]
        cv2.line(image, (left, y), (width - right, y), (225, 225, 225), 1)
        _text(image, f"{value:.3g}", (4, y + 4), (90, 90, 90))
    _text(image, title, (left, 15), (0, 0, 0))
    _text(image, f"{end:.0f} minutes", (width - right - 74, _HEAD + height + 18), (90, 90, 90))
    for number, (kind, color) in enumerate(_KINDS.items()):
        line = np.array([place(*point) for point in series[kind]], np.int32).reshape(-1, 1, 2)
        if len(line):
            cv2.polylines(image, [line], False, color, 1, cv2.LINE_AA)
            _text(image, kind + "s", (left + 62 * number, _HEAD + height + 18), color)
    return image


def _text(image: NDArray[np.uint8], text: str, where: tuple[int, int], color: tuple[int, int, int]) -> None:
    cv2.putText(image, text, where, _FONT, 0.38, color, 1, cv2.LINE_AA)

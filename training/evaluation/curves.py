"""Learning curves: the validations of a training run as small line charts in one picture."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
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
"""Figures of `training.tasks.label_task` that are drawn, for photos and for renders, and their titles."""

_COLUMNS, _SIZE, _DPI = 3, (3.0, 2.2), 100  # inches a chart


def read_history(path: Path, limit: int = 80) -> list[dict[str, float]]:
    """Read a run's validations from its `history.jsonl`, at most `limit`, taken evenly with first and last.

    Raises LimelightError: the file is unreadable.
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
    """Return the validations of several runs, each of which went on where the one before had ended."""
    rows: list[dict[str, float]] = []
    for part in parts:
        before = rows[-1].get("minutes", 0.0) if rows else 0.0
        rows += [row | {"minutes": before + row["minutes"]} if "minutes" in row else row for row in part]
    return rows


def curves(history: Sequence[dict[str, float]]) -> NDArray[np.uint8] | None:
    """Draw a run's validations by minutes of training, (H, W, 3) BGR; None where there are fewer than two."""
    charts = {}
    for key in CURVES:
        lines = {kind: _line(history, f"{kind}.{key}") for kind in ("photo", "render")}
        if max(map(len, lines.values())) > 1:
            charts[key] = lines
    if not charts:
        return None
    rows = math.ceil(len(charts) / _COLUMNS)
    figure = Figure((_COLUMNS * _SIZE[0], rows * _SIZE[1]), _DPI, layout="constrained")
    canvas = FigureCanvasAgg(figure)
    for number, (key, lines) in enumerate(charts.items()):
        axes = figure.add_subplot(rows, _COLUMNS, number + 1)
        for kind, line in lines.items():
            if len(line):
                axes.plot(line[:, 0], line[:, 1] * (100.0 if key.startswith("nme") else 1.0), label=f"{kind}s", lw=1)
        axes.set_title(CURVES[key], fontsize=8)
        axes.set_xlabel("minutes", fontsize=7)
        axes.set_ylim(bottom=min(0.0, axes.get_ylim()[0]))
        axes.tick_params(labelsize=7)
        axes.grid(alpha=0.3)
        axes.legend(fontsize=7, frameon=False)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., 2::-1].copy()


def _line(history: Sequence[dict[str, float]], name: str) -> NDArray[np.float64]:
    """(N, 2) minutes and figure, whether photos or crops with labels were the task."""
    rows = [(row.get("minutes", math.nan), row.get(name, row.get(f"labels.{name}", math.nan))) for row in history]
    points = np.array(rows).reshape(-1, 2)
    return points[np.isfinite(points).all(axis=1)]

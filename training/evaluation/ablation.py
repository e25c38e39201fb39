"""The ablation's table: what every loss is worth, in the form of Tables 1 and 2."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path

from facemodel import LimelightError
from facemodel.whole_files import write_text
from training.evaluation.record import read_json


@dataclass(frozen=True)
class AblationRun:
    """One run and what its network does on held-out pictures.

    Attributes:
        without: the loss that was left out; empty for the full run.
        figures: color, color_std: sRGB 0..1, as Table 1; shape, shape_std: mm, as Table 2; and others.
    """

    without: str
    figures: dict[str, float]


@dataclass(frozen=True)
class Ablation:
    """Runs of the same length that differ in one loss.

    Attributes:
        about: says in one or two sentences what was run.
        losses: that were left out in turn, in order.
        runs: those that are finished.
    """

    about: str
    losses: list[str]
    runs: list[AblationRun]


COLUMNS = {
    "color": ("colour error", 4),
    "shape": ("shape, mm", 2),
    "regions": ("region-wise, mm", 2),
    "nme68": ("photo NME, %", 2),
    "expression": ("expression", 3),
    "key_angle": ("key light, °", 1),
}
"""{figure: (title, digits)}, smaller being better; where there is a figure of that name and `_std`, it is shown too."""


def read_ablation(path: Path) -> Ablation:
    """Read what `limelight train --recipe ablation` wrote.

    Raises LimelightError: the file is missing, or something else.
    """
    values = read_json(path, "ablation")
    try:
        runs = [
            AblationRun(run["without"], {key: float(value) for key, value in run["figures"].items()})
            for run in values["runs"]
        ]
        return Ablation(values["about"], values["losses"], runs)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        writer = "limelight train --recipe ablation"
        raise LimelightError(f"ablation {path}: not what '{writer}' writes ({error!r})") from error


def write_ablation(path: Path, ablation: Ablation) -> None:
    """Write the JSON, whole or not at all.

    Raises LimelightError: the file cannot be written.
    """
    write_text(path, json.dumps(asdict(ablation), indent=1) + "\n")


def ablation_lines(ablation: Ablation) -> list[str]:
    """Return the table in Markdown: a check mark for every loss that a run had, then its figures.

    In brackets: by how much the figure is larger, that is worse, than the full run's.
    """
    full = next((run for run in ablation.runs if not run.without), None)
    keys = [key for key in COLUMNS if any(key in run.figures for run in ablation.runs)]
    header = [*ablation.losses, *(COLUMNS[key][0] for key in keys)]
    lines = [ablation.about, "", f"| {' | '.join(header)} |"]
    lines.append("|" + " :-: |" * len(ablation.losses) + " ---: |" * len(keys))
    for run in sorted(ablation.runs, key=lambda run: ("", *ablation.losses).index(run.without)):
        marks = ["×" if loss == run.without else "✓" for loss in ablation.losses]
        lines.append(f"| {' | '.join([*marks, *(_cell(run, full, key) for key in keys)])} |")
    return lines


def _cell(run: AblationRun, full: AblationRun | None, key: str) -> str:
    value, spread = (run.figures.get(name, math.nan) for name in (key, f"{key}_std"))
    if not math.isfinite(value):
        return "–"
    factor, digits = 100.0 if key.startswith("nme") else 1.0, COLUMNS[key][1]
    text = f"{factor * value:.{digits}f}"
    if math.isfinite(spread):
        text += f" ± {factor * spread:.{digits}f}"
    if full is not None and run is not full and full.figures.get(key):
        text += f" ({100 * (value / full.figures[key] - 1.0):+.0f} %)"
    return text

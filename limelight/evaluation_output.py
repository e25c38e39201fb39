"""What `limelight evaluate` shows and writes: figures on the terminal, the report with its pictures, the gallery."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from facemodel import LimelightError
from facemodel.whole_files import write_bytes, write_text
from realtime.opencv import cv2
from training.evaluation.ablation import Ablation
from training.evaluation.context import Material
from training.evaluation.curves import curves
from training.evaluation.gallery import CaseDrawer, gallery, sheet
from training.evaluation.record import Evaluation, NetworkRecord
from training.evaluation.report import Pictures, markdown
from training.evaluation.section import Case
from training.evaluation.sections import SECTIONS

REPORT_CASES = (
    ("shape", "regions"),
    ("mouth", "renders_mm"),
    ("movement", "lips"),
    ("highlights", "random_half_angle"),
    ("highlights", "random_pattern"),
)
"""Section and measure of the cases that the report shows: all of renders."""

_REPORT_SIDE = 112  # px, of a panel


def print_findings(record: NetworkRecord, name: str) -> None:
    """A section's figures, or why there are none."""
    section = SECTIONS[name]
    if name in record.left_out:
        print(f"\n{record.name}, {section.title}: left out, {record.left_out[name]}")
        return
    found = record.sections[name]
    print(f"\n{record.name}, {section.title}")
    for measure in section.measures:
        if measure.key in found.figures:
            value = found.figures[measure.key]
            met = measure.met(value)
            judged = "" if met is None or measure.limit is None else f"limit {measure.shown(measure.limit)}: "
            judged += {True: "met", False: "NOT MET", None: ""}[met]
            interval = found.intervals.get(measure.key)
            between = f"({measure.shown_interval(interval)})" if interval else ""
            marked = "  (a bad measure)" if measure.fault else ""
            print(f"  {measure.title:<56}{measure.shown(value):>12}  {between:<18}{judged}{marked}".rstrip())
    for note in found.notes:
        print(f"  ({note})")


def write_report(
    path: Path,
    pictures: Path,
    evaluation: Evaluation,
    material: Material,
    ablation: Ablation | None = None,
    remarks: str = "",
) -> None:
    """Write the Markdown and the PNGs `report_NETWORK.png` and `report_NETWORK_curves.png` that it shows.

    Args:
        path: of the Markdown.
        pictures: folder for the PNGs.
        evaluation: what was measured.
        material: where the renders are drawn again from; no picture of a photo is in the report.
        ablation: table of runs, or None.
        remarks: Markdown that follows what must hold.

    Raises:
        LimelightError: a file cannot be written.
    """
    draw = CaseDrawer(material, _REPORT_SIDE)
    cases, charts = {}, {}
    for record in evaluation.networks:
        case_file, chart_file = report_pictures(pictures, record.name)
        rows = _render_cases(record)
        if rows and _drawable(evaluation, material):
            drawn = [(title, draw(case)) for title, case in tqdm(rows, unit="case", desc="report", leave=False)]
            cases[record.name] = _save(path, case_file, sheet(drawn))
        chart = curves(record.history)
        if chart is not None:
            charts[record.name] = _save(path, chart_file, chart)
    write_text(path, markdown(evaluation, ablation, Pictures(cases, charts), remarks))


def report_pictures(folder: Path, network: str) -> tuple[Path, Path]:
    """Return the paths of a network's pictures in the report: of its cases, and of its learning curves."""
    name = "".join(c if c.isalnum() or c in "-_" else "_" for c in network.removesuffix(".onnx"))
    return folder / f"report_{name}.png", folder / f"report_{name}_curves.png"


def write_gallery(path: Path, evaluation: Evaluation, material: Material) -> None:
    """Write the one-page gallery.

    Raises:
        LimelightError: the file cannot be written.
    """
    draw = CaseDrawer(material)
    count = sum(len(c) for n in evaluation.networks for f in n.sections.values() for c in f.cases.values())
    with tqdm(total=count, unit="case", desc="gallery", leave=False) as progress:

        def drawn(case: Case) -> list[tuple[str, NDArray[np.uint8]]]:
            progress.update()
            return draw(case)

        write_text(path, gallery(evaluation, drawn))


def _render_cases(record: NetworkRecord) -> list[tuple[str, Case]]:
    """(title, case) of the report's cases that are renders."""
    rows = []
    for name, key in REPORT_CASES:
        found = record.sections.get(name)
        measure = next(m for m in SECTIONS[name].measures if m.key == key)
        for case in found.cases.get(key, []) if found else []:
            if not case.picture.startswith("photo:"):
                title = f"{SECTIONS[name].title}: {measure.title}, {case.rank} ({measure.shown(case.error)})"
                rows.append((title.replace("°", " degrees"), case))
    return rows


def _drawable(evaluation: Evaluation, material: Material) -> bool:
    same = evaluation.model_digest == material.model.digest
    if not same:
        tqdm.write("limelight: warning: the figures are of another face model; no pictures of cases", file=sys.stderr)
    return same


def _save(report: Path, path: Path, picture: NDArray[np.uint8]) -> str:
    """Write a PNG; its path from the report."""
    done, data = cv2.imencode(".png", picture, [cv2.IMWRITE_PNG_COMPRESSION, 9])
    if not done:
        raise LimelightError(f"{path}: cannot be encoded")
    write_bytes(path, data.tobytes())
    return Path(os.path.relpath(path, report.parent)).as_posix()

"""The gallery: best, median and worst case of each measure on one HTML page, with its pictures inside.

It may show photos of people: it belongs outside the repository.
"""

from __future__ import annotations

import base64
from html import escape

import cv2
import numpy as np
from numpy.typing import NDArray

from facemodel import LimelightError
from training.evaluation.case_pictures import Drawer
from training.evaluation.record import Evaluation, NetworkRecord
from training.evaluation.section import Case, Section
from training.evaluation.sections import SECTIONS

_QUALITY = 85
_STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 76rem; padding: 0 1rem; color: #222; }
h2 { margin-top: 2.5rem; border-bottom: 1px solid #ccc; }
section { display: grid; grid-template-columns: repeat(auto-fill, minmax(22rem, 1fr)); gap: 1rem; }
figure { margin: 0; background: #f4f4f4; padding: .6rem; border-radius: .4rem; }
figure div { display: grid; grid-template-columns: repeat(2, 1fr); gap: .2rem; }
figure span { font-size: .75rem; color: #666; }
img { width: 100%; display: block; }
table { border-collapse: collapse; } td { padding: .2rem .7rem; border-bottom: 1px solid #ddd; text-align: right; }
td:first-child { text-align: left; }
"""


def gallery(evaluation: Evaluation, draw: Drawer) -> str:
    """Return the page's HTML.

    Args:
        evaluation: what was measured.
        draw: gives the panels of a case; where it raises `LimelightError` the page says why in their place.
    """
    names = ", ".join(escape(record.name) for record in evaluation.networks)
    body = [f"<h1>Cases of {names}</h1>"]
    for record in evaluation.networks:
        for name in SECTIONS:
            if name in record.sections:
                body += _section(record, SECTIONS[name], draw)
    content = "\n".join(body)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Limelight: cases of {names}</title><style>{_STYLE}</style></head>\n<body>\n{content}\n</body></html>\n"
    )


def _section(record: NetworkRecord, section: Section, draw: Drawer) -> list[str]:
    found, measures = record.sections[section.name], {measure.key: measure for measure in section.measures}
    parts = [f"<h2>{escape(record.name)}: {escape(section.title)}</h2>", f"<p>{escape(section.about)}</p>", "<table>"]
    for key, measure in measures.items():
        if key in found.figures:
            value = found.figures[key]
            title = measure.title + (f" (a bad measure: {measure.fault})" if measure.fault else "")
            limit = "" if measure.limit is None else f"limit {measure.shown(measure.limit)}"
            judged = {True: "met", False: "<b>not met</b>", None: ""}[measure.met(value)]
            cells = (escape(title), escape(measure.shown(value)), escape(limit), judged)
            parts.append("<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>")
    parts.append("</table>")
    for key, cases in found.cases.items():
        known = measures.get(key)
        parts.append(f"<h3>{escape(known.title if known else key)}</h3><section>")
        for case in cases:
            parts.append(_figure(case, known.shown(case.error) if known else f"{case.error:.3g}", draw))
        parts.append("</section>")
    return parts


def _figure(case: Case, error: str, draw: Drawer) -> str:
    caption = (
        f"<figcaption><b>{escape(case.rank)}</b>: {escape(error)} <span>{escape(case.picture)}</span></figcaption>"
    )
    try:
        pictures = "".join(
            f'<span>{escape(title)}<img alt="{escape(title)}" src="{_jpeg(panel)}"></span>'
            for title, panel in draw(case)
        )
    except LimelightError as problem:
        return f"<figure>{caption}<p>{escape(str(problem))}</p></figure>"
    return f"<figure>{caption}<div>{pictures}</div></figure>"


def _jpeg(picture: NDArray[np.uint8]) -> str:
    _, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    return f"data:image/jpeg;base64,{base64.b64encode(data.tobytes()).decode()}"

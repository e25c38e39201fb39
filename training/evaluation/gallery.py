"""The gallery: best, median and worst case of each measure on one HTML page, with its pictures inside.

It may show photos of people: it belongs outside the repository.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass
from html import escape

import cv2
import numpy as np
from numpy.typing import NDArray

from facemodel import CROP_SIZE, Crop, LimelightError
from facemodel.color import encode_srgb
from training.evaluation.context import Material
from training.evaluation.held_out import crop_picture, read_photo
from training.evaluation.layers import face_layers
from training.evaluation.record import Evaluation, NetworkRecord
from training.evaluation.section import Case, Section
from training.evaluation.sections import SECTIONS

_LABEL = 20  # px

Panels = list[tuple[str, NDArray[np.uint8]]]
"""(title, (S, S, 3) BGR) of each picture of a case."""

Drawer = Callable[[Case], Panels]


@dataclass(frozen=True)
class CaseDrawer:
    """Draws cases again from their picture and the network's answer.

    Attributes:
        material: where the pictures are.
        side: of each panel, px.
    """

    material: Material
    side: int = CROP_SIZE

    def __call__(self, case: Case) -> Panels:
        """Draw a case.

        Raises LimelightError: the picture is gone, or the answer is another face model's.
        """
        kind, _, name = case.picture.partition(":")
        vector = np.array(case.vector, np.float32)
        model = self.material.model
        if len(vector) != model.layout.size:
            raise LimelightError(f"case {case.picture}: of another face model; measure anew")
        if kind == "photo":
            return self._photo(name, vector)
        renders = self.material.renders if kind == "render" else self.material.random_renders
        index = int(name)
        if not 0 <= index < len(renders):
            raise LimelightError(f"case {case.picture}: the render set has {len(renders)} pictures; measure anew")
        truth = face_layers(model, renders.parameters[index], self.side)
        return [
            *self._panels(renders.crop(index, self.side)[..., ::-1], vector),
            ("true diffuse", _shown(truth.diffuse)),
            ("true specular", _shown(truth.specular)),
        ]

    def _photo(self, name: str, vector: NDArray[np.float32]) -> Panels:
        base, layout = self.material.folder(), self.material.model.layout
        p = layout.view(vector)
        crop = Crop.around_head(p.rotation, p.translation, p.scale)
        path = base / name if (base / name).is_file() else base / "photos" / name
        picture, _ = crop_picture(read_photo(path), crop)
        picture = cv2.resize(picture, (self.side, self.side), interpolation=cv2.INTER_AREA)
        return self._panels(np.asarray(picture, np.uint8), crop.lower(layout, vector))

    def _panels(self, picture: NDArray[np.uint8], vector: NDArray) -> Panels:
        layers = face_layers(self.material.model, vector, self.side)
        face = np.where(layers.mask[..., None], _shown(layers.diffuse + layers.specular), picture)
        return [
            ("input", np.ascontiguousarray(picture)),
            ("reconstruction", face.astype(np.uint8)),
            ("diffuse", _shown(layers.diffuse)),
            ("specular", _shown(layers.specular)),
        ]


def sheet(rows: list[tuple[str, Panels]]) -> NDArray[np.uint8]:
    """Return one picture (H, W, 3) BGR of rows of panels, each row under its title, all columns under theirs."""
    side = rows[0][1][0][1].shape[0]
    width = side * max(len(panels) for _, panels in rows)
    parts = [_line([title for title, _ in rows[0][1]], side, width)]
    for title, panels in rows:
        strip = np.full((side, width, 3), 255, np.uint8)
        strip[:, : side * len(panels)] = np.concatenate([panel for _, panel in panels], axis=1)
        parts += [_line([title], width, width), strip]
    return np.concatenate(parts)


def _line(texts: list[str], step: int, width: int) -> NDArray[np.uint8]:
    line = np.full((_LABEL, width, 3), 255, np.uint8)
    for i, text in enumerate(texts):
        place = (i * step + 4, _LABEL - 6)
        cv2.putText(line, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.42, (0, 0, 0), 1, cv2.LINE_AA)
    return line


def _shown(linear: NDArray) -> NDArray[np.uint8]:
    """(S, S, 3) linear RGB as BGR bytes."""
    return np.round(np.clip(encode_srgb(np.clip(linear, 0.0, 1.0)), 0.0, 1.0) * 255.0).astype(np.uint8)[..., ::-1]


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

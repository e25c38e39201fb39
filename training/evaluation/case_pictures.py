"""Pictures of single cases: input, reconstruction over it, diffuse and specular image, and the truth's where known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from facemodel import CROP_SIZE, Crop, LimelightError
from facemodel.color import encode_srgb
from training.evaluation.context import Material
from training.evaluation.held_out import crop_picture, read_photo
from training.evaluation.layers import face_layers
from training.evaluation.section import Case

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

        Raises:
            LimelightError: the picture is gone, or the answer is another face model's.
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

"""Pictures of single cases: input, reconstruction over it, diffuse and specular image, and the truth's where known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from facemodel import CROP_SIZE, Crop, LimelightError
from facemodel.color import encode_srgb
from training.evaluation.context import Material
from training.evaluation.held_out import crop_picture, read_photo
from training.evaluation.layers import FaceLayers, face_layers
from training.evaluation.section import Case

_LABEL = 20  # px
_FONT = cv2.FONT_HERSHEY_SIMPLEX


@dataclass(frozen=True)
class CaseDrawer:
    """Draws cases again from their picture and the network's answer.

    Attributes:
        material: where the pictures are.
        side: of each panel, px.
    """

    material: Material
    side: int = CROP_SIZE

    def __call__(self, case: Case) -> list[tuple[str, NDArray[np.uint8]]]:
        """(title, (side, side, 3) BGR) of each panel of a case.

        Raises:
            LimelightError: the picture is gone, or the answer is another face model's.
        """
        kind, _, name = case.picture.partition(":")
        vector = np.array(case.vector, np.float32)
        if len(vector) != self.material.model.layout.size:
            raise LimelightError(f"case {case.picture}: of another face model; measure anew")
        if kind == "photo":
            return self._photo(name, vector)
        renders = self.material.renders if kind == "render" else self.material.random_renders
        index = int(name)
        if not 0 <= index < len(renders):
            raise LimelightError(f"case {case.picture}: the render set has {len(renders)} pictures; measure anew")
        picture = renders.crop(index, self.side)[..., ::-1]
        truth = face_layers(self.material.model, renders.parameters[index], self.side)
        return [
            *self._panels(picture, vector),
            ("true diffuse", _shown(truth.diffuse)),
            ("true specular", _shown(truth.specular)),
        ]

    def _photo(self, name: str, vector: NDArray[np.float32]) -> list[tuple[str, NDArray[np.uint8]]]:
        layout = self.material.model.layout
        p = layout.view(vector)
        crop = Crop.around_head(p.rotation, p.translation, p.scale)
        picture, _ = crop_picture(read_photo(photo_path(self.material, name)), crop)
        picture = np.asarray(cv2.resize(picture, (self.side, self.side), interpolation=cv2.INTER_AREA), np.uint8)
        return self._panels(picture, crop.lower(layout, vector))

    def _panels(self, picture: NDArray[np.uint8], vector: NDArray) -> list[tuple[str, NDArray[np.uint8]]]:
        layers = face_layers(self.material.model, vector, self.side)
        return [
            ("input", np.ascontiguousarray(picture)),
            ("reconstruction", _over(picture, layers)),
            ("diffuse", _shown(layers.diffuse)),
            ("specular", _shown(layers.specular)),
        ]


def photo_path(material: Material, name: str) -> Path:
    """File of a case's photo: below the data folder, or below its `photos`.

    Raises:
        UnmeasuredError: there is no data folder.
    """
    base = material.folder()
    return base / name if (base / name).is_file() else base / "photos" / name


def sheet(rows: list[tuple[str, list[tuple[str, NDArray[np.uint8]]]]]) -> NDArray[np.uint8]:
    """One picture (H, W, 3) BGR of rows of panels, each row under its title, all columns under theirs."""
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
        cv2.putText(line, text, (i * step + 4, _LABEL - 6), _FONT, 0.42, (0, 0, 0), 1, cv2.LINE_AA)
    return line


def _over(picture: NDArray[np.uint8], layers: FaceLayers) -> NDArray[np.uint8]:
    face = _shown(layers.diffuse + layers.specular)
    return np.where(layers.mask[..., None], face, picture).astype(np.uint8)


def _shown(linear: NDArray) -> NDArray[np.uint8]:
    """(S, S, 3) linear RGB as BGR bytes."""
    return np.round(np.clip(encode_srgb(np.clip(linear, 0.0, 1.0)), 0.0, 1.0) * 255.0).astype(np.uint8)[..., ::-1]


Drawer = Callable[[Case], list[tuple[str, NDArray[np.uint8]]]]
"""What draws a case."""

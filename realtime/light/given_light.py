"""Light that somebody names: a preset, or a file with a panorama, a photograph, a reconstruction's light or a show."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facemodel import LimelightError
from realtime.light.cues.cue_list import CueList
from realtime.light.cues.document import ShowDocument
from realtime.light.cues.show_file import load_show
from realtime.light.environments import ENVIRONMENTS, Environment
from realtime.light.library import EnvironmentLibrary
from realtime.light.lighting import FaceLight, Lighting
from realtime.light.panorama import environment_of, load_environment, read_panorama
from realtime.light.show import Show
from realtime.light.values import Value
from realtime.sources.images import read_image

Photographed = Callable[[NDArray[np.uint8], str], FaceLight]
"""Finds the light on the face of a picture, (H, W, 3) uint8 BGR, by the picture's name."""

_SHOWS, _LINEAR = (".yaml", ".yml"), (".hdr", ".exr")
_SHAPES = {"sh": (9, 3), "key_position": (3,), "key_color": (3,)}


@dataclass(frozen=True, eq=False)
class GivenLight:
    """A show that makes the light.

    Attributes:
        document: of the show; without cues it stands still.
        environments: that it needs and are no presets, by name.
    """

    document: ShowDocument
    environments: Mapping[str, Environment] = field(default_factory=dict)

    def still(self) -> Lighting:
        """Return the lighting of a still picture: what stands when the first cue is complete."""
        cues = self.document.cues
        first = cues.after(None)
        moved = {} if first is None else cues.state_at(first.number).values
        library = EnvironmentLibrary()
        for name, environment in self.environments.items():
            library.add(name, environment)
        library.need(self.document.environments())
        return Lighting.of({**cues.start, **moved}, environments=library)

    def play(self, show: Show) -> None:
        """Play it in a show, its first cue at once."""
        for name, environment in self.environments.items():
            show.environments.add(name, environment)
        show.load(self.document)
        if len(self.document.cues):
            show.go()


def read_light(name: str, photographed: Photographed) -> GivenLight:
    """Return the light of a name.

    Args:
        name: a preset's, or a path: a show (.yaml), what `limelight reconstruct` wrote, or its `light` (.json), a
            panorama (.hdr, .exr, or a picture twice as wide as high), or a photograph of a face.
        photographed: finds the light of a photograph.

    Raises:
        LimelightError: there is no such preset or file, or no light in it.
    """
    if name in ENVIRONMENTS:
        return _of_environment(name, {}, None)
    path = Path(name).expanduser()
    if not path.is_file():
        raise LimelightError(f"light {name}: neither a file nor a preset; presets are {', '.join(ENVIRONMENTS)}")
    kind = path.suffix.lower()
    if kind in _SHOWS:
        return GivenLight(load_show(path))
    key = str(path.absolute())
    if kind == ".json":
        return _of_face(key, _read_json(path))
    if kind in _LINEAR:
        return _of_environment(key, {key: load_environment(path)}, None)
    image = read_image(path)
    if 1.9 < image.shape[1] / image.shape[0] < 2.1:
        return _of_environment(key, {key: environment_of(read_panorama(path))}, None)
    return _of_face(key, photographed(image, name))


def _of_face(name: str, light: FaceLight) -> GivenLight:
    environment = Environment(light.sh, light.key_position, light.key_color)
    return _of_environment(name, {name: environment}, light.shininess)


def _of_environment(name: str, environments: Mapping[str, Environment], shininess: float | None) -> GivenLight:
    values: dict[str, Value] = {"light/source": "show", "environment/name": name}
    if shininess is not None:
        values["material/shininess"] = shininess
    return GivenLight(ShowDocument(cues=CueList(start=values)), environments)


def _read_json(path: Path) -> FaceLight:
    """Read `light` of a reconstruction's first face, or such a light alone."""
    try:
        said = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        raise LimelightError(f"light {path}: cannot be read as JSON ({error})") from None
    if isinstance(said, dict) and said.get("faces") == []:
        raise LimelightError(f"light {path}: that picture has no face, and so no light")
    if isinstance(said, dict) and isinstance(said.get("faces"), list):
        said = said["faces"][0]
    if isinstance(said, dict) and "light" in said:
        said = said["light"]
    wanted = "sh (9 rows of 3), key_position (3), key_color (3) and shininess"
    try:
        sh, position, color = (np.asarray(said[key], np.float32) for key in _SHAPES)
        shininess = float(said["shininess"])
    except (TypeError, ValueError, KeyError):
        raise LimelightError(f"light {path}: must have {wanted}, as `limelight reconstruct` writes them") from None
    shapes = tuple(each.shape for each in (sh, position, color))
    finite = all(np.isfinite(each).all() for each in (sh, position, color)) and math.isfinite(shininess)
    if shapes != tuple(_SHAPES.values()) or not finite:
        raise LimelightError(f"light {path}: must have {wanted}, as `limelight reconstruct` writes them")
    return FaceLight(sh, position, color, shininess)

"""A held-out set of renders to measure on: random people, each with three expressions in several views and lights."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from tqdm import tqdm

from facemodel import CROP_SIZE, FaceModel, LimelightError
from facemodel.rotation import matrix_from_euler
from facemodel.whole_files import write_arrays, write_text
from training.data.storage import EXTENT
from training.data.synthetic import SceneConfig, SceneRenderer
from training.evaluation.skin_tone import skin_angle, tone_direction, tone_group
from training.render.degrade import photograph
from training.render.lamps import LightDistribution, random_light
from training.render.random_faces import RandomFaces, jittered_crop, put_light
from training.render.scenery import Backgrounds

EXPRESSIONS: dict[str, dict[str, float]] = {
    "neutral": {},
    "mouth_stretch": {"jawOpen": 0.9, "mouthStretch": 0.5, "mouthLowerDown": 0.4, "mouthUpperUp": 0.2},
    "grin": {
        "mouthSmile": 0.7,
        "mouthStretch": 0.3,
        "mouthUpperUp": 0.5,
        "mouthLowerDown": 0.5,
        "cheekSquint": 0.4,
        "eyeSquint": 0.2,
    },
}
"""Table 4's expressions (FaceScape's) as ARKit weights, before each person's own strength; both sides alike."""

_SUPERSAMPLING = 1.25
_RANDOM_CHUNK = 50
_JPEG_QUALITY = 92
_ARRAYS = ("parameters", "landmarks", "highlight")
_Picture = tuple[NDArray[np.uint8], NDArray[np.float32], NDArray[np.float32], np.bool_]


@dataclass(frozen=True)
class RenderSetConfig:
    """What the set shows.

    Attributes:
        people: how many; their identities are N(0, 1), their tones spread evenly over `tone`.
        views: (yaw, pitch), degrees, each jittered by up to `view_jitter`.
        lights: how many for each person, the same ones in every view and expression; each has a key light.
        tone: range of the albedo's component that makes skin pale, in standard deviations; the rest is N(0, 1).
        strength: range of a person's strength of each unit of an expression.
        shift, scale, angle: jitter of the crop: share of its side, natural logarithm, degrees.
        size: side of a picture, px; it shows EXTENT crop px.
        scene: what is drawn beside the people, as in training, and by which camera.
        seed: of everything; no other seed is in use by the training data.
        people_per_chunk: how many are written at a time.
    """

    people: int = 60
    views: tuple[tuple[float, float], ...] = ((0.0, 0.0), (-25.0, 8.0), (25.0, -8.0), (-50.0, 0.0), (50.0, 0.0))
    view_jitter: float = 4.0
    lights: int = 2
    tone: tuple[float, float] = (-2.2, 2.2)
    strength: tuple[float, float] = (0.8, 1.1)
    shift: float = 0.03
    scale: float = 0.05
    angle: float = 3.0
    size: int = int(EXTENT)
    scene: SceneConfig = field(default_factory=SceneConfig)
    seed: int = 20220
    people_per_chunk: int = 2

    @property
    def per_person(self) -> int:
        """Return pictures of one person."""
        return len(EXPRESSIONS) * len(self.views) * self.lights


@dataclass(frozen=True)
class RenderSet:
    """N renders with their truth.

    Attributes:
        jpegs: (K_i,) bytes of each picture, which shows EXTENT crop px; see `image`.
        parameters: (N, P) in crop px.
        landmarks: (N, 478, 2) crop px.
        highlight: (N,) whether the key light's highlight can be seen, shadows and what covers the face considered.
        person, view, light: (N,) numbers. expression: (N,) a name of EXPRESSIONS.
        tone_angle: (N,) degrees, see `skin_tone.typology_angle`. tone_group: (N,) of `skin_tone.TONE_GROUPS`.
    """

    jpegs: Sequence[NDArray[np.uint8]]
    parameters: NDArray[np.float32]
    landmarks: NDArray[np.float32]
    highlight: NDArray[np.bool_]
    person: NDArray[np.int64]
    expression: NDArray[np.str_]
    view: NDArray[np.int64]
    light: NDArray[np.int64]
    tone_angle: NDArray[np.float64]
    tone_group: NDArray[np.str_]

    def __len__(self) -> int:
        return len(self.parameters)

    def image(self, index: int) -> NDArray[np.uint8]:
        """Decode picture `index`, (S, S, 3) RGB."""
        return np.asarray(cv2.imdecode(np.asarray(self.jpegs[index]), cv2.IMREAD_COLOR), np.uint8)[:, :, ::-1].copy()

    def crop(self, index: int, resolution: int) -> NDArray[np.uint8]:
        """Return the network's input of picture `index`: its middle CROP_SIZE crop px, (resolution, resolution, 3)."""
        image = self.image(index)
        margin = round(len(image) * (EXTENT - CROP_SIZE) / 2 / EXTENT)
        middle = image[margin : len(image) - margin, margin : len(image) - margin]
        way = cv2.INTER_AREA if len(middle) > resolution else cv2.INTER_LINEAR
        return np.asarray(cv2.resize(middle, (resolution, resolution), interpolation=way), np.uint8)


def render_set(model: FaceModel, folder: Path, config: RenderSetConfig | None = None) -> RenderSet:
    """Return the set of a face model and a configuration; what `folder` lacks of it is drawn first, chunk by chunk.

    A person depends on the seed, their number and how many people there are, a picture on nothing else.

    Raises LimelightError: the folder holds another set, or cannot be written.
    """
    config = config or RenderSetConfig()
    people = _People(model, config)

    def draw(renderer: SceneRenderer, members: range) -> list[_Picture]:
        return [picture for person in members for picture in _pictures(renderer, people, person, config)]

    header = {"expressions": EXPRESSIONS}
    chunks = _chunks(model, folder, config, header, config.people_per_chunk, draw)
    shape = config.people, len(EXPRESSIONS), len(config.views), config.lights
    person, expression, view, light = np.unravel_index(np.arange(config.people * config.per_person), shape)
    return _read(model, chunks, person, np.array(list(EXPRESSIONS))[expression], view, light)


def random_render_set(model: FaceModel, folder: Path, count: int, seed: int = 20221) -> RenderSet:
    """Return `count` pictures of as many people, with expression, pose and light as `training.data` draws them.

    Their `expression` is "random"; view and light are 0. No training data have their seed. `folder` and errors are as
    in `render_set`.
    """
    config = RenderSetConfig(people=count, seed=seed)

    def draw(renderer: SceneRenderer, members: range) -> list[_Picture]:
        return [_random_picture(renderer, config, number) for number in members]

    chunks = _chunks(model, folder, config, {"expressions": "random"}, _RANDOM_CHUNK, draw)
    zero = np.zeros(count, np.int64)
    return _read(model, chunks, np.arange(count), np.full(count, "random"), zero, zero)


class _People:
    """Draws the set's people: everything about them that stays from picture to picture."""

    def __init__(self, model: FaceModel, config: RenderSetConfig) -> None:
        self._layout, self._config = model.layout, config
        self._paler = tone_direction(model)
        self._rank = np.random.default_rng(config.seed).permutation(config.people)

    def __call__(self, number: int) -> tuple[list[NDArray[np.float32]], list[NDArray[np.float32]]]:
        """Return the person's vectors (P,) without pose and light, one of EXPRESSIONS each, and with their lights."""
        layout, config = self._layout, self._config
        rng = np.random.default_rng((config.seed, number))
        base = layout.neutral()
        p = layout.view(base)
        p.identity[:] = np.clip(rng.normal(size=p.identity.shape), -3.5, 3.5)
        albedo = np.clip(rng.normal(size=p.albedo.shape), -3.0, 3.0)
        low, high = config.tone
        tone = low + (high - low) * (self._rank[number] + rng.random()) / config.people
        p.albedo[:] = albedo + (tone - albedo @ self._paler) * self._paler
        faces = []
        for units in EXPRESSIONS.values():
            face = base.copy()
            for unit, value in units.items():
                strength = value * rng.uniform(*config.strength)
                for side in (unit, f"{unit}Left", f"{unit}Right"):
                    if side in layout.expression_names:
                        layout.view(face).expression[layout.expression_names.index(side)] = strength
            faces.append(layout.constrain(face))
        lights = []
        for _ in range(config.lights):  # as in training, but with a key light and of usual brightness
            lit = layout.neutral()
            put_light(layout.view(lit), random_light(rng, LightDistribution(dark_share=0.0, dull_share=0.0)))
            lights.append(layout.constrain(lit))
        return faces, lights


def _chunks(
    model: FaceModel,
    folder: Path,
    config: RenderSetConfig,
    header: dict[str, Any],
    people_per_chunk: int,
    draw: Callable[[SceneRenderer, range], list[_Picture]],
) -> list[Path]:
    """Return the folders of all chunks; those that are missing are drawn."""
    chunks, renderer = [], None
    try:
        _check_header(folder, {"model_digest": model.digest, **header, **asdict(config)})
        starts = range(0, config.people, people_per_chunk)
        for number, first in enumerate(tqdm(starts, desc=folder.name, unit="chunk", leave=False)):
            chunks.append(folder / f"chunk_{number:04d}")
            if not chunks[-1].is_dir():
                renderer = renderer or _renderer(model, config)
                _write(chunks[-1], draw(renderer, range(first, min(first + people_per_chunk, config.people))))
    except OSError as error:
        raise LimelightError(f"render set {folder}: cannot be written ({error.strerror})") from error
    return chunks


def _renderer(model: FaceModel, config: RenderSetConfig) -> SceneRenderer:
    scene = replace(config.scene, render_size=round(config.size * _SUPERSAMPLING))
    backgrounds = Backgrounds(scene.render_size, [], np.random.default_rng(config.seed))
    return SceneRenderer(model, scene, backgrounds, RandomFaces(model, scene.faces))


def _pictures(renderer: SceneRenderer, people: _People, number: int, config: RenderSetConfig) -> Iterator[_Picture]:
    """Each picture of a person, in the set's order."""
    layout = renderer.model.layout
    faces, lights = people(number)
    for e, face in enumerate(faces):
        for v, view in enumerate(config.views):
            for n, light in enumerate(lights):
                rng = np.random.default_rng((config.seed, number, e, v, n))
                vector = face.copy()
                for group in ("sh", "key_position", "key_color", "shininess"):
                    vector[layout.slices[group]] = light[layout.slices[group]]
                yaw, pitch = np.deg2rad(np.add(view, rng.uniform(-config.view_jitter, config.view_jitter, 2)))
                layout.view(vector).rotation = matrix_from_euler(yaw, pitch, 0.0)
                crop = jittered_crop(vector, layout, rng, config.shift, config.scale, config.angle)
                vector = crop.lower(layout, vector).astype(np.float32)
                yield _photographed(renderer, config, vector, rng, np.random.default_rng((config.seed, number)))


def _photographed(
    renderer: SceneRenderer, config: RenderSetConfig, vector: NDArray[np.float32], rng: Generator, look: Generator
) -> _Picture:
    """Photograph a face: JPEG, parameters, landmarks, and whether its highlight can be seen."""
    linear, landmarks, highlight = renderer.draw(vector, rng, look)
    picture = photograph(linear, config.size, config.scene.faults, rng)
    _, jpeg = cv2.imencode(".jpg", picture[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    return np.asarray(jpeg, np.uint8).ravel(), vector, landmarks, np.bool_(highlight)


def _random_picture(renderer: SceneRenderer, config: RenderSetConfig, number: int) -> _Picture:
    rng = np.random.default_rng((config.seed, number))
    vector = renderer.faces(rng).astype(np.float32)
    return _photographed(renderer, config, vector, rng, rng)


def _write(chunk: Path, drawn: Sequence[_Picture]) -> None:
    encoded, *columns = zip(*drawn, strict=True)
    images = {"images": np.concatenate(encoded), "ends": np.cumsum([len(picture) for picture in encoded])}
    write_arrays(chunk, images | dict(zip(_ARRAYS, map(np.stack, columns), strict=True)))


def _read(
    model: FaceModel,
    chunks: Sequence[Path],
    person: NDArray[np.int64],
    expression: NDArray[np.str_],
    view: NDArray[np.int64],
    light: NDArray[np.int64],
) -> RenderSet:
    files = [(np.load(c / "images.npy", mmap_mode="r"), np.load(c / "ends.npy")) for c in chunks]
    jpegs = [part for data, ends in files for part in np.split(data, ends[:-1])]
    parameters, landmarks, highlight = (np.concatenate([np.load(c / f"{n}.npy") for c in chunks]) for n in _ARRAYS)
    albedo = parameters[np.unique(person, return_index=True)[1], model.layout.slices["albedo"]]
    angle = np.array([skin_angle(model, coefficients) for coefficients in albedo])[person]
    group = np.array([tone_group(each) for each in angle])
    return RenderSet(jpegs, parameters, landmarks, highlight, person, expression, view, light, angle, group)


def _check_header(folder: Path, values: dict[str, Any]) -> None:
    """Write the header of the set, or compare it with the one that is there."""
    header = json.loads(json.dumps(values))  # tuples are lists there
    path = folder / "render_set.json"
    if not path.exists():
        write_text(path, json.dumps(header, indent=1) + "\n")
        return
    try:
        same = json.loads(path.read_text(encoding="utf-8")) == header
    except ValueError:
        same = False
    if not same:
        raise LimelightError(f"render set {folder}: made for another face model or configuration; remove it")

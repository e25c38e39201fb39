"""A held-out set of renders to measure on: random people, each with three expressions in several views and lights."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
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
        """Pictures of one person."""
        return len(EXPRESSIONS) * len(self.views) * self.lights


class EncodedImages(Sequence[NDArray[np.uint8]]):
    """Pictures as JPEG, decoded one at a time.

    Args:
        pictures: bytes (K_i,) of each. size: side of the pictures, px.
    """

    def __init__(self, pictures: Sequence[NDArray[np.uint8]], size: int) -> None:
        self._pictures = pictures
        self.shape = (len(pictures), size, size, 3)

    def __len__(self) -> int:
        return len(self._pictures)

    def __getitem__(self, index: Any) -> Any:
        """(S, S, 3) uint8 RGB picture number `index`."""
        decoded = cv2.imdecode(np.asarray(self._pictures[index]), cv2.IMREAD_COLOR)
        return np.asarray(decoded, np.uint8)[:, :, ::-1].copy()

    @staticmethod
    def encode(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """JPEG (K,) of an RGB picture (S, S, 3)."""
        return cv2.imencode(".jpg", picture[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])[1].ravel()


@dataclass(frozen=True)
class RenderSet:
    """N renders with their truth.

    Attributes:
        images: N pictures (S, S, 3) uint8 sRGB that show EXTENT crop px, JPEG on disk.
        parameters: (N, P) in crop px.
        landmarks: (N, 478, 2) crop px.
        highlight: (N,) whether the key light's highlight can be seen, shadows and what covers the face considered.
        person, view, light: (N,) numbers. expression: (N,) a name of EXPRESSIONS.
        tone_angle: (N,) degrees, see `skin_tone.typology_angle`. tone_group: (N,) of `skin_tone.TONE_GROUPS`.
    """

    images: EncodedImages
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

    def crop(self, index: int, resolution: int) -> NDArray[np.uint8]:
        """The network's input of picture `index`: its middle CROP_SIZE crop px, (resolution, resolution, 3)."""
        image = self.images[index]
        margin = round(len(image) * (EXTENT - CROP_SIZE) / 2 / EXTENT)
        middle = image[margin : len(image) - margin, margin : len(image) - margin]
        way = cv2.INTER_AREA if len(middle) > resolution else cv2.INTER_LINEAR
        return np.asarray(cv2.resize(middle, (resolution, resolution), interpolation=way), np.uint8)


def render_set(model: FaceModel, folder: Path, config: RenderSetConfig | None = None) -> RenderSet:
    """The set of a face model and a configuration; what `folder` lacks of it is drawn first, chunk by chunk.

    A person depends on the seed, their number and how many people there are, a picture on nothing else.

    Raises:
        LimelightError: the folder holds another set, or cannot be written.
    """
    config = config or RenderSetConfig()
    try:
        _check_header(folder, model, config)
        chunks = list(_chunks(model, folder, config))
    except OSError as error:
        raise LimelightError(f"render set {folder}: cannot be written ({error.strerror})") from error
    images, parameters, landmarks, highlight = _read(chunks, config.size)
    person, expression, view, light = np.unravel_index(
        np.arange(len(parameters)), (config.people, len(EXPRESSIONS), len(config.views), config.lights)
    )
    albedo = parameters[:: config.per_person, model.layout.slices["albedo"]]
    angles = np.array([skin_angle(model, coefficients) for coefficients in albedo])
    groups = np.array([tone_group(angle) for angle in angles])
    names = np.array(list(EXPRESSIONS))
    grid = person, names[expression], view, light
    return RenderSet(images, parameters, landmarks, highlight, *grid, angles[person], groups[person])


def random_render_set(model: FaceModel, folder: Path, count: int, seed: int = 20221) -> RenderSet:
    """`count` pictures of as many people, each with an expression, a pose and a light as `training.data` draws them.

    Their `expression` is "random"; view and light are 0.

    Args:
        model: the face model.
        folder: of the set; what it lacks is drawn first, chunk by chunk.
        count: how many.
        seed: of everything; no other seed is in use by the training data.

    Raises:
        LimelightError: the folder holds another set, or cannot be written.
    """
    config = RenderSetConfig(people=count, seed=seed)
    chunks, renderer = [], None
    try:
        _check_header(folder, model, config, "random")
        starts = range(0, count, _RANDOM_CHUNK)
        for number, first in enumerate(tqdm(starts, desc="random renders", unit="chunk", leave=False)):
            chunk = folder / f"chunk_{number:04d}"
            if not chunk.is_dir():
                renderer = renderer or _renderer(model, config)
                drawn = [_random_picture(renderer, config, i) for i in range(first, min(first + _RANDOM_CHUNK, count))]
                _write(chunk, drawn)
            chunks.append(chunk)
    except OSError as error:
        raise LimelightError(f"render set {folder}: cannot be written ({error.strerror})") from error
    images, parameters, landmarks, highlight = _read(chunks, config.size)
    angles = np.array([skin_angle(model, vector[model.layout.slices["albedo"]]) for vector in parameters])
    groups = np.array([tone_group(angle) for angle in angles])
    zero = np.zeros(count, np.int64)
    expression = np.full(count, "random")
    grid = np.arange(count), expression, zero, zero
    return RenderSet(images, parameters, landmarks, highlight, *grid, angles, groups)


class _People:
    """Draws the set's people: everything about them that stays from picture to picture."""

    def __init__(self, model: FaceModel, config: RenderSetConfig) -> None:
        self._model, self._config = model, config
        self._paler = tone_direction(model)
        self._rank = np.random.default_rng(config.seed).permutation(config.people)

    def __call__(self, number: int) -> tuple[dict[str, NDArray[np.float32]], list[NDArray[np.float32]]]:
        """{expression: vector (P,)} without pose and light, and the person's lights as vectors (P,)."""
        layout, config = self._model.layout, self._config
        rng = np.random.default_rng((config.seed, number))
        base = layout.neutral()
        p = layout.view(base)
        p.identity[:] = np.clip(rng.normal(size=p.identity.shape), -3.5, 3.5)
        albedo = np.clip(rng.normal(size=p.albedo.shape), -3.0, 3.0)
        low, high = config.tone
        tone = low + (high - low) * (self._rank[number] + rng.random()) / config.people
        p.albedo[:] = albedo + (tone - albedo @ self._paler) * self._paler
        faces = {}
        for name, units in EXPRESSIONS.items():
            faces[name] = base.copy()
            weights = layout.view(faces[name]).expression
            for unit, value in units.items():
                strength = value * rng.uniform(*config.strength)
                for side in (unit, f"{unit}Left", f"{unit}Right"):
                    if side in layout.expression_names:
                        weights[layout.expression_names.index(side)] = strength
            layout.constrain(faces[name])
        return faces, [self._light(rng) for _ in range(config.lights)]

    def _light(self, rng: Generator) -> NDArray[np.float32]:
        """A vector (P,) whose light is as in training, with a key light and of usual brightness."""
        vector = self._model.layout.neutral()
        light = random_light(rng, LightDistribution(dark_share=0.0, dull_share=0.0))
        put_light(self._model.layout.view(vector), light)
        return self._model.layout.constrain(vector)


def _chunks(model: FaceModel, folder: Path, config: RenderSetConfig) -> Iterator[Path]:
    """Folders of all chunks; those that are missing are drawn."""
    people, renderer = _People(model, config), None
    for number, first in enumerate(
        tqdm(range(0, config.people, config.people_per_chunk), desc="render set", unit="chunk", leave=False)
    ):
        chunk = folder / f"chunk_{number:04d}"
        if not chunk.is_dir():
            renderer = renderer or _renderer(model, config)
            members = range(first, min(first + config.people_per_chunk, config.people))
            drawn = [picture for person in members for picture in _pictures(renderer, people, person, config)]
            _write(chunk, drawn)
        yield chunk


def _renderer(model: FaceModel, config: RenderSetConfig) -> SceneRenderer:
    scene = replace(config.scene, render_size=round(config.size * _SUPERSAMPLING))
    backgrounds = Backgrounds(scene.render_size, [], np.random.default_rng(config.seed))
    return SceneRenderer(model, scene, backgrounds, RandomFaces(model, scene.faces))


def _pictures(renderer: SceneRenderer, people: _People, number: int, config: RenderSetConfig) -> Iterator[_Picture]:
    """Image, parameters and landmarks of each picture of a person, in the set's order."""
    layout = renderer.model.layout
    faces, lights = people(number)
    for e, face in enumerate(faces.values()):
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
    """The picture of a face, as JPEG, its parameters and landmarks, and whether its highlight can be seen."""
    linear, landmarks, highlight = renderer.draw(vector, rng, look)
    picture = photograph(linear, config.size, config.scene.faults, rng)
    return EncodedImages.encode(picture), vector, landmarks, np.bool_(highlight)


def _random_picture(renderer: SceneRenderer, config: RenderSetConfig, number: int) -> _Picture:
    rng = np.random.default_rng((config.seed, number))
    vector = renderer.faces(rng).astype(np.float32)
    return _photographed(renderer, config, vector, rng, rng)


def _write(chunk: Path, drawn: Sequence[_Picture]) -> None:
    encoded, *columns = zip(*drawn, strict=True)
    images = {"images": np.concatenate(encoded), "ends": np.cumsum([len(picture) for picture in encoded])}
    write_arrays(chunk, images | dict(zip(_ARRAYS, map(np.stack, columns), strict=True)))


def _read(chunks: Sequence[Path], size: int) -> tuple[EncodedImages, NDArray, NDArray, NDArray]:
    """Pictures, parameters, landmarks and visible highlights of chunks."""
    files = [(np.load(c / "images.npy", mmap_mode="r"), np.load(c / "ends.npy")) for c in chunks]
    pictures = [part for data, ends in files for part in np.split(data, ends[:-1])]
    parameters, landmarks, highlight = (np.concatenate([np.load(c / f"{n}.npy") for c in chunks]) for n in _ARRAYS)
    return EncodedImages(pictures, size), parameters, landmarks, highlight


def _check_header(
    folder: Path,
    model: FaceModel,
    config: RenderSetConfig,
    expressions: dict[str, dict[str, float]] | str = EXPRESSIONS,
) -> None:
    """Write the header of the set, or compare it with the one that is there."""
    header: dict[str, Any] = {"model_digest": model.digest, "expressions": expressions, **asdict(config)}
    header = json.loads(json.dumps(header))  # tuples are lists there
    path = folder / "render_set.json"
    if path.exists():
        try:
            same = json.loads(path.read_text(encoding="utf-8")) == header
        except ValueError:
            same = False
        if not same:
            raise LimelightError(f"render set {folder}: made for another face model or configuration; remove it")
        return
    write_text(path, json.dumps(header, indent=1) + "\n")

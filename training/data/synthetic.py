"""Renders of random faces with perfect labels, and renders without a face for the confidence."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from tqdm import tqdm

from facemodel import ARKIT_NAMES, CROP_SIZE, FaceModel, project
from facemodel.lighting import shade_diffuse
from training.data.photo_labels import default_photos
from training.data.storage import EXTENT, STORED_SIZE, Samples, ShardWriter, faceless, load_samples
from training.render import scenery
from training.render.degrade import CameraFaults, photograph
from training.render.random_faces import FaceDistribution, RandomFaces
from training.render.rasterizer import Light, Surface, rasterize, shade, vertex_normals

_HEAD_TOP, _HEAD_HALF_HEIGHT = np.array([0.0, -10.0, 0.0]), 115.0
_EMPTY_SHARDS = 50000  # numbers from here on are no photos' negatives
_PUPILS = (473, 468)  # the subject's left, then the right
_CHEEK = 205
_GLASSES = 12.0  # mm in front of the pupils
_HAT_BRIM = np.array([0.0, 48.0, 5.0])  # mm, above the brows


@dataclass(frozen=True)
class SceneConfig:
    """What the synthetic set shows.

    Attributes:
        faces: people, expressions, poses, light.
        faults: of the camera.
        render_size: side of the picture that is drawn, then brought to STORED_SIZE.
        hair_share, fringe_share, glasses_share, hat_share, occluder_share: of pictures with these.
        faces_per_empty: renders with a face to one without.
        held_out_share: of renders for validation.
        shard: samples a shard.
    """

    faces: FaceDistribution = field(default_factory=FaceDistribution)
    faults: CameraFaults = field(default_factory=CameraFaults)
    render_size: int = 200
    hair_share: float = 0.85
    fringe_share: float = 0.25
    glasses_share: float = 0.15
    hat_share: float = 0.0
    occluder_share: float = 0.1
    faces_per_empty: int = 25
    held_out_share: float = 0.02
    shard: int = 500


class Canvas:
    """What a scene is drawn on, from back to front.

    Attributes:
        image: (S, S, 3) linear RGB.
    """

    def __init__(self, size: int) -> None:
        self.image = np.zeros((size, size, 3), np.float32)

    def background(self, image: NDArray[np.float32]) -> None:
        """Begin with what is behind everything, (S, S, 3), which is drawn on."""
        self.image = image

    def add(self, draw: Callable[..., None], rng: Generator, *arguments: Any) -> None:
        """Draw something with one of `scenery`'s functions: `draw(image, rng, *arguments)`."""
        draw(self.image, rng, *arguments)

    def face(
        self,
        color: NDArray[np.float32],
        owner: NDArray[np.int32],
        hairy: NDArray[np.bool_],  # noqa: ARG002 (for canvases that label what they show)
    ) -> None:
        """Put the shaded face model in front.

        Args:
            color: (S, S, 3).
            owner: (S, S) visible triangle, -1 where there is none.
            hairy: (T,) triangles whose skin hair hides.
        """
        covered = owner >= 0
        edge = cv2.GaussianBlur(covered.astype(np.float32), (0, 0), 0.5)[..., None]
        self.image = np.where(covered[..., None], color * edge + self.image * (1 - edge), self.image)


class SceneRenderer:
    """Draws a random face in a random place.

    Args:
        model: the face model.
        config: what is drawn.
        backgrounds: what is behind it, of side `config.render_size`.
        faces: where the parameters come from.
    """

    def __init__(
        self, model: FaceModel, config: SceneConfig, backgrounds: scenery.Backgrounds, faces: RandomFaces
    ) -> None:
        self.model = model = model.occluded()
        self.config = config
        self.backgrounds = backgrounds
        self.faces = faces
        self.hair = scenery.Hair(model)
        self._shape_basis = np.concatenate([model.identity, model.expression]).reshape(-1, 3 * model.n_vertices)
        self._albedo_basis = np.concatenate([model.diffuse_basis, model.specular_basis], axis=2).reshape(
            len(model.diffuse_basis), -1
        )

    def __call__(self, rng: Generator) -> tuple[NDArray[np.uint8], NDArray[np.float32], NDArray[np.float32]]:
        """One picture (STORED_SIZE, STORED_SIZE, 3), its parameters (P,) and its 478 landmarks (478, 2) crop px."""
        vector = self.faces(rng)
        linear, landmarks = self.draw(vector, rng)
        return photograph(linear, STORED_SIZE, self.config.faults, rng), vector, landmarks

    def draw(self, vector: NDArray[np.float32], rng: Generator) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Linear picture (S, S, 3) of a face (P,) in crop px with surroundings, and its landmarks (478, 2)."""
        canvas = Canvas(self.config.render_size)
        landmarks = self.compose(vector, rng, canvas)
        return canvas.image.astype(np.float32), landmarks

    def compose(self, vector: NDArray[np.float32], rng: Generator, canvas: Canvas) -> NDArray[np.float32]:
        """Draw a face (P,) in crop px with surroundings on a canvas; returns its landmarks (478, 2)."""
        model, config = self.model, self.config
        p = model.layout.view(vector)
        coefficients = np.concatenate([p.identity, p.expression])
        vertices = model.mean + (coefficients @ self._shape_basis).reshape(-1, 3)  # (V, 3)
        points = model.landmarks478(vertices)  # (478, 3) mm
        landmarks = project(points, p.rotation, p.translation, p.scale)
        normals = vertex_normals(vertices, model.triangles)
        colors = (p.albedo @ self._albedo_basis).reshape(-1, 6)
        diffuse = np.maximum(model.diffuse_mean + colors[:, :3], 0.0)
        specular = np.maximum(model.specular_mean + colors[:, 3:], 0.0)
        skin = diffuse[model.triangles[model.landmarks478_triangles[_CHEEK], 0]].copy()
        hairy = rng.random() < config.hair_share
        hair = scenery.hair_color(rng)
        hidden = np.zeros(len(vertices), np.float32)  # (V,) share of the skin that hair hides
        if hairy:
            hair, hidden = self.hair(rng, vertices, normals, diffuse, specular)
            normals = vertex_normals(vertices, model.triangles)
        scenery.darken_mouth(model, rng, diffuse, specular)

        rotation = p.rotation.astype(np.float32)
        surface = Surface(model.triangles, vertices @ rotation.T, normals @ rotation.T, diffuse, specular)
        size = config.render_size
        zoom, margin = size / EXTENT, (EXTENT - CROP_SIZE) / 2
        offset, scale = (p.translation + margin) * zoom, p.scale * zoom
        pixels = surface.posed[:, :2] * np.array((scale, -scale), np.float32) + offset
        owner, weights = rasterize(pixels, surface.posed[:, 2], model.triangles, size, size)
        light = Light(p.sh, p.key_position, p.key_color, p.shininess)
        face = shade(surface, light, owner, weights)
        if hairy:
            scenery.draw_strands(face, (owner >= 0) & self.hair.triangles[owner], rng)

        lit = shade_diffuse(np.ones(3), np.array([0.0, 0.0, 1.0]), p.sh)  # (3,) what a frontal surface gets
        head = project(_HEAD_TOP[None], rotation, offset, scale)[0]
        up = _HEAD_HALF_HEIGHT * scale
        canvas.background(self.backgrounds(rng))
        if hairy:
            canvas.add(scenery.draw_long_hair, rng, hair * lit, head, up)
            canvas.add(scenery.draw_shoulders, rng, head, up)
        canvas.face(face, owner, hidden[model.triangles].mean(axis=1) > 0.5)
        if rng.random() < config.glasses_share and rotation[2, 2] > 0.5:
            lenses = points[[*_PUPILS]] + (0.0, -2.0, _GLASSES)
            across = (rotation[:2, :2].T * (1.0, -1.0)).astype(np.float32)  # rows: head x and y in the picture
            places = project(lenses, rotation, offset, scale)
            canvas.add(scenery.draw_glasses, rng, places, 25.0 * scale, across)
        if hairy and rng.random() < config.fringe_share:
            canvas.add(scenery.draw_fringe, rng, hair * lit, head, up)
        if config.hat_share and rng.random() < config.hat_share:
            brim = project(_HAT_BRIM[None], rotation, offset, scale)[0]
            canvas.add(scenery.draw_hat, rng, brim, up, rotation[:2, 1] * (1.0, -1.0))
        if rng.random() < config.occluder_share:
            canvas.add(scenery.draw_occluder, rng, skin * lit, head, up)
        return landmarks.astype(np.float32)

    def empty(self, rng: Generator) -> NDArray[np.uint8]:
        """A place that the performer has left: picture (STORED_SIZE, STORED_SIZE, 3) with hair, shirts and things."""
        image = self.backgrounds(rng)
        size = self.config.render_size
        middle, up = rng.uniform(0.3, 0.7, 2) * size, size * rng.uniform(0.2, 0.5)
        if rng.random() < 0.5:
            scenery.draw_long_hair(image, rng, scenery.hair_color(rng), middle, up)
            scenery.draw_shoulders(image, rng, middle, up)
        for _ in range(rng.integers(0, 4)):
            skin = np.array([0.5, 0.32, 0.24]) * rng.uniform(0.1, 1.3)
            scenery.draw_occluder(image, rng, skin, middle, up)
        return photograph(image.astype(np.float32), STORED_SIZE, self.config.faults, rng)


def generate(
    model: FaceModel,
    out: Path,
    count: int,
    seed: int,
    config: SceneConfig | None = None,
    photos: Path | None = None,
) -> None:
    """Write at least `count` renders to `out`/synthetic and one faceless picture for `config.faces_per_empty` of them
    to `out`/negatives, shard by shard; those already there stay.

    A shard depends only on the seed, its number, the face model and what photos there are. Expressions of fitted
    photos below `out` are drawn from where `training.data.photos` has run before.

    Args:
        model: the face model.
        out: the prepared folder.
        count: number of renders.
        seed: of everything random.
        config: what is drawn.
        photos: folder of photos to blur into backgrounds; may be absent.

    Raises:
        LimelightError: `out` holds the data of another face model.
    """
    config = config or SceneConfig()
    writer = ShardWriter(out, "synthetic", model)
    negatives = ShardWriter(out, "negatives", model)
    files = sorted(photos.glob("*/*.jpg")) if photos is not None else []
    backgrounds = scenery.Backgrounds(config.render_size, files, np.random.default_rng((seed, 0)))
    renderer = SceneRenderer(
        model, config, backgrounds, RandomFaces(model, config.faces, _seen_expressions(out, model))
    )
    with tqdm(total=count, unit="render", desc="synthetic") as bar:
        for number in range(-(-count // config.shard)):
            if not writer.exists(number):
                rng = np.random.default_rng((seed, 2, number))
                images = np.stack([renderer.empty(rng) for _ in range(max(1, config.shard // config.faces_per_empty))])
                held_out = rng.random(len(images)) < config.held_out_share
                empty = faceless(model.layout, images, False, held_out, np.full(len(images), ""))
                negatives.write(_EMPTY_SHARDS + number, empty)
                rng = np.random.default_rng((seed, 1, number))
                writer.write(number, render_shard(renderer, config.shard, rng))
            bar.update(config.shard)


def render_shard(renderer: SceneRenderer, count: int, rng: Generator) -> Samples:
    """`count` fresh renders as samples."""
    images, parameters, landmarks = zip(*(renderer(rng) for _ in range(count)), strict=True)
    yes = np.ones(count, bool)
    return Samples(
        images=np.stack(images),
        parameters=np.stack(parameters),
        landmarks=np.stack(landmarks),
        scores=np.full((count, len(ARKIT_NAMES)), np.nan, np.float32),
        face=yes,
        photo=~yes,
        geometry=yes,
        light=yes,
        held_out=rng.random(count) < renderer.config.held_out_share,
        quality=np.zeros((count, 2), np.float32),
        names=np.full(count, ""),
    )


def _seen_expressions(out: Path, model: FaceModel) -> NDArray[np.float32] | None:
    """(M, Ne) weights of photos that were fitted well, not of the held-out people."""
    if not any((out / "photos").glob("shard_*")):
        return None
    samples = load_samples(out, model)
    return samples.parameters[samples.photo & samples.geometry & ~samples.held_out][
        :, model.layout.slices["expression"]
    ]


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Render random faces with known parameters.")
    parser.add_argument("--count", type=int, default=25000)
    parser.add_argument("--out", type=Path, default=Path(".cache/training"))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--model", type=Path, help="face model file; the embedded default if left out")
    parser.add_argument("--photos", type=Path, default=default_photos(), help="for backgrounds")
    options = parser.parse_args(arguments)
    cv2.setNumThreads(1)
    generate(FaceModel.load(options.model), options.out, options.count, options.seed, photos=options.photos)


if __name__ == "__main__":
    main()

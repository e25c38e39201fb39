"""Renders of random faces with perfect labels, and renders without a face for the confidence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from tqdm import tqdm

from facemodel import CROP_SIZE, FaceModel, project
from facemodel.color import encode_srgb
from facemodel.hair import Hair
from facemodel.hair_shading import HairLook
from facemodel.lighting import shade_diffuse
from facemodel.rotation import matrix_from_euler
from training.data.storage import EXTENT, STORED_SIZE, Samples, ShardWriter, faceless, load_samples
from training.render import scenery
from training.render.beard_and_makeup import FacePaint
from training.render.degrade import CameraFaults, photograph
from training.render.glasses import draw_glasses
from training.render.hair import HairStyles, draw_style
from training.render.lamps import LUMINANCE, LightDistribution, cast, random_light
from training.render.random_faces import FaceDistribution, RandomFaces
from training.render.rasterizer import Light, Surface, interpolate, rasterize, shade, vertex_normals
from training.render.scenery import smooth_noise
from training.render.skin_texture import SkinTexture
from training.render.things import draw_cartoon, draw_hat, draw_headphones, draw_occluder

GLINT = 4.0 / 255.0
"""Of sRGB: a highlight that brightens no twentieth of the head by as much is seen by nobody."""

_HEAD_TOP, _HEAD_HALF_HEIGHT = np.array([0.0, -10.0, 0.0]), 115.0
_EMPTY_SHARDS = 50000  # numbers from here on are no photos' negatives
_PUPILS = (473, 468)  # the subject's left, then the right
_CHEEK = 205
_FACE_FRONT = np.array([0.0, -15.0, 60.0])  # mm, before which a cover hides a face
_HAT_BRIM = np.array([0.0, 48.0, 5.0])  # mm, above the brows

_SAMPLED = np.s_[::3, ::3]


@dataclass(frozen=True)
class SceneConfig:
    """What the synthetic set shows.

    Attributes:
        faces: people, expressions, poses, light.
        faults: of the camera.
        render_size: side of the picture that is drawn, then brought to STORED_SIZE.
        hair_share, shoulders_share, beard_share, makeup_share, glasses_share, hat_share,
            headphones_share, occluder_share: of pictures with these.
        style_share: of pictures with hair that is combed into one of the styles; the rest is a cap of hair.
        lashes_share, brows_share: of pictures with lashes and brows of strands, which the albedo does not have.
        hair_file: of styles, lashes and brows; the embedded one, which fits the embedded model, if left out.
        texture: amplitude of the skin's own texture in its albedo, mean over people; 0 for smooth skin.
        faces_per_empty: renders with a face to one without.
        held_out_share: of renders for validation.
        shard: samples a shard.
    """

    faces: FaceDistribution = field(default_factory=FaceDistribution)
    faults: CameraFaults = field(default_factory=CameraFaults)
    render_size: int = 200
    hair_share: float = 0.85
    style_share: float = 0.75
    lashes_share: float = 0.3
    brows_share: float = 0.6
    hair_file: Path | None = None
    shoulders_share: float = 0.75
    beard_share: float = 0.28
    makeup_share: float = 0.22
    texture: float = 0.06
    glasses_share: float = 0.2
    hat_share: float = 0.07
    headphones_share: float = 0.05
    occluder_share: float = 0.14
    faces_per_empty: int = 25
    held_out_share: float = 0.02
    shard: int = 500


class Render(NamedTuple):
    """A picture (STORED_SIZE, STORED_SIZE, 3) uint8 sRGB, its parameters (P,) and 478 landmarks (478, 2) in crop px,
    and whether its key light's highlight can be seen."""

    image: NDArray[np.uint8]
    parameters: NDArray[np.float32]
    landmarks: NDArray[np.float32]
    highlight: bool


class Canvas:
    """What a scene is drawn on, from back to front.

    Attributes:
        image: (S, S, 3) linear RGB.
        shine: (S / 3, S / 3, 3) linear RGB of the key light's highlight on the face, in every third pixel both ways.
        drawn: (S, S) where the face model is drawn.
    """

    def __init__(self, size: int) -> None:
        self.image = np.zeros((size, size, 3), np.float32)
        self.shine = np.zeros_like(self.image[_SAMPLED])
        self.drawn = np.zeros((size, size), bool)

    def background(self, image: NDArray[np.float32]) -> None:
        """Begin with what is behind everything, (S, S, 3), which is drawn on."""
        self.image = image

    def add(self, draw: Callable[..., NDArray[np.float32]], rng: Generator, *arguments: Any) -> NDArray[np.float32]:
        """Draw something by `draw(image, rng, *arguments)`; returns what of the picture it covers, (S, S) 0..1."""
        covered = draw(self.image, rng, *arguments)
        self.shine *= 1.0 - covered[_SAMPLED][..., None]
        return covered

    @property
    def glints(self) -> bool:
        """Return whether anybody could see the highlight: it brightens a twentieth of the head by GLINT or more."""
        head = self.drawn[_SAMPLED]
        if not head.any():
            return False
        image, shine = self.image[_SAMPLED][head], self.shine[head]
        return bool(np.quantile((encode_srgb(image) - encode_srgb(image - shine)).mean(axis=1), 0.95) >= GLINT)

    def face(
        self,
        color: NDArray[np.float32],
        highlight: NDArray[np.float32],
        owner: NDArray[np.int32],
        hairy: NDArray[np.bool_],  # noqa: ARG002 (for canvases that label what they show)
    ) -> None:
        """Put the shaded face model in front.

        Args:
            color: (S, S, 3). highlight: (S, S, 3) the key light's share of it.
            owner: (S, S) visible triangle, -1 where there is none.
            hairy: (T,) triangles whose skin hair hides.
        """
        covered = owner >= 0
        edge = cv2.GaussianBlur(covered.astype(np.float32), (0, 0), 0.5)[..., None]
        edge *= covered[..., None]
        self.image = self.image + edge * (color - self.image)
        self.shine, self.drawn = (highlight * edge)[_SAMPLED].copy(), covered


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
        occluded = bool((model.occlusion < 1.0).any())
        self.model = model = model.occluded()
        self.config = config
        self.backgrounds = backgrounds
        self.faces = faces
        self.hair = scenery.Hair(model)
        self.styles = HairStyles(model, Hair.load(config.hair_file))
        self.paint = FacePaint(model, occluded)
        self.texture = SkinTexture(model, config.texture)
        self._shape_basis = np.concatenate([model.identity, model.expression]).reshape(-1, 3 * model.n_vertices)
        self._albedo_basis = np.concatenate([model.diffuse_basis, model.specular_basis], axis=2).reshape(
            len(model.diffuse_basis), -1
        )

    def __call__(self, rng: Generator) -> Render:
        """Return one picture with its labels."""
        return self.photograph(rng, Canvas(self.config.render_size))

    def photograph(self, rng: Generator, canvas: Canvas) -> Render:
        """Draw a random face on a canvas and return what a random camera makes of it."""
        vector = self.faces(rng)
        gray = rng.random() < self.config.faults.gray_share
        if gray:  # a picture without colour was lit by lamps without colour, as far as anybody can tell
            p = self.model.layout.view(vector)
            p.sh[:], p.key_color[:] = (p.sh @ LUMINANCE)[:, None], p.key_color @ LUMINANCE
        landmarks = self.compose(vector, rng, canvas)
        picture = photograph(canvas.image.astype(np.float32), STORED_SIZE, self.config.faults, rng, gray)
        return Render(picture, vector, landmarks, canvas.glints)

    def draw(
        self, vector: NDArray[np.float32], rng: Generator, look: Generator | None = None
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], bool]:
        """Draw a face (P,) in crop px with surroundings, as `compose` does.

        Returns: Linear picture (S, S, 3), its landmarks (478, 2) crop px, and whether its highlight can be seen.
        """
        canvas = Canvas(self.config.render_size)
        landmarks = self.compose(vector, rng, canvas, look)
        return canvas.image.astype(np.float32), landmarks, canvas.glints

    def compose(
        self, vector: NDArray[np.float32], rng: Generator, canvas: Canvas, look: Generator | None = None
    ) -> NDArray[np.float32]:
        """Draw a face (P,) in crop px with surroundings on a canvas; returns its landmarks (478, 2).

        Args:
            vector: what no random number decides.
            rng: of the picture.
            canvas: what is drawn on.
            look: of the person: hair, beard, make-up and skin; a new person if left out.
        """
        look = look or np.random.default_rng(rng.integers(2**63))
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
        hairy = look.random() < config.hair_share
        hair = scenery.hair_color(look)
        hidden = np.zeros(len(vertices), np.float32)  # (V,) share of the skin that hair hides
        stubble = hidden
        if look.random() < config.beard_share:
            stubble = self.paint.beard(look, vertices)
        style = self.styles.pick(look, "style") if hairy and look.random() < config.style_share else None
        if style is not None:
            style.color_scalp(diffuse, specular, (float(hair[0]), float(hair[1]), float(hair[2])))
            hidden = style.cover
        elif hairy:
            hair, hidden = self.hair(look, vertices, normals, diffuse, specular)
        self.paint.mouth(look, diffuse, specular)
        if look.random() < config.makeup_share:
            self.paint.makeup(look, diffuse, specular)
        brows = self.styles.pick(look, "brows") if look.random() < config.brows_share else None
        if brows is None and look.random() < 0.5:
            self.paint.brows(look, diffuse, hair)
        normals = vertex_normals(vertices, model.triangles)

        rotation = p.rotation.astype(np.float32)
        surface = Surface(model.triangles, vertices @ rotation.T, normals @ rotation.T, diffuse, specular)
        size = config.render_size
        zoom, margin = size / EXTENT, (EXTENT - CROP_SIZE) / 2
        offset, scale = (p.translation + margin) * zoom, p.scale * zoom
        pixels = surface.posed[:, :2] * np.array((scale, -scale), np.float32) + offset
        owner, weights = rasterize(pixels, surface.posed[:, 2], model.triangles, size, size)
        light = Light(p.sh, p.key_position, p.key_color, p.shininess)
        posed = surface.posed, surface.normals, model.triangles
        lamps = cast(p.sh, p.key_position, p.key_color, rng, posed)
        tone = hair / np.maximum(skin, 0.01) * np.float32(look.uniform(0.7, 1.3))
        detail = self.texture(look, owner, weights, stubble, np.minimum(tone, 3.0), rotation)
        face, highlight = shade(surface, light, owner, weights, lamps, detail)
        depth = np.where(
            owner >= 0, interpolate(surface.posed[:, 2:], model.triangles, owner, weights)[..., 0], -np.inf
        )
        worn = depth, vertices, (rotation, offset, scale), light
        lashes = self.styles.pick(look, "lashes") if look.random() < config.lashes_share else None
        if lashes is not None:
            lashes.draw(face, *worn, HairLook((0.01, 0.008, 0.007)))
        if brows is not None:
            color = look.uniform(0.5, 1.1) * hair
            brows.draw(face, *worn, HairLook(tuple(color.tolist()), float(look.uniform(0.05, 0.3))))
        if hairy and style is None:
            scenery.draw_strands(face, (owner >= 0) & self.hair.triangles[owner], rng)

        lit = shade_diffuse(np.ones(3), np.array([0.0, 0.0, 1.0]), p.sh)  # (3,) what a frontal surface gets
        head = project(_HEAD_TOP[None], rotation, offset, scale)[0]
        up = _HEAD_HALF_HEIGHT * scale
        canvas.background(self.backgrounds(rng))
        if rng.random() < config.shoulders_share and rotation[1, 1] > 0.5:  # they stand upright in the picture
            canvas.add(scenery.draw_shoulders, rng, head, up)
        corners = hidden[model.triangles]  # (T, 3)
        canvas.face(face, highlight, owner, corners[:, 0] + corners[:, 1] + corners[:, 2] > 1.5)
        if style is not None:
            shine = HairLook(tuple(hair.tolist()), float(look.uniform(0.1, 1.0)), float(look.uniform(15.0, 70.0)))
            canvas.add(draw_style, rng, style, *worn, shine)
        sides = rotation[2, 0] * np.array([1.0, -1.0])  # how much the subject's left and right face the camera

        def place(millimetres: NDArray) -> NDArray:
            return project(millimetres, rotation, offset, scale)

        if rng.random() < config.glasses_share and rotation[2, 2] > 0.2:
            canvas.add(draw_glasses, rng, place, points[[*_PUPILS]], sides, lit)
        if rng.random() < config.hat_share:
            canvas.add(draw_hat, rng, place(_HAT_BRIM[None])[0], up, rotation[:2, 1] * (1.0, -1.0), p.sh)
        if rng.random() < config.headphones_share:
            canvas.add(draw_headphones, rng, place, up, sides, p.sh)
        if rng.random() < config.occluder_share:
            canvas.add(draw_occluder, rng, skin, head, up, p.sh)
        return landmarks.astype(np.float32)

    def empty(self, rng: Generator) -> NDArray[np.uint8]:
        """Return a picture (STORED_SIZE, STORED_SIZE, 3) that a tracker must not accept.

        It shows a place that the performer has left, a face that is turned in the picture or covered, a head from
        behind, or a drawing.
        """
        size = self.config.render_size
        kind = rng.choice(["left", "turned", "covered", "behind", "drawing"], p=[0.4, 0.15, 0.15, 0.15, 0.15])
        if kind in ("left", "drawing"):
            image = self.backgrounds(rng)
            middle, up = rng.uniform(0.3, 0.7, 2) * size, size * rng.uniform(0.2, 0.5)
            if kind == "drawing":
                draw_cartoon(image, rng, middle, up)
            elif rng.random() < 0.5:
                scenery.draw_shoulders(image, rng, middle, up)
            for _ in range(rng.integers(0, 4) if kind == "left" else 0):
                skin = np.array([0.5, 0.32, 0.24]) * rng.uniform(0.1, 1.3)
                draw_occluder(image, rng, skin, middle, up, random_light(rng, LightDistribution()).sh)
        else:
            vector = self.faces(rng)
            p = self.model.layout.view(vector)
            if kind == "behind":
                p.rotation = matrix_from_euler(np.deg2rad(rng.uniform(130.0, 230.0)), rng.normal(0.0, 0.2), 0.0)
            image, _, _ = self.draw(vector, rng)
            if kind == "turned":
                turn = float(rng.uniform(100.0, 260.0))
                matrix = cv2.getRotationMatrix2D((size / 2, size / 2), turn, 1.0)
                image = cv2.warpAffine(image, matrix, (size, size), borderMode=cv2.BORDER_REFLECT_101)
            elif kind == "covered":
                reach = 70.0 * float(p.scale) * size / EXTENT
                front = project(_FACE_FRONT[None], p.rotation, p.translation, p.scale)[0]
                middle = (front + (EXTENT - CROP_SIZE) / 2) * size / EXTENT
                cover = np.zeros((size, size), np.float32)
                cv2.ellipse(cover, middle.astype(int).tolist(), (int(reach), int(1.5 * reach)), 0, 0, 360, 1.0, -1)
                cover = cv2.GaussianBlur(cover, (0, 0), float(rng.uniform(0.5, 3.0)))
                thing = smooth_noise(rng, size, int(rng.integers(3, 30)), 3) * scenery.random_color(rng) * 1.5
                scenery.blend(image, cover, thing)
                for _ in range(2):
                    draw_occluder(image, rng, scenery.random_color(rng), middle, 1.5 * reach, p.sh)
        return photograph(image.astype(np.float32), STORED_SIZE, self.config.faults, rng)


def generate(
    model: FaceModel,
    out: Path,
    count: int,
    seed: int,
    config: SceneConfig | None = None,
    photos: Path | None = None,
    part: tuple[int, int] = (0, 1),
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
        part: (i, n) for the i-th of n processes that share the work, counted from 0.
    Raises LimelightError: `out` holds the data of another face model.
    """
    config = config or SceneConfig()
    writer = ShardWriter(out, "synthetic", model)
    negatives = ShardWriter(out, "negatives", model)
    files = sorted(photos.glob("*/*.jpg")) if photos is not None else []
    backgrounds = scenery.Backgrounds(config.render_size, files, np.random.default_rng((seed, 0)))
    renderer = SceneRenderer(
        model, config, backgrounds, RandomFaces(model, config.faces, _seen_expressions(out, model))
    )
    with tqdm(total=-(-count // part[1]), unit="render", desc="synthetic") as bar:
        for number in range(part[0], -(-count // config.shard), part[1]):
            if not writer.exists(number):
                rng = np.random.default_rng((seed, 2, number))
                images = np.stack(list(map(renderer.empty, rng.spawn(max(1, config.shard // config.faces_per_empty)))))
                held_out = rng.random(len(images)) < config.held_out_share
                empty = faceless(model.layout, images, False, held_out)
                negatives.write(_EMPTY_SHARDS + number, empty)
                rng = np.random.default_rng((seed, 1, number))
                writer.write(number, render_shard(renderer, config.shard, rng))
            bar.update(config.shard)


def render_shard(renderer: SceneRenderer, count: int, rng: Generator) -> Samples:
    """Return `count` fresh renders as samples; each depends on the generator's seed and its number alone."""
    streams = rng.spawn(count)
    images, parameters, landmarks, _ = zip(*map(renderer, streams), strict=True)
    yes = np.ones(count, bool)
    return Samples(
        images=np.stack(images),
        parameters=np.stack(parameters),
        landmarks=np.stack(landmarks),
        face=yes,
        photo=~yes,
        geometry=yes,
        light=yes,
        held_out=np.array([stream.random() < renderer.config.held_out_share for stream in streams]),
    )


def _seen_expressions(out: Path, model: FaceModel) -> NDArray[np.float32] | None:
    """Return the expressions (M, Ne) of photos that were fitted well, held-out people left out."""
    if not any((out / "photos").glob("shard_*")):
        return None
    samples = load_samples(out, model)
    return samples.parameters[samples.photo & samples.geometry & ~samples.held_out][
        :, model.layout.slices["expression"]
    ]

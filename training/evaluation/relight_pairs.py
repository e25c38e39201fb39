"""Pairs of pictures to measure relighting on: the same random face, scene and camera in two lights."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from facemodel import CROP_SIZE, FaceModel
from training.data.storage import EXTENT
from training.data.synthetic import SceneConfig, SceneRenderer
from training.evaluation.skin_tone import skin_angle, tone_group
from training.render.degrade import photograph
from training.render.lamps import LightDistribution, random_light
from training.render.random_faces import RandomFaces, put_light
from training.render.scenery import Backgrounds

SIZE = int(EXTENT)
"""Side of a picture, px: as many as crop px."""

MARGIN = (SIZE - CROP_SIZE) // 2
"""px of a picture around the crop."""

_SEED = 20222  # no training data have it
_SUPERSAMPLING = 1.25


@dataclass(frozen=True)
class RelightPair:
    """A face in two lights.

    Attributes:
        before, after: (SIZE, SIZE, 3) uint8 RGB.
        vector, lit: (P,) in crop px, in the light of `before` and of `after`.
        tone: of the skin, one of `skin_tone.TONE_GROUPS`.
    """

    before: NDArray[np.uint8]
    after: NDArray[np.uint8]
    vector: NDArray[np.float32]
    lit: NDArray[np.float32]
    tone: str


def relight_pairs(model: FaceModel, count: int) -> Iterator[RelightPair]:
    """Draw `count` pairs with as many people; the n-th is always the same. Both pictures have the same camera faults,
    and cast shadows, each its own light's."""
    config = SceneConfig()
    config = replace(config, render_size=round(SIZE * _SUPERSAMPLING))
    backgrounds = Backgrounds(config.render_size, [], np.random.default_rng(_SEED))
    renderer = SceneRenderer(model, config, backgrounds, RandomFaces(model, config.faces))
    usual = LightDistribution(dark_share=0.0, dull_share=0.0)
    layout = model.layout
    for number in range(count):
        rng = np.random.default_rng((_SEED, number))
        face = renderer.faces(rng).astype(np.float32)
        vectors = []
        for _ in range(2):
            lit = face.copy()
            put_light(layout.view(lit), random_light(rng, usual))
            vectors.append(layout.constrain(lit).astype(np.float32))
        before, after = (_photographed(renderer, vector, number) for vector in vectors)
        tone = tone_group(skin_angle(model, layout.view(face).albedo))
        yield RelightPair(before, after, vectors[0], vectors[1], tone)


def _photographed(renderer: SceneRenderer, vector: NDArray[np.float32], number: int) -> NDArray[np.uint8]:
    scene, look, camera = (np.random.default_rng((_SEED, number, k)) for k in range(1, 4))
    linear, _, _ = renderer.draw(vector, scene, look)
    return photograph(linear, SIZE, renderer.config.faults, camera)

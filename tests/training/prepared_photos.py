"""Prepared photos of a toy face, drawn by the renderer itself, so that their parameters are known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from facemodel import ARKIT_NAMES, CROP_SIZE, FaceModel
from facemodel.rotation import matrix_from_euler
from training.data.face_classes import label_of
from training.data.prepared import PreparedShard, PreparedWriter
from training.losses.paper_losses import encode_srgb
from training.render.renderer import Renderer


def random_parameters(model: FaceModel, count: int, seed: int = 0) -> NDArray[np.float32]:
    """(count, P) faces in the middle of the crop, with open mouths, under different lights."""
    rng = np.random.default_rng(seed)
    vectors = np.tile(model.layout.neutral(), (count, 1))
    for vector in vectors:
        p = model.layout.view(vector)
        p.identity[:] = rng.normal(0, 0.7, p.identity.shape)
        p.expression[:] = rng.uniform(0, 0.3, p.expression.shape)
        p.expression[model.expression_names.index("jawOpen")] = rng.uniform(0.5, 0.9)
        p.expression[model.expression_names.index("mouthClose")] = 0.0
        p.albedo[:] = rng.normal(0, 0.5, p.albedo.shape)
        p.rotation = matrix_from_euler(*rng.uniform(-0.2, 0.2, 3))
        p.translation[:] = CROP_SIZE / 2 + rng.normal(0, 6, 2)
        p.scale = float(rng.uniform(0.75, 0.85))
        p.sh[:3] *= rng.uniform(0.6, 1.0)
        p.key_position[:] += rng.normal(0, 30, 3)
        p.key_color[:] *= rng.uniform(0.6, 1.2, 3)
        p.shininess = float(rng.uniform(10, 30))
    return vectors


def write_photos(
    root: Path,
    model: FaceModel,
    parameters: NDArray[np.float32],
    persons: list[str],
    names: list[str] | None = None,
    splits: list[str] | None = None,
) -> None:
    """One shard of the faces of parameters (N, P) before a noisy grey background."""
    count = len(parameters)
    with torch.inference_mode():
        drawn = Renderer(model, CROP_SIZE)(torch.from_numpy(parameters))
    face = drawn.mask.numpy() > 0
    rng = np.random.default_rng(1)
    images = rng.normal(0.4, 0.05, (count, CROP_SIZE, CROP_SIZE, 3)).astype(np.float32)
    color = encode_srgb(drawn.diffuse + drawn.specular).numpy()
    images = np.where(drawn.covered.numpy()[..., None] > 0, color, images)
    scores = np.zeros((count, len(ARKIT_NAMES)), np.float32)
    for i, name in enumerate(model.expression_names):
        scores[:, ARKIT_NAMES.index(name)] = parameters[:, model.layout.slices["expression"]][:, i]
    names = names or [f"toy/{number}" for number in range(count)]
    PreparedWriter(root, "toy", model, "toy").write(
        0,
        PreparedShard(
            images=np.rint(255 * images.clip(0, 1)).astype(np.uint8),
            classes=np.where(face, label_of("skin"), label_of("background")).astype(np.uint8),
            skin=np.where(face, 255, 0).astype(np.uint8),
            landmarks68=drawn.landmarks68.numpy(),
            landmarks478=drawn.landmarks478.numpy(),
            scores=scores,
            parameters=parameters,
            nme=np.zeros(count, np.float32),
            names=np.array(names),
            persons=np.array(persons),
            splits=np.array(splits or ["train"] * count),
            entries=np.array(names),
        ),
    )

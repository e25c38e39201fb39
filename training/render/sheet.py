"""A contact sheet of what a seed renders: `python -m training.render.sheet OUT.png`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from facemodel import FaceModel
from training.data.photo_labels import default_photos
from training.data.synthetic import SceneConfig, SceneRenderer
from training.render.random_faces import RandomFaces
from training.render.scenery import Backgrounds


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Draw pictures of one seed side by side.")
    parser.add_argument("out", type=Path)
    parser.add_argument("--count", type=int, default=64)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=int, help="side of a close-up without camera faults; as stored if left out")
    parser.add_argument("--empty", action="store_true", help="pictures without a face")
    parser.add_argument("--model", type=Path, help="face model file; the embedded default if left out")
    options = parser.parse_args(arguments)
    model = FaceModel.load(options.model)
    config = SceneConfig(render_size=options.size or SceneConfig().render_size)
    folder = default_photos()
    files = sorted(folder.glob("*/*.jpg"))[:200] if folder is not None else []
    backgrounds = Backgrounds(config.render_size, files, np.random.default_rng(0))
    renderer = SceneRenderer(model, config, backgrounds, RandomFaces(model, config.faces))
    pictures = []
    for number in range(options.count):
        rng = np.random.default_rng((options.seed, number))
        if options.empty:
            pictures.append(renderer.empty(rng))
        elif options.size:
            linear = np.clip(renderer.draw(renderer.faces(rng), rng)[0], 0.0, 1.0)
            pictures.append((255.0 * linear ** (1 / 2.2)).astype(np.uint8))
        else:
            pictures.append(renderer(rng)[0])
    columns = int(np.ceil(np.sqrt(options.count)))
    pictures += [np.zeros_like(pictures[0])] * (-len(pictures) % columns)
    rows = [np.concatenate(pictures[i : i + columns], axis=1) for i in range(0, len(pictures), columns)]
    cv2.imwrite(str(options.out), np.concatenate(rows)[:, :, ::-1])


if __name__ == "__main__":
    main()

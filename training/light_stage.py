"""After training: a light head for a trained network, by itself.

The trunk is made to see the same face under any exposure and colour, so little of the light reaches its features.
The light head sees the crop's mean colours and nothing else, trains in minutes, and leaves pose, shape and
expression as they are.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import torch
from torch import nn

from facemodel import FaceModel, LimelightError
from training.augmentation import Augmenter, Mirror
from training.batches import Batcher, CropSet, load_crops
from training.config import TrainConfig, load_config
from training.linear_face import LinearFace
from training.networks import NetworkCheckpoint, Prediction, Student, load_network
from training.objective import StudentObjective
from training.optimization import WeightAverage, parameter_groups, timed_batches
from training.validation import validate

BATCH_SIZE = 128
LIGHT_CELLS = 14


def train_light_head(
    checkpoint: NetworkCheckpoint,
    config: TrainConfig,
    model: FaceModel,
    crops: CropSet,
    minutes: float,
    start: NetworkCheckpoint | None = None,
) -> NetworkCheckpoint:
    """The network of `checkpoint` with a light head, trained for `minutes` on true geometry.

    Args:
        checkpoint: the network; any light head that it has is replaced.
        config: data mixture, augmentation, loss weights and rates.
        model: the face model.
        crops: the data.
        minutes: 0 leaves the light head as it starts.
        start: another checkpoint of the same run, whose light head is the first; else it is new.

    Raises:
        LimelightError: a checkpoint belongs to another face model or run, or there is nothing to train on.
    """
    if checkpoint.model_digest != model.digest:
        raise LimelightError(f"checkpoint: trained for face model '{checkpoint.model_name}', not '{model.name}'")
    torch.manual_seed(config.seed)
    network = _with_light_head(checkpoint, start)
    head, decoder = network.light_head, network.decoder
    if head is None:
        raise ValueError("the network's configuration has no light head")
    config = replace(config, batch_size=BATCH_SIZE, negative_share=0.0)
    mirror = Mirror.of(model.landmarks478(model.mean), model.expression_names)
    batcher = Batcher(crops, Augmenter(config.augment, model.layout, mirror, checkpoint.config.resolution), config)
    objective = StudentObjective(LinearFace(model), config.loss)
    optimizer = torch.optim.AdamW(parameter_groups(head, config))
    average = WeightAverage(head, config.average)
    if minutes > 0:
        for step, batch, bar in timed_batches(batcher, optimizer, minutes, config.warmup):
            optimizer.zero_grad(set_to_none=True)
            # The labels' own geometry: its terms are then zero, and only light and albedo are learned.
            labels = (decoder.raw(batch.parameters) - decoder.mean) / decoder.std
            parameters = decoder(head.replace(labels, network.trunk_image(batch.crop)))
            loss, terms = objective(Prediction(parameters, torch.zeros(len(labels), 1)), batch)
            loss.backward()
            nn.utils.clip_grad_norm_(head.parameters(), config.gradient_norm)
            optimizer.step()
            average.update(head, step)
            if step % 20 == 0:
                bar.set_postfix_str(f"step {step} shading {terms['shading']:.4f} irradiance {terms['irradiance']:.4f}")
        head.load_state_dict(average.weights)
    return NetworkCheckpoint.of(network, model)


def _with_light_head(checkpoint: NetworkCheckpoint, start: NetworkCheckpoint | None) -> Student:
    """The checkpoint's network with the light head of `start`, or an untrained one, in place of any that it has."""
    network = Student(replace(checkpoint.config, light_cells=LIGHT_CELLS), checkpoint.layout)
    weights = {name: value for name, value in checkpoint.weights.items() if not name.startswith("light_head.")}
    if start is not None:
        same = all(
            torch.equal(start.weights[f"decoder.{name}"], weights[f"decoder.{name}"]) for name in ("mean", "std")
        )
        if start.config.light_cells != LIGHT_CELLS or not same:
            raise LimelightError("light head to start from: it has none, or belongs to another run")
        weights |= {name: value for name, value in start.weights.items() if name.startswith("light_head.")}
    network.load_state_dict({**network.state_dict(), **weights})
    network.requires_grad_(False)
    for parameter in network.get_submodule("light_head").parameters():
        parameter.requires_grad_(True)
    return network.eval()


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Give a trained network a light head.")
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--config", default="student")
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--start", type=Path, help="checkpoint of the same run whose light head is the first")
    parser.add_argument("--out", type=Path, required=True, help="checkpoint to write, for 'limelight export'")
    options = parser.parse_args(arguments)
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    config = load_config(options.config)
    model = FaceModel.load(config.face_model or None)
    crops = load_crops(config.data, model)
    start = load_network(options.start) if options.start else None
    trained = train_light_head(load_network(options.checkpoint), config, model, crops, options.minutes, start)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    torch.save({"network": trained.to_dict()}, options.out)
    mirror = Mirror.of(model.landmarks478(model.mean), model.expression_names)
    augmenter = Augmenter(config.augment, model.layout, mirror, trained.config.resolution)
    figures = validate(trained.build(), crops, LinearFace(model), augmenter, config.validation_samples)
    print("  ".join(f"{name} {value:.4g}" for name, value in figures.items()))


if __name__ == "__main__":
    main()

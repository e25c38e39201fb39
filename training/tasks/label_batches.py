"""Batches of augmented crops, a pure function of seed and step, so that a resumed run sees the same ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from facemodel import ARKIT_NAMES, FaceModel, LimelightError, ParameterLayout
from training.config import TrainConfig
from training.data import EXTENT, load_samples
from training.data.shards import Mapped
from training.losses.label_objective import Batch
from training.sampling import shuffled_without_end, spread_evenly
from training.tasks.augmentation import Augmenter, Sample


@dataclass(frozen=True)
class CropSet:
    """Stored crops and their labels, in memory or mapped from a file.

    Attributes:
        images: N pictures (S, S, 3) uint8 RGB.
        extent: side of what an image shows, crop px; the 224 px crop lies in its middle.
        parameters: (N, P), pose in crop px; finite everywhere, also where nothing is labelled.
        landmarks: (N, 478, 2) crop px.
        face, photo, geometry, light: (N,) bool; see `Batch`.
        held_out: (N,) bool, never trained on.
        landmark_worth, unit_worth: (N, 478) and (N, Ne), see `Batch`; None where everything counts alike.
    """

    images: NDArray[np.uint8] | Mapped
    extent: float
    parameters: NDArray[np.float32]
    landmarks: NDArray[np.float32]
    face: NDArray[np.bool_]
    photo: NDArray[np.bool_]
    geometry: NDArray[np.bool_]
    light: NDArray[np.bool_]
    held_out: NDArray[np.bool_]
    landmark_worth: NDArray[np.float32] | None = None
    unit_worth: NDArray[np.float32] | None = None

    def sample(self, index: int) -> Sample:
        """Return the crop at `index` with its labels, as it is stored."""
        landmark_worth, unit_worth = (
            None if worth is None else worth[index] for worth in (self.landmark_worth, self.unit_worth)
        )
        return Sample(
            self.images[index],
            self.extent,
            self.parameters[index],
            self.landmarks[index],
            landmark_worth,
            unit_worth,
        )

    def batch(self, indices: NDArray[np.int64], samples: list[Sample]) -> Batch:
        """Return the tensors of `samples`, made from the crops at `indices`."""

        def flags(values: NDArray[np.bool_]) -> torch.Tensor:
            return torch.from_numpy(values[indices].astype(np.float32))

        return Batch(
            crop=torch.from_numpy(np.stack([s.image for s in samples])),
            parameters=torch.from_numpy(np.stack([s.parameters for s in samples])),
            landmarks=torch.from_numpy(np.stack([s.landmarks for s in samples])),
            landmark_worth=_worths([s.landmark_worth for s in samples]),
            unit_worth=_worths([s.unit_worth for s in samples]),
            face=flags(self.face),
            photo=flags(self.photo),
            geometry=flags(self.geometry),
            light=flags(self.light),
            mirrored=torch.tensor([float(s.mirrored) for s in samples]),
        )

    def training_labels(self, layout: ParameterLayout, limit: int = 20000) -> NDArray[np.float32]:
        """Return parameter vectors (M, P) that are labelled in full: the statistics of the network's outputs.

        Raises:
            LimelightError: there is none.
        """
        known = np.flatnonzero(self.face & self.geometry & self.light & ~self.held_out)
        if not len(known) or self.parameters.shape[1] != layout.size:
            raise LimelightError(
                f"training data: {len(known)} labelled crops of {self.parameters.shape[1]} parameters, "
                f"the face model has {layout.size}; prepare the data for this face model"
            )
        known = known[spread_evenly(len(known), limit)]
        return np.asarray(self.parameters[known], np.float32)


def _worths(values: list[NDArray[np.float32] | None]) -> torch.Tensor:
    """Return what labels count, (B, N), or (B, 1) ones where all count alike."""
    known = [value for value in values if value is not None]
    return torch.from_numpy(np.stack(known)) if known else torch.ones(len(values), 1)


def load_crops(folder: str | Path, model: FaceModel, photos: bool = True) -> CropSet:
    """Return everything that `training.data` has prepared in `folder` for `model`.

    Args:
        folder: the prepared folder.
        model: the face model to train with.
        photos: train on photographs too; else all of them are held out, and nothing is learned from them.

    Raises:
        LimelightError: nothing is there, or it was prepared for another face model.
    """
    samples = load_samples(Path(folder), model)
    return CropSet(
        samples.images,
        EXTENT,
        samples.parameters,
        samples.landmarks,
        face=samples.face,
        photo=samples.photo,
        geometry=samples.geometry,
        light=samples.light,
        held_out=samples.held_out if photos else samples.held_out | samples.photo,
        landmark_worth=samples.landmark_weight,
        unit_worth=_unit_worth(samples.scored, model.expression_names),
    )


def _unit_worth(scored: NDArray[np.bool_], names: Sequence[str]) -> NDArray[np.float32]:
    """Return how much labels (N, 52) in ARKIT_NAMES order say about a face model's expressions, (N, Ne)."""
    worth = np.ones((len(scored), len(names)), np.float32)
    for i, name in enumerate(names):
        if name in ARKIT_NAMES:
            worth[:, i] = scored[:, ARKIT_NAMES.index(name)]
    return worth


class Batcher:
    """The batch of every step: photos, renders and pictures without a face in fixed shares.

    Each kind runs through its crops in a new random order every time round.

    Raises:
        LimelightError: there is nothing to train on.
    """

    def __init__(self, crops: CropSet, augmenter: Augmenter, config: TrainConfig) -> None:
        self.crops = crops
        self.augmenter = augmenter
        self.seed = config.seed
        kinds = {
            "negative": (~crops.face, config.negative_share),
            "photo": (crops.face & crops.photo, config.photo_share),
            "render": (crops.face & ~crops.photo, 1.0 - config.negative_share - config.photo_share),
        }
        members = {name: np.flatnonzero(mask & ~crops.held_out) for name, (mask, _) in kinds.items()}
        shares = {name: kinds[name][1] * (len(members[name]) > 0) for name in kinds}
        if sum(shares.values()) <= 0:
            raise LimelightError("training data: no crops to train on")
        exact = {name: config.batch_size * share / sum(shares.values()) for name, share in shares.items()}
        counts = {name: int(value) for name, value in exact.items()}
        for name in sorted(exact, key=lambda n: counts[n] - exact[n])[: config.batch_size - sum(counts.values())]:
            counts[name] += 1
        self._kinds = [(members[name], counts[name]) for name in kinds if counts[name]]

    def __call__(self, step: int) -> Batch:
        """Return batch number `step`."""
        indices = np.concatenate(
            [
                members[shuffled_without_end(len(members), count, step, (self.seed, 2, kind))]
                for kind, (members, count) in enumerate(self._kinds)
            ]
        )
        rng = np.random.default_rng((self.seed, 1, step))
        samples = [self.augmenter(self.crops.sample(index), rng) for index in indices]
        return self.crops.batch(indices, samples)

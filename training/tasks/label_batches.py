"""Batches of augmented crops, a pure function of seed and step, so that a resumed run sees the same ones."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from facemodel import LimelightError, ParameterLayout
from training.config import TrainConfig
from training.data import Samples
from training.losses.label_objective import Batch
from training.sampling import shuffled_without_end, spread_evenly
from training.tasks.augmentation import Augmenter, Sample


def stored_sample(crops: Samples, index: int) -> Sample:
    """Return the crop at `index` with its labels, as it is stored."""
    return Sample(
        crops.images[index],
        crops.extent,
        crops.parameters[index],
        crops.landmarks[index],
        crops.landmark_weight[index],
        crops.scored[index].astype(np.float32),
    )


def batch_of(crops: Samples, indices: NDArray[np.int64], samples: list[Sample]) -> Batch:
    """Return the tensors of `samples`, made from the crops at `indices`."""

    def stacked(name: str) -> torch.Tensor:
        return torch.from_numpy(np.stack([getattr(sample, name) for sample in samples]))

    def flags(values: NDArray[np.bool_]) -> torch.Tensor:
        return torch.from_numpy(values[indices].astype(np.float32))

    return Batch(
        crop=stacked("image"),
        **{name: stacked(name) for name in ("parameters", "landmarks", "landmark_worth", "unit_worth")},
        **{name: flags(getattr(crops, name)) for name in ("face", "photo", "geometry", "light")},
        mirrored=torch.tensor([float(sample.mirrored) for sample in samples]),
    )


def training_labels(crops: Samples, layout: ParameterLayout, limit: int = 20000) -> NDArray[np.float32]:
    """Return parameter vectors (M, P) that are labelled in full: the statistics of the network's outputs.

    Raises LimelightError: there is none.
    """
    known = np.flatnonzero(crops.face & crops.geometry & crops.light & ~crops.held_out)
    if not len(known) or crops.parameters.shape[1] != layout.size:
        raise LimelightError(
            f"training data: {len(known)} labelled crops of {crops.parameters.shape[1]} parameters, "
            f"the face model has {layout.size}; prepare the data for this face model"
        )
    known = known[spread_evenly(len(known), limit)]
    return np.asarray(crops.parameters[known], np.float32)


class Batcher:
    """The batch of every step: photos, renders and pictures without a face in fixed shares.

    Each kind runs through its crops in a new random order every time round.

    Raises LimelightError: there is nothing to train on.
    """

    def __init__(self, crops: Samples, augmenter: Augmenter, config: TrainConfig) -> None:
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
        samples = [self.augmenter(stored_sample(self.crops, index), rng) for index in indices]
        return batch_of(self.crops, indices, samples)

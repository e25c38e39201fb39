"""What a network learns: where its batches come from, what they cost it, and how it is measured."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol, Self, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from facemodel import FaceModel
from training.config import TrainConfig
from training.networks import Network, Prediction


class TaskBatch(Protocol):
    """A dataclass of tensors."""

    def to(self, device: torch.device) -> Self:
        """The batch on another device."""


BatchT = TypeVar("BatchT", bound=TaskBatch)


class Task(Protocol[BatchT]):
    """One way to train a network; the trainer asks for nothing else.

    Attributes:
        labels: (N, P) parameter vectors that the network's outputs are standardised with.
        objective: the part that holds tensors, to be moved to the trainer's device.
    """

    labels: NDArray[np.float32]
    objective: nn.Module

    def batch(self, step: int) -> BatchT:
        """The batch of a step, which depends on seed and step alone. Runs beside training, in another thread."""

    def predict(self, network: Network, batch: BatchT, progress: float) -> Prediction:
        """What the network says about a batch; `progress` 0..1 of the schedule."""

    def loss(self, prediction: Prediction, batch: BatchT, progress: float) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss (), and the mean of every term in its own unit, unweighted."""

    def validate(self, network: Network) -> dict[str, float]:
        """Figures on what is held out; a name such as `photo.nme68` is grouped by what stands before the dot."""

    def examples(self, network: Network, count: int) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        """At most `count` held-out inputs (N, R, R, 3) and the parameters (N, P) that the network sees in them."""


def open_task(config: TrainConfig, model: FaceModel) -> Task:
    """What `config` asks for, with its data.

    Raises:
        LimelightError: the data are missing, damaged or made for another face model, or the identity network cannot be
            had.
    """
    if config.objective == "paper":
        from training.tasks.paper_task import open_paper_task

        return open_paper_task(config, model)
    from training.tasks.label_batches import load_crops
    from training.tasks.label_task import LabelTask

    return LabelTask(config, model, load_crops(Path(config.data), model, photos=config.photo_share > 0))

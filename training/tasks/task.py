"""What a network learns: which network it is, where its batches come from, what they cost it, how it is measured."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Generic, Protocol, Self, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from facemodel import FaceModel
from training.config import TrainConfig
from training.initial_weights import take_initial_weights
from training.networks import Network, NetworkCheckpoint, make_network


class TaskBatch(Protocol):
    """A dataclass of tensors."""

    def to(self, device: torch.device) -> Self:
        """Return the batch on another device."""


BatchT = TypeVar("BatchT", bound=TaskBatch)


class Task(ABC, Generic[BatchT]):
    """One way to train a network; the trainer asks for nothing else.

    Attributes:
        objective: the part that holds tensors, to be moved to the trainer's device.
    """

    objective: nn.Module

    @abstractmethod
    def make_network(self) -> nn.Module:
        """Return the network with the weights that training starts from; what needs no gradient is not trained."""

    @abstractmethod
    def batch(self, step: int) -> BatchT:
        """Return the batch of a step, which depends on seed and step alone. Runs beside training, in another thread."""

    @abstractmethod
    def predict(self, network: Any, batch: BatchT, progress: float) -> Any:
        """Return what the network says about a batch; `progress` 0..1 of the schedule."""

    @abstractmethod
    def loss(self, prediction: Any, batch: BatchT, progress: float) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the loss (), and the mean of every term in its own unit, unweighted."""

    @abstractmethod
    def validate(self, network: Any) -> dict[str, float]:
        """Return figures on what is held out; a name such as `photo.nme68` is grouped by what stands before the dot."""

    @abstractmethod
    def saved(self, network: Any, weights: dict[str, Tensor]) -> dict[str, Any]:
        """Return what a checkpoint holds of a trained network with these weights, for its users."""

    def panels(self, network: Any, count: int) -> list[NDArray[np.uint8]]:  # noqa: ARG002
        """Return at most `count` pictures (H, W, 3) RGB of held-out inputs and what the network makes of them."""
        return []


class ParameterTask(Task[BatchT]):
    """A way to train a network that regresses the parameter vector.

    Attributes:
        config: of the run.
        model: the face model.
        labels: (N, P) parameter vectors that the network's outputs are standardised with.
    """

    config: TrainConfig
    model: FaceModel
    labels: NDArray[np.float32]

    def make_network(self) -> Network:
        """Return the configuration's network with the weights that it names."""
        network = make_network(self.config.network, self.model.layout, self.labels)
        take_initial_weights(network, self.config)
        return network

    def saved(self, network: Network, weights: dict[str, Tensor]) -> dict[str, Any]:
        """Return what `training.networks.load_network` reads."""
        return {"network": NetworkCheckpoint.of(network, self.model, weights).to_dict()}

"""What a network learns: which network it is, where its batches come from, what they cost it, how it is measured."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, Generic, Protocol, Self, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from facemodel import FaceModel, LimelightError
from training.config import TrainConfig
from training.networks import Network, NetworkCheckpoint, Student, load_network, make_network
from training.networks.checkpoint import read_checkpoint


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


def take_initial_weights(network: Network, config: TrainConfig) -> None:
    """Give a new network the weights that `config` names, and keep what is not trained as it is.

    Raises LimelightError: a file is missing or of another network, published weights cannot be had, or `config` names a
        part that the network lacks.
    """
    if config.initial:
        _start_from(network, config.initial)
    elif config.pretrained:
        backbone = network.trunk.backbone if isinstance(network, Student) else network
        backbone.load_pretrained(Path(config.cache))
    if config.initial_heads:
        if not isinstance(network, Student):
            raise LimelightError("configuration: initial_heads is for a student; this network has no heads")
        network.take_heads(load_network(config.initial_heads).weights)
    if unknown := set(config.parts) - {name for name, _ in network.named_children()}:
        raise LimelightError(f"configuration: the network has no part {sorted(unknown)[0]!r}")
    for name, child in network.named_children():
        if config.parts and name not in config.parts:
            child.requires_grad_(False)


def _start_from(network: Network, path: str) -> None:
    """Take the weights of a whole network, those heads included that both have, or of a trunk alone."""
    contents = read_checkpoint(Path(path))
    try:
        if "trunk" not in contents:
            own = network.state_dict()
            taken = {name: value for name, value in load_network(path).weights.items() if name in own}
            network.load_state_dict(own | taken)
        elif isinstance(network, Student):
            network.trunk.load_state_dict(contents["trunk"])
        else:
            raise LimelightError(f"initial weights {path}: a student's trunk, the configuration's network has none")
    except RuntimeError as error:
        raise LimelightError(f"initial weights {path}: of another network; start from one of the same form") from error

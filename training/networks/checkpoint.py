"""What a checkpoint says about its network, so that it can be rebuilt without the training configuration."""

from __future__ import annotations

import pickle
import zipfile
from collections.abc import Collection
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from facemodel import FaceModel, LimelightError, ParameterLayout
from facemodel.whole_files import whole_file
from training.networks.resnet50 import ResNet50Config, ResNet50Regressor
from training.networks.student import Student, StudentConfig

NetworkConfig = StudentConfig | ResNet50Config
Network = Student | ResNet50Regressor

KINDS: dict[str, type[StudentConfig] | type[ResNet50Config]] = {"student": StudentConfig, "resnet50": ResNet50Config}


def make_network(config: NetworkConfig, layout: ParameterLayout, labels: NDArray | None = None) -> Network:
    """Return a new network, its last layer saying the mean of `labels`.

    Args:
        config: what it is like; its class says of which kind.
        layout: of the parameter vector.
        labels: (N, P) parameter vectors that standardise the outputs; see `ParameterDecoder`.
    """
    if isinstance(config, ResNet50Config):
        return ResNet50Regressor(config, layout, labels)
    return Student(config, layout, labels)


Weights = dict[str, Tensor]
"""A state dict."""


@dataclass(frozen=True)
class NetworkCheckpoint:
    """A network's architecture, the face model that it was trained for, and its weights.

    Attributes:
        config: of the network; its class says of which kind it is.
        layout: of the parameter vector.
        model_name, model_digest: of the face model.
        weights: state dict, the averaged weights where training averages.
    """

    config: NetworkConfig
    layout: ParameterLayout
    model_name: str
    model_digest: str
    weights: Weights

    @classmethod
    def of(cls, network: Network, model: FaceModel, weights: Weights | None = None) -> NetworkCheckpoint:
        """Return what there is to keep of a network as it is, or with other weights of the same shapes."""
        return cls(network.config, network.layout, model.name, model.digest, weights or network.state_dict())

    @property
    def kind(self) -> str:
        """Return the kind of network: `student` or `resnet50`."""
        return next(name for name, kind in KINDS.items() if isinstance(self.config, kind))

    def to_dict(self) -> dict[str, Any]:
        """Return plain values and tensors, which `torch.load(weights_only=True)` reads."""
        return {
            "kind": self.kind,
            "config": asdict(self.config),
            "layout": self.layout.to_dict(),
            "model_name": self.model_name,
            "model_digest": self.model_digest,
            "weights": dict(self.weights),
        }

    def build(self) -> Network:
        """Return the network, for inference.

        Raises LimelightError: the weights are not those of such a network.
        """
        network = make_network(self.config, self.layout)
        try:
            network.load_state_dict(self.weights)
        except RuntimeError as error:
            raise LimelightError(f"network: its weights are not those of a {self.kind} of its form") from error
        return network.requires_grad_(False).eval()


def load_network(path: str | Path) -> NetworkCheckpoint:
    """Read the network in a training checkpoint.

    Raises LimelightError: the file is missing, truncated, no checkpoint of ours with a network, or of another version
        of the program.
    """
    values = read_checkpoint(Path(path))
    if "network" not in values:
        raise LimelightError(f"checkpoint {path}: holds a trunk alone; 'limelight train' makes a network of it")
    try:
        network = dict(values["network"])
        network["config"] = KINDS[network.pop("kind")](**network["config"])
        network["layout"] = ParameterLayout.from_dict(network["layout"])
        return NetworkCheckpoint(**network)
    except (KeyError, TypeError, ValueError, LimelightError) as error:
        raise LimelightError(
            f"checkpoint {path}: its network is of another version of the program ({error})"
        ) from error


def read_checkpoint(path: Path, parts: Collection[str] = ("network", "trunk")) -> dict[str, Any]:
    """Return everything in a file of ours, as plain values and tensors.

    Args:
        path: the file.
        parts: of which it must hold one; by default a network, or a trunk alone.
    Raises LimelightError: the file is missing, truncated, or no checkpoint of ours.
    """
    values = _read(path)
    if not values.keys() & set(parts):
        raise LimelightError(f"checkpoint {path}: not a Limelight checkpoint")
    return values


def write_checkpoint(path: Path, contents: dict[str, Any]) -> Path:
    """Write plain values and tensors, whole or not at all; an older file survives a failed write. Returns the path.

    Raises LimelightError: the file cannot be written.
    """
    with whole_file(path, f"checkpoint {path}") as partial:
        torch.save(contents, partial)
    return path


def _read(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise LimelightError(f"checkpoint {path}: no such file; training writes them")
    try:
        if not zipfile.is_zipfile(path):
            raise EOFError("no zip archive")
        values = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, EOFError, OSError, pickle.UnpicklingError) as error:
        raise LimelightError(f"checkpoint {path}: unreadable or truncated") from error
    return values if isinstance(values, dict) else {}

"""What a network starts from: an earlier run's weights, published ones, or nothing."""

from __future__ import annotations

from pathlib import Path

from facemodel import LimelightError
from training.config import TrainConfig
from training.networks import Network, Student, load_network
from training.networks.checkpoint import read_checkpoint


def take_initial_weights(network: Network, config: TrainConfig) -> None:
    """Give a new network the weights that `config` names, and keep what is not trained as it is.

    Raises:
        LimelightError: a file is missing or of another network, published weights cannot be had, or `config` names a
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
            network.load_state_dict(network.state_dict() | load_network(path).weights)
        elif isinstance(network, Student):
            network.trunk.load_state_dict(contents["trunk"])
        else:
            raise LimelightError(f"initial weights {path}: a student's trunk, the configuration's network has none")
    except RuntimeError as error:
        raise LimelightError(f"initial weights {path}: of another network; start from one of the same form") from error

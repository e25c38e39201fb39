"""The kinds of network that regress the parameter vector, by name."""

from __future__ import annotations

from numpy.typing import NDArray

from facemodel import LimelightError, ParameterLayout
from training.networks.resnet50 import ResNet50Config, ResNet50Regressor
from training.networks.student import Student, StudentConfig

NetworkConfig = StudentConfig | ResNet50Config
Network = Student | ResNet50Regressor

CONFIGS: dict[str, type[StudentConfig] | type[ResNet50Config]] = {"student": StudentConfig, "resnet50": ResNet50Config}


def kind_of(config: NetworkConfig) -> str:
    """Name of the kind of network that `config` describes."""
    return next(name for name, kind in CONFIGS.items() if isinstance(config, kind))


def config_of_kind(name: str) -> type[StudentConfig] | type[ResNet50Config]:
    """The configuration of a kind of network.

    Raises:
        LimelightError: there is none of that name.
    """
    if name not in CONFIGS:
        raise LimelightError(f"no network of kind {name!r}; there are {', '.join(CONFIGS)}")
    return CONFIGS[name]


def make_network(config: NetworkConfig, layout: ParameterLayout, labels: NDArray | None = None) -> Network:
    """A new network, its last layer saying the mean of `labels`.

    Args:
        config: what it is like; its class says of which kind.
        layout: of the parameter vector.
        labels: (N, P) parameter vectors that standardise the outputs; see `ParameterDecoder`.
    """
    if isinstance(config, ResNet50Config):
        return ResNet50Regressor(config, layout, labels)
    return Student(config, layout, labels)

"""The kinds of network that regress the parameter vector, by name."""

from __future__ import annotations

from numpy.typing import NDArray

from facemodel import ParameterLayout
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

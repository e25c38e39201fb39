"""One network of several runs: the mean of their weights.

`python -m training.recipes.average FILE FILE ... --out FILE`. Runs that start from the same weights and differ in
their seeds stay close enough for their mean to be better than any of them (Wortsman et al., "Model soups", ICML 2022):
a run for each processor core, averaged now and then, learns about as much as one run of as many cores, and needs no
common step.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from facemodel import LimelightError
from training.networks import NetworkCheckpoint, load_network
from training.networks.checkpoint import write_checkpoint


def average(networks: Sequence[NetworkCheckpoint]) -> NetworkCheckpoint:
    """The network whose weights and statistics are the mean of the others'; whole numbers are the first one's.

    Raises:
        LimelightError: there is none, or they differ in form or face model.
    """
    if not networks:
        raise LimelightError("average: no networks")
    first = networks[0]
    for other in networks[1:]:
        if (other.config, other.layout, other.model_digest) != (first.config, first.layout, first.model_digest):
            raise LimelightError("average: networks of several forms or face models; runs of one network are averaged")

    def mean(name: str) -> Tensor:
        values = [network.weights[name] for network in networks]
        return torch.stack(values).mean(dim=0) if values[0].is_floating_point() else values[0]

    return replace(first, weights={name: mean(name) for name in first.weights})


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Average the weights of several runs of one network.")
    parser.add_argument("checkpoints", nargs="+", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args(arguments)
    try:
        found = average([load_network(path) for path in options.checkpoints])
        out = write_checkpoint(options.out, {"network": found.to_dict()})
    except LimelightError as error:
        parser.exit(1, f"{error}\n")
    print(f"average: {out}")


if __name__ == "__main__":
    main()

"""What the training loop is made of: rates, parameter groups, safe updates, averaged weights, a clean stop."""

from __future__ import annotations

import math
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from torch import Tensor, nn

from facemodel import LimelightError
from training.config import TrainConfig
from training.networks.checkpoint import write_checkpoint

FINAL_RATE = 0.01
"""Learning rate at the end of the schedule, as a share of its peak."""


class WeightAverage:
    """Exponential moving average of a network's weights and statistics, quick at first."""

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.decay = decay
        self.weights = {name: value.detach().clone() for name, value in network.state_dict().items()}

    def update(self, network: nn.Module, step: int) -> None:
        decay = min(self.decay, (1.0 + step) / (10.0 + step))
        with torch.no_grad():
            for name, value in network.state_dict().items():
                if value.is_floating_point():
                    self.weights[name].lerp_(value, 1.0 - decay)
                else:
                    self.weights[name].copy_(value)


class GuardedUpdate:
    """Updates a network, but not by a loss or a gradient that is not finite.

    Args:
        network: what is trained.
        optimizer: its.
        gradient_norm: clip; 0 for none.
        folder: of the run; a batch that stays without a finite loss is left there.
    """

    most_bad = 20
    """Updates in a row that may fail; with the last of them the run has diverged."""

    def __init__(
        self, network: nn.Module, optimizer: torch.optim.Optimizer, gradient_norm: float, folder: Path
    ) -> None:
        self._network, self._optimizer = network, optimizer
        self._most = gradient_norm or math.inf
        self._folder = folder
        self._bad = 0

    def __call__(self, loss: Tensor, step: int, batch: Callable[[], dict[str, Any]]) -> bool:
        """Update by the gradient of a loss (); returns whether it and the loss were finite.

        Args:
            loss: of the batch; gradients are expected to be zero.
            step: number of the batch, for the message.
            batch: gives it as plain values and tensors.
        Raises LimelightError: too many updates in a row have failed.
        """
        if torch.isfinite(loss):
            loss.backward()
        norm = nn.utils.clip_grad_norm_(self._network.parameters(), self._most)
        if torch.isfinite(loss) and torch.isfinite(norm):
            self._bad = 0
            self._optimizer.step()
            return True
        self._bad += 1
        if self._bad >= self.most_bad:
            kept = write_checkpoint(self._folder / "bad_batch.pt", batch())
            raise LimelightError(
                f"training diverged at step {step}: {self.most_bad} steps in a row were not finite (the last batch: "
                f"{kept}); lower the learning rate in the recipe and train anew"
            )
        return False


def parameter_groups(network: nn.Module, config: TrainConfig) -> list[dict[str, Any]]:
    """Return backbone and head, each with and without weight decay (none on biases and norms)."""
    groups: dict[tuple[bool, bool], list[Tensor]] = {}
    for name, parameter in network.named_parameters():
        if parameter.requires_grad:
            groups.setdefault(("backbone." in name, parameter.ndim > 1), []).append(parameter)
    return [
        {
            "params": parameters,
            "lr": 0.0,
            "peak": config.learning_rate * (config.backbone_rate if backbone else 1.0),
            "weight_decay": config.weight_decay if decays else 0.0,
        }
        for (backbone, decays), parameters in groups.items()
    ]


def make_optimizer(network: nn.Module, config: TrainConfig) -> torch.optim.Optimizer:
    """Return the optimizer that `config` asks for, over what is trained of a network."""
    kind = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[config.optimizer]
    return kind(parameter_groups(network, config), weight_decay=config.weight_decay)


def rate_factor(progress: float, warmup: float, schedule: str = "cosine") -> float:
    """Learning rate as a share of its peak: linear warm-up over the first `warmup`, then half a cosine or a constant.

    Args:
        progress: 0..1 of the schedule.
        warmup: share of the schedule.
        schedule: `cosine` or `constant`.
    """
    warm = max(min(progress / warmup, 1.0), 0.01) if warmup > 0 else 1.0
    if schedule == "constant":
        return warm
    cosine = 0.5 * (1.0 + math.cos(math.pi * min(progress, 1.0)))
    return warm * (FINAL_RATE + (1.0 - FINAL_RATE) * cosine)


def set_rates(optimizer: torch.optim.Optimizer, progress: float, warmup: float, schedule: str = "cosine") -> None:
    """Give every group its `peak` times `rate_factor`."""
    for group in optimizer.param_groups:
        group["lr"] = group["peak"] * rate_factor(progress, warmup, schedule)


@contextmanager
def stop_request() -> Iterator[list[int]]:
    """Return a list that the first Ctrl-C or SIGTERM fills, so that the loop ends between two steps."""
    received: list[int] = []

    def note(number: int, _frame: FrameType | None) -> None:
        received.append(number)

    try:
        previous = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    except ValueError:  # not in the main thread: whoever runs us there stops us otherwise
        previous = {}
    try:
        yield received
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)

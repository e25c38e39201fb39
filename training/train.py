"""The training loop: schedule, averaging, checkpoints that resume exactly, and a clean stop."""

from __future__ import annotations

import copy
import json
import math
import time
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import nn
from tqdm import tqdm

from facemodel import LimelightError
from training.config import TrainConfig
from training.monitor import Monitor
from training.networks.checkpoint import read_checkpoint, write_checkpoint
from training.optimization import GuardedUpdate, WeightAverage, make_optimizer, set_rates, stop_request
from training.tasks.task import Task, TaskBatch

_PANELS = 8
_SHOWN_TERMS = 6


class Trainer:
    """Trains one network on one task.

    Args:
        config: of the run.
        task: what is learned.
        folder: for `last.pt`, `history.jsonl` and the events that TensorBoard shows.
        minutes: stop after this much training; the schedule then follows the clock instead of `config.steps`.

    Attributes:
        step: batches trained on. elapsed: seconds of training so far, over all resumed parts, less those in which the
            process was suspended or got less than a core.
        history: one dict of validation figures per validation, with step and minutes.
    Raises LimelightError: the weights to start from cannot be had, or are of another network.
    """

    def __init__(self, config: TrainConfig, task: Task, folder: Path, minutes: float | None = None) -> None:
        if config.threads:
            torch.set_num_threads(config.threads)
        torch.manual_seed(config.seed)
        self.config = config
        self.task = task
        self.minutes = minutes
        self.folder = folder
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        task.objective.to(self.device)
        network = task.make_network()
        self.network: nn.Module = network.to(self.device, memory_format=torch.channels_last)
        self.optimizer = make_optimizer(network, config)
        self.average = WeightAverage(network, config.average)
        self.step = 0
        self.elapsed = 0.0
        self._update = GuardedUpdate(network, self.optimizer, config.gradient_norm, self.folder)
        self.history: list[dict[str, float]] = []
        self.monitor: Monitor | None = None

    @property
    def last(self) -> Path:
        """Return the run's checkpoint."""
        return self.folder / "last.pt"

    @property
    def progress(self) -> float:
        """Return share of the schedule that is done, 0..1."""
        done = self.step / self.config.steps if self.minutes is None else self.elapsed / (60.0 * self.minutes)
        return min(done, 1.0)

    def run(self) -> dict[str, float]:
        """Train to the end of the schedule, from the run's own checkpoint where there is one.

        Returns: The last validation's figures.

        Raises:
            KeyboardInterrupt: Ctrl-C or SIGTERM came; a checkpoint of where it was is left.
            LimelightError: the loss stays not finite, or a checkpoint cannot be written or read.
        """
        if self.last.is_file():
            self.resume(self.last)
            if self.progress >= 1.0:
                return self.history[-1] if self.history else {}
        checkpoint_due = self.elapsed + 60.0 * self.config.checkpoint_minutes
        validation_due = self.elapsed + 60.0 * self.config.validation_minutes
        self.monitor = Monitor(self.folder / "events", self.step)
        with stop_request() as stop, ThreadPoolExecutor(1) as loader, tqdm(total=100, unit="%") as bar:
            following: Future[TaskBatch] = loader.submit(self.task.batch, self.step)
            while self.progress < 1.0 and not stop:
                start = _clocks()
                batch, following = following.result(), loader.submit(self.task.batch, self.step + 1)
                total, terms = self.train_step(batch)
                self.elapsed += _spent(start)
                if self.step % 20 == 0:
                    bar.update(round(100 * self.progress, 1) - bar.n)
                    bar.set_postfix_str(_summary(self.step, total, terms))
                    self.monitor.losses(self.step, total, terms)
                if self.elapsed >= validation_due:
                    validation_due = self.elapsed + 60.0 * self.config.validation_minutes
                    start = _clocks()
                    tqdm.write(self.validate())
                    self.elapsed += _spent(start)
                if self.elapsed >= checkpoint_due:
                    checkpoint_due = self.elapsed + 60.0 * self.config.checkpoint_minutes
                    self.save()
            following.cancel()
        if not stop:
            print(self.validate())
        self.monitor.close()
        self.save()
        if stop:
            raise KeyboardInterrupt
        return self.history[-1] if self.history else {}

    def train_step(self, batch: TaskBatch) -> tuple[float, dict[str, float]]:
        """Do one update; a step whose loss or gradient is not finite changes no weight.

        Returns: The loss and its terms in their units.
        Raises LimelightError: too many such steps in a row.
        """
        torch.manual_seed(self.config.seed * 1_000_003 + self.step)  # dropout's, so that a resumed run draws the same
        set_rates(self.optimizer, self.progress, self.config.warmup, self.config.schedule)
        self._training_mode()
        self.optimizer.zero_grad(set_to_none=True)
        batch = batch.to(self.device)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.config.precision == "bfloat16"):
            prediction = self.task.predict(self.network, batch, self.progress)
        loss, terms = self.task.loss(prediction, batch, self.progress)
        self.step += 1
        if not self._update(loss, self.step, lambda: asdict(batch)):  # type: ignore[call-overload]
            return math.nan, {}
        self.average.update(self.network, self.step)
        return loss.item(), {name: value.item() for name, value in terms.items()}

    def _training_mode(self) -> None:
        """Keep statistics and dropout of what is trained; the rest of the network stays as it is."""
        self.network.train()
        for name, child in self.network.named_children():
            if self.config.parts and name not in self.config.parts:
                child.eval()

    def validate(self) -> str:
        """Measure the averaged weights on what is held out, keep and log the figures; returns them as a line."""
        network = self.averaged_network()
        figures = self.task.validate(network)
        if self.monitor is not None:
            self.monitor.figures(self.step, figures)
            self.monitor.panels(self.step, self.task.panels(network, _PANELS))
        figures = {"step": self.step, "minutes": round(self.elapsed / 60.0, 2), **figures}
        self.history.append(figures)
        append_history(self.folder, figures)
        return "  ".join(f"{name} {value:.4g}" for name, value in figures.items())

    def averaged_network(self) -> Any:
        """Return a network of the averaged weights, for inference."""
        network = copy.deepcopy(self.network)
        network.load_state_dict(self.average.weights)
        return network.requires_grad_(False).eval()

    def save(self) -> Path:
        """Write the run's checkpoint; an older one survives a failed write. Returns its path.

        Raises LimelightError: the file cannot be written.
        """
        contents = {
            **self.task.saved(self.network, self.average.weights),
            "config": asdict(self.config),
            "step": self.step,
            "elapsed": self.elapsed,
            "weights": self.network.state_dict(),
            "average": self.average.weights,
            "optimizer": self.optimizer.state_dict(),
            "history": self.history,
        }
        return write_checkpoint(self.last, contents)

    def resume(self, path: str | Path) -> None:
        """Continue as if the run that wrote `path` had not stopped, with the rates that the configuration now says.

        Raises LimelightError: the file is unreadable, or of a run that trained something else.
        """
        contents = read_checkpoint(Path(path), ("optimizer",))
        rates = [{key: group[key] for key in ("peak", "weight_decay")} for group in self.optimizer.param_groups]
        try:
            self.network.load_state_dict(contents["weights"])
            self.optimizer.load_state_dict(contents["optimizer"])
            average = {name: value.clone().to(self.device) for name, value in contents["average"].items()}
            self.step, self.elapsed = contents["step"], contents["elapsed"]
            self.history = list(contents["history"])
        except (KeyError, RuntimeError, ValueError) as error:
            raise LimelightError(
                f"checkpoint {path}: of a run that trained another network or other parts of it; remove it"
            ) from error
        self.average.weights = average
        for group, rate in zip(self.optimizer.param_groups, rates, strict=True):
            group.update(rate)


def _clocks() -> tuple[float, float]:
    return time.perf_counter(), time.process_time()


def _spent(since: tuple[float, float]) -> float:
    """Return the seconds since `_clocks`, but not those in which the process got no core: while it was suspended."""
    return min(now - then for now, then in zip(_clocks(), since, strict=True))


def _summary(step: int, total: float, terms: dict[str, float]) -> str:
    shown = " ".join(f"{name} {value:.3g}" for name, value in list(terms.items())[:_SHOWN_TERMS])
    return f"step {step} loss {total:.3f} {shown}"


def append_history(folder: Path, figures: Mapping[str, Any]) -> None:
    """Add a validation to `history.jsonl` of a run's folder, which is made if absent.

    Raises LimelightError: the file cannot be written.
    """
    path = folder / "history.jsonl"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as log:
            log.write(json.dumps(figures) + "\n")
    except OSError as error:
        raise LimelightError(f"{path}: cannot be written ({error.strerror})") from error

"""The training loop: schedule, averaging, checkpoints that resume exactly, and a clean stop."""

from __future__ import annotations

import math
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

import torch
from tqdm import tqdm

from facemodel import FaceModel, LimelightError
from training.config import TrainConfig
from training.history import append_history
from training.initial_weights import take_initial_weights
from training.monitor import Monitor
from training.networks import Network, NetworkCheckpoint, make_network
from training.networks.checkpoint import network_in, read_checkpoint, write_checkpoint
from training.optimization import GuardedUpdate, WeightAverage, make_optimizer, set_rates, stop_request
from training.tasks.task import Task, TaskBatch

_PANELS = 8
_SHOWN_TERMS = 6


class Trainer:
    """Trains one network on one task.

    Args:
        config: of the run.
        model: the face model that the data were made for.
        task: what is learned, see `training.tasks.task.open_task`.
        minutes: stop after this much training; the schedule then follows the clock instead of `config.steps`.

    Attributes:
        step: batches trained on. elapsed: seconds of training so far, over all resumed parts.
        history: one dict of validation figures per validation, with step and minutes.

    Raises:
        LimelightError: the weights to start from cannot be had, or are of another network.
    """

    def __init__(self, config: TrainConfig, model: FaceModel, task: Task, minutes: float | None = None) -> None:
        torch.set_num_threads(config.threads)
        torch.manual_seed(config.seed)
        self.config = config
        self.model = model
        self.task = task
        self.minutes = minutes
        self.folder = Path(config.checkpoints) / config.name
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        task.objective.to(self.device)
        network = make_network(config.network, model.layout, task.labels)
        take_initial_weights(network, config)
        self.network: Network = network.to(self.device, memory_format=torch.channels_last)
        self.optimizer = make_optimizer(network, config)
        self.average = WeightAverage(network, config.average)
        self.step = 0
        self.elapsed = 0.0
        self._update = GuardedUpdate(network, self.optimizer, config.gradient_norm, self.folder)
        self.history: list[dict[str, float]] = []
        self.monitor: Monitor | None = None

    @property
    def progress(self) -> float:
        """Share of the schedule that is done, 0..1."""
        done = self.step / self.config.steps if self.minutes is None else self.elapsed / (60.0 * self.minutes)
        return min(done, 1.0)

    def run(self) -> dict[str, float]:
        """Train to the end of the schedule, or until Ctrl-C; either way a checkpoint is left.

        Returns:
            The last validation's figures.

        Raises:
            LimelightError: the loss stays not finite, or a checkpoint cannot be written.
        """
        checkpoint_due = self.elapsed + 60.0 * self.config.checkpoint_minutes
        validation_due = self.elapsed + 60.0 * self.config.validation_minutes
        self.monitor = Monitor(self.folder / "events", self.model, self.step)
        with stop_request() as stop, ThreadPoolExecutor(1) as loader, tqdm(total=100, unit="%") as bar:
            following: Future[TaskBatch] = loader.submit(self.task.batch, self.step)
            while self.progress < 1.0 and not stop:
                start = time.perf_counter()
                batch, following = following.result(), loader.submit(self.task.batch, self.step + 1)
                total, terms = self.train_step(batch)
                self.elapsed += time.perf_counter() - start
                if self.step % 20 == 0:
                    bar.n = round(100 * self.progress, 1)
                    bar.set_postfix_str(_summary(self.step, total, terms))
                    self.monitor.losses(self.step, total, terms)
                if self.elapsed >= validation_due:
                    validation_due = self.elapsed + 60.0 * self.config.validation_minutes
                    start = time.perf_counter()
                    tqdm.write(self.validate())
                    self.elapsed += time.perf_counter() - start
                if self.elapsed >= checkpoint_due:
                    checkpoint_due = self.elapsed + 60.0 * self.config.checkpoint_minutes
                    self.save()
            following.cancel()
        if not stop:
            print(self.validate())
        self.monitor.close()
        self.save()
        return self.history[-1] if self.history else {}

    def train_step(self, batch: TaskBatch) -> tuple[float, dict[str, float]]:
        """One update; a step whose loss or gradient is not finite changes no weight.

        Returns:
            The loss and its terms in their units.

        Raises:
            LimelightError: too many such steps in a row.
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
        """Statistics and dropout of what is trained; the rest of the network stays as it is."""
        self.network.train()
        for name, child in self.network.named_children():
            if self.config.parts and name not in self.config.parts:
                child.eval()

    def validate(self) -> str:
        """Measure the averaged weights on what is held out, keep and log the figures; returns them as a line."""
        network = self.averaged_network().to(self.device)
        figures = self.task.validate(network)
        if self.monitor is not None:
            self.monitor.figures(self.step, figures)
            self.monitor.panels(self.step, *self.task.examples(network, _PANELS))
        figures = {"step": self.step, "minutes": round(self.elapsed / 60.0, 2), **figures}
        self.history.append(figures)
        append_history(self.folder, figures)
        return "  ".join(f"{name} {value:.4g}" for name, value in figures.items())

    def averaged_network(self) -> Network:
        """A network of the averaged weights, for inference."""
        return NetworkCheckpoint.of(self.network, self.model, self.average.weights).build()

    def save(self) -> Path:
        """Write `last.pt`, which `limelight export` and `--resume` read; an older one survives a failed write.

        Raises:
            LimelightError: the file cannot be written.
        """
        contents = {
            "network": NetworkCheckpoint.of(self.network, self.model, self.average.weights).to_dict(),
            "config": asdict(self.config),
            "step": self.step,
            "elapsed": self.elapsed,
            "weights": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "history": self.history,
        }
        return write_checkpoint(self.folder / "last.pt", contents)

    def resume(self, path: str | Path) -> None:
        """Continue as if the run that wrote `path` had not stopped, with the rates that the configuration now says.

        Raises:
            LimelightError: the file is unreadable, or of another network or face model.
        """
        path = Path(path)
        contents = read_checkpoint(path)
        if not {"network", "weights", "optimizer"} <= contents.keys():
            raise LimelightError(f"checkpoint {path}: holds no run to go on with; name it as initial instead")
        saved = network_in(contents, path)
        if saved.model_digest != self.model.digest:
            raise LimelightError(
                f"checkpoint {path}: trained for face model '{saved.model_name}', not '{self.model.name}'"
            )
        if saved.config != self.config.network:
            raise LimelightError(
                f"checkpoint {path}: its network is {saved.config}, the configuration's {self.config.network}"
            )
        rates = [{key: group[key] for key in ("peak", "weight_decay")} for group in self.optimizer.param_groups]
        try:
            self.network.load_state_dict(contents["weights"])
            self.optimizer.load_state_dict(contents["optimizer"])
        except (RuntimeError, ValueError) as error:
            raise LimelightError(f"checkpoint {path}: of a run that trained other parts of the network") from error
        for group, rate in zip(self.optimizer.param_groups, rates, strict=True):
            group.update(rate)
        self.average.weights = {name: value.clone().to(self.device) for name, value in saved.weights.items()}
        self.step, self.elapsed = contents["step"], contents["elapsed"]
        self.history = list(contents["history"])


def _summary(step: int, total: float, terms: dict[str, float]) -> str:
    shown = " ".join(f"{name} {value:.3g}" for name, value in list(terms.items())[:_SHOWN_TERMS])
    return f"step {step} loss {total:.3f} {shown}"

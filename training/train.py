"""The training loop: schedule, averaging, checkpoints that resume exactly, and a clean stop."""

from __future__ import annotations

import json
import math
import signal
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import torch
from torch import nn
from tqdm import tqdm

from facemodel import FaceModel, LimelightError
from training.augmentation import Augmenter, Mirror
from training.batches import Batcher, CropSet
from training.config import TrainConfig
from training.linear_face import LinearFace
from training.monitor import Monitor
from training.networks import NetworkCheckpoint, Prediction, Student, load_network
from training.networks.checkpoint import read_checkpoint
from training.networks.close_up import jittered_pose, pose_span
from training.objective import Batch, StudentObjective
from training.optimization import WeightAverage, parameter_groups, set_rates
from training.validation import predict, validate

_MAX_BAD_STEPS = 20
_PANELS = 8


class Trainer:
    """Trains one student.

    Args:
        config: of the run.
        model: the face model that the data were made for.
        crops: the data.
        minutes: stop after this much training; the schedule then follows the clock instead of `config.steps`.

    Attributes:
        step: batches trained on. elapsed: seconds of training so far, over all resumed parts.
        history: one dict of validation figures per validation, with step and minutes.
    """

    def __init__(self, config: TrainConfig, model: FaceModel, crops: CropSet, minutes: float | None = None) -> None:
        torch.set_num_threads(config.threads)
        torch.manual_seed(config.seed)
        self.config = config
        self.model = model
        self.crops = crops
        self.minutes = minutes
        self.folder = Path(config.checkpoints) / config.name
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.face = LinearFace(model)
        self.objective = StudentObjective(LinearFace(model), config.loss).to(self.device)
        if config.precision not in ("float32", "bfloat16"):
            raise LimelightError(f"configuration: precision {config.precision!r}; float32 or bfloat16")
        self.augmenter = Augmenter(
            config.augment,
            model.layout,
            Mirror.of(model.landmarks478(model.mean), model.expression_names),
            config.network.resolution,
        )
        self.batcher = Batcher(crops, self.augmenter, config)
        network = Student(config.network, model.layout, crops.training_labels(model.layout))
        if config.initial:
            self._start_from(network, config.initial)
        elif config.pretrained:
            network.trunk.backbone.load_pretrained(Path(config.cache))
        if config.initial_heads:
            network.take_heads(load_network(config.initial_heads).weights)
        if unknown := set(config.parts) - {name for name, _ in network.named_children()}:
            raise LimelightError(f"configuration: the network has no part {sorted(unknown)[0]!r}")
        for name, child in network.named_children():
            if config.parts and name not in config.parts:
                child.requires_grad_(False)
        self.network: Student = network.to(self.device, memory_format=torch.channels_last)
        self.optimizer = torch.optim.AdamW(parameter_groups(network, config), weight_decay=config.weight_decay)
        self.average = WeightAverage(network, config.average)
        self.step = 0
        self.elapsed = 0.0
        self.bad_steps = 0
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
        with _stop_request() as stop, ThreadPoolExecutor(1) as loader, tqdm(total=100, unit="%") as bar:
            following: Future[Batch] = loader.submit(self.batcher, self.step)
            while self.progress < 1.0 and not stop:
                start = time.perf_counter()
                batch, following = following.result(), loader.submit(self.batcher, self.step + 1)
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

    def train_step(self, batch: Batch) -> tuple[float, dict[str, float]]:
        """One update; a step whose loss or gradient is not finite changes no weight.

        Returns:
            The loss and its terms in their units.

        Raises:
            LimelightError: too many such steps in a row.
        """
        torch.manual_seed(self.config.seed * 1_000_003 + self.step)  # dropout's, so that a resumed run draws the same
        set_rates(self.optimizer, self.progress, self.config.warmup)
        self._training_mode()
        self.optimizer.zero_grad(set_to_none=True)
        guided = self.progress < self.config.guided_share
        batch = batch.to(self.device)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.config.precision == "bfloat16"):
            prediction = self._guided(batch) if guided else self.network.predict(batch.crop)
        loss, terms = self.objective(prediction, batch)
        self.step += 1
        if torch.isfinite(loss):
            loss.backward()
        norm = nn.utils.clip_grad_norm_(self.network.parameters(), self.config.gradient_norm)
        if not (torch.isfinite(loss) and torch.isfinite(norm)):
            self.bad_steps += 1
            if self.bad_steps >= _MAX_BAD_STEPS:
                self._write("bad_batch.pt", asdict(batch))
                raise LimelightError(
                    f"training diverged at step {self.step}: {_MAX_BAD_STEPS} steps in a row were not finite (the last "
                    f"batch: {self.folder / 'bad_batch.pt'}); resume from last.pt with a lower learning_rate"
                )
            return math.nan, {}
        self.bad_steps = 0
        self.optimizer.step()
        self.average.update(self.network, self.step)
        return loss.item(), {name: value.item() for name, value in terms.items()}

    def _training_mode(self) -> None:
        """Statistics and dropout of what is trained; the rest of the network stays as it is."""
        for name, child in self.network.named_children():
            child.train(not self.config.parts or name in self.config.parts)

    def _guided(self, batch: Batch) -> Prediction:
        """What the heads say when the labels place their close-ups, as inaccurately as a trunk would."""
        pose = jittered_pose(batch.parameters[:, pose_span(self.model.layout)])
        return self.network.predict_guided(batch.crop, batch.parameters, pose, self.config.parts)

    @staticmethod
    def _start_from(network: Student, path: str) -> None:
        """Take the weights of a whole student, those heads included that both have, or of a trunk alone."""
        contents = read_checkpoint(Path(path))
        try:
            if "trunk" in contents:
                network.trunk.load_state_dict(contents["trunk"])
            else:
                network.load_state_dict(network.state_dict() | NetworkCheckpoint.from_dict(contents["network"]).weights)
        except RuntimeError as error:
            raise LimelightError(f"initial weights {path}: of another network; see training/configs") from error

    def validate(self) -> str:
        """Measure the averaged weights on held-out crops, keep and log the figures; returns them as a line."""
        network = self.averaged_network()
        figures = validate(network, self.crops, self.face, self.augmenter, self.config.validation_samples)
        if self.monitor is not None:
            self.monitor.figures(self.step, figures)
            shown = np.flatnonzero(self.crops.face & self.crops.held_out)
            shown = shown[np.linspace(0, len(shown) - 1, min(_PANELS, len(shown))).astype(int)]
            parameters, _, inputs = predict(network, self.crops, shown, self.augmenter)
            self.monitor.panels(self.step, inputs, parameters)
        figures = {"step": self.step, "minutes": round(self.elapsed / 60.0, 2), **figures}
        self.history.append(figures)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with (self.folder / "history.jsonl").open("a", encoding="utf-8") as log:
                log.write(json.dumps(figures) + "\n")
        except OSError as error:
            raise LimelightError(f"{self.folder / 'history.jsonl'}: cannot be written ({error.strerror})") from error
        return "  ".join(f"{name} {value:.4g}" for name, value in figures.items())

    def averaged_network(self) -> Student:
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
        return self._write("last.pt", contents)

    def _write(self, name: str, contents: dict[str, Any]) -> Path:
        """Write a file of the run, whole or not at all."""
        path = self.folder / name
        partial = path.with_suffix(".part")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            torch.save(contents, partial)
            partial.replace(path)
        except (OSError, RuntimeError) as error:
            raise LimelightError(f"checkpoint {path}: cannot be written ({error})") from error
        return path

    def resume(self, path: str | Path) -> None:
        """Continue as if the run that wrote `path` had not stopped.

        Raises:
            LimelightError: the file is unreadable, or of another network or face model.
        """
        path = Path(path)
        contents = read_checkpoint(path)
        saved = NetworkCheckpoint.from_dict(contents["network"])
        if saved.model_digest != self.model.digest:
            raise LimelightError(
                f"checkpoint {path}: trained for face model '{saved.model_name}', not '{self.model.name}'"
            )
        if saved.config != self.config.network:
            raise LimelightError(
                f"checkpoint {path}: its network is {saved.config}, the configuration's {self.config.network}"
            )
        self.network.load_state_dict(contents["weights"])
        self.optimizer.load_state_dict(contents["optimizer"])
        self.average.weights = {name: value.clone() for name, value in saved.weights.items()}
        self.step, self.elapsed = contents["step"], contents["elapsed"]
        self.history = list(contents["history"])


def _summary(step: int, total: float, terms: dict[str, float]) -> str:
    shown = {
        name: terms[name] for name in ("landmarks", "expression", "rotation", "vertices", "shading") if name in terms
    }
    return f"step {step} loss {total:.3f} " + " ".join(f"{name[:5]} {value:.3f}" for name, value in shown.items())


@contextmanager
def _stop_request() -> Iterator[list[int]]:
    """A list that the first Ctrl-C or SIGTERM fills, so that the loop ends between two steps."""
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

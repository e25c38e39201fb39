"""Trains the segmentation U-Net on the folder that `python -m training.data.segmentation` prepared.

    python -m training.tasks.segment

Photos have labels around the eyes once a network tells who wears glasses, so training takes two passes (with DATA the
prepared folder):

    python -m training.tasks.segment --resolution 112 --steps 1000 --precision bfloat16 --out FIRST
    rm -r DATA/photos; python -m training.data.segmentation --earlier FIRST/last.pt
    python -m training.tasks.segment --initial FIRST/last.pt --precision bfloat16 --ship training/assets/segmentation.pt

The paper's run, with CelebAMask-HQ at hand:

    python -m training.tasks.segment --celebamask-hq FOLDER --resolution 256 --width 64 --steps 60000
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path

import cv2
import torch
from torch import Tensor
from tqdm import tqdm

from facemodel import LimelightError
from training.data.datasets import open_dataset
from training.data.face_classes import ALLOWED
from training.data.segmentation import SegmentationSamples, count_labels, load_segmentation, prepare_celebamask_hq
from training.data.segmenter import SegmentationCheckpoint, load_segmentation_network
from training.history import append_history
from training.networks.checkpoint import read_checkpoint, write_checkpoint
from training.networks.unet import (
    UNet,
    UNetConfig,
    class_weights,
    label_weights,
    unweighted,
    weighted_cross_entropy,
)
from training.optimization import GuardedUpdate, WeightAverage, rate_factor, stop_request
from training.tasks.segmentation_batches import SegmentationAugment, SegmentationBatcher
from training.tasks.segmentation_validation import validate


@dataclass(frozen=True)
class SegmentConfig:
    """One training run.

    Attributes:
        network: sizes of the U-Net.
        augment: changes of the pictures.
        resolution: side of the network's input, px.
        steps: batches. batch_size: pictures a batch.
        learning_rate: AdamW's peak. warmup: share of the steps. weight_decay: AdamW's. gradient_norm: clip.
        average: decay of the weights' moving average, which is what is validated and shipped.
        precision: `float32`, or `bfloat16` for the network's arithmetic.
        threads: PyTorch's.
        seed: of everything random.
        checkpoint_steps, validation_steps: intervals.
        validation_samples: of each kind, at most.
    """

    network: UNetConfig = field(default_factory=lambda: UNetConfig(width=16))
    augment: SegmentationAugment = field(default_factory=SegmentationAugment)
    resolution: int = 160
    steps: int = 1400
    batch_size: int = 8
    learning_rate: float = 2e-3
    warmup: float = 0.03
    weight_decay: float = 0.01
    gradient_norm: float = 5.0
    average: float = 0.99
    precision: str = "float32"
    threads: int = 1
    seed: int = 0
    checkpoint_steps: int = 100
    validation_steps: int = 300
    validation_samples: int = 200


class SegmentationTrainer:
    """Trains one U-Net.

    Args:
        config: of the run.
        samples: the data.
        folder: for `last.pt` and `history.jsonl`.

    Attributes:
        step: batches trained on.
    """

    def __init__(self, config: SegmentConfig, samples: SegmentationSamples, folder: Path) -> None:
        if samples.held_out.all():
            raise LimelightError("segmentation data: every picture is held out; prepare more")
        torch.set_num_threads(config.threads)
        torch.manual_seed(config.seed)
        self.config = config
        self.samples = samples
        self.folder = folder
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.batcher = SegmentationBatcher(samples, config.resolution, config.batch_size, config.augment, config.seed)
        self.network = UNet(config.network).to(self.device, memory_format=torch.channels_last)
        self.average = WeightAverage(self.network, config.average)
        self.optimizer = torch.optim.AdamW(
            [
                {"params": [p for p in self.network.parameters() if p.ndim > 1]},
                {"params": [p for p in self.network.parameters() if p.ndim == 1], "weight_decay": 0.0},
            ],
            weight_decay=config.weight_decay,
        )
        self.allowed = torch.from_numpy(ALLOWED).to(self.device)  # (L, 19)
        self.class_weights = class_weights(count_labels(samples)).to(self.device)  # (19,)
        self.weights = label_weights(self.class_weights, self.allowed)  # (L,)
        self.step = 0
        self._update = GuardedUpdate(self.network, self.optimizer, config.gradient_norm, folder, "--learning-rate")

    def start_from(self, path: Path) -> None:
        """Begin with the weights of another network of the same size, trained at whatever resolution.

        Raises:
            LimelightError: the file is unreadable, or of a network of another size.
        """
        other = load_segmentation_network(path)
        if other.config != self.config.network:
            raise LimelightError(
                f"checkpoint {path}: its network is {other.config}, the configuration's {self.config.network}"
            )
        self.network.load_state_dict(other.weights)
        self.average = WeightAverage(self.network, self.config.average)

    def run(self) -> None:
        """Train to the last step, or until Ctrl-C; either way a checkpoint is left.

        Raises:
            LimelightError: the loss stays not finite, or a file cannot be written.
        """
        config = self.config
        with stop_request() as stop, ThreadPoolExecutor(1) as loader, tqdm(total=config.steps, unit="step") as bar:
            following: Future[tuple[Tensor, Tensor]] = loader.submit(self.batcher, self.step)
            bar.update(self.step)
            while self.step < config.steps and not stop:
                batch, following = following.result(), loader.submit(self.batcher, self.step + 1)
                loss = self.train_step(*batch)
                bar.update()
                bar.set_postfix_str(f"loss {loss:.3f}", refresh=False)
                if self.step % config.validation_steps == 0 and self.step < config.steps:
                    tqdm.write(self._validate())
                if self.step % config.checkpoint_steps == 0:
                    self.save()
            following.cancel()
        if not stop:
            print(self._validate())
        self.save()

    def train_step(self, images: Tensor, labels: Tensor) -> float:
        """One update; a step whose loss or gradient is not finite changes no weight.

        Args:
            images: (B, 3, R, R) sRGB 0..1.
            labels: (B, R, R), of `face_classes.LABELS` or IGNORED.

        Returns:
            The loss.

        Raises:
            LimelightError: too many such steps in a row.
        """
        config = self.config
        for group in self.optimizer.param_groups:
            group["lr"] = config.learning_rate * rate_factor(self.step / config.steps, config.warmup)
        self.network.train()
        self.optimizer.zero_grad(set_to_none=True)
        images = images.to(self.device, memory_format=torch.channels_last)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=config.precision == "bfloat16"):
            logits = self.network(images)
        loss = weighted_cross_entropy(logits.float(), labels.to(self.device), self.weights, self.allowed)
        self.step += 1
        if not self._update(loss, self.step, lambda: {"images": images, "labels": labels}):
            return math.nan
        self.average.update(self.network, self.step)
        return loss.item()

    def checkpoint(self) -> SegmentationCheckpoint:
        """The averaged weights, without what the class weights did to them."""
        weights = unweighted(self.average.weights, self.class_weights)
        return SegmentationCheckpoint(self.config.network, self.config.resolution, weights)

    def validate(self) -> dict[str, dict[str, float]]:
        """Figures of the averaged weights, see `segmentation_validation.validate`."""
        config = self.config
        network = self.checkpoint().build().to(self.device)
        return validate(network, self.samples, config.resolution, config.validation_samples)

    def _validate(self) -> str:
        figures = self.validate()
        append_history(self.folder, {"step": self.step, **figures})
        lines = [f"step {self.step}"]
        lines += [f"  {kind}: {' '.join(f'{n} {v:.3f}' for n, v in iou.items())}" for kind, iou in figures.items()]
        return "\n".join(lines)

    def save(self) -> Path:
        """Write `last.pt`, which `Segmenter.load` and `--resume` read.

        Raises:
            LimelightError: the file cannot be written.
        """
        contents = {
            "unet": self.checkpoint().to_dict(),
            "config": asdict(self.config),
            "step": self.step,
            "weights": self.network.state_dict(),
            "average": self.average.weights,
            "optimizer": self.optimizer.state_dict(),
        }
        return write_checkpoint(self.folder / "last.pt", contents)

    def resume(self, path: Path) -> None:
        """Continue as if the run that wrote `path` had not stopped.

        Raises:
            LimelightError: the file is unreadable, or of a network of another size.
        """
        contents = read_checkpoint(path, ("unet",))
        try:
            saved = SegmentationCheckpoint.from_dict(contents["unet"])
            if (saved.config, saved.resolution) != (self.config.network, self.config.resolution):
                raise LimelightError(
                    f"checkpoint {path}: its network is {saved.config} at {saved.resolution} px, the "
                    f"configuration's {self.config.network} at {self.config.resolution} px"
                )
            self.network.load_state_dict(contents["weights"])
            self.optimizer.load_state_dict(contents["optimizer"])
            self.average.weights = {name: w.to(self.device) for name, w in contents["average"].items()}
            self.step = contents["step"]
        except (KeyError, TypeError) as error:
            raise LimelightError(f"checkpoint {path}: shipped weights, or of another version; cannot go on") from error


def main(arguments: Sequence[str] | None = None) -> None:
    default = SegmentConfig()
    parser = argparse.ArgumentParser(
        description="Train the segmentation U-Net.", formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=Path(".cache/training/segmentation"), help="prepared folder")
    parser.add_argument("--celebamask-hq", help="train on this folder of it instead, prepared below --data first")
    parser.add_argument("--out", type=Path, default=Path(".cache/checkpoints/segmentation"), help="of checkpoints")
    parser.add_argument("--initial", type=Path, help="checkpoint whose weights to begin with")
    parser.add_argument("--resume", type=Path, help="checkpoint to go on from")
    parser.add_argument("--ship", type=Path, help="write the averaged weights there at the end, in 16 bits")
    parser.add_argument("--width", type=int, default=default.network.width, help="channels at full resolution")
    parser.add_argument("--depth", type=int, default=default.network.depth, help="how often resolution is halved")
    parser.add_argument("--resolution", type=int, default=default.resolution, help="side of the input, px")
    parser.add_argument("--steps", type=int, default=default.steps, help="batches")
    parser.add_argument("--batch-size", type=int, default=default.batch_size)
    parser.add_argument("--learning-rate", type=float, default=default.learning_rate)
    parser.add_argument("--precision", choices=("float32", "bfloat16"), default=default.precision)
    parser.add_argument("--threads", type=int, default=default.threads)
    parser.add_argument("--seed", type=int, default=default.seed)
    options = parser.parse_args(arguments)
    cv2.setNumThreads(1)
    config = SegmentConfig(
        network=UNetConfig(options.width, options.depth),
        resolution=options.resolution,
        steps=options.steps,
        batch_size=options.batch_size,
        learning_rate=options.learning_rate,
        precision=options.precision,
        threads=options.threads,
        seed=options.seed,
    )
    try:
        data = options.data
        if options.celebamask_hq:
            data = data / f"celebamask_hq_{config.resolution}"
            prepare_celebamask_hq(data, open_dataset(options.celebamask_hq), size=config.resolution)
        trainer = SegmentationTrainer(config, load_segmentation(data), options.out)
        if options.initial:
            trainer.start_from(options.initial)
        if options.resume:
            trainer.resume(options.resume)
        trainer.run()
        if options.ship and trainer.step == config.steps:
            write_checkpoint(options.ship, {"unet": trainer.checkpoint().to_dict(torch.float16)})
    except LimelightError as error:
        parser.exit(1, f"{error}\n")


if __name__ == "__main__":
    main()

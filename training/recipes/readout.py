"""Solves for what the face head reads off its points: identity and pose, one ridge regression over renders.

`python -m training.recipes.readout CHECKPOINT` does it for a checkpoint of a student; training then goes on, or the
network is exported. Only renders count, since their identity is known, and heads see them as in training: changed as
the configuration says, and through poses as inaccurate as a trunk's. The readout has a thousand inputs, so it takes a
hundred thousand renders, some of them the same with other changes, until more of them bring little. A head that was
trained on photographs too is better left the pose that it learned from them: `--identity-only`.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor
from tqdm import tqdm

from facemodel import FaceModel, LimelightError
from training.config import load_config
from training.losses.label_objective import Batch
from training.networks import Student
from training.networks.checkpoint import put_weights, read_network, write_checkpoint
from training.networks.close_up import jittered_pose, pose_span, region_matrix, standardised, to_close_up
from training.networks.face_head import FACE, geometry_evidence, needed_correction
from training.tasks.label_batches import load_crops
from training.tasks.label_task import LabelTask


class Ridge:
    """Ridge regression from inputs (n, I) to outputs (n, O) in double precision, gathered batch by batch.

    Args:
        strength: of the pull to zero, in samples' worth of standardised inputs.
    """

    def __init__(self, strength: float = 30.0) -> None:
        self.strength = strength
        self.count = 0
        self._inputs: Tensor | float = 0.0
        self._outputs: Tensor | float = 0.0
        self._products: Tensor | float = 0.0
        self._targets: Tensor | float = 0.0

    def add(self, inputs: Tensor, outputs: Tensor) -> None:
        """Take in samples."""
        x, y = inputs.double(), outputs.double()
        self.count += len(x)
        self._inputs = self._inputs + x.sum(dim=0)
        self._outputs = self._outputs + y.sum(dim=0)
        self._products = self._products + x.T @ x
        self._targets = self._targets + x.T @ y

    def solve(self) -> tuple[Tensor, Tensor]:
        """Weight (O, I) and bias (O,) of the linear layer.

        Raises:
            LimelightError: there were no samples.
        """
        if not self.count:
            raise LimelightError("readout: no renders to learn from; run 'python -m training.data.synthetic' first")
        x, y = torch.as_tensor(self._inputs) / self.count, torch.as_tensor(self._outputs) / self.count
        covariance = self._products - self.count * torch.outer(x, x)  # (I, I)
        shared = self._targets - self.count * torch.outer(x, y)  # (I, O)
        spread = (covariance.diagonal() / self.count).clamp(min=0.0).sqrt() + 1e-6
        gram = covariance / torch.outer(spread, spread) + self.strength * torch.eye(len(x), dtype=torch.float64)
        weight = (torch.linalg.solve(gram, shared / spread[:, None]) / spread[:, None]).T  # (O, I)
        return weight, y - weight @ x


def solve_geometry(
    network: Student,
    batches: Iterable[Batch],
    turn: float = 0.05,
    strength: float = 30.0,
    identity_only: bool = False,
) -> int:
    """Set `network.face_head.geometry`, in place, from batches of which the renders count.

    What the head says of identity and pose without it stays, and is what the solution adds to.

    Args:
        network: a student with a face head.
        batches: crops and labels.
        turn: typical error of the rotation that the head is told, radians.
        strength: of the ridge.
        identity_only: the pose is read off as before.

    Returns:
        How many renders there were.

    Raises:
        LimelightError: the network has no face head, or there were no renders.
    """
    head = network.face_head
    if head is None:
        raise LimelightError("readout: the network has no face head")
    network.eval()
    geometry, n_identity = head.geometry, head.n_identity
    solved = slice(n_identity if identity_only else None)
    with torch.no_grad():
        geometry.weight[solved] = 0.0
        geometry.bias[solved] = 0.0
        ridge = Ridge(strength)
        for batch in batches:
            known = (batch.photo == 0) & (batch.face > 0) & (batch.mirrored == 0)
            labels = batch.parameters[known]
            truth = labels[:, pose_span(network.layout)]  # (B, 9)
            pose = jittered_pose(truth, turn)
            values, moved, points, _ = head(batch.crop[known], pose)
            local = to_close_up(points.points, region_matrix(FACE, pose))
            outputs = (network.decoder.raw(labels) - network.decoder.mean) / network.decoder.std
            identity = outputs[:, head.identity_span] - values[:, :n_identity]
            move = needed_correction(pose, truth) - needed_correction(pose, moved)
            ridge.add(geometry_evidence(local, standardised(pose)), torch.cat([identity, move], dim=1))
        weight, bias = ridge.solve()
        geometry.weight[solved] = weight[solved]
        geometry.bias[solved] = bias[solved]
    return ridge.count


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Solve for identity and pose, given the face head's points.")
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--config", required=True, help="of the run that wrote it: data and changes of the pictures")
    parser.add_argument("--out", type=Path, help="where to; the checkpoint itself if left out")
    parser.add_argument("--identity-only", action="store_true", help="leave what is read of the pose as it is")
    parser.add_argument("--batches", type=int, default=3000)
    parser.add_argument("--strength", type=float, default=30.0)
    options = parser.parse_args(arguments)
    try:
        count, out = _solve_checkpoint(options)
    except LimelightError as error:
        parser.exit(1, f"{error}\n")
    print(f"readout: {count} renders; {out}")


def _solve_checkpoint(options: argparse.Namespace) -> tuple[int, Path]:
    """How many renders were learned from, and the file that was written."""
    contents, saved = read_network(options.checkpoint)
    network = saved.build()
    if not isinstance(network, Student):
        raise LimelightError(f"checkpoint {options.checkpoint}: no student")
    config = replace(load_config(options.config), network=saved.config, photo_share=0.0, negative_share=0.0)
    torch.set_num_threads(config.threads)
    torch.manual_seed(config.seed)
    model = FaceModel.load(config.face_model or None)
    renders = LabelTask(config, model, load_crops(config.data, model, photos=False))
    first = 1_000_003  # other changes of the pictures than the run has seen
    batches = (renders.batch(first + i) for i in tqdm(range(options.batches), unit="batch"))
    count = solve_geometry(network, batches, config.guided_turn, options.strength, options.identity_only)
    solved = {name: value for name, value in network.state_dict().items() if ".geometry." in name}
    put_weights(contents, saved, lambda _: solved)
    out = write_checkpoint(options.out or options.checkpoint, contents)
    return count, out


if __name__ == "__main__":
    main()

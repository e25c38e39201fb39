"""Solves for what the face head reads off its points: identity and pose, one ridge regression over labelled crops.

Heads see them as in training: changed as the recipe says, and through poses as inaccurate as a trunk's. The readout has
a thousand inputs, so it takes a hundred thousand views, some of them of the same crops with other changes, until more
of them bring little. Photographs count with the identity that was fitted to them. People are not the mean of random
faces, and a regression over renders alone draws everybody towards that mean.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn

from facemodel import FaceModel, LimelightError
from training.data.storage import Samples
from training.losses.label_objective import Batch
from training.networks import NetworkCheckpoint, Student, StudentConfig
from training.networks.checkpoint import Weights
from training.networks.close_up import jittered_pose, pose_span, region_matrix, standardised, to_close_up
from training.networks.face_head import FACE, geometry_evidence, needed_correction
from training.networks.points_step import step_weights
from training.sampling import spread_evenly
from training.tasks.appearance import face_head_of

_TYPICAL = 2000


class Ridge:
    """Ridge regression from inputs (n, I) to outputs (n, O) in double precision, gathered batch by batch.

    Attributes:
        sums: of the samples (1 + I + O, I + O) so far, which is all there is to know of them; write it down to go on
            later.
        batches: that were added.
    """

    def __init__(self, sums: Tensor | None = None, batches: int = 0) -> None:
        self.sums = sums
        self.batches = batches

    @property
    def count(self) -> int:
        """Samples so far."""
        return 0 if self.sums is None else int(self.sums[0, 0])

    def add(self, inputs: Tensor, outputs: Tensor) -> None:
        """Take in samples."""
        x = inputs.double()
        values = torch.cat([torch.ones_like(x[:, :1]), x, outputs.double()], dim=1)  # (n, 1 + I + O)
        gram = values[:, : 1 + x.shape[1]].T @ values  # (1 + I, 1 + I + O)
        self.sums = gram if self.sums is None else self.sums + gram
        self.batches += 1

    def solve(self, strength: float = 30.0) -> tuple[Tensor, Tensor]:
        """Return weight (O, I) and bias (O,) of the linear layer.

        Args:
            strength: of the pull to zero, in samples' worth of standardised inputs.
        Raises LimelightError: there were no samples.
        """
        if self.sums is None or not self.count:
            raise LimelightError("readout: no crops to learn from")
        inputs, count = len(self.sums) - 1, self.count
        x, y = self.sums[0, 1 : 1 + inputs] / count, self.sums[0, 1 + inputs :] / count
        covariance = self.sums[1:, 1 : 1 + inputs] - count * torch.outer(x, x)  # (I, I)
        shared = self.sums[1:, 1 + inputs :] - count * torch.outer(x, y)  # (I, O)
        spread = (covariance.diagonal() / count).clamp(min=0.0).sqrt() + 1e-6
        gram = covariance / torch.outer(spread, spread) + strength * torch.eye(len(x), dtype=torch.float64)
        weight = (torch.linalg.solve(gram, shared / spread[:, None]) / spread[:, None]).T  # (O, I)
        return weight, y - weight @ x


@torch.no_grad()
def gather(network: Student, batches: Iterable[Batch], ridge: Ridge, turn: float = 0.05) -> Iterator[Ridge]:
    """Take into `ridge` what tells identity and pose in batches; yields it after each.

    What the head says of identity and pose without the readout is what the solution adds to.

    Args:
        network: a student with a face head; its readout is set to say nothing.
        batches: crops and labels.
        ridge: empty, or of the batches that went before.
        turn: typical error of the rotation that the head is told, radians.
    Raises LimelightError: the network has no face head.
    """
    head = face_head_of(network).eval()
    nn.init.zeros_(head.geometry.weight)
    nn.init.zeros_(head.geometry.bias)
    for batch in batches:
        torch.manual_seed(ridge.batches)  # the poses', so that whoever goes on draws the same
        known = (batch.geometry > 0) & (batch.mirrored == 0)
        labels = batch.parameters[known]
        truth = labels[:, pose_span(network.layout)]  # (B, 9)
        pose = jittered_pose(truth, turn)
        values, moved, points, _ = head(batch.crop[known], pose)
        local = to_close_up(points.points, region_matrix(FACE, pose))
        outputs = (network.decoder.raw(labels) - network.decoder.mean) / network.decoder.std
        identity = outputs[:, network.layout.slices["identity"]] - values[:, : head.n_identity]
        move = needed_correction(pose, truth) - needed_correction(pose, moved)
        ridge.add(geometry_evidence(local, standardised(pose)), torch.cat([identity, move], dim=1))
        yield ridge


def with_points_step(saved: NetworkCheckpoint, model: FaceModel, crops: Samples) -> NetworkCheckpoint:
    """Return a student that moves what its heads say towards its points; the poses of `crops` are the typical ones."""
    assert isinstance(saved.config, StudentConfig), "only students place points"
    typical = np.flatnonzero(crops.face & crops.geometry & ~crops.held_out)
    typical = typical[spread_evenly(len(typical), _TYPICAL)]
    step = {f"points_step.{name}": value for name, value in step_weights(model, crops.parameters[typical]).items()}
    return replace(saved, config=replace(saved.config, points_step=True), weights=saved.weights | step)


def with_readout(weights: Weights, ridge: Ridge, strength: float = 30.0) -> Weights:
    """Return a student's state dict with the solved readout.

    Args:
        weights: the state dict.
        ridge: of `gather`.
        strength: of the ridge.
    Raises LimelightError: there were no crops.
    """
    names = "face_head.geometry.weight", "face_head.geometry.bias"
    solved = dict(zip(names, ridge.solve(strength), strict=True))
    return weights | {name: value.to(weights[name]) for name, value in solved.items()}

"""Learning from crops with labelled parameters: renders, whose labels are true, and photos, whose labels are fitted."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from facemodel import CROP_SIZE, FaceModel, LimelightError
from training.config import TrainConfig
from training.data.storage import Samples
from training.losses.label_objective import Batch, StudentObjective
from training.losses.linear_face import LinearFace
from training.monitor import panel
from training.networks import Network, Prediction, Student
from training.networks.close_up import jittered_pose, pose_span
from training.sampling import spread_evenly
from training.tasks.augmentation import Augmenter, Mirror
from training.tasks.label_batches import Batcher, training_labels
from training.tasks.label_validation import predict, validate
from training.tasks.task import ParameterTask


class LabelTask(ParameterTask[Batch]):
    """Learns from crops and labels, by `training.losses.label_objective`.

    Args:
        config: of the run.
        model: the face model that the labels belong to.
        crops: the data.

    Raises:
        LimelightError: there is nothing to train on, or the labels belong to another face model.
    """

    def __init__(self, config: TrainConfig, model: FaceModel, crops: Samples) -> None:
        self.config = config
        self.model = model
        self.crops = crops
        self.labels = training_labels(crops, model.layout)
        self.objective = StudentObjective(LinearFace(model), config.loss)
        self._face = LinearFace(model)  # stays on the CPU, where validation is
        self._pose = pose_span(model.layout)
        mirror = Mirror.of(model.landmarks478(model.mean), model.expression_names)
        self.augmenter = Augmenter(config.augment, model.layout, mirror, config.network.resolution)
        self._batcher = Batcher(crops, self.augmenter, config)

    def batch(self, step: int) -> Batch:
        return self._batcher(step)

    def predict(self, network: Network, batch: Batch, progress: float) -> Prediction:
        if progress >= self.config.guided_share:
            return network.predict(batch.crop)
        if not isinstance(network, Student):
            raise LimelightError("configuration: guided_share is for a student's heads; this network has none")
        pose = jittered_pose(self._poses(batch), self.config.guided_turn)  # as inaccurate as a trunk would be
        return network.predict_guided(batch.crop, batch.parameters, pose, self.config.parts)

    def _poses(self, batch: Batch) -> Tensor:
        """Return where the close-ups go (B, 9): the label's pose, or where it has none, another's of the batch."""
        poses = batch.parameters[:, self._pose]
        faces = torch.nonzero(batch.face)[:, 0]
        if not len(faces):
            return poses.new_tensor([[1.0, 0.0, 0.0, 0.0, 1.0, 0.0, CROP_SIZE / 2, CROP_SIZE / 2, 1.0]]).expand(
                len(poses), -1
            )
        others = poses[faces[torch.randint(len(faces), (len(poses),), device=faces.device)]]
        return torch.where(batch.face[:, None] > 0, poses, others)

    def loss(self, prediction: Prediction, batch: Batch, progress: float) -> tuple[Tensor, dict[str, Tensor]]:  # noqa: ARG002
        return self.objective(prediction, batch)

    def validate(self, network: Network) -> dict[str, float]:
        return validate(network, self.crops, self._face, self.augmenter, self.config.validation_samples)

    def panels(self, network: Network, count: int) -> list[NDArray[np.uint8]]:
        shown = np.flatnonzero(self.crops.face & self.crops.held_out)
        if not len(shown):
            return []
        shown = shown[spread_evenly(len(shown), count)]
        parameters, _, inputs = predict(network, self.crops, shown, self.augmenter)
        return [panel(self.model, crop, vector) for crop, vector in zip(inputs, parameters, strict=True)]

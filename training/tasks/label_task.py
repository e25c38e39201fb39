"""Learning from crops with labelled parameters: renders, whose labels are true, and photos, whose labels are fitted."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from facemodel import CROP_SIZE, MEDIAPIPE_TO_IBUG68, FaceModel, LimelightError
from facemodel.landmarks import JAW68, N_MEDIAPIPE, normalized_mean_error
from facemodel.rotation import angle_between, matrix_from_6d, matrix_to_euler
from training.config import TrainConfig
from training.data.storage import Samples
from training.losses import label_losses
from training.losses.label_objective import Batch, StudentObjective
from training.losses.linear_face import LinearFace, irradiance, rotation_matrix
from training.monitor import panel
from training.networks import Network, Prediction, Student
from training.networks.close_up import jittered_pose, pose_span
from training.sampling import spread_evenly
from training.tasks.augmentation import Augmenter, Mirror
from training.tasks.label_batches import Batcher, stored_sample, training_labels
from training.tasks.task import ParameterTask

ACTIVE = 0.1
"""An expression weight above this counts as active."""


def predict(
    network: nn.Module, crops: Samples, indices: NDArray[np.int64], augmenter: Augmenter, size: int = 64
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.uint8]]:
    """Return parameters (N, P), confidences (N,) and the network's input (N, R, R, 3) for unaugmented crops."""
    parameters, confidences, inputs = [], [], []
    device = next(network.parameters()).device
    with torch.inference_mode():
        for start in range(0, len(indices), size):
            chunk = indices[start : start + size]
            images = np.stack([augmenter.plain(stored_sample(crops, index)).image for index in chunk])
            found, confidence = network(torch.from_numpy(images).to(device))
            parameters.append(found.cpu().numpy())
            confidences.append(confidence[:, 0].cpu().numpy())
            inputs.append(images)
    return np.concatenate(parameters), np.concatenate(confidences), np.concatenate(inputs)


def validate(
    network: nn.Module, crops: Samples, face: LinearFace, augmenter: Augmenter, limit: int
) -> dict[str, float]:
    """Return the figures on held-out photos and renders, `limit` of each at most.

    Returns: Names such as `photo.nme68` (fraction, see `measure`) and `confidence.accuracy`, to numbers.
    """
    figures: dict[str, float] = {}
    right: list[NDArray[np.bool_]] = []
    for kind, members in (
        ("photo", crops.face & crops.photo),
        ("render", crops.face & ~crops.photo),
        ("negative", ~crops.face),
    ):
        indices = np.flatnonzero(members & crops.held_out)
        if not len(indices):
            continue
        indices = indices[spread_evenly(len(indices), limit)]
        parameters, confidences, _ = predict(network, crops, indices, augmenter)
        right.append((confidences > 0.5) == (kind != "negative"))
        if kind != "negative":
            labels = np.asarray(crops.parameters[indices])
            measured = measure(face, parameters, labels, np.asarray(crops.landmarks[indices]), kind == "photo")
            figures.update({f"{kind}.{name}": value for name, value in measured.items()})
    if right:
        figures["confidence.accuracy"] = float(np.concatenate(right).mean())
    return figures


def measure(
    face: LinearFace,
    parameters: NDArray[np.float32],
    labels: NDArray[np.float32],
    landmarks: NDArray[np.float32],
    against_mediapipe: bool,
) -> dict[str, float]:
    """Return the error of parameters (N, P) against labels (N, P) and landmarks (N, 478, 2).

    Args:
        against_mediapipe: the 68 reference points are MediaPipe's, as on photos; else the labels' own.
    Returns: nme68, nme68_without_jaw, nme478 (medians, fractions); angle, yaw, pitch, roll (medians, degrees);
        expression_rmse over active weights, and expression_floor, that of the mean label; identity_mm and
        identity_floor, that of the mean face; albedo, irradiance, shading (square root of linear colour); key_angle
        (degrees); shininess (log ratio).
    """
    own, true = torch.from_numpy(parameters), torch.from_numpy(labels)
    points = face.landmarks(own).numpy()
    if against_mediapipe:
        reference = landmarks[:, MEDIAPIPE_TO_IBUG68]
    else:
        reference = face.landmarks(true)[:, N_MEDIAPIPE:].numpy()
    spans = face.layout.slices
    rotation, truth = (matrix_from_6d(v[:, spans["rotation"]]) for v in (parameters, labels))
    angles = np.abs(np.subtract(matrix_to_euler(rotation), matrix_to_euler(truth)))  # (3, N)
    expression, expected = parameters[:, spans["expression"]], labels[:, spans["expression"]]
    active = expected > ACTIVE
    key, key_truth = face.group(own, "key_position"), face.group(true, "key_position")
    normals = face.skin_normals @ rotation_matrix(face.group(true, "rotation")).transpose(1, 2)  # (N, K, 3)
    own_albedo, true_albedo = face.skin_albedo(own)[0], face.skin_albedo(true)[0]

    def nme(columns: slice, found: NDArray, right: NDArray) -> float:
        return _median([normalized_mean_error(a[columns], b[columns]) for a, b in zip(found, right, strict=True)])

    return {
        "nme68": nme(slice(None), points[:, N_MEDIAPIPE:], reference),
        "nme68_without_jaw": nme(slice(JAW68.stop, None), points[:, N_MEDIAPIPE:], reference),
        "nme478": nme(slice(None), points[:, :N_MEDIAPIPE], landmarks),
        "angle": math.degrees(_median(angle_between(rotation, truth))),
        **{name: math.degrees(_median(a)) for name, a in zip(("yaw", "pitch", "roll"), angles, strict=True)},
        "expression_rmse": _rms((expression - expected)[active]),
        "expression_floor": _rms((expected.mean(axis=0) - expected)[active]),
        "identity_mm": float(label_losses.point_distance(face.skin_form(own), face.skin_form(true)).mean()),
        "identity_floor": float(face.skin_form(true).norm(dim=2).mean()),
        "albedo": float(label_losses.color_error(own_albedo, true_albedo).mean()),
        "irradiance": float(
            label_losses.irradiance_error(
                face.group(own, "sh"), face.group(true, "sh"), label_losses.sphere_normals()
            ).mean()
        ),
        "shading": float(label_losses.color_error(_lit(face, own, normals), _lit(face, true, normals)).mean()),
        "key_angle": float(
            torch.rad2deg(torch.acos(1 - label_losses.key_direction_error(key, key_truth).clamp(0, 2))).median()
        ),
        "shininess": float(label_losses.log_ratio(face.group(own, "shininess"), face.group(true, "shininess")).mean()),
    }


def _lit(face: LinearFace, parameters: Tensor, normals: Tensor) -> Tensor:
    """Diffuse colour of the skin sample (N, K, 3), linear, on given normals."""
    return face.skin_albedo(parameters)[0] * irradiance(normals, face.group(parameters, "sh"))


def _median(values: list[float] | NDArray) -> float:
    return float(np.median(values))


def _rms(values: NDArray) -> float:
    return float(np.sqrt(np.mean(np.square(values)))) if values.size else math.nan


class LabelTask(ParameterTask[Batch]):
    """Learns from crops and labels, by `training.losses.label_objective`.

    Args:
        config: of the run.
        model: the face model that the labels belong to.
        crops: the data.
    Raises LimelightError: there is nothing to train on, or the labels belong to another face model.
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

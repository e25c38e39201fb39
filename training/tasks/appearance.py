"""Teaches what the face head reads off the colours of its points: albedo and light, in minutes and alone.

It learns first on colours that the face model's own shading gives at the points, which cost so little that millions of
faces are seen; then on what the network itself finds in pictures, with some of the former. From then on the reader
alone says what albedo and light are: the other rows that did are set to zero. The reader of a head that has learned
colours all along goes on with what the network finds in pictures, and adds to what the other rows say.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from facemodel import FaceModel, LimelightError
from training.losses import label_losses
from training.losses.label_objective import Batch, StudentObjective
from training.losses.linear_face import irradiance, rotation_matrix, specular
from training.losses.paper_losses import encode_srgb
from training.networks import Student
from training.networks.close_up import jittered_pose, pose_span, standardised
from training.networks.face_head import GROUPS, FaceHead, appearance_evidence, point_reader
from training.networks.lite0 import normalised_colors
from training.render.mesh_operations import vertex_normals
from training.sampling import spread_evenly
from training.tasks.label_batches import stored_sample
from training.tasks.label_task import LabelTask
from training.tasks.task import Task

LIGHT = ("sh", "key_position", "key_color", "shininess")

_TURNED_AWAY = 0.12
"""Least cosine of a normal to the camera at which a point's colour is seen."""

_KEY_SEEN = 0.1
"""Least mean colour of a key light whose direction is measured."""


class PointColors(nn.Module):
    """Shades by Eq. 1-5 at MediaPipe's points: sRGB colours of faces, as the NumPy reference does.

    Args:
        model: the face model.
    """

    def __init__(self, model: FaceModel) -> None:
        super().__init__()
        model = model.occluded()
        self.layout = model.layout
        own = model.triangles[model.landmarks478_triangles]  # (478, 3)
        around = model.triangles[np.isin(model.triangles, own).any(axis=1)]  # all that the points' normals depend on
        vertices, triangles = np.unique(around, return_inverse=True)
        shape = np.concatenate([model.identity, model.expression])[:, vertices]
        albedo = np.concatenate([model.diffuse_basis, model.specular_basis], axis=2)
        albedo_mean = np.concatenate([model.diffuse_mean, model.specular_mean], axis=1)
        barycentric = model.landmarks478_barycentric
        self._keep("mean", model.mean[vertices].ravel())
        self._keep("basis", shape.reshape(len(shape), -1))  # (Ni + Ne, 3 V)
        # What is below zero at a corner is cut off there, as in the reference, so corners are kept apart.
        self._keep("albedo_mean", albedo_mean[own].ravel())
        self._keep("albedo_basis", albedo[:, own].reshape(len(albedo), -1))  # (Na, 478 * 3 * 6)
        self._keep("barycentric", barycentric[:, :, None])  # (478, 3, 1)
        self.register_buffer("triangles", torch.from_numpy(triangles.reshape(-1, 3).astype(np.int32)), persistent=False)
        self.register_buffer("corners", torch.from_numpy(np.searchsorted(vertices, own).ravel()), persistent=False)

    def _keep(self, name: str, array: NDArray) -> None:
        self.register_buffer(name, torch.from_numpy(np.ascontiguousarray(array, np.float32)), persistent=False)

    def forward(self, parameters: Tensor) -> tuple[Tensor, Tensor]:
        """Return colours (B, 478, 3) sRGB 0..1, and unit normals (B, 478, 3), rotated, of parameter vectors (B, P)."""
        group = {name: parameters[:, span] for name, span in self.layout.slices.items()}
        coefficients = torch.cat([group["identity"], group["expression"]], dim=1)
        vertices = torch.addmm(self.mean, coefficients, self.basis).unflatten(1, (-1, 3))  # (B, V, 3)
        rotation = rotation_matrix(group["rotation"]).transpose(1, 2)  # (B, 3, 3)
        smooth = functional.normalize(vertex_normals(vertices, self.triangles), dim=2)
        normals = functional.normalize(self._at_points(smooth), dim=2) @ rotation  # (B, 478, 3)
        points = self._at_points(vertices) @ rotation
        offset = torch.addmm(self.albedo_mean, group["albedo"], self.albedo_basis)
        albedo = (functional.relu(offset).unflatten(1, (-1, 3, 6)) * self.barycentric).sum(dim=2)  # (B, 478, 6)
        diffuse = albedo[..., :3] * irradiance(normals, group["sh"])
        gloss = specular(points, normals, group["key_position"], group["key_color"], group["shininess"])
        return encode_srgb((diffuse + albedo[..., 3:] * gloss).clamp(max=1.0)), normals

    def _at_points(self, values: Tensor) -> Tensor:
        """Return values of vertices (B, V, 3), interpolated at the points (B, 478, 3)."""
        return (values[:, self.corners].unflatten(1, (-1, 3)) * self.barycentric).sum(dim=2)


class Examples(NamedTuple):
    """What the reader reads, and what is true there.

    Attributes:
        evidence: (B, 3 * 478 + 9), see `appearance_evidence`.
        said: (B, N) what the head says of albedo and light but for its reader, standardised.
        labels: (B, P) parameter vectors.
        worth, mirrored: (B,), see `StudentObjective.light_loss`.
    """

    evidence: Tensor
    said: Tensor
    labels: Tensor
    worth: Tensor
    mirrored: Tensor

    def for_the_reader_alone(self) -> Examples:
        """Return the same for a reader that will say everything: nothing else says anything."""
        return self._replace(said=torch.zeros_like(self.said))

    def some(self, count: int) -> Examples:
        """Return `count` of them by chance."""
        chosen = torch.randint(len(self.labels), (count,))
        return Examples(*(values[chosen] for values in self))


def joined(parts: Sequence[Examples]) -> Examples:
    """Return all of several examples."""
    return Examples(*(torch.cat(values) for values in zip(*parts, strict=True)))


@dataclass(frozen=True)
class ShadedFaces:
    """Examples without end from the face model alone.

    Attributes:
        colors: of the face model.
        labels: (N, P) parameter vectors whose parts are mixed.
        noise: standard deviation of every colour, sRGB 0..1.
        dropped: largest share of points that show any colour.
    """

    colors: PointColors
    labels: Tensor
    noise: float = 0.02
    dropped: float = 0.06

    @torch.no_grad()
    def draw(self, count: int) -> Examples:
        """Return new faces: who they are and how they look from one label, albedo from another, light from a third."""
        labels = self._mixed(count)
        with torch.autocast(labels.device.type, enabled=False):
            seen, normals = self.colors(labels)  # (B, 478, 3)
        other = seen[:, torch.randint(seen.shape[1], (seen.shape[1],))]
        seen = torch.where(normals[..., 2:] < _TURNED_AWAY, other, seen)  # the head finds some colour there too
        seen = seen + self.noise * torch.randn_like(seen)
        lost = torch.rand_like(seen[..., :1]) < self.dropped * torch.rand_like(seen[:, :1, :1])
        seen = torch.where(lost, torch.rand_like(seen), seen)
        pose = jittered_pose(labels[:, pose_span(self.colors.layout)])
        evidence = appearance_evidence(normalised_colors(255.0 * seen), standardised(pose))
        spans = [self.colors.layout.slices[name] for name in GROUPS[1:]]
        said = torch.zeros(count, sum(span.stop - span.start for span in spans))
        return Examples(evidence, said, labels, torch.ones(count), torch.zeros(count))

    def _mixed(self, count: int) -> Tensor:
        """Return labels (B, P) put together from three each."""
        spans = self.colors.layout.slices
        face, skin, lit = (self.labels[torch.randint(len(self.labels), (count,))] for _ in range(3))
        mixed = face.clone()
        mixed[:, spans["albedo"]] = skin[:, spans["albedo"]]
        for name in LIGHT:
            mixed[:, spans[name]] = lit[:, spans[name]]
        return mixed


@dataclass(frozen=True)
class Turn:
    """An empty batch: which faces come is drawn when their turn is."""

    def to(self, device: torch.device) -> Turn:  # noqa: ARG002
        return self


class AppearanceTask(Task[Turn]):
    """Learns a reader in the place of `FaceHead.appearance`; the network itself stays as it is.

    Args:
        network: a student with a face head.
        objective: of its training.
        shaded: faces without a picture; None for what was seen alone.
        held_out: renders that are measured on.
        seen: what the network found in pictures; three in five of a batch are of them. None for shaded faces alone.
        start: weights of the reader; None for one that has learned nothing.
    Raises LimelightError: the network has no face head.
    """

    batch_size = 512

    def __init__(
        self,
        network: Student,
        objective: StudentObjective,
        shaded: ShadedFaces | None,
        held_out: Examples,
        seen: Examples | None = None,
        start: dict[str, Tensor] | None = None,
    ) -> None:
        self.head = face_head_of(network)
        self.decoder = network.decoder
        self.objective = nn.ModuleList([objective, self.decoder])
        if shaded is not None:
            self.objective.append(shaded.colors)
        self._objective, self._shaded, self._held_out, self._seen = objective, shaded, held_out, seen
        self._start = start

    def make_network(self) -> nn.Sequential:
        """Return a reader of the head's size."""
        first, last = self.head.appearance[1], self.head.appearance[-1]
        reader = point_reader(first.in_features, first.out_features, last.out_features)
        if self._start is not None:
            reader.load_state_dict(self._start)
        return reader

    def batch(self, step: int) -> Turn:  # noqa: ARG002 (drawn in `predict`, where the trainer has seeded what is random)
        return Turn()

    def predict(self, network: nn.Sequential, batch: Turn, progress: float) -> tuple[Tensor, Examples]:  # noqa: ARG002
        parts, left = [], self.batch_size
        if self._seen is not None:
            parts.append(self._seen.some(left if self._shaded is None else 5 * left // 8))
            left -= len(parts[0].labels)
        if self._shaded is not None:
            parts.append(self._shaded.draw(left))
        examples = joined(parts)
        return network(examples.evidence), examples

    def loss(
        self,
        prediction: tuple[Tensor, Examples],
        batch: Turn,  # noqa: ARG002
        progress: float,  # noqa: ARG002
    ) -> tuple[Tensor, dict[str, Tensor]]:
        return self.cost(*prediction)

    def cost(self, outputs: Tensor, examples: Examples) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the loss () and its terms' means of what a reader adds to albedo and light (B, N), standardised, all
        else as labelled."""
        parameters = self._parameters(examples.said + outputs.float(), examples.labels)
        return self._objective.light_loss(parameters, examples.labels, examples.worth, examples.mirrored)

    def validate(self, network: nn.Sequential) -> dict[str, float]:
        with torch.inference_mode():
            return self.figures(network(self._held_out.evidence), self._held_out)

    @torch.no_grad()
    def figures(self, outputs: Tensor, examples: Examples) -> dict[str, float]:
        """Return what it is worth that a reader adds to albedo and light (B, N), standardised.

        Returns: `loss`; `key_angle`, the median angle between key lights, degrees, of renders that have a clear one;
            and `render.NAME` of every term in its unit.
        """
        face, labels = self._objective.face, examples.labels
        total, means = self.cost(outputs, examples)
        own = face.group(self._parameters(examples.said + outputs, labels), "key_position")
        away = label_losses.key_direction_error(own, face.group(labels, "key_position"))
        clear = face.group(labels, "key_color").mean(dim=1) > _KEY_SEEN
        angles = torch.rad2deg(torch.acos((1.0 - away[clear]).clamp(-1.0, 1.0)))
        middle = float(angles.median()) if len(angles) else math.nan
        terms = {f"render.{name}": float(mean) for name, mean in means.items()}
        return {"key_angle": middle, "loss": float(total), **terms}

    def saved(self, network: nn.Sequential, weights: dict[str, Tensor]) -> dict[str, Any]:  # noqa: ARG002
        """Return the reader's weights, which `with_reader` puts into the network."""
        return {"reader": dict(weights)}

    def _parameters(self, outputs: Tensor, labels: Tensor) -> Tensor:
        known = self.decoder.groups(self.decoder.raw(labels))
        return self.decoder.constrained(known | self.decoder.raw_groups(outputs, GROUPS[1:]))


class Looked(NamedTuple):
    """Holds what a face head found in crops: the evidence (B, 3 * 478 + 9) of its reader, what the head says of albedo
    and light but for the reader, and what this adds, (B, N) both, standardised."""

    evidence: Tensor
    said: Tensor
    read: Tensor


@torch.no_grad()
def look(head: FaceHead, crop: Tensor, pose: Tensor) -> Looked:
    """Return crops (B, R, R, 3) uint8 RGB as the head sees them from poses (B, 9)."""
    caught: list[Tensor] = []
    hook = head.appearance.register_forward_hook(lambda _module, inputs, output: caught.extend((inputs[0], output)))
    try:
        values = head(crop, pose).values
    finally:
        hook.remove()
    evidence, read = caught
    return Looked(evidence, values[:, head.n_identity :] - read, read)


def seen_examples(network: Student, objective: StudentObjective, batches: Iterable[Batch], turn: float) -> Examples:
    """Return what the network's face head finds in batches, through poses as inaccurate as a trunk's.

    Args:
        turn: typical error of their rotation, radians.
    Raises LimelightError: the network has no face head, or there were no batches.
    """
    head, span = face_head_of(network), pose_span(network.layout)
    network.eval()
    parts = []
    for batch in batches:
        found = look(head, batch.crop, jittered_pose(batch.parameters[:, span], turn))
        worth = objective.light_worth(batch)
        parts.append(Examples(found.evidence, found.said, batch.parameters, worth, batch.mirrored))
    if not parts:
        raise LimelightError("appearance: no pictures to learn from")
    return joined(parts)


def held_out_examples(network: Student, task: LabelTask, limit: int = 700) -> tuple[Examples, Tensor]:
    """Return renders that are never trained on, and what the face head's reader now adds of albedo and light (B, N).

    Raises LimelightError: there are none.
    """
    crops, head = task.crops, face_head_of(network)
    known = np.flatnonzero(crops.face & crops.held_out & ~crops.photo & crops.light)
    if not len(known):
        raise LimelightError("appearance: no held-out renders to measure with")
    known = known[spread_evenly(len(known), limit)]
    labels = torch.from_numpy(np.asarray(crops.parameters[known], np.float32))
    poses = jittered_pose(labels[:, pose_span(network.layout)], task.config.guided_turn)
    network.eval()
    found = []
    for start in range(0, len(known), 64):
        images = np.stack(
            [task.augmenter.plain(stored_sample(crops, index)).image for index in known[start : start + 64]]
        )
        found.append(look(head, torch.from_numpy(images), poses[start : start + 64]))
    evidence, said, read = (torch.cat(parts) for parts in zip(*found, strict=True))
    return Examples(evidence, said, labels, torch.ones(len(known)), torch.zeros(len(known))), read


def render_labels(task: LabelTask) -> Tensor:
    """Return labels (N, P) of the renders that are trained on.

    Raises LimelightError: there are none.
    """
    crops = task.crops
    known = np.flatnonzero(crops.face & ~crops.photo & crops.light & crops.geometry & ~crops.held_out)
    if not len(known):
        raise LimelightError("appearance: no renders to learn from")
    return torch.from_numpy(np.asarray(crops.parameters[known], np.float32))


def face_head_of(network: Student) -> FaceHead:
    """Return its face head.

    Raises LimelightError: it has none.
    """
    if network.face_head is None:
        raise LimelightError("appearance: the network has no face head")
    return network.face_head


def with_reader(weights: dict[str, Tensor], reader: nn.Sequential) -> dict[str, Tensor]:
    """Return a student's state dict with another reader of albedo and light."""
    own = {f"face_head.appearance.{name}": value.detach().clone() for name, value in reader.state_dict().items()}
    return weights | own


def with_reader_alone(weights: dict[str, Tensor], reader: nn.Sequential, n_identity: int) -> dict[str, Tensor]:
    """Return a student's state dict whose albedo and light are what `reader` says, and nothing else."""
    changed = with_reader(weights, reader)
    for name in ("face_head.regressor.weight", "face_head.regressor.bias"):
        changed[name] = weights[name].clone()
        changed[name][n_identity:] = 0.0
    return changed

"""Teaches what the face head reads off the colours of its points: albedo and light, in minutes and alone.

`python -m training.recipes.appearance CHECKPOINT --config NAME` does it for a checkpoint of a student; training then
goes on, or the network is exported. Two stages: on colours that the face model's own shading gives at the points,
which cost so little that millions of faces are seen; then on what the network itself finds in pictures, with some of
the former. From then on the reader alone says what albedo and light are: the other rows that did are set to zero.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional
from tqdm import tqdm

from facemodel import FaceModel, LimelightError
from training.config import load_config
from training.losses import label_losses
from training.losses.label_objective import Batch, StudentObjective
from training.losses.linear_face import LinearFace, irradiance, rotation_matrix, specular
from training.losses.paper_losses import encode_srgb
from training.networks import Student
from training.networks.checkpoint import put_weights, read_network, write_checkpoint
from training.networks.close_up import jittered_pose, pose_span, standardised
from training.networks.face_head import FaceHead, appearance_evidence, point_reader
from training.networks.lite0 import normalised_colors
from training.render.mesh_operations import vertex_normals
from training.sampling import spread_evenly
from training.tasks.label_batches import load_crops
from training.tasks.label_task import LabelTask

LIGHT = ("sh", "key_position", "key_color", "shininess")

_TURNED_AWAY = 0.12
"""Least cosine of a normal to the camera at which a point's colour is seen."""

_KEY_SEEN = 0.1
"""Least mean colour of a key light whose direction is measured."""


class PointColors(nn.Module):
    """Eq. 1-5 at MediaPipe's points: sRGB colours of faces, without a picture; as the NumPy reference shades them.

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
        """Colours (B, 478, 3) sRGB 0..1, and unit normals (B, 478, 3), rotated, of parameter vectors (B, P)."""
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
        """Values of vertices (B, V, 3), interpolated at the points (B, 478, 3)."""
        return (values[:, self.corners].unflatten(1, (-1, 3)) * self.barycentric).sum(dim=2)


class Examples(NamedTuple):
    """What the reader reads, and what is true there.

    Attributes:
        evidence: (B, 3 * 478 + 9), see `appearance_evidence`.
        labels: (B, P) parameter vectors.
        worth, mirrored: (B,), see `StudentObjective.light_loss`.
    """

    evidence: Tensor
    labels: Tensor
    worth: Tensor
    mirrored: Tensor

    def some(self, count: int) -> Examples:
        """`count` of them by chance."""
        chosen = torch.randint(len(self.labels), (count,))
        return Examples(*(values[chosen] for values in self))


def joined(parts: Sequence[Examples]) -> Examples:
    """All of several examples."""
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
        """New faces: who they are and how they look from one label, albedo from another, light from a third."""
        labels = self._mixed(count)
        seen, normals = self.colors(labels)  # (B, 478, 3)
        other = seen[:, torch.randint(seen.shape[1], (seen.shape[1],))]
        seen = torch.where(normals[..., 2:] < _TURNED_AWAY, other, seen)  # the head finds some colour there too
        seen = seen + self.noise * torch.randn_like(seen)
        lost = torch.rand_like(seen[..., :1]) < self.dropped * torch.rand_like(seen[:, :1, :1])
        seen = torch.where(lost, torch.rand_like(seen), seen)
        pose = jittered_pose(labels[:, pose_span(self.colors.layout)])
        evidence = appearance_evidence(normalised_colors(255.0 * seen), standardised(pose))
        return Examples(evidence, labels, torch.ones(count), torch.zeros(count))

    def _mixed(self, count: int) -> Tensor:
        """(B, P) labels put together from three each."""
        spans = self.colors.layout.slices
        face, skin, lit = (self.labels[torch.randint(len(self.labels), (count,))] for _ in range(3))
        mixed = face.clone()
        mixed[:, spans["albedo"]] = skin[:, spans["albedo"]]
        for name in LIGHT:
            mixed[:, spans[name]] = lit[:, spans[name]]
        return mixed


@dataclass(frozen=True)
class Figures:
    """How good albedo and light are on renders that nothing was learned from.

    Attributes:
        key_angle: median angle between key lights, degrees; of renders that have a clear one.
        loss: weighted sum of the terms.
        terms: their means, each in its unit.
    """

    key_angle: float
    loss: float
    terms: dict[str, float]

    def __str__(self) -> str:
        terms = ", ".join(f"{name} {value:.4f}" for name, value in self.terms.items())
        return f"key light {self.key_angle:.1f} degrees, loss {self.loss:.3f} ({terms})"


class Lesson:
    """What the outputs of a network's reader are worth.

    Args:
        network: a student with a face head.
        objective: of its training.
    """

    def __init__(self, network: Student, objective: StudentObjective) -> None:
        self.head = face_head_of(network)
        self.decoder = network.decoder
        self.objective = objective

    def loss(self, outputs: Tensor, examples: Examples) -> tuple[Tensor, dict[str, Tensor]]:
        """Loss () and its terms' means of the standardised albedo and light (B, N); all else is as labelled."""
        return self.objective.light_loss(
            self._parameters(outputs, examples.labels), examples.labels, examples.worth, examples.mirrored
        )

    @torch.no_grad()
    def figures(self, outputs: Tensor, examples: Examples) -> Figures:
        """Of the standardised albedo and light (B, N)."""
        face, labels = self.objective.face, examples.labels
        total, means = self.loss(outputs, examples)
        own = face.group(self._parameters(outputs, labels), "key_position")
        away = label_losses.key_direction_error(own, face.group(labels, "key_position"))
        clear = face.group(labels, "key_color").mean(dim=1) > _KEY_SEEN
        angles = torch.rad2deg(torch.acos((1.0 - away[clear]).clamp(-1.0, 1.0)))
        middle = float(angles.median()) if len(angles) else math.nan
        return Figures(middle, float(total), {name: float(mean) for name, mean in means.items()})

    def _parameters(self, outputs: Tensor, labels: Tensor) -> Tensor:
        standard = (self.decoder.raw(labels) - self.decoder.mean) / self.decoder.std  # (B, P)
        values = torch.cat([standard[:, self.head.identity_span], outputs], dim=1)
        return self.decoder(self.head.replace(standard, values))


def learn(
    reader: nn.Sequential,
    lesson: Lesson,
    draw: Callable[[], Examples],
    progress: Iterable[float],
    rate: float,
    weight_decay: float,
) -> None:
    """Teach a reader, in place, from examples that `draw` gives.

    Args:
        progress: 0..1, what share of the training is over, once for every step.
        rate: of learning at its peak, from which it falls along a cosine.
    """
    optimizer = torch.optim.AdamW(reader.parameters(), rate, weight_decay=weight_decay)
    reader.requires_grad_(True).train()
    for step, done in enumerate(progress):
        for group in optimizer.param_groups:
            group["lr"] = rate * min(1.0, (step + 1) / 100) * (0.5 * (1.0 + math.cos(math.pi * done)) + 0.01)
        examples = draw()
        with torch.autocast("cpu", torch.bfloat16):
            outputs = reader(examples.evidence)
        loss, _ = lesson.loss(outputs.float(), examples)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(reader.parameters(), 5.0)
        optimizer.step()
    reader.requires_grad_(False).eval()


def by_the_clock(minutes: float, text: str) -> Iterator[float]:
    """How much of `minutes` is over, 0..1, again and again until they are."""
    start, seconds = time.monotonic(), 60.0 * minutes
    with tqdm(total=seconds, desc=text, bar_format="{l_bar}{bar}| {n:.0f}/{total:.0f} s") as bar:
        while (gone := time.monotonic() - start) < seconds:
            yield gone / seconds
            bar.update(min(time.monotonic() - start, seconds) - bar.n)


class Looked(NamedTuple):
    """What a face head found in crops: the evidence (B, 3 * 478 + 9) of its reader, and what it says of albedo and
    light (B, N), standardised."""

    evidence: Tensor
    values: Tensor


@torch.no_grad()
def look(head: FaceHead, crop: Tensor, pose: Tensor) -> Looked:
    """Crops (B, R, R, 3) uint8 RGB as the head sees them from poses (B, 9)."""
    caught: list[Tensor] = []
    hook = head.appearance.register_forward_hook(lambda _module, inputs, _output: caught.append(inputs[0]))
    try:
        values = head(crop, pose).values
    finally:
        hook.remove()
    return Looked(caught[0], values[:, head.n_identity :])


def seen_examples(network: Student, objective: StudentObjective, batches: Iterable[Batch], turn: float) -> Examples:
    """What the network's face head finds in batches, through poses as inaccurate as a trunk's.

    Args:
        turn: typical error of their rotation, radians.

    Raises:
        LimelightError: the network has no face head, or there were no batches.
    """
    head, span = face_head_of(network), pose_span(network.layout)
    network.eval()
    parts = []
    for batch in batches:
        found = look(head, batch.crop, jittered_pose(batch.parameters[:, span], turn))
        parts.append(Examples(found.evidence, batch.parameters, objective.light_worth(batch), batch.mirrored))
    if not parts:
        raise LimelightError("appearance: no pictures to learn from; give it some --batches")
    return joined(parts)


def held_out_examples(network: Student, task: LabelTask, limit: int = 700) -> tuple[Examples, Tensor]:
    """Renders that are never trained on, and what the face head now says of their albedo and light (B, N).

    Raises:
        LimelightError: there are none.
    """
    crops, head = task.crops, face_head_of(network)
    known = np.flatnonzero(crops.face & crops.held_out & ~crops.photo & crops.light)
    if not len(known):
        raise LimelightError("appearance: no held-out renders to measure with; run 'python -m training.data.synthetic'")
    known = known[spread_evenly(len(known), limit)]
    labels = torch.from_numpy(np.asarray(crops.parameters[known], np.float32))
    poses = jittered_pose(labels[:, pose_span(network.layout)], task.config.guided_turn)
    network.eval()
    found = []
    for start in range(0, len(known), 64):
        images = np.stack([task.augmenter.plain(crops.sample(index)).image for index in known[start : start + 64]])
        found.append(look(head, torch.from_numpy(images), poses[start : start + 64]))
    evidence, values = (torch.cat(parts) for parts in zip(*found, strict=True))
    return Examples(evidence, labels, torch.ones(len(known)), torch.zeros(len(known))), values


def render_labels(task: LabelTask) -> Tensor:
    """Labels (N, P) of the renders that are trained on.

    Raises:
        LimelightError: there are none.
    """
    crops = task.crops
    known = np.flatnonzero(crops.face & ~crops.photo & crops.light & crops.geometry & ~crops.held_out)
    if not len(known):
        raise LimelightError("appearance: no renders to learn from; run 'python -m training.data.synthetic' first")
    return torch.from_numpy(np.asarray(crops.parameters[known], np.float32))


def face_head_of(network: Student) -> FaceHead:
    """Its face head.

    Raises:
        LimelightError: it has none.
    """
    if network.face_head is None:
        raise LimelightError("appearance: the network has no face head")
    return network.face_head


def new_reader(head: FaceHead) -> nn.Sequential:
    """A reader of the head's size that has learned nothing."""
    first, last = head.appearance[1], head.appearance[-1]
    return point_reader(first.in_features, first.out_features, last.out_features)


def with_reader(weights: dict[str, Tensor], reader: nn.Sequential, n_identity: int) -> dict[str, Tensor]:
    """A student's state dict whose albedo and light are what `reader` says, and nothing else."""
    changed = dict(weights)
    for name, value in reader.state_dict().items():
        changed[f"face_head.appearance.{name}"] = value.detach().clone()
    for name in ("face_head.regressor.weight", "face_head.regressor.bias"):
        changed[name] = weights[name].clone()
        changed[name][n_identity:] = 0.0
    return changed


@dataclass(frozen=True)
class Taught:
    """What came of it.

    Attributes:
        reader: in the place of `FaceHead.appearance`.
        before, after: on held-out renders.
    """

    reader: nn.Sequential
    before: Figures
    after: Figures

    @property
    def better(self) -> bool:
        """Whether the reader alone says it better than the head did."""
        return self.after.loss < self.before.loss


def teach(
    network: Student,
    task: LabelTask,
    model: FaceModel,
    vertex_progress: Iterable[float] | None,
    progress: Iterable[float],
    batches: Iterable[Batch],
) -> Taught:
    """Teach a reader for the network's face head in both stages; the network itself stays as it is.

    Args:
        network: a student with a face head.
        task: its data and loss.
        model: the face model.
        vertex_progress: of the first stage, see `learn`; None leaves it out, and what the head reads now is taught on.
        progress: of the second.
        batches: crops to look at.

    Raises:
        LimelightError: the network has no face head, or there is nothing to learn from.
    """
    head = face_head_of(network)
    objective = StudentObjective(LinearFace(model, 128), task.config.loss)
    lesson = Lesson(network, objective)
    held_out, now = held_out_examples(network, task)
    before = lesson.figures(now, held_out)
    print(f"appearance before: {before}")
    reader = new_reader(head)
    shaded = ShadedFaces(PointColors(model), render_labels(task))
    if vertex_progress is None:
        reader.load_state_dict(head.appearance.state_dict())
    else:
        learn(reader, lesson, lambda: shaded.draw(512), vertex_progress, rate=2e-3, weight_decay=0.01)
        print(f"appearance from shaded points alone: {lesson.figures(reader(held_out.evidence), held_out)}")
    seen = seen_examples(network, objective, batches, task.config.guided_turn)
    learn(reader, lesson, lambda: joined([seen.some(320), shaded.draw(192)]), progress, rate=8e-4, weight_decay=0.02)
    after = lesson.figures(reader(held_out.evidence), held_out)
    print(f"appearance after: {after}")
    return Taught(reader, before, after)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Teach how albedo and light are read off the colours at the points.")
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--config", required=True, help="of the run that wrote it: data, losses, changes of pictures")
    parser.add_argument("--minutes", type=float, default=3.5, help="on what the network sees")
    parser.add_argument(
        "--vertex-minutes", type=float, default=12.0, help="before, on shaded points; 0 goes on from what is read now"
    )
    parser.add_argument("--batches", type=int, default=280, help="of crops that the network looks at")
    parser.add_argument("--out", type=Path, help="where to; the checkpoint itself if left out")
    options = parser.parse_args(arguments)
    try:
        print(f"appearance: {_teach_checkpoint(options)}")
    except LimelightError as error:
        parser.exit(1, f"{error}\n")


def _teach_checkpoint(options: argparse.Namespace) -> str:
    """What was done with the file."""
    contents, saved = read_network(options.checkpoint)
    network = saved.build()
    if not isinstance(network, Student):
        raise LimelightError(f"checkpoint {options.checkpoint}: no student")
    head = face_head_of(network)
    config = replace(load_config(options.config), network=saved.config, negative_share=0.0)
    torch.set_num_threads(config.threads)
    torch.manual_seed(config.seed)
    model = FaceModel.load(config.face_model or None)
    if saved.model_digest != model.digest:
        raise LimelightError(f"checkpoint {options.checkpoint}: of the face model {saved.model_name}, not {model.name}")
    task = LabelTask(config, model, load_crops(config.data, model, photos=config.photo_share > 0.0))
    taught = teach(
        network,
        task,
        model,
        by_the_clock(options.vertex_minutes, "shaded points") if options.vertex_minutes > 0.0 else None,
        by_the_clock(options.minutes, "what is seen"),
        _batches(task, options.batches),
    )
    if taught.better:
        put_weights(contents, saved, lambda weights: with_reader(weights, taught.reader, head.n_identity))
    elif options.out is None:
        return f"no better than before; {options.checkpoint} stays as it was"
    out = write_checkpoint(options.out or options.checkpoint, contents)
    return str(out) if taught.better else f"no better than before; {out} is {options.checkpoint} as it was"


def _batches(task: LabelTask, count: int) -> Iterator[Batch]:
    first = 2_000_003  # other changes of the pictures than the run has seen
    for i in tqdm(range(count), unit="batch"):
        yield task.batch(first + i)


if __name__ == "__main__":
    main()

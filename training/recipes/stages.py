"""What the stages of recipes do: data, training, the solved parts, and what is shown of the result."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import cv2
import torch
from torch import Tensor
from tqdm import tqdm

from export.from_onnx import checkpoint_of
from facemodel import FaceModel
from facemodel.hair import hair_of
from training.config import TrainConfig
from training.data import photos as photo_fits
from training.data.landmarker import BUNDLE
from training.data.photo_labels import label_photos, load_labels
from training.data.storage import load_samples
from training.data.synthetic import SceneConfig, generate
from training.losses.label_objective import StudentObjective
from training.losses.linear_face import LinearFace
from training.networks import NetworkCheckpoint, Student, load_network
from training.networks.carried import carry_over, settle_norms
from training.networks.checkpoint import read_checkpoint, write_checkpoint
from training.recipes.card import write_card
from training.recipes.parallel import cores, in_processes
from training.recipes.recipe import Job, Program, Stage
from training.tasks.appearance import (
    AppearanceTask,
    Examples,
    PointColors,
    ShadedFaces,
    face_head_of,
    held_out_examples,
    render_labels,
    seen_examples,
    with_reader,
    with_reader_alone,
)
from training.tasks.distill_task import DistillTask, crop_photos
from training.tasks.label_task import LabelTask
from training.tasks.paper_task import open_paper_task
from training.tasks.readout import Ridge, gather, with_points_step, with_readout
from training.tasks.task import Task
from training.train import Trainer

_LEAST_PHOTOS_SHARE = 0.02
_ALL_PHOTOS_SCALE = 0.4  # from which on all photographs are learned from
_LEAST_RENDERS, _LEAST_SHARD, _SHARD = 100, 16, 500
_LEAST_HELD_OUT = 20
# Batches with other changes of the pictures than training has seen.
_FIRST_SOLVED, _FIRST_SEEN, _FIRST_SETTLED = 1_000_003, 2_000_003, 3_000_017
_SHADED_SHARE = 0.75  # of the time that the appearance takes
_SAVE_SECONDS = 60.0

Figures = Mapping[str, float]


def photo_labels(job: Job, stage: Stage) -> Figures:  # noqa: ARG001
    """Label photographs with MediaPipe's points and scores."""
    share = min(1.0, max(job.scale / _ALL_PHOTOS_SCALE, _LEAST_PHOTOS_SHARE))
    labels = label_photos(job.photos, job.folder("labels"), BUNDLE, share=share)
    return {"photographs": len(labels)}


def fits(job: Job, stage: Stage) -> Figures:  # noqa: ARG001
    """Fit the face model to the labelled photographs and cut their crops."""
    labels = load_labels(job.folder("labels"))
    torch.set_num_threads(1)
    photo_fits.prepare_photos(job.model, labels, job.photos, job.crops, job.seed)
    torch.set_num_threads(cores())
    return {"photographs": len(labels)}


def renders(job: Job, stage: Stage) -> Figures:
    """Render random faces, on all cores; in front of photographs' colours where the recipe may see any."""
    count, parts = job.count(stage, _LEAST_RENDERS), cores()
    shard = max(_LEAST_SHARD, min(_SHARD, count // (4 * parts)))
    backgrounds = job.photos if job.recipe.photographs else None
    shared = (job.face_model, job.crops, count, job.seed, shard, backgrounds)
    in_processes(_render, [(*shared, (part, parts)) for part in range(parts)])
    return {"renders": -(-count // shard) * shard}


def _render(
    face_model: Path | None, out: Path, count: int, seed: int, shard: int, photos: Path | None, part: tuple[int, int]
) -> None:
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    config = SceneConfig(shard=shard, hair_file=hair_of(face_model))
    config = replace(config, held_out_share=max(config.held_out_share, _LEAST_HELD_OUT / count))
    generate(FaceModel.load(face_model), out, count, seed, config, photos, part)


def distill(job: Job, stage: Stage) -> Figures:
    """Train a trunk to see faces as MediaPipe does."""
    config = _config(job, stage)
    crops = crop_photos(load_labels(job.folder("labels")), job.photos)
    return trainer(job, stage, config, DistillTask(config, crops), job.folder(stage.name)).run()


def before(job: Job, stage: Stage) -> Figures:
    """Carry the earlier network that the stage is named after over to the job's face model, and measure it."""
    config = replace(_config(job, stage), pretrained=False)
    task = LabelTask(config, job.model, load_samples(job.crops, job.model, photos=config.photo_share > 0.0))
    network = task.make_network()
    assert isinstance(network, Student), "recipes begin with earlier students alone"
    carry_over(checkpoint_of(job.earlier(stage)), network, job.model)
    looks = tqdm(range(job.count(stage, 4)), desc="what the norms see", unit="batch")
    settle_norms(network, (task.batch(_FIRST_SETTLED + i).crop for i in looks))
    write_checkpoint(job.checkpoint(stage.name), {"network": NetworkCheckpoint.of(network, job.model).to_dict()})
    return task.validate(network.eval())


def train(job: Job, stage: Stage) -> Figures:
    """Train a network on prepared crops, from the first stage that it needs, with the heads of the second."""
    config = _started(job, stage)
    crops = load_samples(job.crops, job.model, photos=config.photo_share > 0.0)
    return trainer(job, stage, config, LabelTask(config, job.model, crops), job.folder(stage.name)).run()


def train_paper(job: Job, stage: Stage) -> Figures:
    """Train a network on prepared photographs by the paper's objective."""
    config = _config(job, stage)
    task = open_paper_task(config, job.model, job.out / "prepared", job.crops)
    return trainer(job, stage, config, task, job.folder(stage.name)).run()


def appearance(job: Job, stage: Stage) -> Figures:
    """Teach the face head of the stage that is needed how albedo and light are read off the colours at the points.

    Where nothing better comes of it than what the network says already, that stays.
    """
    config, folder = _config(job, stage), job.folder(stage.name)
    saved, network = _student(job, stage)
    task, objective = _of_light(job, config, saved)
    held_out, now = held_out_examples(network, task)
    before = AppearanceTask(network, objective, None, held_out).figures(now, held_out)
    held_out = held_out.for_the_reader_alone()
    shaded = ShadedFaces(PointColors(job.model), render_labels(task))
    reader = replace(config, learning_rate=2e-3, weight_decay=0.01, warmup=0.01, precision="bfloat16", parts=())
    first = AppearanceTask(network, objective, shaded, held_out)
    lesson = trainer(job, stage, reader, first, folder / "shaded", _SHADED_SHARE)
    lesson.run()
    torch.manual_seed(job.seed + 1)
    seen = _seen(job, stage, network, task, objective).for_the_reader_alone()
    reader = replace(reader, learning_rate=8e-4, weight_decay=0.02)
    second = AppearanceTask(network, objective, shaded, held_out, seen, lesson.average.weights)
    lesson = trainer(job, stage, reader, second, folder / "seen", 1.0 - _SHADED_SHARE)
    after = lesson.run()
    taught = with_reader_alone(saved.weights, lesson.averaged_network(), face_head_of(network).n_identity)
    return _better_kept(job, stage, saved, taught, before, after)


def appearance_again(job: Job, stage: Stage) -> Figures:
    """Teach the reader of a face head that has learned colours all along with more of what the head finds in pictures.

    What it found costs a thirtieth of a picture. Where nothing better comes of it, the reader stays.
    """
    config = _config(job, stage)
    saved, network = _student(job, stage)
    task, objective = _of_light(job, config, saved)
    held_out, now = held_out_examples(network, task)
    seen = _seen(job, stage, network, task, objective)
    start = face_head_of(network).appearance.state_dict()
    lesson = AppearanceTask(network, objective, None, held_out, seen, start)
    before = lesson.figures(now, held_out)
    reader = replace(config, weight_decay=0.02, warmup=0.02, precision="bfloat16", parts=())
    training = trainer(job, stage, reader, lesson, job.folder(stage.name) / "seen")
    after = training.run()
    taught = with_reader(saved.weights, training.averaged_network())
    return _better_kept(job, stage, saved, taught, before, after)


def _better_kept(
    job: Job, stage: Stage, saved: NetworkCheckpoint, taught: dict[str, Tensor], before: Figures, after: Figures
) -> Figures:
    """Write the stage's network, with the weights that were taught where these are better, and return its figures."""
    better = after["loss"] < before["loss"]
    kept = replace(saved, weights=taught) if better else saved
    write_checkpoint(job.checkpoint(stage.name), {"network": kept.to_dict()})
    return {f"before.{name}": value for name, value in before.items()} | {**after, "better": better}


def _of_light(job: Job, config: TrainConfig, saved: NetworkCheckpoint) -> tuple[LabelTask, StudentObjective]:
    """Return the renders that albedo and light are learned from, and what judges them; chance begins anew."""
    task, objective = _of_faces(job, config, saved), StudentObjective(LinearFace(job.model, 128), config.loss)
    torch.manual_seed(job.seed)
    return task, objective


def _of_faces(job: Job, config: TrainConfig, saved: NetworkCheckpoint) -> LabelTask:
    """Return the prepared crops as a trained network learns from them, but for those without a face."""
    data = replace(config, network=saved.config, negative_share=0.0)
    return LabelTask(data, job.model, load_samples(job.crops, job.model, photos=config.photo_share > 0.0))


def _seen(job: Job, stage: Stage, network: Student, task: LabelTask, objective: StudentObjective) -> Examples:
    """Return what the network's face head finds in as many batches as the stage counts."""
    looks = tqdm(range(job.count(stage, 4)), desc="what the network sees", unit="batch")
    return seen_examples(network, objective, (task.batch(_FIRST_SEEN + i) for i in looks), task.config.guided_turn)


def readout(job: Job, stage: Stage) -> Figures:
    """Solve for what the face head of the stage that is needed reads of identity and pose; add the step to points."""
    config, path = _config(job, stage), job.folder(stage.name) / "sums.pt"
    saved, network = _student(job, stage)
    task = _of_faces(job, config, saved)
    ridge = Ridge(**read_checkpoint(path, ("sums",))) if path.is_file() else Ridge()
    batches = range(ridge.batches, job.count(stage, 40))
    with tqdm(batches, unit="batch") as bar:
        due = time.monotonic() + _SAVE_SECONDS
        for state in gather(network, (task.batch(_FIRST_SOLVED + i) for i in batches), ridge, config.guided_turn):
            bar.update()
            if time.monotonic() > due:
                write_checkpoint(path, {"sums": state.sums, "batches": state.batches})
                due = time.monotonic() + _SAVE_SECONDS
    saved = replace(saved, weights=with_readout(saved.weights, ridge))
    saved = with_points_step(saved, job.model, task.crops)
    write_checkpoint(job.checkpoint(stage.name), {"network": saved.to_dict()})
    return {"views": ridge.count}


def assemble(job: Job, stage: Stage) -> Figures:
    """Make one network of the trunk of the first stage that is needed and the heads of the second."""
    crops = load_samples(job.crops, job.model)
    network = LabelTask(_started(job, stage), job.model, crops).make_network()
    write_checkpoint(job.checkpoint(stage.name), {"network": NetworkCheckpoint.of(network, job.model).to_dict()})
    return {}


def export(job: Job, stage: Stage) -> Figures:
    """Export the network of the stage that is needed to ONNX, compared with PyTorch on prepared crops."""
    crops = ["--crops", str(job.crops)] if job.crops.is_dir() else []
    _limelight(job, "export", str(job.checkpoint(stage.needs[0])), "--out", str(job.network), *crops, "--force")
    return {"megabytes": round(job.network.stat().st_size / 1e6, 1)}


def evaluate(job: Job, stage: Stage) -> Figures:  # noqa: ARG001
    """Measure the exported network and write the report."""
    much = [] if job.scale >= 1.0 else ["--quick"]
    if 0.05 <= job.scale < 1.0:
        much += ["--people", str(max(4, round(60 * job.scale))), "--photos", str(max(16, round(1000 * job.scale)))]
    data = ["--data", str(job.data)] if job.data is not None else []
    report, figures = job.out / f"{job.recipe.name}.md", job.out / f"{job.recipe.name}.json"
    histories = [path for s in job.recipe.stages if (path := job.folder(s.name) / "history.jsonl").is_file()]
    history = [part for path in histories[-1:] for part in ("--history", f"{job.recipe.name}={path}")]
    written = ["--json", str(figures), "--report", str(report), "--cache", str(job.out / "evaluation"), "--force"]
    _limelight(job, "evaluate", "--network", str(job.network), *much, *data, *history, *written)
    return {}


def card(job: Job, stage: Stage) -> Figures:  # noqa: ARG001
    """Write the model card."""
    write_card(job)
    return {}


def _config(job: Job, stage: Stage) -> TrainConfig:
    return replace(stage.config, seed=job.seed)


def _started(job: Job, stage: Stage) -> TrainConfig:
    """Return the configuration, starting from the network of the first stage that is needed, and the second's heads."""
    initial, heads = ([str(job.checkpoint(name)) for name in stage.needs] + ["", ""])[:2]
    return replace(_config(job, stage), initial=initial, initial_heads=heads)


def trainer(job: Job, stage: Stage, config: TrainConfig, task: Task, folder: Path, share: float = 1.0) -> Trainer:
    """Return a trainer for `share` of the stage's minutes, or where it has none, of the configuration's steps."""
    minutes = share * job.minutes(stage)
    if not minutes:
        return Trainer(replace(config, steps=max(1, round(share * config.steps * job.scale))), task, folder)
    often = min(config.checkpoint_minutes, minutes / 5), max(config.validation_minutes, minutes / 40)
    config = replace(config, checkpoint_minutes=often[0], validation_minutes=often[1])
    return Trainer(config, task, folder, minutes)


def _student(job: Job, stage: Stage) -> tuple[NetworkCheckpoint, Student]:
    saved = load_network(job.checkpoint(stage.needs[0]))
    network = saved.build()
    assert isinstance(network, Student), "recipes teach the heads of students alone"
    return saved, network


def _limelight(job: Job, *arguments: str) -> None:
    """Run a command of this program for the job's face model, in a process that ends with this one.

    Raises LimelightError: it failed; it has said why.
    """
    model = ["--face-model", str(job.face_model)] if job.face_model else []
    in_processes(_command, [(job.program, [*arguments, *model])])


def _command(program: Program, arguments: list[str]) -> None:
    sys.exit(program(arguments))

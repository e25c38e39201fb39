"""The paper's run, Deng et al. (2022), section 4.2, and what each of its losses is worth."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from facemodel import Crop, FaceModel, LimelightError
from training.config import PaperConfig, TrainConfig
from training.data.datasets import FaceDataset, open_dataset
from training.data.landmarker import BUNDLE
from training.data.photo_labels import PhotoLandmarker
from training.data.photo_preparation import PhotoPreparer
from training.data.prepare import ASSETS, calibrated_fit, prepare_datasets
from training.data.prepared import PreparedPhotos, PreparedWriter, add_features
from training.data.segmenter import Segmenter
from training.data.skin_classifier import SkinClassifier
from training.evaluation.ablation import Ablation, AblationRun, write_ablation
from training.evaluation.context import Context, Extent, Material, Pose, TrackedClip
from training.evaluation.held_out import crop_picture
from training.evaluation.section import UnmeasuredError
from training.evaluation.sections import SECTIONS
from training.losses.extra_losses import ExtraWeights
from training.networks import ResNet50Config, StudentConfig, load_network
from training.networks.facenet import FEATURES, load_identity_network
from training.recipes import stages
from training.recipes.parallel import cores, in_processes
from training.recipes.recipe import Job, Recipe, Stage
from training.recipes.student import shown

_LOOKS = 2


class TorchNetwork:
    """A `training.evaluation.context.Network`.

    Args:
        name: for people.
        network: `forward` gives parameters (B, P) and confidence (B, 1) of crops (B, R, R, 3) uint8 RGB.
        resolution: R.
    """

    def __init__(self, name: str, network: nn.Module, resolution: int) -> None:
        self.name = name
        self.resolution = resolution
        self._network = network.eval()

    def infer(self, crops: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return parameters (N, P) and confidences (N,) of crops (N, R, R, 3) uint8 RGB."""
        with torch.inference_mode():
            parameters, confidence = self._network(torch.from_numpy(np.ascontiguousarray(crops)))
        return parameters.numpy(), confidence[:, 0].numpy()


class PhotoLoop:
    """A `training.evaluation.context.LiveLoop` for photos whose faces are known: two looks, as the tracker takes.

    What needs the tracker itself is not measured.

    Args:
        model: the face model.
        network: that looks.
    """

    def __init__(self, model: FaceModel, network: TorchNetwork) -> None:
        self._layout = model.layout
        self._network = network

    def follow(self, image: NDArray[np.uint8], pose: Pose) -> NDArray[np.float32] | None:
        """Parameters (P,) in picture px of the face at a roughly known pose in an (H, W, 3) BGR picture."""
        side = self._network.resolution
        for _ in range(_LOOKS):
            crop = Crop.around_head(*pose)
            picture = cv2.resize(crop_picture(image, crop)[0], (side, side), interpolation=cv2.INTER_AREA)
            (seen,), _ = self._network.infer(picture[None, ..., ::-1].astype(np.uint8))
            vector = crop.lift(self._layout, seen)
            p = self._layout.view(vector)
            if not np.isfinite(vector).all() or p.scale <= 0.0:
                return None
            pose = (p.rotation, p.translation.copy(), p.scale)
        return np.asarray(vector, np.float32)

    def find(self, image: NDArray[np.uint8]) -> NDArray[np.float32] | None:  # noqa: ARG002
        raise UnmeasuredError("no live loop: faces are not searched for")

    def clip(self, path: Path, frames: int | None) -> TrackedClip:  # noqa: ARG002
        raise UnmeasuredError("no live loop: clips are not tracked")

    def performer(self, frames: int) -> Sequence[tuple[NDArray | None, NDArray]]:  # noqa: ARG002
        raise UnmeasuredError("no live loop: the performer is not tracked")


PHOTOGRAPHS = 202_599
_LEAST_PHOTOGRAPHS = 64
_SHARD, _LEAST_SHARD = 500, 16

TRAINING = TrainConfig(
    network=ResNet50Config(resolution=224),
    steps=200_000,
    batch_size=32,
    optimizer="adam",
    schedule="constant",
    learning_rate=5e-5,
    backbone_rate=1.0,
    weight_decay=0.0,
    warmup=0.0,
    gradient_norm=0.0,
    average=0.999,
    checkpoint_minutes=10.0,
    validation_minutes=30.0,
    paper=PaperConfig(),
)


def prepare(job: Job, stage: Stage) -> Mapping[str, float]:
    """Prepare photographs as section 4 of the paper says, on all cores."""
    out, count, parts = job.out / "prepared", job.count(stage, _LEAST_PHOTOGRAPHS), cores()
    with closing(PhotoLandmarker(BUNDLE)) as landmarker:
        calibrated_fit(out, job.model, _open(job.datasets, count), landmarker)
    shared = (job.face_model, job.datasets, count, out)
    in_processes(_prepare, [(*shared, (part, parts)) for part in range(parts)])
    if stage.config.paper.weights.identity:
        add_features(out, FEATURES, load_identity_network(Path(stage.config.cache)))
    return {"photographs": len(PreparedPhotos(out, job.model, ("train", "validation", "test")))}


def _prepare(face_model: Path | None, datasets: Sequence[str], count: int, out: Path, part: tuple[int, int]) -> None:
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    model = FaceModel.load(face_model)
    opened = [(each, PreparedWriter(out, each.root.resolve().name, model, "unet")) for each in _open(datasets, count)]
    shard = max(_LEAST_SHARD, min(_SHARD, count // (4 * part[1])))
    with closing(PhotoLandmarker(BUNDLE)) as landmarker:
        fit = calibrated_fit(out, model, [dataset for dataset, _ in opened], landmarker)
        classifier = SkinClassifier.load(ASSETS / "skin_classifier.npz")
        preparer = PhotoPreparer(model, landmarker, Segmenter.load(), classifier, fit)
        prepare_datasets(opened, preparer, shard, part)


def _open(datasets: Sequence[str], count: int) -> list[FaceDataset]:
    """Return the data sets, about `count` photographs of each."""
    if not datasets:
        raise LimelightError("recipe paper: needs photographs; name their folder by --dataset")
    opened = [open_dataset(name) for name in datasets]
    for dataset in opened:
        dataset.every = max(1, dataset.estimate() // count)
    return opened


def measured(job: Job, stage: Stage) -> Mapping[str, float]:
    """Train a network by the paper's objective, and measure what the ablation's table shows of it."""
    stages.train_paper(job, stage)
    saved = load_network(job.checkpoint(stage.name))
    material = Material(job.model, job.data, job.out / "evaluation", BUNDLE, EXTENT)
    return measure(material, TorchNetwork(stage.name, saved.build(), saved.config.resolution))


def measure(material: Material, network: TorchNetwork) -> dict[str, float]:
    """Return a network's figures of the table; a section that lacks its data is left out."""
    context = Context(material, network, PhotoLoop(material.model, network))
    found: dict[str, Mapping[str, float]] = {}
    for section in dict.fromkeys(section for section, _ in FIGURES.values()):
        try:
            found[section] = SECTIONS[section].measure(context).figures
        except UnmeasuredError as error:
            print(f"{section} is left out: {error}")
    return {key: found[section][figure] for key, (section, figure) in FIGURES.items() if section in found}


def table(job: Job, stage: Stage) -> Mapping[str, float]:
    """Write the table of what every loss is worth, for `limelight evaluate --ablation`."""
    marks = {each.name: job.mark(each) for each in job.recipe.stages if each.name in stage.needs}
    runs = [AblationRun(LOSS_OF_STAGE.get(name, ""), mark.figures) for name, mark in marks.items()]
    write_ablation(job.out / "ablation.json", Ablation(job.recipe.about, [run.without for run in runs[1:]], runs))
    return {}


def without(config: TrainConfig, *fields: str) -> TrainConfig:
    """Return the configuration with the named weights at 0; a name is dotted, such as `paper.weights.identity`."""
    for path in fields:
        config = _replaced(config, path.split("."))
    return config


def _replaced(config: Any, path: Sequence[str]) -> Any:
    name, *rest = path
    return replace(config, **{name: _replaced(getattr(config, name), rest) if rest else 0.0})


PAPER = Recipe(
    "paper",
    "The run of Deng et al. (2022), unchanged: CelebA, ResNet-50 from ImageNet, Adam, 200,000 batches of 32, Eq. 6.",
    (
        Stage("prepare", prepare, count=PHOTOGRAPHS, config=TRAINING),
        Stage("paper", stages.train_paper, ("prepare",), config=TRAINING),
        *shown("paper"),
    ),
    datasets=("CelebA",),
)

LOSSES = {
    "identity (7)": ("paper.weights.identity",),
    "photometric (8)": ("paper.weights.photometric",),
    "landmarks (10)": ("paper.weights.landmarks",),
    "inner mouth (11)": ("paper.weights.inner_mouth",),
    "regularisation (12)": ("paper.weights.regularization",),
    "uniform (13)": ("paper.weights.uniform",),
    "dense landmarks": ("paper.dense_landmarks",),
    "scores": ("paper.extra.scores",),
    "shared identity": ("paper.extra.shared_identity",),
    "shared albedo": ("paper.extra.shared_albedo",),
    "labels": ("paper.label_weight",),
}
"""{loss: the weights that switch it off at 0}."""

FIGURES = {
    "color": ("photos", "color"),
    "color_std": ("photos", "color_std"),
    "nme68": ("photos", "nme68"),
    "shape": ("shape", "face"),
    "shape_std": ("shape", "face_std"),
    "regions": ("shape", "regions"),
    "expression": ("expression", "renders_active"),
    "key_angle": ("light", "key_angle"),
}
"""{figure of the table: section of the evaluation and its figure}."""

EXTENT = Extent(people=8, random_renders=40, shapes=120, layers=10, photos=60)

SHORT = replace(
    TrainConfig(),
    network=StudentConfig(resolution=112, frozen_blocks=3, detail_channels=40),
    steps=600,
    batch_size=8,
    photo_share=0.25,
    negative_share=0.0,
    backbone_rate=0.3,
    average=0.99,
    validation_samples=64,
    paper=PaperConfig(
        render_size=112,
        dense_landmarks=0.05,
        company=2,
        labelled=8,
        label_weight=0.3,
        extra=ExtraWeights(shared_identity=0.05, shared_albedo=0.02, scores=1.0),
    ),
)
"""A two-hundredth of what the paper trains: enough to tell what a loss is for, not how good a network becomes."""

LOSS_OF_STAGE = {f"without-{re.sub('[^a-z0-9]+', '-', name.lower()).strip('-')}": name for name in LOSSES}

_RUNS = (
    Stage("full", measured, config=SHORT),
    *(Stage(name, measured, config=without(SHORT, *LOSSES[loss])) for name, loss in LOSS_OF_STAGE.items()),
)

ABLATION = Recipe(
    "ablation",
    "Networks of the student's trunk at 112 px after 600 batches of 8 photos and 8 labelled crops, all with the same "
    "seed, each loss left out in turn. Colour error and NME on photos of held-out people (Table 1), shape of neutral "
    "faces, expression and light on held-out renders (Table 2); mean ± standard deviation, in brackets the change "
    "against the run with all losses.",
    (
        Stage("labels", stages.photo_labels),
        Stage("fits", stages.fits, ("labels",)),
        Stage("renders", stages.renders, ("fits",), count=5000),
        Stage("prepare", prepare, count=2000, config=SHORT),
        *_RUNS,
        Stage("table", table, tuple(stage.name for stage in _RUNS)),
    ),
    datasets=("lfw", "ytf", "utkface", "omi"),
)

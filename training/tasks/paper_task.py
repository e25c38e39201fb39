"""Learning from photos as the paper does, and from labelled crops beside them where the configuration says so."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from facemodel import CROP_SIZE, FaceModel, LimelightError, ParameterLayout
from training.config import PaperConfig, TrainConfig
from training.data.prepared import PhotoBatch, PreparedPhotos
from training.data.shards import shards_below
from training.data.storage import load_samples
from training.losses.label_objective import Batch
from training.losses.paper_objective import PaperObjective
from training.monitor import panel
from training.networks import Network, Prediction
from training.networks.facenet import FEATURES, load_identity_network
from training.render.lamps import LightDistribution, random_light
from training.render.random_faces import put_light
from training.sampling import shuffled_without_end, spread_evenly
from training.tasks.label_task import LabelTask
from training.tasks.paper_validation import network_input, validate_photos
from training.tasks.task import ParameterTask


class PhotoDraw:
    """Draws batches of photos; all of them come before any comes again.

    Args:
        person: (N,) equal for photos of one person.
        batch_size: photos a batch.
        company: pictures of one person that come together: each photo drawn brings others of the same person, as far
            as there are any, and strangers make up the rest.
        seed: of everything random.
    """

    def __init__(self, person: NDArray[np.int64], batch_size: int, company: int = 1, seed: int = 0) -> None:
        self._company = company
        self._photos = batch_size
        self._anchors = -(-batch_size // company)
        self._count = len(person)
        self._seed = seed
        order = np.argsort(person, kind="stable")
        self._people = np.split(order, np.flatnonzero(np.diff(person[order])) + 1)
        self._person = np.empty(len(person), np.int64)
        for number, photos in enumerate(self._people):
            self._person[photos] = number

    def __call__(self, step: int) -> NDArray[np.int64]:
        """Return the photos (B,) of batch number `step`."""
        rng = np.random.default_rng((self._seed, 3, step))
        anchors = shuffled_without_end(self._count, self._anchors, step, (self._seed, 5))
        chosen = [photo for anchor in anchors for photo in (anchor, *self._others(anchor, rng))][: self._photos]
        missing = self._photos - len(chosen)
        chosen += rng.choice(self._count, missing, replace=missing > self._count).tolist()
        return np.array(chosen, np.int64)

    def _others(self, anchor: int, rng: np.random.Generator) -> list[int]:
        """Return at most `company` - 1 other photos of the person on `anchor`."""
        photos = self._people[self._person[anchor]]
        others = photos[photos != anchor]
        return rng.permutation(others)[: self._company - 1].tolist() if self._company > 1 else []


@dataclass(frozen=True)
class PaperBatch:
    """Photos, and labelled crops beside them.

    Attributes:
        crop: (B + L, R, R, 3) uint8 RGB: the photos, then the labelled crops, as the network takes them.
        photos: B of them.
        labelled: L crops and their labels; None for none.
    """

    crop: Tensor
    photos: PhotoBatch
    labelled: Batch | None = None

    def to(self, device: torch.device) -> PaperBatch:
        """Return the batch on another device."""
        labelled = None if self.labelled is None else self.labelled.to(device)
        return PaperBatch(self.crop.to(device), self.photos.to(device), labelled)


class PaperTask(ParameterTask[PaperBatch]):
    """Learns from prepared photos, by `training.losses.paper_objective`.

    Args:
        config: of the run.
        model: the face model.
        photos: the training part.
        held_out: the validation part; None for none.
        recognizer: F of Eq. 7; None where its weight is 0.
        labelled: the task of the labelled crops; None for none.
    """

    def __init__(
        self,
        config: TrainConfig,
        model: FaceModel,
        photos: PreparedPhotos,
        held_out: PreparedPhotos | None,
        recognizer: nn.Module | None,
        labelled: LabelTask | None = None,
    ) -> None:
        paper = config.paper
        self.config = config
        self.model = model
        self.photos = photos
        self.held_out = held_out
        self.labelled = labelled
        self.labels = _in_some_light(model.layout, photos.parameters) if labelled is None else labelled.labels
        self.objective = _Objectives(
            PaperObjective(model, paper, recognizer, photos.parameters, photos.scores),
            None if labelled is None else labelled.objective,
        )
        self._draw = PhotoDraw(photos.person, config.batch_size, paper.company, config.seed)

    def batch(self, step: int) -> PaperBatch:
        photos = self.photos.batch(self._draw(step))
        crop = network_input(photos.image, self.config.network.resolution)
        labelled = None if self.labelled is None else self.labelled.batch(step)
        if labelled is not None:
            crop = torch.cat([crop, labelled.crop])
        return PaperBatch(crop, photos, labelled)

    def predict(self, network: Network, batch: PaperBatch, progress: float) -> Prediction:  # noqa: ARG002
        return network.predict(batch.crop)

    def loss(self, prediction: Prediction, batch: PaperBatch, progress: float) -> tuple[Tensor, dict[str, Tensor]]:
        count = len(batch.photos)
        total, terms = self.objective.paper(prediction.parameters[:count], batch.photos, progress)
        if batch.labelled is None or self.objective.labels is None:
            return total, terms
        known, others = self.objective.labels(prediction.take(slice(count, None)), batch.labelled)
        return total + self.config.paper.label_weight * known, {
            **terms,
            **{f"labels.{name}": value for name, value in others.items()},
        }

    def validate(self, network: Network) -> dict[str, float]:
        """Return the figures on held-out photos, see `training.tasks.paper_validation`, and on labelled crops, under
        `labels`."""
        figures: dict[str, float] = {}
        if self.held_out is not None:
            figures |= validate_photos(network, self.objective.paper, self.held_out, self.config.validation_samples)
        if self.labelled is not None:
            figures |= {f"labels.{name}": value for name, value in self.labelled.validate(network).items()}
        return figures

    def panels(self, network: Network, count: int) -> list[NDArray[np.uint8]]:
        photos = self.photos if self.held_out is None else self.held_out
        batch = photos.batch(spread_evenly(len(photos), count))
        crop = network_input(batch.image, self.config.network.resolution)
        with torch.inference_mode():
            parameters = network.predict(crop.to(next(network.parameters()).device)).parameters.cpu()
        pairs = zip(crop.numpy(), parameters.numpy(), strict=True)
        return [panel(self.model, image, vector) for image, vector in pairs]


def _in_some_light(layout: ParameterLayout, fits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return fits (N, P) with random albedo and light, of which points tell nothing: a network's outputs need a scale
    for both before it has learned them."""
    rng, vectors = np.random.default_rng(0), np.array(fits)
    for p in map(layout.view, vectors):
        p.albedo[:] = rng.standard_normal(p.albedo.shape)
        put_light(p, random_light(rng, LightDistribution()))
    return vectors


class _Objectives(nn.Module):
    """Holds both objectives, to be moved together."""

    def __init__(self, paper: PaperObjective, labels: nn.Module | None) -> None:
        super().__init__()
        self.paper = paper
        self.labels = labels


def open_paper_task(config: TrainConfig, model: FaceModel, root: Path, crops: Path | None = None) -> PaperTask:
    """Return the task with its data and the identity network.

    Args:
        config: of the run.
        model: the face model.
        root: folder of prepared photos, see `training.data.prepared`.
        crops: folder of prepared crops, see `training.data`, where `config.paper.labelled` asks for some.
    Raises LimelightError: photos or crops are missing, damaged or made for another face model, or the identity network
        cannot be had.
    """
    paper = config.paper
    recognizer = None
    if paper.weights.identity != 0.0:
        recognizer = load_identity_network(Path(config.cache))
    labelled = None
    if paper.labelled and crops is not None:
        samples = load_samples(crops, model, photos=config.photo_share > 0)
        labelled = LabelTask(replace(config, batch_size=paper.labelled), model, samples)
    features = FEATURES if recognizer is not None and _features_serve(paper, root) else None
    photos = PreparedPhotos(root, model, features=features)
    return PaperTask(config, model, photos, _held_out(root, model), recognizer, labelled)


def _features_serve(paper: PaperConfig, root: Path) -> bool:
    """Return whether every photo has features of the identity network, at the size that is rendered; else they are
    computed in every step."""
    shards = shards_below(root)
    name = f"features_{FEATURES}.npy"
    return paper.render_size == CROP_SIZE and all((shard / name).is_file() for shard in shards)


def _held_out(root: Path, model: FaceModel) -> PreparedPhotos | None:
    """Return the validation part; None where a data set has none."""
    try:
        return PreparedPhotos(root, model, ("validation",))
    except LimelightError:  # the training part has been read: nothing else is wrong
        return None

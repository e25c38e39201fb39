"""The paper's objective: every term alone, Eq. 6 as a whole, what lies beyond it, and training with it."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch import Tensor, nn

from facemodel import CROP_SIZE, FaceModel, LimelightError
from tests.toy_model import toy_model
from tests.training.prepared_photos import random_parameters, write_photos
from training.config import AugmentConfig, PaperConfig, TrainConfig
from training.data.prepared import PhotoBatch, PreparedPhotos
from training.data.storage import Samples
from training.losses import paper_losses
from training.losses.extra_losses import ExtraWeights
from training.losses.paper_losses import PaperWeights, encode_srgb
from training.losses.paper_objective import PaperObjective
from training.networks import ResNet50Config, StudentConfig, load_network
from training.networks.facenet import FaceNet, IdentityNetwork
from training.tasks import paper_task
from training.tasks.label_task import LabelTask
from training.tasks.paper_task import PaperTask, PhotoDraw, open_paper_task
from training.tasks.paper_validation import network_input
from training.train import Trainer

SIZE = 56
NOTHING = PaperWeights(0, 0, 0, 0, 0, 0)

POSE = {"rotation", "translation", "scale"}
SHAPE = {"identity", "expression"} | POSE
LIGHT = {"sh", "key_position", "key_color", "shininess"}
EVERYTHING = SHAPE | LIGHT | {"albedo"}

PAPER_TERMS = {
    "identity": EVERYTHING,
    "photometric": EVERYTHING,
    "landmarks": SHAPE,
    "inner_mouth": SHAPE,
    "regularization": {"identity", "expression", "albedo"},
    "uniform": {"identity", "expression", "albedo", "rotation", "sh"},
}
EXTRA_TERMS = {
    "dense_landmarks": SHAPE,
    "scores": {"expression"},
    "shared_identity": {"identity"},
    "shared_albedo": {"albedo"},
}
"""Groups of the parameter vector that each term depends on."""


@pytest.fixture(scope="module")
def toy() -> FaceModel:
    return toy_model(n_identity=3, n_expression=52, n_albedo=2)


@pytest.fixture(scope="module")
def truth(toy: FaceModel) -> np.ndarray:
    return random_parameters(toy, 12)


@pytest.fixture(scope="module")
def photos(toy: FaceModel, truth: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> PreparedPhotos:
    """Two photos each of two people, a clip of three frames, five of five others; two photos of the validation part."""
    root = tmp_path_factory.mktemp("prepared")
    persons = ["a", "a", "b", "b", "c", "c", "c", *"defgh"]
    names = [f"toy/{n}" for n in range(4)] + [f"toy/clip.mp4#{10 * n}" for n in range(3)] + [*"defgh"]
    write_photos(root, toy, truth, persons, names, ["train"] * 10 + ["validation"] * 2)
    return PreparedPhotos(root, toy)


@pytest.fixture(scope="module")
def held_out(photos: PreparedPhotos, toy: FaceModel) -> PreparedPhotos:
    return PreparedPhotos(photos._shards[0].parent.parent, toy, ("validation",))


@pytest.fixture(scope="module")
def recognizer() -> IdentityNetwork:
    torch.manual_seed(5)
    return IdentityNetwork(FaceNet(shrink=16), (112.0, 112.0), 180.0)


@pytest.fixture(scope="module")
def batch(photos: PreparedPhotos, toy: FaceModel, truth: np.ndarray) -> PhotoBatch:
    """The first seven photos; the labelled inner mouth is the toy's own, whose landmarks are none of MediaPipe's."""
    found = photos.batch(range(7))
    with torch.no_grad():
        drawn = objective_of(toy, photos, PaperConfig(render_size=CROP_SIZE)).renderer(known(truth))
    return replace(found, inner_mouth=drawn.inner_mouth.clamp(0, 1), face=drawn.mask, skin=drawn.mask)


def known(truth: np.ndarray) -> Tensor:
    """The true parameters of the batch's photos, to be changed at will."""
    return torch.from_numpy(truth[:7].copy())


def objective_of(
    toy: FaceModel, photos: PreparedPhotos, config: PaperConfig, recognizer: nn.Module | None = None
) -> PaperObjective:
    return PaperObjective(toy, config, recognizer, photos.parameters, photos.scores)


def only(name: str, value: float = 1.0) -> PaperConfig:
    """A configuration with one term on."""
    if name in PAPER_TERMS:
        weights = replace(NOTHING, **{name: value}, inner_mouth_start=0.0)
        return PaperConfig(render_size=SIZE, weights=weights)
    if name == "dense_landmarks":
        return PaperConfig(render_size=SIZE, weights=NOTHING, dense_landmarks=value)
    return PaperConfig(render_size=SIZE, weights=NOTHING, extra=ExtraWeights(**{name: value}))


def away(toy: FaceModel, truth: np.ndarray, seed: int = 3) -> Tensor:
    """Parameters near the truth."""
    rng = np.random.default_rng(seed)
    vectors = truth.copy()
    for vector in vectors:
        p = toy.layout.view(vector)
        p.identity[:] += rng.normal(0, 0.3, p.identity.shape)
        p.expression[:] += rng.uniform(0, 0.1, p.expression.shape)
        p.albedo[:] += rng.normal(0, 0.3, p.albedo.shape)
        p.translation[:] += rng.normal(0, 3, 2)
        p.scale = p.scale * 1.03
        p.sh[:] += rng.normal(0, 0.1, p.sh.shape)
        p.key_color[:] *= 1.3
    return torch.from_numpy(vectors)


@pytest.mark.parametrize(("name", "groups"), [*PAPER_TERMS.items(), *EXTRA_TERMS.items()])
def test_a_term_alone_is_the_loss_and_pulls_what_it_depends_on(
    toy: FaceModel,
    truth: np.ndarray,
    photos: PreparedPhotos,
    recognizer: nn.Module,
    batch: PhotoBatch,
    name: str,
    groups: set[str],
) -> None:
    parameters = away(toy, truth[:7]).requires_grad_()
    loss, terms = objective_of(toy, photos, only(name, 2.0), recognizer)(parameters, batch, 0.5)
    assert list(terms) == [name] and terms[name] > 0
    assert loss.item() == pytest.approx(2.0 * terms[name].item(), rel=1e-5)
    loss.backward()
    pulled = {group for group, span in toy.layout.slices.items() if parameters.grad[:, span].abs().max() > 0}
    assert pulled == groups and parameters.grad.isfinite().all()


@pytest.mark.parametrize("name", ["identity", "photometric", "landmarks", "inner_mouth", "dense_landmarks", "scores"])
def test_a_term_is_least_at_the_truth(
    toy: FaceModel,
    truth: np.ndarray,
    photos: PreparedPhotos,
    recognizer: nn.Module,
    batch: PhotoBatch,
    name: str,
) -> None:
    objective = objective_of(toy, photos, replace(only(name), render_size=CROP_SIZE), recognizer)
    with torch.no_grad():
        at_truth = objective(known(truth), batch, 1.0)[0]
        elsewhere = objective(away(toy, truth[:7]), batch, 1.0)[0]
    assert at_truth < 0.5 * elsewhere


def test_the_whole_is_eq_6_of_its_parts(
    toy: FaceModel, truth: np.ndarray, photos: PreparedPhotos, recognizer: IdentityNetwork, batch: PhotoBatch
) -> None:
    """Written out with the paper's weights; Eq. 11 joins at a quarter."""
    config = PaperConfig(render_size=CROP_SIZE)
    objective = objective_of(toy, photos, config, recognizer)
    parameters = away(toy, truth[:7])
    spans = {name: parameters[:, span] for name, span in toy.layout.slices.items()}
    with torch.no_grad():
        drawn = objective.renderer(parameters)
        full, diffuse = encode_srgb(drawn.diffuse + drawn.specular), encode_srgb(drawn.diffuse)
        over = torch.where(drawn.covered[..., None] > 0, full.clamp(max=1), batch.image)
        spread = torch.from_numpy(photos.parameters[:, toy.layout.slices["expression"]]).square().mean(0).sqrt()
        regularization = paper_losses.regularization(
            spans["identity"], spans["albedo"], spans["expression"], spread.clamp(min=0.05)
        )
        mu = paper_losses.landmark_weights(20.0)
        expected = (
            0.2 * paper_losses.identity(recognizer(over), recognizer(batch.image))
            + 1.92 * paper_losses.photometric(batch.image, diffuse, full, batch.face, drawn.mask, batch.skin, 1.0)
            + 1.8e-3 * paper_losses.landmarks(drawn.landmarks68, batch.landmarks68, mu)
            + 5e-4 * regularization
            + 5.0 * paper_losses.uniform(drawn.lit, spans["sh"])
        ).mean()
        mouth = 1.3e-3 * paper_losses.inner_mouth(drawn.inner_mouth, batch.inner_mouth).mean()
        early, terms = objective(parameters, batch, 0.24)
        late, _ = objective(parameters, batch, 0.25)
    assert set(terms) == set(PAPER_TERMS)
    assert early.item() == pytest.approx(expected.item(), rel=1e-4)
    assert late.item() == pytest.approx((expected + mouth).item(), rel=1e-4) and mouth > 0.01 * expected


def test_stored_features_stand_for_those_of_the_photos(
    toy: FaceModel, truth: np.ndarray, photos: PreparedPhotos, recognizer: IdentityNetwork, batch: PhotoBatch
) -> None:
    objective = objective_of(toy, photos, replace(only("identity"), render_size=CROP_SIZE), recognizer)
    parameters = away(toy, truth[:7])
    with torch.no_grad():
        stored = replace(batch, features=recognizer(batch.image))
        own, theirs = (objective(parameters, b, 0.0)[0] for b in (batch, stored))
        other = objective(parameters, replace(batch, features=torch.ones(7, 128)), 0.0)[0]
    assert own == theirs != other


def test_the_recognition_network_sees_the_face_over_its_photo(
    toy: FaceModel, truth: np.ndarray, photos: PreparedPhotos, batch: PhotoBatch
) -> None:
    seen: list[Tensor] = []

    class Watcher(nn.Module):
        def forward(self, crop: Tensor) -> Tensor:
            seen.append(crop.detach())
            return crop.mean(dim=(1, 2))

    config = replace(only("identity"), render_size=CROP_SIZE)
    objective = objective_of(toy, photos, config, Watcher())
    parameters = known(truth)
    dark = parameters.clone()
    dark[:, toy.layout.slices["sh"]] = 0.0
    dark[:, toy.layout.slices["key_color"]] = 0.0
    objective(dark, batch, 0.0)
    covered = objective.renderer(parameters).covered > 0
    reference, drawn = seen
    assert torch.equal(reference, batch.image) and torch.equal(drawn[~covered], batch.image[~covered])
    assert drawn[covered].max() == 0.0 and 0.1 < covered.float().mean() < 0.9


def test_what_concerns_some_photos_counts_by_their_share(
    toy: FaceModel, truth: np.ndarray, photos: PreparedPhotos, batch: PhotoBatch
) -> None:
    """The same two photos of one person, alone and among strangers."""
    objective = objective_of(toy, photos, only("shared_identity"))
    parameters = away(toy, truth[:7])
    strangers = replace(batch, person=torch.tensor([0, 0, 1, 2, 3, 4, 5]))
    loss, terms = objective(parameters, strangers, 0.0)
    assert loss.item() == pytest.approx(2 / 7 * terms["shared_identity"].item(), rel=1e-5)
    difference = parameters[0, :3] - parameters[1, :3]
    assert terms["shared_identity"].item() == pytest.approx(difference.square().mean().item() / 2, rel=1e-4)


def test_scores_that_are_doubted_or_missing_hardly_count(
    toy: FaceModel, truth: np.ndarray, photos: PreparedPhotos, batch: PhotoBatch
) -> None:
    objective = objective_of(toy, photos, only("scores"))
    names = toy.expression_names
    start = toy.layout.slices["expression"].start
    errors = {}
    for name in ("mouthSmileLeft", "cheekPuff", "noseSneerLeft", "tongueOut"):
        parameters = known(truth)
        scores = parameters[:, toy.layout.slices["expression"]] / objective.gains
        parameters[:, start + names.index(name)] += 0.3
        exact = replace(batch, scores=scores)
        errors[name] = objective(parameters, exact, 0.0)[0].item()
    assert errors["mouthSmileLeft"] > 9 * errors["cheekPuff"] > 0 and errors["tongueOut"] < 1e-9
    assert errors["cheekPuff"] == pytest.approx(errors["noseSneerLeft"], rel=1e-3)


def test_parameters_that_are_not_finite_make_the_loss_so(
    toy: FaceModel, truth: np.ndarray, photos: PreparedPhotos, batch: PhotoBatch
) -> None:
    parameters = known(truth)
    parameters[2, 5] = math.nan
    loss, terms = objective_of(toy, photos, only("landmarks"))(parameters, batch, 0.0)
    assert loss.isnan() and not terms


def test_photos_are_seen_at_the_networks_resolution() -> None:
    image = torch.rand(2, 64, 64, 3)
    assert torch.equal(network_input(image, 64), (255 * image).round().to(torch.uint8))
    small = network_input(image, 16)
    assert small.shape == (2, 16, 16, 3) and small.dtype == torch.uint8 and small.is_contiguous()
    assert small.float().std() < 0.5 * 255 * image.std()  # averaged, not picked


def test_draws_repeat_cover_everything_and_bring_company() -> None:
    person = np.repeat(np.arange(9), 3)[:25]
    plain = PhotoDraw(person, 5, seed=1)
    assert np.array_equal(plain(3), plain(3)) and not np.array_equal(plain(3), plain(4))
    assert sorted(np.concatenate([plain(step) for step in range(5)])) == list(range(25))
    pairs = PhotoDraw(person, 8, company=2)
    for step in range(12):
        index = pairs(step)
        assert len(index) == 8 and len(set(index[::2])) == 4
        first, second = person[index[:6:2]], person[index[1:6:2]]
        alone = person[index] == 8  # this one has a single photo
        assert alone.any() or (np.array_equal(first, second) and (index[::2] != index[1::2]).all())


def tiny_config(**changes: object) -> TrainConfig:
    return replace(
        TrainConfig(
            pretrained=False,
            steps=8,
            batch_size=4,
            threads=1,
            warmup=0.0,
            schedule="constant",
            optimizer="adam",
            weight_decay=0.0,
            checkpoint_minutes=60.0,
            validation_minutes=60.0,
            network=StudentConfig(resolution=32, head_channels=8, hidden=32, frozen_blocks=0, dropout=0.1),
            paper=PaperConfig(render_size=SIZE),
        ),
        **changes,
    )


def trainer_of(
    config: TrainConfig,
    toy: FaceModel,
    photos: PreparedPhotos,
    recognizer: nn.Module,
    folder: Path,
    held_out: PreparedPhotos | None = None,
    labelled: Samples | None = None,
) -> Trainer:
    known = None if labelled is None else LabelTask(replace(config, batch_size=config.paper.labelled), toy, labelled)
    return Trainer(config, PaperTask(config, toy, photos, held_out, recognizer, known), folder)


def test_thirty_steps_lower_the_loss(
    toy: FaceModel, photos: PreparedPhotos, recognizer: nn.Module, tmp_path: Path
) -> None:
    trainer = trainer_of(tiny_config(steps=1000, learning_rate=3e-3), toy, photos, recognizer, tmp_path)
    batch = trainer.task.batch(0)
    found = [trainer.train_step(batch)[0] for _ in range(30)]
    assert min(found[-3:]) < 0.75 * found[0]


@pytest.mark.parametrize(
    "network",
    [
        ResNet50Config(resolution=32),
        StudentConfig(resolution=32, head_channels=8, hidden=16, frozen_blocks=0),
    ],
    ids=["resnet50", "student"],
)
def test_a_resumed_run_ends_with_the_same_weights(
    toy: FaceModel,
    photos: PreparedPhotos,
    recognizer: nn.Module,
    tmp_path: Path,
    network: ResNet50Config | StudentConfig,
) -> None:
    """Across the step at which the inner mouth joins."""
    paper = PaperConfig(render_size=SIZE, company=2)
    config = tiny_config(network=network, paper=paper, steps=4)
    whole, part, again = (trainer_of(config, toy, photos, recognizer, tmp_path) for _ in range(3))
    for step in range(3):
        whole.train_step(whole.task.batch(step))
    part.train_step(part.task.batch(0))
    path = part.save()
    again.resume(path)
    for step in range(again.step, 3):
        again.train_step(again.task.batch(step))
    for name, value in whole.network.state_dict().items():
        assert torch.equal(value, again.network.state_dict()[name]), name
    for name, value in whole.average.weights.items():
        assert torch.equal(value, again.average.weights[name]), name
    assert load_network(path).config == network
    path.unlink()  # hundreds of megabytes


def test_figures_and_faces_of_held_out_photos_are_shown(
    toy: FaceModel, photos: PreparedPhotos, held_out: PreparedPhotos, recognizer: nn.Module, tmp_path: Path
) -> None:
    trainer = trainer_of(tiny_config(steps=21), toy, photos, recognizer, tmp_path, held_out)
    figures = trainer.run()
    assert {f"loss.{name}" for name in PAPER_TERMS} <= set(figures)
    assert 0.0 < figures["photo.color_error"] < 0.5 and 0.0 < figures["photo.nme68"] < 0.5
    events = EventAccumulator(str(trainer.folder / "events"))
    events.Reload()
    assert {"loss/total", "loss/photometric", "photo/nme68", "photo/color_error"} <= set(events.Tags()["scalars"])
    assert {"faces/0", "faces/1"} == set(events.Tags()["images"])


def test_a_batch_that_is_not_finite_is_kept_and_changes_nothing(
    toy: FaceModel, photos: PreparedPhotos, recognizer: nn.Module, tmp_path: Path
) -> None:
    trainer = trainer_of(tiny_config(), toy, photos, recognizer, tmp_path)
    batch = trainer.task.batch(0)
    bad = replace(batch, photos=replace(batch.photos, landmarks68=torch.full((4, 68, 2), math.nan)))
    before = trainer.network.regressor.weight.clone()
    with pytest.raises(LimelightError, match=r"diverged at step 20: .*bad_batch\.pt"):  # noqa: PT012
        for _ in range(30):
            trainer.train_step(bad)
    assert torch.equal(before, trainer.network.regressor.weight)
    saved = torch.load(trainer.folder / "bad_batch.pt", weights_only=True)
    assert saved["photos"]["landmarks68"].isnan().all() and torch.equal(saved["crop"], batch.crop)


def test_labelled_crops_are_learned_from_beside_the_photos(
    toy: FaceModel, truth: np.ndarray, photos: PreparedPhotos, recognizer: nn.Module, tmp_path: Path
) -> None:
    """Their loss alone trains where the paper's weights are 0; theirs is weighted, and their figures are apart."""
    yes, no = np.ones(12, bool), np.zeros(12, bool)
    images = np.stack([photos.image(i % 10) for i in range(12)])
    crops = Samples(
        images,
        truth,
        np.tile(photos.landmarks478[:1], (12, 1, 1)),
        yes,
        no,
        yes,
        yes,
        np.arange(12) > 9,
        extent=float(CROP_SIZE),
    )
    still = AugmentConfig(**dict.fromkeys(AugmentConfig.__dataclass_fields__, 0))
    paper = PaperConfig(render_size=SIZE, weights=NOTHING, dense_landmarks=0.1, labelled=3, label_weight=0.5)
    config = tiny_config(paper=paper, augment=still, photo_share=0.0, negative_share=0.0)
    trainer = trainer_of(config, toy, photos, recognizer, tmp_path, labelled=crops)
    batch = trainer.task.batch(0)
    assert batch.crop.shape == (7, 32, 32, 3) and torch.equal(batch.crop[4:], batch.labelled.crop)
    trainer.network.eval()
    prediction = trainer.task.predict(trainer.network, batch, 0.0)
    loss, terms = trainer.task.loss(prediction, batch, 0.0)
    objective = trainer.task.objective
    labelled, _ = objective.labels(trainer.network.predict(batch.labelled.crop), batch.labelled)
    dense = terms["dense_landmarks"]
    assert loss.item() == pytest.approx(0.1 * dense.item() + 0.5 * labelled.item(), rel=1e-4)
    assert {"dense_landmarks", "labels.landmarks", "labels.rotation"} <= set(terms)
    assert "labels.render.nme68" in trainer.task.validate(trainer.averaged_network())


@pytest.mark.parametrize(("size", "stored"), [(CROP_SIZE, True), (SIZE, False)])
def test_prepared_features_are_used_where_they_are_as_sharp_as_the_renders(
    toy: FaceModel, truth: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int, stored: bool
) -> None:
    monkeypatch.setattr(paper_task, "load_identity_network", lambda _cache: nn.Identity())
    config = tiny_config(paper=PaperConfig(render_size=size))
    write_photos(tmp_path / "photos", toy, truth[:5], list("abcde"))
    assert open_paper_task(config, toy, tmp_path / "photos").batch(0).photos.features is None
    np.save(tmp_path / "photos" / "toy" / "shard_00000" / "features_facenet.npy", np.ones((5, 8), np.float32))
    features = open_paper_task(config, toy, tmp_path / "photos").batch(0).photos.features
    assert (features is not None) == stored and (features is None or features.shape == (4, 8))


def test_without_data_it_is_one_line(tmp_path: Path, toy: FaceModel) -> None:
    with pytest.raises(LimelightError, match="nothing prepared there"):
        open_paper_task(tiny_config(paper=PaperConfig(weights=NOTHING)), toy, tmp_path / "photos")

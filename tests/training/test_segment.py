"""Training the U-Net and applying it: augmentation, overfitting, exact resume, clean stops, the shipped weights."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from facemodel import CROP_SIZE, LimelightError
from training.config import TrainConfig
from training.data.class_maps import ClassMapRenderer
from training.data.face_classes import ALLOWED, CLASSES, IGNORED, LABELS, face_mask, label_of
from training.data.segmentation import load_segmentation
from training.data.segmenter import SegmentationCheckpoint, Segmenter
from training.data.storage import EXTENT
from training.data.synthetic import SceneConfig
from training.networks.checkpoint import read_checkpoint
from training.networks.unet import UNetConfig
from training.render.degrade import CLEAN
from training.render.random_faces import FaceDistribution, RandomFaces
from training.render.scenery import Backgrounds
from training.tasks.segment import (
    SegmentationAugment,
    SegmentConfig,
    SegmentTask,
    changed,
    class_iou,
    resized,
)
from training.train import Trainer

_STILL = SegmentationAugment(*(0.0,) * 10)
_TINY = SegmentConfig(network=UNetConfig(width=4, depth=2), augment=SegmentationAugment(), resolution=24)
_SHORT = TrainConfig(steps=6, batch_size=3, learning_rate=2e-3, average=0.99, threads=1)
_COLORS = {"background": (30, 30, 30), "skin": (220, 170, 140), "hair": (90, 50, 20), "l_eye": (20, 60, 220)}


def scene(size: int, shift: int) -> tuple[np.ndarray, np.ndarray]:
    """A face of four flat colours and its labels."""
    labels = np.zeros((size, size), np.uint8)
    unit = size // 8
    labels[unit : 7 * unit, unit + shift : 5 * unit + shift] = label_of("skin")
    labels[unit : 3 * unit, unit + shift : 5 * unit + shift] = label_of("hair")
    labels[4 * unit : 5 * unit, 3 * unit + shift : 5 * unit + shift] = label_of("l_eye")
    palette = np.zeros((256, 3), np.uint8)
    for name, color in _COLORS.items():
        palette[label_of(name)] = color
    return palette[labels], labels


@pytest.fixture
def prepared(tmp_path) -> Path:
    """Six pictures of 24 px, one of them held out."""
    shard = tmp_path / "data" / "renders" / "shard_00000"
    shard.mkdir(parents=True)
    images, labels = zip(*(scene(24, shift) for shift in range(6)), strict=True)
    np.save(shard / "images.npy", np.stack(images))
    np.save(shard / "labels.npy", np.stack(labels))
    np.save(shard / "held_out.npy", np.arange(6) == 2)
    return tmp_path / "data"


def trainer(prepared: Path, unet: SegmentConfig = _TINY, folder: str = "run", config: TrainConfig = _SHORT) -> Trainer:
    return Trainer(config, SegmentTask(config, unet, load_segmentation(prepared)), prepared.parent / folder)


def checkpoint(run: Trainer) -> SegmentationCheckpoint:
    return SegmentationCheckpoint.from_dict(run.task.saved(run.network, run.average.weights)["unet"])


def test_labels_move_with_the_picture():
    moved = replace(_STILL, shift=0.1, scale=0.2, angle=30.0)
    image, labels = scene(64, 8)
    for seed in range(8):
        new_image, new_labels = changed(image, labels, moved, np.random.default_rng(seed))
        distance = [np.abs(new_image.astype(int) - color).sum(axis=2) for color in _COLORS.values()]
        shown = np.array([label_of(name) for name in _COLORS])[np.argmin(distance, axis=0)]
        known = new_labels != IGNORED
        assert (shown == new_labels)[known].mean() > 0.95
        assert not known.all() or not (new_image == image).all()
    assert not known.all()


def test_a_mirrored_picture_swaps_the_eyes():
    image, labels = scene(64, 0)
    new_image, new_labels = changed(image, labels, replace(_STILL, flip_share=1.0), np.random.default_rng(0))
    np.testing.assert_array_equal(new_image, image[:, ::-1])
    assert (new_labels[labels[:, ::-1] == label_of("l_eye")] == label_of("r_eye")).all()
    assert (new_labels == label_of("skin")).sum() == (labels == label_of("skin")).sum()


def test_colours_change_within_bounds_and_labels_do_not():
    image, labels = scene(64, 0)
    for seed in range(20):
        exposed, same = changed(image, labels, replace(_STILL, exposure=0.2), np.random.default_rng(seed))
        np.testing.assert_array_equal(same, labels)
        ratio = exposed[10, 60].astype(float) / image[10, 60]
        assert (ratio > np.exp(-0.2) - 0.03).all() and (ratio < np.exp(0.2) + 0.03).all()
    gray, _ = changed(image, labels, replace(_STILL, gray_share=1.0), np.random.default_rng(0))
    assert (gray[..., 0] == gray[..., 1]).all() and (gray[..., 1] == gray[..., 2]).all()


def test_batches_are_of_the_training_part_and_a_function_of_seed_and_step(prepared):
    samples = load_segmentation(prepared)

    def batch(step: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
        config = replace(_SHORT, batch_size=30, seed=seed)
        made = SegmentTask(config, replace(_TINY, augment=_STILL), samples).batch(step)
        return made.images, made.labels

    images, labels = batch(4, 1)
    assert images.shape == (30, 3, 24, 24) and labels.shape == (30, 24, 24) and images.max() <= 1.0
    torch.testing.assert_close(batch(4, 1)[0], images)
    assert not torch.equal(batch(5, 1)[0], images)
    assert not torch.equal(batch(4, 2)[0], images)
    held_out = torch.from_numpy(samples.labels[2])
    assert not any(torch.equal(one, held_out) for one in labels)


def test_prepared_pictures_are_resized_to_the_input(prepared):
    image, labels = resized(load_segmentation(prepared), 0, 48)
    assert image.shape == (48, 48, 3) and set(np.unique(labels)) == {label_of(name) for name in _COLORS}


def test_iou_by_hand():
    tally = np.zeros((len(LABELS), 19), np.int64)
    tally[label_of("skin"), label_of("skin")] = 70
    tally[label_of("skin"), label_of("hair")] = 10
    tally[label_of("skin"), label_of("nose")] = 8
    tally[label_of("hair"), label_of("hair")] = 50
    tally[label_of("hair"), label_of("skin")] = 5
    tally[label_of("skin_elsewhere"), label_of("skin")] = 15  # the set excludes skin
    tally[label_of("skin_elsewhere"), label_of("neck")] = 1000  # and allows necks
    found = class_iou(tally)
    assert found["skin"] == pytest.approx(70 / (70 + 10 + 8 + 5 + 15))
    assert found["hair"] == pytest.approx(50 / (50 + 5 + 10))
    assert found["mean"] == pytest.approx((found["skin"] + found["hair"]) / 2)
    # Face: 70 + 8 found, 10 missed, 5 + 15 where there is none.
    assert found["face"] == pytest.approx(78 / (78 + 10 + 20))
    assert set(found) == {"face", "mean", "skin", "hair"}


def test_iou_of_perfect_answers_is_one():
    tally = np.zeros((len(LABELS), 19), np.int64)
    tally[np.arange(19), np.arange(19)] = 7
    assert set(class_iou(tally).values()) == {1.0} and len(class_iou(tally)) == 21


def test_a_tiny_set_is_learned_by_heart(prepared):
    """Half of the background of every picture is labelled with a set that has it."""
    path = prepared / "renders" / "shard_00000" / "labels.npy"
    labels = np.load(path)
    vague = labels.copy()
    vague[:, 12:][labels[:, 12:] == label_of("background")] = label_of("skin_elsewhere")
    np.save(path, vague)
    config = replace(_SHORT, steps=100, average=0.9, batch_size=4, learning_rate=1e-2)
    run = trainer(prepared, replace(_TINY, network=UNetConfig(8, 2), augment=_STILL), config=config)
    losses = [run.train_step(run.task.batch(step))[0] for step in range(config.steps)]
    assert losses[-1] < 0.1 * losses[0]
    network = checkpoint(run).build()
    for index in (0, 1, 3, 4, 5):
        image = torch.from_numpy(run.task.samples.images[index].transpose(2, 0, 1)[None] / np.float32(255))
        found = network(image).argmax(dim=1)[0].numpy()
        assert ALLOWED[vague[index], found].mean() > 0.95
        assert (found == labels[index])[vague[index] < len(CLASSES)].mean() > 0.95
    assert run.task.validate(run.averaged_network())["renders.face"] > 0.8


def test_a_run_may_begin_with_the_weights_of_another_resolution(prepared):
    first = trainer(prepared)
    first.train_step(first.task.batch(0))
    path = first.save()
    second = trainer(prepared, replace(_TINY, resolution=16, initial=path), "second")
    for name, weight in checkpoint(first).weights.items():
        assert torch.equal(weight, second.network.state_dict()[name]), name
    with pytest.raises(LimelightError, match="its network is"):
        trainer(prepared, replace(_TINY, network=UNetConfig(8, 2), initial=path), "second")


def test_only_held_out_pictures_are_nothing_to_train_on(prepared):
    np.save(prepared / "renders" / "shard_00000" / "held_out.npy", np.ones(6, bool))
    with pytest.raises(LimelightError, match="every picture is held out"):
        trainer(prepared)


def test_a_trained_network_is_applied_and_goes_on(prepared, tmp_path):
    run = trainer(prepared, config=replace(_SHORT, steps=2, precision="bfloat16"))
    assert 0.0 <= run.run()["renders.face"] <= 1.0
    classes = Segmenter.load(run.last)(np.zeros((20, 30, 3), np.uint8))
    assert classes.shape == (20, 30) and classes.dtype == np.uint8
    further = trainer(prepared, config=replace(_SHORT, steps=4))
    further.run()
    assert read_checkpoint(run.last, ("unet",))["step"] == further.step == 4


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "no such file"),
        (b"junk", "unreadable or truncated"),
        ({"network": {}}, "not a Limelight checkpoint"),
        ({"unet": {"config": {"width": 4, "height": 2}, "resolution": 24, "weights": {}}}, "of this version"),
        ({"unet": {"config": {"width": 4, "depth": 2}, "resolution": 24, "weights": {}}}, "of this version"),
        ({"unet": {}}, "of this version"),
    ],
)
def test_a_bad_file_is_one_clear_line(tmp_path, content, message):
    path = tmp_path / "segmentation.pt"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        torch.save(content, path)
    with pytest.raises(LimelightError, match=message) as caught:
        Segmenter.load(path)
    assert "\n" not in str(caught.value) and str(path) in str(caught.value)


def test_a_truncated_file_is_one_clear_line(tmp_path, prepared):
    path = trainer(prepared).save()
    path.write_bytes(path.read_bytes()[:-500])
    with pytest.raises(LimelightError, match="unreadable or truncated"):
        Segmenter.load(path)


def test_a_picture_of_another_kind_is_refused(prepared):
    segmenter = Segmenter(checkpoint(trainer(prepared)))
    for image in (np.zeros((8, 8), np.uint8), np.zeros((8, 8, 3), np.float32), np.zeros((8, 8, 4), np.uint8)):
        with pytest.raises(ValueError, match="expected"):
            segmenter(image)


def test_faces_reach_the_network_as_large_as_in_training(prepared, monkeypatch):
    run = trainer(prepared)
    segmenter = Segmenter(SegmentationCheckpoint(_TINY.network, 160, run.average.weights))
    sizes = []
    forward = segmenter._network.forward
    monkeypatch.setattr(segmenter._network, "forward", lambda x: sizes.append(tuple(x.shape[2:])) or forward(x))
    for image, extent in (((224, 224), CROP_SIZE), ((112, 112), CROP_SIZE), ((160, 160), EXTENT), ((56, 112), 56.0)):
        probability = segmenter.probabilities(np.zeros((*image, 3), np.uint8), extent)
        assert probability.shape == (*image, 19)
        np.testing.assert_allclose(probability.sum(axis=2), 1.0, atol=1e-4)
    assert sizes == [(128, 128), (128, 128), (160, 160), (16, 32)]


@pytest.fixture(scope="module")
def shipped() -> Segmenter:
    return Segmenter.load()


def test_the_shipped_weights_know_the_parts_of_fresh_renders(model, shipped):
    """Scenes that no training saw. Measured: 0.86 for the face; a mask of everything would have about 0.2."""
    config = SceneConfig(glasses_share=0.25, occluder_share=0.25, hat_share=0.08)
    backgrounds = Backgrounds(config.render_size, [], np.random.default_rng(99))
    renderer = ClassMapRenderer(model, config, backgrounds, RandomFaces(model, config.faces))
    tally = np.zeros((len(ALLOWED), 19), np.int64)
    for seed in range(24):
        picture, classes = renderer(np.random.default_rng((12345, seed)))
        np.add.at(tally, (classes, shipped(picture, EXTENT)), 1)
    iou = class_iou(tally)
    assert iou["face"] > 0.8
    assert min(iou[name] for name in ("skin", "nose", "hair", "neck", "background")) > 0.6


def test_the_shipped_weights_tell_left_from_right(model, shipped):
    """Mirroring a picture mirrors the answer."""
    bare = {f"{name}_share": 0.0 for name in ("hair", "glasses", "hat", "headphones", "occluder")}
    config = replace(SceneConfig(faults=CLEAN, faces=FaceDistribution(frontal_share=1.0)), **bare)
    backgrounds = Backgrounds(config.render_size, [], np.random.default_rng(99))
    renderer = ClassMapRenderer(model, config, backgrounds, RandomFaces(model, config.faces))
    picture, _ = renderer(np.random.default_rng(7))
    left, right = (shipped(p, EXTENT) == label_of("l_brow") for p in (picture, picture[:, ::-1].copy()))
    assert left.sum() > 5 and right.sum() > 5
    assert np.nonzero(left)[1].mean() > np.nonzero(shipped(picture, EXTENT) == label_of("r_brow"))[1].mean()


def test_a_crop_and_its_margin_agree(model, shipped):
    """The 224 px crop and the 280 px that a prepared picture shows mostly give the same answer in the middle."""
    config = SceneConfig(occluder_share=0.0)
    backgrounds = Backgrounds(config.render_size, [], np.random.default_rng(99))
    renderer = ClassMapRenderer(model, config, backgrounds, RandomFaces(model, config.faces))
    agreeing = []
    for seed in range(7):
        picture, _ = renderer(np.random.default_rng(seed))
        large = cv2.resize(picture, (280, 280), interpolation=cv2.INTER_LINEAR)
        whole = shipped(large, EXTENT)[28:252, 28:252]
        cropped = shipped(large[28:252, 28:252].copy())
        agreeing.append((face_mask(whole) == face_mask(cropped)).mean())
    assert np.median(agreeing) > 0.95 and min(agreeing) > 0.7


def test_the_shipped_file_is_small():
    from importlib.resources import files

    path = Path(str(files("training") / "assets" / "segmentation.pt"))
    assert path.stat().st_size < 4.3e6
    weights = read_checkpoint(path, ("unet",))["unet"]["weights"]
    assert {w.dtype for w in weights.values() if w.is_floating_point()} == {torch.float16}
    assert len(CLASSES) == weights["head.weight"].shape[0]

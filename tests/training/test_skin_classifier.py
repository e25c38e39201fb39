"""The skin classifier, its file, and the pixels that it learns from."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from sklearn.mixture import GaussianMixture

from facemodel import LimelightError
from training.data.face_classes import IGNORED, label_of
from training.data.photo_labels import default_photos
from training.data.segmentation import load_segmentation
from training.data.skin_classifier import (
    ClassifierConfig,
    SkinClassifier,
    even_tones,
    gaussians,
    learn_skin,
    separation,
    ycbcr,
)
from training.data.skin_pixels import LabelledPixels, SegmentationTeacher, labelled_pixels

_LIGHT, _DARK = np.array([225, 180, 155]), np.array([80, 52, 40])


def colors_around(center: np.ndarray, count: int, seed: int, spread: float = 12.0) -> np.ndarray:
    return np.clip(np.random.default_rng(seed).normal(center, spread, (count, 3)), 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def pixels() -> LabelledPixels:
    """Skin of which one in twenty is dark, and green and grey things."""
    skin = [colors_around(_LIGHT, 3800, 0), colors_around(_DARK, 200, 1)]
    other = [colors_around(np.array([60, 140, 50]), 2000, 2), colors_around(np.array([70, 70, 75]), 2000, 3)]
    tone = np.repeat([0.5, 0.05, 0.5, 0.5], [3800, 200, 2000, 2000]).astype(np.float32)
    return LabelledPixels(np.concatenate([*skin, *other]), np.arange(8000) < 4000, tone)


@pytest.fixture(scope="module")
def classifier(pixels: LabelledPixels) -> SkinClassifier:
    return SkinClassifier.fit(pixels, ClassifierConfig(skin_components=2, other_components=3))


def test_ycbcr_by_hand() -> None:
    found = ycbcr(np.array([[255, 255, 255], [255, 0, 0], [0, 0, 255]], np.uint8))
    expected = [[255.0, 0.0, 0.0], [76.245, -43.028, 127.5], [29.07, 127.5, -20.734]]
    np.testing.assert_allclose(found, expected, atol=1e-3)


def test_one_gaussian_a_side_gives_bayes_rule() -> None:
    def sphere(mean: float, deviation: float) -> GaussianMixture:
        return gaussians(np.ones(1), np.array([[mean, 0.0, 0.0]]), np.eye(3)[None] / deviation)

    classifier = SkinClassifier(sphere(150.0, 10.0), sphere(130.0, 20.0), 0.8)
    # Grey 140 is 1 deviation from skin's mean, 0.5 from the other's: densities exp(-1/2) / 10^3, exp(-1/8) / 20^3.
    skin, other = 0.8 * np.exp(-0.5) / 1000.0, 0.2 * np.exp(-0.125) / 8000.0
    found = classifier.posterior(np.array([[140, 140, 140]], np.uint8))
    np.testing.assert_allclose(found, skin / (skin + other), rtol=1e-9)


@pytest.mark.parametrize("prior", [0.5, 0.8])
def test_extreme_colors_have_a_probability(classifier: SkinClassifier, prior: float) -> None:
    image = np.random.default_rng(0).integers(0, 256, (64, 80, 3), np.uint8)
    image[0, 0], image[0, 1] = 0, 255
    probability = SkinClassifier(classifier.skin, classifier.other, prior).probability(image)
    assert probability.dtype == np.float32 and probability.shape == (64, 80) and np.isfinite(probability).all()
    assert probability.min() >= 0.0 and probability.max() <= 1.0


def test_fit_finds_light_and_dark_skin(classifier: SkinClassifier) -> None:
    image = np.zeros((2, 2, 3), np.uint8)
    image[0] = _LIGHT, _DARK
    image[1] = (60, 140, 50), (70, 70, 75)
    probability = classifier.probability(image)
    assert (probability[0] > 0.9).all() and (probability[1] < 0.1).all()


def test_rare_tones_are_drawn_about_as_often_as_the_rest() -> None:
    tones = np.repeat([0.5, 0.05], [9000, 1000])
    drawn = tones[even_tones(tones, 4000, np.random.default_rng(0))]
    assert 0.45 < (drawn < 0.1).mean() < 0.55
    assert len(even_tones(tones[:0], 10, np.random.default_rng(0))) == 0
    assert len(even_tones(np.full(5, 0.2), 10, np.random.default_rng(0))) == 5


def test_fit_is_repeatable_and_refuses_too_few_pixels(pixels: LabelledPixels, classifier: SkinClassifier) -> None:
    again = SkinClassifier.fit(pixels, ClassifierConfig(skin_components=2, other_components=3))
    np.testing.assert_array_equal(again.skin.means_, classifier.skin.means_)
    with pytest.raises(LimelightError, match="0 other pixels"):
        SkinClassifier.fit(pixels.take(pixels.skin))


def test_separation_counts_both_sides(classifier: SkinClassifier, pixels: LabelledPixels) -> None:
    area, found, mistaken = separation(classifier, pixels)
    assert area > 0.99 and found > 0.97 and mistaken < 0.05
    swapped = LabelledPixels(pixels.colors, ~pixels.skin, pixels.tone)
    assert separation(classifier, swapped)[0] == pytest.approx(1.0 - area)
    assert np.isnan(separation(classifier, pixels.take(pixels.skin))).all()
    assert np.isnan(separation(classifier, LabelledPixels.join([]))).all()
    assert classifier.probability(np.zeros((0, 5, 3), np.uint8)).shape == (0, 5)


@pytest.mark.parametrize("shape", [(4, 4), (4, 4, 4), (16, 3)])
def test_pictures_of_another_shape_are_refused(classifier: SkinClassifier, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="image"):
        classifier.probability(np.zeros(shape, np.uint8))


def test_pictures_of_another_type_are_refused(classifier: SkinClassifier) -> None:
    with pytest.raises(ValueError, match="float"):
        classifier.probability(np.zeros((4, 4, 3)))  # type: ignore[arg-type]


def test_file_brings_the_classifier_back(classifier: SkinClassifier, tmp_path: Path) -> None:
    path = classifier.save(tmp_path / "new" / "skin.npz")
    image = np.random.default_rng(3).integers(0, 256, (16, 16, 3), np.uint8)
    np.testing.assert_array_equal(SkinClassifier.load(path).probability(image), classifier.probability(image))
    assert [p.name for p in path.parent.iterdir()] == ["skin.npz"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("prior", np.array(1.0)),
        ("prior", None),
        ("format_version", np.array(2)),
        ("skin_means", np.zeros((2, 4))),
        ("skin_means", np.full((2, 3), np.nan)),
        ("other_weights", np.array([0.5, 0.5, 0.0])),
        ("other_precisions_cholesky", np.zeros((3, 3, 3))),
        ("skin_weights", np.array(["a", "b"])),
        ("skin_weights", np.array([{}, {}])),  # would need pickle
    ],
)
def test_malformed_files_are_refused_by_name(
    classifier: SkinClassifier, tmp_path: Path, name: str, value: np.ndarray | None
) -> None:
    path = classifier.save(tmp_path / "skin.npz")
    with np.load(path) as archive:
        arrays = {key: archive[key] for key in archive.files}
    arrays[name] = value
    np.savez(path, **{key: array for key, array in arrays.items() if array is not None})
    with pytest.raises(LimelightError, match="pickle" if value is not None and value.dtype == object else name):
        SkinClassifier.load(path)


def test_missing_and_truncated_files_are_refused(classifier: SkinClassifier, tmp_path: Path) -> None:
    with pytest.raises(LimelightError, match="no such file"):
        SkinClassifier.load(tmp_path / "none.npz")
    path = classifier.save(tmp_path / "skin.npz")
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(LimelightError, match="unreadable"):
        SkinClassifier.load(path)


def head(skin: tuple[int, int, int] = (150, 100, 80)) -> tuple[np.ndarray, np.ndarray]:
    """A face with brown eyes under black hair, before blue, in a 100 px picture, and its labels."""
    image, labels = np.full((100, 100, 3), (20, 30, 90), np.uint8), np.zeros((100, 100), np.uint8)
    for name, color, place in (
        ("skin", skin, (slice(20, 90), slice(20, 80))),
        ("hair", (30, 20, 15), (slice(0, 20), slice(20, 80))),
        ("l_eye", (60, 40, 20), (slice(40, 46), slice(55, 65))),
        ("u_lip", (190, 60, 60), (slice(70, 74), slice(40, 60))),
    ):
        image[place], labels[place] = color, label_of(name)
    labels[60:65] = IGNORED
    image[60:65] = 255
    return image, labels


def test_pixels_of_both_sides_lie_off_edges_features_and_doubt() -> None:
    image, labels = head()
    image[1:][labels[1:] != labels[:-1]] = 255  # the edges
    found = labelled_pixels(image, labels, np.random.default_rng(0), 60)
    assert found.skin.sum() == 60 and len(found) == 120
    assert (found.colors[found.skin] == (150, 100, 80)).all()
    others = {tuple(color) for color in found.colors[~found.skin].tolist()}
    assert others == {(20, 30, 90), (30, 20, 15)}
    linear = ((np.array([150, 100, 80]) / 255.0 + 0.055) / 1.055) ** 2.4
    np.testing.assert_allclose(found.tone, linear @ (0.2126, 0.7152, 0.0722), rtol=1e-5)


def test_a_picture_without_skin_gives_no_pixels() -> None:
    image, labels = head()
    labels[labels == label_of("skin")] = label_of("cloth")
    assert len(labelled_pixels(image, labels, np.random.default_rng(0))) == 0


def test_missing_teacher_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(LimelightError, match="no such file"):
        SegmentationTeacher(tmp_path / "teacher.onnx")


@pytest.mark.skipif(not (default_photos() / "omi").is_dir(), reason="the sources are not here")
def test_teacher_sees_skin_and_hair_of_a_photo() -> None:
    teacher = SegmentationTeacher(default_photos().parent / "teachers" / "pan_mnv3s_skin_clothes_hair.onnx")
    image = cv2.imread(str(default_photos() / "omi" / "836.jpg"))[..., ::-1]
    masks = teacher(image)
    assert masks.shape == image.shape and masks[180, 180, 0] > 0.9 and masks[2, 2].max() < 0.1
    assert masks[..., 2].max() > 0.9


def test_joining_nothing_gives_no_pixels() -> None:
    assert len(LabelledPixels.join([])) == 0
    part = LabelledPixels(np.zeros((2, 3), np.uint8), np.array([True, False]), np.zeros(2, np.float32))
    assert len(LabelledPixels.join([part, replace(part, skin=~part.skin)])) == 4


def test_it_is_learned_from_pictures_with_label_maps(tmp_path: Path) -> None:
    shard = tmp_path / "renders" / "shard_00000"
    shard.mkdir(parents=True)
    images, labels = zip(*(head(color) for color in ((150, 100, 80), (90, 60, 45), (230, 190, 170))), strict=True)
    noise = np.random.default_rng(0).integers(-9, 10, np.shape(images))
    np.save(shard / "images.npy", (np.stack(images).astype(int) + noise).clip(0, 255).astype(np.uint8))
    np.save(shard / "labels.npy", np.stack(labels))
    np.save(shard / "held_out.npy", np.array([False, False, True]))
    classifier, figures = learn_skin([load_segmentation(tmp_path)])
    assert set(figures) == {"auc", "skin_found", "other_mistaken"} and 0.0 <= figures["auc"] <= 1.0
    probability = classifier.probability(images[1])
    assert probability[30, 30] > 0.9 and probability[10, 50] < 0.1 and probability[95, 5] < 0.1

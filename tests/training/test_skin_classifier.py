"""The skin classifier against scikit-learn's own posterior, its file, and the pixels that it learns from."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from sklearn.mixture import GaussianMixture

from facemodel import CROP_SIZE, FaceModel, LimelightError, project
from facemodel.mediapipe_outlines import FACE_OVAL, LEFT_EYE, RIGHT_EYE
from tests.toy_model import toy_model
from training.data import skin_pixels
from training.data.photo_labels import PhotoLabels, default_photos
from training.data.skin_classifier import (
    ClassifierConfig,
    ColorMixture,
    SkinClassifier,
    even_tones,
    main,
    separation,
    ycbcr,
)
from training.data.skin_pixels import LabelledPixels, LabelledRenders, PixelConfig, SegmentationTeacher
from training.data.storage import EXTENT, STORED_SIZE
from training.data.synthetic import SceneConfig
from training.losses.paper_losses import BROWS68, OUTER_MOUTH68
from training.render.random_faces import RandomFaces
from training.render.rasterizer import rasterize

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
    def sphere(mean: float, deviation: float) -> ColorMixture:
        return ColorMixture(np.ones(1), np.array([[mean, 0.0, 0.0]]), np.eye(3)[None] / deviation)

    classifier = SkinClassifier(sphere(150.0, 10.0), sphere(130.0, 20.0), 0.8)
    # Grey 140 is 1 deviation from skin's mean, 0.5 from the other's: densities exp(-1/2) / 10^3, exp(-1/8) / 20^3.
    skin, other = 0.8 * np.exp(-0.5) / 1000.0, 0.2 * np.exp(-0.125) / 8000.0
    found = classifier.posterior(np.array([[140, 140, 140]], np.uint8))
    np.testing.assert_allclose(found, skin / (skin + other), rtol=1e-9)


@pytest.mark.parametrize("prior", [0.5, 0.8])
def test_posterior_is_scikit_learns(prior: float) -> None:
    rng = np.random.default_rng(0)
    sides = []
    for count, seed in ((4, 1), (7, 2)):
        scatter = np.concatenate([colors_around(rng.uniform(20, 235, 3), 300, seed + i, 25.0) for i in range(count)])
        sides.append(GaussianMixture(count, reg_covar=1.0, random_state=0, max_iter=15, tol=1e-2).fit(ycbcr(scatter)))
    skin, other = sides
    ours = SkinClassifier(
        *(ColorMixture(side.weights_, side.means_, side.precisions_cholesky_) for side in sides), prior
    )
    image = rng.integers(0, 256, (64, 80, 3), np.uint8)
    image[0, 0], image[0, 1] = 0, 255
    values = ycbcr(image.reshape(-1, 3))
    np.testing.assert_allclose(ours.skin.log_density(values), skin.score_samples(values), rtol=1e-9)
    log_odds = skin.score_samples(values) - other.score_samples(values) + np.log(prior) - np.log(1.0 - prior)
    with np.errstate(over="ignore"):
        expected = 1.0 / (1.0 + np.exp(-log_odds))
    np.testing.assert_allclose(ours.posterior(image.reshape(-1, 3)), expected, atol=1e-9)
    probability = ours.probability(image)
    assert probability.dtype == np.float32 and probability.shape == (64, 80)
    np.testing.assert_allclose(probability.ravel(), expected, atol=1e-6)
    assert 0.05 < (expected > 0.5).mean() < 0.95  # the comparison saw both sides


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
    np.testing.assert_array_equal(again.skin.means, classifier.skin.means)
    with pytest.raises(LimelightError, match="labelled other"):
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


@pytest.fixture(scope="module")
def toy() -> FaceModel:
    return toy_model()


def test_render_labels_are_where_the_skin_is_drawn(toy: FaceModel) -> None:
    size = STORED_SIZE
    scene = SceneConfig(render_size=size, hair_share=0.0, glasses_share=0.0)
    picture, skin, other, tone = LabelledRenders(toy, scene=scene)(13)  # seen from the front
    assert picture.shape == (size, size, 3) and not (skin & other).any()
    assert skin.sum() > 500 and other.sum() > 500 and 0.05 < tone < 0.6

    p = toy.layout.view(RandomFaces(toy, scene.faces)(np.random.default_rng((13, 0))))
    vertices = toy.shape(p.identity, p.expression)
    zoom, margin = size / EXTENT, (EXTENT - CROP_SIZE) / 2
    pixels = project(vertices, p.rotation, (p.translation + margin) * zoom, p.scale * zoom)
    owner, _ = rasterize(pixels, (vertices @ p.rotation.T)[:, 2], toy.triangles, size, size)
    names = np.array([*toy.region_names, "background"])[
        np.where(owner >= 0, toy.triangle_region[owner].astype(int), -1)
    ]
    assert set(np.unique(names[skin])) <= {"face", "ears", "neck"}
    points = toy.landmarks68(vertices)
    marks = project(points, p.rotation, (p.translation + margin) * zoom, p.scale * zoom).astype(int)
    for mask, feature in ((skin, BROWS68), (other, BROWS68), (skin, OUTER_MOUTH68)):
        assert not mask[marks[feature, 1], marks[feature, 0]].any()
    # Off the edges, which are blurred, all background is labelled.
    far = cv2.dilate((owner >= 0).astype(np.uint8), np.ones((9, 9), np.uint8)) == 0
    assert other[far].all()
    assert skin[names == "face"].mean() > 0.2  # the toy's large triangles around brows and lips are left out


def test_glasses_are_no_skin(toy: FaceModel) -> None:
    def skin_with(glasses: float) -> np.ndarray:
        scene = SceneConfig(render_size=120, hair_share=0.0, glasses_share=glasses)
        renders = LabelledRenders(toy, scene=scene)
        return np.array([renders(seed)[1].sum() for seed in range(6)])

    assert skin_with(1.0).sum() < 0.97 * skin_with(0.0).sum()


def test_hands_would_be_skin_without_a_label_and_are_not_drawn(toy: FaceModel) -> None:
    scenes = (SceneConfig(render_size=120, occluder_share=share) for share in (0.0, 1.0))
    never, always = (LabelledRenders(toy, scene=scene)(3)[0] for scene in scenes)
    np.testing.assert_array_equal(never, always)


def test_render_pixels_have_both_sides_and_are_repeatable(toy: FaceModel) -> None:
    scene = SceneConfig(render_size=120)
    once, again = (LabelledRenders(toy, PixelConfig(per_picture=40), scene).pixels([1, 2]) for _ in range(2))
    assert len(once) == 160 and once.skin.sum() == 80 and len(np.unique(once.tone)) == 2
    np.testing.assert_array_equal(once.colors, again.colors)


def head_photo() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A brown face on blue with a teacher's masks and MediaPipe's points, all in a 100 px picture."""
    image = np.full((100, 100, 3), (20, 30, 90), np.uint8)
    masks = np.zeros((100, 100, 3), np.float32)
    masks[20:90, 20:80, 0] = 1.0  # the teacher's skin reaches beyond the oval
    image[20:90, 20:80] = (150, 100, 80)
    masks[:15, :, 2] = 1.0
    image[:15] = (30, 20, 15)
    masks[60:65, 20:80, 1] = 0.5  # doubt
    points = np.full((478, 3), 50.0, np.float32)
    turn = np.linspace(0, 2 * np.pi, len(FACE_OVAL), endpoint=False)
    points[list(FACE_OVAL), 0], points[list(FACE_OVAL), 1] = 50 + 28 * np.sin(turn), 55 - 32 * np.cos(turn)
    for eye, x in zip((RIGHT_EYE, LEFT_EYE), (40, 60), strict=True):
        turn = np.linspace(0, 2 * np.pi, len(eye), endpoint=False)
        points[eye, 0], points[eye, 1] = x + 6 * np.cos(turn), 45 + 3 * np.sin(turn)
    return image, masks, points


def test_photo_labels_stay_inside_the_oval_and_off_features_and_doubt() -> None:
    image, masks, points = head_photo()
    skin, hair, rest = skin_pixels.label_photo(image, points[:, :2], lambda _: masks)
    assert skin[75, 50] and skin[30, 50]
    assert not skin[45, 40] and not skin[45, 60]  # eyes
    assert not skin[22, 22] and not skin[62, 40]  # outside the oval; doubt
    assert hair[5, 50] and not hair[40, 50] and rest[95, 5] and not rest[5, 50]
    assert not (skin & (hair | rest)).any()


def test_photo_pixels_skip_what_is_no_picture_and_shows_no_skin(tmp_path: Path) -> None:
    image, masks, points = head_photo()
    (tmp_path / "lfw").mkdir()
    for name in ("A_0001.png", "B_0001.png"):
        cv2.imwrite(str(tmp_path / "lfw" / name), image[..., ::-1])
    (tmp_path / "lfw" / "C_0001.png").write_bytes(b"no picture")
    paths = np.array([f"lfw/{name}_0001.png" for name in "ABC"])
    labels = PhotoLabels(paths, np.full((3, 2), 100), np.stack([points] * 3), np.zeros((3, 52)), np.zeros((3, 4, 4)))
    seen = iter([masks, np.zeros_like(masks)])
    found = skin_pixels.photo_pixels(labels, tmp_path, lambda _: next(seen), 0, PixelConfig(per_picture=30))
    assert found.skin.sum() == 30 and len(found) == 60
    assert (found.colors[found.skin] == (150, 100, 80)).all()
    dark = (found.colors[~found.skin] == (30, 20, 15)).all(axis=1)
    assert dark.sum() == 15  # half of what is no skin is hair
    linear = ((np.array([150, 100, 80]) / 255.0 + 0.055) / 1.055) ** 2.4
    np.testing.assert_allclose(found.tone, linear @ (0.2126, 0.7152, 0.0722), rtol=1e-5)


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


def test_command_trains_on_renders_alone_where_there_are_no_photos(
    toy: FaceModel, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model, out = toy.save(tmp_path / "model.npz"), tmp_path / "skin.npz"
    main(
        [
            "--renders",
            "8",
            "--pictures",
            "4",
            "--labels",
            str(tmp_path / "none"),
            "--model",
            str(model),
            "--out",
            str(out),
        ]
    )
    printed = capsys.readouterr().out
    assert "left out: photo labels" in printed and "renders, all tones" in printed
    assert SkinClassifier.load(out).prior == 0.8
    with pytest.raises(SystemExit):
        main(["--prior", "1"])

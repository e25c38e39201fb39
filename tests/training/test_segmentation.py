"""Labelled pictures on disk: renders, the rules for photos, CelebAMask-HQ, damage and full disks."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from facemodel import LimelightError
from tests.toy_model import toy_model
from training.data import segmentation
from training.data.datasets import open_dataset
from training.data.face_classes import CLASSES, IGNORED, LABELS, label_of
from training.data.segmentation import (
    KINDS,
    count_labels,
    load_segmentation,
    prepare_celebamask_hq,
    prepare_photos,
    prepare_renders,
    teacher_labels,
)
from training.data.storage import STORED_SIZE, Samples
from training.data.synthetic import SceneConfig, SceneRenderer, render_shard
from training.render.random_faces import RandomFaces
from training.render.scenery import Backgrounds

_SIDE = 100


@pytest.fixture(scope="module")
def toy():
    return toy_model()


@pytest.fixture
def small_shards(monkeypatch):
    monkeypatch.setattr(segmentation, "_SHARD", 4)


@pytest.fixture
def fitted() -> np.ndarray:
    """A face of skin, rows 20..80, columns 30..70, with an eye, a nose, an upper lip, and an ear beside it."""
    classes = np.zeros((_SIDE, _SIDE), np.uint8)
    classes[20:80, 30:70] = label_of("skin")
    classes[38:40, 40:44] = label_of("r_eye")
    classes[45:58, 47:53] = label_of("nose")
    classes[66:68, 42:58] = label_of("u_lip")
    classes[40:55, 70:74] = label_of("l_ear")
    return classes


def teacher(**parts: tuple[slice, slice]) -> np.ndarray:
    """Probability 0.97 of skin, cloth or hair in rectangles, 0.01 elsewhere."""
    found = np.full((_SIDE, _SIDE, 3), 0.01, np.float32)
    for name, place in parts.items():
        found[place][..., ["skin", "cloth", "hair"].index(name)] = 0.97
    return found


_HEAD = (slice(20, 95), slice(25, 75))


def name_at(labels: np.ndarray, row: int, column: int) -> str:
    value = labels[row, column]
    return "ignored" if value == IGNORED else LABELS[value]


def test_skin_inside_the_face_is_the_fitted_part(fitted):
    labels = teacher_labels(teacher(skin=_HEAD), fitted)
    assert [name_at(labels, *p) for p in ((75, 35), (56, 50), (66, 50))] == ["skin", "nose", "u_lip"]


def around_the_eyes(labels: np.ndarray) -> list[str]:
    return [name_at(labels, *place) for place in ((38, 41), (38, 36), (46, 48), (38, 60))]


def worn(share: float) -> np.ndarray:
    """What an earlier network sees: glasses on so much of the area around the eye, rows 31..46, columns 32..51."""
    classes = np.full((_SIDE, _SIDE), label_of("skin"), np.uint8)
    classes[31 : 31 + round(16 * share), 32:52] = label_of("eye_g")
    classes[:20] = label_of("eye_g")  # a mistake far from the eyes
    return classes


def test_around_the_eyes_nothing_is_known_without_an_earlier_network(fitted):
    assert around_the_eyes(teacher_labels(teacher(skin=_HEAD), fitted)) == [*("ignored",) * 3, "skin"]


def test_who_wears_no_glasses_by_an_earlier_network_has_the_fitted_eyes(fitted):
    labels = teacher_labels(teacher(skin=_HEAD), fitted, worn(0.0))
    assert around_the_eyes(labels) == ["r_eye", "skin", "nose", "skin"]


def test_who_may_wear_glasses_has_none_and_who_does_has_them(fitted):
    assert around_the_eyes(teacher_labels(teacher(skin=_HEAD), fitted, worn(0.2))) == [*("ignored",) * 3, "skin"]
    labels = teacher_labels(teacher(skin=_HEAD), fitted, worn(0.8))
    assert around_the_eyes(labels) == ["eye_g", "eye_g", "ignored", "skin"]
    assert (labels[:20] != label_of("eye_g")).all()


def test_skin_beside_the_face_is_the_fitted_ear_or_something_else_or_at_the_edge_unknown(fitted):
    labels = teacher_labels(teacher(skin=_HEAD), fitted)
    assert [name_at(labels, *p) for p in ((45, 72), (90, 50), (81, 50), (60, 71))] == [
        *("l_ear", "skin_elsewhere", "ignored", "ignored")
    ]


def test_hair_above_counts_and_hair_below_may_be_a_beard(fitted):
    masks = teacher(skin=_HEAD)
    masks[20:30], masks[70:75] = (0.01, 0.01, 0.97), (0.01, 0.01, 0.97)
    labels = teacher_labels(masks, fitted)
    assert [name_at(labels, *p) for p in ((25, 50), (72, 50), (72, 10))] == ["hair", "ignored", "hair"]


def test_clothes_and_nothing_count_outside_the_face_alone(fitted):
    masks = teacher(skin=_HEAD)
    masks[75:78], masks[70:72] = (0.01, 0.97, 0.01), 0.01
    labels = teacher_labels(masks, fitted)
    assert [name_at(labels, *p) for p in ((76, 50), (76, 10), (71, 50), (71, 10))] == [
        *("ignored", "cloth", "ignored", "background")
    ]


def test_what_the_teacher_is_not_sure_of_is_ignored(fitted):
    masks = teacher(skin=_HEAD)
    masks[60:62, :, 0], masks[62:64] = 0.8, (0.95, 0.01, 0.3)
    labels = teacher_labels(masks, fitted)
    assert name_at(labels, 60, 50) == name_at(labels, 60, 10) == name_at(labels, 62, 50) == "ignored"


def test_a_photo_whose_face_the_teacher_misses_has_no_labels(fitted):
    assert teacher_labels(teacher(skin=(slice(20, 60), slice(25, 75))), fitted) is None
    assert teacher_labels(teacher(hair=_HEAD), fitted) is None
    assert teacher_labels(teacher(skin=_HEAD), np.zeros_like(fitted)) is None
    assert (
        teacher_labels(teacher(skin=(slice(50, 95), slice(25, 75)), hair=(slice(20, 50), slice(25, 75))), fitted)
        is not None
    )


def test_renders_are_deterministic_resumable_and_read_back(toy, tmp_path, small_shards):
    prepare_renders(tmp_path / "a", toy, 6, seed=3)
    prepare_renders(tmp_path / "b", toy, 4, seed=3)
    first = tmp_path / "b" / "renders" / "shard_00000" / "images.npy"
    before = first.stat().st_mtime_ns
    prepare_renders(tmp_path / "b", toy, 6, seed=3)
    assert first.stat().st_mtime_ns == before
    a, b = load_segmentation(tmp_path / "a"), load_segmentation(tmp_path / "b")
    assert len(a) == len(b) == 6 and a.size == STORED_SIZE and {KINDS[k] for k in a.kind} == {"renders"}
    for i in range(6):
        np.testing.assert_array_equal(a.images[i], b.images[i])
        np.testing.assert_array_equal(a.labels[i], b.labels[i])
    assert not np.array_equal(a.images[0], a.images[4])
    assert all(len(np.unique(a.labels[i])) >= 4 for i in range(6))


def photos(toy, held_out: list[bool], geometry: list[bool]) -> Samples:
    config = SceneConfig()
    backgrounds = Backgrounds(config.render_size, [], np.random.default_rng(0))
    renderer = SceneRenderer(toy, config, backgrounds, RandomFaces(toy, config.faces))
    samples = render_shard(renderer, len(held_out), np.random.default_rng(0))
    fields = vars(samples) | {
        "photo": np.ones(len(held_out), bool),
        "held_out": np.array(held_out),
        "geometry": np.array(geometry),
    }
    return Samples(**fields)


def test_photos_keep_their_side_of_the_split_and_bad_ones_are_left_out(toy, tmp_path):
    samples = photos(toy, held_out=[False, True, True, False, False], geometry=[True, True, True, False, True])
    seen = []

    def all_skin(image: np.ndarray) -> np.ndarray:
        seen.append(image)
        share = 0.0 if np.array_equal(image, samples.images[4]) else 0.97  # it misses the last person
        return np.stack([np.full(image.shape[:2], p, np.float32) for p in (share, 0.01, 0.01)], axis=2)

    prepare_photos(tmp_path, toy, samples, all_skin, 10)
    read = load_segmentation(tmp_path)
    assert len(seen) == 4 and len(read) == 3 and {KINDS[k] for k in read.kind} == {"photos"}
    for i in range(3):
        source = next(j for j in range(3) if np.array_equal(read.images[i], samples.images[j]))
        assert read.held_out[i] == samples.held_out[source]
        assert (read.labels[i] == label_of("skin_elsewhere")).any() and (read.labels[i] == label_of("skin")).any()


def test_no_fitted_photo_is_one_clear_line(toy, tmp_path):
    samples = photos(toy, held_out=[False], geometry=[False])
    with pytest.raises(LimelightError, match="no fitted photos; the recipe"):
        prepare_photos(tmp_path, toy, samples, lambda _: np.zeros((1, 1, 3), np.float32), 5)


@pytest.fixture
def celebamask_hq(tmp_path) -> Path:
    """Three photos of 64 px in the published layout, left and right as in the image; the second has a broken mask."""
    root = tmp_path / "CelebAMask-HQ"
    (root / "CelebA-HQ-img").mkdir(parents=True)
    masks = root / "CelebAMask-HQ-mask-anno" / "0"
    masks.mkdir(parents=True)
    (root / "CelebA-HQ-to-CelebA-mapping.txt").write_text(
        "idx orig_idx orig_file\n" + "".join(f"{i} {i} {i:06d}.jpg\n" for i in range(3))
    )
    (root / "list_eval_partition.txt").write_text("".join(f"{i:06d}.jpg {p}\n" for i, p in enumerate((0, 0, 2))))
    places = {"skin": (slice(10, 60), slice(10, 54)), "l_eye": (slice(20, 26), slice(16, 24))}
    places |= {"r_eye": (slice(20, 26), slice(40, 48)), "hair": (slice(0, 16), slice(8, 56))}
    for i in range(3):
        cv2.imwrite(str(root / "CelebA-HQ-img" / f"{i}.jpg"), np.full((64, 64, 3), 60 + 60 * i, np.uint8))
        for name, place in places.items():
            mask = np.zeros((64, 64, 3), np.uint8)
            mask[place] = 255
            cv2.imwrite(str(masks / f"{i:05d}_{name}.png"), mask)
    (masks / "00001_skin.png").write_bytes(b"no picture")
    return root


def test_celebamask_hq_is_resized_with_the_subjects_sides(celebamask_hq, tmp_path, capsys):
    prepare_celebamask_hq(tmp_path / "out", open_dataset(celebamask_hq), size=32)
    read = load_segmentation(tmp_path / "out")
    assert len(read) == 2 and read.size == 32 and list(read.held_out) == [False, True]
    names = {CLASSES[v] for v in np.unique(read.labels[0])}
    assert names == {"background", "skin", "hair", "l_eye", "r_eye"}
    assert [CLASSES[read.labels[0][p]] for p in ((11, 10), (11, 22), (25, 16), (6, 16), (31, 1))] == [
        *("r_eye", "l_eye", "skin", "hair", "background")
    ]
    assert abs(int(read.images[0].mean()) - 60) < 3 and abs(int(read.images[1].mean()) - 180) < 3
    lines = [line for line in capsys.readouterr().err.splitlines() if "skipped" in line]
    assert len(lines) == 1 and "00001_skin.png" in lines[0]


def test_a_data_set_without_masks_is_one_clear_line(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    cv2.imwrite(str(folder / "a.jpg"), np.zeros((16, 16, 3), np.uint8))
    with pytest.raises(LimelightError, match="no masks; CelebAMask-HQ has them"):
        prepare_celebamask_hq(tmp_path / "out", open_dataset(folder))


def test_a_data_set_with_broken_masks_alone_is_one_clear_line(celebamask_hq, tmp_path):
    for path in celebamask_hq.glob("*/0/*.png"):
        path.write_bytes(b"no picture")
    with pytest.raises(LimelightError, match="no readable photo with a mask"):
        prepare_celebamask_hq(tmp_path / "out", open_dataset(celebamask_hq))


def write_shard(root: Path, number: int = 0, size: int = 8, count: int = 2, held_out: int = 2) -> Path:
    shard = root / "renders" / f"shard_{number:05d}"
    shard.mkdir(parents=True)
    np.save(shard / "images.npy", np.zeros((count, size, size, 3), np.uint8))
    np.save(shard / "labels.npy", np.zeros((count, size, size), np.uint8))
    np.save(shard / "held_out.npy", np.zeros(held_out, bool))
    return shard


@pytest.mark.parametrize("name", ["images", "labels", "held_out"])
def test_a_damaged_shard_is_one_clear_line(tmp_path, name):
    write_shard(tmp_path)
    path = write_shard(tmp_path, 1) / f"{name}.npy"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(LimelightError, match=r"\.npy: damaged; remove .*shard_00001 and prepare it anew") as caught:
        load_segmentation(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_shard_that_lacks_something_is_one_clear_line(tmp_path):
    write_shard(tmp_path, held_out=1)
    with pytest.raises(LimelightError, match="damaged; remove it"):
        load_segmentation(tmp_path)


def test_different_sizes_and_empty_folders_are_one_clear_line(tmp_path):
    with pytest.raises(LimelightError, match="nothing prepared there"):
        load_segmentation(tmp_path)
    write_shard(tmp_path, 0, size=8)
    write_shard(tmp_path, 1, size=9)
    with pytest.raises(LimelightError, match="different sizes"):
        load_segmentation(tmp_path)


def test_a_full_disk_is_one_clear_line_and_leaves_no_half_shard(toy, tmp_path, monkeypatch, small_shards):
    save = np.save

    def full(path: Path, array: np.ndarray) -> None:
        if Path(path).name == "labels.npy":
            raise OSError(28, "No space left on device")
        save(path, array)

    monkeypatch.setattr(np, "save", full)
    with pytest.raises(LimelightError, match=r"cannot be written \(No space left on device\)"):
        prepare_renders(tmp_path, toy, 4)
    assert not list((tmp_path / "renders").iterdir())
    monkeypatch.undo()
    prepare_renders(tmp_path, toy, 4)
    assert len(load_segmentation(tmp_path)) == 4


def test_counts_are_of_the_training_part_and_of_classes_alone(tmp_path):
    shard = write_shard(tmp_path)
    labels = np.full((2, 8, 8), label_of("skin"), np.uint8)
    labels[0, :2], labels[0, 2], labels[1] = IGNORED, label_of("skin_elsewhere"), label_of("hat")
    labels[0, 3] = label_of("hair")
    np.save(shard / "labels.npy", labels)
    np.save(shard / "held_out.npy", np.array([False, True]))
    counts = count_labels(load_segmentation(tmp_path))
    assert len(counts) == 19 and counts.sum() == 40
    assert counts[label_of("skin")] == 32 and counts[label_of("hair")] == 8

"""Preparation of photos for the paper's training: what a photo becomes, interrupted runs, bad input, the reader."""

from __future__ import annotations

import errno
import shutil
from contextlib import closing
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from facemodel import ARKIT_NAMES, CROP_SIZE, MEDIAPIPE_TO_IBUG68, Crop, LimelightError, project
from facemodel.mediapipe_outlines import INNER_LIPS
from facemodel.rotation import matrix_from_euler
from tests.toy_model import toy_model
from training.data import prepare, shards
from training.data.datasets import FaceSample, open_dataset
from training.data.face_classes import face_mask, label_of
from training.data.fit import FitConfig, landmark_errors
from training.data.inner_mouth import inner_mouth_area
from training.data.landmarker import BUNDLE
from training.data.photo_labels import PhotoLandmarker
from training.data.photo_preparation import PhotoPreparer, find_labelled_face
from training.data.prepare import (
    calibrated_fit,
    learn_calibration,
    load_calibration,
    prepare_dataset,
    prepare_datasets,
    save_calibration,
)
from training.data.prepared import PreparedPhotos, PreparedWriter, add_features
from training.data.segmenter import Segmenter
from training.data.shards import ShardWriteError
from training.data.skin_classifier import SkinClassifier, gaussians, ycbcr

SKIN, MARK, WALL = (220, 120, 90), (40, 60, 200), (30, 90, 40)  # RGB
CHIN = np.array([[0.0, -70.0, 60.0]])  # mm, where the mark is


@pytest.fixture(scope="module")
def toy():
    return toy_model()


class Painter:
    """Draws heads as flat discs with a mark on the chin, and finds them again as MediaPipe would."""

    def __init__(self, model) -> None:
        self.model = model
        self.points = model.landmarks478(model.mean)
        self._per_scale = np.sqrt(self._disc(self.draw([((200.0, 200.0), 1.0, 0.0)], 400)).sum())

    def pose(self, centre, scale, roll):
        return matrix_from_euler(0.0, 0.0, roll), np.asarray(centre), scale

    def draw(self, heads, size: int = 200):
        """A photo (size, size, 3) of heads (centre px, px/mm, roll), the last one in front."""
        picture = np.full((size, size, 3), WALL, np.uint8)
        for head in heads:
            pose = self.pose(*head)
            hull = cv2.convexHull(project(self.points, *pose).astype(np.float32))
            cv2.fillPoly(picture, [np.round(hull * 16).astype(np.int32)], SKIN, shift=4)
            chin = np.round(project(CHIN, *pose)[0] * 16).astype(int)
            cv2.circle(picture, tuple(int(c) for c in chin), round(8 * head[1] * 16), MARK, -1, shift=4)
        return picture

    def write(self, path: Path, *heads, size: int = 200) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        assert cv2.imwrite(str(path), self.draw(heads, size)[..., ::-1])
        return path

    def __call__(self, picture):
        """The largest disc as `Landmarker`."""
        count, labels, statistics, _ = cv2.connectedComponentsWithStats(self._disc(picture).astype(np.uint8))
        if count < 2:
            return None
        disc = labels == 1 + statistics[1:, cv2.CC_STAT_AREA].argmax()
        if disc.sum() < 100:
            return None
        scale = np.sqrt(disc.sum()) / self._per_scale
        mark = disc & (picture[..., 2] > picture[..., 0])
        middle, chin = ((np.argwhere(mask).mean(axis=0) + 0.5)[::-1] for mask in (disc, mark))
        down = chin - middle
        roll = -np.arctan2(down[0], down[1])
        rotation = self.pose(middle, scale, roll)[0]
        hull_middle = cv2.moments(cv2.convexHull(self.points[:, :2].astype(np.float32)))
        offset = np.array([[hull_middle["m10"], hull_middle["m01"], 0.0]]) / hull_middle["m00"]
        translation = middle - project(offset, rotation, np.zeros(2), scale)[0]
        found = np.zeros((478, 3), np.float32)
        found[:, :2] = project(self.points, rotation, translation, scale)
        return found, np.zeros(len(ARKIT_NAMES), np.float32), np.eye(4, dtype=np.float32)

    def segment(self, image):
        """Class map of a crop."""
        return np.where(self._disc(image), label_of("skin"), label_of("hair")).astype(np.uint8)

    @staticmethod
    def _disc(picture):
        return np.abs(picture.astype(int) - WALL).sum(axis=-1) > 150


@pytest.fixture(scope="module")
def painter(toy):
    return Painter(toy)


@pytest.fixture(scope="module")
def classifier():
    def around(color):
        mean = ycbcr(np.array([color], np.uint8))
        return gaussians(np.ones(1), mean, np.eye(3)[None] / 12.0)

    return SkinClassifier(around(SKIN), around(MARK), 0.5)


@pytest.fixture(scope="module")
def preparer(toy, painter, classifier):
    return PhotoPreparer(toy, painter, painter.segment, classifier, FitConfig())


@pytest.fixture(scope="module")
def originals(tmp_path_factory, painter, toy, preparer):
    """Ten photos of six people in `lfw`, prepared in `whole`."""
    folder = tmp_path_factory.mktemp("originals")
    for number in range(10):
        name = f"Person_{chr(65 + number % 6)}_{number:04d}.jpg"
        painter.write(folder / "lfw" / name, ((100 + 2 * number, 104), 0.6, 0.05 * number))
    assert run(folder / "lfw", folder / "whole", toy, preparer)[0] == 10
    return folder


@pytest.fixture
def people(originals, tmp_path):
    """The photos, a copy."""
    return Path(shutil.copytree(originals / "lfw", tmp_path / "lfw"))


@pytest.fixture
def out(originals, tmp_path):
    """The prepared folder, a copy."""
    return Path(shutil.copytree(originals / "whole", tmp_path / "out"))


def opened(root: Path):
    """The data set in a folder, and the lines that it reports."""
    lines: list[str] = []
    return open_dataset(root, report=lines.append), lines


def run(root: Path, out: Path, toy, preparer, part=(0, 1)):
    """Prepare a folder; the number of photos and the lines reported."""
    dataset, lines = opened(root)
    return prepare_dataset(dataset, PreparedWriter(out, root.name, toy, "painted"), preparer, 4, part), lines


def contents(out: Path) -> dict[str, bytes]:
    return {str(path.relative_to(out)): path.read_bytes() for path in sorted(out.rglob("*.npy"))}


class Counted:
    """A preparer that counts, and stops the run at a given photo."""

    def __init__(self, preparer: PhotoPreparer, stop: int = 10**9) -> None:
        self._preparer, self._stop, self.count = preparer, stop, 0
        self.shard = preparer.shard

    def __call__(self, sample):
        if self.count == self._stop:
            raise KeyboardInterrupt
        self.count += 1
        return self._preparer(sample)


class TestPhoto:
    @pytest.mark.parametrize("roll", [0.0, 0.5, -0.8])
    def test_the_crop_is_the_trackers(self, tmp_path, toy, painter, preparer, roll):
        head = ((130.0, 120.0), 0.7, roll)
        (sample,) = open_dataset(painter.write(tmp_path / "photo.png", head, size=260))
        photo = preparer(sample)
        crop = Crop.around_head(*painter.pose(*head))
        expected = project(painter.points, *painter.pose(*head)) @ crop.from_frame()[:, :2].T + crop.from_frame()[:, 2]
        assert np.abs(photo.landmarks478 - expected).max() < 3.0  # crop px; the painter is about 1 px off
        mark = np.argwhere((photo.image[..., 2] > 150) & (photo.image[..., 0] < 100)).mean(axis=0)[::-1] + 0.5
        chin = project(CHIN, *painter.pose(*head)) @ crop.from_frame()[:, :2].T + crop.from_frame()[:, 2]
        assert np.abs(mark - chin[0]).max() < 3.0
        assert abs(mark[0] - CROP_SIZE / 2) < 3.0 and mark[1] > CROP_SIZE / 2  # upright

    def test_the_fit_lies_on_the_points_in_crop_px(self, tmp_path, toy, painter, preparer):
        (sample,) = open_dataset(painter.write(tmp_path / "photo.png", ((90.0, 110.0), 0.5, 0.3)))
        photo = preparer(sample)
        assert landmark_errors(toy, photo.vector[None], photo.landmarks478[None])[0] == pytest.approx(
            photo.nme, abs=1e-4
        )
        assert photo.nme < 0.02
        p = toy.layout.view(photo.vector)
        centred = Crop.around_head(p.rotation, p.translation, p.scale)
        assert centred.centre == pytest.approx((112, 112), abs=0.1) and centred.side == pytest.approx(224, abs=0.1)

    def test_masks_know_where_the_photo_ends_and_what_is_skin(self, tmp_path, painter, preparer):
        head = ((40.0, 100.0), 0.7, 0.0)  # partly beyond the left edge
        (sample,) = open_dataset(painter.write(tmp_path / "photo.png", head))
        photo = preparer(sample)
        crop = Crop.around_head(*painter.pose(*head))
        edge = int(crop.from_frame()[0, 2])  # column of the photo's left edge
        assert 20 < edge < 80
        assert (photo.classes[:, : edge - 3] == label_of("background")).all()
        assert (photo.classes[60:180, edge + 3 : edge + 40] == label_of("skin")).any()
        face = face_mask(photo.classes)
        assert (photo.skin[~face] == 0).all()
        mark = face & (photo.image[..., 2] > 150)
        assert np.median(photo.skin[face & ~mark]) > 250 and np.median(photo.skin[mark]) < 5

    def test_68_points_come_from_the_478(self, tmp_path, painter, preparer):
        (sample,) = open_dataset(painter.write(tmp_path / "photo.png", ((100.0, 100.0), 0.5, 0.2)))
        photo = preparer(sample)
        np.testing.assert_array_equal(photo.landmarks68, photo.landmarks478[MEDIAPIPE_TO_IBUG68])

    def test_a_face_that_is_hardly_seen_is_left_out(self, tmp_path, toy, painter, classifier):
        covered = PhotoPreparer(
            toy, painter, lambda image: np.zeros(image.shape[:2], np.uint8), classifier, FitConfig()
        )
        (sample,) = open_dataset(painter.write(tmp_path / "photo.png", ((100.0, 100.0), 0.5, 0.0)))
        with pytest.raises(LimelightError, match=r"photo\.png: hardly any of the face is seen"):
            covered(sample)

    def test_points_that_no_face_has_are_left_out(self, tmp_path, toy, painter, classifier):
        def scattered(picture):
            points = np.random.default_rng(0).uniform(20, 180, (478, 3)).astype(np.float32)
            return points, np.zeros(len(ARKIT_NAMES), np.float32), np.eye(4)

        picky = PhotoPreparer(toy, scattered, painter.segment, classifier, FitConfig())
        (sample,) = open_dataset(painter.write(tmp_path / "photo.png", ((100.0, 100.0), 0.5, 0.0)))
        with pytest.raises(LimelightError, match="no face that the model fits"):
            picky(sample)


class TestLabelledFace:
    BIG, LITTLE = ((90.0, 100.0), 0.6, 0.0), ((210.0, 210.0), 0.25, 0.0)

    def sample(self, points: np.ndarray | None = None) -> FaceSample:
        return FaceSample("photo", Path("photo.png"), "somebody", "train", landmarks5=points)

    def five(self, painter, *head) -> np.ndarray:
        """The five points (5, 2) of a head, px."""
        return project(painter.points, *painter.pose(*head))[[468, 473, 4, 61, 291]].astype(np.float32)

    def test_the_main_face_without_points(self, painter):
        landmarks, _ = find_labelled_face(painter, self.sample(), painter.draw([self.BIG, self.LITTLE], 260))
        assert np.linalg.norm(landmarks[:, :2].mean(axis=0) - self.BIG[0]) < 15

    def test_the_labelled_one_with_points(self, painter):
        picture = painter.draw([self.BIG, self.LITTLE], 260)
        landmarks, _ = find_labelled_face(painter, self.sample(self.five(painter, *self.LITTLE)), picture)
        assert np.abs(landmarks[:, :2] - project(painter.points, *painter.pose(*self.LITTLE))).max() < 2.0

    def test_no_face_at_the_points(self, painter):
        picture = painter.draw([self.BIG], 260)
        points = self.five(painter, *self.LITTLE)
        for place in (points, points + 500):  # the second is off the picture
            with pytest.raises(LimelightError, match="no face found where its points are"):
                find_labelled_face(painter, self.sample(place), picture)

    def test_another_face_than_the_labelled_one(self, painter):
        picture = painter.draw([self.BIG], 260)
        with pytest.raises(LimelightError, match="not where its points are"):
            find_labelled_face(painter, self.sample(self.five(painter, (130.0, 140.0), 0.5, 0.0)), picture)


class TestRun:
    def test_a_stopped_run_goes_on_and_ends_the_same(self, tmp_path, people, out, toy, preparer):
        stopped = Counted(preparer, stop=6)
        with pytest.raises(KeyboardInterrupt):
            run(people, tmp_path / "again", toy, stopped)
        assert [path.name for path in (tmp_path / "again" / "lfw").iterdir()] == ["shard_00000"]
        rest = Counted(preparer)
        assert run(people, tmp_path / "again", toy, rest)[0] == 10
        assert rest.count == 6
        assert contents(tmp_path / "again") == contents(out)
        nothing = Counted(preparer)
        assert run(people, tmp_path / "again", toy, nothing)[0] == 10 and nothing.count == 0

    def test_a_shard_that_was_being_written_when_the_run_was_killed(self, people, out, toy, preparer):
        whole = contents(out)
        (out / "lfw" / "shard_00001").rename(out / "lfw" / ".partial_00001")
        (out / "lfw" / ".partial_00001" / "images.npy").write_bytes(b"half")
        assert len(PreparedPhotos(out, splits=("train", "validation"))) == 6
        assert run(people, out, toy, preparer)[0] == 10
        assert contents(out) == whole

    def test_several_runs_share_the_shards(self, tmp_path, people, out, toy, preparer):
        for part, count in ((1, 4), (0, 10)):
            assert run(people, tmp_path / "parts", toy, preparer, (part, 2))[0] == count
        assert contents(tmp_path / "parts") == contents(out)

    def test_a_data_set_that_changed_is_not_mixed_up(self, people, out, toy, painter, preparer):
        painter.write(people / "Aaron_0001.jpg", ((100, 100), 0.6, 0.0))
        with pytest.raises(LimelightError, match="has changed since; use another --out"):
            run(people, out, toy, preparer)

    def test_unusable_photos_cost_one_line_each(self, tmp_path, toy, painter, preparer):
        photos = tmp_path / "photos"
        (painter.write(photos / "a.jpg").parent / "b.jpg").write_bytes(b"\xff\xd8 no more")
        painter.write(photos / "c.jpg", ((100, 100), 0.6, 0.0))
        count, lines = run(photos, tmp_path / "out", toy, preparer)
        assert count == 1 and len(lines) == 2
        assert "a.jpg: no face found" in lines[0] and "b.jpg: missing or unreadable" in lines[1]
        again = Counted(preparer)
        assert run(photos, tmp_path / "out", toy, again)[0] == 1 and again.count == 0

    def test_no_face_on_any_photo(self, tmp_path, toy, painter, preparer):
        painter.write(tmp_path / "empty" / "a.jpg")
        with pytest.raises(LimelightError, match="no face on any photo"):
            run(tmp_path / "empty", tmp_path / "out", toy, preparer)
        with pytest.raises(LimelightError, match="nothing there yet"):
            PreparedPhotos(tmp_path / "out")

    def test_another_model_or_segmenter_is_refused(self, out, toy):
        with pytest.raises(LimelightError, match="made with segmenter 'painted', not 'unet'; use another --out"):
            PreparedWriter(out, "lfw", toy, "unet")
        with pytest.raises(LimelightError, match="made with model_digest"):
            PreparedWriter(out, "lfw", toy_model(seed=1), "painted")
        with pytest.raises(LimelightError, match="made for face model"):
            PreparedPhotos(out, toy_model(seed=1))


class TestFullDisk:
    def test_it_ends_the_run_in_one_line_and_keeps_what_is_there(self, tmp_path, people, toy, preparer, monkeypatch):
        def full(path, array):
            raise OSError(errno.ENOSPC, "No space left on device")

        out = tmp_path / "out"
        with pytest.raises(KeyboardInterrupt):
            run(people, out, toy, Counted(preparer, stop=4))
        with monkeypatch.context() as patch:
            patch.setattr(shards.np, "save", full)
            dataset, lines = opened(people)
            with pytest.raises(ShardWriteError, match=r"cannot be written \(No space .*run again to go on"):
                prepare_datasets([(dataset, PreparedWriter(out, "lfw", toy, "painted"))], preparer, 4)
            assert [path.name for path in (out / "lfw").iterdir()] == ["shard_00000"] and not lines
        assert run(people, out, toy, preparer)[0] == 10


class TestReader:
    def test_batches_are_what_the_losses_take(self, out, toy):
        photos = PreparedPhotos(out, toy, splits=("train", "validation"))
        batch = photos.batch([7, 0, 3])
        assert len(batch) == 3 and len(photos) == 10
        shapes = {
            "image": (3, 224, 224, 3),
            "face": (3, 224, 224),
            "skin": (3, 224, 224),
            "inner_mouth": (3, 224, 224),
            "landmarks68": (3, 68, 2),
            "landmarks478": (3, 478, 2),
            "scores": (3, 52),
            "parameters": (3, toy.layout.size),
        }
        for name, shape in shapes.items():
            tensor = getattr(batch, name)
            assert tensor.shape == shape and tensor.dtype == torch.float32 and torch.isfinite(tensor).all(), name
        for name in ("image", "face", "skin", "inner_mouth"):
            assert getattr(batch, name).min() >= 0.0 and getattr(batch, name).max() <= 1.0
        assert batch.features is None and batch.person.dtype == torch.int64
        np.testing.assert_array_equal((batch.image[1] * 255).round().numpy(), photos.image(0))
        moved = batch.to("cpu")
        assert torch.equal(moved.image, batch.image) and moved.features is None

    def test_people_are_numbered_alike_in_all_splits(self, out):
        everybody = PreparedPhotos(out, splits=("train", "validation"))
        names = [name.split("/")[1].rpartition("_")[0] for name in everybody.names]
        assert len(set(everybody.person)) == len(set(names)) == 6
        assert len(set(zip(everybody.person, names, strict=True))) == 6

    def test_splits_are_apart(self, out):
        folder = out / "lfw" / "shard_00000"
        np.save(folder / "splits.npy", np.array(["train", "validation", "test", "train"]))
        train, test = PreparedPhotos(out), PreparedPhotos(out, splits=("test",))
        assert len(train) == 8 and len(test) == 1 and not set(test.names) & set(train.names)
        both = PreparedPhotos(out, splits=("train", "test"))
        assert both.person[both.names == test.names[0]] == test.person[0]
        np.testing.assert_array_equal(test.image(0), np.load(folder / "images.npy")[2])
        shutil.rmtree(folder)
        with pytest.raises(LimelightError, match="none of 6 belongs to test"):
            PreparedPhotos(out, splits=("test",))

    def test_an_open_mouth_is_labelled_and_is_not_face(self, out):
        path = out / "lfw" / "shard_00000" / "landmarks478.npy"
        points = np.load(path)
        angle = np.linspace(0, 2 * np.pi, len(INNER_LIPS), endpoint=False)
        points[1, list(INNER_LIPS)] = np.stack([112 - 20 * np.cos(angle), 120 + 9 * np.sin(angle)], axis=1)
        np.save(path, points)
        batch = PreparedPhotos(out, splits=("train", "validation")).batch([1])
        area = batch.inner_mouth[0]
        assert area.sum() == pytest.approx(np.pi * 20 * 9, rel=0.03)
        assert area[120, 112] == 1.0 and area[120, 85] == 0.0
        assert batch.face[0, 120, 112] == 0.0 and batch.face[0, 100, 112] == 1.0

    def test_more_files_than_may_be_open(self, out, monkeypatch):
        monkeypatch.setattr(shards, "_MOST_OPEN", 1)
        photos = PreparedPhotos(out, splits=("train", "validation"))
        order = [9, 0, 5, 2, 8, 1]
        stored = np.concatenate([np.load(shard / "images.npy") for shard in sorted((out / "lfw").iterdir())])
        np.testing.assert_array_equal((photos.batch(order).image * 255).round().numpy(), stored[order])

    def test_nothing_there(self, tmp_path):
        with pytest.raises(LimelightError, match="nothing prepared there"):
            PreparedPhotos(tmp_path / "absent")

    @pytest.mark.parametrize("name", ["landmarks68", "splits"])
    def test_a_damaged_file_is_one_line(self, out, name):
        path = out / "lfw" / "shard_00001" / f"{name}.npy"
        path.write_bytes(path.read_bytes()[:100])
        with pytest.raises(LimelightError, match=rf"{name}\.npy: damaged; remove .*shard_00001 and prepare it anew"):
            PreparedPhotos(out)

    def test_damaged_pixels_are_one_line(self, out):
        photos = PreparedPhotos(out, splits=("train", "validation"))
        (out / "lfw" / "shard_00001" / "skin.npy").write_bytes(b"")
        with pytest.raises(LimelightError, match=r"skin\.npy: damaged"):
            photos.batch([5])

    @pytest.mark.parametrize("text", ["{", "[]", "{}"])
    def test_a_wrong_header_is_one_line(self, out, text):
        (out / "dataset.json").write_text(text)
        with pytest.raises(LimelightError, match=r"dataset\.json: damaged; prepare it anew"):
            PreparedPhotos(out)


class TestFeatures:
    def identify(self, crops):
        assert crops.shape[1:] == (224, 224, 3) and crops.max() <= 1.0
        self.seen = getattr(self, "seen", 0) + len(crops)
        return crops.mean(dim=(1, 2))  # (B, 3)

    def test_they_are_added_once_and_read(self, tmp_path, out, toy, painter, preparer):
        painter.write(tmp_path / "none" / "a.jpg")
        with pytest.raises(LimelightError):
            run(tmp_path / "none", out, toy, preparer)  # leaves a shard without photos
        with pytest.raises(LimelightError, match="no identity features of mean; prepare them anew"):
            PreparedPhotos(out, features="mean")
        add_features(out, "mean", self.identify, batch=3)
        assert self.seen == 10
        (out / "lfw" / "shard_00001" / "features_mean.npy").unlink()
        add_features(out, "mean", self.identify)
        assert self.seen == 14
        photos = PreparedPhotos(out, splits=("train", "validation"), features="mean")
        batch = photos.batch([9, 2])
        torch.testing.assert_close(batch.features, batch.image.mean(dim=(1, 2)))

    def test_numbers_that_are_none_are_refused(self, out):
        with pytest.raises(LimelightError, match="not finite"):
            add_features(out, "mean", lambda crops: crops.mean(dim=(1, 2)) / 0.0 * 0.0)
        assert not list((out).rglob("features*"))


class TestCalibration:
    def test_it_is_learned_from_different_people_and_kept(self, tmp_path, toy, painter):
        for number in range(64):
            for photo in (1, 2):
                painter.write(tmp_path / "lfw" / f"Person_{number}_{photo:04d}.jpg", ((100, 104), 0.5, 0.0))
        asked = []

        def raised_brows(picture):  # 2 mm above where the model has them
            points, scores, matrix = painter(picture)
            points[[105, 334], 1] -= 2.0 * 0.5
            asked.append(1)
            return points, scores, matrix

        learned = learn_calibration(toy, [open_dataset(tmp_path / "lfw")], raised_brows, people=128)
        assert len(asked) == 64
        assert learned.offsets[[105, 334], 1].mean() > 1.0
        assert np.abs(learned.offsets).mean() < 0.3
        save_calibration(tmp_path / "calibration.npz", learned)
        loaded = load_calibration(tmp_path / "calibration.npz")
        np.testing.assert_array_equal(loaded.offsets, learned.offsets)
        assert loaded.gains == learned.gains

    def test_few_people_teach_nothing(self, tmp_path, people, toy, painter):
        learned = learn_calibration(toy, [open_dataset(people)], painter)
        assert learned.offsets is None and not learned.gains
        save_calibration(tmp_path / "calibration.npz", learned)
        assert load_calibration(tmp_path / "calibration.npz") == FitConfig()

    def test_a_folder_keeps_the_shipped_one_or_what_it_learned(self, tmp_path, people, toy, painter, monkeypatch):
        lines: list[str] = []
        monkeypatch.setattr(prepare, "ASSETS", tmp_path)
        monkeypatch.setattr(prepare, "to_stderr", lines.append)
        folders = [tmp_path / name for name in ("learned", "shipped")]
        for folder in folders:
            folder.mkdir()
        datasets = [open_dataset(people)]
        assert calibrated_fit(folders[0], toy, datasets, painter).offsets is None
        assert len(lines) == 1 and "too few different people" in lines[0]
        offsets = np.full((478, 3), 0.5, np.float32)
        save_calibration(tmp_path / f"calibration-{toy.digest}.npz", FitConfig(offsets=offsets, gains={"jawOpen": 0.9}))
        assert calibrated_fit(folders[0], toy, datasets, painter).offsets is None  # as its first photos were
        for _ in range(2):
            kept = calibrated_fit(folders[1], toy, datasets, painter)
            np.testing.assert_array_equal(kept.offsets, offsets)
            assert kept.gains == {"jawOpen": 0.9}
            (tmp_path / f"calibration-{toy.digest}.npz").unlink(missing_ok=True)
        assert len(lines) == 1

    def test_a_damaged_file_is_one_line(self, tmp_path):
        (tmp_path / "calibration.npz").write_bytes(b"PK\x03\x04 no more")
        with pytest.raises(LimelightError, match=r"calibration\.npz: damaged"):
            load_calibration(tmp_path / "calibration.npz")


class TestInnerMouth:
    def landmarks(self, lips) -> np.ndarray:
        points = np.full((478, 2), 5.0)
        points[list(INNER_LIPS)] = lips
        return points

    def lips(self, opening: float, x: float = 60.3, y: float = 70.7) -> np.ndarray:
        angle = np.linspace(0, 2 * np.pi, len(INNER_LIPS), endpoint=False)
        return np.stack([x - 20 * np.cos(angle), y + opening * np.sin(angle)], axis=1)

    @pytest.mark.parametrize("opening", [12.0, 3.0, 0.4])
    def test_the_area_of_the_polygon(self, opening):
        x, y = self.lips(opening).T
        shoelace = abs(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1))) / 2
        area = inner_mouth_area(self.landmarks(self.lips(opening)), 128)
        assert area.sum() == pytest.approx(shoelace, rel=0.02)
        assert area.max() <= 1.0 and area.min() == 0.0

    def test_it_lies_where_the_lips_are(self):
        area = inner_mouth_area(self.landmarks(self.lips(8.0)), 128)
        rows, columns = np.mgrid[:128, :128] + 0.5
        assert (area * columns).sum() / area.sum() == pytest.approx(60.3, abs=0.05)
        assert (area * rows).sum() / area.sum() == pytest.approx(70.7, abs=0.05)

    def test_a_triangle_worked_out_by_hand(self):
        lips = np.tile([[10.0, 10.0]], (len(INNER_LIPS), 1))  # corners (10, 10), (10, 14), (14, 10), y down
        lips[7:14], lips[14:] = (10.0, 14.0), (14.0, 10.0)
        area = inner_mouth_area(self.landmarks(lips), 32)
        assert area.sum() == pytest.approx(8.0, abs=1e-5)
        assert area[10, 10] == 1.0 and area[13, 10] == pytest.approx(0.5, abs=1e-6) and area[13, 11] == 0.0

    @pytest.mark.parametrize("opening", [0.0, -0.5, -3.0])
    def test_nothing_between_closed_or_crossed_lips(self, opening):
        assert inner_mouth_area(self.landmarks(self.lips(opening)), 128).sum() == pytest.approx(0.0, abs=1e-4)

    def test_only_what_is_on_the_picture_counts(self):
        inside = inner_mouth_area(self.landmarks(self.lips(8.0)), 128).sum()
        for place in ({"x": 128.0}, {"x": 0.0}, {"y": 128.0}, {"y": 0.0}):
            area = inner_mouth_area(self.landmarks(self.lips(8.0, **place)), 128)
            assert area.sum() == pytest.approx(inside / 2, rel=0.02), place
        assert inner_mouth_area(self.landmarks(self.lips(8.0, y=-40.0)), 128).sum() == 0.0


def test_real_photos_from_any_folder(tmp_path, sources, model, monkeypatch):
    pytest.importorskip("mediapipe")
    (tmp_path / "omi").mkdir()
    for name in sorted(path.name for path in (sources / "photos" / "omi").glob("*.jpg"))[:3]:
        shutil.copy(sources / "photos" / "omi" / name, tmp_path / "omi")
    monkeypatch.chdir(tmp_path)  # nothing that it needs lies in the folder that it is started in
    dataset, lines = opened(tmp_path / "omi")
    out = tmp_path / "out"
    with closing(PhotoLandmarker(BUNDLE)) as landmarker:
        writer = PreparedWriter(out, "omi", model)
        fit = calibrated_fit(out, model, [dataset], landmarker)
        classifier = SkinClassifier.load(prepare.ASSETS / "skin_classifier.npz")
        real = PhotoPreparer(model, landmarker, Segmenter.load(), classifier, fit)
        assert prepare_datasets([(dataset, writer)], real) == 3 and not lines
    photos = PreparedPhotos(out, model, splits=("train", "validation"))
    batch = photos.batch(range(len(photos)))
    nose = batch.landmarks68[:, 30]
    assert (nose - 112).abs().max() < 30
    # Points and parameters are in the same pixels, and the mask shows most of the face.
    errors = landmark_errors(model, batch.parameters.numpy(), batch.landmarks478.numpy())
    assert errors.max() < 0.03
    np.testing.assert_allclose(errors, photos.nme, atol=1e-4)
    assert batch.face[:, 60:150, 80:145].mean() > 0.8
    left, right = batch.landmarks68[:, 36:42].mean(dim=1), batch.landmarks68[:, 42:48].mean(dim=1)
    assert ((left - right)[:, 1].abs() < 12).all()  # upright

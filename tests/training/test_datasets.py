"""Loaders: small folders in the published layouts, files that are damaged or missing."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from facemodel import LimelightError
from training.data.datasets import label_map, open_dataset
from training.data.datasets.celeba import CelebA
from training.data.face_classes import label_of


def write_photo(path: Path, color: int = 90, size: tuple[int, int] = (20, 16)) -> Path:
    """A picture (H, W) of one colour, as JPEG or PNG."""
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), np.full((*size, 3), color, np.uint8))
    return path


def opened(root: Path, **options):
    """The data set in a folder, and the lines that it reports."""
    lines: list[str] = []
    return open_dataset(root, report=lines.append, **options), lines


def pictures(dataset) -> list:
    """Samples with their pictures; unreadable ones are skipped as training skips them."""
    found = []
    for sample in dataset:
        try:
            found.append((sample, sample.picture()))
        except LimelightError as error:
            dataset.skip(error)
    return found


class TestCelebA:
    FIVE = "69 109 106 113 77 142 73 152 108 154"

    def make(self, root: Path, parts: tuple[str, str, str] = ("Img", "Anno", "Eval")) -> Path:
        image, annotation, evaluation = (root / part for part in parts)
        for number in (1, 2, 3, 162771, 182638):
            write_photo(image / "img_align_celeba" / f"{number:06d}.jpg")
        (image / "img_align_celeba" / "000002.jpg").write_bytes(b"no JPEG")
        names = [f"{number:06d}.jpg" for number in (1, 2, 3, 4, 162771, 182638)]
        header = "6\nlefteye_x lefteye_y righteye_x righteye_y nose_x nose_y leftmouth_x leftmouth_y right...\n"
        landmarks = [f"{name}  {self.FIVE}" for name in names if name != "000003.jpg"]
        for folder in (annotation, evaluation):
            folder.mkdir(exist_ok=True)
        (annotation / "list_landmarks_align_celeba.txt").write_text(header + "\n".join(landmarks) + "\n")
        people = ["2880", "2880", "7", "7", "8", "9"]
        (annotation / "identity_CelebA.txt").write_text(
            "".join(f"{n} {p}\n" for n, p in zip(names, people, strict=True))
        )
        parts_of = ["0", "0", "0", "0", "1", "2"]
        (evaluation / "list_eval_partition.txt").write_text(
            "".join(f"{n} {p}\n" for n, p in zip(names, parts_of, strict=True))
        )
        return root

    @pytest.mark.parametrize("parts", [("Img", "Anno", "Eval"), (".", ".", ".")])
    def test_published_layout(self, tmp_path, parts):
        dataset, lines = opened(self.make(tmp_path, parts))
        assert dataset.layout == "CelebA" and dataset.estimate() == 5
        samples = {sample.name: sample for sample, picture in pictures(dataset) if picture.shape == (20, 16, 3)}
        assert list(samples) == ["000001", "162771", "182638"]
        assert [sample.split for sample in samples.values()] == ["train", "validation", "test"]
        assert samples["000001"].person == "celeba person 2880"
        np.testing.assert_array_equal(samples["000001"].landmarks5[[0, 4]], [[69, 109], [108, 154]])
        assert dataset.skipped == 3
        for text in ("000002.jpg: missing or unreadable", "000003: no five points", "000004: no such file"):
            assert any(text in line for line in lines), text

    def test_photos_of_one_person_share_a_name(self, tmp_path):
        samples = list(open_dataset(self.make(tmp_path), report=lambda line: None))
        assert [sample.person for sample in samples][:2] == ["celeba person 2880"] * 2

    def test_without_text_files_the_numbers_decide(self, tmp_path):
        for number in (162770, 162771, 182637, 182638):
            write_photo(tmp_path / "img_celeba" / f"{number}.jpg")
        write_photo(tmp_path / "img_celeba" / "me.jpg")
        dataset, lines = opened(tmp_path)
        samples = list(dataset)
        assert [sample.split for sample in samples] == ["train", "validation", "validation", "test"]
        assert len({sample.person for sample in samples}) == 4
        assert samples[0].landmarks5 is None
        assert lines == ["skipped: photo me: no number, so no part without list_eval_partition.txt"]

    def test_tables_with_commas_and_photos_in_a_folder_of_the_same_name(self, tmp_path):
        write_photo(tmp_path / "img_align_celeba" / "img_align_celeba" / "000001.jpg")
        (tmp_path / "list_eval_partition.csv").write_text("image_id,partition\n000001.jpg,2\n")
        (tmp_path / "list_landmarks_align_celeba.csv").write_text(
            "image_id,lefteye_x\n000001.jpg," + self.FIVE.replace(" ", ",") + "\n"
        )
        (sample,) = open_dataset(tmp_path)
        assert sample.split == "test" and sample.landmarks5[2].tolist() == [77, 142]

    def test_binary_annotation_is_one_line(self, tmp_path):
        root = self.make(tmp_path)
        (root / "Anno" / "identity_CelebA.txt").write_bytes(b"\xff\xfe\x00\x80")
        with pytest.raises(LimelightError, match=r"identity_CelebA\.txt: unreadable"):
            list(open_dataset(root))


class TestCelebAMaskHQ:
    def make(self, root: Path) -> Path:
        for number in (0, 1, 2000, 2001):
            write_photo(root / "CelebA-HQ-img" / f"{number}.jpg", size=(32, 32))
        masks = root / "CelebAMask-HQ-mask-anno"
        for number in (0, 2000):
            for name, columns in (("skin", slice(0, 20)), ("hair", slice(15, 32))):
                mask = np.zeros((8, 32, 3), np.uint8)
                mask[:, columns] = 255
                path = masks / str(number // 2000) / f"{number:05d}_{name}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                cv2.imwrite(str(path), mask)
        rows = ["idx  orig_idx  orig_file", "0  119613  119614.jpg", "1  99094  099095.jpg", "2000  9 182638.jpg"]
        (root / "CelebA-HQ-to-CelebA-mapping.txt").write_text("\n".join(rows))
        return root

    def test_published_layout(self, tmp_path):
        dataset, lines = opened(self.make(tmp_path))
        assert dataset.layout == "CelebAMask-HQ" and dataset.estimate() == 4
        first, second = dataset
        assert (first.name, first.person, first.split) == ("0", "celeba/119614", "train")
        assert (second.name, second.split) == ("2000", "test")
        assert [path.name for path in second.mask] == ["02000_skin.png", "02000_hair.png"]
        assert dataset.skipped == 2
        assert "00001_*.png: no such file" in lines[0] and "2001.jpg: not in CelebA-HQ-to-CelebA" in lines[1]

    def test_people_come_from_celeba_where_its_lists_are_there(self, tmp_path):
        root = self.make(tmp_path)
        (root / "identity_CelebA.txt").write_text("119614.jpg 12\n182638.jpg 13\n")
        (root / "list_eval_partition.txt").write_text("119614.jpg 2\n182638.jpg 0\n")
        assert [(s.person, s.split) for s in open_dataset(root, report=lambda line: None)] == [
            ("celeba person 12", "test"),
            ("celeba person 13", "train"),
        ]

    def test_later_classes_of_the_published_order_lie_on_top(self, tmp_path):
        first = next(iter(open_dataset(self.make(tmp_path))))
        labels = label_map(first.mask)
        assert labels.shape == (8, 32) and labels.dtype == np.uint8
        assert (labels[:, :15] == label_of("skin")).all() and (labels[:, 15:] == label_of("hair")).all()
        np.testing.assert_array_equal(label_map(first.mask[::-1]), labels)

    def test_bad_masks_are_one_line(self, tmp_path):
        first = next(iter(open_dataset(self.make(tmp_path))))
        wrong = write_photo(tmp_path / "00000_beard.png")
        for mask, message in (
            ((*first.mask, wrong), "'beard' is none of the 18"),
            ((*first.mask, write_photo(tmp_path / "00000_nose.png", size=(4, 4))), "different sizes"),
            ((tmp_path / "00000_neck.png",), "missing or unreadable"),
            ((), "different sizes, or none"),
        ):
            with pytest.raises(LimelightError, match=message):
                label_map(mask)

    def test_without_its_mapping_nothing_can_be_split(self, tmp_path):
        root = self.make(tmp_path)
        (root / "CelebA-HQ-to-CelebA-mapping.txt").unlink()
        with pytest.raises(LimelightError, match=r"mapping\.txt is missing"):
            list(open_dataset(root))


class TestFolder:
    def test_all_photos_below_it(self, tmp_path):
        root = tmp_path / "mine"
        write_photo(root / "b.png")
        write_photo(root / "deep" / "A.JPG")
        (root / "notes.txt").write_text("no photo")
        dataset, lines = opened(root)
        assert dataset.layout == "folder" and dataset.estimate() == 2 and not lines
        assert [sample.name for sample in dataset] == ["b.png", "deep/A.JPG"]
        assert len({sample.person for sample in dataset}) == 2

    def test_pictures_are_rgb(self, tmp_path):
        picture = np.zeros((8, 8, 3), np.uint8)
        picture[..., 2] = 200  # OpenCV writes BGR
        cv2.imwrite(str(tmp_path / "red.png"), picture)
        (_, read), *_ = pictures(open_dataset(tmp_path))
        assert read[0, 0].tolist() == [200, 0, 0]

    def test_lfw_and_ytf_share_people(self, tmp_path):
        for path in ("lfw/Ana_Paula_0001.jpg", "ytf/Ana_Paula_30.jpg", "omi/1.jpg", "utkface/1.jpg"):
            write_photo(tmp_path / path)
        people = {path: [s.person for s in open_dataset(tmp_path / path)] for path in ("lfw", "ytf", "omi", "utkface")}
        assert people["lfw"] == people["ytf"] == ["Ana_Paula"]
        assert people["omi"] != people["utkface"]

    def test_one_file_is_a_data_set_too(self, tmp_path):
        write_photo(tmp_path / "other.jpg")
        (sample,) = open_dataset(tmp_path / "other.jpg")
        assert sample.name == "other.jpg" and sample.person == f"{tmp_path.name}/other.jpg"

    def test_a_corrupt_photo_costs_one_line(self, tmp_path):
        write_photo(tmp_path / "good.jpg")
        (tmp_path / "bad.jpg").write_bytes(b"\xff\xd8\xff\xe0 cut off")
        dataset, lines = opened(tmp_path)
        assert [sample.name for sample, _ in pictures(dataset)] == ["good.jpg"]
        assert dataset.skipped == len(lines) == 1
        assert "bad.jpg: missing or unreadable" in lines[0]

    def test_many_bad_photos_do_not_flood_the_screen(self, tmp_path):
        for number in range(30):
            (tmp_path / f"{number:02d}.jpg").write_bytes(b"bad")
        write_photo(tmp_path / "good.jpg")
        dataset, lines = opened(tmp_path)
        assert len(pictures(dataset)) == 1
        assert dataset.skipped == 30 and len(lines) == 21 and "30 skipped in all" in lines[-1]


class TestNothing:
    def test_no_such_folder(self, tmp_path):
        with pytest.raises(LimelightError, match="no such folder"):
            open_dataset(tmp_path / "absent")

    def test_empty_folder(self, tmp_path):
        with pytest.raises(LimelightError, match=r"nothing known in it .*CelebA-HQ-img"):
            open_dataset(tmp_path)

    def test_wrong_file(self, tmp_path):
        (tmp_path / "notes.txt").write_text("no photo")
        with pytest.raises(LimelightError, match="nothing known in it"):
            open_dataset(tmp_path / "notes.txt")

    def test_empty_image_folder_of_celeba(self, tmp_path):
        (tmp_path / "img_align_celeba").mkdir()
        with pytest.raises(LimelightError, match=r"CelebA .*nothing usable"):
            list(CelebA(tmp_path))


def test_names_in_the_data_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("LIMELIGHT_DATA", str(tmp_path))
    write_photo(tmp_path / "photos" / "lfw" / "Ana_0001.jpg")
    write_photo(tmp_path / "eval" / "people" / "a.png")
    assert open_dataset("lfw").layout == open_dataset("people").layout == "folder"

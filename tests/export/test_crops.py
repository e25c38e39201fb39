"""Crops to calibrate and compare on: from pictures, from prepared training data, and of the synthetic performer."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import cv2
import numpy as np
import pytest

from export.crops import performer_crops, read_crops
from facemodel import FaceModel, LimelightError
from tests.toy_model import toy_model
from training.data.storage import STORED_SIZE, ShardWriter, faceless


def prepared(folder: Path, count: int) -> np.ndarray:
    """Write `count` crops with a face, and one without; gives the pictures of the former."""
    toy = toy_model()
    images = np.random.default_rng(0).integers(0, 256, (count + 1, STORED_SIZE, STORED_SIZE, 3), dtype=np.uint8)
    samples = faceless(toy.layout, images, True, np.zeros(count + 1, bool))
    ShardWriter(folder, "photos", toy).write(0, dataclasses.replace(samples, face=np.arange(count + 1) < count))
    return images[:count]


def test_crops_of_prepared_data_are_the_middles_of_its_faces(tmp_path: Path) -> None:
    images = prepared(tmp_path / "data", 6)
    crops = read_crops([tmp_path / "data"], 128, 10)
    np.testing.assert_array_equal(crops, images[:, 16:-16, 16:-16])
    assert read_crops([tmp_path / "data"], 64, 3).shape == (3, 64, 64, 3)


def test_pictures_and_folders_share_the_count(tmp_path: Path) -> None:
    prepared(tmp_path / "data", 6)
    picture = np.zeros((50, 50, 3), np.uint8)
    picture[..., 2] = 200  # OpenCV's red
    cv2.imwrite(str(tmp_path / "red.png"), picture)
    crops = read_crops([tmp_path / "red.png", tmp_path / "data"], 32, 4)
    assert crops.shape == (3, 32, 32, 3)
    assert (crops[0] == (200, 0, 0)).all()


@pytest.mark.parametrize("name", ["missing.png", "text.png", "empty"])
def test_what_holds_no_crops_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / "text.png").write_text("no picture")
    (tmp_path / "empty").mkdir()
    with pytest.raises(LimelightError, match=name):
        read_crops([tmp_path / name], 32, 4)


def test_the_performer_is_in_the_middle_of_its_crops(model: FaceModel) -> None:
    crops = performer_crops(model, 64, 3)
    assert crops.shape == (3, 64, 64, 3) and crops.dtype == np.uint8
    assert crops[:, 24:40, 24:40].mean() > 40.0  # a lit face
    assert not np.array_equal(crops[0], crops[2])

"""The sheets of heads and expressions that show a face model."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from facemodel import FaceModel
from facemodel.hair import Hair
from facemodel.hair_shading import HairLook
from tests.toy_model import toy_model
from training.face_model.sheet import HeadPictures, write_sheets


def test_sheets_show_the_people_and_every_expression(tmp_path: Path) -> None:
    heads, expressions = write_sheets(toy_model(), Hair.load(), tmp_path, 24, 20, 1, 7)
    picture = cv2.imread(str(heads))
    assert picture.shape == (4 * 24, 7 * 24, 3)
    assert picture[:48].std() > 10.0
    assert picture[48:, :24].std() > 10.0
    assert picture[48:, 32:].max() < 20  # the eighth person is the last
    assert cv2.imread(str(expressions)).shape == (6 * 20, 9 * 20, 3)


def test_a_head_is_in_the_middle_and_turns_with_the_yaw() -> None:
    model = toy_model()
    pictures, middle = HeadPictures(model, 1), model.mean.mean(axis=0)
    plain = np.zeros(len(model.diffuse_basis))
    front, side = (pictures.draw(model.mean, plain, [], yaw, middle, 400.0, 64) for yaw in (0.0, -90.0))
    rows, columns = np.nonzero(front.max(axis=2) > 60)
    assert abs(columns.mean() - 32.0) < 4.0
    assert abs(rows.mean() - 32.0) < 10.0
    assert np.abs(front.astype(float) - side).mean() > 1.0


def test_hair_is_drawn_over_the_head() -> None:
    model, hair = FaceModel.load(), Hair.load()
    pictures = HeadPictures(model, 1)
    plain, middle = np.zeros(len(model.diffuse_basis)), model.mean.mean(axis=0)
    white = [(hair.worn_by(model, "crop"), HairLook((0.9, 0.9, 0.9)))]
    bare, worn = (pictures.draw(model.mean, plain, hair_, 0.0, middle, 320.0, 64) for hair_ in ([], white))
    above = np.s_[4:16, 24:40]
    assert worn[above].mean() > bare[above].mean() + 10.0

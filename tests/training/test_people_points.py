"""Reading people's points, and offsets from them in the face's own frame."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from facemodel import LimelightError
from training.evaluation.sections.people import POINTS68, MarkedFace, places, read_people_points

HEADER = "image,ibug_index,x,y\n"


def upright():
    """Thirteen points with the outer eye corners 100 px apart."""
    points = np.random.default_rng(0).uniform(0, 100, (13, 2))
    points[places(36, 45)] = (0.0, 40.0), (100.0, 40.0)
    return points


def rows(name, points):
    return "".join(f"{name},{n},{x},{y}\n" for n, (x, y) in zip(POINTS68, points, strict=True))


def test_offsets_are_along_the_eyes_and_toward_the_chin_however_the_head_is_rolled():
    face = MarkedFace(Path("x"), upright())
    moved = upright() + (2.0, -1.0)
    np.testing.assert_allclose(face.offsets(upright()), 0.0)
    np.testing.assert_allclose(face.offsets(moved), np.tile((0.02, -0.01), (13, 1)))
    turn = 3.0 * np.array([(0.6, -0.8), (0.8, 0.6)])  # rolled and three times as large
    rolled = MarkedFace(Path("x"), upright() @ turn.T)
    np.testing.assert_allclose(rolled.offsets(moved @ turn.T), np.tile((0.02, -0.01), (13, 1)))


def test_points_of_two_faces_come_in_the_table_s_order(tmp_path):
    shuffled = "".join(sorted(rows("b.jpg", upright()).splitlines(keepends=True)))
    (tmp_path / "points13.csv").write_text(HEADER + rows("a.jpg", upright() + 1.0) + shuffled)
    one, other = read_people_points(tmp_path)
    assert one.path == tmp_path / "a.jpg" and other.path == tmp_path / "b.jpg"
    np.testing.assert_allclose(one.points, upright() + 1.0)
    np.testing.assert_allclose(other.points, upright())


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "unreadable"),
        ("", "no face there"),
        (HEADER, "no face there"),
        ("image,x\na.jpg,1\n", "unreadable"),
        (HEADER + "a.jpg,8,one,2\n", "unreadable"),
        (HEADER + "a.jpg,8,1,2\na.jpg,8,1,2\n", "has point 8 twice"),
        (HEADER + "a.jpg,8,1,2\n", "a.jpg has not each of the points 8, 30"),
        (HEADER + rows("a.jpg", np.full((13, 2), np.nan)), "has not each of the points"),
    ],
)
def test_what_is_wrong_is_one_line(tmp_path, text, words):
    if text is not None:
        (tmp_path / "points13.csv").write_text(text)
    with pytest.raises(LimelightError, match=words) as caught:
        read_people_points(tmp_path)
    assert "\n" not in str(caught.value)

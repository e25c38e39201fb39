"""The measurement of the finder: what is drawn for it, and what it counts."""

from __future__ import annotations

import numpy as np
import pytest

from facemodel import FaceModel, LimelightError
from realtime.tracking.finder import open_finder
from realtime.tracking.found_face import FoundFace
from training.evaluation.finder import PhotoFinding, measure_photos, measure_renders, photo_table, render_tables
from training.evaluation.finder_scenes import HEIGHT, WIDTH, FinderScene, FinderScenes


def upright_face(centre: tuple[float, float], size: float) -> FoundFace:
    x, y = centre
    half = 0.5 * size
    points = [(-10, -10), (10, -10), (0, 0), (0, 10), (-20, -5), (20, -5)]
    return FoundFace(np.array([x - half, y - half, x + half, y + half]), np.add(points, centre), 0.9)


def blank(size: float, roll: float = 0.0, yaw: float = 0.0) -> FinderScene:
    return FinderScene(np.zeros((HEIGHT, WIDTH, 3), np.uint8), np.array([100.0, 200.0]), size, yaw, roll)


def test_scenes_show_a_face_where_they_say(model: FaceModel):
    scenes = FinderScenes(sizes=(150.0,), yaws=(30.0,), rolls=2)
    drawn = list(scenes.draw(model))
    assert len(drawn) == len(scenes) == 2
    assert all(scene.image.shape == (HEIGHT, WIDTH, 3) and abs(scene.yaw) == 30.0 for scene in drawn)
    assert all(finding.found and finding.lean < 30 for finding in measure_renders(open_finder().find, drawn))
    again = next(iter(scenes.draw(model)))
    np.testing.assert_array_equal(again.image, drawn[0].image)


def test_a_face_counts_by_place_and_others_are_told():
    near, far = upright_face((111.0, 200.0), 40.0), upright_face((113.0, 200.0), 40.0)
    (hit,) = measure_renders(lambda image: [upright_face((400.0, 50.0), 40.0), near], [blank(40.0)])
    assert hit.found and hit.others == 1 and hit.lean == pytest.approx(0.0)
    (miss,) = measure_renders(lambda image: [far], [blank(40.0)])
    assert not miss.found and miss.others == 1 and np.isnan(miss.lean)
    (turned,) = measure_renders(lambda image: [near], [blank(40.0, roll=-170.0)])
    assert turned.lean == pytest.approx(170.0)


def test_tables_have_a_row_a_size_and_the_shares_that_must_hold():
    faces = iter([[upright_face((100.0, 200.0), 30.0)], [], [upright_face((100.0, 200.0), 30.0)], []])
    scenes = [blank(24.0), blank(24.0), blank(64.0, yaw=60.0), blank(64.0, yaw=-90.0, roll=180.0)]
    text = render_tables(measure_renders(lambda image: next(faces), scenes))
    assert "| 24 | 50.0 % | none | none |" in text
    assert "| 64 | none | 100.0 % | 0.0 % |" in text
    assert "yaw to 75°: 100.0 % (at least 98 %)" in text
    assert "yaw 90°: 0.0 % (at least 95 %)" in text
    assert "| 180° ± 22.5° | 0.0 % |" in text
    photos = [PhotoFinding("a.jpg", 3, [(1, 2, 3, 4)], []), PhotoFinding("b.jpg", 2, [], [(5, 6, 7, 8)])]
    assert "missed: 1 of 5" in photo_table(photos)


def test_photographs_without_readable_boxes_are_one_line(tmp_path, model):
    class Engine:
        resolution = 128

    with pytest.raises(LimelightError, match="missing or unreadable"):
        measure_photos(model, Engine(), open_finder(), tmp_path)
    for name in ("testing.xml", "training.xml"):
        (tmp_path / name).write_text("<dataset><image file='a.jpg'><box top='1'/></image></dataset>")
    with pytest.raises(LimelightError, match="missing or unreadable"):
        measure_photos(model, Engine(), open_finder(), tmp_path)

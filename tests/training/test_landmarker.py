"""MediaPipe's landmarker on rendered faces, and what it says of a bad bundle and of a missing package."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from facemodel import ARKIT_NAMES, LimelightError, fit_pose, project
from facemodel.landmarks import normalized_mean_error
from facemodel.rotation import angle_between
from realtime.sources.synthetic import SyntheticPerformer
from training.data.landmarker import Landmarker


@pytest.fixture(scope="module")
def landmarker():
    with Landmarker() as landmarker:
        yield landmarker


@pytest.fixture(scope="module")
def frame():
    performer = SyntheticPerformer(width=640, height=480, fps=30.0, seed=1, live=False)
    frame = performer.read()
    performer.close()
    return frame


def test_points_and_pose_agree_with_the_truth(landmarker, frame, model):
    (face,) = landmarker.find(frame.image)
    p = model.layout.view(frame.truth)
    vertices = model.shape(p.identity, p.expression)
    truth = project(model.landmarks478(vertices), p.rotation, p.translation, p.scale)
    assert normalized_mean_error(face.landmarks, truth) < 0.04
    rotation, translation, scale = fit_pose(model.landmarks478(model.mean), face.landmarks)
    assert np.degrees(angle_between(rotation, p.rotation)) < 8.0
    assert np.linalg.norm(translation - p.translation) < 12.0 * p.scale
    assert scale == pytest.approx(p.scale, rel=0.12)
    assert set(face.scores) <= set(ARKIT_NAMES)
    assert face.matrix.shape == (4, 4)
    nose, temple = face.depth[1], face.depth[234]
    assert nose < temple, "depth grows away from the camera"


def test_a_wall_has_no_face(landmarker):
    assert landmarker.find(np.full((240, 320, 3), 100, np.uint8)) == []


def test_several_faces_come_largest_first(landmarker, frame):
    small = frame.image[::2, ::2]
    scene = np.full((480, 960, 3), 90, np.uint8)
    scene[120 : 120 + small.shape[0], : small.shape[1]] = small
    scene[:, 320:] = frame.image
    faces = landmarker.find(scene)
    assert len(faces) == 2
    assert faces[0].size > 1.5 * faces[1].size
    assert faces[0].landmarks[:, 0].mean() > 320


def test_pictures_of_changing_size_are_all_right(landmarker, frame):
    assert landmarker.find(np.ascontiguousarray(frame.image[:, 80:560]))
    assert landmarker.find(frame.image)


def test_a_missing_or_corrupt_bundle_is_one_line(tmp_path):
    with pytest.raises(LimelightError, match="no such file"):
        Landmarker(tmp_path / "none.task")
    (tmp_path / "bad.task").write_bytes(b"PK\x03\x04 not a bundle")
    with pytest.raises(LimelightError, match="corrupt"):
        Landmarker(tmp_path / "bad.task")


def test_without_mediapipe_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "mediapipe", None)
    with pytest.raises(LimelightError, match=r"^MediaPipe is not installed: pip install 'limelight\[train\]'$"):
        Landmarker()


def test_closing_twice_is_allowed():
    landmarker = Landmarker()
    landmarker.close()
    landmarker.close()

"""`limelight reconstruct`: the files that others rely on."""

from __future__ import annotations

import json

import numpy as np
import pytest
import trimesh

from facemodel import ARKIT_NAMES, FaceModel, project
from facemodel.rotation import matrix_from_euler
from limelight.cli import main
from realtime.opencv import cv2
from realtime.sources.synthetic import SyntheticPerformer


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """One frame of the synthetic performer as a photograph, and a picture of nobody."""
    folder = tmp_path_factory.mktemp("reconstruct")
    performer = SyntheticPerformer(width=640, height=480, fps=30.0, seed=3, live=False)
    frame = performer.read()
    performer.close()
    cv2.imwrite(str(folder / "face.png"), frame.image)
    cv2.imwrite(str(folder / "nobody.png"), np.full((200, 300, 3), 90, np.uint8))
    out = folder / "out"
    assert main(["reconstruct", str(folder / "face.png"), str(folder / "nobody.png"), "--out", str(out)]) == 0
    return out, frame


def load(results):
    out, _ = results
    return json.loads((out / "face.json").read_text())


def test_json_has_every_field_in_its_shape(results):
    document = load(results)
    assert (document["width"], document["height"]) == (640, 480)
    (face,) = document["faces"]
    assert np.shape(face["landmarks68"]) == (68, 2)
    assert np.shape(face["landmarks478"]) == (478, 2)
    assert np.shape(face["landmarks68_mm"]) == (68, 3)
    assert tuple(face["expression"]) == ARKIT_NAMES
    assert all(0.0 <= weight <= 1.0 for weight in face["expression"].values())
    assert set(face["pose"]) == {"yaw", "pitch", "roll"}
    assert np.shape(face["light"]["sh"]) == (9, 3)
    assert len(face["light"]["key_position"]) == len(face["light"]["key_color"]) == 3
    x0, y0, x1, y1 = face["box"]
    assert 0 < x0 < x1 < 640
    assert 0 < y0 < y1 < 480
    assert 0.5 < face["confidence"] <= 1.0


def test_landmarks_agree_with_the_truth(results):
    _, frame = results
    (face,) = load(results)["faces"]
    model = FaceModel.load()
    p = model.layout.view(frame.truth)
    truth = project(model.landmarks68(model.shape(p.identity, p.expression)), p.rotation, p.translation, p.scale)
    off = np.linalg.norm(np.array(face["landmarks68"]) - truth, axis=1).mean()
    assert off < 0.06 * np.sqrt(np.prod(np.ptp(truth, axis=0)))


def test_obj_is_the_posed_head_and_its_landmarks_project_to_the_image(results):
    out, _ = results
    (face,) = load(results)["faces"]
    mesh = trimesh.load(out / "face.obj", process=False)
    model = FaceModel.load()
    assert len(mesh.faces) == len(model.triangles)
    assert mesh.visual is not None
    points = np.array(face["landmarks68_mm"])
    _, distance, _ = trimesh.proximity.closest_point(mesh, points)
    assert distance.max() < 0.05
    pixels = np.array(face["landmarks68"])
    design = np.column_stack([points[:, 0], -points[:, 1]])
    scale = np.ptp(pixels[:, 0]) / np.ptp(design[:, 0])
    np.testing.assert_allclose(pixels - pixels.mean(0), scale * (design - design.mean(0)), atol=0.05)


def test_neutral_obj_is_the_unposed_face_region(results):
    out, _ = results
    mesh = trimesh.load(out / "face.neutral.obj", process=False)
    model = FaceModel.load()
    assert len(mesh.faces) == len(model.region_triangles("face"))
    (face,) = load(results)["faces"]
    expected = model.shape(np.array(face["identity"]), np.zeros(model.layout.n_expression))
    np.testing.assert_allclose(
        mesh.bounds, [f(expected[model.region_vertices("face")], axis=0) for f in (np.min, np.max)], atol=0.05
    )


def test_pose_angles_rebuild_the_rotation_of_the_obj(results):
    out, _ = results
    (face,) = load(results)["faces"]
    model = FaceModel.load()
    rotation = matrix_from_euler(*np.radians([face["pose"][name] for name in ("yaw", "pitch", "roll")]))
    weights = np.array(list(face["expression"].values()))
    expected = model.shape(np.array(face["identity"]), weights) @ rotation.T
    lines = (out / "face.obj").read_text().splitlines()
    vertices = np.array([line.split()[1:4] for line in lines if line.startswith("v ")], float)
    np.testing.assert_allclose(vertices, expected, atol=0.05)


def test_picture_has_five_panels(results):
    out, _ = results
    picture = cv2.imread(str(out / "face.png"))
    assert picture.shape == (480, 5 * 640, 3)
    panels = np.split(picture, 5, axis=1)
    differences = [np.abs(a.astype(int) - b).max() for a, b in zip(panels, panels[1:], strict=False)]
    assert min(differences) > 10


def test_nobody_is_an_empty_list_and_a_warning(results, capsys, tmp_path):
    out, _ = results
    assert json.loads((out / "nobody.json").read_text())["faces"] == []
    assert not (out / "nobody.obj").exists()
    cv2.imwrite(str(tmp_path / "wall.png"), np.full((100, 100, 3), 128, np.uint8))
    assert main(["reconstruct", str(tmp_path / "wall.png"), "--out", str(tmp_path)]) == 0
    assert "no face found" in capsys.readouterr().err


def test_what_is_no_image_is_one_line_each_and_the_others_are_done(capsys, tmp_path):
    (tmp_path / "empty.jpg").write_bytes(b"")
    (tmp_path / "text.jpg").write_text("not an image")
    cv2.imwrite(str(tmp_path / "wall.png"), np.full((100, 100, 3), 128, np.uint8))
    names = ["empty.jpg", "text.jpg", "missing.jpg", "wall.png"]
    assert main(["reconstruct", *(str(tmp_path / name) for name in names), "--out", str(tmp_path / "out")]) == 1
    errors = [line for line in capsys.readouterr().err.splitlines() if line.startswith("limelight: error:")]
    assert len(errors) == 3
    assert (tmp_path / "out" / "wall.json").is_file()


def test_images_of_one_name_are_refused(capsys, tmp_path):
    assert main(["reconstruct", "a/x.png", "b/x.jpg", "--out", str(tmp_path)]) == 1
    assert "'x'" in capsys.readouterr().err

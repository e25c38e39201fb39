"""`limelight reconstruct`: the files that others rely on."""

from __future__ import annotations

import json
import os
from pathlib import Path

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
    assert document["model"]["digest"] == FaceModel.load().digest
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
    assert main(["reconstruct", str(tmp_path / "wall.png"), "--out", str(tmp_path / "out")]) == 0
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


def photographs(tmp_path, *names):
    """Pictures of nobody, each of another grey."""
    for shade, name in enumerate(names):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        cv2.imwrite(str(tmp_path / name), np.full((60, 80, 3), 90 + shade, np.uint8))
    return [str(tmp_path / name) for name in names]


def error_line(capsys):
    """The one line of the one error."""
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("limelight: error:")]
    return line


@pytest.mark.parametrize("force", [[], ["--force"]])
def test_images_of_one_name_are_refused_before_any_work(capsys, tmp_path, force):
    one, two = photographs(tmp_path, "a/x.png", "b/x.jpg")
    assert main(["reconstruct", one, two, "--out", str(tmp_path / "out"), *force]) == 1
    line = error_line(capsys)
    assert one in line and two in line
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("force", [[], ["--force"]])
def test_a_photograph_beside_its_results_stays(results, capsys, tmp_path, force):
    out, _ = results
    before = (out.parent / "face.png").read_bytes()
    (tmp_path / "face.png").write_bytes(before)
    (tmp_path / "link").symlink_to(tmp_path)
    for folder in (tmp_path, tmp_path / "link"):
        assert main(["reconstruct", str(tmp_path / "face.png"), "--out", str(folder), *force]) == 1
        assert "is an input itself" in error_line(capsys)
    assert (tmp_path / "face.png").read_bytes() == before
    assert {path.name for path in tmp_path.iterdir()} == {"face.png", "link"}


def test_the_same_image_again_and_another_of_its_name(capsys, tmp_path):
    one, two = photographs(tmp_path, "a/me.png", "b/me.png")
    command = ["reconstruct", "--no-picture", "--out", str(tmp_path / "out")]
    assert main([*command, one]) == main([*command, one]) == 0
    capsys.readouterr()
    assert main([*command, two]) == 1
    assert "exists already" in error_line(capsys)
    document = tmp_path / "out" / "me.json"
    assert json.loads(document.read_text())["image"] == one
    assert main([*command, two, "--force"]) == 0
    assert json.loads(document.read_text())["image"] == two


def test_a_mesh_of_an_earlier_image_does_not_stay_beside_nobody(results, tmp_path):
    out, _ = results
    (tmp_path / "out").mkdir()
    for name in ("face.json", "face.obj", "face.neutral.obj", "face.png"):
        (tmp_path / "out" / name).write_bytes((out / name).read_bytes())
    (nobody,) = photographs(tmp_path, "face.png")
    assert main(["reconstruct", nobody, "--out", str(tmp_path / "out"), "--force"]) == 0
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["face.json"]


def test_a_disk_that_fills_leaves_the_results_before_it(results, tmp_path, monkeypatch, capsys):
    out, _ = results
    face = str(out.parent / "face.png")
    command = ["reconstruct", face, "--no-picture", "--out", str(tmp_path)]
    assert main(command) == 0
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("facemodel.obj._vertex_lines", full)
    capsys.readouterr()
    assert main(command) == 1
    assert "No space left on device" in error_line(capsys)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_what_moves_is_refused_by_what_takes_it(capsys, tmp_path):
    video = tmp_path / "clip.png"  # whatever it is called
    writer = cv2.VideoWriter(str(tmp_path / "clip.mp4"), cv2.VideoWriter_fourcc(*"mp4v"), 25.0, (160, 120))
    for _ in range(3):
        writer.write(np.full((120, 160, 3), 90, np.uint8))
    writer.release()
    (tmp_path / "clip.mp4").rename(video)
    animation = cv2.Animation()
    animation.frames = [np.full((60, 80, 3), shade, np.uint8) for shade in (10, 200)]
    animation.durations = [100, 100]
    moving = [video]
    for name in ("moving.webp", "moving-too.png"):
        assert cv2.imwriteanimation(str(tmp_path / name), animation)
        moving.append(tmp_path / name)
    for path in moving:
        assert main(["reconstruct", str(path), "--out", str(tmp_path / "out")]) == 1
        assert "limelight run --source" in error_line(capsys)
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.skipif(os.name == "nt", reason="file names are text there")
def test_a_name_that_is_not_utf8_makes_json_that_is(tmp_path, capfd):
    image = tmp_path / os.fsdecode(b"caf\xe9.png")
    (ordinary,) = photographs(tmp_path, "ordinary.png")
    Path(ordinary).rename(image)
    assert main(["reconstruct", str(image), "--no-picture", "--out", str(tmp_path / "out")]) == 0
    (document,) = (tmp_path / "out").iterdir()
    assert os.fsencode(document.name) == b"caf\xe9.json"
    json.loads(document.read_text())["image"].encode("utf-8")
    assert "no face found" in capfd.readouterr().err

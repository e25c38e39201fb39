"""`limelight relight`: photographs and videos, the kinds of light, and the files that it leaves."""

from __future__ import annotations

import json
from pathlib import Path

import av
import numpy as np
import pytest

from limelight.cli import main
from realtime.opencv import cv2
from realtime.sources.synthetic import SyntheticPerformer
from tests.realtime.video_factory import write_video

SHOW = """limelight show: 1
name: Red
start:
  light: {source: show}
  environment: {name: studio, intensity: 0.2}
cues:
  - cue: 1
    time: 0
    light 1: {intensity: 2, color: "#ff0000", azimuth: 0, elevation: 0}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Pictures of the synthetic performer and of nobody, and a video of it."""
    made = tmp_path_factory.mktemp("relight")
    performer = SyntheticPerformer(width=320, height=240, fps=10.0, seed=3, live=False)
    frames = [performer.read().image.copy() for _ in range(4)]
    performer.close()
    cv2.imwrite(str(made / "face.png"), frames[0])
    cv2.imwrite(str(made / "nobody.png"), np.full((120, 160, 3), 90, np.uint8))
    write_video(made / "clip.mp4", frames, [0.1 * k for k in range(4)])
    return made


def relight(folder: Path, out: Path, light: str, *more: str, source: str = "face.png") -> int:
    return main(["relight", str(folder / source), "--light", light, "--out", str(out), *more])


def read(path: Path) -> np.ndarray:
    image = cv2.imread(str(path))
    assert image is not None
    return image.astype(int)


def test_a_preset_changes_the_face_and_keeps_the_corners(folder, tmp_path, capsys):
    assert relight(folder, tmp_path / "relit.png", "stage red and blue", "--compare") == 0
    both, before = read(tmp_path / "relit.png"), read(folder / "face.png")
    assert both.shape == (240, 640, 3)
    np.testing.assert_array_equal(both[:, :320], before)
    change = np.abs(both[:, 320:] - before).mean(axis=-1)
    assert change[100:140, 140:180].mean() > 15 and change[:20, :20].max() <= 1
    assert f"written: {tmp_path / 'relit.png'}" in capsys.readouterr().err


def test_the_light_of_a_photograph_is_that_of_its_reconstruction(folder, tmp_path):
    assert main(["reconstruct", str(folder / "face.png"), "--out", str(tmp_path), "--no-picture"]) == 0
    said = json.loads((tmp_path / "face.json").read_text())["faces"][0]["light"]
    said["sh"] = (0.4 * np.array(said["sh"])).tolist()
    (tmp_path / "darker.json").write_text(json.dumps(said))
    before = read(folder / "face.png")
    for light, name in (
        (folder / "face.png", "own"),
        (tmp_path / "face.json", "same"),
        (tmp_path / "darker.json", "dim"),
    ):
        assert relight(folder, tmp_path / f"{name}.png", str(light)) == 0
    assert np.abs(read(tmp_path / "own.png") - before).max() <= 2
    np.testing.assert_allclose(read(tmp_path / "same.png"), read(tmp_path / "own.png"), atol=2)
    face = np.s_[100:140, 140:180]
    assert read(tmp_path / "dim.png")[face].mean() < 0.8 * before[face].mean()


def test_a_panorama_lights_from_its_bright_side(folder, tmp_path):
    panorama = np.full((64, 128, 3), 20, np.uint8)
    panorama[20:40, 80:100] = 255  # image right
    cv2.imwrite(str(tmp_path / "room.png"), panorama)
    assert relight(folder, tmp_path / "relit.png", str(tmp_path / "room.png")) == 0
    gain = read(tmp_path / "relit.png")[110:140] / np.maximum(read(folder / "face.png")[110:140], 1)
    assert gain[:, 165:180].mean() > 1.15 * gain[:, 135:150].mean()


def test_a_show_plays_its_first_cue(folder, tmp_path):
    (tmp_path / "red.yaml").write_text(SHOW)
    light = str(tmp_path / "red.yaml")
    assert relight(folder, tmp_path / "relit.png", light) == 0
    blue, _, red = read(tmp_path / "relit.png")[100:140, 140:180].mean(axis=(0, 1))
    assert red > 2.5 * blue
    inputs = [str(folder / "face.png"), str(folder / "clip.mp4")]
    arguments = ["relight", *inputs, "--light", light, "--out", str(tmp_path / "out"), "--compare", "--frames", "3"]
    assert main(arguments) == 0
    with av.open(str(tmp_path / "out" / "clip.mp4")) as container:
        frames = [frame.to_ndarray(format="bgr24") for frame in container.decode(video=0)]
    assert len(frames) == 3 and frames[-1].shape == (240, 640, 3)
    blue, _, red = frames[-1][100:140, 460:500].mean(axis=(0, 1))
    assert red > 2.0 * blue
    assert (tmp_path / "out" / "face.png").is_file()


def test_a_picture_without_a_face_stays_as_it_is(folder, tmp_path, capsys):
    assert relight(folder, tmp_path / "out.png", "sunset", source="nobody.png") == 0
    np.testing.assert_array_equal(read(tmp_path / "out.png"), read(folder / "nobody.png"))
    assert "no face was found" in capsys.readouterr().err


def test_an_input_is_never_overwritten_and_a_file_only_by_force(folder, tmp_path, capsys):
    assert relight(folder, folder / "face.png", "sunset", "--force") == 1
    assert "is an input itself" in capsys.readouterr().err
    (tmp_path / "other.png").write_bytes(b"mine")
    assert relight(folder, tmp_path / "other.png", "sunset", source="nobody.png") == 1
    assert (tmp_path / "other.png").read_bytes() == b"mine"
    assert relight(folder, tmp_path / "other.png", "sunset", "--force", source="nobody.png") == 0


@pytest.mark.parametrize(
    ("light", "content", "message"),
    [
        ("noon", None, "neither a file nor a preset"),
        ("a.json", "{", "cannot be read as JSON"),
        ("b.json", '{"sh": [1, 2], "key_position": [0, 0, 1], "key_color": [1, 1, 1], "shininess": 9}', "must have sh"),
        ("c.json", '{"faces": []}', "no face"),
        ("d.yaml", "limelight show: 1\nstart: {light 9: {intensity: 1}}\n", "d.yaml"),
    ],
)
def test_light_that_is_none_is_refused_in_one_line(folder, tmp_path, capsys, light, content, message):
    if content is not None:
        (tmp_path / light).write_text(content)
        light = str(tmp_path / light)
    assert relight(folder, tmp_path / "out.png", light) == 1
    (line,) = [each for each in capsys.readouterr().err.splitlines() if "error" in each]
    assert message in line
    assert not (tmp_path / "out.png").exists()


def test_names_that_do_not_fit_are_refused(folder, tmp_path, capsys):
    assert relight(folder, tmp_path / "out.mp4", "sunset") == 1
    assert "must end in .png" in capsys.readouterr().err
    assert relight(folder, tmp_path / "out.png", "sunset", source="clip.mp4") == 1
    assert "must end in .mp4" in capsys.readouterr().err
    assert relight(folder, tmp_path / "out.png", str(folder / "nobody.png")) == 1
    assert "no face was found in that photograph" in capsys.readouterr().err

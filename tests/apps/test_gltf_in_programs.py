"""glTF in other programs: Khronos' validator, three.js in Chromium, Blender."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from facemodel import FaceModel
from facemodel.lighting import COSINE_LOBE
from realtime.opencv import cv2
from realtime.render.headless import HeadlessComposer
from realtime.render.options import RenderOptions, ViewMode
from realtime.takes.clip import Clip
from realtime.takes.exporters import export_take
from realtime.takes.scene.head import Head
from tests.apps.browser import ask_page
from tests.apps.in_blender import assert_blender_shows_the_take
from tests.apps.programs import run_node
from tests.realtime.moving_head import Expected, moving_take, parameters
from tests.toy_model import toy_model

pytestmark = pytest.mark.apps

WEB = Path(__file__).parent / "web"
FRAMES = range(0, 61, 10)
"""Every tenth one."""


@pytest.fixture(scope="module", params=["toy", "limelight"])
def face_model(request) -> FaceModel:
    return toy_model() if request.param == "toy" else FaceModel.load()


@pytest.fixture(scope="module")
def take(face_model, tmp_path_factory):
    return moving_take(tmp_path_factory.mktemp("take") / "take.mcap", face_model)


@pytest.fixture(scope="module")
def glb(take, tmp_path_factory) -> Path:
    return export_take(take, "gltf", tmp_path_factory.mktemp("gltf") / "take.glb")[0]


def angle(a: NDArray, b: NDArray) -> float:
    """Degrees between two rotations (3, 3)."""
    return float(np.degrees(np.arccos(np.clip((np.trace(a.T @ b) - 1.0) / 2.0, -1.0, 1.0))))


def matrix(quaternion: list[float]) -> NDArray:
    """(3, 3) of a unit quaternion x, y, z, w."""
    x, y, z, w = quaternion
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )


def test_khronos_validator_has_nothing_to_say(glb):
    report = json.loads(run_node(WEB / "validate.mjs", glb))
    issues = report["issues"]
    assert (issues["numErrors"], issues["numWarnings"], issues["numHints"]) == (0, 0, 0), issues["messages"]
    assert {issue["code"] for issue in issues["messages"]} <= {"UNUSED_OBJECT"}, "UVs of what has vertex colours"
    assert report["info"]["hasMorphTargets"] and report["info"]["animationCount"] == 1


def test_three_js_shows_the_take(glb, take, face_model):
    width, height, shown = 640, 480, 20
    sh = face_model.layout.view(parameters(face_model, shown)).sh / COSINE_LOBE[:, None]  # three.js wants radiance
    wanted = {
        "times": [index / 30.0 for index in FRAMES],
        "picture": {
            "time": shown / 30.0,
            "width": width,
            "height": height,
            "scale": float(face_model.layout.view(parameters(face_model, shown)).scale),
            "sh": sh.tolist(),
        },
    }
    answer = ask_page("three.html", {"/take.glb": glb.read_bytes(), "/wanted.json": json.dumps(wanted).encode()})
    source = Head.of(Clip(take).model).skin.source
    for index, frame in zip(FRAMES, answer["frames"], strict=True):
        expected = Expected(face_model, index)
        for name, weight in frame["weights"].items():
            assert weight == pytest.approx(expected.channels.weight(name), abs=1e-4), (index, name)
        assert len(frame["weights"]) == 52
        vertices = np.reshape(frame["vertices"], (-1, 3))
        assert np.abs(vertices - expected.vertices()[source]).max() < 2e-5  # metres
        for turned, eye in zip(frame["eyes"], expected.eye_rotations(), strict=True):
            assert angle(matrix(turned), eye) < 0.1
        np.testing.assert_allclose(frame["key"], expected.key_position(), atol=2e-5)
    assert answer["camera"]["aspect"] == pytest.approx(640 / 480)
    assert answer["camera"]["fov"] == pytest.approx(46.826, abs=1e-3)  # 60 degrees across
    compare_pictures(answer["picture"], face_model, parameters(face_model, shown), width, height)


def compare_pictures(data_url: str, model: FaceModel, vector: NDArray, width: int, height: int) -> None:
    png = np.frombuffer(base64.b64decode(data_url.partition(",")[2]), np.uint8)
    theirs = cv2.imdecode(png, cv2.IMREAD_COLOR).astype(float)
    with HeadlessComposer(model, width, height, samples=1) as renderer:
        options = RenderOptions(mode=ViewMode.DIFFUSE, background=(0.0, 0.0, 0.0), whole_head=True)
        ours = renderer.render(None, vector, options).astype(float)
    drawn = ours.any(axis=2), theirs.any(axis=2)
    covered = np.logical_and(*drawn)
    assert covered.sum() > 20_000
    assert np.logical_xor(*drawn).sum() < 0.02 * covered.sum()
    difference = np.abs(ours - theirs)[covered]
    assert difference.mean() < 2.0
    assert np.percentile(difference, 95) < 8.0


def test_blender_shows_the_take(glb, take, face_model, tmp_path):
    found = assert_blender_shows_the_take(glb, take, face_model, FRAMES, tmp_path)
    assert {"EMPTY head", "LIGHT keyLight", "CAMERA camera"} <= set(found["objects"])

"""FBX through Blender and back."""

from __future__ import annotations

import numpy as np
import pytest

from facemodel import ARKIT_NAMES, FaceModel
from realtime.blender.program import VARIABLE
from realtime.frame_rate import FrameRate
from realtime.takes.clip import Clip, ClipEdit
from realtime.takes.exporters import export_take
from tests.apps.in_blender import SCRIPTS, assert_blender_shows_the_take
from tests.apps.programs import blender_python, run_blender
from tests.realtime.moving_head import moving_take
from tests.toy_model import toy_model

pytestmark = pytest.mark.apps


@pytest.mark.parametrize("name", ["toy", "limelight"])
def test_blender_shows_the_take(name, tmp_path, monkeypatch):
    monkeypatch.setenv(VARIABLE, str(blender_python()))
    face_model = toy_model() if name == "toy" else FaceModel.load()
    take = moving_take(tmp_path / "take.mcap", face_model)
    (path,) = export_take(take, "fbx", tmp_path / "take.fbx")
    found = assert_blender_shows_the_take(path, take, face_model, range(0, 61, 10), tmp_path)
    assert {"EMPTY head", "LIGHT keyLight", "CAMERA camera"} <= set(found["objects"])


def test_frames_of_broken_rates_lie_where_they_belong(tmp_path, monkeypatch):
    monkeypatch.setenv(VARIABLE, str(blender_python()))
    take = moving_take(tmp_path / "take.mcap", toy_model())
    edit = ClipEdit(rate=FrameRate.parse("23.976"))
    (path,) = export_take(take, "fbx", tmp_path / "take.fbx", edit=edit)
    numbers = range(0, 48, 10)
    shown = [str(1.001 * number) for number in numbers]  # its importer counts 24 frames a second
    run_blender(SCRIPTS / "read_take.py", path, tmp_path / "found.npz", "24", *shown, settings=tmp_path)
    found = np.load(tmp_path / "found.npz")
    weights = np.concatenate([block.channels.weights for block in Clip(take, edit=edit).held_blocks()])
    assert list(found["names"]) == list(ARKIT_NAMES)
    np.testing.assert_allclose(found["weights"], weights[list(numbers)], atol=1e-4)

"""USD in Blender."""

from __future__ import annotations

import pytest

from facemodel import FaceModel
from realtime.takes.exporters import export_take
from tests.apps.in_blender import assert_blender_shows_the_take
from tests.realtime.moving_head import moving_take
from tests.toy_model import toy_model

pytestmark = pytest.mark.apps


@pytest.mark.parametrize(("name", "kind"), [("toy", "usda"), ("toy", "usdc"), ("limelight", "usdz")])
def test_blender_shows_the_take(name, kind, tmp_path):
    face_model = toy_model() if name == "toy" else FaceModel.load()
    take = moving_take(tmp_path / "take.mcap", face_model)
    (path,) = export_take(take, "usd", tmp_path / f"take.{kind}")
    found = assert_blender_shows_the_take(path, take, face_model, range(0, 61, 10), tmp_path)
    assert {"EMPTY head", "LIGHT keyLight", "CAMERA camera"} <= set(found["objects"])
    assert list(found["color_attributes"]) == ["displayColor"]

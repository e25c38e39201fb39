"""BVH in Blender: the head stands and turns as in the take, and the eyes look where ours do."""

from __future__ import annotations

import numpy as np
import pytest

from facemodel.rotation import angle_between, matrix_from_euler
from realtime.takes.clip import Clip
from realtime.takes.exporters import export_take
from tests.apps.in_blender import SCRIPTS
from tests.apps.programs import run_blender
from tests.realtime.moving_head import moving_take
from tests.toy_model import toy_model

pytestmark = pytest.mark.apps

FRAMES = [*range(0, 31, 5), *range(40, 61, 5)]
"""Those with the face."""


def test_blender_reads_the_skeleton(tmp_path):
    model = toy_model()
    take = moving_take(tmp_path / "a.mcap", model)
    (path,) = export_take(take, "bvh", tmp_path / "a.bvh")
    run_blender(SCRIPTS / "read_bvh.py", path, tmp_path / "found.npz", *(str(f + 1) for f in FRAMES), settings=tmp_path)
    found = np.load(tmp_path / "found.npz")
    (block,) = Clip(take).blocks()
    channels = block.channels
    assert found["fps"] == pytest.approx(30.0) and 61 <= found["last"] <= 62
    rotation, position = channels.head_rotation[FRAMES], channels.head_position[FRAMES] / 10.0  # cm
    assert np.degrees(angle_between(found["Head"], rotation)).max() < 0.01
    np.testing.assert_allclose(found["Head_place"], position, atol=1e-3)
    eyes = np.radians(channels.eye_angles[FRAMES])
    for eye, name in enumerate(("LeftEye", "RightEye")):
        turned = rotation @ matrix_from_euler(eyes[:, eye, 0], eyes[:, eye, 1], 0.0)
        assert np.degrees(angle_between(found[name], turned)).max() < 0.01
        centre = take.person_model(1).eye_centres[eye] / 10.0
        np.testing.assert_allclose(found[f"{name}_place"], position + rotation @ centre, atol=2e-3)

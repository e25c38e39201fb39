"""The add-on in Blender: a take and a stream on a mesh whose keys are spelled and ordered in another way."""

from __future__ import annotations

import json
import subprocess
import threading
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from facemodel import ARKIT_NAMES
from facemodel.rotation import angle_between
from realtime.blender.addon_zip import write_addon
from realtime.sinks.registry import open_sink
from realtime.takes.exporters import export_take
from tests.apps.in_blender import SCRIPTS, TO_BLENDER
from tests.apps.programs import blender_python, run_blender
from tests.realtime.moving_head import Expected, moving_take, parameters
from tests.realtime.streams.faces import INFO, face, free_port, result
from tests.toy_model import toy_model

pytestmark = pytest.mark.apps

FRAMES = range(0, 61, 10)


@pytest.fixture(scope="module")
def face_model():
    return toy_model()


@pytest.fixture
def stream(face_model):
    """The address of our own stream, which tells of frame 20 of the take again and again."""
    sink = open_sink(f"ws://127.0.0.1:{free_port()}").sink
    sink.begin(replace(INFO, model=face_model))
    ended = threading.Event()

    def submit() -> None:
        values = parameters(face_model, 20)
        shown = result(0, [face(values)])
        while not ended.wait(0.02):
            sink.submit(shown)

    thread = threading.Thread(target=submit)
    thread.start()
    yield f"ws://127.0.0.1:{sink.broadcast.port}"
    ended.set()
    thread.join()
    sink.close()


def turns(expected: Expected) -> NDArray:
    """(3, 3, 3) of the head and the eyes in Blender's world."""
    both = np.concatenate([expected.rotation[None], expected.eye_rotations()])
    return TO_BLENDER @ both @ TO_BLENDER.T


def assert_turned(shown: NDArray, rest: NDArray, expected: Expected) -> None:
    """Objects or bones (3, 3, 3) are turned in the world as the face, from how they were at rest."""
    turned = shown @ np.swapaxes(rest, -1, -2)
    assert np.degrees(angle_between(turned, turns(expected))).max() < 0.1


def test_blenders_own_check_of_extensions_finds_nothing(tmp_path):
    write_addon(tmp_path / "limelight.zip")
    python = blender_python()
    (check,) = python.parents[1].glob("lib/*/site-packages/bpy/*/scripts/addons_core/bl_pkg/cli/blender_ext.py")
    done = subprocess.run([python, check, "validate", tmp_path / "limelight.zip"], capture_output=True, text=True)
    assert done.returncode == 0 and "ERROR" not in done.stdout, done.stdout + done.stderr


@pytest.mark.parametrize("kind", ["glb", "npz"])
def test_a_take_and_a_stream_move_mesh_head_and_eyes(kind, face_model, stream, tmp_path):
    write_addon(tmp_path / "limelight.zip")
    take = moving_take(tmp_path / "take.mcap", face_model)
    (path,) = export_take(take, {"glb": "gltf", "npz": "npz"}[kind], tmp_path / f"take.{kind}")
    arguments = (tmp_path / "limelight.zip", path, tmp_path / "found.npz", stream, *map(str, FRAMES))
    printed = run_blender(SCRIPTS / "use_addon.py", *arguments, settings=tmp_path / "settings")
    last = json.loads(printed.splitlines()[-1])
    assert last["version"].startswith("4.2") and not last["left"]
    found = np.load(tmp_path / "found.npz")
    assert list(found["names"]) == list(ARKIT_NAMES)
    assert len(found["keys"]) == 52 and list(found["keys"]) != list(ARKIT_NAMES)

    def expected_values(expected: Expected, jaw: float) -> NDArray:
        gains = [jaw if name == "jawOpen" else 1.0 for name in found["expressions"]]
        return np.array(gains) * [expected.channels.weight(name) for name in found["expressions"]]

    first = Expected(face_model, 0).channels.head_position
    for i, index in enumerate(FRAMES):
        expected = Expected(face_model, index)
        np.testing.assert_allclose(found["weights"][i], expected_values(expected, 0.5), atol=1e-4)
        assert not found["others"][i].any()
        move = TO_BLENDER @ (0.001 * (expected.channels.head_position - first))
        for name in ("bones", "empties"):
            assert_turned(found[name][i], found[f"{name}_rest"], expected)
            np.testing.assert_allclose(found[f"{name}_place"][i] - found[f"{name}_place_rest"], move, atol=2e-5)
    np.testing.assert_allclose(found["live_weights"], expected_values(Expected(face_model, 20), 0.5), atol=1e-4)
    assert_turned(found["live_empties"], found["empties_rest"], Expected(face_model, 20))
    np.testing.assert_allclose(found["live_place"], found["empties_place_rest"], atol=2e-5)

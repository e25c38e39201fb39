"""glTF as a reader of the specification finds it."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from facemodel import ARKIT_NAMES, LimelightError
from facemodel.color import decode_srgb
from realtime.frame_rate import FrameRate, Timecode
from realtime.opencv import cv2
from realtime.takes import load_take
from realtime.takes.clip import Clip, ClipEdit
from realtime.takes.exporters import export_take
from realtime.takes.scene.head import Head
from tests.realtime.moving_head import Expected, moving_take
from tests.realtime.take_factory import result, write_take
from tests.toy_model import toy_model


class Glb:
    """A GLB file, read after the specification of glTF 2.0."""

    def __init__(self, path: Path) -> None:
        data = path.read_bytes()
        magic, version, length = struct.unpack_from("<4sII", data)
        assert (magic, version, length) == (b"glTF", 2, len(data))
        size, kind = struct.unpack_from("<I4s", data, 12)
        assert kind == b"JSON" and size % 4 == 0
        self.document: dict[str, Any] = json.loads(data[20 : 20 + size])
        binary, kind = struct.unpack_from("<I4s", data, 20 + size)
        assert kind == b"BIN\0" and 28 + size + binary == len(data)
        self.data = data[28 + size :]

    def view(self, index: int) -> bytes:
        view = self.document["bufferViews"][index]
        return self.data[view["byteOffset"] : view["byteOffset"] + view["byteLength"]]

    def accessor(self, index: int) -> NDArray:
        accessor = self.document["accessors"][index]
        dtype = {5126: "<f4", 5125: "<u4"}[accessor["componentType"]]
        width = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4}[accessor["type"]]
        numbers = np.frombuffer(self.view(accessor["bufferView"]), dtype).reshape(accessor["count"], width)
        for name, found in (("min", numbers.min(axis=0)), ("max", numbers.max(axis=0))):
            if name in accessor:
                assert accessor[name] == found.tolist()
        return numbers[:, 0] if width == 1 else numbers

    def node(self, name: str) -> dict[str, Any]:
        (node,) = [node for node in self.document["nodes"] if node["name"] == name]
        return node

    def curve(self, node: str, path: str) -> tuple[NDArray, NDArray]:
        """Times and values of one animated property."""
        animation = self.document["animations"][0]
        for channel in animation["channels"]:
            target = channel["target"]
            if (self.document["nodes"][target["node"]]["name"], target["path"]) == (node, path):
                sampler = animation["samplers"][channel["sampler"]]
                assert sampler["interpolation"] == "LINEAR"
                return self.accessor(sampler["input"]), self.accessor(sampler["output"])
        raise AssertionError(f"{node} has no animated {path}")


def turned(vector: NDArray, quaternion: NDArray) -> NDArray:
    """A vector (..., 3) turned by a quaternion (4,) x, y, z, w."""
    axis, w = quaternion[:3], quaternion[3]
    across = 2.0 * np.cross(axis, vector)
    return vector + w * across + np.cross(axis, across)


@pytest.fixture(scope="module")
def face_model():
    return toy_model()


@pytest.fixture(scope="module")
def take(face_model, tmp_path_factory):
    return moving_take(tmp_path_factory.mktemp("take") / "take.mcap", face_model)


@pytest.fixture(scope="module")
def glb(take, tmp_path_factory) -> Glb:
    return Glb(export_take(take, "gltf", tmp_path_factory.mktemp("gltf") / "take.glb")[0])


@pytest.mark.parametrize("index", [*range(0, 61, 10), 35])
def test_every_frame_shows_the_face_as_the_take_does(glb, take, face_model, index):
    expected = Expected(face_model, index)  # of a frame without the face, the one before it
    time, weights = glb.curve("face", "weights")
    weights = weights.reshape(-1, 52)[index]
    assert time[index] == pytest.approx(index / 30.0, abs=1e-6)
    np.testing.assert_allclose(weights, expected.channels.weights, atol=1e-6)
    mesh = glb.document["meshes"][glb.node("face")["mesh"]]
    assert mesh["extras"]["targetNames"] == list(ARKIT_NAMES)
    (primitive,) = mesh["primitives"]
    vertices = glb.accessor(primitive["attributes"]["POSITION"]).astype(float)
    for weight, target in zip(weights, primitive["targets"], strict=True):
        vertices += weight * glb.accessor(target["POSITION"])
    place, turn = glb.curve("head", "translation")[1][index], glb.curve("head", "rotation")[1][index]
    vertices = turned(vertices, turn) + place
    source = Head.of(Clip(take).model).skin.source
    np.testing.assert_allclose(vertices, expected.vertices()[source], atol=2e-5)
    for name, rotation in zip(("leftEye", "rightEye"), expected.eye_rotations(), strict=True):
        gaze = turned(turned(np.array([0.0, 0.0, 1.0]), glb.curve(name, "rotation")[1][index]), turn)
        assert np.degrees(np.arccos(min(gaze @ rotation[:, 2], 1.0))) < 0.1
    np.testing.assert_allclose(glb.curve("keyLight", "translation")[1][index], expected.key_position(), atol=1e-5)


def test_eyeballs_are_meshes_about_their_centres_without_targets(glb, face_model):
    left, right = (glb.node(name) for name in ("leftEye", "rightEye"))
    assert left["translation"][0] > 0.0 > right["translation"][0], "the subject's left is at image right"
    for node in (left, right):
        (primitive,) = glb.document["meshes"][node["mesh"]]["primitives"]
        assert "targets" not in primitive
        radii = np.linalg.norm(glb.accessor(primitive["attributes"]["POSITION"]), axis=1)
        np.testing.assert_allclose(radii, 0.013, atol=0.001)
    head = glb.node("head")
    assert {glb.document["nodes"][child]["name"] for child in head["children"]} == {"face", "leftEye", "rightEye"}


def test_turns_never_jump_to_the_other_half_of_the_sphere(glb):
    for node in ("head", "leftEye", "rightEye"):
        quaternions = glb.curve(node, "rotation")[1]
        np.testing.assert_allclose(np.linalg.norm(quaternions, axis=1), 1.0, atol=1e-6)
        assert ((quaternions[1:] * quaternions[:-1]).sum(axis=1) > 0.9).all()


def test_the_scene_says_what_only_a_take_knows(glb, take, tmp_path):
    extras = glb.document["scenes"][0]["extras"]
    assert extras["fps"] == 30.0 and extras["timecode"] is None
    np.testing.assert_allclose(np.array(extras["sh"])[0], (2.6, 2.5, 2.3), rtol=1e-6)
    edit = ClipEdit(rate=FrameRate.parse("24"), start=Timecode.parse("10:00:00:00", FrameRate.parse("24")))
    resampled = Glb(export_take(take, "gltf", tmp_path / "take.glb", edit=edit)[0])
    assert resampled.document["scenes"][0]["extras"]["timecode"] == "10:00:00:00"
    times, weights = resampled.curve("face", "weights")
    np.testing.assert_allclose(times, np.arange(49) / 24.0, atol=1e-6)
    assert len(weights) == 49 * 52


def test_the_key_light_is_as_bright_at_the_head_as_in_the_take(glb, take):
    (light,) = glb.document["extensions"]["KHR_lights_punctual"]["lights"]
    np.testing.assert_allclose(light["color"], np.array([0.8, 0.6, 0.5]) / 0.8)
    channels = next(Clip(take).blocks()).channels
    distance = np.nanmean(np.linalg.norm(channels.key_position, axis=1)) / 1000.0
    assert light["intensity"] == pytest.approx(np.pi * 0.8 * distance**2, rel=0.02)


def test_vertices_have_their_albedo_where_charts_overlap(glb, take):
    attributes = glb.document["meshes"][0]["primitives"][0]["attributes"]
    skin = Head.of(Clip(take).model).skin
    np.testing.assert_array_equal(glb.accessor(attributes["COLOR_0"]), skin.colors)
    assert "images" not in glb.document


def test_the_texture_gives_every_vertex_its_albedo(tmp_path, model):
    take = moving_take(tmp_path / "take.mcap", model, frames=2)
    glb = Glb(export_take(take, "gltf", tmp_path / "take.glb")[0])
    attributes = glb.document["meshes"][0]["primitives"][0]["attributes"]
    assert "COLOR_0" not in attributes, "it would multiply the texture"
    image = glb.document["images"][0]
    picture = cv2.imdecode(np.frombuffer(glb.view(image["bufferView"]), np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
    u, v = glb.accessor(attributes["TEXCOORD_0"]).T
    height, width = picture.shape[:2]
    column, row = (np.clip((x * n).astype(int), 0, n - 1) for x, n in ((u, width), (v, height)))
    wrong = np.abs(decode_srgb(picture[row, column] / 255.0) - Head.of(Clip(take).model).skin.colors)
    assert np.percentile(wrong, 99) < 0.03 and wrong.mean() < 0.004


def test_a_clock_that_stands_still_gives_no_two_keys_at_a_time(tmp_path):
    twice = [result(index) for index in (0, 1, 1, 2)]
    take = load_take(write_take(tmp_path / "take.mcap", twice))
    glb = Glb(export_take(take, "gltf", tmp_path / "take.glb")[0])
    assert np.diff(glb.curve("face", "weights")[0]).min() > 0.0


def test_a_take_without_anybody_is_refused(tmp_path):
    take = load_take(write_take(tmp_path / "take.mcap", [result(i, ()) for i in range(3)]))
    with pytest.raises(LimelightError, match="there is no face in it"):
        export_take(take, "gltf", tmp_path / "take.glb")
    assert not (tmp_path / "take.glb").exists()

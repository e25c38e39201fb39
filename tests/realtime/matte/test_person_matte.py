"""The person matte: where it is, how it follows, and what it keeps."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from onnx import TensorProto, helper, save

from facemodel import LimelightError
from realtime.matte import person_matte
from realtime.matte.person_matte import PersonMatte
from realtime.opencv import cv2
from realtime.sources.synthetic import SyntheticPerformer

ASSET = person_matte.files("realtime") / "assets" / "person_matte.onnx"


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    performer = SyntheticPerformer(width=640, height=480, fps=10.0, live=False)
    try:
        frame = performer.read()
    finally:
        performer.close()
    assert frame is not None
    return frame.image


def test_the_network_that_ships_is_the_one_that_was_converted():
    digest = hashlib.sha256(ASSET.read_bytes()).hexdigest()
    assert digest == "431a949011d0ffdd6f3a6f22a99315462d7750c714526877ae0cce6f99aefd94"


def test_the_head_is_told_from_what_is_behind_it(picture):
    answer = PersonMatte()(picture).of(picture)
    assert answer.shape == (480, 640)
    assert answer.min() >= 0.0 and answer.max() <= 1.0
    assert answer[220:260, 300:340].mean() > 0.9
    tiles = PersonMatte()(picture).tiles
    outside = cv2.resize(tiles.astype(np.uint8), (640, 480), interpolation=cv2.INTER_NEAREST) == 0
    assert outside.mean() > 0.3 and answer[outside].max() < 0.05
    assert answer[:, :20].mean() < 0.1 and answer[:, -20:].mean() < 0.1


def test_noise_is_followed_slowly_and_a_move_at_once(picture):
    follow = PersonMatte()
    still = follow(picture).lines.copy()
    np.testing.assert_allclose(follow(picture).lines, still, atol=1e-5)
    noise = np.random.default_rng(0).normal(0, 12, picture.shape)
    noisy = np.clip(picture + noise, 0, 255).astype(np.uint8)
    alone, followed = PersonMatte()(noisy).lines, follow(noisy).lines
    assert np.abs(followed[..., 1] - still[..., 1]).mean() < np.abs(alone[..., 1] - still[..., 1]).mean()
    moved = np.roll(picture, 200, axis=1)
    last, now = follow(picture).of(picture), follow(moved).of(moved)
    target = PersonMatte()(moved).of(moved)
    assert np.abs(now - target).mean() < 0.1 * np.abs(last - target).mean()


def test_edges_lie_where_the_pictures_do():
    follow = PersonMatte()
    image = np.full((480, 640, 3), 40, np.uint8)
    image[:, 321:] = 200  # the edge lies between two pixels of the network's input
    memory = person_matte._Memory(follow._session, 480, 640)
    memory.show(image)
    memory._answer[0] = cv2.GaussianBlur((memory._bgr[..., 0] > 120).astype(np.float32), (0, 0), 2.0)
    memory.smooth()
    memory.fit_lines()
    answer = memory.matte.of(image)[240]
    assert answer[321] - answer[320] > 0.6


def test_another_size_starts_anew_and_an_index_is_computed_once(picture):
    follow = PersonMatte()
    first = follow(picture, 7)
    before = first.lines.copy()
    assert follow(np.zeros_like(picture), 7) is first
    np.testing.assert_array_equal(first.lines, before)
    small = np.ascontiguousarray(picture[:, 160:480])
    np.testing.assert_array_equal(follow(small, 7).lines, PersonMatte()(small).lines)
    follow.forget()
    np.testing.assert_array_equal(follow(picture, 7).lines, before)


@pytest.mark.parametrize("shape", [(16, 16), (1080, 1920), (1280, 720), (33, 517)])
def test_frames_of_any_shape_are_taken(shape):
    image = np.random.default_rng(1).integers(0, 256, (*shape, 3), np.uint8)
    answer = PersonMatte()(image).of(image)
    assert answer.shape == shape and np.isfinite(answer).all()


def test_files_that_are_no_person_matte_are_refused_in_one_line(tmp_path):
    with pytest.raises(LimelightError, match="no such file"):
        PersonMatte(tmp_path / "none.onnx")
    (tmp_path / "text.onnx").write_text("a matte")
    with pytest.raises(LimelightError, match="corrupt"):
        PersonMatte(tmp_path / "text.onnx")
    value = helper.make_tensor_value_info("pictures", TensorProto.UINT8, ["N", "H", "W", 3])
    out = helper.make_tensor_value_info("scores", TensorProto.UINT8, ["N", "H", "W", 3])
    graph = helper.make_graph([helper.make_node("Identity", ["pictures"], ["scores"])], "other", [value], [out])
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), tmp_path / "other.onnx")
    with pytest.raises(LimelightError, match="not such a network"):
        PersonMatte(tmp_path / "other.onnx")

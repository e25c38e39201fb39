"""A detector's answers mean what they say: anchors, boxes, turns, what is drawn for it, and files that are none."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from facemodel import LimelightError
from realtime.tracking.detector import FaceDetector, Region, anchor_centres, decode, overlaps, suppress, turn_back

ASSETS = Path(str(files("realtime") / "assets"))
KINDS = ("full", "short")


@pytest.fixture(scope="module", params=KINDS)
def detector(request) -> FaceDetector:
    return FaceDetector(ASSETS / f"face_detection_{request.param}_range.onnx")


def answer(x: float, y: float, width: float, height: float) -> np.ndarray:
    """A box with its six points all in its middle, (8, 2)."""
    corners = [(x - width / 2, y - height / 2), (x + width / 2, y + height / 2)]
    return np.array([*corners, *[(x, y)] * 6], float)


def test_anchors_lie_in_the_middle_of_their_cells_row_by_row():
    places = anchor_centres(((8, 2), (16, 1)), rows=16, columns=32)
    assert places[:6].tolist() == [[4, 4], [4, 4], [12, 4], [12, 4], [20, 4], [20, 4]]
    assert places[8].tolist() == [4, 12]
    assert places[16:].tolist() == [[8, 8], [24, 8]]


def test_answers_are_read_as_worked_out_by_hand():
    regressions = np.zeros((3, 16), np.float32)
    regressions[1] = [2, -3, 40, 20, *(-10, -5), *(10, -5), *(0, 1), *(0, 8), *(-19, 0), *(19, 0)]
    points, scores = decode(
        regressions, np.array([0.1, 0.9, 0.2], np.float32), np.array([[4.0, 4], [50, 60], [9, 9]]), 0.5
    )
    assert scores.tolist() == pytest.approx([0.9])
    assert points.tolist() == [[[32, 47], [72, 67], [40, 55], [60, 55], [50, 61], [50, 68], [31, 60], [69, 60]]]


def test_answers_for_one_face_become_their_weighted_mean():
    points = np.stack([answer(100, 100, 40, 40), answer(104, 100, 40, 40), answer(20, 20, 10, 10)])
    first, second = suppress(points, np.array([0.8, 0.4, 0.5]))
    assert first[1] == 0.8 and second[1] == 0.5
    np.testing.assert_allclose(first[0], answer(100 + 4 * 0.4 / 1.2, 100, 40, 40))
    np.testing.assert_allclose(second[0], points[2])


def test_boxes_without_an_area_end_too():
    assert len(suppress(np.stack([answer(5, 5, 0, 0)] * 3), np.array([0.9, 0.8, 0.7]))) == 3


def test_overlaps_by_hand():
    union, smaller = overlaps(np.array([0.0, 0, 10, 10]), np.array([[5.0, 0, 15, 10], [2, 2, 4, 4], [20, 20, 30, 30]]))
    np.testing.assert_allclose(union, [50 / 150, 4 / 100, 0])
    np.testing.assert_allclose(smaller, [0.5, 1, 0])


@pytest.mark.parametrize("turn", range(4))
def test_points_are_turned_back_to_where_numpy_turns_pixels_from(turn):
    picture = np.zeros((5, 8))
    picture[1, 6] = 1
    row, column = np.argwhere(np.rot90(picture, turn))[0]
    back = turn_back(np.array([column + 0.5, row + 0.5]), turn, width=8, height=5)
    assert back.tolist() == [6.5, 1.5]


def seen_by(detector: FaceDetector, image: np.ndarray, region: Region, turns: tuple[int, ...]) -> np.ndarray:
    """What the network was shown."""
    detector.see(image, region, turns, 0.99)
    (memory,) = detector._inputs.values() if len(detector._inputs) == 1 else [list(detector._inputs.values())[-1]]
    return memory.pictures[0]


def test_a_picture_is_shown_whole_in_rgb_and_black_beside_it():
    detector = FaceDetector(ASSETS / "face_detection_short_range.onnx")
    image = np.empty((60, 128, 3), np.uint8)
    image[:] = (10, 20, 30)  # BGR
    shown = seen_by(detector, image, Region(0, 0, 128, 60), (0,))
    assert shown.shape == (64, 128, 3)
    assert (shown[2:62] == (30, 20, 10)).all()
    assert not shown[:2].any() and not shown[62:].any()


def test_four_turns_share_the_input():
    detector = FaceDetector(ASSETS / "face_detection_short_range.onnx")
    image = np.zeros((64, 64, 3), np.uint8)
    image[:32, :32] = 200  # top left
    shown = seen_by(detector, image, Region(0, 0, 64, 64), (0, 1, 2, 3))[..., 0] > 100
    assert shown.shape == (128, 128)
    cells = [shown[:64, :64], shown[:64, 64:], shown[64:, :64], shown[64:, 64:]]
    for turn, cell in enumerate(cells):
        np.testing.assert_array_equal(cell, np.rot90(image[..., 0] > 100, turn))


@pytest.mark.parametrize("shape", [(1, 1), (2, 700), (900, 3), (7, 5), (1500, 2000)])
def test_pictures_of_any_shape_are_looked_at(detector, shape):
    image = np.full((*shape, 3), 90, np.uint8)
    for turns in ((0,), (1,)):
        assert detector.see(image, Region(0, 0, shape[1], shape[0]), turns, 0.5) == [[]]


def test_many_shapes_do_not_pile_up(detector):
    image = np.full((300, 300, 3), 90, np.uint8)
    for width in range(10, 300, 4):
        detector.see(image, Region(0, 0, width, 300), (0,), 0.5, longest=256)
        detector.see(image, Region(0, 0, 300, width), (0,), 0.5, longest=224)
    assert len(detector._inputs) <= 16


def test_files_that_are_no_detector_are_refused_in_one_line(tmp_path):
    with pytest.raises(LimelightError, match="no such file"):
        FaceDetector(tmp_path / "none.onnx")
    whole = (ASSETS / "face_detection_short_range.onnx").read_bytes()
    for name, content in (("cut", whole[: len(whole) // 2]), ("empty", b""), ("text", b"a face detector")):
        path = tmp_path / f"{name}.onnx"
        path.write_bytes(content)
        with pytest.raises(LimelightError, match="corrupt; reinstall limelight") as error:
            FaceDetector(path)
        assert "\n" not in str(error.value)
    value = helper.make_tensor_value_info("pictures", TensorProto.UINT8, ["N", "H", "W", 3])
    out = helper.make_tensor_value_info("scores", TensorProto.UINT8, ["N", "H", "W", 3])
    graph = helper.make_graph([helper.make_node("Identity", ["pictures"], ["scores"])], "other", [value], [out])
    other = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(other, tmp_path / "other.onnx")
    with pytest.raises(LimelightError, match="not a face detector"):
        FaceDetector(tmp_path / "other.onnx")

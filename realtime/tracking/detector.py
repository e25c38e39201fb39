"""One network that detects faces in a square picture: what it sees of a frame, and what its answers mean."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facemodel import LimelightError
from realtime.onnx_runtime import onnxruntime, open_on_cpu
from realtime.opencv import cv2
from realtime.tracking.found_face import FoundFace

_GRIDS = {192: ((4, 1),), 128: ((8, 2), (16, 6))}
"""(px between cells, anchors a cell) of the networks whose original input has this side: MediaPipe's full-range and
short-range detector."""

_MULTIPLES = {192: 32, 128: 16}
"""What their input's sides are multiples of."""

_MOST_SHAPES = 16
"""Of inputs whose memory is kept."""

_ROTATIONS = {1: cv2.ROTATE_90_COUNTERCLOCKWISE, 2: cv2.ROTATE_180, 3: cv2.ROTATE_90_CLOCKWISE}

_TINY = 1e-12

_SAME_FACE = 0.3
"""Intersection over union of two answers from which on they are one face's, as MediaPipe has it."""


@dataclass(frozen=True)
class Region:
    """A part of the frame that a network is shown; it may reach beyond the frame, where all is black.

    Attributes:
        left, top, width, height: frame px.
    """

    left: float
    top: float
    width: float
    height: float

    @classmethod
    def around(cls, centre: NDArray[np.float64], side: float) -> Region:
        """The square with this middle (2,) px."""
        return cls(float(centre[0]) - 0.5 * side, float(centre[1]) - 0.5 * side, side, side)

    def grown(self, width: float, height: float) -> Region:
        """The region of this size with the same middle."""
        return Region(self.left - 0.5 * (width - self.width), self.top - 0.5 * (height - self.height), width, height)


class FaceDetector:
    """Runs one detector in ONNX Runtime on the CPU. Not for use from two threads at once.

    Memory for input and outputs is kept for each shape of the input.

    Args:
        path: a file that `export.face_detectors` wrote.
        threads: that one run uses; the layers are so small that a second one gains next to nothing.

    Attributes:
        side: of the input that the detector was made for, px.

    Raises:
        LimelightError: the file is missing, corrupt or no such detector.
    """

    def __init__(self, path: Path, threads: int = 1) -> None:
        self._session = open_on_cpu(path, threads, "face detector")
        self.side = _check_interface(path, self._session)
        self._inputs: dict[tuple[int, int], _Input] = {}
        self._painter = _Painter()

    def see(
        self,
        image: NDArray[np.uint8],
        region: Region,
        turns: Sequence[int],
        min_score: float,
        longest: int | None = None,
    ) -> list[list[FoundFace]]:
        """Detect the faces of a region of a frame, in one run.

        Args:
            image: (H, W, 3) uint8 BGR.
            region: what is shown.
            turns: quarter turns counter-clockwise that it is shown with: one, or four of a square, which share the
                input and have half of the resolution.
            min_score: of an answer that counts.
            longest: px that the region's longer side is shown with; the detector's own if None.

        Returns:
            Of each turn its faces, in frame px, the best first.

        Raises:
            LimelightError: ONNX Runtime failed, for lack of memory for example.
        """
        cells = 1 if len(turns) == 1 else 2
        longest = longest or self.side
        scale = longest / cells / max(region.width, region.height)
        columns, rows = (size // cells for size in self._size(region, longest))
        region = region.grown(columns / scale, rows / scale)
        upright = self._painter(image, region, rows, columns)
        shape = (columns, rows) if turns[0] % 2 else (rows, columns)
        memory = self._input(shape[0] * cells, shape[1] * cells)
        corners = [(shape[1] * (number % cells), shape[0] * (number // cells)) for number in range(len(turns))]
        for turn, (x, y) in zip(turns, corners, strict=True):
            cell = memory.pictures[0, y : y + shape[0], x : x + shape[1]]
            cell[...] = upright if turn == 0 else cv2.rotate(upright, _ROTATIONS[turn])
        points, scores = self._answers(memory, min_score)  # (n, 8, 2), (n,)
        if not len(scores):
            return [[] for _ in turns]
        middles = points[:, :2].mean(axis=1)  # (n, 2)
        seen = []
        for turn, corner in zip(turns, corners, strict=True):
            inside = np.all((middles >= corner) & (middles < np.add(corner, shape[::-1])), axis=1)  # (n,)
            faces = suppress(points[inside] - corner, scores[inside])
            seen.append(
                [
                    _face(turn_back(answer, turn, columns, rows) / scale + (region.left, region.top), score)
                    for answer, score in faces
                ]
            )
        return seen

    def longest(self, region: Region, pixels: int) -> int:
        """Return the most px that a region's longer side can be shown with in an input of so many pixels in all."""
        return max(n for n in range(1, 2 * self.side + 1) if math.prod(self._size(region, n)) <= pixels)

    def see_crop(self, pixels: NDArray[np.uint8], turn: int, min_score: float) -> list[FoundFace]:
        """Detect the faces of a crop that is shown with so many quarter turns counter-clockwise.

        Args:
            pixels: (side, side, 3) uint8 RGB.
            turn: quarter turns counter-clockwise.
            min_score: of an answer that counts.

        Returns:
            Its faces, in px of the crop as it was before the turn, the best first.

        Raises:
            LimelightError: ONNX Runtime failed, for lack of memory for example.
        """
        memory = self._input(self.side, self.side)
        memory.pictures[0] = pixels if turn == 0 else cv2.rotate(pixels, _ROTATIONS[turn])
        faces = suppress(*self._answers(memory, min_score))
        return [_face(turn_back(answer, turn, self.side, self.side), score) for answer, score in faces]

    def _size(self, region: Region, longest: int) -> tuple[int, int]:
        """Columns and rows of the input for a region that is shown with so many px along its longer side."""
        scale, step = longest / max(region.width, region.height), _MULTIPLES[self.side]
        columns, rows = (max(1, math.ceil(size * scale / step - 1e-6)) * step for size in (region.width, region.height))
        return columns, rows

    def _input(self, rows: int, columns: int) -> _Input:
        if (rows, columns) not in self._inputs:
            if len(self._inputs) >= _MOST_SHAPES:
                self._inputs.clear()
            self._inputs[rows, columns] = _Input(self._session, _GRIDS[self.side], rows, columns)
        return self._inputs[rows, columns]

    def _answers(self, memory: _Input, min_score: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        try:
            self._session.run_with_iobinding(memory.binding)
        except Exception as error:  # ONNX Runtime's exceptions have no common base of their own
            reason = str(error).strip().split("\n")[0]
            raise LimelightError(f"face detector: failed in the middle of its work ({reason})") from error
        return decode(memory.regressions[0], memory.scores[0], memory.anchors, min_score)


class _Input:
    """Memory for one shape of the input.

    Attributes:
        pictures: (1, rows, columns, 3) uint8 RGB.
        anchors: (A, 2) px.
        regressions: (1, A, 16) px. scores: (1, A).
        binding: of all of them.
    """

    def __init__(
        self, session: onnxruntime.InferenceSession, grids: Sequence[tuple[int, int]], rows: int, columns: int
    ) -> None:
        self.pictures = np.zeros((1, rows, columns, 3), np.uint8)
        self.anchors = anchor_centres(grids, rows, columns)
        self.regressions = np.zeros((1, len(self.anchors), 16), np.float32)
        self.scores = np.zeros((1, len(self.anchors)), np.float32)
        self.binding = session.io_binding()
        self.binding.bind_cpu_input("pictures", self.pictures)
        for name, array in (("regressions", self.regressions), ("scores", self.scores)):
            self.binding.bind_output(name, "cpu", 0, np.float32, array.shape, array.ctypes.data)


def anchor_centres(grids: Sequence[tuple[int, int]], rows: int, columns: int) -> NDArray[np.float64]:
    """Return the places that a network's answers are relative to: (A, 2) x and y, px of the input.

    Args:
        grids: (px between cells, anchors a cell) of each, in the order of the answers: row by row.
        rows, columns: of the input, px.
    """
    places = []
    for step, anchors in grids:
        y, x = np.meshgrid(
            np.arange(0.5 * step, rows, step), np.arange(0.5 * step, columns, step), indexing="ij"
        )  # (rows / step, columns / step)
        places.append(np.repeat(np.stack([x, y], axis=-1).reshape(-1, 2), anchors, axis=0))
    return np.concatenate(places)


def turn_back(points: NDArray[np.float64], turn: int, width: int, height: int) -> NDArray[np.float64]:
    """Return where points (..., 2) of a picture lay before it was turned.

    Args:
        points: px of the turned picture.
        turn: quarter turns counter-clockwise that it was turned by.
        width, height: of the picture before, px.
    """
    x, y = points[..., 0], points[..., 1]
    for number in reversed(range(turn)):
        x, y = (height if number % 2 else width) - y, x
    return np.stack([x, y], axis=-1)


def decode(
    regressions: NDArray[np.float32], scores: NDArray[np.float32], anchors: NDArray[np.float64], min_score: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Read a network's answers.

    Args:
        regressions: (A, 16) px: the box's centre, width and height, then six points; all but width and height relative
            to the anchors.
        scores: (A,) 0..1.
        anchors: (A, 2) px.
        min_score: of an answer that counts.

    Returns:
        (n, 8, 2) px of the input: the box's top left and bottom right corner and the six points of `FoundFace`; and
        (n,) scores.
    """
    taken = np.flatnonzero(scores > min_score)
    if not len(taken):
        return np.empty((0, 8, 2)), np.empty(0)
    values = regressions[taken].astype(np.float64).reshape(-1, 8, 2)
    points = values + anchors[taken, None]  # (n, 8, 2)
    half = 0.5 * values[:, 1]
    points[:, 1] = points[:, 0] + half
    points[:, 0] -= half
    return points, scores[taken].astype(np.float64)


def suppress(points: NDArray[np.float64], scores: NDArray[np.float64]) -> list[tuple[NDArray[np.float64], float]]:
    """Return one answer a face: the mean of those that overlap the best one, weighted with their scores.

    Args:
        points: (n, 8, 2) as `decode` returns them.
        scores: (n,).

    Returns:
        ((8, 2), score of the best) each, the best first.
    """
    faces = []
    left = np.argsort(-scores, kind="stable")
    boxes = points[:, :2].reshape(-1, 4)
    while len(left):
        if len(left) == 1:
            faces.append((points[left[0]], float(scores[left[0]])))
            break
        same = overlaps(boxes[left[0]], boxes[left])[0] >= _SAME_FACE
        same[0] = True  # a box without an area does not overlap itself
        group = left[same]
        weights = scores[group] / scores[group].sum()
        faces.append((np.tensordot(weights, points[group], 1), float(scores[left[0]])))
        left = left[~same]
    return faces


def overlaps(box: NDArray[np.float64], boxes: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return how a box (4,) overlaps others (n, 4), each left, top, right, bottom: (n,) intersection over union, and
    (n,) intersection over the smaller one."""
    sides = np.maximum(np.minimum(box[2:], boxes[:, 2:]) - np.maximum(box[:2], boxes[:, :2]), 0.0)  # (n, 2)
    extents = boxes[:, 2:] - boxes[:, :2]
    shared = sides[:, 0] * sides[:, 1]
    area, areas = (box[2] - box[0]) * (box[3] - box[1]), extents[:, 0] * extents[:, 1]
    return shared / np.maximum(area + areas - shared, _TINY), shared / np.maximum(np.minimum(area, areas), _TINY)


def _face(points: NDArray[np.float64], score: float) -> FoundFace:
    """A face by its points (8, 2) as `decode` gives them; a turn may have swapped the box's corners."""
    return FoundFace(np.concatenate([points[:2].min(axis=0), points[:2].max(axis=0)]), points[2:], score)


class _Painter:
    """Draws a region of a frame as a network wants it, into memory that is kept; outside the frame is black.

    What is at least twice too large is first made smaller: quartered by the mean of the middle four of 16 pixels, or
    halved by the mean of four, which OpenCV does in a fifth of the time of any other factor.
    """

    def __init__(self) -> None:
        self._memory: dict[str, NDArray[np.uint8]] = {}

    def __call__(self, image: NDArray[np.uint8], region: Region, rows: int, columns: int) -> NDArray[np.uint8]:
        """The region as (rows, columns, 3) uint8 RGB, which the next call draws over."""
        picture = self._room("picture", rows, columns)
        picture[...] = 0
        height, width = image.shape[:2]
        left, right = _pixels(region.left, region.left + region.width, width)
        top, bottom = _pixels(region.top, region.top + region.height, height)
        if right > left and bottom > top:
            scale = columns / region.width
            x0, x1 = _shown((left - region.left) * scale, (right - region.left) * scale, columns)
            y0, y1 = _shown((top - region.top) * scale, (bottom - region.top) * scale, rows)
            part = self._reduced(image[top:bottom, left:right], y1 - y0, x1 - x0)
            small = self._room("small", y1 - y0, x1 - x0)
            cv2.resize(part, (x1 - x0, y1 - y0), dst=small, interpolation=cv2.INTER_LINEAR)
            picture[y0:y1, x0:x1] = cv2.cvtColor(small, cv2.COLOR_BGR2RGB, dst=small)
        return picture

    def _reduced(self, part: NDArray[np.uint8], rows: int, columns: int) -> NDArray[np.uint8]:
        depth = 0
        while (factor := min(part.shape[0] // rows, part.shape[1] // columns)) >= 2:
            by, how = (4, cv2.INTER_LINEAR) if factor >= 4 else (2, cv2.INTER_AREA)
            room = self._room(f"reduced {depth}", part.shape[0] // by, part.shape[1] // by)
            part = cv2.resize(part, room.shape[1::-1], dst=room, interpolation=how)
            depth += 1
        return part

    def _room(self, name: str, rows: int, columns: int) -> NDArray[np.uint8]:
        size = rows * columns * 3
        if name not in self._memory or self._memory[name].size < size:
            self._memory[name] = np.empty(size, np.uint8)
        return self._memory[name][:size].reshape(rows, columns, 3)


def _pixels(start: float, end: float, size: int) -> tuple[int, int]:
    """First and last + 1 of the pixels 0..size that a span covers."""
    return min(max(round(start), 0), size), min(max(round(end), 0), size)


def _shown(start: float, end: float, size: int) -> tuple[int, int]:
    """The same, at least one."""
    first = min(max(round(start), 0), size - 1)
    return first, min(max(round(end), first + 1), size)


def _check_interface(path: Path, session: onnxruntime.InferenceSession) -> int:
    """Side of the input that the detector was made for, after its names and types are found to be a detector's."""
    inputs = [(node.name, node.type, len(node.shape)) for node in session.get_inputs()]
    outputs = [(node.name, len(node.shape)) for node in session.get_outputs()]
    side = session.get_modelmeta().custom_metadata_map.get("side", "")
    expected = ([("pictures", "tensor(uint8)", 4)], [("regressions", 3), ("scores", 2)])
    if (inputs, outputs) != expected or side not in map(str, _GRIDS):
        raise LimelightError(f"face detector {path}: not a face detector; reinstall limelight")
    return int(side)

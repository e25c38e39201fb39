"""Tells persons from what is behind them, in every frame, with edges that lie where the picture's do."""

from __future__ import annotations

import math
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from facemodel import LimelightError
from realtime.onnx_runtime import onnxruntime, open_on_cpu
from realtime.opencv import cv2

_PIXELS = 144 * 256
"""Of the network's input, whatever the frame's shape is."""

_MULTIPLE = 16
"""Of the sides of the network's input."""

_WINDOW = 9
"""Side of the guided filter's window, px of the network's input."""

_REACH = np.ones((2 * _WINDOW - 1, 2 * _WINDOW - 1), np.uint8)
"""That a matte is carried by its filter, which is two windows wide."""

_EPSILON = 1e-3
"""Variance of luma below which an edge is none for the guided filter: (8 / 255)²."""

_SLOWEST = 0.3
"""Of a change that is followed at once, where the matte all but agrees with the one before."""

_DISAGREEMENT = 0.3
"""Between two mattes, from which on a change is followed at once: something moved."""


_NOBODY = 0.05
"""A matte so low counts as none."""

_TILE = 8
"""Side of a tile, px of the network's input."""


class Matte(NamedTuple):
    """The person matte of one frame.

    Attributes:
        lines: (h, w, 2) float32 slope and offset at the places of a smaller picture: of the straight lines that take
            the frame's luma to its matte there.
        picture: (h, w, 3) uint8 BGR, the smaller picture.
        coverage: (h, w) float32 matte of the smaller picture, before it is given the frame's edges.
        tiles: (h / 8, w / 8) bool, row 0 at the top: where somebody may be.
    """

    lines: NDArray[np.float32]
    picture: NDArray[np.uint8]
    coverage: NDArray[np.float32]
    tiles: NDArray[np.bool_]

    def of(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the matte of the whole frame: (H, W), 0 behind persons to 1 on them.

        Args:
            image: (H, W, 3) uint8 BGR, the frame.
        """
        large = cv2.resize(self.lines, image.shape[1::-1], interpolation=cv2.INTER_LINEAR)
        luma = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY).astype(np.float32) / np.float32(255.0)
        return np.clip(large[..., 0] * luma + large[..., 1], 0.0, 1.0)


class PersonMatte:
    """Computes the person matte of one frame after the other. Not for use from two threads at once.

    The network's answer is small and soft. A guided filter (He, Sun: Fast guided filter, 2015) says for each place of
    it which straight line takes the picture's luma to the matte; drawn with the luma of the full frame, the matte
    has the frame's own edges.

    Args:
        path: a file that `export.person_matte` wrote; the one that ships if None.
        threads: that the network uses.

    Raises:
        LimelightError: the file is missing, corrupt or no such network.
    """

    def __init__(self, path: Path | None = None, threads: int = 1) -> None:
        if path is None:
            path = Path(str(files("realtime") / "assets" / "person_matte.onnx"))
        self._session = open_on_cpu(path, threads, "person matte")
        inputs = [(node.name, node.type, len(node.shape)) for node in self._session.get_inputs()]
        outputs = [(node.name, len(node.shape)) for node in self._session.get_outputs()]
        if (inputs, outputs) != ([("pictures", "tensor(uint8)", 4)], [("matte", 3)]):
            raise LimelightError(f"person matte {path}: not such a network; reinstall limelight")
        self._memory: _Memory | None = None
        self._index: int | None = None

    def __call__(self, image: NDArray[np.uint8], index: int | None = None) -> Matte:
        """Return the matte of a frame, whose arrays the next call writes over.

        Args:
            image: (H, W, 3) uint8 BGR. Another size than the last one's starts anew.
            index: of the frame; the same one as the last time is not computed again.

        Raises:
            LimelightError: ONNX Runtime failed, for lack of memory for example.
        """
        if self._memory is None or self._memory.frame_shape != image.shape[:2]:
            self._memory = _Memory(self._session, image.shape[0], image.shape[1])
        elif index is not None and index == self._index:
            return self._memory.matte
        self._index = index
        memory = self._memory
        memory.show(image)
        try:
            self._session.run_with_iobinding(memory.binding)
        except Exception as error:  # ONNX Runtime's exceptions have no common base of their own
            raise LimelightError(f"person matte: ONNX Runtime failed: {' '.join(str(error).split())}") from error
        memory.smooth()
        memory.fit_lines()
        memory.find_tiles()
        return memory.matte

    def forget(self) -> None:
        """Start anew with the next frame, as after a jump in a file."""
        self._memory = self._index = None


class _Memory:
    """All that is kept from frame to frame, for frames of one size."""

    def __init__(self, session: onnxruntime.InferenceSession, height: int, width: int) -> None:
        self.frame_shape = height, width
        scale = math.sqrt(_PIXELS / (height * width)) / _MULTIPLE
        rows, columns = (max(round(side * scale), 2) * _MULTIPLE for side in (height, width))
        factor = min(height // rows, width // columns)
        self._reduction = 4 if factor >= 4 else 2 if factor >= 2 else 1
        reduced = height // self._reduction, width // self._reduction, 3
        self._reduced = np.empty(reduced if self._reduction > 1 else (0, 0, 3), np.uint8)
        self._bgr = np.empty((rows, columns, 3), np.uint8)
        self.pictures = np.empty((1, rows, columns, 3), np.uint8)
        self.lines = np.empty((rows, columns, 2), np.float32)
        self._answer = np.empty((1, rows, columns), np.float32)
        self._matte = np.empty((rows, columns), np.float32)
        tiles = np.ones((rows // _TILE, columns // _TILE), bool)
        self.matte = Matte(self.lines, self._bgr, self._matte, tiles)
        self._begun = False
        self._rooms = [np.empty((rows, columns), np.float32) for _ in range(6)]
        self._gray = np.empty((rows, columns), np.uint8)
        self.binding = session.io_binding()
        self.binding.bind_ortvalue_input("pictures", onnxruntime.OrtValue.ortvalue_from_numpy(self.pictures))
        self.binding.bind_output("matte", "cpu", 0, np.float32, self._answer.shape, self._answer.ctypes.data)

    def show(self, image: NDArray[np.uint8]) -> None:
        """Make the network's input of a frame.

        A large one is first quartered by the mean of the middle four of 16 pixels, or halved by the mean of four, which
        OpenCV does in a fifth of the time of any other factor.
        """
        if self._reduction > 1:
            how = cv2.INTER_LINEAR if self._reduction == 4 else cv2.INTER_AREA
            image = cv2.resize(image, self._reduced.shape[1::-1], dst=self._reduced, interpolation=how)
        cv2.resize(image, self._bgr.shape[1::-1], dst=self._bgr, interpolation=cv2.INTER_LINEAR)
        cv2.cvtColor(self._bgr, cv2.COLOR_BGR2RGB, dst=self.pictures[0])

    def smooth(self) -> None:
        """Let the matte follow the network's answer: noise slowly, whatever moved at once."""
        answer, change, share = self._answer[0], self._rooms[0], self._rooms[1]
        if not self._begun:
            np.copyto(self._matte, answer)
            self._begun = True
            return
        np.subtract(answer, self._matte, out=change)
        np.abs(change, out=share)
        share *= np.float32((1.0 - _SLOWEST) / _DISAGREEMENT)
        share += np.float32(_SLOWEST)
        np.minimum(share, np.float32(1.0), out=share)
        change *= share
        self._matte += change

    def fit_lines(self) -> None:
        """Fit the guided filter's lines: slope = cov(luma, matte) / (var(luma) + epsilon)."""
        luma, mean, mean_matte, slope, variance, product = self._rooms
        cv2.cvtColor(self._bgr, cv2.COLOR_BGR2GRAY, dst=self._gray)
        np.multiply(self._gray, np.float32(1.0 / 255.0), out=luma)
        _box(luma, mean)
        _box(self._matte, mean_matte)
        np.multiply(luma, self._matte, out=product)
        _box(product, slope)
        np.multiply(mean, mean_matte, out=product)
        slope -= product
        np.multiply(luma, luma, out=product)
        _box(product, variance)
        np.multiply(mean, mean, out=product)
        variance -= product
        variance += np.float32(_EPSILON)
        slope /= variance
        np.multiply(slope, mean, out=product)
        mean_matte -= product  # the offset
        _box(slope, variance)
        _box(mean_matte, product)
        cv2.merge([variance, product], dst=self.lines)

    def find_tiles(self) -> None:
        """Find the tiles that the matte reaches, as far as the guided filter carries it."""
        cv2.compare(self._matte, _NOBODY, cv2.CMP_GT, dst=self._gray)
        cv2.dilate(self._gray, _REACH, dst=self._gray)
        rows, columns = self.matte.tiles.shape
        mean = cv2.resize(self._gray, (columns, rows), interpolation=cv2.INTER_AREA)  # at least 255 / 64 where any is
        np.greater(mean, 0, out=self.matte.tiles)


def _box(source: NDArray[np.float32], out: NDArray[np.float32]) -> None:
    cv2.boxFilter(source, cv2.CV_32F, (_WINDOW, _WINDOW), dst=out, borderType=cv2.BORDER_REPLICATE)

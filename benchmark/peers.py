"""The peers: MediaPipe Face Landmarker and OpenSeeFace, run as their own programs run them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from facemodel import LimelightError
from realtime.frame import Frame
from realtime.onnx_runtime import onnxruntime
from realtime.opencv import cv2
from training.data.landmarker import import_mediapipe, open_graph

MEDIAPIPE, OPENSEEFACE = "mediapipe", "openseeface"
PEERS = (MEDIAPIPE, OPENSEEFACE)

_OPENSEEFACE_FILES = ("lm_model0_opt.onnx", "mnv3_detection_opt.onnx")


class MediaPipePeer:
    """Face Landmarker in VIDEO mode for one face, with blendshapes and the head's matrix: what our parameters tell.

    It takes no thread count; its process is held to so many cores instead.
    """

    def __init__(self) -> None:
        """
        Raises:
            LimelightError: MediaPipe is not installed.
        """
        self._mp = import_mediapipe()
        self._landmarker = open_graph(max_faces=1, video=True)
        self.found = False

    def step(self, frame: Frame) -> dict[str, float]:
        """Track one frame; milliseconds per stage."""
        start = perf_counter()
        rgb = cv2.cvtColor(frame.image, cv2.COLOR_BGR2RGB)
        image = self._mp.Image(image_format=self._mp.ImageFormat.SRGB, data=rgb)
        converted = perf_counter()
        result = self._landmarker.detect_for_video(image, round(1000.0 * frame.timestamp))
        self.found = bool(result.face_landmarks)
        return {"convert": 1000.0 * (converted - start), "landmarker": 1000.0 * (perf_counter() - converted)}

    def close(self) -> None:
        self._landmarker.close()


class OpenSeeFacePeer:
    """OpenSeeFace's `lm_model0` on the box of the last landmarks, and its detector while no face is followed.

    66 landmarks per frame. Its gaze network and its fit of a head to the landmarks are left out, to its advantage.
    The networks are read as in its `tracker.py` (E. Stammen, github.com/emilianavt/OpenSeeFace, BSD 2-Clause); ONNX
    Runtime has the options that it sets there.

    Attributes:
        landmarks: (66, 2) frame pixels of the last face.
        found: whether the last frame held a face.
    """

    _SIDE = 224
    _MAP = 28
    _MEAN = np.array([0.485, 0.456, 0.406], np.float32)
    _DEVIATION = np.array([0.229, 0.224, 0.225], np.float32)
    _LOGIT_FACTOR = 16.0
    _CONFIDENCE = 0.6

    def __init__(self, folder: Path, threads: int) -> None:
        """
        Args:
            folder: with `lm_model0_opt.onnx` and `mnv3_detection_opt.onnx`.
            threads: of an inference.

        Raises:
            LimelightError: a network is missing or corrupt.
        """
        self._network, self._detector = (_open(folder / name, threads) for name in _OPENSEEFACE_FILES)
        self._scale = 1.0 / (255.0 * self._DEVIATION)
        self._offset = -self._MEAN / self._DEVIATION
        self._box: tuple[float, float, float, float] | None = None  # x, y, width, height of the face to look at
        self.landmarks = np.zeros((66, 2))
        self.found = False

    def step(self, frame: Frame) -> dict[str, float]:
        """Track one frame; milliseconds per stage."""
        timings: dict[str, float] = {}
        start = perf_counter()
        if self._box is None:
            self._box = self._detect(frame.image)
            found = perf_counter()
            timings["find"], start = 1000.0 * (found - start), found
        self.found = False
        if self._box is None:
            return timings
        x1, y1, x2, y2 = self._crop(frame.image, self._box)
        if x2 - x1 < 4 or y2 - y1 < 4:
            self._box = None
            return timings
        pixels = self._normalised(frame.image[y1:y2, x1:x2])
        cropped = perf_counter()
        maps = self._network.run(None, {"input": pixels})[0][0]  # (198, 28, 28)
        inferred = perf_counter()
        points, confidence = self._decode(maps)
        self.found = confidence > self._CONFIDENCE
        if self.found:
            self.landmarks = points * ((x2 - x1) / self._SIDE, (y2 - y1) / self._SIDE) + (x1, y1)
            low, high = self.landmarks.min(axis=0), self.landmarks.max(axis=0)
            self._box = (low[0], low[1], high[0] - low[0], high[1] - low[1])
        else:
            self._box = None
        timings["crop"] = 1000.0 * (cropped - start)
        timings["network"] = 1000.0 * (inferred - cropped)
        timings["decode"] = 1000.0 * (perf_counter() - inferred)
        return timings

    def close(self) -> None:
        """Nothing to release."""

    def _crop(self, image: NDArray[np.uint8], box: tuple[float, float, float, float]) -> tuple[int, int, int, int]:
        """The face's box, a fifth wider and a quarter higher, within the frame."""
        x, y, width, height = box
        limits = image.shape[1] - 1, image.shape[0] - 1
        x1, y1 = x - int(0.1 * width), y - int(0.125 * height)
        x2, y2 = x + width + int(0.1 * width), y + height + int(0.125 * height)
        x1, x2 = (int(np.clip(value, 0, limits[0])) for value in (x1, x2))
        y1, y2 = (int(np.clip(value, 0, limits[1])) for value in (y1, y2))
        return x1, y1, x2, y2

    def _normalised(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        """(1, 3, 224, 224) RGB, by mean and deviation, of a BGR picture."""
        pixels = np.float32(image[:, :, ::-1])
        pixels = cv2.resize(pixels, (self._SIDE, self._SIDE), interpolation=cv2.INTER_LINEAR)
        pixels = pixels * self._scale + self._offset
        return np.ascontiguousarray(pixels.transpose(2, 0, 1)[None])

    def _decode(self, maps: NDArray[np.float32]) -> tuple[NDArray[np.float64], float]:
        """(66, 2) landmarks in pixels of the input, and their mean confidence, from heat maps with offsets."""
        heat, down, right = maps.reshape(3, 66, -1)
        peak = heat.argmax(axis=1)
        each = np.arange(66)
        rows, columns = np.divmod(peak, self._MAP)
        last = self._SIDE - 1.0
        y = last * (rows / (self._MAP - 1.0) + self._logit(down[each, peak]))
        x = last * (columns / (self._MAP - 1.0) + self._logit(right[each, peak]))
        return np.stack([x, y], axis=-1), float(heat[each, peak].mean())

    def _logit(self, p: NDArray[np.float32]) -> NDArray[np.float64]:
        p = np.clip(p.astype(float), 1e-7, 1.0 - 1e-7)
        return np.log(p / (1.0 - p)) / self._LOGIT_FACTOR

    def _detect(self, image: NDArray[np.uint8]) -> tuple[float, float, float, float] | None:
        """Box of the surest face; None if there is none."""
        heat, suppressed = self._detector.run(None, {"input": self._normalised(image)})
        score, radius = heat[0]
        score = np.where(score == suppressed[0, 0], score, 0.0)
        row, column = np.unravel_index(int(score.argmax()), score.shape)
        if score[row, column] < self._CONFIDENCE:
            return None
        height, width = image.shape[:2]
        cell = self._SIDE / score.shape[0]
        r = float(radius[row, column]) * self._SIDE / 2.0
        wide, high = width / self._SIDE, height / self._SIDE
        return (cell * column - r) * wide, (cell * row - r) * high, 2.0 * r * wide, 2.0 * r * high


@dataclass(frozen=True)
class MediaPipeEntry:
    """MediaPipe as it takes part in a comparison."""

    name: str = MEDIAPIPE

    def open(self, threads: int) -> MediaPipePeer:  # noqa: ARG002 (it takes none)
        return MediaPipePeer()


@dataclass(frozen=True)
class OpenSeeFaceEntry:
    """OpenSeeFace as it takes part in a comparison.

    Attributes:
        folder: of its networks.
    """

    folder: Path
    name: str = OPENSEEFACE

    def open(self, threads: int) -> OpenSeeFacePeer:
        return OpenSeeFacePeer(self.folder, threads)


def find_mediapipe() -> MediaPipeEntry:
    """Return MediaPipe's entry.

    Raises:
        LimelightError: it is not installed.
    """
    import_mediapipe()
    return MediaPipeEntry()


def find_openseeface(data: Path | None) -> OpenSeeFaceEntry:
    """OpenSeeFace from the folder `peers` of the data folder.

    Raises:
        LimelightError: there is no data folder, or it lacks the networks.
    """
    if data is None:
        raise LimelightError("OpenSeeFace: no data folder; set LIMELIGHT_DATA")
    folder = data / "peers"
    for name in _OPENSEEFACE_FILES:
        if not (folder / name).is_file():
            raise LimelightError(f"OpenSeeFace: {folder / name} is absent")
    return OpenSeeFaceEntry(folder)


def _open(path: Path, threads: int) -> onnxruntime.InferenceSession:
    if not path.is_file():
        raise LimelightError(f"OpenSeeFace: {path} is absent")
    options = onnxruntime.SessionOptions()
    options.inter_op_num_threads = 1
    options.intra_op_num_threads = threads
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.log_severity_level = 4
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime's exceptions have no common base of their own
        raise LimelightError(f"OpenSeeFace: {path} is corrupt or truncated") from error

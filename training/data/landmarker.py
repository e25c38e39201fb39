"""MediaPipe's Face Landmarker: 478 points, expression scores and a head matrix of every face of a picture.

Labels, evaluation, benchmark and solve use it; the live loop does not. MediaPipe is imported here only.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from types import ModuleType
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from facemodel import LimelightError

BUNDLE = Path(str(files("training") / "assets" / "face_landmarker.task"))
"""The bundle that ships."""


@dataclass(frozen=True, eq=False)
class LandmarkedFace:
    """One face of a picture.

    Attributes:
        landmarks: (478, 2) px of the picture.
        depth: (478,) px, MediaPipe's relative depth, away from the camera.
        scores: {ARKit name: 0..1} of MediaPipe's expression scores; it has none for tongueOut.
        matrix: (4, 4) MediaPipe's head transform: canonical face (cm) to its camera frame, perspective.
    """

    landmarks: NDArray[np.float64]
    depth: NDArray[np.float64]
    scores: dict[str, float]
    matrix: NDArray[np.float64]

    @property
    def size(self) -> float:
        """Return the square root of the area of the landmarks' box, px."""
        return float(np.sqrt(np.prod(np.ptp(self.landmarks, axis=0))))


class Landmarker:
    """Face Landmarker on single pictures. Not for use from two threads at once; close it after use."""

    def __init__(self, bundle: Path = BUNDLE, max_faces: int = 4) -> None:
        """Open the bundle that ships, or another file.

        Raises LimelightError: MediaPipe is not installed, or the bundle is missing or corrupt.
        """
        self._mediapipe = import_mediapipe()
        self._graph: Any = open_graph(bundle, max_faces)
        self._rgb = np.empty((0, 0, 3), np.uint8)

    def find(self, image: NDArray[np.uint8]) -> list[LandmarkedFace]:
        """Return the faces of an (H, W, 3) uint8 BGR image, the largest first."""
        if self._rgb.shape != image.shape:
            self._rgb = np.empty_like(image, order="C")
        cv2.cvtColor(image, cv2.COLOR_BGR2RGB, dst=self._rgb)
        picture = self._mediapipe.Image(image_format=self._mediapipe.ImageFormat.SRGB, data=self._rgb)
        result = self._graph.detect(picture)
        height, width = image.shape[:2]
        faces = []
        for normalised, scores, matrix in zip(
            result.face_landmarks, result.face_blendshapes, result.facial_transformation_matrixes, strict=True
        ):
            points = np.array([(p.x * width, p.y * height, p.z * width) for p in normalised])  # (478, 3)
            named = {score.category_name: score.score for score in scores if score.category_name != "_neutral"}
            faces.append(LandmarkedFace(points[:, :2], points[:, 2], named, np.asarray(matrix, dtype=float)))
        return sorted(faces, key=lambda face: -face.size)

    def close(self) -> None:
        """Release the graph; a second call does nothing. Without it MediaPipe prints a traceback at exit."""
        if self._graph is not None:
            self._graph.close()
            self._graph = None

    def __enter__(self) -> Landmarker:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def import_mediapipe() -> ModuleType:
    """Return the module `mediapipe`.

    Raises LimelightError: it is not installed.
    """
    os.environ.setdefault("GLOG_minloglevel", "2")  # its native log goes to stderr otherwise
    try:
        import mediapipe
    except ImportError as error:
        raise LimelightError("MediaPipe is not installed: pip install 'limelight[train]'") from error
    return mediapipe


def open_graph(bundle: Path = BUNDLE, max_faces: int = 4, video: bool = False) -> Any:
    """Return MediaPipe's own `FaceLandmarker`, with scores and matrix; the caller closes it.

    Args:
        bundle: MediaPipe's `face_landmarker.task`.
        max_faces: that it looks for.
        video: for frames in a row, whose faces it follows, instead of single pictures.
    Raises LimelightError: MediaPipe is not installed, or the bundle is missing or corrupt.
    """
    tasks = import_mediapipe().tasks
    if not bundle.is_file():
        raise LimelightError(f"face landmarker {bundle}: no such file; reinstall limelight, or name another one")
    mode = tasks.vision.RunningMode
    options = tasks.vision.FaceLandmarkerOptions(
        base_options=tasks.BaseOptions(model_asset_buffer=bundle.read_bytes()),
        running_mode=mode.VIDEO if video else mode.IMAGE,
        num_faces=max_faces,
        output_face_blendshapes=True,
        output_facial_transformation_matrixes=True,
    )
    try:
        return tasks.vision.FaceLandmarker.create_from_options(options)
    except (RuntimeError, ValueError) as error:
        raise LimelightError(f"face landmarker {bundle}: corrupt; reinstall limelight, or name another one") from error

"""Finding faces in a whole frame with MediaPipe's Face Landmarker: to start tracking, and after a loss."""

from __future__ import annotations

import os
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from facemodel import FaceModel, LimelightError, fit_pose
from realtime.opencv import cv2

os.environ.setdefault("GLOG_minloglevel", "2")  # MediaPipe's native log goes to stderr otherwise

import mediapipe as mp


@dataclass(frozen=True)
class FoundFace:
    """One face in a frame.

    Attributes:
        landmarks: (478, 2) frame pixels.
        scores: {ARKit name: 0..1} of MediaPipe's expression scores.
        matrix: (4, 4) MediaPipe's head transform, perspective, cm.
    """

    landmarks: NDArray[np.float64]
    scores: dict[str, float]
    matrix: NDArray[np.float64]

    @property
    def size(self) -> float:
        """Square root of the area of the landmarks' box, px."""
        return float(np.sqrt(np.prod(np.ptp(self.landmarks, axis=0))))

    def pose(self, model: FaceModel) -> tuple[NDArray, NDArray, float]:
        """Weak-perspective pose of the mean face on these landmarks: rotation, translation (px), scale (px/mm)."""
        return fit_pose(model.landmarks478(model.mean), self.landmarks)


class FaceFinder(Protocol):
    """Finds the faces of a frame."""

    def find(self, image: NDArray[np.uint8]) -> list[FoundFace]:
        """Faces in an (H, W, 3) uint8 BGR image, the largest first."""
        ...


class MediaPipeFaceFinder:
    """Face Landmarker in IMAGE mode. Not for use from two threads at once."""

    def __init__(self, bundle: str | Path | None = None, max_faces: int = 4) -> None:
        """Open the vendored Face Landmarker bundle, or another file.

        Raises:
            LimelightError: the bundle is missing or corrupt.
        """
        path = Path(bundle or str(files("realtime") / "assets" / "face_landmarker.task"))
        if not path.is_file():
            raise LimelightError(f"face landmarker {path}: no such file; reinstall limelight")
        vision = mp.tasks.vision
        try:
            self._landmarker: Any = vision.FaceLandmarker.create_from_options(
                vision.FaceLandmarkerOptions(
                    base_options=mp.tasks.BaseOptions(model_asset_buffer=path.read_bytes()),
                    num_faces=max_faces,
                    output_face_blendshapes=True,
                    output_facial_transformation_matrixes=True,
                )
            )
        except (RuntimeError, ValueError) as error:
            raise LimelightError(f"face landmarker {path}: corrupt; reinstall limelight") from error
        self._rgb = np.empty((0, 0, 3), np.uint8)

    def find(self, image: NDArray[np.uint8]) -> list[FoundFace]:
        if self._rgb.shape != image.shape:
            self._rgb = np.empty_like(image, order="C")
        cv2.cvtColor(image, cv2.COLOR_BGR2RGB, dst=self._rgb)
        result = self._landmarker.detect(mp.Image(image_format=mp.ImageFormat.SRGB, data=self._rgb))
        height, width = image.shape[:2]
        faces = [
            FoundFace(
                np.array([(p.x * width, p.y * height) for p in points]),
                {score.category_name: score.score for score in scores if score.category_name != "_neutral"},
                np.asarray(matrix, dtype=float),
            )
            for points, scores, matrix in zip(
                result.face_landmarks,
                result.face_blendshapes,
                result.facial_transformation_matrixes,
                strict=True,
            )
        ]
        return sorted(faces, key=lambda face: -face.size)

    def close(self) -> None:
        """Release the graph; a second call does nothing. Without it MediaPipe prints a traceback at exit."""
        if self._landmarker is not None:
            self._landmarker.close()
            self._landmarker = None

    def __enter__(self) -> MediaPipeFaceFinder:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

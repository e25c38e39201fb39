"""The contract of an engine: something that runs the network."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

MAX_FACES = 8
"""Most crops in one run of an engine, and so most faces that are followed."""

POSE_SIZE = 9
"""Numbers in a pose: rotation (6-D), translation in crop px, scale in px/mm."""


class Engine(Protocol):
    """Runs one network on several crops at a time.

    Attributes:
        name: for people, such as "student (ONNX Runtime, 2 threads)".
        resolution: side of the input crops, px.
        model_digest: `FaceModel.digest` of the model that the network was trained for.
    """

    name: str
    resolution: int
    model_digest: str

    def infer(
        self, crops: NDArray[np.uint8], poses: NDArray[np.float32] | None = None
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return the parameters and confidences of N crops, 1 <= N <= `MAX_FACES`.

        Args:
            crops: (N, resolution, resolution, 3) uint8 RGB.
            poses: (N, 9) rotation (6-D), translation and scale in crop pixels, where those of all N are about known,
                as of the frame before: a network that can follow then takes a third of the time, others take no
                notice. Faces that are followed and faces that were only just found are two calls.

        Returns:
            (N, P) parameters with poses in crop pixels (of `facemodel.CROP_SIZE`), and (N,) confidences in 0..1. Both
            arrays are reused by the next call.

        Raises:
            ValueError: the crops or poses have another shape or type.
            LimelightError: the engine failed.
        """
        ...


def check_batch(crops: NDArray, poses: NDArray | None, resolution: int) -> None:
    """Refuse what is no batch for an engine of this resolution.

    Raises:
        ValueError: the crops are not (N, resolution, resolution, 3) uint8 with 1 <= N <= `MAX_FACES`, or the poses not
            (N, 9).
    """
    shape = crops.shape
    if shape[1:] != (resolution, resolution, 3) or not 1 <= shape[0] <= MAX_FACES or crops.dtype != np.uint8:
        expected = f"(1 to {MAX_FACES}, {resolution}, {resolution}, 3) uint8"
        raise ValueError(f"crops: expected {expected}, got {shape} {crops.dtype}")
    if poses is not None and poses.shape != (shape[0], POSE_SIZE):
        raise ValueError(f"poses: expected {(shape[0], POSE_SIZE)}, got {poses.shape}")

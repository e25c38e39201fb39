"""The contract of an engine: something that runs the network."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class Engine(Protocol):
    """Runs one network on one crop at a time.

    Attributes:
        name: for people, such as "student (ONNX Runtime, 2 threads)".
        resolution: side of the input crop, px.
        model_digest: `FaceModel.digest` of the model that the network was trained for.
    """

    name: str
    resolution: int
    model_digest: str

    def infer(
        self, crop: NDArray[np.uint8], pose: NDArray[np.float32] | None = None
    ) -> tuple[NDArray[np.float32], float]:
        """Parameters and confidence of a crop.

        Args:
            crop: (resolution, resolution, 3) uint8 RGB.
            pose: (9,) rotation (6-D), translation and scale in crop pixels, where they are about known, as of the
                frame before: a network that can follow then takes a third of the time, others take no notice.

        Returns:
            (P,) parameters with pose in crop pixels (of `facemodel.CROP_SIZE`), and a confidence in 0..1. The
            array is reused by the next call.
        """
        ...

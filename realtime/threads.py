"""How many processors this program takes: every pool of threads is pinned to what the user allows."""

from __future__ import annotations

import os

from threadpoolctl import threadpool_limits

from realtime.opencv import cv2


def limit_threads(count: int) -> None:
    """Let no computation of this process use more than `count` threads; call it before sources and renderers open.

    It pins OpenCV, the decoders that `VideoSource` opens, and OpenGL where it runs on the CPU (Mesa's llvmpipe;
    LP_NUM_THREADS of the environment wins). BLAS and OpenMP get one thread: what the live loop multiplies is too
    small to be shared. ONNX Runtime is told by `open_engine` and `open_finder`.
    """
    cv2.setNumThreads(count)
    threadpool_limits(1)
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # for libraries that are loaded later
    os.environ.setdefault("LP_NUM_THREADS", str(count))

"""The engines that `--engine` can name. TensorRT's plans are built by `export`, which `realtime` knows nothing of."""

from __future__ import annotations

from pathlib import Path

from facemodel import FaceModel, LimelightError
from realtime.engines import Engine
from realtime.engines.kind import ONNX_RUNTIME, EngineKind


def _describe_tensorrt() -> str:
    from realtime.engines.cuda import open_cuda
    from realtime.engines.tensorrt_library import TensorRtLibrary

    version, cuda = TensorRtLibrary.load().version, open_cuda()
    return f"{version} on {cuda.gpu()}, through {cuda.package}"


def _open_tensorrt(path: Path, model: FaceModel, threads: int) -> Engine:  # noqa: ARG001 (a GPU takes none)
    if path.suffix == ".plan":
        from realtime.engines.tensorrt import TensorRtEngine

        return TensorRtEngine(path, model)
    try:
        from export.tensorrt import open_tensorrt
    except ImportError as error:
        raise LimelightError(
            f"TensorRT: building for the GPU needs more packages ({error.name}): pip install 'limelight[gpu]'"
        ) from error
    return open_tensorrt(path, model)


ENGINE_KINDS = (ONNX_RUNTIME, EngineKind("tensorrt", "TensorRT", "student", _describe_tensorrt, _open_tensorrt))
"""In the order in which a tie is decided, and in which the reason is told where none can open a network."""

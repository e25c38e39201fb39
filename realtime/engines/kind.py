"""Kinds of engines: a name for `--engine`, whether it can run here and why not, and how it opens a network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from facemodel import FaceModel, LimelightError
from realtime.engines import DEFAULT_NETWORK
from realtime.engines.base import Engine


@dataclass(frozen=True)
class EngineKind:
    """One way to run networks.

    Attributes:
        name: what a user types, such as "onnxruntime".
        title: for people, such as "ONNX Runtime".
        network: name or file of what it runs where none is asked for.
        describe: what runs, down to the versions and the device that its speed depends on; raises LimelightError with
            the reason where it cannot run on this machine.
        open: an engine for a network file, the face model in use, and so many threads; raises LimelightError.
    """

    name: str
    title: str
    network: str
    describe: Callable[[], str]
    open: Callable[[Path, FaceModel, int], Engine]


def _describe_onnxruntime() -> str:
    try:
        import realtime.onnx_runtime  # noqa: F401 (a broken installation says so here)

        return f"ONNX Runtime {metadata.version('onnxruntime')}"
    except (ImportError, OSError, metadata.PackageNotFoundError) as error:
        raise LimelightError("ONNX Runtime is not installed, or broken; reinstall limelight") from error


def _open_onnxruntime(path: Path, model: FaceModel, threads: int) -> Engine:
    if path.suffix == ".plan":
        raise LimelightError(f"network {path}: a plan of TensorRT's, which ONNX Runtime cannot run")
    from realtime.engines.onnxruntime import OnnxRuntimeEngine

    return OnnxRuntimeEngine(path, model, threads)


ONNX_RUNTIME = EngineKind("onnxruntime", "ONNX Runtime", DEFAULT_NETWORK, _describe_onnxruntime, _open_onnxruntime)

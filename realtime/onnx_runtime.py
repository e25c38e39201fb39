"""ONNX Runtime without its telemetry: import `onnxruntime` from here, never directly.

It looks up a collector's name and writes a device id under the home folder unless the environment forbids it before
the import; what its own `disable_telemetry_events` does comes too late for that.
"""

from __future__ import annotations

import os
from pathlib import Path

from facemodel import LimelightError

os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import onnxruntime

__all__ = ["onnxruntime", "open_on_cpu"]


def open_on_cpu(path: Path, threads: int, what: str) -> onnxruntime.InferenceSession:
    """Open a small network that ships with the program.

    Args:
        path: an ONNX file.
        threads: that one run uses.
        what: the network is, for people.

    Raises:
        LimelightError: the file is missing or corrupt.
    """
    if not path.is_file():
        raise LimelightError(f"{what} {path}: no such file; reinstall limelight")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 4  # what is wrong is said once, by the error below
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # as the engine's
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime's exceptions have no common base of their own
        raise LimelightError(f"{what} {path}: corrupt; reinstall limelight") from error

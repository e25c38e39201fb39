"""ONNX Runtime without its telemetry: import `onnxruntime` from here, never directly.

It looks up a collector's name and writes a device id under the home folder unless the environment forbids it before
the import; what its own `disable_telemetry_events` does comes too late for that.
"""

from __future__ import annotations

import os

os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import onnxruntime

__all__ = ["onnxruntime"]

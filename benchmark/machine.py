"""What this machine is, for whoever reads the figures."""

from __future__ import annotations

import os
import platform
from concurrent.futures import ThreadPoolExecutor
from importlib import metadata
from pathlib import Path
from typing import Any

from benchmark.limited_process import can_confine, usable_cores
from facemodel import LimelightError
from realtime.render.headless import headless_context

PACKAGES = ("onnxruntime", "mediapipe", "opencv-python", "numpy")


def describe_machine() -> dict[str, Any]:
    """Return {"cpu", "cores", "cores_confined", "system", "python", "opengl", "load", PACKAGE: version}.

    `load` is the number of busy processes over the last minute, before the benchmark: 0 on a quiet machine; None
    where the system does not tell. `opengl`, and a package's version, is None where there is none.
    """
    return {
        "cpu": _cpu(),
        "cores": usable_cores(),
        "cores_confined": can_confine(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "opengl": _opengl(),
        "load": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        **{name: _version(name) for name in PACKAGES},
    }


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _cpu() -> str:
    information = Path("/proc/cpuinfo")
    if information.is_file():
        for line in information.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _opengl() -> str | None:
    with ThreadPoolExecutor(1) as thread:  # a thread that had an EGL context cannot draw windows any more
        return thread.submit(_renderer_name).result()


def _renderer_name() -> str | None:
    try:
        context = headless_context()
    except LimelightError:
        return None
    try:
        return str(context.info["GL_RENDERER"])
    finally:
        context.release()

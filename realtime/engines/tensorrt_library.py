"""TensorRT where it is installed: NVIDIA's `tensorrt`, or `tensorrt_rtx`, which has the same interface."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from facemodel import LimelightError
from realtime.engines.cuda_memory import NO_DEVICE_CODES, NO_MEMORY_CODE

_log = logging.getLogger(__name__)

NO_MEMORY = "no memory left on the GPU; close other programs that use it"
NO_GPU = "no usable NVIDIA GPU; look at what 'nvidia-smi' says"

_CUDA_CODE = re.compile(r"(?:cuda ?error|initialization failure with error):? (\d+)\b")
"""In what TensorRT says, in lower case: "(cudaError 35: ...", "CUDA initialization failure with error: 100"."""

_MODULES = {"tensorrt": "TensorRT", "tensorrt_rtx": "TensorRT-RTX"}


@dataclass(frozen=True)
class TensorRtLibrary:
    """TensorRT's Python module.

    Attributes:
        module: `tensorrt` or `tensorrt_rtx`.
        version: for people and for comparison, such as "TensorRT 10.13.3.9".
    """

    module: Any
    version: str

    @classmethod
    def load(cls) -> TensorRtLibrary:
        """The one that is installed.

        Raises:
            LimelightError: none is, or it cannot be loaded.
        """
        problem = "not installed"
        for name, title in _MODULES.items():
            try:
                module = import_module(name)
                return cls(module, f"{title} {module.__version__}")
            except ModuleNotFoundError as error:
                if error.name != name:
                    problem = f"{name} is incomplete ({error.name} is missing)"
            except (ImportError, OSError, AttributeError) as error:
                problem = f"{name} cannot be loaded ({_first_line(str(error))})"
        raise LimelightError(
            f"TensorRT: {problem}; on a machine with an NVIDIA GPU 'pip install limelight[gpu]', or use ONNX Runtime"
        )


class TensorRtLog:
    """What TensorRT says while it works: errors are kept for one clear line, the rest goes to the log.

    Attributes:
        logger: to give to TensorRT.
    """

    def __init__(self, library: TensorRtLibrary) -> None:
        trt: Any = library.module
        errors = self._errors = list[str]()

        class Logger(trt.ILogger):
            def __init__(self) -> None:
                trt.ILogger.__init__(self)

            def log(self, severity: Any, message: str) -> None:
                if severity <= trt.ILogger.ERROR:
                    errors.append(message)
                _log.debug("TensorRT: %s", message)

        self.logger = Logger()

    def complained(self) -> bool:
        """Whether something other than a missing GPU went wrong since the last call; it is then forgotten."""
        return bool(self._errors) and self.problem() != NO_GPU

    def problem(self) -> str:
        """What went wrong since the last call, in a few words."""
        errors, self._errors[:] = list(self._errors), []
        everything = " ".join(errors).lower()
        codes = {int(code) for code in _CUDA_CODE.findall(everything)}
        if "out of memory" in everything or "outofmemory" in everything or NO_MEMORY_CODE in codes:
            return NO_MEMORY
        if "no cuda-capable device" in everything or codes.intersection(NO_DEVICE_CODES):
            return NO_GPU
        return _first_line(errors[0]) if errors else "TensorRT does not say why"


def _first_line(text: str) -> str:
    return (text.strip().splitlines() or ["no message"])[0].strip()[:200]

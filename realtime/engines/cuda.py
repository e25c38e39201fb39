"""The few things of CUDA that an engine needs, and which of two packages does them."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any, Protocol

from numpy.typing import DTypeLike, NDArray

from facemodel import LimelightError
from realtime.engines.cuda_memory import DeviceMemory
from realtime.engines.cuda_pycuda import PyCuda
from realtime.engines.cuda_python import CudaPython


class CudaStream(Protocol):
    """One queue of work for the GPU, for all threads.

    Attributes:
        handle: the stream, as TensorRT wants it.
    """

    handle: int

    def upload(self, source: NDArray, target: DeviceMemory) -> None:
        """Queue a copy of a pinned array to the GPU."""
        ...

    def download(self, source: DeviceMemory, target: NDArray) -> None:
        """Queue a copy from the GPU to a pinned array."""
        ...

    def wait(self) -> None:
        """Wait until everything queued is done."""
        ...

    def recorded(self, work: Callable[[], None]) -> Callable[[], None]:
        """Record work that is queued on this stream as a CUDA graph: what is returned queues all of it in one call.

        Raises:
            LimelightError: something in it cannot be recorded.
        """
        ...


class Cuda(Protocol):
    """CUDA on the first GPU, in its primary context, which is TensorRT's too. Every failure is a LimelightError of one
    line; memory and streams are freed with the objects that stand for them, in whatever thread.

    Attributes:
        package: that does it, for people.
    """

    package: str

    def gpu(self) -> str:
        """Return the GPU's name and compute capability, such as "NVIDIA GeForce RTX 4090 (8.9)"."""
        ...

    def used_memory(self) -> int:
        """Return the bytes of the GPU's memory that all programs together use."""
        ...

    def stream(self) -> CudaStream:
        """Make a new stream."""
        ...

    def pinned(self, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray:
        """Return zeros in memory that the GPU copies from and to directly; freed when no view of it is left."""
        ...

    def device_memory(self, shape: tuple[int, ...], dtype: DTypeLike) -> DeviceMemory:
        """Return memory on the GPU for an array, not initialised."""
        ...


def open_cuda() -> Cuda:
    """Open CUDA through cuda-python, or through pycuda where that is installed and cuda-python is not.

    Raises:
        LimelightError: neither can be loaded, or there is no usable GPU.
    """
    problem = "neither cuda-python nor pycuda is installed"
    for name, way in _WAYS.items():
        try:
            module = import_module(name)
        except ModuleNotFoundError:
            continue
        except (ImportError, OSError) as error:
            problem = f"{name} cannot be loaded ({(str(error).splitlines() or ['no message'])[0]})"
            continue
        return way(module)
    raise LimelightError(f"CUDA: {problem}; 'pip install limelight[gpu]'")


_WAYS: dict[str, Callable[[Any], Cuda]] = {"cuda.bindings.runtime": CudaPython, "pycuda.driver": PyCuda}
"""By the module that they call, the better one first."""

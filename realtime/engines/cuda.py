"""The few calls of the CUDA runtime that an engine needs, through cuda-python."""

from __future__ import annotations

import ctypes
import weakref
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from facemodel import LimelightError

_NO_MEMORY = 2
_NO_DEVICE = (3, 35, 36, 46, 100, 101, 999)
"""cudaError_t: not initialised, driver too old (twice), all devices busy, none, invalid, unknown."""

_CAPTURE_BY_THREAD = 1  # cudaStreamCaptureModeThreadLocal: other threads go on using CUDA
_TO_DEVICE, _TO_HOST = 1, 2  # cudaMemcpyKind


class Cuda:
    """CUDA on the first GPU. Every failure is one line; memory is freed with the object that stands for it.

    Args:
        runtime: what has the functions of `cuda.bindings.runtime`; that module itself if None.

    Raises:
        LimelightError: cuda-python is not installed, or there is no usable GPU.
    """

    def __init__(self, runtime: Any = None) -> None:
        if runtime is None:
            try:
                runtime = import_module("cuda.bindings.runtime")
            except (ImportError, OSError) as error:
                raise LimelightError("CUDA: cuda-python is not installed; 'pip install limelight[gpu]'") from error
        self._runtime = runtime
        (count,) = self._call("cudaGetDeviceCount")
        if not count:
            raise LimelightError("CUDA: no NVIDIA GPU found; use ONNX Runtime")
        self._call("cudaSetDevice", 0)

    def gpu(self) -> str:
        """The GPU's name and compute capability, such as "NVIDIA GeForce RTX 4090 (8.9)"."""
        (properties,) = self._call("cudaGetDeviceProperties", 0)
        name = properties.name.decode(errors="replace") if isinstance(properties.name, bytes) else properties.name
        return f"{name.rstrip(chr(0))} ({properties.major}.{properties.minor})"

    def used_memory(self) -> int:
        """Bytes of the GPU's memory that all programs together use."""
        free, total = self._call("cudaMemGetInfo")
        return total - free

    def stream(self) -> CudaStream:
        """A new stream."""
        return CudaStream(self._call)

    def pinned(self, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray:
        """Zeros in memory that the GPU copies from and to directly; freed when no view of it is left."""
        size = _bytes(shape, dtype)
        (address,) = self._call("cudaHostAlloc", size, 0)
        memory = (ctypes.c_uint8 * size).from_address(int(address))
        _free_with(memory, lambda: self._call("cudaFreeHost", address))
        array = np.frombuffer(memory, dtype).reshape(shape)
        array[...] = 0
        return array

    def device_memory(self, shape: tuple[int, ...], dtype: DTypeLike) -> DeviceMemory:
        """Memory on the GPU for an array, not initialised."""
        size = _bytes(shape, dtype)
        (address,) = self._call("cudaMalloc", size)
        memory = DeviceMemory(int(address), size)
        _free_with(memory, lambda: self._call("cudaFree", address))
        return memory

    def _call(self, name: str, *arguments: Any) -> tuple[Any, ...]:
        code, *values = getattr(self._runtime, name)(*arguments)
        if int(code) == 0:
            return tuple(values)
        if int(code) == _NO_MEMORY:
            raise LimelightError("CUDA: no memory left on the GPU; close other programs that use it")
        reason = getattr(code, "name", f"cudaError {int(code)}")
        if int(code) in _NO_DEVICE:
            raise LimelightError(f"CUDA: no usable NVIDIA GPU ({reason}); look at what 'nvidia-smi' says")
        raise LimelightError(f"CUDA: {name} failed ({reason})")


class DeviceMemory:
    """Memory on the GPU, freed with this object.

    Attributes:
        address: on the GPU.
        size: bytes.
    """

    def __init__(self, address: int, size: int) -> None:
        self.address, self.size = address, size


class CudaStream:
    """One queue of work for the GPU.

    Attributes:
        handle: the stream, as TensorRT wants it.
    """

    def __init__(self, call: Callable[..., tuple[Any, ...]]) -> None:
        self._call = call
        (stream,) = call("cudaStreamCreate")
        self._stream = stream
        self.handle = int(stream)
        _free_with(self, lambda: call("cudaStreamDestroy", stream))

    def upload(self, source: NDArray, target: DeviceMemory) -> None:
        """Queue a copy of a pinned array to the GPU."""
        self._call("cudaMemcpyAsync", target.address, source.ctypes.data, target.size, _kind(_TO_DEVICE), self._stream)

    def download(self, source: DeviceMemory, target: NDArray) -> None:
        """Queue a copy from the GPU to a pinned array."""
        self._call("cudaMemcpyAsync", target.ctypes.data, source.address, source.size, _kind(_TO_HOST), self._stream)

    def wait(self) -> None:
        """Until everything queued is done."""
        self._call("cudaStreamSynchronize", self._stream)

    def recorded(self, work: Callable[[], None]) -> Callable[[], None]:
        """Work that is queued on this stream, as a CUDA graph: what is returned queues all of it in one call.

        Raises:
            LimelightError: something in it cannot be recorded.
        """
        call, stream = self._call, self._stream
        call("cudaStreamBeginCapture", stream, _capture_mode())
        try:
            work()
        except Exception:
            with suppress(LimelightError):
                call("cudaStreamEndCapture", stream)
            raise
        (graph,) = call("cudaStreamEndCapture", stream)
        (runnable,) = call("cudaGraphInstantiate", graph, 0)
        call("cudaGraphDestroy", graph)

        def launch() -> None:
            call("cudaGraphLaunch", runnable, stream)

        _free_with(launch, lambda: call("cudaGraphExecDestroy", runnable))
        return launch


def _bytes(shape: tuple[int, ...], dtype: DTypeLike) -> int:
    return int(np.prod(shape)) * np.dtype(dtype).itemsize

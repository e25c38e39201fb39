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

NO_MEMORY_CODE = 2
"""cudaErrorMemoryAllocation."""

NO_DEVICE_CODES = (3, 35, 36, 46, 100, 101, 999)
"""cudaError_t: not initialised, driver too old (twice), all devices busy, none, invalid, unknown."""


class Cuda:
    """CUDA on the first GPU. Every failure is one line; memory is freed with the object that stands for it.

    Attributes:
        runtime: the module with CUDA's functions and constants.

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
        self.runtime = runtime
        (count,) = self.call("cudaGetDeviceCount")
        if not count:
            raise LimelightError("CUDA: no NVIDIA GPU found; use ONNX Runtime")
        self.call("cudaSetDevice", 0)

    def gpu(self) -> str:
        """The GPU's name and compute capability, such as "NVIDIA GeForce RTX 4090 (8.9)"."""
        (properties,) = self.call("cudaGetDeviceProperties", 0)
        name = properties.name.decode(errors="replace") if isinstance(properties.name, bytes) else properties.name
        return f"{name.rstrip(chr(0))} ({properties.major}.{properties.minor})"

    def used_memory(self) -> int:
        """Bytes of the GPU's memory that all programs together use."""
        free, total = self.call("cudaMemGetInfo")
        return total - free

    def stream(self) -> CudaStream:
        """A new stream."""
        return CudaStream(self)

    def pinned(self, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray:
        """Zeros in memory that the GPU copies from and to directly; freed when no view of it is left."""
        size = _bytes(shape, dtype)
        (address,) = self.call("cudaHostAlloc", size, 0)
        memory = (ctypes.c_uint8 * size).from_address(int(address))
        _free_with(memory, lambda: self.call("cudaFreeHost", address))
        array = np.ctypeslib.as_array(memory).view(dtype).reshape(shape)
        array[...] = 0
        return array

    def device_memory(self, shape: tuple[int, ...], dtype: DTypeLike) -> DeviceMemory:
        """Memory on the GPU for an array, not initialised."""
        size = _bytes(shape, dtype)
        (address,) = self.call("cudaMalloc", size)
        memory = DeviceMemory(int(address), size)
        _free_with(memory, lambda: self.call("cudaFree", address))
        return memory

    def call(self, name: str, *arguments: Any) -> tuple[Any, ...]:
        """What a function of the runtime gives beside its error code.

        Raises:
            LimelightError: it failed.
        """
        code, *values = getattr(self.runtime, name)(*arguments)
        if int(code) == 0:
            return tuple(values)
        if int(code) == NO_MEMORY_CODE:
            raise LimelightError("CUDA: no memory left on the GPU; close other programs that use it")
        reason = getattr(code, "name", f"cudaError {int(code)}")
        if int(code) in NO_DEVICE_CODES:
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

    def __init__(self, cuda: Cuda) -> None:
        self._cuda = cuda
        (stream,) = cuda.call("cudaStreamCreate")
        self._stream = stream
        self.handle = int(stream)
        _free_with(self, lambda: cuda.call("cudaStreamDestroy", stream))

    def upload(self, source: NDArray, target: DeviceMemory) -> None:
        """Queue a copy of a pinned array to the GPU."""
        kind = self._cuda.runtime.cudaMemcpyKind.cudaMemcpyHostToDevice
        self._cuda.call("cudaMemcpyAsync", target.address, source.ctypes.data, target.size, kind, self._stream)

    def download(self, source: DeviceMemory, target: NDArray) -> None:
        """Queue a copy from the GPU to a pinned array."""
        kind = self._cuda.runtime.cudaMemcpyKind.cudaMemcpyDeviceToHost
        self._cuda.call("cudaMemcpyAsync", target.ctypes.data, source.address, source.size, kind, self._stream)

    def wait(self) -> None:
        """Until everything queued is done."""
        self._cuda.call("cudaStreamSynchronize", self._stream)

    def recorded(self, work: Callable[[], None]) -> Callable[[], None]:
        """Work that is queued on this stream, as a CUDA graph: what is returned queues all of it in one call.

        Raises:
            LimelightError: something in it cannot be recorded.
        """
        call, stream = self._cuda.call, self._stream
        # By thread: others go on using CUDA while this one records.
        mode = self._cuda.runtime.cudaStreamCaptureMode.cudaStreamCaptureModeThreadLocal
        call("cudaStreamBeginCapture", stream, mode)
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


def _free_with(owner: Any, free: Callable[[], Any]) -> None:
    """Call `free` when nothing refers to `owner` any more; at the end of the program the driver frees everything."""

    def quietly() -> None:
        with suppress(LimelightError):
            free()

    weakref.finalize(owner, quietly).atexit = False

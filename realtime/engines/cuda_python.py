"""CUDA through cuda-python: the calls of the CUDA runtime."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from numpy.typing import DTypeLike, NDArray

from facemodel import LimelightError
from realtime.engines.cuda_memory import (
    NO_DEVICE_CODES,
    NO_MEMORY_CODE,
    DeviceMemory,
    byte_size,
    free_with,
    host_array,
    no_gpu,
    no_memory,
)


class CudaPython:
    """CUDA on the first GPU; see `Cuda`.

    Attributes:
        runtime: the module with CUDA's functions and constants.

    Args:
        runtime: `cuda.bindings.runtime`, or what has its functions.

    Raises:
        LimelightError: there is no usable GPU.
    """

    package = "cuda-python"

    def __init__(self, runtime: Any) -> None:
        self.runtime = runtime
        (count,) = self.call("cudaGetDeviceCount")
        if not count:
            raise no_gpu()
        self.call("cudaSetDevice", 0)

    def gpu(self) -> str:
        """Return the GPU's name and compute capability."""
        (properties,) = self.call("cudaGetDeviceProperties", 0)
        name = properties.name.decode(errors="replace") if isinstance(properties.name, bytes) else properties.name
        return f"{name.rstrip(chr(0))} ({properties.major}.{properties.minor})"

    def used_memory(self) -> int:
        """Return the bytes of the GPU's memory that all programs together use."""
        free, total = self.call("cudaMemGetInfo")
        return total - free

    def stream(self) -> CudaPythonStream:
        """Make a new stream."""
        return CudaPythonStream(self)

    def pinned(self, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray:
        """Return zeros in pinned memory."""
        (address,) = self.call("cudaHostAlloc", byte_size(shape, dtype), 0)
        return host_array(int(address), shape, dtype, lambda: self.call("cudaFreeHost", address))

    def device_memory(self, shape: tuple[int, ...], dtype: DTypeLike) -> DeviceMemory:
        """Return memory on the GPU for an array, not initialised."""
        size = byte_size(shape, dtype)
        (address,) = self.call("cudaMalloc", size)
        return DeviceMemory(int(address), size, lambda: self.call("cudaFree", address))

    def call(self, name: str, *arguments: Any) -> tuple[Any, ...]:
        """Return what a function of the runtime gives beside its error code.

        Raises:
            LimelightError: it failed.
        """
        code, *values = getattr(self.runtime, name)(*arguments)
        if int(code) == 0:
            return tuple(values)
        if int(code) == NO_MEMORY_CODE:
            raise no_memory()
        reason = getattr(code, "name", f"cudaError {int(code)}")
        if int(code) in NO_DEVICE_CODES:
            raise no_gpu(reason)
        raise LimelightError(f"CUDA: {name} failed ({reason})")


class CudaPythonStream:
    """One queue of work for the GPU; see `CudaStream`."""

    def __init__(self, cuda: CudaPython) -> None:
        self._cuda = cuda
        (stream,) = cuda.call("cudaStreamCreate")
        self._stream = stream
        self.handle = int(stream)
        free_with(self, lambda: cuda.call("cudaStreamDestroy", stream))

    def upload(self, source: NDArray, target: DeviceMemory) -> None:
        """Queue a copy of a pinned array to the GPU."""
        kind = self._cuda.runtime.cudaMemcpyKind.cudaMemcpyHostToDevice
        self._cuda.call("cudaMemcpyAsync", target.address, source.ctypes.data, target.size, kind, self._stream)

    def download(self, source: DeviceMemory, target: NDArray) -> None:
        """Queue a copy from the GPU to a pinned array."""
        kind = self._cuda.runtime.cudaMemcpyKind.cudaMemcpyDeviceToHost
        self._cuda.call("cudaMemcpyAsync", target.ctypes.data, source.address, source.size, kind, self._stream)

    def wait(self) -> None:
        """Wait until everything queued is done."""
        self._cuda.call("cudaStreamSynchronize", self._stream)

    def recorded(self, work: Callable[[], None]) -> Callable[[], None]:
        """Record work that is queued on this stream as a CUDA graph.

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

        free_with(launch, lambda: call("cudaGraphExecDestroy", runnable))
        return launch

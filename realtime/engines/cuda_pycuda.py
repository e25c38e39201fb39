"""CUDA through pycuda: the calls of the CUDA driver."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from facemodel import LimelightError
from realtime.engines.cuda_memory import DeviceMemory, byte_size, free_with, host_array, no_gpu, no_memory


class PyCuda:
    """CUDA on the first GPU; see `Cuda`.

    pycuda works in the context that is current in the calling thread, and frees nothing in any other one: every call
    makes the primary context current for as long as it takes. What stays current when a thread ends would abort the
    program.

    Args:
        driver: `pycuda.driver`, or what has its functions.

    Raises:
        LimelightError: there is no usable GPU.
    """

    package = "pycuda"

    def __init__(self, driver: Any) -> None:
        self.driver = driver
        try:
            driver.init()
            if not driver.Device.count():
                raise no_gpu()
            self._device = driver.Device(0)
            self._context = self._device.retain_primary_context()
        except driver.MemoryError as error:
            raise no_memory() from error
        except driver.Error as error:
            raise no_gpu(_first_line(error)) from error

    def gpu(self) -> str:
        """Return the GPU's name and compute capability."""
        major, minor = self.call(self._device.compute_capability)
        return f"{self.call(self._device.name)} ({major}.{minor})"

    def used_memory(self) -> int:
        """Return the bytes of the GPU's memory that all programs together use."""
        free, total = self.call(self.driver.mem_get_info)
        return total - free

    def stream(self) -> PyCudaStream:
        """Make a new stream."""
        return PyCudaStream(self)

    def pinned(self, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray:
        """Return zeros in pinned memory."""
        block = self.call(self.driver.pagelocked_empty, byte_size(shape, dtype), np.uint8)
        return host_array(block.ctypes.data, shape, dtype, lambda: self.call(block.base.free))

    def device_memory(self, shape: tuple[int, ...], dtype: DTypeLike) -> DeviceMemory:
        """Return memory on the GPU for an array, not initialised."""
        size = byte_size(shape, dtype)
        allocation = self.call(self.driver.mem_alloc, size)
        return DeviceMemory(int(allocation), size, lambda: self.call(allocation.free))

    def call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Return what a function gives with the primary context current in this thread.

        Raises:
            LimelightError: it failed.
        """
        try:
            self._context.push()
            try:
                return function(*arguments)
            finally:
                self._context.pop()
        except self.driver.MemoryError as error:
            raise no_memory() from error
        except self.driver.Error as error:
            raise LimelightError(f"CUDA: {_first_line(error)}") from error


class PyCudaStream:
    """One queue of work for the GPU; see `CudaStream`."""

    def __init__(self, cuda: PyCuda) -> None:
        self._cuda = cuda
        stream = cuda.call(cuda.driver.Stream)
        self.handle = int(stream.handle)
        self._held = [stream]  # the only reference: pycuda destroys the stream when it goes, inside of a call
        del stream
        free_with(self, lambda held=self._held: cuda.call(held.clear))  # type: ignore[misc]

    def upload(self, source: NDArray, target: DeviceMemory) -> None:
        """Queue a copy of a pinned array to the GPU."""
        self._cuda.call(self._cuda.driver.memcpy_htod_async, target.address, source, self._held[0])

    def download(self, source: DeviceMemory, target: NDArray) -> None:
        """Queue a copy from the GPU to a pinned array."""
        self._cuda.call(self._cuda.driver.memcpy_dtoh_async, target, source.address, self._held[0])

    def wait(self) -> None:
        """Wait until everything queued is done."""
        self._cuda.call(self._held[0].synchronize)

    def recorded(self, work: Callable[[], None]) -> Callable[[], None]:  # noqa: ARG002
        """Refuse: pycuda has no CUDA graphs.

        Raises:
            LimelightError: always.
        """
        raise LimelightError("CUDA: pycuda cannot record; cuda-python can")


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or ["no message"])[0]

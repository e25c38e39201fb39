"""Memory that CUDA gives: how long it lives, and what is said when there is none, or no GPU."""

from __future__ import annotations

import ctypes
import weakref
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from facemodel import LimelightError

NO_MEMORY_CODE = 2
"""cudaErrorMemoryAllocation."""

NO_DEVICE_CODES = (3, 35, 36, 46, 100, 101, 999)
"""cudaError_t: not initialised, driver too old (twice), all devices busy, none, invalid, unknown."""


class DeviceMemory:
    """Memory on the GPU, freed with this object.

    Attributes:
        address: on the GPU.
        size: bytes.
    """

    def __init__(self, address: int, size: int, free: Callable[[], Any]) -> None:
        self.address, self.size = address, size
        free_with(self, free)


def host_array(address: int, shape: tuple[int, ...], dtype: DTypeLike, free: Callable[[], Any]) -> NDArray:
    """Return zeros in host memory at an address, freed when no view of it is left."""
    memory = (ctypes.c_uint8 * byte_size(shape, dtype)).from_address(address)
    free_with(memory, free)
    array = np.ctypeslib.as_array(memory).view(dtype).reshape(shape)
    array[...] = 0
    return array


def byte_size(shape: tuple[int, ...], dtype: DTypeLike) -> int:
    """Return how many bytes an array takes."""
    return int(np.prod(shape)) * np.dtype(dtype).itemsize


def free_with(owner: Any, free: Callable[[], Any]) -> None:
    """Call `free` when nothing refers to `owner` any more; at the end of the program the driver frees everything."""

    def quietly() -> None:
        with suppress(LimelightError):
            free()

    weakref.finalize(owner, quietly).atexit = False


def no_gpu(reason: str = "") -> LimelightError:
    """Return the error for a machine without a usable GPU."""
    if not reason:
        return LimelightError("CUDA: no NVIDIA GPU found; use ONNX Runtime")
    return LimelightError(f"CUDA: no usable NVIDIA GPU ({reason}); look at what 'nvidia-smi' says")


def no_memory() -> LimelightError:
    """Return the error for a GPU whose memory is used up."""
    return LimelightError("CUDA: no memory left on the GPU; close other programs that use it")

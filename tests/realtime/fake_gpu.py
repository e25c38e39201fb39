"""A GPU without a GPU: CUDA's calls on the host's memory, and a TensorRT whose plans are Python functions.

It keeps the order of things as CUDA does: work on a stream is done when the stream is waited for, and what is recorded
into a graph is done only when the graph is launched.
"""

from __future__ import annotations

import ctypes
import enum
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from realtime.engines.tensorrt_library import TensorRtLibrary

Network = Callable[[dict[str, NDArray]], dict[str, NDArray]]
"""Outputs for inputs."""


class CudaError(enum.IntEnum):
    cudaSuccess = 0  # noqa: N815
    cudaErrorMemoryAllocation = 2  # noqa: N815
    cudaErrorNoDevice = 100  # noqa: N815
    cudaErrorStreamCaptureInvalidated = 901  # noqa: N815


class FakeCudaRuntime:
    """`cuda.bindings.runtime` on the host.

    Attributes:
        budget: bytes of device memory that are left.
        calls: names of the functions called, in order.
        living: addresses and handles that were made and not destroyed.
    """

    cudaMemcpyKind = SimpleNamespace(cudaMemcpyHostToDevice="up", cudaMemcpyDeviceToHost="down")  # noqa: N815
    cudaStreamCaptureMode = SimpleNamespace(cudaStreamCaptureModeThreadLocal="thread")  # noqa: N815

    def __init__(self, name: str = "Toy GPU", devices: int = 1, budget: int = 1 << 30) -> None:
        self.budget, self.calls, self.living = budget, list[str](), dict[int, Any]()
        self._name, self._devices, self._total = name, devices, budget
        self._queue: list[Callable[[], None]] = []
        self._recording: list[Callable[[], None]] | None = None

    def __getattribute__(self, name: str) -> Any:
        if name.startswith("cuda") and name[4:5].isupper() and callable(value := object.__getattribute__(self, name)):
            self.calls.append(name)
            return value
        return object.__getattribute__(self, name)

    def enqueue(self, work: Callable[[], None]) -> None:
        (self._queue if self._recording is None else self._recording).append(work)

    def cudaGetDeviceCount(self) -> tuple[CudaError, int]:  # noqa: N802
        return (CudaError.cudaSuccess if self._devices else CudaError.cudaErrorNoDevice), self._devices

    def cudaSetDevice(self, device: int) -> tuple[CudaError]:  # noqa: N802
        return (CudaError.cudaSuccess,)

    def cudaGetDeviceProperties(self, device: int) -> tuple[CudaError, Any]:  # noqa: N802
        return CudaError.cudaSuccess, SimpleNamespace(name=self._name.encode() + b"\0\0", major=8, minor=6)

    def cudaMemGetInfo(self) -> tuple[CudaError, int, int]:  # noqa: N802
        return CudaError.cudaSuccess, self.budget, self._total

    def cudaMalloc(self, size: int) -> tuple[CudaError, int | None]:  # noqa: N802
        if size > self.budget:
            return CudaError.cudaErrorMemoryAllocation, None
        self.budget -= size
        return self.cudaHostAlloc(size, 0)

    def cudaHostAlloc(self, size: int, flags: int) -> tuple[CudaError, int]:  # noqa: N802
        memory = (ctypes.c_uint8 * size)()
        ctypes.memset(memory, 0xCD, size)  # what is read before it is written shows
        return CudaError.cudaSuccess, self._made(memory, ctypes.addressof(memory))

    def cudaFree(self, address: int) -> tuple[CudaError]:  # noqa: N802
        self.budget += len(self.living[address])
        return self._gone(address)

    def cudaFreeHost(self, address: int) -> tuple[CudaError]:  # noqa: N802
        return self._gone(address)

    def cudaStreamCreate(self) -> tuple[CudaError, int]:  # noqa: N802
        return CudaError.cudaSuccess, self._made(object())

    def cudaStreamDestroy(self, stream: int) -> tuple[CudaError]:  # noqa: N802
        return self._gone(stream)

    def cudaMemcpyAsync(self, to: int, source: int, size: int, kind: str, stream: int) -> tuple[CudaError]:  # noqa: N802
        self.enqueue(lambda: ctypes.memmove(to, source, size))
        return (CudaError.cudaSuccess,)

    def cudaStreamSynchronize(self, stream: int) -> tuple[CudaError]:  # noqa: N802
        work, self._queue = self._queue, []
        for step in work:
            step()
        return (CudaError.cudaSuccess,)

    def cudaStreamBeginCapture(self, stream: int, mode: str) -> tuple[CudaError]:  # noqa: N802
        self._recording = []
        return (CudaError.cudaSuccess,)

    def cudaStreamEndCapture(self, stream: int) -> tuple[CudaError, int | None]:  # noqa: N802
        work, self._recording = self._recording, None
        return CudaError.cudaSuccess, self._made(work)

    def cudaGraphInstantiate(self, graph: int, flags: int) -> tuple[CudaError, int]:  # noqa: N802
        return CudaError.cudaSuccess, self._made(list(self.living[graph]))

    def cudaGraphDestroy(self, graph: int) -> tuple[CudaError]:  # noqa: N802
        return self._gone(graph)

    def cudaGraphExecDestroy(self, graph: int) -> tuple[CudaError]:  # noqa: N802
        return self._gone(graph)

    def cudaGraphLaunch(self, graph: int, stream: int) -> tuple[CudaError]:  # noqa: N802
        self._queue.extend(self.living[graph])
        return (CudaError.cudaSuccess,)

    def _made(self, thing: Any, handle: int | None = None) -> int:
        handle = id(thing) if handle is None else handle
        self.living[handle] = thing
        return handle

    def _gone(self, handle: int) -> tuple[CudaError]:
        del self.living[handle]
        return (CudaError.cudaSuccess,)


class FakeTensorRt:
    """`tensorrt` with plans that are names of Python functions.

    Attributes:
        recordable: whether a run can be recorded into a CUDA graph.
        errors: what it logs when it refuses a plan.
    """

    TensorIOMode = SimpleNamespace(INPUT="in", OUTPUT="out")

    class ILogger:
        ERROR = 1

        def log(self, severity: int, message: str) -> None: ...

    def __init__(self, cuda: FakeCudaRuntime, networks: dict[bytes, tuple[dict, dict, Network]]) -> None:
        self.recordable, self.errors = True, ["Error Code 6: magic tag does not match"]
        self._cuda, self._networks = cuda, networks

    def nptype(self, dtype: Any) -> Any:
        return dtype

    def Runtime(self, logger: Any) -> Any:  # noqa: N802
        def deserialize(plan: bytes) -> Any:
            if plan in self._networks:
                return _FakeEngine(self, *self._networks[plan])
            for message in self.errors:
                logger.log(1, message)
            return None

        return SimpleNamespace(deserialize_cuda_engine=deserialize)

    @property
    def library(self) -> TensorRtLibrary:
        return TensorRtLibrary(self, "TensorRT 99.1")


class _FakeEngine:
    """Engine and execution context in one."""

    def __init__(self, trt: FakeTensorRt, inputs: dict, outputs: dict, network: Network) -> None:
        self._trt, self._inputs, self._network = trt, inputs, network
        self._tensors = inputs | outputs  # (shape without batch, dtype) by name
        self.num_io_tensors = len(self._tensors)
        self._batch: dict[str, int] = {}
        self._addresses: dict[str, int] = {}

    def create_execution_context(self) -> _FakeEngine:
        return self

    def get_tensor_name(self, i: int) -> str:
        return list(self._tensors)[i]

    def get_tensor_mode(self, name: str) -> str:
        return "in" if name in self._inputs else "out"

    def get_tensor_dtype(self, name: str) -> Any:
        return self._tensors[name][1]

    def get_tensor_shape(self, name: str) -> tuple[int, ...]:
        batch = min(self._batch.values()) if len(self._batch) == len(self._inputs) else -1
        return (batch, *self._tensors[name][0])

    def set_input_shape(self, name: str, shape: tuple[int, ...]) -> bool:
        self._batch[name] = shape[0]
        return 1 <= shape[0] <= 8 and shape[1:] == self._tensors[name][0]

    def set_tensor_address(self, name: str, address: int) -> bool:
        self._addresses[name] = address
        return True

    def execute_async_v3(self, stream: int) -> bool:
        if self._trt._cuda._recording is not None and not self._trt.recordable:
            return False
        self._trt._cuda.enqueue(self._run)
        return True

    def _run(self) -> None:
        views = {name: self._view(name) for name in self._tensors}
        for name, value in self._network({name: views[name] for name in self._inputs}).items():
            views[name][...] = value

    def _view(self, name: str) -> NDArray:
        shape, dtype = self.get_tensor_shape(name), np.dtype(self._tensors[name][1])
        size = int(np.prod(shape)) * dtype.itemsize
        memory = (ctypes.c_uint8 * size).from_address(self._addresses[name])
        return np.ctypeslib.as_array(memory).view(dtype).reshape(shape)

"""A GPU without a GPU: CUDA's calls on the host's memory, and a TensorRT whose plans are Python functions.

It keeps the order of things as CUDA does: work on a stream is done when the stream is waited for, and what is recorded
into a graph is done only when the graph is launched.
"""

from __future__ import annotations

import ctypes
import enum
import threading
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


class FakePyCuda:
    """`pycuda.driver` over a simulated runtime, with pycuda's rules: calls need a context that is current in their
    thread, and so does what frees; what it cannot free stays in `FakeCudaRuntime.living`.

    Attributes:
        runtime: what it works on.
    """

    class Error(Exception): ...

    class MemoryError(Error): ...  # noqa: A001

    class LogicError(Error): ...

    class RuntimeError(Error): ...  # noqa: A001

    def __init__(self, runtime: FakeCudaRuntime) -> None:
        self.runtime = runtime
        self._thread, self._started = threading.local(), False
        self.Device = _FakeDevice(self)

    def init(self) -> None:
        if self.runtime.cudaGetDeviceCount()[0]:
            raise self.RuntimeError("cuInit failed: no CUDA-capable device is detected")
        self._started = True

    def push(self) -> None:
        self._thread.depth = self.depth + 1

    def pop(self) -> None:
        self.need_context("context::pop")
        self._thread.depth -= 1

    @property
    def depth(self) -> int:
        """How many contexts are stacked in this thread."""
        return getattr(self._thread, "depth", 0)

    def need_context(self, function: str) -> None:
        if not self._started or not self.depth:
            raise self.LogicError(f"{function} failed: invalid device context")

    def mem_get_info(self) -> tuple[int, int]:
        self.need_context("cuMemGetInfo")
        return self.runtime.cudaMemGetInfo()[1:]

    def mem_alloc(self, size: int) -> _FakeAllocation:
        self.need_context("cuMemAlloc")
        code, address = self.runtime.cudaMalloc(size)
        if code or address is None:
            raise self.MemoryError("cuMemAlloc failed: out of memory")
        return _FakeAllocation(self, address, self.runtime.cudaFree)

    def pagelocked_empty(self, shape: int, dtype: Any) -> NDArray:
        self.need_context("cuMemHostAlloc")
        _, address = self.runtime.cudaHostAlloc(shape * np.dtype(dtype).itemsize, 0)
        allocation = _FakeAllocation(self, address, self.runtime.cudaFreeHost)
        allocation.__array_interface__ = {
            "version": 3, "shape": (shape,), "typestr": np.dtype(dtype).str, "data": (address, False),
        }  # fmt: skip
        return np.asarray(allocation)

    def Stream(self) -> _FakeStream:  # noqa: N802
        self.need_context("cuStreamCreate")
        return _FakeStream(self)

    def memcpy_htod_async(self, target: int, source: NDArray, stream: _FakeStream) -> None:
        self.need_context("cuMemcpyHtoDAsync")
        self.runtime.cudaMemcpyAsync(target, source.ctypes.data, source.nbytes, "up", stream.handle)

    def memcpy_dtoh_async(self, target: NDArray, source: int, stream: _FakeStream) -> None:
        self.need_context("cuMemcpyDtoHAsync")
        self.runtime.cudaMemcpyAsync(target.ctypes.data, source, target.nbytes, "down", stream.handle)


class _FakeDevice:
    """Device and primary context in one."""

    def __init__(self, driver: FakePyCuda) -> None:
        self._driver = driver
        self.push, self.pop = driver.push, driver.pop

    def __call__(self, number: int) -> _FakeDevice:
        return self

    def count(self) -> int:
        return self._driver.runtime.cudaGetDeviceCount()[1]

    def name(self) -> str:
        return self._driver.runtime.cudaGetDeviceProperties(0)[1].name.rstrip(b"\0").decode()

    def compute_capability(self) -> tuple[int, int]:
        return 8, 6

    def retain_primary_context(self) -> _FakeDevice:
        return self


class _FakeAllocation:
    def __init__(self, driver: FakePyCuda, address: int, free: Callable[[int], Any]) -> None:
        self._driver, self._address, self._free = driver, address, free

    def __int__(self) -> int:
        return self._address

    def free(self) -> None:
        self._driver.need_context("cuMemFree")
        self._free(self._address)


class _FakeStream:
    def __init__(self, driver: FakePyCuda) -> None:
        self._driver, (_, self.handle) = driver, driver.runtime.cudaStreamCreate()

    def synchronize(self) -> None:
        self._driver.need_context("cuStreamSynchronize")
        self._driver.runtime.cudaStreamSynchronize(self.handle)

    def __del__(self) -> None:
        if self._driver.depth:
            self._driver.runtime.cudaStreamDestroy(self.handle)


class FakeTensorRt:
    """`tensorrt` with plans that are names of Python functions.

    Attributes:
        recordable: whether a run can be recorded into a CUDA graph.
        errors: what it logs when it refuses a plan.
    loaded: the plans that were loaded, in order.
    """

    TensorIOMode = SimpleNamespace(INPUT="in", OUTPUT="out")

    class ILogger:
        ERROR = 1

        def log(self, severity: int, message: str) -> None: ...

    def __init__(self, cuda: FakeCudaRuntime, networks: dict[bytes, tuple[dict, dict, Network]]) -> None:
        self.recordable, self.errors = True, ["Error Code 6: magic tag does not match"]
        self.loaded: list[bytes] = []
        self._cuda, self._networks = cuda, networks

    def nptype(self, dtype: Any) -> Any:
        return dtype

    def Runtime(self, logger: Any) -> Any:  # noqa: N802
        def deserialize(plan: bytes) -> Any:
            if plan in self._networks:
                self.loaded.append(plan)
                return _FakeEngine(self, *self._networks[plan])
            for message in self.errors:
                logger.log(1, message)
            return None

        return SimpleNamespace(deserialize_cuda_engine=deserialize)

    @property
    def library(self) -> TensorRtLibrary:
        return TensorRtLibrary(self, "TensorRT 99.1")


class _FakeEngine:
    def __init__(self, trt: FakeTensorRt, inputs: dict, outputs: dict, network: Network) -> None:
        self.trt, self.inputs, self.network = trt, inputs, network
        self.tensors = inputs | outputs  # (shape without batch, dtype) by name
        self.num_io_tensors = len(self.tensors)

    def create_execution_context(self) -> _FakeContext:
        return _FakeContext(self)

    def get_tensor_name(self, i: int) -> str:
        return list(self.tensors)[i]

    def get_tensor_mode(self, name: str) -> str:
        return "in" if name in self.inputs else "out"

    def get_tensor_dtype(self, name: str) -> Any:
        return self.tensors[name][1]

    def get_tensor_shape(self, name: str) -> tuple[int, ...]:
        return (-1, *self.tensors[name][0])


class _FakeContext:
    def __init__(self, engine: _FakeEngine) -> None:
        self._engine = engine
        self._batch: dict[str, int] = {}
        self._addresses: dict[str, int] = {}

    def get_tensor_shape(self, name: str) -> tuple[int, ...]:
        batch = min(self._batch.values()) if len(self._batch) == len(self._engine.inputs) else -1
        return (batch, *self._engine.tensors[name][0])

    def set_input_shape(self, name: str, shape: tuple[int, ...]) -> bool:
        self._batch[name] = shape[0]
        return 1 <= shape[0] <= 8 and shape[1:] == self._engine.tensors[name][0]

    def set_tensor_address(self, name: str, address: int) -> bool:
        self._addresses[name] = address
        return True

    def execute_async_v3(self, stream: int) -> bool:
        trt = self._engine.trt
        if trt._cuda._recording is not None and not trt.recordable:
            return False
        trt._cuda.enqueue(self._run)
        return True

    def _run(self) -> None:
        views = {name: self._view(name) for name in self._engine.tensors}
        for name, value in self._engine.network({name: views[name] for name in self._engine.inputs}).items():
            views[name][...] = value

    def _view(self, name: str) -> NDArray:
        shape, dtype = self.get_tensor_shape(name), np.dtype(self._engine.tensors[name][1])
        size = int(np.prod(shape)) * dtype.itemsize
        memory = (ctypes.c_uint8 * size).from_address(self._addresses[name])
        return np.ctypeslib.as_array(memory).view(dtype).reshape(shape)

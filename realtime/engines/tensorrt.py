"""The engine for NVIDIA GPUs: TensorRT."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facemodel import FaceModel, LimelightError
from realtime.engines.cuda import Cuda, CudaStream
from realtime.engines.plan_file import FINDING, FOLLOWING, PlanFile, PlanHeader
from realtime.engines.tensorrt_library import NO_GPU, NO_MEMORY, TensorRtLibrary, TensorRtLog

_log = logging.getLogger(__name__)

_POSE = 9


class TensorRtEngine:
    """Runs a network that TensorRT built for this machine's GPU; see `Engine`.

    All memory is taken once: pinned on the host, and on the GPU. A frame is one launch of a CUDA graph that copies the
    crop to the GPU, runs the network and copies the result back, on one stream.

    Args:
        plan: the network as TensorRT built it, or its file; `export.tensorrt` makes both.
        model: the face model in use; the network must have been trained for it.
        library: TensorRT; the one that is installed if None.
        cuda: CUDA on the GPU; a new one if None.

    Raises:
        LimelightError: TensorRT or a GPU is missing, the file is missing or damaged, was built for another GPU or
            version of TensorRT or face model, or the GPU has no memory left.
    """

    def __init__(
        self,
        plan: PlanFile | str | Path,
        model: FaceModel,
        library: TensorRtLibrary | None = None,
        cuda: Cuda | None = None,
    ) -> None:
        title = f"plan of {plan.header.network}" if isinstance(plan, PlanFile) else f"plan {plan}"
        plan = plan if isinstance(plan, PlanFile) else PlanFile.read(Path(plan))
        check_model(title, plan.header, model)
        library = library or TensorRtLibrary.load()
        cuda = cuda or Cuda()
        _check_machine(title, plan.header, library, cuda)
        key = plan.header.key
        self.name = f"{plan.header.network} ({library.version} {key.precision}, {key.gpu})"
        self.resolution = plan.header.resolution
        self.model_digest = plan.header.model_digest
        self.follows = FOLLOWING in plan.plans
        stream = cuda.stream()
        self._finding = PlanRunner(title, plan.plans[FINDING], 1, library, cuda, stream)
        self._following = self._finding
        if self.follows:
            self._following = PlanRunner(title, plan.plans[FOLLOWING], 1, library, cuda, stream)
        self._shape = (self.resolution, self.resolution, 3)
        _check_interface(title, self._finding, plan.header, ["crop"])
        if self.follows:
            _check_interface(title, self._following, plan.header, ["crop", "pose"])

    def infer(
        self, crop: NDArray[np.uint8], pose: NDArray[np.float32] | None = None
    ) -> tuple[NDArray[np.float32], float]:
        """Parameters (P,) and confidence of a crop (R, R, 3) uint8 RGB, in which a pose (9,) may be about known; the
        array is reused by a later call.

        Raises:
            ValueError: the crop has another shape or type.
            LimelightError: the GPU failed.
        """
        if crop.shape != self._shape or crop.dtype != np.uint8:
            raise ValueError(f"crop: expected {self._shape} uint8, got {crop.shape} {crop.dtype}")
        runner = self._finding
        if pose is not None and self.follows:
            runner = self._following
            runner.inputs["pose"][0] = pose
        runner.inputs["crop"][0] = crop
        runner.run()
        return runner.outputs["parameters"][0], float(runner.outputs["confidence"][0, 0])


class PlanRefusedError(LimelightError):
    """TensorRT does not take a plan, although it was built for this GPU and version: build it again."""


class PlanRunner:
    """One plan with its memory, for one number of crops at a time.

    Attributes:
        inputs: arrays to fill before a run, by name; the first dimension is the batch.
        outputs: arrays that a run fills.
        recorded: whether a run is one launch of a CUDA graph.

    Args:
        title: of the plan, for messages.
        plan: what TensorRT built.
        batch: crops in a run.
        library: TensorRT.
        cuda: CUDA on the GPU.
        stream: to run on; a new one if None.

    Raises:
        PlanRefusedError: TensorRT refuses the plan.
        LimelightError: the plan was not built for the batch, or the GPU has no memory left.
    """

    def __init__(
        self,
        title: str,
        plan: bytes,
        batch: int,
        library: TensorRtLibrary,
        cuda: Cuda,
        stream: CudaStream | None = None,
    ) -> None:
        trt = library.module
        self._title = title
        self._log = TensorRtLog(library)
        try:
            self._runtime = trt.Runtime(self._log.logger)
        except Exception as error:  # pybind11's errors have no common base of their own
            raise LimelightError(f"{title}: TensorRT cannot run here ({self._log.problem()})") from error
        self._engine = self._runtime.deserialize_cuda_engine(plan)
        if self._engine is None:
            problem = self._log.problem()
            kind = LimelightError if problem in (NO_GPU, NO_MEMORY) else PlanRefusedError
            raise kind(f"{title}: TensorRT refuses it ({problem})")
        self._context = self._engine.create_execution_context()
        if self._context is None:
            raise LimelightError(f"{title}: cannot be prepared ({self._log.problem()})")
        self._stream = stream or cuda.stream()
        self.inputs: dict[str, NDArray] = {}
        self.outputs: dict[str, NDArray] = {}
        names = [self._engine.get_tensor_name(i) for i in range(self._engine.num_io_tensors)]
        given = [name for name in names if self._engine.get_tensor_mode(name) == trt.TensorIOMode.INPUT]
        for name in given:
            shape = (batch, *tuple(self._engine.get_tensor_shape(name))[1:])
            if not self._context.set_input_shape(name, shape):
                raise LimelightError(f"{title}: not built for {batch} crops at a time ({self._log.problem()})")
        self._memory = {}
        for name in [*given, *(name for name in names if name not in given)]:
            shape = tuple(self._context.get_tensor_shape(name))
            dtype = trt.nptype(self._engine.get_tensor_dtype(name))
            self._memory[name] = cuda.device_memory(shape, dtype)
            self._context.set_tensor_address(name, self._memory[name].address)
            (self.inputs if name in given else self.outputs)[name] = cuda.pinned(shape, dtype)
        self._queue: Callable[[], None] = self._one_by_one
        self.run()  # what TensorRT sets up with the first run cannot be recorded
        self.recorded = False
        try:
            self._queue = self._stream.recorded(self._one_by_one)
            self.recorded = True
        except LimelightError as error:
            _log.warning("%s: runs without a CUDA graph (%s)", title, error)

    def run(self) -> None:
        """From `inputs` to `outputs`; returns when they are there.

        Raises:
            LimelightError: the GPU failed.
        """
        self._queue()
        self._stream.wait()

    def _one_by_one(self) -> None:
        for name, array in self.inputs.items():
            self._stream.upload(array, self._memory[name])
        if not self._context.execute_async_v3(self._stream.handle):
            raise LimelightError(f"{self._title}: the GPU could not run it ({self._log.problem()})")
        for name, array in self.outputs.items():
            self._stream.download(self._memory[name], array)


def check_model(title: str, header: PlanHeader, model: FaceModel) -> None:
    """
    Raises:
        LimelightError: the network was trained for another face model.
    """
    if header.model_digest != model.digest:
        raise LimelightError(
            f"{title}: trained for face model '{header.model_name}' ({header.model_digest}), "
            f"but '{model.name}' ({model.digest}) is loaded; use the network made for it"
        )
    if header.n_parameters != model.layout.size:
        raise LimelightError(f"{title}: gives {header.n_parameters} parameters, the face model has {model.layout.size}")


def _check_machine(title: str, header: PlanHeader, library: TensorRtLibrary, cuda: Cuda) -> None:
    mismatch = replace(header.key, gpu=cuda.gpu(), tensorrt=library.version).mismatch(header.key)
    if mismatch:
        raise LimelightError(f"{title}: {mismatch}; 'limelight export --to tensorrt' builds it again")


def _check_interface(title: str, runner: PlanRunner, header: PlanHeader, inputs: list[str]) -> None:
    """Whether the plans are what the header says: it is read before there is a GPU to ask."""
    if sorted(runner.inputs) != inputs or set(runner.outputs) != {"parameters", "confidence"}:
        raise LimelightError(f"{title}: not a Limelight network; 'limelight export --to tensorrt' builds them")
    side = header.resolution
    expected = {
        "crop": (1, side, side, 3),
        "pose": (1, _POSE),
        "parameters": (1, header.n_parameters),
        "confidence": (1, 1),
    }
    for name, array in {**runner.inputs, **runner.outputs}.items():
        if array.shape != expected[name]:
            raise LimelightError(
                f"{title}: its {name} is {array.shape}; 'limelight export --to tensorrt' builds it again"
            )

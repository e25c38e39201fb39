"""The engine for NVIDIA GPUs: TensorRT."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facemodel import FaceModel, LimelightError
from realtime.engines.base import POSE_SIZE, check_batch
from realtime.engines.cuda import Cuda, CudaStream, open_cuda
from realtime.engines.plan_file import FINDING, FOLLOWING, PlanFile, PlanHeader
from realtime.engines.tensorrt_library import NO_GPU, NO_MEMORY, TensorRtLibrary, TensorRtLog

_log = logging.getLogger(__name__)


class TensorRtEngine:
    """Runs a network that TensorRT built for this machine's GPU; see `Engine`.

    Memory is taken once for each number of crops: pinned on the host, and on the GPU. A frame is one launch of a CUDA
    graph that copies the crops to the GPU, runs the network and copies the results back, on one stream.

    Args:
        plan: the network as TensorRT built it, or its file; `export.tensorrt` makes both.
        model: the face model in use; the network must have been trained for it.
        library: TensorRT; the one that is installed if None.
        cuda: CUDA on the GPU; what is installed if None.

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
        cuda = cuda or open_cuda()
        _check_machine(title, plan.header, library, cuda)
        key = plan.header.key
        self.name = f"{plan.header.network} ({library.version} {key.precision}, {key.gpu})"
        self.resolution = plan.header.resolution
        self.model_digest = plan.header.model_digest
        self.follows = FOLLOWING in plan.plans
        self._cuda, self._stream = cuda, cuda.stream()
        self._plans = {way: LoadedPlan(title, data, library) for way, data in plan.plans.items()}
        self._runners: dict[tuple[str, int], PlanRunner] = {}
        for way in self._plans:
            expected = ["crop", "pose"] if way == FOLLOWING else ["crop"]
            _check_interface(title, self._runner(way, 1), plan.header, expected)

    def infer(
        self, crops: NDArray[np.uint8], poses: NDArray[np.float32] | None = None
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return parameters (N, P) and confidences (N,) of crops (N, R, R, 3) uint8 RGB; see `Engine`.

        Raises:
            ValueError: the crops or poses have another shape or type.
            LimelightError: the GPU failed.
        """
        check_batch(crops, poses, self.resolution)
        following = poses is not None and self.follows
        runner = self._runner(FOLLOWING if following else FINDING, len(crops))
        if following:
            runner.inputs["pose"][...] = poses
        runner.inputs["crop"][...] = crops
        runner.run()
        return runner.outputs["parameters"], runner.outputs["confidence"][:, 0]

    def _runner(self, way: str, batch: int) -> PlanRunner:
        """Return the runner for so many crops at a time, made with its first use."""
        runner = self._runners.get((way, batch))
        if runner is None:
            runner = self._runners[way, batch] = PlanRunner(self._plans[way], batch, self._cuda, self._stream)
        return runner


class PlanRefusedError(LimelightError):
    """TensorRT does not take a plan, although it was built for this GPU and version: build it again."""


class LoadedPlan:
    """One plan with its weights on the GPU, which all its runners share.

    Attributes:
        title: of the plan, for messages.
        engine: TensorRT's, deserialised.
        library: TensorRT.
        log: what TensorRT says.

    Args:
        title: of the plan, for messages.
        plan: what TensorRT built.
        library: TensorRT.

    Raises:
        PlanRefusedError: TensorRT refuses the plan.
        LimelightError: there is no usable GPU, or it has no memory left.
    """

    def __init__(self, title: str, plan: bytes, library: TensorRtLibrary) -> None:
        self.title, self.library = title, library
        self.log = TensorRtLog(library)
        try:
            self._runtime = library.module.Runtime(self.log.logger)
        except Exception as error:  # pybind11's errors have no common base of their own
            raise LimelightError(f"{title}: TensorRT cannot run here ({self.log.problem()})") from error
        self.engine = self._runtime.deserialize_cuda_engine(plan)
        if self.engine is None:
            problem = self.log.problem()
            kind = LimelightError if problem in (NO_GPU, NO_MEMORY) else PlanRefusedError
            raise kind(f"{title}: TensorRT refuses it ({problem})")


class PlanRunner:
    """A plan with the memory for one number of crops at a time.

    Each has an execution context of its own, as TensorRT wants it for each recorded CUDA graph.

    Attributes:
        inputs: arrays to fill before a run, by name; the first dimension is the batch.
        outputs: arrays that a run fills.
        recorded: whether a run is one launch of a CUDA graph.

    Args:
        plan: what to run.
        batch: crops in a run.
        cuda: CUDA on the GPU.
        stream: to run on; a new one if None.

    Raises:
        LimelightError: the plan was not built for the batch, or the GPU has no memory left.
    """

    def __init__(self, plan: LoadedPlan, batch: int, cuda: Cuda, stream: CudaStream | None = None) -> None:
        trt, engine, title = plan.library.module, plan.engine, plan.title
        self._plan = plan
        self._context = engine.create_execution_context()
        if self._context is None:
            raise LimelightError(f"{title}: cannot be prepared ({plan.log.problem()})")
        self._stream = stream or cuda.stream()
        self.inputs: dict[str, NDArray] = {}
        self.outputs: dict[str, NDArray] = {}
        names = [engine.get_tensor_name(i) for i in range(engine.num_io_tensors)]
        given = [name for name in names if engine.get_tensor_mode(name) == trt.TensorIOMode.INPUT]
        for name in given:
            shape = (batch, *tuple(engine.get_tensor_shape(name))[1:])
            if not self._context.set_input_shape(name, shape):
                raise LimelightError(f"{title}: not built for {batch} crops at a time ({plan.log.problem()})")
        self._memory = {}
        for name in [*given, *(name for name in names if name not in given)]:
            shape = tuple(self._context.get_tensor_shape(name))
            dtype = trt.nptype(engine.get_tensor_dtype(name))
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
            _log.info("%s: runs without a CUDA graph (%s)", title, error)

    def run(self) -> None:
        """Run from `inputs` to `outputs`; returns when they are there.

        Raises:
            LimelightError: the GPU failed.
        """
        self._queue()
        self._stream.wait()

    def _one_by_one(self) -> None:
        for name, array in self.inputs.items():
            self._stream.upload(array, self._memory[name])
        if not self._context.execute_async_v3(self._stream.handle):
            raise LimelightError(f"{self._plan.title}: the GPU could not run it ({self._plan.log.problem()})")
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
        "pose": (1, POSE_SIZE),
        "parameters": (1, header.n_parameters),
        "confidence": (1, 1),
    }
    for name, array in {**runner.inputs, **runner.outputs}.items():
        if array.shape != expected[name]:
            raise LimelightError(
                f"{title}: its {name} is {array.shape}; 'limelight export --to tensorrt' builds it again"
            )

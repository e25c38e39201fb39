"""From a network file to TensorRT plans for this machine's GPU, and the folder that keeps them."""

from __future__ import annotations

import hashlib
import logging
import re
import signal
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import platformdirs
from google.protobuf.message import DecodeError
from numpy.typing import NDArray
from tqdm import tqdm

from export.following import specialised
from export.parity import parity
from export.tensorrt_graph import for_tensorrt, quantised
from facemodel import FaceModel, LimelightError
from facemodel.whole_files import whole_file
from realtime.engines.base import MAX_FACES
from realtime.engines.cuda import Cuda, open_cuda
from realtime.engines.onnxruntime import OnnxRuntimeEngine
from realtime.engines.plan_file import FINDING, FOLLOWING, PlanFile, PlanHeader, PlanKey
from realtime.engines.tensorrt import PlanRefusedError, TensorRtEngine, check_model
from realtime.engines.tensorrt_library import TensorRtLibrary, TensorRtLog

_log = logging.getLogger(__name__)

PRECISIONS = ("fp32", "fp16", "int8")


def open_tensorrt(
    network: Path,
    model: FaceModel,
    precision: str | None = None,
    folder: Path | None = None,
    library: TensorRtLibrary | None = None,
    cuda: Cuda | None = None,
) -> TensorRtEngine:
    """The TensorRT engine for a network file: built for this GPU with the first use, which takes up to minutes, and
    kept for the next.

    Args:
        network: a file that `limelight export` wrote.
        model: the face model in use.
        precision: one of PRECISIONS; "int8" for a network with 8-bit arithmetic and "fp16" for others if None.
        folder: of kept plans; the user's cache if None.
        library: TensorRT; the one that is installed if None.
        cuda: CUDA on the GPU; what is installed if None.

    Raises:
        LimelightError: TensorRT or a GPU is missing, the network cannot be used or built, or no memory is left.
    """
    library = library or TensorRtLibrary.load()
    cuda = cuda or open_cuda()
    return open_kept(PlanCache(cuda.gpu(), library, folder), network, model, precision, cuda)[0]


def open_kept(
    cache: PlanCache, network: Path, model: FaceModel, precision: str | None, cuda: Cuda
) -> tuple[TensorRtEngine, PlanFile]:
    """An engine and its plan out of a cache, which builds what is not there and, once, what TensorRT refuses; see
    `open_tensorrt`."""
    plan = cache.plan(network, precision, model)
    try:
        return TensorRtEngine(plan, model, cache.library, cuda), plan
    except PlanRefusedError as error:
        _log.warning("%s; building it again", error)
    plan = cache.plan(network, precision, model, again=True)
    return TensorRtEngine(plan, model, cache.library, cuda), plan


def export_tensorrt(
    network: Path,
    path: Path,
    model: FaceModel,
    crops: NDArray[np.uint8],
    precision: str | None = None,
    library: TensorRtLibrary | None = None,
    cuda: Cuda | None = None,
) -> PlanFile:
    """Build a network file for this machine's GPU, compare it with ONNX Runtime, and write it as one file, which
    `TensorRtEngine` opens.

    Args:
        network: a file that `limelight export` wrote.
        path: where to; written only when every check has passed.
        model: the face model that the network was trained for.
        crops: (N, R, R, 3) uint8 RGB to compare on, N >= 1.
        precision: as of `open_tensorrt`.
        library: TensorRT; the one that is installed if None.
        cuda: CUDA on the GPU; what is installed if None.

    Raises:
        LimelightError: TensorRT or a GPU is missing, the network cannot be used or built, differs from ONNX Runtime
            by more than its precision explains, or the file cannot be written.
        KeyboardInterrupt: interrupted; nothing is written.
    """
    library = library or TensorRtLibrary.load()
    cuda = cuda or open_cuda()
    reference = OnnxRuntimeEngine(network, model)
    plan = PlanCache(cuda.gpu(), library).build(network, precision)
    engine = TensorRtEngine(plan, model, library, cuda)
    for following in (False, True) if engine.follows else (False,):
        problem = parity(model, reference, engine, crops, following).problem(plan.header.key.precision)
        if problem:
            raise LimelightError(f"export to {path}: {problem}, compared with ONNX Runtime")
    plan.write(path)
    return plan


class PlanCache:
    """A folder of plan files, one for each network, precision, GPU and version of TensorRT.

    Plans of this GPU that a newer network or TensorRT has outdated are deleted; those of other GPUs stay.

    Args:
        gpu: name of this machine's GPU, see `Cuda.gpu`.
        library: TensorRT.
        folder: the user's cache if None.
    """

    def __init__(self, gpu: str, library: TensorRtLibrary, folder: Path | None = None) -> None:
        self._gpu, self.library = gpu, library
        self.folder = folder or platformdirs.user_cache_path("limelight") / "tensorrt"

    def plan(
        self, network: Path, precision: str | None = None, model: FaceModel | None = None, again: bool = False
    ) -> PlanFile:
        """The plan of a network file; built where there is none that fits, and why is said.

        Args:
            network: a file that `limelight export` wrote.
            precision: as of `open_tensorrt`.
            model: refuse the network of another face model before minutes are spent on it; any will do if None.
            again: build it even where there is one.

        Raises:
            LimelightError: the network cannot be used or built.
            KeyboardInterrupt: interrupted; nothing is written.
        """
        source = _Source(network, precision)
        key = PlanKey(source.digest, source.precision, self._gpu, self.library.version)
        if model is not None:
            check_model(f"network {network}", source.header(key), model)
        path = self.path(network, key)
        if not again and path.is_file():
            problem = ""
            try:
                plan = PlanFile.read(path)
                problem = key.mismatch(plan.header.key)
            except LimelightError as error:
                problem = str(error)
            if not problem:
                return plan
            _log.warning("plan of %s: %s; building it again", network.name, problem)
        self._drop_outdated(network, key, path)
        plan = self._build(source, key, self.folder / f"timing-{_short(self._gpu + self.library.version)}.cache")
        try:
            plan.write(path)
        except LimelightError as error:
            _log.warning("%s; it will be built again next time", error)
        return plan

    def build(self, network: Path, precision: str | None = None, timing_cache: Path | None = None) -> PlanFile:
        """Build the plan of a network file, whatever is kept.

        Raises:
            LimelightError: the network cannot be used or built.
            KeyboardInterrupt: interrupted.
        """
        source = _Source(network, precision)
        key = PlanKey(source.digest, source.precision, self._gpu, self.library.version)
        return self._build(source, key, timing_cache)

    def path(self, network: Path, key: PlanKey) -> Path:
        """Where the plan for a key is kept."""
        everything = "\n".join([key.network_digest, key.gpu, key.tensorrt])
        return self.folder / f"{network.stem}-{key.precision}-{_short(everything)}.plan"

    def _drop_outdated(self, network: Path, key: PlanKey, wanted: Path) -> None:
        """Delete this GPU's plans that are of no use any more, and say why there was none."""
        reasons = []
        pattern = re.compile(re.escape(f"{network.stem}-{key.precision}-") + r"[0-9a-f]{16}\.plan")
        try:
            names = [path.name for path in self.folder.iterdir()]
        except OSError:  # absent, or not ours to read
            return
        for other in [self.folder / name for name in names if pattern.fullmatch(name) and name != wanted.name]:
            try:
                built = PlanFile.read_header(other).key
            except LimelightError:
                built = None
            if built is not None:
                reasons.append(key.mismatch(built))
            if built is None or built.gpu == key.gpu:
                with suppress(OSError):
                    other.unlink()
        if reasons and not wanted.is_file():
            _log.warning("plan of %s: the one kept was %s; building it again", network.name, reasons[0])

    def _build(self, source: _Source, key: PlanKey, timing_cache: Path | None) -> PlanFile:
        ways = {FINDING: specialised(source.model, known=False)}
        if source.follows:
            ways[FOLLOWING] = specialised(source.model, known=True)
        plans = {}
        for number, (way, graph) in enumerate(ways.items(), 1):
            title = f"TensorRT {source.path.stem} {key.precision} {number}/{len(ways)}"
            data = for_tensorrt(graph, key.precision).SerializeToString()
            plans[way] = build_plan(f"network {source.path}", title, data, key.precision, self.library, timing_cache)
        return PlanFile(source.header(key), plans)


class _Source:
    """A network file and what it says of itself."""

    def __init__(self, path: Path, precision: str | None) -> None:
        self.path = path
        try:
            data = path.read_bytes()
            self.model = onnx.load_from_string(data)
        except FileNotFoundError as error:
            raise LimelightError(f"network {path}: no such file; 'limelight export' writes one") from error
        except OSError as error:
            raise LimelightError(f"network {path}: cannot be read ({error.strerror})") from error
        except DecodeError as error:
            raise LimelightError(f"network {path}: corrupt, truncated or not an ONNX file") from error
        self.digest = hashlib.sha256(data).hexdigest()
        self._metadata = {prop.key: prop.value for prop in self.model.metadata_props}
        graph = self.model.graph
        inputs, outputs = ([value.name for value in values] for values in (graph.input, graph.output))
        described = {"model_digest", "model_name"} <= self._metadata.keys()
        described = described and self._metadata.get("resolution", "").isdecimal()
        described = described and all(len(value.type.tensor_type.shape.dim) == 2 for value in graph.output)
        if inputs[:1] != ["crop"] or outputs != ["parameters", "confidence"] or not described:
            raise LimelightError(f"network {path}: not a Limelight network; 'limelight export' writes them")
        self.follows = "known" in inputs
        self.precision = _precision(path, quantised(self.model), precision)

    def header(self, key: PlanKey) -> PlanHeader:
        return PlanHeader(
            key,
            self.path.stem,
            self._metadata["model_digest"],
            self._metadata["model_name"],
            int(self._metadata["resolution"]),
            self.model.graph.output[0].type.tensor_type.shape.dim[1].dim_value,
            MAX_FACES,
        )


def _precision(path: Path, in_8_bits: bool, wanted: str | None) -> str:
    if wanted is None:
        return "int8" if in_8_bits else "fp16"
    if wanted not in PRECISIONS:
        raise LimelightError(f"precision '{wanted}': unknown; one of {', '.join(PRECISIONS)}")
    if in_8_bits and wanted != "int8":
        raise LimelightError(f"network {path}: computes in 8 bits, not {wanted}; use the one that does not")
    if wanted == "int8" and not in_8_bits:
        raise LimelightError(f"network {path}: does not compute in 8 bits; 'limelight export --to int8' writes one")
    return wanted


def build_plan(
    subject: str, title: str, graph: bytes, precision: str, library: TensorRtLibrary, timing_cache: Path | None = None
) -> bytes:
    """Let TensorRT build one graph, for 1 to MAX_FACES crops, with a bar that shows how far it is.

    Args:
        subject: what messages are about.
        title: of the bar.
        graph: of `for_tensorrt`, serialised.
        precision: one of PRECISIONS.
        library: TensorRT.
        timing_cache: file of TensorRT's measurements, read and written; one that does not fit is begun anew.

    Raises:
        LimelightError: TensorRT cannot read or build it, or there is no GPU or no memory left.
        KeyboardInterrupt: interrupted.
    """
    trt, log = library.module, TensorRtLog(library)
    try:
        builder = trt.Builder(log.logger)
    except Exception as error:  # pybind11's errors have no common base of their own
        raise LimelightError(f"{subject}: TensorRT cannot build here ({log.problem()})") from error
    network = builder.create_network(1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
    parser = trt.OnnxParser(network, log.logger)
    if not parser.parse(graph):
        node = parser.get_error(0).node_name() if parser.num_errors else ""
        raise LimelightError(f"{subject}: TensorRT cannot read {node or 'the graph'} ({log.problem()})")
    config = builder.create_builder_config()
    if precision == "fp32":
        config.clear_flag(trt.BuilderFlag.TF32)
    profile = builder.create_optimization_profile()
    for i in range(network.num_inputs):
        tensor = network.get_input(i)
        rest = tuple(tensor.shape)[1:]
        profile.set_shape(tensor.name, (1, *rest), (1, *rest), (MAX_FACES, *rest))
    config.add_optimization_profile(profile)
    with _timings(config, timing_cache, log), _Progress(trt, title) as progress:
        config.progress_monitor = progress.monitor
        plan = builder.build_serialized_network(network, config)
    if progress.interrupted:
        raise KeyboardInterrupt
    if plan is None:
        raise LimelightError(f"{subject}: TensorRT cannot build it ({log.problem()})")
    return bytes(memoryview(plan))


@contextmanager
def _timings(config: Any, path: Path | None, log: TensorRtLog) -> Iterator[None]:
    """Read TensorRT's timing cache before a build and write it after; a build goes on without it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # TensorRT-RTX measures nothing, and says so
        data = b""
        if path is not None:
            try:
                data = path.read_bytes() if path.is_file() else b""
            except OSError as error:
                _log.warning("timing cache %s: cannot be read (%s)", path, error.strerror)
        log.complained()  # what came before is not about the cache
        cache = config.create_timing_cache(data)
        accepted = cache is not None and config.set_timing_cache(cache, False)
        if data and (not accepted or log.complained()):
            _log.warning("timing cache %s: of another GPU or damaged; begun anew", path)
        if not accepted:
            config.set_timing_cache(config.create_timing_cache(b""), False)
        yield
        if path is None:
            return
        try:
            with whole_file(path, f"timing cache {path}", shared=True) as partial:
                partial.write_bytes(memoryview(config.get_timing_cache().serialize()))
        except LimelightError as error:
            _log.warning("%s", error)


class _Progress:
    """A bar over the steps that TensorRT reports; Ctrl-C stops the build at the next of them.

    Attributes:
        monitor: to give to TensorRT.
        interrupted: whether Ctrl-C was pressed.
    """

    def __init__(self, trt: Any, title: str) -> None:
        self.interrupted = False
        self._bar = tqdm(total=0, desc=title, unit="step", disable=None, leave=False)
        self._lock = threading.Lock()
        self._left: dict[str, int] = {}
        outer = self

        class Monitor(trt.IProgressMonitor):
            def __init__(self) -> None:
                trt.IProgressMonitor.__init__(self)

            def phase_start(self, name: str, _parent: str | None, steps: int) -> None:
                outer._begin(name, steps)

            def step_complete(self, name: str, _step: int) -> bool:
                outer._advance(name)
                return not outer.interrupted

            def phase_finish(self, name: str) -> None:
                outer._end(name)

        self.monitor = Monitor()

    def __enter__(self) -> _Progress:
        # An exception must not pass through TensorRT, so Ctrl-C only leaves a note while it builds.
        self._in_main = threading.current_thread() is threading.main_thread()
        if self._in_main:
            self._before = signal.signal(signal.SIGINT, self._interrupt)
        return self

    def __exit__(self, *error: object) -> None:
        if self._in_main:
            signal.signal(signal.SIGINT, self._before)
        self._bar.close()

    def _interrupt(self, _number: int, _frame: object) -> None:
        self.interrupted = True

    def _begin(self, name: str, steps: int) -> None:
        with self._lock:
            self._left[name] = self._left.get(name, 0) + steps
            self._bar.total += steps
            self._bar.set_postfix_str(name)

    def _advance(self, name: str) -> None:
        with self._lock:
            if self._left.get(name, 0) > 0:
                self._left[name] -= 1
                self._bar.update()

    def _end(self, name: str) -> None:
        with self._lock:
            self._bar.update(self._left.pop(name, 0))


def _short(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]

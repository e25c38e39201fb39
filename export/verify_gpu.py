"""All that only a machine with a GPU can tell of the TensorRT engine and of drawing, in one command:

    python -m export.verify_gpu [NETWORK ...] [--seconds 1800] [--json FILE]
    python -m export.verify_gpu --drawing [--json FILE]

For each network and precision, which takes an NVIDIA GPU: parity with ONNX Runtime, group by group and as landmark
shift in pixels; a table of latencies for each number of crops; a soak that watches latency and memory. Then, or alone
with `--drawing`, on the OpenGL of any GPU: what the composer's pictures cost. The exit status is 1 if something fails.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from benchmark.memory import resident_mb
from export.crops import performer_crops
from export.drawing_times import drawing_times, hardware_context, print_drawings
from export.parity import Parity, parity
from export.tensorrt import PlanCache, open_kept
from facemodel import FaceModel, LimelightError
from facemodel.whole_files import write_text
from realtime.engines import network_file
from realtime.engines.base import MAX_FACES, Engine
from realtime.engines.cuda import Cuda, open_cuda
from realtime.engines.plan_file import FINDING, FOLLOWING
from realtime.engines.tensorrt import LoadedPlan, PlanRunner
from realtime.engines.tensorrt_library import TensorRtLibrary

MEMORY_GROWTH = 20_000_000
"""Bytes by which memory may grow in a soak, on the host and on the GPU."""

LATENCY_GROWTH = 2.0
"""Factor by which the 95th percentile of latency may grow in a soak."""


@dataclass(frozen=True)
class Latency:
    """Milliseconds from crops in the host's memory to parameters there.

    Attributes:
        way: "finding" or "following".
        batch: crops in a run.
        recorded: whether a run was one launch of a CUDA graph.
    """

    way: str
    batch: int
    p50: float
    p95: float
    p99: float
    recorded: bool


@dataclass(frozen=True)
class Soak:
    """A long run at full speed.

    Attributes:
        frames: how many.
        early_p95: ms, of the first tenth.
        late_p95: ms, of the last tenth.
        host_growth: bytes, of resident memory between the ends of the first tenth and of the run.
        gpu_growth: bytes, likewise.
    """

    frames: int
    early_p95: float
    late_p95: float
    host_growth: int
    gpu_growth: int

    def problem(self) -> str:
        """What is not as it must be; empty if nothing is."""
        for place, growth in (("host", self.host_growth), ("GPU", self.gpu_growth)):
            if growth >= MEMORY_GROWTH:
                return f"memory on the {place} grew by {growth / 1e6:.0f} MB (less than {MEMORY_GROWTH / 1e6:.0f} MB)"
        if self.late_p95 > LATENCY_GROWTH * self.early_p95:
            return f"p95 latency grew from {self.early_p95:.2f} to {self.late_p95:.2f} ms"
        return ""


def latencies(runner: PlanRunner, way: str, runs: int = 1000, warm_up: int = 100) -> Latency:
    """Time a plan on random crops."""
    random = np.random.default_rng(0)
    crops = runner.inputs["crop"]
    crops[...] = random.integers(0, 256, crops.shape, dtype=np.uint8)
    for _ in range(warm_up):
        runner.run()
    times = np.array([_timed(runner.run) for _ in range(runs)])
    p50, p95, p99 = (float(value) for value in np.percentile(times, [50, 95, 99]))
    return Latency(way, len(crops), p50, p95, p99, runner.recorded)


def soak(engine: Engine, crops: NDArray[np.uint8], seconds: float, gpu_memory: Callable[[], int]) -> Soak:
    """Run an engine for a time, following where it can.

    Args:
        engine: to run.
        crops: (N, R, R, 3) uint8 RGB, taken in turn.
        seconds: how long.
        gpu_memory: bytes in use on the GPU.
    """
    pose = np.array([[1, 0, 0, 0, 1, 0, 112, 112, 1]], np.float32)
    times = _Times()
    start = perf_counter()
    at_tenth: tuple[int, int, int] | None = None
    with tqdm(total=seconds, desc="soak", unit="s", leave=False, disable=None) as progress:
        while (now := perf_counter() - start) < seconds or at_tenth is None:
            i = times.count % len(crops)
            begun = perf_counter()
            engine.infer(crops[i : i + 1], pose if times.count % 10 else None)
            times.add(now / seconds, 1000.0 * (perf_counter() - begun))
            if at_tenth is None and now >= 0.1 * seconds:
                at_tenth = times.count, _resident(), gpu_memory()
            progress.update(min(now, seconds) - progress.n)
    assert at_tenth is not None
    growth = _resident() - at_tenth[1], gpu_memory() - at_tenth[2]
    return Soak(times.count, times.p95(0), times.p95(9), *growth)


class _Times:
    """Milliseconds of many frames in memory that does not grow: a histogram for each tenth of the run."""

    _EDGES = np.geomspace(0.01, 10_000.0, 2000)

    def __init__(self) -> None:
        self.count = 0
        self._counts = np.zeros((10, len(self._EDGES) + 1), np.int64)

    def add(self, part: float, milliseconds: float) -> None:
        self._counts[min(9, int(10 * part)), int(np.searchsorted(self._EDGES, milliseconds))] += 1
        self.count += 1

    def p95(self, tenth: int) -> float:
        counts = self._counts[tenth]
        if not counts.any():
            counts = self._counts.sum(axis=0)
        place = int(np.searchsorted(np.cumsum(counts), 0.95 * counts.sum()))
        return float(self._EDGES[min(place, len(self._EDGES) - 1)])


def main(arguments: Sequence[str] | None = None) -> int:
    """Verify; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m export.verify_gpu", description="verify the TensorRT engine, time drawing"
    )
    parser.add_argument("networks", nargs="*", default=["student"], help="names or files (default: student)")
    parser.add_argument("--crops", type=int, default=200, metavar="N", help="to compare on (default: 200)")
    parser.add_argument("--seconds", type=float, default=60.0, metavar="S", help="of each soak (default: 60)")
    parser.add_argument("--drawing", action="store_true", help="time drawing alone, which needs no TensorRT")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures here too")
    args = parser.parse_args(arguments)
    if args.crops < 1 or not 0.0 < args.seconds < np.inf:
        parser.error("--crops must be at least 1, --seconds above 0")
    try:
        if args.drawing:
            _write(args.json, [_drawing()])
            return 0
        library, cuda = TensorRtLibrary.load(), open_cuda()
        print(f"{library.version} on {cuda.gpu()}, through {cuda.package}")
        networks = [network_file(name) for name in args.networks]  # a wrong name is told before minutes are spent
        results: list[dict] = []
        _write(args.json, results)
        for network in networks:
            results += _verify(network, args, library, cuda)
            _write(args.json, results)
        try:
            results.append(_drawing())
        except LimelightError as error:  # a machine without a screen: the engine is verified all the same
            print(f"verify_gpu: drawing is not timed: {error}", file=sys.stderr)
        _write(args.json, results)
    except LimelightError as error:
        print(f"verify_gpu: error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("verify_gpu: interrupted", file=sys.stderr)
        return 130
    problems = [problem for result in results for problem in result["problems"]]
    for problem in problems:
        print(f"verify_gpu: failed: {problem}", file=sys.stderr)
    return int(bool(problems))


def _write(path: Path | None, results: list[dict]) -> None:
    """The figures so far.

    Raises:
        LimelightError: the file cannot be written.
    """
    if path is not None:
        write_text(path, json.dumps(results, indent=2) + "\n")


def _verify(network: Path, args: argparse.Namespace, library: TensorRtLibrary, cuda: Cuda) -> list[dict]:
    """Figures of one network, for each precision that its file has."""
    import onnx

    from export.tensorrt_graph import quantised
    from realtime.engines.onnxruntime import OnnxRuntimeEngine

    model = FaceModel.load()
    reference = OnnxRuntimeEngine(network, model, threads=os.cpu_count() or 1)
    crops = performer_crops(model, reference.resolution, args.crops)
    precisions = ["int8"] if quantised(onnx.load(network)) else ["fp32", "fp16"]
    cache = PlanCache(cuda.gpu(), library)
    results = []
    for precision in precisions:
        engine, plan = open_kept(cache, network, model, precision, cuda)
        ways = [FINDING, FOLLOWING] if engine.follows else [FINDING]
        compared = {way: parity(model, reference, engine, crops, way == FOLLOWING) for way in ways}
        loaded = {way: LoadedPlan(f"plan of {network.stem}", plan.plans[way], library) for way in ways}
        table = [latencies(PlanRunner(loaded[way], batch, cuda), way) for way in ways for batch in (1, 2, 4, MAX_FACES)]
        soaked = soak(engine, crops, args.seconds, cuda.used_memory)
        found = [compared[way].problem(precision) for way in ways] + [soaked.problem()]
        title = f"{network.stem} {precision}"
        _print(title, compared, table, soaked)
        results.append(
            {
                "network": network.stem,
                "precision": precision,
                "gpu": cuda.gpu(),
                "tensorrt": library.version,
                "parity": {way: asdict(value) for way, value in compared.items()},
                "latency_ms": [asdict(row) for row in table],
                "soak": asdict(soaked),
                "problems": [f"{title}: {problem}" for problem in found if problem],
            }
        )
    return results


def _drawing() -> dict:
    """What the composer's pictures cost here.

    Raises:
        LimelightError: there is no OpenGL of a GPU.
    """
    ctx = hardware_context()
    with ctx:
        renderer = ctx.info["GL_RENDERER"]
        drawings = drawing_times(ctx, FaceModel.load())
    ctx.release()
    print(f"\ndrawing on {renderer}")
    print_drawings(drawings)
    return {"renderer": renderer, "drawing": [asdict(row) for row in drawings], "problems": []}


def _print(title: str, compared: dict[str, Parity], table: Sequence[Latency], soaked: Soak) -> None:
    print(f"\n{title}")
    for way, value in compared.items():
        print(
            f"  {way}, {value.crops} crops: landmarks shift {value.mean_shift:.4f} px, "
            f"at most {value.largest_shift:.4f} px"
        )
        print("    " + ", ".join(f"{name} {difference:.1e}" for name, difference in value.groups.items()))
    print(f"  {'way':<10}{'batch':>6}{'p50 ms':>9}{'p95 ms':>9}{'p99 ms':>9}  CUDA graph")
    for row in table:
        graph = "yes" if row.recorded else "no"
        print(f"  {row.way:<10}{row.batch:>6}{row.p50:>9.3f}{row.p95:>9.3f}{row.p99:>9.3f}  {graph}")
    print(
        f"  soak: {soaked.frames} frames, p95 {soaked.early_p95:.2f} ms early and {soaked.late_p95:.2f} ms late, "
        f"memory {soaked.host_growth / 1e6:+.1f} MB on the host, {soaked.gpu_growth / 1e6:+.1f} MB on the GPU"
    )


def _timed(work: Callable[[], None]) -> float:
    """Milliseconds."""
    begun = perf_counter()
    work()
    return 1000.0 * (perf_counter() - begun)


def _resident() -> int:
    """Bytes of this process's memory; 0 where the system does not tell."""
    return round(1e6 * (resident_mb() or 0.0))


if __name__ == "__main__":
    sys.exit(main())

"""From the start of a process to the first shaded frame."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from time import perf_counter

from benchmark.clip import Step
from benchmark.figures import Startup
from facemodel import LimelightError

_PATIENCE_S = 120.0


def measure_startup(video: Path, network: str, threads: int, runs: int, step: Step) -> Startup:
    """Start so many processes one after the other, with warm caches after the first, which does not count.

    Args:
        video: whose first face is drawn.
        network: name or file.
        threads: of the engine.
        runs: that count.
        step: called after each of the `runs` + 1 processes.

    Raises:
        LimelightError: a process failed.
    """
    results = []
    for index in range(runs + 1):
        result = _start(video, network, threads)
        if index > 0:
            results.append(result)
        step()
    middle = sorted(results, key=lambda result: result[0])[len(results) // 2]
    return Startup(middle[0], [seconds for seconds, _ in results], middle[1])


def _start(video: Path, network: str, threads: int) -> tuple[float, dict[str, float]]:
    """Seconds until the first shaded frame, and of each step."""
    root = str(Path(__file__).resolve().parents[1])
    paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
    command = [sys.executable, "-m", "benchmark.first_frame", str(video), network, str(threads)]
    start = perf_counter()
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
    ) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        seconds = perf_counter() - start
        try:
            _, complaint = process.communicate(timeout=_PATIENCE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            raise LimelightError("start-up: the process does not end") from None
    if not line:
        reasons = [text for text in complaint.splitlines() if text.startswith("limelight: error: ")]
        raise LimelightError(f"start-up: {reasons[-1][18:] if reasons else 'the process failed'}")
    steps = {str(name): float(value) for name, value in json.loads(line).items()}
    return round(seconds, 3), {"interpreter": round(max(0.0, seconds - sum(steps.values())), 3), **steps}

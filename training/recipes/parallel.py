"""Work that several processes share."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from typing import Any

from facemodel import LimelightError


def cores() -> int:
    """Return how many processes are to share the work: OMP_NUM_THREADS, or one for every core."""
    asked = os.environ.get("OMP_NUM_THREADS", "")
    return int(asked) if asked.isdecimal() and int(asked) > 0 else os.cpu_count() or 1


def in_processes(work: Callable[..., None], arguments: Sequence[tuple[Any, ...]]) -> None:
    """Call `work` with each of the arguments at the same time, each in a process of its own.

    The processes end with this one, however that ends.

    Raises LimelightError: one of them failed; it has said why.
    """
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=_guarded, args=(work, values), daemon=True) for values in arguments]
    try:
        for process in processes:
            process.start()
        for process in processes:
            process.join()
    finally:
        for process in processes:
            if process.pid is not None:
                process.terminate()
                process.join()
    if any(process.exitcode for process in processes):
        raise LimelightError(f"{work.__name__.strip('_').replace('_', ' ')}: a process failed; run again to go on")


def _guarded(work: Callable[..., None], values: tuple[Any, ...]) -> None:
    """Do the work, and end at once when the parent does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent's to answer
    parent = multiprocessing.parent_process()

    def follow() -> None:
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=follow, daemon=True).start()
    try:
        work(*values)
    except LimelightError as error:
        print(f"limelight: error: {error}", file=sys.stderr)
        sys.exit(1)

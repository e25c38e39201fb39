"""Several trackers on the same frames, in turn, each in a process of its own."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from time import perf_counter
from typing import Protocol

from benchmark.clip import Clip, ClipReader, Step
from benchmark.figures import Spread, Tracking
from benchmark.limited_process import LimitedProcess
from benchmark.memory import peak_mb
from facemodel import LimelightError
from realtime.frame import Frame

TURN = 6
"""Frames that one tracker handles before it is the next one's turn."""


class Contestant(Protocol):
    """Follows one face through the frames that it gets.

    Attributes:
        found: whether the last frame held a face.
    """

    @property
    def found(self) -> bool: ...

    def step(self, frame: Frame) -> dict[str, float]:
        """Handle one frame; milliseconds per stage."""
        ...

    def close(self) -> None: ...


class Entry(Protocol):
    """How a contestant is made in its process; it is pickled.

    Attributes:
        name: in tables.
    """

    @property
    def name(self) -> str: ...

    def open(self, threads: int) -> Contestant:
        """
        Raises:
            LimelightError: it cannot be made.
        """
        ...


class Lane:
    """A contestant with its frames, in the contestant's own process."""

    def __init__(self, entry: Entry, clip: Clip, threads: int) -> None:
        self._clip = clip
        self._reader = ClipReader(clip)
        self._contestant = entry.open(threads)
        self._steps: list[float] = []
        self._stages: dict[str, list[float]] = {}
        self._found = 0

    def run(self, first: int, count: int, counts: bool) -> None:
        """Handle frames `first` and following; `counts` is False while everything warms up."""
        for index in range(first, first + count):
            frame = Frame(index, index / self._clip.fps, self._reader.read(index))
            start = perf_counter()
            stages = self._contestant.step(frame)
            milliseconds = 1000.0 * (perf_counter() - start)
            if counts:
                self._steps.append(milliseconds)
                self._found += self._contestant.found
                for name, value in stages.items():
                    self._stages.setdefault(name, []).append(value)

    def figures(self, ready_s: float) -> Tracking:
        return Tracking(
            step_ms=Spread.of(self._steps),
            stages_ms={name: Spread.of(values) for name, values in self._stages.items()},
            found=round(self._found / len(self._steps), 4),
            ready_s=round(ready_s, 3),
            peak_memory_mb=peak_mb(),
        )

    def close(self) -> None:
        self._reader.close()
        self._contestant.close()


def compare(
    entries: Sequence[Entry], clip: Clip, threads: int, frames: int, warm_up: int, step: Step
) -> tuple[dict[str, Tracking], dict[str, str]]:
    """Let every entry track the same frames.

    Args:
        entries: who takes part.
        clip: the frames.
        threads: of every engine, and cores of every process.
        frames: that count.
        warm_up: frames before them.
        step: called after each turn of each entry, and after each is opened: see `turns`.

    Returns:
        {name: figures}, and {name: why it was left out} of those that failed.
    """
    left_out: dict[str, str] = {}
    with ExitStack() as stack:
        lanes: dict[str, LimitedProcess] = {}
        ready_s: dict[str, float] = {}
        for entry in entries:
            start = perf_counter()
            try:
                lane = LimitedProcess(entry.name, threads, Lane, entry, clip, threads)
                lanes[entry.name] = stack.enter_context(lane)
                ready_s[entry.name] = perf_counter() - start
            except LimelightError as error:
                left_out[entry.name] = str(error)
            step()
        for first, count, counts in _plan(frames, warm_up):
            for name, lane in list(lanes.items()):
                try:
                    lane.call("run", first, count, counts)
                except LimelightError as error:
                    left_out[name] = str(error)
                    del lanes[name]
                step()
        return {name: lane.call("figures", ready_s[name]) for name, lane in lanes.items()}, left_out


def turns(entries: int, frames: int, warm_up: int) -> int:
    """How often `compare` calls `step` if nobody fails."""
    return entries * (1 + len(_plan(frames, warm_up)))


def _plan(frames: int, warm_up: int) -> list[tuple[int, int, bool]]:
    """(first frame, number of frames, whether they count) of every turn."""
    plan = []
    for first, end, counts in ((0, warm_up, False), (warm_up, warm_up + frames, True)):
        plan += [(start, min(TURN, end - start), counts) for start in range(first, end, TURN)]
    return plan

"""The whole loop over a video file, as fast as it goes: decoding, tracking, smoothing and, if asked for, drawing."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from benchmark.figures import Loop, Spread
from benchmark.own import OwnTracker
from benchmark.screen import Screen
from facemodel import LimelightError
from realtime.frame import Result
from realtime.loop.live_feed import LiveConfig, LiveFeed
from realtime.loop.loop import Loop as LiveLoop
from realtime.sinks.contract import Policy
from realtime.sinks.worker import Worker, WorkerConfig
from realtime.sources.video import VideoSource

STAGES = ("crop", "network", "lift", "smooth")
"""Stages of the tracker and the smoothing, by the names that the loop gives them."""

_WARM_UP = 0.2  # of the frames


class WholeLoop:
    """One network in the live loop; made in the process that is measured."""

    def __init__(self, network: str, threads: int) -> None:
        """
        Raises:
            LimelightError: the network cannot be opened.
        """
        self._own = OwnTracker(network, threads)

    def measure(self, video: Path, frames: int, drawn: bool) -> Loop:
        """Run the loop over the first frames of a video; every frame is tracked, and drawn if asked for.

        Raises:
            LimelightError: the video cannot be read, no OpenGL, or the loop failed.
        """
        own, done, timings, draw_ms = self._own, _Done(), _Timings(), []

        def shown(picture: NDArray[np.uint8], result: Result, milliseconds: float) -> None:  # noqa: ARG001
            draw_ms.append(milliseconds)
            done.note(result)

        own.tracker.reset()
        feed = LiveFeed(VideoSource(video), own.tracker, config=LiveConfig(frames=frames))
        screen = Worker(Screen(shown), WorkerConfig(Policy.IN_STEP)) if drawn else None
        if screen is not None and not screen.begin(feed.info):
            raise LimelightError(screen.problem)
        loop = LiveLoop(feed, (timings.note, done.note if screen is None else screen.offer))
        try:
            loop.start()
            loop.wait()
        finally:
            loop.stop()
            if screen is not None:
                screen.close()
        if problem := loop.status().error or (screen is not None and screen.problem):
            raise LimelightError(problem)
        stages = timings.spreads()
        if drawn:
            stages["draw"] = Spread.of(draw_ms)
        return Loop(done.fps(), stages)

    def close(self) -> None:
        self._own.close()


class _Done:
    """Notes when frames are done."""

    def __init__(self) -> None:
        self._moments: list[float] = []

    def note(self, result: Result) -> None:  # noqa: ARG002 (only when counts)
        self._moments.append(perf_counter())

    def fps(self) -> float:
        """Frames a second after the warm-up.

        Raises:
            LimelightError: too few frames.
        """
        moments = self._moments[int(_WARM_UP * len(self._moments)) :]
        if len(moments) < 2:
            raise LimelightError("the loop delivered too few frames to measure its rate")
        return round((len(moments) - 1) / (moments[-1] - moments[0]), 2)


class _Timings:
    """Keeps every frame's timings."""

    def __init__(self) -> None:
        self._timings: list[Mapping[str, float]] = []

    def note(self, result: Result) -> None:
        self._timings.append(result.timings)

    def spreads(self) -> dict[str, Spread]:
        """{stage: ms} of the frames in which the stage ran."""
        stages = {name: [t[name] for t in self._timings if name in t] for name in STAGES}
        return {name: Spread.of(values) for name, values in stages.items() if values}

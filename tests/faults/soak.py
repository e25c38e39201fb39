"""A long show with a random fault every few seconds: `python -m tests.faults.soak --minutes 30 --seed 0`.

A session on the real clock follows two faces of a camera that a script breaks, records a take, films a video and feeds
two streams that hang and raise. At the end it prints one line of JSON, and exits with 1 if something broke or grew.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import sys
import tempfile
import threading
import time
from array import array
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter

import numpy as np

from facemodel import FaceModel, LimelightError
from realtime.engines import open_engine
from realtime.frame import TrackingState
from realtime.loop.source_reader import Reopening
from realtime.render import HeadlessComposer, RenderOptions, ViewMode
from realtime.session import Session
from realtime.session_config import SessionConfig
from realtime.sinks.contract import Policy
from realtime.sinks.worker import SinkState, Worker, WorkerConfig
from realtime.sources.performer import Performer
from realtime.sources.synthetic import make_room
from realtime.takes import TakeReader
from realtime.threads import limit_threads
from realtime.tracking.finder import open_finder
from realtime.tracking.tracker import Tracker, TrackerConfig
from tests.faults.faulty_source import FPS, Device, Fault

SOURCE_FAULTS = ("stall", "gone", "crash", "garbage", "black", "still", "size", "backwards")
SINK_FAULTS = ("raise", "hang", "take raises", "video raises")
LONGEST_GAP = 2.0  # s between two results
GROWTH = 1.05  # of memory, last tenth against the first one after the warm-up
RECOVERY = 5.0  # s after which everything runs again


class RealClock:
    """The system's clock, as `Device` wants it."""

    now = staticmethod(perf_counter)

    @staticmethod
    def sleep_until(moment):
        time.sleep(max(0.0, moment - perf_counter()))


class Anything(BaseException):
    """Of no type that anybody expects."""


class Stream:
    """A sink in memory: counts results, and fails when it is told to."""

    def __init__(self, name):
        self.name = name
        self.results = 0
        self.trouble = None  # an exception to raise, or seconds to hang

    def begin(self, info):
        pass

    def submit(self, result):
        trouble, self.trouble = self.trouble, None
        if isinstance(trouble, BaseException):
            raise trouble
        if trouble:
            time.sleep(trouble)
        self.results += 1

    def status(self):
        return f"{self.results} results"

    def close(self):
        pass


@dataclass(frozen=True)
class Sample:
    """What the process holds at a moment."""

    seconds: float
    rss: int
    threads: int
    handles: int

    @classmethod
    def now(cls, seconds):
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        threads, handles = (sum(1 for _ in Path("/proc/self", folder).iterdir()) for folder in ("task", "fd"))
        return cls(round(seconds, 1), pages * os.sysconf("SC_PAGE_SIZE"), threads, handles)


class Heard:
    """A listener: counts, the longest gap, and which frames there were."""

    def __init__(self):
        self.results, self.last, self.gap = 0, None, 0.0
        self.frames = array("L")
        self.tracked_at = 0.0

    def __call__(self, result):
        now = perf_counter()
        if self.last is not None:
            self.gap = max(self.gap, now - self.last)
        self.last = now
        self.results += 1
        if not result.stalled:
            self.frames.append(result.frame.index)
            if result.state is TrackingState.TRACKING:
                self.tracked_at = now


def film_of_two(model, frames=150, width=320, height=240):
    """Pictures (N, H, W, 3) of two people beside each other."""
    people = [Performer(model.layout, width // 2, height, seed) for seed in (0, 1)]
    room = make_room(width, height, 0)
    film = np.empty((frames, height, width, 3), np.uint8)
    with HeadlessComposer(model, width, height) as renderer:
        for i, picture in enumerate(film):
            truth = [person.parameters(i / FPS) for person in people]
            model.layout.view(truth[1]).translation[0] += width / 2
            picture[:] = renderer.render(room, truth, RenderOptions(mode=ViewMode.OVERLAY, whole_head=True))
    noise = np.random.default_rng(0).integers(-3, 4, film.shape, dtype=np.int8)
    return np.clip(film.astype(np.int16) + noise, 0, 255).astype(np.uint8)


def script(seed, seconds, interval):
    """[(s, kind, how long)] and the part of it that is the source's."""
    rng = random.Random(seed)
    plan = []
    for start in np.arange(interval, seconds - interval / 2, interval):
        plan.append((float(start), rng.choice(SOURCE_FAULTS + SINK_FAULTS), rng.uniform(0.1, 0.4) * interval))
    return plan, [Fault(kind, at, at + length) for at, kind, length in plan if kind in SOURCE_FAULTS]


class Soak:
    """One soak.

    Args:
        seconds: of the show.
        seed: of the faults.
        interval: s between two faults.
        folder: for take and video.
        recovery: s after which a fault that is not over is given up.
    """

    def __init__(self, seconds, seed, interval, folder, recovery=RECOVERY):
        self.seconds, self.interval, self.folder, self.recovery = seconds, interval, folder, recovery
        self.plan, self.faults = script(seed, seconds, interval)
        model = FaceModel.load()
        film = film_of_two(model)

        def make_tracker():
            return Tracker(model, open_engine("auto", model, 1), open_finder(1), TrackerConfig(faces=2))

        self.session = Session(model, make_tracker, SessionConfig())
        self.streams = [Stream("stream a"), Stream("stream b")]
        for stream in self.streams:
            self.session.add_sink(Worker(stream, WorkerConfig(Policy.NEWEST, patience=2.0)))
        self.heard = Heard()
        self.session.listen(self.heard)
        self.device = Device(RealClock, math.inf, film=film)
        self.samples, self.problems = [], []
        self.recoveries = self.restarts = 0
        self.rng = random.Random(seed + 1)

    def run(self):
        """Play the show; return what came of it."""
        loop = self.session.use_source(self.device.open(), Reopening(self.device.open))
        for number in range(4):  # what a renderer and an encoder take for good, they take with the first few
            time.sleep(0.5)
            self.session.remove_sink(self.session.add_sink(str(self.folder / f"warm-up-{number}.mp4")))
        self.heard.frames = array("L")
        for name in ("show.mcap", "show.mp4"):
            self.session.add_sink(str(self.folder / name))
        self.device.start, self.device.faults = RealClock.now(), self.faults
        begun, waiting, due = list(self.plan), [], 0.0
        while not loop.wait(0.25):
            now = self.device.now()
            if begun and now >= begun[0][0]:
                _, kind, length = begun.pop(0)
                print(f"{now:7.1f} s  {kind}, {length:.1f} s", file=sys.stderr, flush=True)
                self.break_sink(kind, length)
                waiting.append((now + length, kind))
            self.restart_failed()
            waiting = [(end, kind) for end, kind in waiting if not self.recovered(end, kind, now)]
            if now >= self.seconds and not waiting:
                self.device.seconds = now  # the end, now that the last fault is over
            if now >= due:
                self.samples.append(Sample.now(now))
                print(self.samples[-1], file=sys.stderr, flush=True)
                due = now + min(10.0, self.interval)
        status = self.session.status()
        self.problems += [status.error] if status.error else []
        return self.summary(status, self.session.stop())

    def break_sink(self, kind, length):
        error = self.rng.choice([OSError(5, "Input/output error"), LimelightError("no"), Anything("!"), MemoryError()])
        stream = self.rng.choice(self.streams)
        if kind == "raise":
            stream.trouble = error
        elif kind == "hang":
            stream.trouble = length
        elif kind in ("take raises", "video raises"):
            suffix = ".mcap" if kind.startswith("take") else ".mp4"
            worker = next(w for w in self.session.workers() if w.address.endswith(suffix))

            def fail(_):
                raise error

            worker.sink.submit = fail

    def restart_failed(self):
        for worker in self.session.workers():
            if worker.status().state is SinkState.FAILED:
                self.session.restart_sink(worker)
                self.restarts += 1

    def recovered(self, end, kind, now):
        """Whether a fault is over: everything runs, and somebody is tracked; or it is given up."""
        if now <= end:
            return False
        running = all(sink.state is SinkState.RUNNING for sink in self.session.sinks())
        if running and self.heard.tracked_at > self.device.start + end:
            self.recoveries += 1
            return True
        if now > end + self.recovery:
            self.problems.append(f"at {now:.0f} s: not recovered from '{kind}': {self.session.status()}")
            return True
        return False

    def summary(self, status, unfinished):
        samples = self.samples[len(self.samples) // 10 :]  # without the warm-up
        tenth = max(1, len(samples) // 10)
        first, last = samples[:tenth], samples[-tenth:]
        rows = self.rows_of_takes()
        growth = np.mean([s.rss for s in last]) / np.mean([s.rss for s in first])
        most = {of: [max(getattr(s, of) for s in part) for part in (first, last)] for of in ("threads", "handles")}
        problems = self.problems + list(unfinished)
        problems += [f"memory grew by {growth - 1:.1%}"] if growth > GROWTH else []
        problems += [f"gap of {self.heard.gap:.2f} s"] if self.heard.gap > LONGEST_GAP else []
        for name, (before, after) in most.items():
            problems += [f"{name} grew from {before} to {after}"] if after > before else []
        return {
            "minutes": round(self.device.now() / 60, 2),
            "faults": len(self.plan),
            "recoveries": self.recoveries,
            "restarts": self.restarts,
            "reopened": status.feed.reopened,
            "stalls": status.feed.stalls,
            "unusable": status.feed.unusable,
            "results": self.heard.results,
            "frames": len(self.heard.frames),
            "tracked_frames": status.tracked_frames,
            "take_rows": rows,
            "streamed": [stream.results for stream in self.streams],
            "longest_gap_s": round(self.heard.gap, 3),
            "rss_mib": [round(np.mean([s.rss for s in part]) / 2**20, 1) for part in (first, last)],
            **most,
            "problems": problems,
            "samples": [asdict(sample) for sample in self.samples],
        }

    def rows_of_takes(self):
        """Rows of all takes; between its first and its last frame a take lacks none."""
        rows = 0
        delivered = np.frombuffer(self.heard.frames, self.heard.frames.typecode)
        for path in sorted(self.folder.glob("*.mcap")):
            indices = np.array([frame.index for frame in TakeReader(path)])
            rows += len(indices)
            if len(indices):
                expected = delivered[(delivered >= indices[0]) & (delivered <= indices[-1])]
                if not np.array_equal(indices, expected):
                    self.problems.append(f"{path.name}: {len(indices)} frames of {len(expected)}")
        return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--interval", type=float, default=10.0, help="seconds between two faults")
    parser.add_argument("--json", type=Path, help="write the summary and all samples there")
    args = parser.parse_args()
    limit_threads(1)
    crashed = []
    threading.excepthook = lambda hook: crashed.append(f"{hook.thread.name}: {hook.exc_value!r}")
    with tempfile.TemporaryDirectory() as folder:
        summary = Soak(60.0 * args.minutes, args.seed, args.interval, Path(folder)).run()
    summary["problems"] += crashed
    if args.json:
        args.json.write_text(json.dumps(summary))
    del summary["samples"]
    print(json.dumps(summary))
    return 1 if summary["problems"] else 0


if __name__ == "__main__":
    sys.exit(main())

"""Runs a plan: section after section, into one record."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from functools import cached_property, partial
from pathlib import Path

from tqdm import tqdm

from benchmark.clip import Clip, encode, film_performer, film_video
from benchmark.contest import Entry, compare, turns
from benchmark.figures import Live, Loop, Record, ratios_of
from benchmark.limited_process import LimitedProcess
from benchmark.live import LiveLoop, soak_of
from benchmark.loops import WholeLoop
from benchmark.machine import describe_machine
from benchmark.peers import MEDIAPIPE, OPENSEEFACE, PEERS, find_mediapipe, find_openseeface
from benchmark.pictures import PicturesInTurn
from benchmark.plan import SIZES, Plan
from benchmark.startup import measure_startup
from facemodel import LimelightError
from realtime.engines import DEFAULT_NETWORK

PLAIN, DRAWN = "plain", "drawn"

Keep = Callable[[Record], None]
"""Called with the record after each section."""


def run_plan(plan: Plan, folder: Path, keep: Keep) -> Record:
    """Measure everything that a plan asks for.

    Args:
        plan: what.
        folder: for frames, a few hundred MB; the caller removes it.
        keep: called after each section, also with what an interrupted soak has found.

    Raises:
        LimelightError: something cannot be opened, or fails while it is measured. A peer that is absent or fails is
            left out, and so is drawing without OpenGL: `Record.left_out` says why.
    """
    return _Run(plan, folder, keep).all()


class _Run:
    def __init__(self, plan: Plan, folder: Path, keep: Keep) -> None:
        self._plan = plan
        self._folder = folder
        self._keep = keep
        self._record = Record(machine=describe_machine())
        self._videos: dict[str, Path] = {}
        self._drawing = self._record.machine["opengl"] is not None
        if not self._drawing:
            self._record.left_out["drawing"] = "no OpenGL 3.3 here"

    def all(self) -> Record:
        plan, first = self._plan, self._clips[0]
        self._record.settings = {
            "frames_of": first.name,
            "sizes": [clip.size for clip in self._clips],
            "threads": list(plan.threads),
            "network": plan.network.name,
            "fps": plan.fps,
            **asdict(plan.extent),
        }
        sections = {
            "tracking": self._tracking,
            "loop": self._loop,
            "pictures": self._pictures,
            "live": self._live,
            "startup": self._startup,
        }
        for name in plan.sections:
            sections[name]()
            self._keep(self._record)
        if plan.soak_minutes is not None:
            self._soak(plan.soak_minutes)
        return self._record

    @cached_property
    def _clips(self) -> list[Clip]:
        """The frames: of each size, or of the video."""
        plan, count = self._plan, self._plan.extent.clip_frames
        if plan.video is not None:
            with tqdm(total=count, desc="frames", unit="frame", leave=False) as progress:
                return [film_video(self._folder / "video.raw", plan.video, count, progress.update)]
        sizes = SIZES if {"loop", "pictures"} & set(plan.sections) else SIZES[:1]
        with tqdm(total=count * len(sizes), desc="frames", unit="frame", leave=False) as progress:
            return [film_performer(self._folder / f"{w}x{h}.raw", w, h, count, progress.update) for w, h in sizes]

    def _video(self, clip: Clip) -> Path:
        """A clip as a video file; the user's own, if the clip is of that."""
        if self._plan.video is not None:
            return self._plan.video
        if clip.size not in self._videos:
            self._videos[clip.size] = encode(clip, self._folder / f"{clip.size}.mp4")
        return self._videos[clip.size]

    def _kinds(self) -> tuple[str, ...]:
        return (PLAIN, DRAWN) if self._drawing else (PLAIN,)

    def _tracking(self) -> None:
        extent, record = self._plan.extent, self._record
        entries: list[Entry] = [*self._plan.networks]
        finders: dict[str, Callable[[], Entry]] = {
            MEDIAPIPE: find_mediapipe,
            OPENSEEFACE: partial(find_openseeface, self._plan.data),
        }
        for name, find in finders.items():
            try:
                entries.append(find())
            except LimelightError as error:
                record.left_out[name] = str(error)
        for threads in self._plan.threads:
            total = turns(len(entries), extent.frames, extent.warm_up)
            with tqdm(total=total, desc=f"tracking, {named(threads)}", unit="turn", leave=False) as progress:
                found, left_out = compare(
                    entries, self._clips[0], threads, extent.frames, extent.warm_up, progress.update
                )
            record.tracking[threads] = found
            record.left_out.update({f"{name}, {named(threads)}": why for name, why in left_out.items()})
            if not any(entry.name in found for entry in self._plan.networks):
                raise LimelightError(f"no network could be measured: {next(iter(left_out.values()))}")
        record.ratios = ratios_of(record.tracking, PEERS, DEFAULT_NETWORK)

    def _loop(self) -> None:
        plan, kinds = self._plan, self._kinds()
        total = len(plan.threads) * len(kinds) * len(self._clips)
        with tqdm(total=total, desc="whole loop", unit="run", leave=False) as progress:
            for threads in plan.threads:
                found: dict[str, dict[str, Loop]] = {clip.size: {} for clip in self._clips}
                for kind in kinds:
                    make = (WholeLoop, plan.network.network, threads)
                    with LimitedProcess("the whole loop", threads, *make) as process:
                        for clip in self._clips:
                            arguments = (self._video(clip), clip.period, kind == DRAWN)
                            found[clip.size][kind] = process.call("measure", *arguments)
                            progress.update()
                self._record.loop[threads] = found

    def _pictures(self) -> None:
        if not self._drawing:
            return
        plan = self._plan
        total = len(plan.threads) * len(self._clips)
        with tqdm(total=total, desc="pictures", unit="run", leave=False) as progress:
            for threads in plan.threads:
                found = self._record.pictures.setdefault(threads, {})
                for clip in self._clips:
                    with LimitedProcess("the pictures", threads, PicturesInTurn, clip) as process:
                        found[clip.size] = process.call("measure", plan.extent.picture_turns)
                    progress.update()

    def _live(self) -> None:
        plan, kinds, extent = self._plan, self._kinds(), self._plan.extent
        total = len(plan.threads) * len(kinds)
        with tqdm(total=total, desc=f"live, {plan.fps:g} fps", unit="run", leave=False) as progress:
            for threads in plan.threads:
                self._record.live[threads] = {}
                for kind in kinds:
                    with self._live_process(threads, kind == DRAWN) as process:
                        process.call("watch", extent.settle_s)
                        self._record.live[threads][kind] = process.call("watch", extent.live_s)
                    progress.update()

    def _live_process(self, threads: int, drawn: bool) -> LimitedProcess:
        plan = self._plan
        make = (LiveLoop, self._clips[0], plan.network.network, threads, plan.fps, drawn)
        return LimitedProcess("the live loop", threads, *make)

    def _startup(self) -> None:
        if not self._drawing:
            self._record.left_out["startup"] = "no OpenGL 3.3 here"
            return
        plan, runs = self._plan, self._plan.extent.startup_runs
        with tqdm(total=runs + 1, desc="start-up", unit="run", leave=False) as progress:
            arguments = (plan.network.network, max(plan.threads), runs, progress.update)
            self._record.startup = measure_startup(self._video(self._clips[0]), *arguments)

    def _soak(self, minutes: float) -> None:
        """Ends early, with what it has, when it is interrupted."""
        extent, windows = self._plan.extent, []
        count = max(2, round(60.0 * minutes / extent.soak_window_s))
        seconds = 60.0 * minutes / count
        try:
            with (
                self._live_process(max(self._plan.threads), self._drawing) as process,
                tqdm(total=count, desc="soak", unit=f"x {seconds:.0f} s", leave=False) as progress,
            ):
                process.call("watch", extent.settle_s)
                for _ in range(count):
                    window: Live = process.call("watch", seconds)
                    windows.append(window)
                    progress.update()
        finally:
            if len(windows) > 1:
                self._record.soak = soak_of(windows, seconds * len(windows) / 60.0)
                self._keep(self._record)


def named(threads: int) -> str:
    """Such as "2 threads"."""
    return f"{threads} thread" if threads == 1 else f"{threads} threads"

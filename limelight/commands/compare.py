"""`limelight compare`: how two takes differ, or a take and what the network said."""

from __future__ import annotations

import argparse
import csv
import json
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from facemodel import LimelightError
from limelight.arguments import add_engine_arguments
from limelight.live_tracker import make_tracker

if TYPE_CHECKING:
    from facemodel.output_files import Outputs
    from realtime.session import Session
    from realtime.takes import Take
    from realtime.takes.compare import Comparison, Version


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add the sub-command."""
    parser = subparsers.add_parser(
        "compare",
        help="say how two takes differ, or a take and what the network said",
        description="Compares the performer's channels of two takes at the same moments, between the in and out points "
        "of the first: how far they differ, which is later, and how calm each is. With one take, compares what the "
        "network said (B) with what was smoothed (A). Takes of one file are laid on each other by its times.",
    )
    parser.add_argument("take", type=Path, metavar="A", help="a take")
    parser.add_argument("other", type=Path, nargs="?", metavar="B", help="another one")
    parser.add_argument("--raw", action="store_true", help="of two takes, compare what the network said")
    parser.add_argument("--json", action="store_true", help="print one JSON object with all channels")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write all channels: .json or .csv")
    parser.add_argument("--video", type=Path, metavar="OUT.mp4", help="draw both beside each other")
    parser.add_argument("--window", action="store_true", help="show both in a window, with a line between them")
    parser.add_argument("--force", action="store_true", help="replace files that exist already")
    add_engine_arguments(parser)  # for a source that is opened in the window
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Compare; returns the exit status."""
    from facemodel.output_files import Outputs
    from realtime.takes import load_take
    from realtime.takes.companion import shift_between
    from realtime.takes.compare import compare

    if args.raw and args.other is None:
        raise LimelightError("--raw is for two takes; with one, what the network said is B already")
    if args.out is not None and args.out.suffix.lower() not in (".json", ".csv"):
        raise LimelightError(f"--out {args.out}: the name must end in .json or .csv")
    if args.video is not None and args.video.suffix.lower() != ".mp4":
        raise LimelightError(f"--video {args.video}: the name must end in .mp4")
    outputs = Outputs("compare", [path for path in (args.take, args.other) if path is not None], args.force)
    for path in (args.out, args.video):
        if path is not None:
            outputs.claim(path)
    take = load_take(args.take)
    other = None if args.other is None else load_take(args.other)
    if other is None:
        a, b = _versions(take)
        shift = 0.0
    else:
        a, b = _versions(take)[args.raw], _versions(other)[args.raw]
        shift = shift_between(take, other)
    comparison = compare(a.within(*_points(take)), b, shift)
    print(json.dumps(comparison.to_dict()) if args.json else "\n".join(comparison.lines()))
    if args.out is not None:
        _write(comparison, args.out, outputs)
    if args.video is not None:
        return _film(args, take, other, outputs)
    if args.window:
        return _show(args)
    return 0


def _versions(take: Take) -> tuple[Version, Version]:
    """A take as it was smoothed, and as the network said."""
    from realtime.takes.compare import Version
    from realtime.takes.curves import Curves

    curves = Curves(take)
    curves.load()
    name, fps = take.path.name, take.header.nominal_fps
    return (
        Version(name, fps, curves.times, curves.smoothed, curves.quality),
        Version(f"{name}, raw", fps, curves.times, curves.raw, curves.quality),
    )


def _points(take: Take) -> tuple[float, float]:
    """The in and out points of a take, s from its first frame."""
    from realtime.takes.marks import IN, OUT, point

    start, begin, end = float(take.times[0]), point(take.markers, IN), point(take.markers, OUT)
    return 0.0 if begin is None else begin - start, take.duration if end is None else end - start


def _write(comparison: Comparison, path: Path, outputs: Outputs) -> None:
    from facemodel.whole_files import whole_file

    with whole_file(path, f"report {path}", shared=True, suffix=path.suffix) as partial_path:
        if path.suffix.lower() == ".json":
            partial_path.write_text(json.dumps(comparison.to_dict(), indent=1), encoding="utf-8")
        else:
            with partial_path.open("w", newline="", encoding="utf-8") as file:
                rows = csv.writer(file)
                rows.writerow(("channel", "mean", "largest", "at", "lag", "jitter_a", "jitter_b"))
                for c in comparison.channels:
                    rows.writerow((c.name, c.mean, c.largest, c.at, "" if c.lag is None else c.lag, *c.jitter))
    outputs.written(path)


def _film(args: argparse.Namespace, take: Take, other: Take | None, outputs: Outputs) -> int:
    """Draw both beside each other into a video; returns the exit status."""
    from limelight.working_through import work_through
    from realtime.outputs.beside import Beside
    from realtime.outputs.video_file import VideoFile
    from realtime.sinks.registry import VIDEO_WORKER
    from realtime.sinks.worker import Worker
    from realtime.takes.companion import Companion

    beside = None if other is None else Companion(other, take)
    drawing = partial(Beside, other=beside, start=float(take.times[0]))
    session = _session(args, paced=False)
    session.add_sink(
        Worker(
            VideoFile(args.video, drawing, lambda info: (2 * info.width, info.height)), VIDEO_WORKER, str(args.video)
        )
    )
    return work_through(session, partial(session.open, str(args.take)), outputs, len(take))


def _show(args: argparse.Namespace) -> int:
    """Open a window with both; returns the exit status."""
    from realtime.ui.app import run_window

    return run_window(_session(args, paced=True), source=str(args.take), beside=args.other, wipe=True)


def _session(args: argparse.Namespace, paced: bool) -> Session:
    from facemodel import FaceModel
    from realtime.session import Session
    from realtime.session_config import SessionConfig
    from realtime.threads import limit_threads

    limit_threads(args.threads)
    model = FaceModel.load()
    return Session(
        model, partial(make_tracker, args, model), SessionConfig(paced=paced, all_sinks=not paced, person="")
    )

"""`limelight benchmark`: how fast the live loop is on this machine, beside its peers."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from realtime.benchmark.figures import Record
    from realtime.benchmark.plan import Plan

_SECTIONS = ("tracking", "loop", "live", "startup")  # realtime.benchmark.plan.SECTIONS, not imported for --help


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add the sub-command."""
    parser = subparsers.add_parser(
        "benchmark",
        help="measure how fast the live loop is here",
        description="Measures every network beside MediaPipe and OpenSeeFace on the same frames, the whole loop with "
        "and without drawing, latency and processor time at a camera's rate, memory and start-up, each on one and two "
        "threads: about three minutes on a quiet machine. OpenSeeFace's files are read from the folder peers of "
        "$LIMELIGHT_DATA and left out without it. Interrupted, --json has every section that was finished.",
    )
    what = parser.add_argument_group("what is measured")
    what.add_argument("--network", default="student", metavar="NAME|FILE", help="default: student")
    what.add_argument(
        "--against",
        action="append",
        metavar="NAME|FILE",
        help="and track with this one beside it; may be repeated (default: every network that ships)",
    )
    what.add_argument("--only", nargs="+", choices=_SECTIONS, metavar="SECTION", help=", ".join(_SECTIONS))
    what.add_argument("--threads", nargs="+", type=int, default=[1, 2], metavar="N", help="default: 1 2")
    what.add_argument("--video", type=Path, metavar="FILE", help="frames of a video (default: the synthetic performer)")
    what.add_argument("--data", type=Path, metavar="DIR", help="data folder (default: $LIMELIGHT_DATA)")
    much = parser.add_argument_group("how much")
    much.add_argument("--quick", action="store_true", help="a few frames of each, to see that all works")
    much.add_argument(
        "--soak", type=float, metavar="MINUTES", help="and run live for so long, to see whether latency or memory grow"
    )
    out = parser.add_argument_group("what is written")
    out.add_argument("--json", type=Path, metavar="FILE", help="every figure")
    out.add_argument("--report", type=Path, metavar="FILE.md", help="the tables")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Measure; returns the exit status."""
    from tempfile import TemporaryDirectory

    from realtime.benchmark.run import run_plan
    from realtime.benchmark.table import markdown, terminal

    plan = _plan(args)
    for path in (args.json, args.report):
        if path is not None:
            _write(path, path.read_text(encoding="utf-8") if path.is_file() else "")  # before minutes are spent

    def keep(record: Record) -> None:
        if args.json:
            _write(args.json, json.dumps(record.as_json(), indent=2) + "\n")

    with TemporaryDirectory(prefix="limelight-benchmark-") as folder:
        record = run_plan(plan, Path(folder), keep)
    for what, why in record.left_out.items():
        print(f"limelight: left out: {what}: {why}", file=sys.stderr)
    if args.report:
        _write(args.report, markdown(record))
    print(terminal(record), end="")
    return 0

"""`limelight benchmark`: how fast the live loop is on this machine, beside its peers."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from benchmark.figures import Record
    from benchmark.plan import Plan

_SECTIONS = ("tracking", "loop", "pictures", "live", "startup")  # benchmark.plan.SECTIONS, not imported for --help


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add the sub-command."""
    parser = subparsers.add_parser(
        "benchmark",
        help="measure how fast the live loop is here",
        description="Measures every network beside MediaPipe and OpenSeeFace on the same frames, the whole loop with "
        "and without drawing, what the lights of a show cost, latency and processor time at a camera's rate, memory "
        "and start-up, each on one and two threads: about four minutes on a quiet machine. OpenSeeFace's files are "
        "read from the folder peers of $LIMELIGHT_DATA and left out without it. Interrupted, --json has every section "
        "that was finished.",
    )
    what = parser.add_argument_group("what is measured")
    what.add_argument(
        "--network",
        default="auto",
        metavar="NAME|FILE",
        help="of the whole loop (default: auto, what runs by default on a CPU: student-int8)",
    )
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
    out.add_argument("--force", action="store_true", help="replace files that exist already")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Measure; returns the exit status."""
    from tempfile import TemporaryDirectory

    from benchmark.run import run_plan
    from benchmark.table import markdown, terminal
    from facemodel.output_files import Outputs
    from facemodel.whole_files import write_text
    from realtime.engines import network_file

    plan = _plan(args)
    networks = [network_file(entry.network) for entry in plan.networks]
    outputs = Outputs("benchmark", [*networks, *([args.video] if args.video else [])], args.force)
    for path in (args.json, args.report):
        if path is not None:
            outputs.claim(path)

    def keep(record: Record) -> None:
        if args.json:
            write_text(args.json, json.dumps(record.as_json(), indent=2) + "\n")
            outputs.written(args.json)

    with TemporaryDirectory(prefix="limelight-benchmark-") as folder:
        record = run_plan(plan, Path(folder), keep)
    for what, why in record.left_out.items():
        print(f"limelight: left out: {what}: {why}", file=sys.stderr)
    if args.report:
        write_text(args.report, markdown(record))
        outputs.written(args.report)
    print(terminal(record), end="")
    return 0


def _plan(args: argparse.Namespace) -> Plan:
    """What the arguments ask for.

    Raises:
        LimelightError: an argument makes no sense, or names what does not exist.
    """
    from benchmark.own import OwnEntry
    from benchmark.plan import QUICK, SECTIONS, Extent, Plan
    from facemodel import LimelightError
    from realtime.engines import AUTO, DEFAULT_NETWORK, network_file, shipped_networks

    for threads in args.threads:
        if threads < 1:
            raise LimelightError(f"--threads {threads}: must be at least 1")
    if args.soak is not None and not 0.0 < args.soak < float("inf"):
        raise LimelightError(f"--soak {args.soak}: must be above 0 minutes")
    data = args.data or (Path(os.environ["LIMELIGHT_DATA"]) if os.environ.get("LIMELIGHT_DATA") else None)
    if data is not None and not data.is_dir():
        raise LimelightError(f"data folder {data}: no such folder")
    if args.video is not None and not args.video.is_file():
        raise LimelightError(f"video {args.video}: no such file")
    against = args.against
    if against is None:
        against = [] if args.quick else shipped_networks()
    first = DEFAULT_NETWORK if args.network == AUTO else args.network
    networks = list(dict.fromkeys([first, *against]))
    for network in networks:
        network_file(network)
    entries = tuple(OwnEntry(name, network) for name, network in zip(_titles(networks), networks, strict=True))
    return Plan(
        network=entries[0],
        networks=entries,
        sections=tuple(name for name in SECTIONS if args.only is None or name in args.only),
        threads=tuple(dict.fromkeys(args.threads)),
        data=data,
        video=args.video,
        soak_minutes=args.soak,
        extent=QUICK if args.quick else Extent(),
    )


def _titles(networks: list[str]) -> list[str]:
    """What networks are called: the name of their file, or the whole of it where two have the same."""
    stems = [Path(network).stem if Path(network).suffix else network for network in networks]
    return [stem if stems.count(stem) == 1 else network for stem, network in zip(stems, networks, strict=True)]

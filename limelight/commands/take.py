"""`limelight take`: look into a take, repair it, cut a part out of it."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add the sub-command."""
    parser = subparsers.add_parser(
        "take",
        help="look into a take, repair or trim it",
        description="Looks into a take, repairs it or cuts a part out of it. The take itself is never changed.",
    )
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")

    info = actions.add_parser("info", help="say what is in a take")
    info.add_argument("take", type=Path, metavar="TAKE")
    info.add_argument("--json", action="store_true", help="one JSON object, times in seconds from the first frame")
    info.set_defaults(run=_info)

    repair = actions.add_parser(
        "repair", help="rewrite what can be read of a take that was cut short or damaged into a whole one"
    )
    repair.add_argument("take", type=Path, metavar="TAKE")
    repair.add_argument("--out", required=True, type=Path, metavar="FILE", help="take to write")
    repair.add_argument("--force", action="store_true", help="replace files that exist already")
    repair.set_defaults(run=_repair)

    trim = actions.add_parser("trim", help="write a part of a take")
    trim.add_argument("take", type=Path, metavar="TAKE")
    trim.add_argument("--from", dest="begin", type=_seconds, default=0.0, metavar="S", help="begin (default: 0)")
    trim.add_argument("--to", dest="end", type=_seconds, metavar="S", help="end (default: that of the take)")
    trim.add_argument("--out", required=True, type=Path, metavar="FILE", help="take to write")
    trim.add_argument("--force", action="store_true", help="replace files that exist already")
    trim.set_defaults(run=_trim)


def _info(args: argparse.Namespace) -> int:
    from realtime.takes import load_take
    from realtime.takes.summary import summarise, summary_lines

    summary = summarise(load_take(args.take))
    print(json.dumps(summary) if args.json else "\n".join(summary_lines(summary)))
    return 0


def _repair(args: argparse.Namespace) -> int:
    from realtime.takes.edit import repair_take

    with _output(args) as out:
        edited = repair_take(args.take, out)
    print(f"{args.out}: {edited.frames} frames; {edited.cut or f'take {args.take} was whole'}")
    return 0


def _trim(args: argparse.Namespace) -> int:
    from realtime.takes.edit import trim_take

    with _output(args) as out:
        edited = trim_take(args.take, out, args.begin, float("inf") if args.end is None else args.end)
    if edited.cut:
        print(f"limelight: warning: {edited.cut}", file=sys.stderr)
    print(f"{args.out}: {edited.frames} frames")
    return 0


@contextmanager
def _output(args: argparse.Namespace) -> Iterator[Path]:
    """Give a path to write to, which becomes `--out` once it is whole.

    Raises:
        LimelightError: `--out` may not be written.
    """
    from facemodel.output_files import Outputs
    from facemodel.whole_files import whole_file

    outputs = Outputs(f"take {args.action}", [args.take], args.force)
    outputs.claim(args.out)
    with whole_file(args.out, f"take {args.out}", shared=True, suffix=".mcap") as partial:
        yield partial
    outputs.written(args.out)


def _seconds(text: str) -> float:
    value = float(text)
    if not 0.0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text}: seconds from the take's first frame, not negative")
    return value

"""`limelight take`: look into a take, mark it, repair it, cut a part out of it, have its sound."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from facemodel import LimelightError


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add the sub-command."""
    parser = subparsers.add_parser(
        "take",
        help="look into a take, mark, repair or trim it, have its sound",
        description="Looks into a take, marks it, repairs it, cuts a part or takes the sound out. The take itself is "
        "never changed.",
    )
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")

    info = actions.add_parser("info", help="say what is in a take")
    info.add_argument("take", type=Path, metavar="TAKE")
    info.add_argument("--json", action="store_true", help="one JSON object, times in seconds from the first frame")
    info.set_defaults(run=_info)

    sound = actions.add_parser("sound", help="write a take's sound into a file")
    sound.add_argument("take", type=Path, metavar="TAKE")
    sound.add_argument("--out", required=True, type=Path, metavar="FILE.wav", help="file to write")
    sound.add_argument("--force", action="store_true", help="replace files that exist already")
    sound.set_defaults(run=_sound)

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

    mark = actions.add_parser(
        "mark",
        help="set markers, and the in and out points that exports respect",
        description="Sets markers and in and out points, and lists what there is. They stand in a small file beside "
        "the take, TAKE.marks.json; the take itself is not touched. Times are seconds from the first frame.",
    )
    mark.add_argument("take", type=Path, metavar="TAKE")
    mark.add_argument("--in", dest="begin", type=_point, metavar="S|none", help="in point")
    mark.add_argument("--out", dest="end", type=_point, metavar="S|none", help="out point")
    mark.add_argument("--add", nargs=2, action="append", default=[], metavar=("S", "TEXT"), help="a marker; repeatable")
    mark.add_argument(
        "--remove", type=_seconds, action="append", default=[], metavar="S", help="the marker there; repeatable"
    )
    mark.set_defaults(run=_mark)


def _info(args: argparse.Namespace) -> int:
    from realtime.takes import load_take
    from realtime.takes.summary import summarise, summary_lines

    summary = summarise(load_take(args.take))
    print(json.dumps(summary) if args.json else "\n".join(summary_lines(summary)))
    return 0


def _sound(args: argparse.Namespace) -> int:
    from realtime.takes.reference_sound import write_wav

    with _output(args, ".wav") as out:
        seconds = write_wav(args.take, out)
    print(f"{args.out}: {seconds:.2f} s")
    return 0


def _repair(args: argparse.Namespace) -> int:
    from realtime.takes.edit import carry_marks, repair_take

    with _output(args) as out:
        edited = repair_take(args.take, out)
    carry_marks(args.take, args.out)
    print(f"{args.out}: {edited.frames} frames; {edited.cut or f'take {args.take} was whole'}")
    return 0


def _trim(args: argparse.Namespace) -> int:
    from realtime.takes.edit import carry_marks, trim_take

    with _output(args) as out:
        edited = trim_take(args.take, out, args.begin, float("inf") if args.end is None else args.end)
    carry_marks(args.take, args.out)
    if edited.cut:
        print(f"limelight: warning: {edited.cut}", file=sys.stderr)
    print(f"{args.out}: {edited.frames} frames")
    return 0


def _mark(args: argparse.Namespace) -> int:
    from realtime.takes import Marker, load_take
    from realtime.takes.marks import IN, OUT, with_point, without, write_marks

    take = load_take(args.take)
    start, half = float(take.times[0]), 0.5 / take.header.nominal_fps
    markers = take.markers
    for seconds in args.remove:
        if len(fewer := without(markers, start + seconds, half)) == len(markers):
            raise LimelightError(f"take {args.take}: there is no marker at {seconds:g} s")
        markers = fewer
    for seconds, text in args.add:
        if text in (IN, OUT):
            raise LimelightError(f"a marker is not called '{text}': that is --{text}")
        markers += (Marker(start + _inside(take.duration, seconds), text),)
    for text, wanted in ((IN, args.begin), (OUT, args.end)):
        if wanted is not None:
            time = None if wanted == "none" else start + _inside(take.duration, wanted)
            markers = with_point(markers, text, time)
    if markers != take.markers:
        write_marks(args.take, take.header.created, markers)
    for marker in markers:
        print(f"{marker.time - start:9.3f} s  {marker.text}")
    return 0


def _inside(duration: float, text: str) -> float:
    """Read seconds that lie in a take."""
    from realtime.takes.rows import SAME_TIME

    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0.0 <= seconds <= duration + SAME_TIME:
        raise LimelightError(f"{text}: must be seconds from the take's first frame, 0 to {duration:.3f}")
    return seconds


def _point(text: str) -> str:
    return text if text == "none" else str(_seconds(text))


@contextmanager
def _output(args: argparse.Namespace, suffix: str = ".mcap") -> Iterator[Path]:
    """Give a path to write to, which becomes `--out` once it is whole.

    Raises:
        LimelightError: `--out` may not be written.
    """
    from facemodel.output_files import Outputs
    from facemodel.whole_files import whole_file

    outputs = Outputs(f"take {args.action}", [args.take], args.force)
    outputs.claim(args.out)
    with whole_file(args.out, f"{args.action} {args.out}", shared=True, suffix=suffix) as partial:
        yield partial
    outputs.written(args.out)


def _seconds(text: str) -> float:
    value = float(text)
    if not 0.0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text}: seconds from the take's first frame, not negative")
    return value

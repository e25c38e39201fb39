"""`limelight stream`: a face, a take or the test pattern goes to other programs, without a window."""

from __future__ import annotations

import argparse
import math
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from limelight.arguments import (
    add_engine_arguments,
    add_faces_argument,
    add_light_argument,
    add_person_arguments,
    add_source_arguments,
    add_timecode_argument,
    face_count,
    positive_float,
    source_settings,
)
from limelight.live_tracker import make_tracker
from limelight.working_through import claim_outputs, open_telling, work_through

if TYPE_CHECKING:
    from realtime.loop.loop import Loop
    from realtime.session import Session


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add the sub-command."""
    parser = subparsers.add_parser(
        "stream",
        help="send a face to other programs, without a window",
        description="Sends faces to other programs, in real time, until Ctrl+C or the end: from a camera or another "
        "source, from a take, or, to see what arrives where, a test pattern that moves each channel in turn. "
        "'limelight sinks' lists the addresses. It closes with one line of JSON.",
    )
    parser.add_argument("addresses", nargs="+", metavar="ADDRESS", help="where to, such as vmc:// or ws://; several")
    add_source_arguments(parser)
    parser.add_argument("--take", type=Path, metavar="FILE.mcap", help="stream a take instead of a source")
    parser.add_argument("--loop", action="store_true", help="begin a take, or a video, again at its end")
    parser.add_argument("--pattern", action="store_true", help="stream the test pattern instead of a source")
    parser.add_argument("--seconds", type=positive_float, metavar="S", help="stop after S seconds")
    add_faces_argument(parser)
    parser.add_argument(
        "--performer", type=face_count, metavar="N", help="who is streamed where there is room for one: the N-th from "
        "the left (default: the largest)",
    )  # fmt: skip
    parser.add_argument(
        "--smoothing",
        action="append",
        default=[],
        metavar="PRESET|PART=S",
        help="still, balanced (default) or raw, or the strength of one part; see 'limelight run --help'",
    )
    add_person_arguments(parser)
    add_light_argument(parser)
    add_timecode_argument(parser)
    add_engine_arguments(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Stream; returns the exit status."""
    from facemodel import FaceModel, LimelightError
    from limelight.light_argument import light_values
    from realtime.session import Session
    from realtime.session_config import SessionConfig
    from realtime.sinks.address import Address
    from realtime.threads import limit_threads
    from realtime.tracking.smoothing import SmoothingSettings

    if sum((args.source is not None, args.take is not None, args.pattern)) > 1:
        raise LimelightError("stream: give one of --source, --take and --pattern")
    if args.loop and args.take is None and args.source is None:
        raise LimelightError("stream --loop begins a take, or a video, again: add --take FILE.mcap or --source FILE")
    for option, given in (("--faces", args.faces != 1), ("--smoothing", bool(args.smoothing))):
        if given and (args.take is not None or args.pattern):
            raise LimelightError(f"stream {option} is for a source: what was recorded stays as it is")
    for text in args.addresses:
        if not Address.parse(text).scheme:
            raise LimelightError(f"stream {text}: an address looks like vmc:// or ws:// (see 'limelight sinks')")
    outputs = claim_outputs("stream", None, args.addresses, force=False)
    limit_threads(args.threads)
    model = FaceModel.load()
    config = SessionConfig(
        paced=True,
        at_end="loop" if args.loop else "stop",
        all_sinks=True,
        person=args.person,
        glasses=args.glasses,
        timecode=args.timecode,
        performer=args.performer,
        source=source_settings(args, live=True),
        lighting=light_values(args.light),
        recorded_light=args.light is None,
        smoothing=SmoothingSettings.parse(",".join(args.smoothing)) if args.smoothing else None,
    )
    session = Session(model, partial(make_tracker, args, model, args.faces), config)
    for text in args.addresses:
        session.add_sink(text)
    return work_through(session, partial(_open, args, session), outputs, seconds=args.seconds or math.inf)


def _open(args: argparse.Namespace, session: Session) -> Loop:
    from realtime.sources import default_source
    from realtime.streams.pattern import PatternFeed

    if args.pattern:
        return session.use(PatternFeed(session.model))
    if args.take is None and args.source is None:
        args.source, note = default_source()
        print(f"limelight: {note}", file=sys.stderr)
    return open_telling(session, args.source if args.take is None else str(args.take))

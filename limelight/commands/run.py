"""`limelight run`: the live loop, in a window or headless."""

from __future__ import annotations

import argparse
import os
import sys
from functools import partial
from pathlib import Path

from limelight.arguments import (
    add_engine_arguments,
    add_faces_argument,
    add_light_argument,
    add_person_arguments,
    add_sink_argument,
    add_source_arguments,
    add_timecode_argument,
    face_count,
    positive_float,
    positive_int,
    source_settings,
)
from limelight.live_tracker import make_tracker
from limelight.working_through import claim_outputs, has_display, open_telling, work_through

DEMO_SECONDS = 10.0
"""Length of a run that nobody sees and nobody limited, on a machine with neither camera nor display."""


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add the sub-command."""
    parser = subparsers.add_parser(
        "run",
        help="capture faces live",
        description="Follows the faces of a source and shows them as shaded 3D faces in a window. Without a display, "
        "or with --headless, it only computes and writes, and closes with one line of JSON.",
    )
    add_source_arguments(parser)
    parser.add_argument("--headless", action="store_true", help="no window; every frame of a file is processed")
    parser.add_argument("--seconds", type=positive_float, metavar="S", help="stop after S seconds of the source")
    parser.add_argument("--frames", type=positive_int, metavar="N", help="stop after N frames")
    add_faces_argument(parser)
    parser.add_argument(
        "--performer",
        type=face_count,
        metavar="N",
        help="the face that is shown and streamed where there is room for one: the N-th from the left (default: the "
        "largest; in the window a click or Ctrl+N chooses another)",
    )
    parser.add_argument(
        "--smoothing",
        action="append",
        default=[],
        metavar="PRESET|PART=S",
        help="still, balanced (default) or raw, or the strength of one part, 0 to 1: head, eyes, brows, mouth, light; "
        "repeatable, such as --smoothing still --smoothing mouth=0.3",
    )
    parser.add_argument(
        "--take",
        type=Path,
        metavar="FILE.mcap",
        help="record every parameter of every face; into a folder, a take named by the slate",
    )
    parser.add_argument(
        "--sound",
        nargs="?",
        const="",
        metavar="DEVICE",
        help="keep the source's sound in the take, or that of a microphone, by part of its name",
    )
    add_person_arguments(parser)
    parser.add_argument("--scene", default="", metavar="NAME", help="scene, for the slate and the take's name")
    parser.add_argument(
        "--take-number",
        type=positive_int,
        metavar="N",
        help="number of the take in its scene (default: 1); in the window every take counts it on",
    )
    parser.add_argument("--notes", default="", metavar="TEXT", help="notes, for the slate")
    parser.add_argument(
        "--names",
        default="",
        metavar="PATTERN",
        help="how takes are named: {scene}, {take:02d}, {date}, {time}",
    )
    add_timecode_argument(parser)
    parser.add_argument("--pictures", action="store_true", help="keep the source's pictures in the take")
    parser.add_argument("--video", type=Path, metavar="OUT.mp4", help="film the overlay, with the source's sound")
    add_sink_argument(parser)
    add_light_argument(parser)
    parser.add_argument("--force", action="store_true", help="replace files that exist already")
    add_engine_arguments(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Capture; returns the exit status."""
    from facemodel import FaceModel, LimelightError
    from limelight.light_argument import light_values
    from realtime.session import Session
    from realtime.session_config import SessionConfig
    from realtime.sinks.recorder import take_address
    from realtime.sources import default_source
    from realtime.takes.slate import Slate
    from realtime.threads import limit_threads
    from realtime.tracking.smoothing import SmoothingSettings

    if args.take_number is not None and not args.scene:
        raise LimelightError("--take-number counts the takes of a scene: add --scene NAME")
    headless = args.headless
    if not headless and not has_display():
        print("limelight: no display found: running headless", file=sys.stderr)
        headless = True
    if headless and args.source is None:
        args.source, note = default_source()
        print(f"limelight: {note}", file=sys.stderr)
        if args.source == "synthetic" and not args.headless:
            _film_a_demo(args, SessionConfig.takes)
    slate = Slate(args.scene, args.take_number or 1, args.notes)
    if args.take is not None and args.take.is_dir():
        args.take = slate.path(args.take, args.names)
    for option, path, suffix in (("--take", args.take, ".mcap"), ("--video", args.video, ".mp4")):
        if path is not None and path.suffix.lower() != suffix:
            raise LimelightError(f"{option} {path}: the name must end in {suffix}")
    for option, given in (("pictures", args.pictures), ("sound", args.sound is not None)):
        if given and args.take is None:
            raise LimelightError(f"--{option} keeps the source's {option} in a take: add --take FILE.mcap")
    addresses = [] if args.take is None else [take_address(args.take, slate, args.pictures, args.sound)]
    addresses += ([] if args.video is None else [str(args.video)]) + args.sink
    outputs = claim_outputs("run", args.source, addresses, args.force)

    lighting = light_values(args.light)
    limit_threads(args.threads)
    model = FaceModel.load()
    config = SessionConfig(
        paced=not headless,
        all_sinks=headless,
        frames=args.frames,
        seconds=args.seconds,
        performer=args.performer,
        source=source_settings(args, live=not headless),
        smoothing=SmoothingSettings.parse(",".join(args.smoothing)) if args.smoothing else None,
        slate=slate,
        names=args.names,
        timecode=args.timecode,
        person=args.person,
        glasses=args.glasses,
        lighting=lighting,
        recorded_light=args.light is None,
    )
    session = Session(model, partial(make_tracker, args, model, args.faces), config)
    for address in addresses:
        session.add_sink(address)
    if not headless:
        from realtime.ui.app import run_window

        with outputs.replacing():
            status = run_window(session, source=args.source, tour=True)
        for path in outputs.claimed:
            outputs.written(path)
        return status
    return work_through(session, partial(open_telling, session, args.source), outputs, args.frames)


def _film_a_demo(args: argparse.Namespace, takes: Path) -> None:
    """A run that nobody sees and nobody limited leaves a take and a video, and ends."""
    from realtime.takes.slate import Slate

    args.seconds = args.seconds if args.seconds or args.frames else DEMO_SECONDS
    if args.take is None:  # two runs may begin in the same second
        dated = Slate().path(takes)
        args.take = dated.with_stem(f"{dated.stem}-{os.getpid()}")
    args.video = args.video or args.take.with_suffix(".mp4")

"""`limelight view`: the face in any browser."""

from __future__ import annotations

import argparse
import sys
import webbrowser
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from limelight.arguments import (
    add_engine_arguments,
    add_faces_argument,
    add_light_argument,
    add_person_arguments,
    add_sink_argument,
    add_source_arguments,
    source_settings,
)
from limelight.live_tracker import make_tracker
from limelight.working_through import claim_outputs, open_telling, work_through

if TYPE_CHECKING:
    from realtime.loop.loop import Loop


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add the sub-command."""
    parser = subparsers.add_parser(
        "view",
        help="show the face in any browser: a tablet, a second monitor, OBS",
        description="Serves a page that shows the live or replayed face, to turn, to light and to see in other ways. "
        "Only this machine can open it, unless --host 0.0.0.0 says otherwise; its address has a token then. For OBS's "
        "browser source add transparent=1&controls=0 to the address. Goes on until Ctrl+C or the source's end; "
        "a take plays over and over.",
    )
    add_source_arguments(parser)
    parser.add_argument(
        "--take", type=Path, metavar="FILE.mcap", help="play a take, over and over, in place of a source"
    )
    parser.add_argument("--host", default="127.0.0.1", metavar="HOST", help="where to listen (default: %(default)s)")
    parser.add_argument(
        "--port", type=_port, default=8780, metavar="N", help="port; 0 takes a free one (default: %(default)s)"
    )
    parser.add_argument("--open", action="store_true", help="open the page in this machine's browser")
    add_faces_argument(parser)
    add_sink_argument(parser)
    add_light_argument(parser)
    parser.add_argument("--force", action="store_true", help="replace files that exist already")
    add_person_arguments(parser)
    add_engine_arguments(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Serve the page; returns the exit status."""
    from facemodel import FaceModel, LimelightError
    from limelight.light_argument import light_values
    from realtime.session import Session
    from realtime.session_config import SessionConfig
    from realtime.sinks.address import Address
    from realtime.sinks.worker import Worker
    from realtime.sources import default_source
    from realtime.threads import limit_threads
    from realtime.web.view import View

    if args.take is not None and args.source is not None:
        raise LimelightError("view shows a source or a take: give --source or --take, not both")
    if args.take is not None and args.faces != 1:
        raise LimelightError("view --faces is for a source: what was recorded stays as it is")
    args.source = args.source if args.take is None else str(args.take)
    if args.source is None:
        args.source, note = default_source()
        print(f"limelight: {note}", file=sys.stderr)
    if (files := [text for text in args.sink if not Address.parse(text).scheme]) and args.take is not None:
        raise LimelightError(f"view plays a take over and over: {files[0]} would never end; leave it out")
    outputs = claim_outputs("view", args.source, args.sink, args.force)
    limit_threads(args.threads)
    model = FaceModel.load()
    config = SessionConfig(
        at_end="stop" if args.take is None else "loop",
        all_sinks=True,
        source=source_settings(args, live=True),
        lighting=light_values(args.light),
        recorded_light=args.light is None,
        person=args.person,
        glasses=args.glasses,
    )
    session = Session(model, partial(make_tracker, args, model, args.faces), config)
    view = View(args.host, args.port)
    worker = session.add_sink(Worker(view, address=f"view://{args.host}:{args.port}"))
    for address in args.sink:
        session.add_sink(address)

    def start() -> Loop:
        loop = open_telling(session, args.source)
        if worker.ready:
            for place, url in zip(("this machine", "others"), view.addresses(), strict=False):
                print(f"limelight: for {place}: {url}", file=sys.stderr, flush=True)
            if args.open:
                webbrowser.open(view.broadcast.url)
        return loop

    return work_through(session, start, outputs)


def _port(text: str) -> int:
    try:
        value = int(text)
    except ValueError:
        value = -1
    if not 0 <= value <= 65535:
        raise argparse.ArgumentTypeError(f"must be a number from 0 to 65535, not {text!r}")
    return value

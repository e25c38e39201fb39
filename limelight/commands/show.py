"""`limelight show`: a show of cues is played, from the keyboard and from desks."""

from __future__ import annotations

import argparse
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from limelight.arguments import (
    add_engine_arguments,
    add_faces_argument,
    add_person_arguments,
    add_sink_argument,
    add_source_arguments,
    add_timecode_argument,
    positive_float,
    source_settings,
)
from limelight.live_tracker import make_tracker
from limelight.working_through import claim_outputs, has_display, open_telling, work_through

if TYPE_CHECKING:
    from realtime.controls.desk import DeskConfig
    from realtime.light.cues.document import ShowDocument
    from realtime.light.show import Show
    from realtime.loop.loop import Loop

OSC_PORT, OSC_QUERY_PORT = 8000, 8001


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add the sub-command."""
    parser = subparsers.add_parser(
        "show",
        help="play a show of cues, controlled by OSC, MIDI, Art-Net, sACN or a phone",
        description="Plays a show file (docs/show_files.md) on the face of a source. Nothing is listened to that is "
        "not asked for, and only this machine may call unless a HOST such as 0.0.0.0 says otherwise. docs/control.md "
        "says what desks can do. A show that was cut short goes on where it was.",
    )
    parser.add_argument("file", nargs="?", type=Path, metavar="FILE", help="the show, a YAML file")
    parser.add_argument("--demo", action="store_true", help="play the show that comes with Limelight")
    parser.add_argument("--addresses", action="store_true", help="print all commands, and end")
    parser.add_argument("--gdtf", type=Path, metavar="OUT.gdtf", help="write our DMX fixtures for a desk, and end")
    parser.add_argument(
        "--osc", nargs="?", const="", metavar="[HOST:]PORT", help=f"listen to OSC (default port: {OSC_PORT})"
    )
    parser.add_argument(
        "--osc-feedback", action="append", default=[], metavar="HOST:PORT", help="tell who of changes; repeatable"
    )
    parser.add_argument(
        "--osc-query", nargs="?", const="", metavar="[HOST:]PORT", help=f"OSCQuery (default port: {OSC_QUERY_PORT})"
    )
    parser.add_argument(
        "--midi", nargs="?", const="", metavar="PORT", help="listen to a MIDI input, by part of its name"
    )
    parser.add_argument(
        "--midi-map", type=Path, metavar="FILE.toml", help="what knobs and keys do; what is learned is kept"
    )
    parser.add_argument(
        "--msc-device", type=_device, default=0, metavar="N", help="MIDI Show Control device, 0 to 111 (default: 0)"
    )
    for kind, name, first in (("sacn", "sACN", 1), ("artnet", "Art-Net", 0)):
        parser.add_argument(
            f"--{kind}",
            nargs="?",
            const="",
            metavar="UNIVERSE[.SLOT][@HOST]",
            help=f"listen to {name} (default: universe {first}, from slot 1)",
        )
    parser.add_argument(
        "--remote", nargs="?", const="", metavar="[HOST:]PORT", help="serve a page with GO for a phone (0.0.0.0:8781)"
    )
    parser.add_argument("--chase", type=Path, metavar="FILE", help="timecodes that cues start at; with --timecode")
    add_source_arguments(parser)
    parser.add_argument("--headless", action="store_true", help="no window")
    parser.add_argument("--seconds", type=positive_float, metavar="S", help="without a window: stop after S seconds")
    add_faces_argument(parser)
    add_sink_argument(parser)
    parser.add_argument("--force", action="store_true", help="replace files that exist already")
    add_person_arguments(parser)
    add_timecode_argument(parser)
    add_engine_arguments(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Play a show; returns the exit status."""
    from facemodel import FaceModel, LimelightError
    from realtime.controls.desk import Desk
    from realtime.light.cues.journal import Journal
    from realtime.session import Session, SessionConfig
    from realtime.sources import default_source
    from realtime.threads import limit_threads

    if args.addresses:
        print(addresses(), end="")
        return 0
    if args.gdtf is not None:
        return _write_gdtf(args)
    if args.midi_map is not None and args.midi is None:
        raise LimelightError("show --midi-map says what a MIDI desk does: add --midi")
    if args.chase is not None and args.timecode is None:
        raise LimelightError("show --chase follows timecode: add --timecode, such as --timecode mtc")
    document, file = _document(args)
    desk_config = _desk_config(args)
    headless = args.headless
    if not headless and not has_display():
        print("limelight: no display found: running headless", file=sys.stderr)
        headless = True
    if args.source is None and (headless or args.demo):
        args.source, note = ("synthetic", "the synthetic performer acts") if args.demo else default_source()
        print(f"limelight: {note}", file=sys.stderr)
    outputs = claim_outputs("show", args.source, args.sink, args.force)
    limit_threads(args.threads)
    model = FaceModel.load()
    config = SessionConfig(
        paced=True,
        all_sinks=headless,
        at_end="stop" if headless else "pause",
        source=source_settings(args, live=True),
        timecode=args.timecode,
        person=args.person,
        glasses=args.glasses,
        show=document,
    )
    session = Session(model, partial(make_tracker, args, model, args.faces), config)
    for address in args.sink:
        session.add_sink(address)
    if file is not None:
        _go_on(session.show, file)
    desk = Desk(session, desk_config)
    desk.start()
    journal = Journal(session.show, file, tell=_tell) if file is not None else None
    ended = False
    try:
        for line in desk.lines():
            _tell(line)
        if headless:

            def start() -> Loop:
                return open_telling(session, args.source)

            status = work_through(session, start, outputs, seconds=args.seconds or float("inf"))
        else:
            from realtime.ui.app import run_window

            with outputs.replacing():
                status = run_window(session, source=args.source, show_file=file, desk=desk)
            for path in outputs.claimed:
                outputs.written(path)
        ended = True
        return status
    finally:
        desk.stop()
        if journal is not None:
            journal.close(ended)


def addresses() -> str:
    """Return all commands as a table in Markdown."""
    from typing import cast

    from realtime.controls.commands import session_commands, show_commands
    from realtime.controls.table import describe
    from realtime.light.show import Show
    from realtime.session import Session

    none = cast(Session, None)  # the commands are listed, not called
    return describe([*show_commands(Show()), *session_commands(none)])


def _tell(line: str) -> None:
    print(f"limelight: {line}", file=sys.stderr, flush=True)


def _go_on(show: Show, file: Path) -> None:
    """Bring a show to where it was, if it was not ended."""
    from facemodel import LimelightError
    from realtime.light.cues.journal import recall

    try:
        left = recall(file)
    except LimelightError as error:
        print(f"limelight: {error}", file=sys.stderr)
        return
    if left is not None:
        show.restore(left.state, left.document)
        print(f"limelight: {file}: was cut short, and goes on where it was", file=sys.stderr)


def _document(args: argparse.Namespace) -> tuple[ShowDocument, Path | None]:
    """The show, and the file that it is of; None for the one that comes with Limelight."""
    from facemodel import LimelightError
    from realtime.light.cues.show_file import DEMO_SHOW, load_show

    if args.demo == (args.file is not None):
        raise LimelightError("show plays a file, or --demo: give one of them (see 'limelight show --help')")
    return load_show(DEMO_SHOW if args.demo else args.file), args.file


def _desk_config(args: argparse.Namespace) -> DeskConfig:
    from realtime.controls.desk import DeskConfig
    from realtime.controls.dmx import DmxConfig
    from realtime.controls.place import Place
    from realtime.web.remote import PORT

    def place(text: str | None, port: int) -> Place | None:
        return None if text is None else Place.parse(text, port)

    dmx = tuple(
        DmxConfig.parse(kind, text) for kind, text in (("sacn", args.sacn), ("artnet", args.artnet)) if text is not None
    )
    return DeskConfig(
        osc=place(args.osc, OSC_PORT),
        osc_feedback=tuple(Place.parse(text) for text in args.osc_feedback),
        osc_query=place(args.osc_query, OSC_QUERY_PORT),
        midi=args.midi,
        midi_map=args.midi_map,
        msc_device=args.msc_device,
        dmx=dmx,
        remote=place(args.remote, PORT),
        chase=args.chase,
    )


def _write_gdtf(args: argparse.Namespace) -> int:
    from facemodel.output_files import Outputs
    from realtime.controls.gdtf import write_gdtf

    outputs = Outputs("show", [], args.force)
    outputs.claim(args.gdtf)
    with outputs.replacing():
        write_gdtf(args.gdtf)
    outputs.written(args.gdtf)
    print(f"limelight: written: {args.gdtf}", file=sys.stderr)
    return 0


def _device(text: str) -> int:
    value = int(text) if text.isdecimal() else -1
    if not 0 <= value <= 0x6F:
        raise argparse.ArgumentTypeError(f"must be a number from 0 to 111, not {text!r}")
    return value

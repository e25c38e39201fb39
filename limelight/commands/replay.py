"""`limelight replay`: draw a take again."""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from facemodel import LimelightError
from limelight.arguments import add_engine_arguments, add_sink_argument
from limelight.live_tracker import make_tracker
from limelight.working_through import claim_outputs, work_through

if TYPE_CHECKING:
    from realtime.light.values import Value
    from realtime.sinks.worker import Worker

MODES = ("shaded", "relit", "geometry", "diffuse", "specular", "albedo", "wireframe")


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add the sub-command."""
    parser = subparsers.add_parser(
        "replay",
        help="draw a take again, in a window or into a video",
        description="Plays a take in a window, or draws it into a video: then only the part between its in and out "
        "points, if it has them. A take holds parameters, and pictures only if they were recorded too: without them "
        "the face appears on a plain background.",
    )
    parser.add_argument("take", type=Path, metavar="TAKE", help="recorded with 'limelight run --take', or key R")
    parser.add_argument("--headless", action="store_true", help="no window; needs --video or --sink")
    parser.add_argument("--video", type=Path, metavar="OUT.mp4", help="draw into a video instead of a window")
    add_sink_argument(parser)
    parser.add_argument("--mode", choices=MODES, help="what the video shows (default: shaded)")
    parser.add_argument("--raw", action="store_true", help="draw the network's own parameters, not the smoothed ones")
    parser.add_argument(
        "--light",
        default="recorded",
        metavar="recorded|estimated|PRESET|PANORAMA",
        help="the light that was recorded (default), the one that was estimated, a preset's, such as sunset, or "
        "that of a panorama (.hdr, .exr, .jpg)",
    )
    parser.add_argument("--whole", action="store_true", help="the whole take, whatever markers 'in' and 'out' say")
    parser.add_argument("--force", action="store_true", help="replace files that exist already")
    add_engine_arguments(parser)  # for a source that is opened in the window
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Replay; returns the exit status."""
    from facemodel import FaceModel
    from limelight.light_argument import light_values
    from realtime.session import Session
    from realtime.session_config import SessionConfig
    from realtime.takes import TakeReader
    from realtime.threads import limit_threads

    headless = args.headless or args.video is not None
    if headless and args.video is None and not args.sink:
        raise LimelightError("replay --headless needs somewhere to go: add --video OUT.mp4 or --sink ADDRESS")
    if args.video is None and (args.raw or args.mode is not None):
        raise LimelightError("--mode and --raw are for a video: add --video OUT.mp4; the window has keys for the modes")
    if args.whole and not headless:
        raise LimelightError("--whole is for --headless and --video: the window has all of a take")
    lighting: dict[str, Value] = {}
    if args.light == "estimated":
        lighting = {"light/source": "estimated"}
    elif args.light != "recorded":
        lighting = light_values(args.light)
    TakeReader(args.take)  # what is no take is told before a window opens
    addresses = ([str(args.video)] if args.video is not None else []) + args.sink
    outputs = claim_outputs("replay", str(args.take), addresses, args.force)
    limit_threads(args.threads)
    model = FaceModel.load()
    config = SessionConfig(
        paced=not headless,
        all_sinks=headless,
        marked=headless and not args.whole,
        lighting=lighting,
        recorded_light=args.light == "recorded",
    )
    session = Session(model, partial(make_tracker, args, model), config)
    if args.video is not None:
        session.add_sink(_video_of(args.video, args.mode or MODES[0], args.raw))
    for address in args.sink:
        session.add_sink(address)
    if not headless:
        from realtime.ui.app import run_window

        with outputs.replacing():
            status = run_window(session, source=str(args.take))
        for path in outputs.claimed:
            outputs.written(path)
        return status
    return work_through(session, partial(session.open, str(args.take)), outputs)


def _video_of(path: Path, mode: str, raw: bool) -> Worker:
    """A sink that draws a take into a video: the face on its pictures if it has any, else the whole head alone."""
    from realtime.outputs.overlay import Overlay
    from realtime.outputs.video_file import VideoFile
    from realtime.render import RenderOptions, ViewMode
    from realtime.sinks.registry import VIDEO_WORKER
    from realtime.sinks.worker import Worker

    view = ViewMode.OVERLAY if mode == "shaded" else ViewMode(mode)
    drawing = partial(Overlay, options=RenderOptions(mode=view), raw=raw)
    return Worker(VideoFile(path, drawing), VIDEO_WORKER, str(path))

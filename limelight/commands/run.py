"""`limelight run`: the live loop, in a window or headless."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from facemodel import FaceModel
    from realtime.engines import Engine
    from realtime.session import Session
    from realtime.sources.base import Source

DEMO_SECONDS = 10.0
"""Length of a run that nobody sees and nobody limited, on a machine with neither camera nor display."""


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    parser = subparsers.add_parser(
        "run",
        help="capture a face live",
        description="Follows the face of a source and shows it as a shaded 3D face in a window. Without a display, or "
        "with --headless, it only computes and writes, and closes with one line of JSON.",
    )
    parser.add_argument(
        "--source",
        metavar="SOURCE",
        help="camera, camera:N, a camera's name, a video or image file, a folder of images, or synthetic "
        "(default: the first camera, or the synthetic performer where there is none)",
    )
    parser.add_argument("--headless", action="store_true", help="no window; every frame of a file is processed")
    parser.add_argument("--seconds", type=_positive_float, metavar="S", help="stop after S seconds of the source")
    parser.add_argument("--frames", type=_positive_int, metavar="N", help="stop after N frames")
    parser.add_argument("--take", type=Path, metavar="FILE", help="record every tracked frame to FILE (.mcap)")
    parser.add_argument("--video", type=Path, metavar="OUT.mp4", help="write the overlay as a video")
    parser.add_argument("--network", default="student", metavar="NAME|FILE", help="network (default: student)")
    parser.add_argument(
        "--engine",
        default="auto",
        metavar="NAME",
        help="what runs the network: onnxruntime, tensorrt, or auto (default), which measures what is installed for a "
        "second, and remembers what suits this machine",
    )
    parser.add_argument(
        "--threads", type=_positive_int, default=2, metavar="N", help="that any computation may use (default: 2)"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from facemodel import FaceModel
    from realtime.face_finder import MediaPipeFaceFinder
    from realtime.session import Session, SessionConfig
    from realtime.sources import default_source
    from realtime.threads import limit_threads

    headless = args.headless
    if not headless and not _has_display():
        print("limelight: no display found: running headless", file=sys.stderr)
        headless = True
    if headless and args.source is None:
        args.source, note = default_source()
        print(f"limelight: {note}", file=sys.stderr)
        if args.source == "synthetic" and not args.headless:
            _film_a_demo(args, SessionConfig.takes)
    for path in (args.take, args.video):
        _require_writable(path)

    limit_threads(args.threads)
    model = FaceModel.load()
    engine = _choose_engine(args.network, model, args.engine, args.threads)
    config = SessionConfig(realtime=not headless, frames=args.frames, seconds=args.seconds)
    with MediaPipeFaceFinder() as finder:
        session = Session(model, engine, finder, config)
        session.on_first_source = partial(_begin_recordings, session, args.take, args.video)
        return _run_headless(session, args) if headless else _run_window(session, args)


def _choose_engine(network: str, model: FaceModel, engine: str, threads: int) -> Engine:
    """The engine that was asked for, or the one that keeps up with a camera here; says which in one line."""
    from limelight.engine_kinds import ENGINE_KINDS
    from realtime.engines import network_file
    from realtime.engines.choice import ChoiceConfig, EngineChooser
    from realtime.sources import CameraSettings

    chooser = EngineChooser(ENGINE_KINDS, lambda line: print(f"limelight: {line}", file=sys.stderr))
    return chooser.open(network_file(network), model, ChoiceConfig(threads, CameraSettings.fps), engine)


def _film_a_demo(args: argparse.Namespace, takes: Path) -> None:
    """A run that nobody sees and nobody limited leaves a take and a video, and ends."""
    from realtime.session import dated_path

    args.seconds = args.seconds if args.seconds or args.frames else DEMO_SECONDS
    args.take = args.take or dated_path(takes, ".mcap")
    args.video = args.video or args.take.with_suffix(".mp4")


def _require_writable(path: Path | None) -> None:
    """Refuse an output that can never be written, before anything is opened.

    Raises:
        LimelightError: its folder does not exist and cannot be made, or cannot be written to.
    """
    if path is None:
        return
    from facemodel import LimelightError

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LimelightError(f"{path}: its folder cannot be made ({error.strerror})") from error
    if not os.access(path.parent, os.W_OK):
        raise LimelightError(f"{path}: its folder cannot be written to; choose another")


def _run_headless(session: Session, args: argparse.Namespace) -> int:
    from tqdm import tqdm

    from facemodel import LimelightError
    from realtime.sources import SourceSettings, open_source

    signal.signal(signal.SIGTERM, signal.default_int_handler)  # like Ctrl-C: files are finished
    interrupted, said = False, ""
    try:
        pipeline = session.use_source(open_source(args.source, SourceSettings(synthetic_live=False)))
    except LimelightError:
        session.stop()
        raise
    with tqdm(unit="frame", total=args.frames, disable=None, leave=False) as progress:
        try:
            while not pipeline.wait(0.2):
                status = pipeline.status()
                progress.update(status.frames - progress.n)
                if status.message not in ("", said):
                    said = status.message
                    print(f"limelight: {said}", file=sys.stderr)
        except KeyboardInterrupt:
            interrupted = True
    pipeline.stop()
    errors = list(pipeline.errors)
    try:
        session.stop()
    except LimelightError as error:
        errors.append(str(error))
    for error in dict.fromkeys(errors):
        print(f"limelight: error: {error}", file=sys.stderr)
    for what, path in (("take", args.take), ("video", args.video)):
        if path and path.is_file():
            print(f"limelight: {what} written to {path}", file=sys.stderr)
    status = pipeline.status()
    summary = {
        "frames": status.frames,
        "tracked_frames": status.tracked_frames,
        "fps": round(status.frames / pipeline.elapsed, 2),
        "latency_ms": pipeline.times.summary(),
    }
    print(json.dumps(summary))
    if errors:
        return 1
    return 130 if interrupted else 0


def _begin_recordings(session: Session, take: Path | None, video: Path | None, source: Source) -> None:
    """Start the take and the video that were asked for; the session ends both."""
    from realtime.outputs.overlay_video import OverlayVideo

    if take:
        session.start_recording(take)
    if video:
        live = source.live or session.config.realtime
        sink = OverlayVideo(video, session.model, source.width, source.height, source.fps, live)
        session.add_sink(sink, owned=True)


def _run_window(session: Session, args: argparse.Namespace) -> int:
    from realtime.ui.app import run_window

    return run_window(session, source=args.source)


def _has_display() -> bool:
    """Whether a window can be shown: always on macOS and Windows, with X11 or Wayland elsewhere."""
    if sys.platform in ("darwin", "win32"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _positive_int(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return value


def _positive_float(text: str) -> float:
    value = float(text)
    if not 0.0 < value < float("inf"):
        raise argparse.ArgumentTypeError("must be above 0")
    return value

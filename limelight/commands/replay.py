"""`limelight replay`: draw a take again."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from facemodel import LimelightError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from facemodel import FaceModel
    from realtime.frame import TrackedFrame
    from realtime.takes import Take

MODES = ("shaded", "geometry", "diffuse", "specular", "albedo", "wireframe")


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add the sub-command."""
    parser = subparsers.add_parser(
        "replay",
        help="draw a take again, in a window or into a video",
        description="Plays a take in a window, or draws it into a video. A take holds parameters, not pictures, so "
        "the face appears on a plain background.",
    )
    parser.add_argument("take", type=Path, metavar="TAKE", help="recorded with 'limelight run --take', or key R")
    parser.add_argument("--headless", action="store_true", help="no window; needs --video")
    parser.add_argument("--video", type=Path, metavar="OUT.mp4", help="draw into a video instead of a window")
    parser.add_argument("--mode", choices=MODES, help="what the video shows (default: shaded)")
    parser.add_argument("--raw", action="store_true", help="draw the network's own parameters, not the smoothed ones")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Replay; returns the exit status."""
    from facemodel import FaceModel
    from realtime.takes import load_take

    if args.headless and args.video is None:
        raise LimelightError("replay --headless draws into a video: add --video OUT.mp4")
    if args.video is None and (args.raw or args.mode is not None):
        raise LimelightError("--mode and --raw are for a video: add --video OUT.mp4; the window has keys for the modes")
    take = load_take(args.take)
    if take.cut:
        print(f"limelight: warning: {take.cut}", file=sys.stderr)
    model = FaceModel.load()
    take.header.require_model(model)
    if args.video is not None:
        frames = write_video(take, model, args.video, args.mode or MODES[0], args.raw)
        print(f"{args.video}: {frames} frames, {take.duration:.2f} s")
        return 0
    return _show(take, model)


def write_video(take: Take, model: FaceModel, path: Path, mode: str = MODES[0], raw: bool = False) -> int:
    """Draw a take into an mp4 that runs as the take's timestamps do.

    Args:
        take: recorded with `model`.
        model: drawn.
        path: ends in .mp4; replaced if it exists.
        mode: one of `MODES`.
        raw: draw the network's own parameters instead of the smoothed ones.

    Returns:
        The number of frames in the video.

    Raises:
        LimelightError: no OpenGL, or the file cannot be written.
    """
    from tqdm import tqdm

    from realtime.outputs.video_writer import VideoWriter
    from realtime.render import HeadlessRenderer, RenderOptions, ViewMode
    from realtime.takes import TakePlayer

    view = ViewMode.OVERLAY if mode == "shaded" else ViewMode(mode)
    options = RenderOptions(mode=view, whole_head=True)
    header = take.header
    with HeadlessRenderer(model, header.width, header.height) as renderer:

        def draw(result: TrackedFrame) -> NDArray[np.uint8]:
            return renderer.render(None, result.raw if raw else result.smoothed, options)

        writer = VideoWriter(path, header.width, header.height, header.fps, draw, keep_time=True)
        try:
            player = TakePlayer(take)
            with tqdm(total=len(take), unit="frame", disable=None, leave=False) as progress:
                while (result := player.read()) is not None:
                    writer.submit(result)
                    progress.update()
        finally:
            writer.close()
    return writer.frames


def _show(take: Take, model: FaceModel) -> int:
    try:
        from realtime.ui.app import run_window
    except ImportError as error:
        raise LimelightError(f"no window can be opened here ({error}); replay into a video with --video") from error
    from realtime.takes.replay_session import ReplaySession

    session = ReplaySession(take, model)
    return run_window(session, playback=session.playback)

"""`limelight export-take`: a take in another program's format."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from realtime.takes import Take
    from realtime.takes.clip import ClipEdit


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add the sub-command."""
    parser = subparsers.add_parser(
        "export-take",
        help="write a take in another format",
        description=(
            "Writes a take for another program: expression weights under ARKit's 52 names, head, eyes and light of "
            "every frame, and the head itself where the format has room. docs/exports.md describes each format."
        ),
    )
    parser.add_argument("take", type=Path, metavar="TAKE", help="recorded with 'limelight run --take', or key R")
    parser.add_argument(
        "--to", required=True, metavar="FORMAT", help="livelink-csv, gltf, bvh and others; any other name lists them"
    )
    parser.add_argument("--out", required=True, type=Path, metavar="PATH", help="file to write, or folder of files")
    parser.add_argument(
        "--all-faces",
        action="store_true",
        help="every face in a file of its own, NAME.face1.csv, NAME.face2.csv; without it, the performer",
    )
    parser.add_argument("--raw", action="store_true", help="the network's own parameters, not the smoothed ones")
    parser.add_argument(
        "--clean",
        nargs="?",
        const="",
        metavar="OPTIONS",
        help="close gaps, remove spikes and smooth without delay; usual: gaps=0.2,spikes=4,strength=0.5 (seconds, "
        "standard deviations, 0 to 1; 0 leaves one out)",
    )
    parser.add_argument(
        "--fps",
        metavar="RATE",
        help="resample to 23.976, 24, 25, 29.97, 29.97df, 30, 48, 50, 59.94, 59.94df or 60 frames a second",
    )
    parser.add_argument(
        "--timecode",
        metavar="START",
        help="timecode of the first frame, such as 01:00:00:00, or 01:00:00;00 to count with drops (default: what the "
        "take has)",
    )
    parser.add_argument(
        "--from", dest="begin", metavar="S", help="begin: seconds, or a marker's text (default: marker 'in', if any)"
    )
    parser.add_argument("--until", dest="end", metavar="S", help="end, likewise (default: marker 'out', if any)")
    parser.add_argument("--whole", action="store_true", help="the whole take, whatever markers 'in' and 'out' say")
    parser.add_argument("--force", action="store_true", help="replace files that exist already")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Export; returns the exit status."""
    from tqdm import tqdm

    from facemodel.output_files import Outputs
    from realtime.takes import load_take
    from realtime.takes.exporters import exports

    take = load_take(args.take)
    if take.cut:
        print(f"limelight: warning: {take.cut}", file=sys.stderr)
    outputs = Outputs("export-take", [args.take], args.force)
    with tqdm(unit="frame", disable=None, leave=False, delay=1.0) as progress:
        planned = exports(take, args.to, args.out, args.raw, args.all_faces, _edit(args, take), progress.update)
        progress.total = sum(len(one.clip) for one in planned)
        leftovers = [outputs.claim(path) for one in planned for path in one.leftovers]
        for one in planned:
            for path in one.files:
                outputs.claim(path)
        for path in leftovers:
            outputs.withdraw(path)
        for one in planned:
            try:
                one.write()
            finally:  # of a folder, an interrupted export leaves some
                for path in one.files:
                    outputs.written(path)
            tqdm.write(f"{one.path}: {len(one.clip)} frames, {one.clip.duration:.2f} s", file=sys.stdout)
    return 0


def _edit(args: argparse.Namespace, take: Take) -> ClipEdit:
    """What is done to the take's frames.

    Raises:
        LimelightError: an option makes no sense.
    """
    from facemodel import LimelightError
    from realtime.frame_rate import FrameRate, Timecode
    from realtime.takes.clean import Cleaning
    from realtime.takes.clip import ClipEdit, export_range

    if args.whole and (args.begin or args.end):
        raise LimelightError("--whole leaves no room for --from and --until")
    begin, end = (None, None) if args.whole else export_range(take, args.begin, args.end)
    rate = FrameRate.parse(args.fps) if args.fps else None
    start = None
    if args.timecode:
        rate = rate or FrameRate.nearest(take.header.nominal_fps)
        if ";" in args.timecode and not rate.drop:
            if rate.name not in ("29.97", "59.94"):
                raise LimelightError(
                    f"--timecode {args.timecode}: only 29.97 and 59.94 frames a second count with drops, not {rate}; "
                    f"write {args.timecode.replace(';', ':')}, or add --fps 29.97df"
                )
            rate = FrameRate.parse(f"{rate}df")
        start = Timecode.parse(args.timecode, rate)
    cleaning = None if args.clean is None else Cleaning.parse(args.clean)
    return ClipEdit(begin, end, cleaning, rate, start)

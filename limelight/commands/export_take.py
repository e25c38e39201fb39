"""`limelight export-take`: a take in another program's format."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add the sub-command."""
    parser = subparsers.add_parser(
        "export-take",
        help="write a take in another format",
        description="Writes expression weights under ARKit's 52 names, head pose, light and timestamps of every frame.",
    )
    parser.add_argument("take", type=Path, metavar="TAKE", help="recorded with 'limelight run --take', or key R")
    parser.add_argument("--to", required=True, metavar="FORMAT", help="csv, npz; any other name lists what there is")
    parser.add_argument("--out", required=True, type=Path, metavar="PATH", help="file to write")
    parser.add_argument(
        "--all-faces",
        action="store_true",
        help="every face in a file of its own, NAME.face1.csv, NAME.face2.csv; without it, the performer",
    )
    parser.add_argument("--raw", action="store_true", help="the network's own parameters, not the smoothed ones")
    parser.add_argument("--force", action="store_true", help="replace files that exist already")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Export; returns the exit status."""
    from facemodel.output_files import Outputs
    from realtime.takes import load_take
    from realtime.takes.exporters import export_paths, export_take

    take = load_take(args.take)
    if take.cut:
        print(f"limelight: warning: {take.cut}", file=sys.stderr)
    outputs = Outputs("export-take", [args.take], args.force)
    for path in export_paths(take, args.to, args.out, args.all_faces):
        outputs.claim(path)
    for path in export_take(take, args.to, args.out, raw=args.raw, all_faces=args.all_faces):
        outputs.written(path)
        print(f"{path}: {len(take)} frames, {take.duration:.2f} s")
    return 0

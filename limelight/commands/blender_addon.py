"""`limelight blender-addon`: the add-on for Blender."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add the sub-command."""
    parser = subparsers.add_parser(
        "blender-addon",
        help="write the add-on for Blender",
        description="Writes the add-on that puts takes and the live stream onto shape keys, head and eyes in Blender "
        "4.2 and later. Install it there with Edit > Preferences > Get Extensions > Install from Disk.",
    )
    parser.add_argument("out", type=Path, metavar="OUT.zip", help="file to write")
    parser.add_argument("--force", action="store_true", help="replace a file that exists already")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Write it; returns the exit status."""
    from facemodel.output_files import Outputs
    from realtime.blender.addon_zip import write_addon

    outputs = Outputs("blender-addon", [], args.force)
    outputs.claim(args.out)
    write_addon(args.out)
    outputs.written(args.out)
    print(f"{args.out}: install it in Blender with Edit > Preferences > Get Extensions > Install from Disk")
    return 0

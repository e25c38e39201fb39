"""The command `limelight`: one sub-command per thing a person does."""

from __future__ import annotations

import argparse
import io
import logging
import sys
from collections.abc import Sequence
from importlib import import_module

from facemodel import LimelightError

COMMANDS = (
    "run",
    "show",
    "reconstruct",
    "solve",
    "relight",
    "person",
    "replay",
    "view",
    "stream",
    "sinks",
    "export_take",
    "blender_addon",
    "take",
    "compare",
    "model",
    "doctor",
    "train",
    "evaluate",
    "export",
    "benchmark",
)
"""Modules of `limelight.commands`, in the order in which help lists them."""

DESCRIPTION = """Live face capture: a webcam face becomes a 3D morphable face with pose, expression, albedo and light.

  see yourself        limelight run
  play a show         limelight show --demo
  be read as you are  limelight person calibrate NAME
  record a take       limelight run --take session.mcap      (or press R in the window)
  look at a take      limelight replay session.mcap
  compare two takes   limelight compare A.mcap B.mcap
  use a take          limelight export-take session.mcap --to csv --out take.csv
  mend, cut a take    limelight take info session.mcap       (and repair, trim, mark, sound)
  on a tablet, OBS    limelight view
  to other programs   limelight stream vmc:// ws://          (what there is: limelight sinks)
  to Blender          limelight blender-addon limelight.zip
  photographs         limelight reconstruct photo.jpg --out out/
  in another light    limelight relight photo.jpg --light sunset --out relit.png
  slower and closer   limelight solve photo.jpg --out out/
  something amiss     limelight doctor
"""


def build_parser() -> argparse.ArgumentParser:
    """The parser of every sub-command. Command modules import what they need only when they run."""
    parser = argparse.ArgumentParser(
        prog="limelight", description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("-v", "--verbose", action="store_true", help="say more, with tracebacks")
    subparsers = parser.add_subparsers(title="commands", dest="command", required=True, metavar="COMMAND")
    for name in COMMANDS:
        import_module(f"limelight.commands.{name}").add_parser(subparsers)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; user errors are one line on stderr and exit status 1."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # names of files need not be UTF-8
    args = build_parser().parse_args(arguments)
    logging.basicConfig(
        level=logging.DEBUG if args.verbose else logging.WARNING,
        format="limelight: %(levelname)s: %(message)s",
    )
    for chatty in ("matplotlib", "numba", "PIL", "h5py"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    try:
        return args.run(args)
    except LimelightError as error:
        if args.verbose:
            raise
        print(f"limelight: error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("limelight: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        return 1


if __name__ == "__main__":
    sys.exit(main())

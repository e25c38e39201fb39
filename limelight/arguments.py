"""Arguments that several commands have, and what their texts may be."""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from realtime.sources import SourceSettings


def positive_int(text: str) -> int:
    """Read a whole number from 1 on."""
    try:
        value = int(text)
    except ValueError:
        value = 0
    if value < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number from 1 on, not {text!r}")
    return value


def positive_float(text: str) -> float:
    """Read a number above 0."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0.0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"must be a number above 0, not {text!r}")
    return value


def face_count(text: str) -> int:
    """Read how many faces are followed: 1 to 8."""
    from realtime.engines.base import MAX_FACES

    value = positive_int(text)
    if value > MAX_FACES:
        raise argparse.ArgumentTypeError(f"at most {MAX_FACES} faces can be followed at once")
    return value


def thread_count(text: str) -> int:
    """Read how many threads may run: at least 1, and not many times what the machine has."""
    value, most = positive_int(text), 4 * (os.cpu_count() or 1)
    if value > most:
        raise argparse.ArgumentTypeError(f"this machine has {os.cpu_count()} processors; give at most {most}")
    return value


def add_source_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what a source is opened by; `source_settings` reads it."""
    parser.add_argument(
        "--source",
        metavar="SOURCE",
        help="camera, camera:N, a camera's name, a video or image file, a folder of images, a take, a stream "
        "(rtsp://, http://, udp://), or synthetic (default: the first camera, or the synthetic performer where there "
        "is none)",
    )
    parser.add_argument(
        "--rotate",
        choices=("auto", "0", "90", "180", "270"),
        default="auto",
        help="turn the picture clockwise (default: auto, what the file's metadata say)",
    )
    parser.add_argument(
        "--fps", type=positive_float, default=30.0, metavar="RATE", help="rate of a folder of images (default: 30)"
    )


def source_settings(args: argparse.Namespace, live: bool) -> SourceSettings:
    """Return how sources are opened.

    Args:
        args: with what `add_source_arguments` added.
        live: the synthetic performer acts in real time, as before a camera.
    """
    from realtime.sources import SourceSettings

    rotate = None if args.rotate == "auto" else int(args.rotate)
    return SourceSettings(image_fps=args.fps, synthetic_live=live, rotate=rotate)


def add_faces_argument(parser: argparse.ArgumentParser) -> None:
    """Add how many faces are followed."""
    parser.add_argument(
        "--faces", type=face_count, default=1, metavar="N", help="follow up to N faces, 8 at most (default: 1)"
    )


def add_sink_argument(parser: argparse.ArgumentParser) -> None:
    """Add where else results go."""
    parser.add_argument(
        "--sink",
        action="append",
        default=[],
        metavar="ADDRESS",
        help="where else results go, such as vmc:// or FILE.mcap; repeatable; 'limelight sinks' lists the addresses",
    )


def add_light_argument(parser: argparse.ArgumentParser) -> None:
    """Add the light that faces stand in; `light_argument.light_values` reads it."""
    parser.add_argument(
        "--light",
        metavar="PRESET|PANORAMA",
        help="stand faces in the light of a preset, such as sunset, or of a panorama (.hdr, .exr, .jpg)",
    )


def add_person_arguments(parser: argparse.ArgumentParser) -> None:
    """Add who sits before the camera."""
    parser.add_argument(
        "--person",
        metavar="NAME",
        help="who sits there, as 'limelight person calibrate' knows it, or '' for nobody known (default: who was used "
        "last)",
    )
    parser.add_argument("--glasses", action="store_true", help="the person wears glasses")


def add_timecode_argument(parser: argparse.ArgumentParser) -> None:
    """Add where timecode comes from."""
    parser.add_argument(
        "--timecode",
        metavar="SOURCE",
        help="system (the clock's), ltc or ltc:DEVICE (a sound input), mtc or mtc:PORT (MIDI), and a rate if wanted: "
        "ltc@25, system@29.97df",
    )


def add_engine_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what runs which network."""
    parser.add_argument(
        "--network",
        default="auto",
        metavar="NAME|FILE",
        help="network (default: auto, student-int8 on a CPU and student on a GPU)",
    )
    parser.add_argument(
        "--engine",
        default="auto",
        metavar="NAME",
        help="what runs the network: onnxruntime, tensorrt, or auto (default), which measures what is installed for a "
        "second, and remembers what suits this machine",
    )
    parser.add_argument(
        "--threads",
        type=thread_count,
        default=2,
        metavar="N",
        help="processor threads (default: 2)",
    )

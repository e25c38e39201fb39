"""`limelight export`: make a checkpoint a file that an engine runs."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

from facemodel import LimelightError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add the sub-command."""
    parser = subparsers.add_parser("export", help="make a trained checkpoint a file that an engine runs")
    parser.add_argument("checkpoint", help="file that 'limelight train' wrote")
    parser.add_argument("--to", choices=["onnx"], default="onnx", help="format (default: onnx)")
    parser.add_argument("--out", required=True, metavar="FILE", help="file to write")
    parser.add_argument(
        "--check", nargs="+", default=[], metavar="IMAGE", help="pictures of faces to compare on, beside random ones"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Export; returns the exit status."""
    try:
        from export.onnx import export_onnx
        from training.networks import load_network
    except ImportError as error:
        raise LimelightError(f"export needs more packages ({error.name}): pip install 'limelight[train]'") from error
    checkpoint = load_network(args.checkpoint)
    report = export_onnx(checkpoint, args.out, _read_crops(args.check, checkpoint.config.resolution))
    print(
        f"{report.path}: {report.size / 1e6:.1f} MB, within {report.difference:.1e} of PyTorch on {report.crops} crops"
    )
    return 0


def _read_crops(paths: Sequence[str], resolution: int) -> NDArray[np.uint8] | None:
    """(N, resolution, resolution, 3) RGB pictures, None where none is named."""
    import cv2
    import numpy as np

    crops = []
    for path in paths:
        image = cv2.imread(path, cv2.IMREAD_COLOR)
        if image is None:
            raise LimelightError(f"picture {path}: missing or unreadable")
        crops.append(cv2.resize(image, (resolution, resolution), interpolation=cv2.INTER_AREA)[..., ::-1])
    return np.stack(crops) if crops else None

"""`limelight export`: make a checkpoint a file that an engine runs."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from facemodel import FaceModel
from facemodel.output_files import Outputs
from limelight.extras import importing_train_extra

if TYPE_CHECKING:
    from export.parity import Parity
    from training.networks import NetworkCheckpoint

_PRECISIONS = {"onnx": "fp32", "fp16": "fp16", "int8": "int8"}


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add the sub-command."""
    parser = subparsers.add_parser(
        "export",
        help="make a trained checkpoint a file that an engine runs",
        description="Writes a network that says what the checkpoint says in PyTorch: both look at the same crops, and "
        "nothing is written where they differ by more than the format explains.",
    )
    parser.add_argument(
        "checkpoint", type=Path, help="file that 'limelight train' wrote, or a network that this command wrote"
    )
    parser.add_argument(
        "--to",
        choices=[*_PRECISIONS, "tensorrt"],
        default="onnx",
        help="onnx: 32 bits; int8: 8 bits, for CPUs; fp16: convolutions in half precision, for GPUs; tensorrt: a plan "
        "for this machine's NVIDIA GPU (default: onnx)",
    )
    parser.add_argument("--out", required=True, type=Path, metavar="FILE", help="file to write")
    parser.add_argument("--face-model", type=Path, metavar="FILE", help="that the network was trained for, if another")
    parser.add_argument(
        "--crops",
        nargs="+",
        type=Path,
        default=[],
        metavar="PATH",
        help="crops to compare and to calibrate on: pictures, or folders of prepared training data (default: the "
        "synthetic performer's)",
    )
    parser.add_argument("--force", action="store_true", help="replace files that exist already")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Export; returns the exit status."""
    with importing_train_extra("export"):
        from export.crops import performer_crops, read_crops
        from export.onnx import export_onnx
        from export.parity import CROPS
    models = [args.face_model] if args.face_model else []
    outputs = Outputs(f"export --to {args.to}", [args.checkpoint, *models, *args.crops], args.force)
    outputs.claim(args.out)
    checkpoint = _checkpoint(args.checkpoint)
    model = FaceModel.load(args.face_model)
    side = checkpoint.config.resolution
    crops = read_crops(args.crops, side, 2 * CROPS) if args.crops else performer_crops(model, side, 2 * CROPS)
    # Every other one is for calibration; one alone must do for both.
    compared, calibration = crops[::2][:CROPS], crops[1::2] if len(crops) > 1 else crops
    if args.to == "tensorrt":
        from export.tensorrt import export_tensorrt

        with tempfile.TemporaryDirectory() as folder:
            network = export_onnx(checkpoint, Path(folder, f"{args.out.stem}.onnx"), model, compared).path
            plan = export_tensorrt(network, args.out, model, compared)
        outputs.written(args.out)
        print(
            f"{args.out}: {args.out.stat().st_size / 1e6:.1f} MB, {plan.header.key.precision} on {plan.header.key.gpu}"
        )
        return 0
    report = export_onnx(checkpoint, args.out, model, compared, _PRECISIONS[args.to], calibration)
    outputs.written(args.out)
    print(f"{report.path}: {report.size / 1e6:.1f} MB, on {report.found.crops} crops compared with PyTorch:")
    _print("finding the face" if report.followed else "all in one", report.found)
    if report.followed:
        _print("following it", report.followed)
    if report.in_float:
        print(f"  left in float, the most sensitive first: {', '.join(report.in_float)}")
    return 0


def _checkpoint(path: Path) -> NetworkCheckpoint:
    from export.from_onnx import checkpoint_of
    from training.networks import load_network

    return checkpoint_of(path) if path.suffix == ".onnx" else load_network(path)


def _print(way: str, parity: Parity) -> None:
    groups = ", ".join(f"{name} {difference:.1e}" for name, difference in parity.groups.items())
    print(f"  {way}: landmarks shift by {parity.mean_shift:.4f} px, at most {parity.largest_shift:.4f} px; {groups}")

"""`limelight reconstruct`: photographs in, faces as numbers, meshes and pictures out."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    parser = subparsers.add_parser(
        "reconstruct",
        help="reconstruct the faces of photographs",
        description="For each image: DIR/NAME.json (all faces, the largest first), and of the largest face NAME.obj "
        "(posed head), NAME.neutral.obj (identity only) and NAME.png (input, overlay, clay, diffuse, specular).",
    )
    parser.add_argument("images", nargs="+", type=Path, metavar="IMAGE")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder to write to")
    parser.add_argument(
        "--network", default="auto", metavar="NAME|FILE", help="network (default: auto, which is student-int8)"
    )
    parser.add_argument("--no-picture", action="store_true", help="leave out NAME.png, which needs OpenGL")
    parser.add_argument("--force", action="store_true", help="replace files that exist already")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from tqdm import tqdm

    from facemodel import FaceModel, LimelightError
    from facemodel.output_files import Outputs
    from limelight.reconstruction_files import ReconstructionFiles
    from realtime.engines import network_file, open_engine
    from realtime.reconstruction import Reconstructor
    from realtime.sources.images import read_image
    from realtime.tracking.finder import open_finder

    outputs = Outputs("reconstruct", [*args.images, network_file(args.network)], args.force)
    claimed = [ReconstructionFiles(outputs, path, args.out, not args.no_picture) for path in args.images]
    model = FaceModel.load()
    engine = open_engine(args.network, model)
    reconstructor = Reconstructor(model, engine, open_finder())
    failures = 0
    for path, files in tqdm(
        zip(args.images, claimed, strict=True), unit="image", total=len(claimed), disable=len(claimed) < 2
    ):
        try:
            image = read_image(path)
            faces = reconstructor(image)
            _warn(path, len(faces))
            files.write(image, model, faces)
        except LimelightError as error:
            failures += 1
            tqdm.write(f"limelight: error: {error}", file=sys.stderr)
    return 1 if failures else 0


def _warn(path: Path, faces: int) -> None:
    from tqdm import tqdm

    if faces == 0:
        tqdm.write(f"limelight: warning: {path}: no face found", file=sys.stderr)
    elif faces > 1:
        tqdm.write(f"limelight: {path}: {faces} faces; meshes and picture show the largest", file=sys.stderr)

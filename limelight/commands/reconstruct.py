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
    parser.add_argument("--network", default="student", metavar="NAME|FILE", help="network (default: student)")
    parser.add_argument("--no-picture", action="store_true", help="leave out NAME.png, which needs OpenGL")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from tqdm import tqdm

    from facemodel import FaceModel, LimelightError
    from limelight.output_files import make_folder, refuse_twins
    from realtime.engines import open_engine
    from realtime.face_finder import MediaPipeFaceFinder
    from realtime.reconstruction import Reconstructor, write_reconstruction
    from realtime.reconstruction_picture import write_picture
    from realtime.sources.images import read_image

    refuse_twins("images", args.images)
    make_folder(args.out)
    model = FaceModel.load()
    engine = open_engine(args.network, model)
    failures = 0
    with MediaPipeFaceFinder(max_faces=10) as finder:
        reconstructor = Reconstructor(model, engine, finder)
        for path in tqdm(args.images, unit="image", disable=len(args.images) < 2):
            try:
                image = read_image(path)
                faces = reconstructor(image)
                _warn(path, len(faces))
                write_reconstruction(args.out, path, image, model, faces)
                if faces and not args.no_picture:
                    write_picture(args.out / f"{path.stem}.png", model, image, faces[0])
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

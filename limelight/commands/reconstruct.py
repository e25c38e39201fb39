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
    import numpy as np
    from tqdm import tqdm

    from facemodel import FaceModel, LimelightError
    from realtime.engines import open_engine
    from realtime.face_finder import MediaPipeFaceFinder
    from realtime.opencv import cv2
    from realtime.reconstruction import Reconstructor, write_reconstruction
    from realtime.render import reconstruction_strip

    names = [path.stem for path in args.images]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise LimelightError(f"two images are called '{twice}': their results would overwrite each other; rename one")
    try:
        args.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LimelightError(f"{args.out}: cannot be created ({error.strerror})") from error

    model = FaceModel.load()
    reconstructor = Reconstructor(model, open_engine(args.network, model), MediaPipeFaceFinder(max_faces=10))
    failures = 0
    for path in tqdm(args.images, unit="image", disable=len(args.images) < 2):
        data = path.read_bytes() if path.is_file() else b""
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) if data else None
        if image is None:
            failures += 1
            problem = "is not an image that can be read" if path.is_file() else "no such file"
            print(f"limelight: error: {path}: {problem}", file=sys.stderr)
            continue
        faces = reconstructor(image)
        if not faces:
            print(f"limelight: warning: {path}: no face found", file=sys.stderr)
        elif len(faces) > 1:
            print(f"limelight: {path}: {len(faces)} faces; meshes and picture show the largest", file=sys.stderr)
        write_reconstruction(args.out, path, image, model, faces)
        if faces and not args.no_picture:
            strip = reconstruction_strip(model, image, faces[0].parameters)
            cv2.imwrite(str(args.out / f"{path.stem}.png"), strip)
    return 1 if failures else 0

"""`limelight reconstruct`: photographs in, faces as numbers, meshes and pictures out."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


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
    from realtime.engines import open_engine
    from realtime.face_finder import MediaPipeFaceFinder
    from realtime.reconstruction import Reconstructor, write_reconstruction
    from realtime.reconstruction_picture import write_picture

    names = [path.stem for path in args.images]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise LimelightError(f"two images are called '{twice}': their results would overwrite each other; rename one")
    try:
        args.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LimelightError(f"{args.out}: cannot be created ({error.strerror})") from error

    model = FaceModel.load()
    engine = open_engine(args.network, model)
    failures = 0
    with MediaPipeFaceFinder(max_faces=10) as finder:
        reconstructor = Reconstructor(model, engine, finder)
        for path in tqdm(args.images, unit="image", disable=len(args.images) < 2):
            image = _read_image(path)
            if isinstance(image, str):
                failures += 1
                print(f"limelight: error: {path}: {image}", file=sys.stderr)
                continue
            faces = reconstructor(image)
            if not faces:
                print(f"limelight: warning: {path}: no face found", file=sys.stderr)
            elif len(faces) > 1:
                print(
                    f"limelight: {path}: {len(faces)} faces; meshes and picture show the largest",
                    file=sys.stderr,
                )
            write_reconstruction(args.out, path, image, model, faces)
            if faces and not args.no_picture:
                write_picture(args.out / f"{path.stem}.png", model, image, faces[0])
    return 1 if failures else 0


def _read_image(path: Path) -> NDArray[np.uint8] | str:
    """The image, or what is wrong with it."""
    import numpy as np

    from realtime.opencv import cv2

    if not path.is_file():
        return "no such file"
    data = np.fromfile(path, np.uint8)
    image = cv2.imdecode(data, cv2.IMREAD_COLOR) if data.size else None
    return "not an image that can be read" if image is None else image

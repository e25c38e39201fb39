"""`limelight solve`: photographs again, slowly: parameters whose rendering is the picture."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from training.solve import ImageSolver


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    parser = subparsers.add_parser(
        "solve",
        help="reconstruct photographs by analysis-by-synthesis, slower and closer than `reconstruct`",
        description="Starts from the network's answer and moves every parameter until the rendered face looks like "
        "the picture and its landmarks lie where MediaPipe sees them. Writes what `reconstruct` writes. Ctrl-C keeps "
        "what is done; images whose NAME.json exists are left out, so the same command goes on.",
    )
    parser.add_argument("images", nargs="+", type=Path, metavar="IMAGE")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder to write to")
    parser.add_argument("--network", default="student", metavar="NAME|FILE", help="where it starts (default: student)")
    parser.add_argument("--steps", type=int, default=150, metavar="N", help="steps for each image (default: 150)")
    parser.add_argument("--force", action="store_true", help="solve images again that are done")
    parser.add_argument("--no-picture", action="store_true", help="leave out NAME.png, which needs OpenGL")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from facemodel import FaceModel, LimelightError

    try:
        from training.solve import ImageSolver, SolveConfig
        from training.solve.start import NetworkStart
    except ImportError as error:
        raise LimelightError(f"solve needs more packages ({error.name}): pip install 'limelight[train]'") from error
    from tqdm import tqdm

    from realtime.engines import open_engine
    from realtime.face_finder import MediaPipeFaceFinder

    if args.steps < 1:
        raise LimelightError(f"--steps {args.steps}: at least 1")
    names = [path.stem for path in args.images]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise LimelightError(f"two images are called '{twice}': their results would overwrite each other; rename one")
    try:
        args.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LimelightError(f"{args.out}: cannot be created ({error.strerror})") from error
    todo = [path for path in args.images if args.force or not (args.out / f"{path.stem}.json").exists()]
    done = len(args.images) - len(todo)
    if done:
        print(
            f"limelight: {len(args.images) - len(todo)} of {len(args.images)} images are done already", file=sys.stderr
        )
    model = FaceModel.load()
    engine = open_engine(args.network, model)
    failures = 0
    with MediaPipeFaceFinder(max_faces=10) as finder:
        solver = ImageSolver(model, NetworkStart(model, engine, finder), SolveConfig(steps=args.steps))
        for path in tqdm(todo, unit="image"):
            try:
                _solve(solver, path, args.out, not args.no_picture)
            except LimelightError as error:
                failures += 1
                tqdm.write(f"limelight: error: {error}", file=sys.stderr)
    return 1 if failures else 0


def _solve(solver: ImageSolver, path: Path, out: Path, picture: bool) -> None:
    from tqdm import tqdm

    from realtime.reconstruction import write_reconstruction
    from realtime.reconstruction_picture import write_picture
    from realtime.sources.images import read_image

    image = read_image(path)
    solved = solver(image)
    faces = [one.face for one in solved]
    if not solved:
        tqdm.write(f"limelight: warning: {path}: no face found", file=sys.stderr)
    else:
        first = solved[0]
        tqdm.write(
            f"{path.name}: colour error {first.network_residual:.3f} -> {first.residual:.3f}, "
            f"landmarks {first.network_landmarks:.1f} -> {first.landmarks:.1f} px",
            file=sys.stderr,
        )
    if faces and picture:
        write_picture(out / f"{path.stem}.png", solver.model, image, faces[0])
    write_reconstruction(out, path, image, solver.model, faces)

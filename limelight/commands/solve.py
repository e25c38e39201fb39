"""`limelight solve`: photographs and clips again, slowly: parameters whose rendering is the picture."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from facemodel import FaceModel
    from realtime.engines import Engine
    from training.solve import ClipReport, ImageSolver, SolveConfig


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    parser = subparsers.add_parser(
        "solve",
        help="reconstruct photographs and clips by analysis-by-synthesis, slower and closer",
        description="Starts from the network's answer and moves every parameter until the rendered face looks like "
        "the picture and its landmarks lie where MediaPipe sees them. Of an image it writes what `reconstruct` writes, "
        "of a clip a take, with one identity and albedo for all its frames. Ctrl-C keeps what is done; images whose "
        "NAME.json exists are left out, so the same command goes on where it ended.",
    )
    parser.add_argument(
        "inputs", nargs="+", type=Path, metavar="IMAGE|VIDEO", help="images, folders of images, or videos"
    )
    target = parser.add_mutually_exclusive_group(required=True)
    target.add_argument("--out", type=Path, metavar="DIR", help="folder to write to; of a video, DIR/NAME.mcap")
    target.add_argument(
        "--take", type=Path, metavar="FILE", help="take (.mcap) of one video, or of a folder of images as one clip"
    )
    parser.add_argument("--network", default="student", metavar="NAME|FILE", help="where it starts (default: student)")
    parser.add_argument(
        "--steps",
        type=int,
        metavar="N",
        help="steps for an image (default: 150); for a clip, steps for its person, and 2/5 of them for its frames",
    )
    parser.add_argument("--threads", type=int, default=2, metavar="N", help="processor threads (default: 2)")
    parser.add_argument("--force", action="store_true", help="solve again what is done, and replace it")
    parser.add_argument("--no-picture", action="store_true", help="leave out NAME.png, which needs OpenGL")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from facemodel import FaceModel, LimelightError

    try:
        import torch

        from training.solve import SolveConfig
    except ImportError as error:
        raise LimelightError(f"solve needs more packages ({error.name}): pip install 'limelight[train]'") from error
    from realtime.engines import open_engine

    for name, value in (("--steps", args.steps), ("--threads", args.threads)):
        if value is not None and value < 1:
            raise LimelightError(f"{name} {value}: at least 1")
    images, clips = _jobs(args)
    _refuse_what_cannot_be_written(args)
    todo = _undone(images, args.out, args.force)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # like Ctrl-C: files are finished
    torch.set_num_threads(args.threads)
    model = FaceModel.load()
    if todo and not args.no_picture:
        _require_opengl(model)
    engine = open_engine(args.network, model, threads=args.threads)
    config = SolveConfig() if args.steps is None else SolveConfig.of_steps(args.steps)
    failures = _solve_images(todo, args, model, engine, config) if todo else 0
    for path, take in clips:
        try:
            _solve_clip(path, take, args.force, model, engine, config)
        except LimelightError as error:
            failures += 1
            print(f"limelight: error: {error}", file=sys.stderr)
    return 1 if failures else 0


def _jobs(args: argparse.Namespace) -> tuple[list[Path], list[tuple[Path, Path]]]:
    """Images, and clips with the take of each.

    Raises:
        LimelightError: what is asked for cannot be done at once, or two results would have one name.
    """
    from facemodel import LimelightError
    from limelight.output_files import refuse_twins
    from realtime.sources.images import IMAGE_SUFFIXES, list_images

    if args.take is not None:
        if len(args.inputs) > 1:
            raise LimelightError(f"--take {args.take}: a take is of one clip, got {len(args.inputs)}; use --out DIR")
        if args.inputs[0].suffix.lower() in IMAGE_SUFFIXES:
            raise LimelightError(f"--take {args.take}: {args.inputs[0]} is one image; use --out DIR")
        return [], [(args.inputs[0], args.take)]
    images, clips = [], []
    for path in args.inputs:
        if path.is_dir():
            images += list_images(path)
        elif path.suffix.lower() in IMAGE_SUFFIXES:
            images.append(path)
        else:
            clips.append((path, args.out / f"{path.stem}.mcap"))
    refuse_twins("images", images)
    refuse_twins("videos", [path for path, _ in clips])
    return images, clips


def _refuse_what_cannot_be_written(args: argparse.Namespace) -> None:
    """Know before hours of work whether there is where to put its result.

    Raises:
        LimelightError: a folder cannot be made or written to, or the take exists.
    """
    from facemodel import LimelightError
    from limelight.output_files import make_folder

    folder = args.out if args.take is None else args.take.parent
    make_folder(folder)
    if not os.access(folder, os.W_OK):
        raise LimelightError(f"{folder}: cannot be written to; choose another folder")
    if args.take is not None and args.take.exists() and not args.force:
        raise LimelightError(f"take {args.take}: exists already; choose another name, or replace it with --force")


def _undone(images: Sequence[Path], out: Path, force: bool) -> list[Path]:
    """Images without a result yet."""
    todo = [path for path in images if force or not (out / f"{path.stem}.json").exists()]
    if len(todo) < len(images):
        print(f"limelight: {len(images) - len(todo)} of {len(images)} images are done already", file=sys.stderr)
    return todo


def _require_opengl(model: FaceModel) -> None:
    from facemodel import LimelightError
    from realtime.render import HeadlessRenderer

    try:
        HeadlessRenderer(model, 8, 8).close()
    except LimelightError as error:
        raise LimelightError(f"{error}; or leave out the pictures with --no-picture") from error


def _solve_images(
    paths: Sequence[Path], args: argparse.Namespace, model: FaceModel, engine: Engine, config: SolveConfig
) -> int:
    """Solve images one after the other; returns how many could not be read.

    Raises:
        LimelightError: a result cannot be written: nor will the next.
    """
    from tqdm import tqdm

    from facemodel import LimelightError
    from realtime.face_finder import MediaPipeFaceFinder
    from realtime.sources.images import read_image
    from training.solve import ImageSolver, NetworkStart

    failures = 0
    with MediaPipeFaceFinder(max_faces=10) as finder:
        solver = ImageSolver(model, NetworkStart(model, engine, finder), config)
        for path in tqdm(paths, unit="image", disable=None if len(paths) > 1 else True):
            try:
                image = read_image(path)
            except LimelightError as error:
                failures += 1
                tqdm.write(f"limelight: error: {error}", file=sys.stderr)
                continue
            _solve_image(solver, path, image, args.out, not args.no_picture)
    return failures


def _solve_image(solver: ImageSolver, path: Path, image: NDArray[np.uint8], out: Path, picture: bool) -> None:
    """Solve an image and write its files, NAME.json last: where it is, the others are."""
    from tqdm import tqdm

    from facemodel import LimelightError
    from realtime.reconstruction import write_reconstruction
    from realtime.reconstruction_picture import write_picture

    with tqdm(total=solver.config.steps, desc=path.name, unit="step", disable=None, leave=False) as bar:
        solved = solver(image, tick=bar.update)
    if not solved:
        tqdm.write(f"limelight: warning: {path}: no face found", file=sys.stderr)
    else:
        first = solved[0]
        tqdm.write(
            f"{path.name}: colour error {first.network_residual:.3f} -> {first.residual:.3f}, "
            f"landmarks {first.network_landmarks:.1f} -> {first.landmarks:.1f} px",
            file=sys.stderr,
        )
    faces = [one.face for one in solved]
    try:
        with tempfile.TemporaryDirectory(prefix=".solve-", dir=out) as name:
            folder = Path(name)
            write_reconstruction(folder, path, image, solver.model, faces)
            if faces and picture:
                write_picture(folder / f"{path.stem}.png", solver.model, image, faces[0])
            for file in sorted(folder.iterdir(), key=lambda file: file.suffix == ".json"):
                file.replace(out / file.name)
    except OSError as error:
        raise LimelightError(f"{out}: cannot be written ({error.strerror})") from error


def _solve_clip(path: Path, take: Path, force: bool, model: FaceModel, engine: Engine, config: SolveConfig) -> None:
    """Solve a clip into a take, which is readable as far as it got whatever ends it.

    Raises:
        LimelightError: the clip cannot be read, shows no face, or the take exists or cannot be written.
    """
    from contextlib import ExitStack

    from realtime.face_finder import MediaPipeFaceFinder
    from realtime.frame import TrackedFrame
    from realtime.sources import open_source
    from realtime.takes.format import TakeHeader
    from realtime.takes.writer import TakeWriter
    from training.solve import ClipReport, ClipSolver

    if take.exists() and not force:
        print(f"limelight: {take} exists already, {path.name} is left out; --force replaces it", file=sys.stderr)
        return
    source = open_source(str(path))
    header = TakeHeader.describe(source, model, f"{engine.name}, solved")
    source.close()
    report = ClipReport()
    with ExitStack() as files:
        writers: list[TakeWriter] = []

        def deliver(frame: TrackedFrame) -> None:
            if not writers:
                take.unlink(missing_ok=True)
                writers.append(files.enter_context(TakeWriter(take, header)))
            writers[0].append(frame)

        try:
            with MediaPipeFaceFinder() as finder:
                ClipSolver(model, engine, finder, config)(lambda: open_source(str(path)), deliver, report)
        finally:
            _tell(path, take, report, bool(writers))


def _tell(path: Path, take: Path, report: ClipReport, written: bool) -> None:
    """Say what has become of a clip, on whatever way its solve ended."""
    import numpy as np

    if not written:
        return
    line = f"limelight: take with {report.frames} frames of {path.name}, {report.solved} solved, written to {take}"
    if report.solved:
        before, after = np.mean(report.network_residual), np.mean(report.residual)
        line += f"; colour error {before:.3f} -> {after:.3f}"
        if np.isfinite(report.landmarks).any():
            before, after = np.nanmean(report.network_landmarks), np.nanmean(report.landmarks)
            line += f", landmarks {before:.1f} -> {after:.1f} px"
    print(line, file=sys.stderr)

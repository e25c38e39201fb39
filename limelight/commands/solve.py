"""`limelight solve`: photographs and clips again, slowly: parameters whose rendering is the picture."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from limelight.extras import importing_train_extra

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from facemodel import FaceModel
    from facemodel.output_files import Outputs
    from limelight.reconstruction_files import ReconstructionFiles
    from realtime.engines import Engine
    from training.solve import ClipReport, ImageSolver, SolveConfig


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    parser = subparsers.add_parser(
        "solve",
        help="reconstruct photographs and clips by analysis-by-synthesis, slower and closer",
        description="Starts from the network's answer and moves every parameter until the rendered face looks like "
        "the picture and its landmarks lie where MediaPipe sees them. Of an image it writes what `reconstruct` writes, "
        "of a clip a take, with one identity and albedo for all its frames. Ctrl-C keeps what is done; what is done "
        "from the same image or clip, with the same network and face model, is left out, so the same command goes on "
        "where it ended.",
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
    parser.add_argument(
        "--force", action="store_true", help="solve again what is done, and replace files that exist already"
    )
    parser.add_argument("--no-picture", action="store_true", help="leave out NAME.png, which needs OpenGL")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from facemodel import FaceModel, LimelightError

    with importing_train_extra("solve"):
        import torch

        from training.data.landmarker import import_mediapipe
        from training.solve import SolveConfig
    from facemodel.output_files import Outputs, file_digest
    from limelight.reconstruction_files import ReconstructionFiles
    from realtime.engines import network_file, open_engine

    import_mediapipe()

    for name, value in (("--steps", args.steps), ("--threads", args.threads)):
        if value is not None and value < 1:
            raise LimelightError(f"{name} {value}: at least 1")
    images, clips = _jobs(args)
    network, model = network_file(args.network), FaceModel.load()
    inputs = [*images, *(path for path, _ in clips), network]
    outputs = Outputs("solve", inputs, args.force, means=[model.digest, str(file_digest(network))])
    todo, clips = _undone(images, clips, args, outputs)
    claimed = [(path, ReconstructionFiles(outputs, path, args.out, not args.no_picture)) for path in todo]
    for path, take in clips:
        outputs.claim(take, _files_of(path))
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # like Ctrl-C: files are finished
    torch.set_num_threads(args.threads)
    if todo and not args.no_picture:
        _require_opengl(model)
    engine = open_engine(args.network, model, threads=args.threads)
    config = SolveConfig() if args.steps is None else SolveConfig.of_steps(args.steps)
    failures = _solve_images(claimed, model, engine, config) if claimed else 0
    for path, take in clips:
        try:
            _solve_clip(path, take, outputs, model, engine, config)
        except LimelightError as error:
            failures += 1
            print(f"limelight: error: {error}", file=sys.stderr)
    return 1 if failures else 0


def _jobs(args: argparse.Namespace) -> tuple[list[Path], list[tuple[Path, Path]]]:
    """Images, and clips with the take of each.

    Raises:
        LimelightError: what is asked for cannot be done at once.
    """
    from facemodel import LimelightError
    from realtime.sources.images import list_images

    if args.take is not None:
        if len(args.inputs) > 1:
            raise LimelightError(f"--take {args.take}: a take is of one clip, got {len(args.inputs)}; use --out DIR")
        if _is_image(args.inputs[0]):
            raise LimelightError(f"--take {args.take}: {args.inputs[0]} is one image; use --out DIR")
        return [], [(args.inputs[0], args.take)]
    images, clips = [], []
    for path in args.inputs:
        if path.is_dir():
            images += list_images(path)
        elif _is_image(path):
            images.append(path)
        else:
            clips.append((path, args.out / f"{path.stem}.mcap"))
    return images, clips


def _is_image(path: Path) -> bool:
    """Whether a file is one picture: neither a video nor an animation, whatever it is called."""
    from facemodel import LimelightError
    from realtime.sources.file_kind import FileKind, file_kind
    from realtime.sources.images import IMAGE_SUFFIXES

    try:
        moves = file_kind(path) in (FileKind.VIDEO, FileKind.ANIMATION)
    except LimelightError:
        moves = False  # whoever opens it says why it cannot be read
    return path.suffix.lower() in IMAGE_SUFFIXES and not moves and not path.is_dir()


def _files_of(clip: Path) -> list[Path]:
    """The files that a clip is read from: itself, or the images of a folder."""
    from realtime.sources.images import list_images

    return list_images(clip) if clip.is_dir() else [clip]


def _undone(
    images: Sequence[Path], clips: Sequence[tuple[Path, Path]], args: argparse.Namespace, outputs: Outputs
) -> tuple[list[Path], list[tuple[Path, Path]]]:
    """Images and clips without a result yet."""
    from limelight.reconstruction_files import json_of

    if args.force:
        return list(images), list(clips)
    todo = [path for path in images if not outputs.done(json_of(path, args.out), [path])]
    if len(todo) < len(images):
        print(f"limelight: {len(images) - len(todo)} of {len(images)} images are done already", file=sys.stderr)
    undone = [(path, take) for path, take in clips if not outputs.done(take, _files_of(path))]
    for path, take in clips:
        if (path, take) not in undone:
            print(f"limelight: {path.name} is done already, in {take}; --force solves it again", file=sys.stderr)
    return todo, undone


def _require_opengl(model: FaceModel) -> None:
    from facemodel import LimelightError
    from realtime.render import HeadlessComposer

    try:
        HeadlessComposer(model, 8, 8).close()
    except LimelightError as error:
        raise LimelightError(f"{error}; or leave out the pictures with --no-picture") from error


def _solve_images(
    claimed: Sequence[tuple[Path, ReconstructionFiles]],
    model: FaceModel,
    engine: Engine,
    config: SolveConfig,
) -> int:
    """Solve images one after the other; returns how many could not be read.

    Raises:
        LimelightError: a result cannot be written: nor will the next.
    """
    from tqdm import tqdm

    from facemodel import LimelightError
    from realtime.sources.images import read_image
    from realtime.tracking.finder import open_finder
    from training.data.landmarker import Landmarker
    from training.solve import ImageSolver, NetworkStart

    failures = 0
    with Landmarker(max_faces=10) as landmarker:
        solver = ImageSolver(model, NetworkStart(model, engine, open_finder(), landmarker), config)
        for path, files in tqdm(claimed, unit="image", disable=None if len(claimed) > 1 else True):
            try:
                image = read_image(path)
            except LimelightError as error:
                failures += 1
                tqdm.write(f"limelight: error: {error}", file=sys.stderr)
                continue
            _solve_image(solver, path, image, files)
    return failures


def _solve_image(solver: ImageSolver, path: Path, image: NDArray[np.uint8], files: ReconstructionFiles) -> None:
    """Solve an image and write its files.

    Raises:
        LimelightError: they cannot be written.
    """
    from tqdm import tqdm

    with tqdm(total=solver.config.steps, desc=path.name, unit="step", disable=None, leave=False) as bar:
        solved = solver(image, tick=bar.update)
    if not solved:
        tqdm.write(f"limelight: warning: {path}: no face found", file=sys.stderr)
    else:
        fit = solved[0].fit
        tqdm.write(
            f"{path.name}: colour error {fit.network_residual:.3f} -> {fit.residual:.3f}, "
            f"landmarks {fit.network_landmarks:.1f} -> {fit.landmarks:.1f} px",
            file=sys.stderr,
        )
    files.write(image, solver.model, [one.face for one in solved])


def _solve_clip(
    path: Path, take: Path, outputs: Outputs, model: FaceModel, engine: Engine, config: SolveConfig
) -> None:
    """Solve a clip into a claimed take, which is readable as far as it got whatever ends it.

    Raises:
        LimelightError: the clip cannot be read, shows no face, or the take cannot be written.
    """
    from contextlib import ExitStack

    from realtime.frame import Result, StreamInfo
    from realtime.sources import open_source
    from realtime.takes.format import TakeHeader
    from realtime.takes.writer import TakeWriter
    from realtime.tracking.finder import open_finder
    from training.data.landmarker import Landmarker
    from training.solve import ClipReport, ClipSolver

    source = open_source(str(path))
    size = (source.width, source.height, source.fps, source.live)
    header = TakeHeader.describe(StreamInfo(source.name, *size, model, f"{engine.name}, solved"))
    source.close()
    report = ClipReport()
    writers: list[TakeWriter] = []
    whole = False
    try:
        with ExitStack() as files:

            def deliver(result: Result) -> None:
                if not writers:
                    outputs.withdraw(take)
                    writers.append(files.enter_context(TakeWriter(take, header, model)))
                writers[0].append(result)

            with Landmarker() as landmarker:
                solver = ClipSolver(model, engine, open_finder(), landmarker, config)
                solver(lambda: open_source(str(path)), deliver, report)
        whole = True
    finally:
        if writers:
            outputs.written(take, whole)
            _tell(path, take, report)


def _tell(path: Path, take: Path, report: ClipReport) -> None:
    """Say what has become of a clip, on whatever way its solve ended."""
    import numpy as np

    line = f"limelight: take with {report.frames} frames of {path.name}, {len(report.fits)} solved, written to {take}"
    if report.fits:
        residual, network_residual, landmarks, network_landmarks = np.array(report.fits).T
        line += f"; colour error {network_residual.mean():.3f} -> {residual.mean():.3f}"
        if np.isfinite(landmarks).any():
            line += f", landmarks {np.nanmean(network_landmarks):.1f} -> {np.nanmean(landmarks):.1f} px"
    print(line, file=sys.stderr)

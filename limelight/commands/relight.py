"""`limelight relight`: photographs and videos in another light."""

from __future__ import annotations

import argparse
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from limelight.arguments import add_engine_arguments, positive_int

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from facemodel import FaceModel
    from facemodel.output_files import Outputs
    from realtime.light.given_light import GivenLight
    from realtime.light.lighting import FaceLight
    from realtime.reconstruction import Reconstructor

_STILLS, _VIDEO = (".png", ".jpg", ".jpeg"), ".mp4"


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add the sub-command."""
    parser = subparsers.add_parser(
        "relight",
        help="show photographs and videos in another light",
        description="Multiplies each picture by the ratio of the new light on its faces to the one that it was taken "
        "in; docs/relighting.md says how, and what does not look believable.",
    )
    parser.add_argument("inputs", nargs="+", type=Path, metavar="IMAGE|VIDEO")
    parser.add_argument(
        "--light",
        required=True,
        metavar="LIGHT",
        help="a preset such as sunset; a panorama (.hdr, .exr, or a picture twice as wide as high); a photograph, for "
        "the light on its face; a show (.yaml), whose first cue begins with the video; or JSON that 'limelight "
        "reconstruct' wrote",
    )
    parser.add_argument(
        "--out", required=True, type=Path, metavar="OUT", help="file (.png, .jpg; .mp4) for one input, else a folder"
    )
    parser.add_argument("--compare", action="store_true", help="the input at the left, the result at the right")
    parser.add_argument("--frames", type=positive_int, metavar="N", help="of a video, the first N alone")
    parser.add_argument("--force", action="store_true", help="replace files that exist already")
    add_engine_arguments(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Relight; returns the exit status."""
    from facemodel import FaceModel, LimelightError
    from facemodel.output_files import Outputs
    from realtime.engines import network_file, open_engine
    from realtime.light.given_light import read_light
    from realtime.reconstruction import Reconstructor
    from realtime.threads import limit_threads
    from realtime.tracking.finder import open_finder

    light_file = [Path(args.light)] if Path(args.light).is_file() else []
    outputs = Outputs("relight", [*args.inputs, *light_file], args.force)
    films = [_is_video(path) for path in args.inputs]
    claimed = [
        outputs.claim(_output(args, path, film), [path, *light_file])
        for path, film in zip(args.inputs, films, strict=True)
    ]
    limit_threads(args.threads)
    model = FaceModel.load()
    network = "student-int8" if args.network == "auto" else args.network
    network_file(network)
    reconstructor = Reconstructor(model, open_engine(network, model), open_finder())
    light = read_light(args.light, partial(_light_of, reconstructor))
    status = 0
    for source, target, film in zip(args.inputs, claimed, films, strict=True):
        try:
            if film:
                made_from = Outputs("relight", [source, *light_file], args.force)
                made_from.claim(target)
                status = max(status, _film(args, model, light, source, target, made_from))
            else:
                _photograph(args, reconstructor, light, source, target, outputs)
        except LimelightError as error:
            status = max(status, 1)
            print(f"limelight: error: {error}", file=sys.stderr)
    return status


def _is_video(path: Path) -> bool:
    from realtime.sources.file_kind import FileKind, file_kind

    return file_kind(path) in (FileKind.VIDEO, FileKind.ANIMATION)


def _output(args: argparse.Namespace, source: Path, film: bool) -> Path:
    """The file that an input becomes."""
    from facemodel import LimelightError

    suffixes = (_VIDEO,) if film else _STILLS
    out: Path = args.out
    if len(args.inputs) > 1 or out.is_dir() or not out.suffix:
        return out / f"{source.stem}{suffixes[0]}"
    if out.suffix.lower() not in suffixes:
        what = "a video" if film else "a picture"
        raise LimelightError(f"--out {out}: {source} is {what}: the name must end in {' or '.join(suffixes)}")
    return out


def _light_of(reconstructor: Reconstructor, image: NDArray[np.uint8], name: str) -> FaceLight:
    from facemodel import LimelightError
    from realtime.light.lighting import FaceLight

    faces = reconstructor(image)
    if not faces:
        raise LimelightError(f"light {name}: no face was found in that photograph, and so no light")
    return FaceLight.estimated(reconstructor.model.layout.view(faces[0].parameters))


def _photograph(
    args: argparse.Namespace,
    reconstructor: Reconstructor,
    light: GivenLight,
    source: Path,
    target: Path,
    outputs: Outputs,
) -> None:
    import numpy as np

    from facemodel import LimelightError
    from realtime.opencv import cv2
    from realtime.relit_picture import relit_picture
    from realtime.sources.images import read_image

    image = read_image(source)
    faces = reconstructor(image)
    if not faces:
        print(f"limelight: {source}: no face was found, and so nothing to relight", file=sys.stderr)
    picture = relit_picture(reconstructor.model, image, faces, light.still())
    shown = np.hstack([image, picture]) if args.compare else picture
    _, encoded = cv2.imencode(target.suffix.lower(), shown)
    try:
        with tempfile.TemporaryDirectory(prefix=".limelight-", dir=target.parent) as name:
            finished = Path(name) / target.name
            finished.write_bytes(encoded.tobytes())
            outputs.publish(finished, target)
    except OSError as error:
        raise LimelightError(f"{target}: cannot be written ({error.strerror})") from error
    print(f"limelight: written: {target}", file=sys.stderr)


def _film(
    args: argparse.Namespace, model: FaceModel, light: GivenLight, source: Path, target: Path, outputs: Outputs
) -> int:
    from limelight.live_tracker import make_tracker
    from limelight.working_through import open_telling, work_through
    from realtime.outputs.relit import Relit, relit_and_frame_size
    from realtime.outputs.video_file import VideoFile, frame_size
    from realtime.session import Session, SessionConfig
    from realtime.sinks.registry import VIDEO_WORKER
    from realtime.sinks.worker import Worker
    from realtime.tracking.tracker import MAX_FACES

    config = SessionConfig(paced=False, all_sinks=True, frames=args.frames, person="")
    session = Session(model, partial(make_tracker, args, model, MAX_FACES), config)
    size = relit_and_frame_size if args.compare else frame_size
    video = VideoFile(target, partial(Relit, compare=args.compare), size)
    session.add_sink(Worker(video, VIDEO_WORKER, str(target)))
    light.play(session.show)
    return work_through(session, partial(open_telling, session, str(source)), outputs, args.frames)

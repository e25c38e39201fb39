"""`limelight evaluate`: how good a network is, as numbers, as a report and as a gallery."""

from __future__ import annotations

import argparse
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from limelight.extras import importing_train_extra

if TYPE_CHECKING:
    from facemodel import FaceModel
    from facemodel.output_files import Outputs
    from realtime.engines import Engine
    from training.evaluation.context import Extent, Material
    from training.evaluation.record import Evaluation, NetworkRecord

_SECTIONS = (
    *("people", "photos", "poses", "shape", "mouth", "movement", "expression", "highlights", "light", "relighting"),
    *("identity", "groups", "solve"),
    *("clips", "stability", "flicker", "performer"),
)
_LIVE = ("clips", "stability", "flicker", "performer")
_CACHE = Path(".cache/evaluation")
_CHECKPOINTS = Path(".cache/checkpoints")


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    parser = subparsers.add_parser(
        "evaluate",
        help="measure networks on photos, renders, clips and the synthetic performer",
        description="Measures a network as it ships: on photos of people whom no training saw, on held-out renders, "
        "clips and the synthetic performer, beside what must hold. Without a data folder, renders and performer "
        "remain. A long measurement may be interrupted: what is slow is kept, and --json has every section that was "
        "finished.",
    )
    parser.add_argument("clips", nargs="*", type=Path, metavar="CLIP", help="measure on these videos alone")
    what = parser.add_argument_group("what is measured")
    what.add_argument("--network", default="student", metavar="NAME|FILE", help="default: student")
    what.add_argument(
        "--against", action="append", default=[], metavar="NAME|FILE", help="and this one beside it; may be repeated"
    )
    what.add_argument("--face-model", type=Path, metavar="FILE", help="that the networks were trained for, if another")
    what.add_argument(
        "--against-model",
        type=Path,
        metavar="FILE",
        help="face model that those of --against were trained for, if another: their answers are carried over",
    )
    what.add_argument("--only", nargs="+", choices=_SECTIONS, metavar="SECTION", help=", ".join(_SECTIONS))
    what.add_argument("--data", type=Path, metavar="DIR", help="data folder (default: $LIMELIGHT_DATA)")
    what.add_argument("--cache", type=Path, default=_CACHE, metavar="DIR", help=f"for renders (default: {_CACHE})")
    what.add_argument(
        "--from", dest="known", nargs="+", type=Path, metavar="FILE", help="measure nothing: read what --json wrote"
    )
    much = parser.add_argument_group("how much")
    much.add_argument("--quick", action="store_true", help="a minute's worth, to see that all works")
    much.add_argument("--people", type=int, metavar="N", help="people in the render set, 30 pictures each")
    much.add_argument("--photos", type=int, metavar="N", help="photos of each collection")
    much.add_argument("--clip-frames", type=int, metavar="N", help="frames of each clip; 0 for all")
    much.add_argument("--performer-frames", type=int, metavar="N", help="0 leaves the performer out")
    much.add_argument("--solved", type=int, metavar="N", help="pictures of each kind to solve; 0 leaves it out")
    out = parser.add_argument_group("what is written")
    out.add_argument("--json", type=Path, metavar="FILE", help="every figure")
    out.add_argument("--report", type=Path, metavar="FILE.md", help="tables and pictures of renders")
    out.add_argument("--pictures", type=Path, metavar="DIR", help="for the report's pictures (default: beside it)")
    out.add_argument(
        "--ablation", type=Path, metavar="FILE", help="of 'limelight train --recipe ablation', for the report"
    )
    out.add_argument("--remarks", type=Path, metavar="FILE.md", help="text that the report takes in")
    out.add_argument(
        "--history",
        action="append",
        default=[],
        metavar="NAME=FILE",
        help="history.jsonl of a network's training, for its learning curves; may be repeated "
        f"(default: {_CHECKPOINTS}/NAME/history.jsonl)",
    )
    out.add_argument(
        "--gallery",
        nargs="?",
        const=_CACHE / "gallery.html",
        type=Path,
        metavar="FILE.html",
        help=f"best, median and worst cases, photos of people among them (default: {_CACHE / 'gallery.html'})",
    )
    out.add_argument("--force", action="store_true", help="replace files that exist already")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from facemodel import FaceModel

    with importing_train_extra("evaluation"):
        from facemodel.output_files import Outputs
        from limelight.evaluation_output import print_findings, report_pictures, write_gallery, write_report
        from training.evaluation.ablation import read_ablation
        from training.evaluation.record import read_evaluations, write_evaluation
    ablation = read_ablation(args.ablation) if args.ablation else None
    remarks = _text(args.remarks) if args.remarks else ""
    histories = _histories(args.history)
    known = read_evaluations(args.known) if args.known else None
    titles = [record.name for record in known.networks] if known else _titles([args.network, *args.against])
    outputs = Outputs("evaluate", _inputs(args), args.force)
    if args.report:
        for title in titles:
            for picture in report_pictures(args.pictures or args.report.parent, title):
                outputs.claim(picture)
    for path in (args.json, args.report, args.gallery):
        if path is not None:
            outputs.claim(path)
    model = FaceModel.load(args.face_model)
    if known:
        evaluation = _with_histories(known, histories)
        for record in evaluation.networks:
            for name in record.sections:
                print_findings(record, name)
        if args.json:
            write_evaluation(args.json, evaluation)
            outputs.written(args.json)
    else:
        evaluation = _measure(args, model, histories, outputs)
    material = _material(args, model, evaluation.extent)
    if args.report:
        write_report(args.report, args.pictures or args.report.parent, evaluation, material, ablation, remarks)
    if args.gallery:
        write_gallery(args.gallery, evaluation, material)
    for path in outputs.claimed:
        outputs.written(path)
    return 0


def _inputs(args: argparse.Namespace) -> list[Path]:
    """The files that are read: what is known already, or networks and clips; of the data folder none."""
    from realtime.engines import network_file

    networks = [] if args.known else [network_file(network) for network in (args.network, *args.against)]
    texts = [path for path in (args.ablation, args.remarks) if path is not None]
    return [*(args.known or networks), *args.clips, *texts, *(Path(h.partition("=")[2]) for h in args.history)]


def _measure(args: argparse.Namespace, model: FaceModel, histories: dict[str, list], outputs: Outputs) -> Evaluation:
    """Measure every network; the JSON grows by section."""
    from facemodel import FaceModel, LimelightError
    from limelight.evaluation_output import print_findings
    from limelight.live_evaluation import EvaluationLoop
    from realtime.engines import open_engine
    from training.evaluation.context import Context
    from training.evaluation.record import Evaluation, measure_network, write_evaluation

    extent = _extent(args)
    material = _material(args, model, extent)
    names = args.only or (_LIVE if args.clips else _SECTIONS)
    evaluation = Evaluation(model.digest, extent, [])
    networks = [args.network, *args.against]
    theirs = FaceModel.load(args.against_model) if args.against_model else model
    # All of them, before an hour is spent on one.
    engines = [open_engine(args.network, model), *(_open_against(network, theirs, model) for network in args.against)]
    for title, network, engine in zip(_titles(networks), networks, engines, strict=True):

        def keep(record: NetworkRecord, name: str) -> None:
            nonlocal evaluation
            evaluation = evaluation.with_network(record)
            print_findings(record, name)
            if args.json:
                write_evaluation(args.json, evaluation)
                outputs.written(args.json)

        with EvaluationLoop(model, engine) as loop:
            start = _record(title, network, engine.resolution, histories)
            record = measure_network(Context(material, engine, loop), start, names, keep)
        if not record.sections:
            raise LimelightError(f"nothing to measure: {'; '.join(dict.fromkeys(record.left_out.values()))}")
    return evaluation


def _open_against(network: str, theirs: FaceModel, model: FaceModel) -> Engine:
    """Open a network of the face model `theirs`; of another one than `model`, its answers are carried over."""
    from realtime.engines import open_engine
    from training.evaluation.carried_engine import CarriedEngine

    engine = open_engine(network, theirs)
    return engine if theirs is model else CarriedEngine(engine, theirs, model)


def _record(title: str, network: str, resolution: int, histories: dict[str, list]) -> NetworkRecord:
    from realtime.engines import network_file
    from training.evaluation.curves import read_history
    from training.evaluation.record import NetworkRecord

    history, usual = histories.get(title, []), _CHECKPOINTS / title / "history.jsonl"
    if title not in histories and usual.is_file():
        history = read_history(usual)
    return NetworkRecord(title, resolution, network_file(network).stat().st_size / 1e6, history=history)


def _histories(given: list[str]) -> dict[str, list]:
    """{network: validations} of NAME=FILE arguments; several files of one network follow each other."""
    from facemodel import LimelightError
    from training.evaluation.curves import joined, read_history

    parts: dict[str, list] = {}
    for argument in given:
        name, separator, path = argument.partition("=")
        if not separator:
            raise LimelightError(f"--history {argument}: expected NAME=FILE")
        parts.setdefault(name, []).append(read_history(Path(path)))
    return {name: joined(each) for name, each in parts.items()}


def _with_histories(evaluation: Evaluation, histories: dict[str, list]) -> Evaluation:
    for record in evaluation.networks:
        if record.name in histories:
            evaluation = evaluation.with_network(replace(record, history=histories[record.name]))
    return evaluation


def _text(path: Path) -> str:
    from facemodel import LimelightError

    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise LimelightError(f"remarks {path}: cannot be read ({error})") from error


def _titles(networks: list[str]) -> list[str]:
    """What networks are called: the name of their file, or the whole of it where two have the same."""
    stems = [Path(network).stem if Path(network).suffix else network for network in networks]
    return [stem if stems.count(stem) == 1 else network for stem, network in zip(stems, networks, strict=True)]


def _extent(args: argparse.Namespace) -> Extent:
    from facemodel import LimelightError
    from training.evaluation.context import QUICK, Extent

    extent = QUICK if args.quick else Extent()
    given = {
        "people": args.people,
        "photos": args.photos,
        "clip_frames": args.clip_frames,
        "performer_frames": args.performer_frames,
        "solved": args.solved,
    }
    for name, least in (("people", 2), ("photos", 1), ("clip_frames", 0), ("performer_frames", 0), ("solved", 0)):
        if given[name] is not None and given[name] < least:
            raise LimelightError(f"--{name.replace('_', '-')} {given[name]}: must be at least {least}")
    extent = replace(extent, **{name: value for name, value in given.items() if value is not None})
    return replace(extent, clip_frames=extent.clip_frames or None)


def _material(args: argparse.Namespace, model: FaceModel, extent: Extent) -> Material:
    from facemodel import LimelightError
    from training.data.landmarker import BUNDLE
    from training.evaluation.context import Material

    data = args.data or (Path(os.environ["LIMELIGHT_DATA"]) if os.environ.get("LIMELIGHT_DATA") else None)
    if data is not None and not data.is_dir():
        raise LimelightError(f"data folder {data}: no such folder")
    return Material(model, data, args.cache, BUNDLE, extent, args.clips)

"""`limelight person`: who is known, and how each face is read."""

from __future__ import annotations

import argparse
import sys
import time
from functools import partial
from typing import TYPE_CHECKING

from limelight.arguments import add_engine_arguments, add_source_arguments, source_settings

if TYPE_CHECKING:
    from realtime.persons.guide import Guide
    from realtime.session import Session


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add the sub-command."""
    parser = subparsers.add_parser(
        "person",
        help="calibrate a person, or choose one",
        description="A calibration of ten seconds fixes a person's shape and skin, and how strongly each expression is "
        "read: at rest the weights are near 0, shut eyes and a broad smile reach 1. It is kept per person, camera and "
        "glasses.",
    )
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")

    calibrate = actions.add_parser("calibrate", help="measure a person's face, and use it from then on")
    calibrate.add_argument("name", metavar="NAME")
    add_source_arguments(calibrate)
    calibrate.add_argument("--glasses", action="store_true", help="the person wears glasses now")
    calibrate.add_argument(
        "--skip", action="append", default=[], metavar="STEP", help="leave out 'eyes shut', 'smile' or 'jaw open'"
    )
    add_engine_arguments(calibrate)
    calibrate.set_defaults(run=_calibrate)

    known = actions.add_parser("list", help="say who is known; the one in use has a star")
    known.set_defaults(run=_list)

    use = actions.add_parser("use", help="use a person's calibration from now on")
    use.add_argument("name", nargs="?", default="", metavar="NAME")
    use.add_argument("--glasses", action="store_true", help="the person wears glasses")
    use.add_argument("--none", action="store_true", help="nobody known")
    use.set_defaults(run=_use)

    adjust = actions.add_parser("set", help="change how an expression is read")
    adjust.add_argument("name", metavar="NAME")
    adjust.add_argument(
        "settings",
        nargs="+",
        metavar="EXPRESSION.SETTING=VALUE",
        help="gain (0 to 4), curve (0.25 to 4) or limit (0 to 1) of an expression, of a left and a right one "
        "(mouthSmile), or of all; all that is given is set, or nothing",
    )
    adjust.set_defaults(run=_set)

    show = actions.add_parser("show", help="say how a person's expressions are read")
    show.add_argument("name", metavar="NAME")
    show.set_defaults(run=_show)

    delete = actions.add_parser("delete", help="forget a person")
    delete.add_argument("name", metavar="NAME")
    delete.set_defaults(run=_delete)


def _calibrate(args: argparse.Namespace) -> int:
    from facemodel import FaceModel, LimelightError
    from limelight.live_tracker import make_tracker
    from realtime.persons.guide import STEPS, Guide, GuideState
    from realtime.persons.store import PersonStore
    from realtime.session import Session
    from realtime.session_config import SessionConfig
    from realtime.sources import default_source
    from realtime.takes import is_take, load_take
    from realtime.threads import limit_threads

    if unknown := [name for name in args.skip if name not in [step.name for step in STEPS[1:]]]:
        known = ", ".join(f"'{step.name}'" for step in STEPS[1:])
        raise LimelightError(f"--skip {unknown[0]}: only {known} can be left out")
    if args.source is None:
        args.source, note = default_source()
        print(f"limelight: {note}", file=sys.stderr)
    PersonStore().check_name(args.name)
    limit_threads(args.threads)
    model = FaceModel.load()
    config = SessionConfig(paced=False, person="", glasses=args.glasses, source=source_settings(args, live=True))
    session = Session(model, partial(make_tracker, args, model), config)
    layout = load_take(args.source).model.layout if is_take(args.source) else model.layout
    guide = Guide(layout, [step for step in STEPS if step.name not in args.skip])
    try:
        session.listen(guide.see)
        session.open(args.source)
        _follow(session, guide)
        if guide.state is GuideState.RUNNING and (error := session.status().error):
            raise LimelightError(error)
        session.keep_person(args.name, guide)
        line = session.sitter.line
    finally:
        session.stop()
    print(f"{line}{'; not measured: ' if guide.skipped else ''}{', '.join(guide.skipped)}")
    return 0


def _follow(session: Session, guide: Guide) -> None:
    """Say what to do until the guide has seen all, or the source is over."""
    told, restarts = None, 0
    while (step := guide.step) is not None and not session.status().ended:
        if guide.restarts != restarts:
            told, restarts = None, guide.restarts
            print("limelight: another face: all begins anew", file=sys.stderr)
        if step.name != told:
            told = step.name
            bell = "\a" if sys.stderr.isatty() else ""  # for eyes that are shut
            print(f"{bell}limelight: {guide.number + 1}/{len(guide.steps)} {step.instruction}", file=sys.stderr)
        if sys.stderr.isatty():
            print(f"\r  {guide.remaining:4.1f} s ", end="", file=sys.stderr, flush=True)
        time.sleep(0.05)
    if sys.stderr.isatty():
        print("\r          ", end="\r", file=sys.stderr, flush=True)


def _list(args: argparse.Namespace) -> int:  # noqa: ARG001 (it takes none)
    from facemodel import LimelightError
    from realtime.persons.store import PersonStore

    store = PersonStore()
    chosen = store.chosen()
    for name in store.names():
        try:
            line = f"{name}: {', '.join(map(str, store.load(name).calibrations))}"
        except LimelightError as error:
            line = str(error)
        print(f"{'*' if chosen is not None and chosen.name == name else ' '} {line}")
    if not store.names():
        print("nobody is known yet: limelight person calibrate NAME")
    return 0


def _use(args: argparse.Namespace) -> int:
    from facemodel import LimelightError
    from realtime.persons.store import PersonStore

    if bool(args.name) == args.none:
        raise LimelightError("person use: give a NAME, or --none for nobody known")
    store = PersonStore()
    store.choose(args.name or None, args.glasses)
    chosen = store.chosen()
    glasses = " with glasses" if chosen is not None and chosen.glasses else ""
    print(f"from now on: {'nobody known' if chosen is None else chosen.name}{glasses}")
    return 0


def _set(args: argparse.Namespace) -> int:
    from facemodel import FaceModel, LimelightError
    from realtime.persons.profile import adjust
    from realtime.persons.store import PersonStore

    settings = []
    for text in args.settings:
        place, _, value = text.partition("=")
        expression, _, setting = place.partition(".")
        try:
            number = float(value)
        except ValueError as error:
            raise LimelightError(f"{text}: it must look like mouthSmileLeft.gain=1.2") from error
        settings.append((expression, setting, number))
    adjust(PersonStore(), args.name, settings, FaceModel.load())
    return 0


def _show(args: argparse.Namespace) -> int:
    from realtime.persons.store import PersonStore

    for setup, expressions in PersonStore().load(args.name).calibrations.items():
        print(setup)
        for name, values in expressions.items():
            print(f"  {name:<20} {', '.join(f'{key} {value:g}' for key, value in values.items())}")
    return 0


def _delete(args: argparse.Namespace) -> int:
    from realtime.persons.store import PersonStore

    PersonStore().delete(args.name)
    print(f"{args.name}: forgotten")
    return 0

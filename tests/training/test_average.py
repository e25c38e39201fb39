"""Runs of one network are averaged; other networks are refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from facemodel import FaceModel
from tests.toy_model import toy_model
from training.networks import NetworkCheckpoint, Student, StudentConfig, load_network
from training.networks.checkpoint import write_checkpoint
from training.recipes.average import main

SMALL = StudentConfig(resolution=32, head_channels=8, hidden=16)


@pytest.fixture(scope="module")
def toy() -> FaceModel:
    return toy_model(n_identity=3, n_expression=52, n_albedo=2)


def save(path: Path, toy: FaceModel, config: StudentConfig = SMALL, seed: int = 0) -> str:
    torch.manual_seed(seed)
    network = Student(config, toy.layout)
    return str(write_checkpoint(path, {"network": NetworkCheckpoint.of(network, toy).to_dict()}))


def test_every_weight_is_the_mean_of_all_runs(toy: FaceModel, tmp_path: Path) -> None:
    runs = [save(tmp_path / f"{seed}.pt", toy, seed=seed) for seed in range(3)]
    main([*runs, "--out", str(tmp_path / "mean.pt")])
    found, parts = load_network(tmp_path / "mean.pt"), [load_network(run).weights for run in runs]
    assert isinstance(found.build(), Student)
    assert any((parts[0][name] != parts[1][name]).any() for name in parts[0])
    for name, value in found.weights.items():
        if value.is_floating_point():
            torch.testing.assert_close(value, (parts[0][name] + parts[1][name] + parts[2][name]) / 3)


@pytest.mark.parametrize("other", ["config", "model"])
def test_what_is_no_run_of_the_same_network_is_refused(
    toy: FaceModel, tmp_path: Path, capsys: pytest.CaptureFixture[str], other: str
) -> None:
    model = toy_model(n_identity=3, n_expression=52, n_albedo=2, seed=5) if other == "model" else toy
    config = replace(SMALL, hidden=12) if other == "config" else SMALL
    files = [save(tmp_path / "a.pt", toy), save(tmp_path / "b.pt", model, config)]
    with pytest.raises(SystemExit) as stopped:
        main([*files, "--out", str(tmp_path / "mean.pt")])
    assert stopped.value.code == 1
    assert "several forms or face models" in capsys.readouterr().err
    assert not (tmp_path / "mean.pt").exists()

"""`limelight train` as a process of its own: killed, resumed, stopped with Ctrl-C, and with nothing to learn from."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from limelight.cli import main
from tests.training.prepared_photos import random_parameters, write_photos
from training.data import ShardWriter
from training.data.synthetic import SceneConfig, SceneRenderer, render_shard
from training.networks import load_network
from training.networks.checkpoint import read_checkpoint
from training.render.random_faces import FaceDistribution, RandomFaces
from training.render.scenery import Backgrounds

CONFIG = """
name = "small"
data = "data"
checkpoints = "checkpoints"
pretrained = false
steps = 100000
batch_size = 2
photo_share = 0.0
negative_share = 0.0
threads = 1
checkpoint_minutes = 0.001
validation_minutes = 60.0

[network]
resolution = 32
head_channels = 8
hidden = 16
frozen_blocks = 0
"""


@pytest.fixture
def workplace(tmp_path, model, monkeypatch) -> Path:
    """A folder with sixteen renders and a configuration, as the working directory."""
    config = SceneConfig(shard=16, held_out_share=0.2)
    backgrounds = Backgrounds(config.render_size, [], np.random.default_rng(0))
    renderer = SceneRenderer(model, config, backgrounds, RandomFaces(model, FaceDistribution()))
    ShardWriter(tmp_path / "data", "synthetic", model).write(0, render_shard(renderer, 16, np.random.default_rng(1)))
    (tmp_path / "small.toml").write_text(CONFIG)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def start(folder: Path, *arguments: str) -> subprocess.Popen:
    command = [sys.executable, "-m", "limelight.cli", "train", "--config", "small.toml", *arguments]
    return subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def wait_for_checkpoint(run: subprocess.Popen, path: Path, after: int = -1) -> int:
    """Number of steps in the first checkpoint beyond `after`."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        assert run.poll() is None, run.stdout.read()
        if path.is_file() and (step := read_checkpoint(path)["step"]) > after:
            return step
        time.sleep(0.2)
    raise AssertionError("no checkpoint within two minutes")


def test_a_killed_run_goes_on_from_its_last_checkpoint_and_ctrl_c_leaves_one(workplace):
    path = workplace / "checkpoints" / "small" / "last.pt"
    run = start(workplace)
    wait_for_checkpoint(run, path)
    run.send_signal(signal.SIGKILL)
    run.wait(30)
    killed_at = read_checkpoint(path)["step"]
    assert killed_at > 0
    run = start(workplace, "--resume", str(path))
    step = wait_for_checkpoint(run, path, after=killed_at)
    run.send_signal(signal.SIGINT)
    output, _ = run.communicate(timeout=60)
    assert run.returncode == 0 and "Traceback" not in output
    assert read_checkpoint(path)["step"] >= step > killed_at
    assert load_network(path).build() is not None


def test_another_runs_checkpoint_is_not_replaced_unasked(workplace, capsys):
    path = workplace / "checkpoints" / "small" / "last.pt"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"three days of training")
    (workplace / "elsewhere.pt").write_bytes(b"of another run")
    for resume in ([], ["--resume", "elsewhere.pt"]):
        assert main(["train", "--config", "small.toml", *resume]) == 1
        assert "exists already" in capsys.readouterr().err
    assert path.read_bytes() == b"three days of training"


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (
            lambda folder: (folder / "data" / "synthetic" / "shard_00000").rename(folder / "elsewhere"),
            "nothing prepared",
        ),
        (lambda folder: (folder / "small.toml").write_text("steps = 'many'"), "'steps' must be int"),
    ],
)
def test_nothing_to_learn_from_or_a_bad_configuration_is_one_line(workplace, capsys, spoil, words):
    spoil(workplace)
    assert main(["train", "--config", "small.toml"]) == 1
    complaint = [line for line in capsys.readouterr().err.splitlines() if line.startswith("limelight: error: ")]
    assert len(complaint) == 1 and words in complaint[0]


PAPER = """
name = "paper-small"
objective = "paper"
data = "data"
checkpoints = "checkpoints"
pretrained = false
steps = 2
batch_size = 3
photo_share = 0.0
negative_share = 0.0
threads = 1

[network]
resolution = 32
head_channels = 8
hidden = 16
frozen_blocks = 0

[paper]
photos = "photos"
render_size = 56
company = 2
labelled = 2

[paper.weights]
identity = 0.0
"""


def test_the_papers_objective_trains_from_photos_and_labelled_crops(workplace, model, capsys):
    splits = ["train"] * 4 + ["validation"]
    write_photos(workplace / "photos", model, random_parameters(model, 5), ["a", "a", "b", "b", "c"], splits=splits)
    (workplace / "paper.toml").write_text(PAPER)
    assert main(["train", "--config", "paper.toml"]) == 0
    path = workplace / "checkpoints" / "paper-small" / "last.pt"
    figures = read_checkpoint(path)["history"][-1]
    assert {"photo.color_error", "loss.photometric", "labels.render.nme68"} <= set(figures)
    assert "loss.identity" not in figures and figures["step"] == 2
    assert "Traceback" not in capsys.readouterr().err and load_network(path).build() is not None

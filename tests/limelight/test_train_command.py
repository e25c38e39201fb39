"""`limelight train`: the paper's run from a folder in CelebA's layout, Ctrl-C, and what cannot be done in one line."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import pytest
from torch import Tensor, nn
from torch.nn import functional

from limelight.cli import main
from realtime.sources.synthetic import SyntheticPerformer
from training.networks import ResNet50Config, load_network
from training.recipes import paper, stages
from training.recipes.book import RECIPES
from training.recipes.recipe import Recipe, Stage
from training.tasks import paper_task


def celeba(root: Path, count: int) -> Path:
    """A small folder in CelebA's layout, of the synthetic performer, two pictures a person."""
    performer = SyntheticPerformer(width=320, height=240, fps=2.0, seed=1, live=False)
    (root / "img_align_celeba").mkdir(parents=True)
    for number in range(1, count + 1):
        cv2.imwrite(str(root / "img_align_celeba" / f"{number:06d}.jpg"), performer.read().image)
    performer.close()
    people = "".join(f"{number:06d}.jpg {number // 2}\n" for number in range(1, count + 1))
    parts = "".join(f"{number:06d}.jpg {int(number == count)}\n" for number in range(1, count + 1))
    (root / "identity_CelebA.txt").write_text(people)
    (root / "list_eval_partition.txt").write_text(parts)
    return root


def test_the_papers_run_goes_from_photographs_to_an_exported_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """All stages but the measurement, at toy size: ResNet-50 at 32 px, batches of 2, renders of 56 px."""
    small = replace(
        paper.TRAINING,
        network=ResNet50Config(resolution=32),
        pretrained=False,
        batch_size=2,
        steps=20_000,
        threads=1,
        paper=replace(paper.TRAINING.paper, render_size=56),
    )
    shortened = tuple(
        replace(stage, config=small)
        for stage in RECIPES["paper"].stages
        if stage.name in ("prepare", "paper", "export")
    )
    monkeypatch.setitem(RECIPES, "paper", replace(RECIPES["paper"], stages=shortened))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    for module in (paper, paper_task):
        monkeypatch.setattr(module, "load_identity_network", lambda _cache: Recognizer())
    monkeypatch.chdir(tmp_path)
    folder = celeba(tmp_path / "CelebA", 6)
    command = ["train", "--recipe", "paper", "--scale", "0.0001", "--out", "out", "--dataset", str(folder)]
    assert main(command) == 0
    said = capfd.readouterr().out
    assert "1/3 prepare" in said and "loss.photometric" in said and "compared with PyTorch" in said
    network = load_network(tmp_path / "out" / "paper" / "last.pt")
    assert network.kind == "resnet50" and (tmp_path / "out" / "paper.onnx").is_file()
    assert main(command) == 0
    assert capfd.readouterr().out.count(": done, ") == 3


class Recognizer(nn.Module):
    """Stands in for the identity network, whose weights are fetched: the colours of the quarters."""

    def forward(self, pictures: Tensor) -> Tensor:
        return functional.adaptive_avg_pool2d(pictures.permute(0, 3, 1, 2), 2).flatten(1)


def test_ctrl_c_ends_in_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stopped(_job: object, _stage: object) -> dict[str, float]:
        raise KeyboardInterrupt

    monkeypatch.setitem(RECIPES, "student", Recipe("student", "It stops.", (Stage("wait", stopped),)))
    assert main(["train", "--recipe", "student", "--out", str(tmp_path / "out")]) == 130
    assert capsys.readouterr().out.splitlines()[-1] == "stopped; the same command goes on"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--recipe", "student", "--out", "out"], "needs photographs"),
        (["--recipe", "student-open", "--out", "file"], "no folder"),
        (["--recipe", "student-open", "--out", "out", "--data", "nowhere"], "no such folder"),
        (["--recipe", "student-open", "--out", "out", "--face-model", "none.npz"], "none.npz"),
        (["--recipe", "paper", "--out", "out", "--dataset", "nowhere"], "no such folder"),
    ],
)
def test_what_cannot_be_done_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LIMELIGHT_DATA", raising=False)
    (tmp_path / "file").touch()
    assert main(["train", *arguments]) == 1
    complaint = [line for line in capsys.readouterr().err.splitlines() if line.startswith("limelight: error: ")]
    assert len(complaint) == 1 and said in complaint[0]


@pytest.mark.parametrize("scale", ["0", "-1", "much"])
def test_a_scale_is_above_zero(scale: str) -> None:
    with pytest.raises(SystemExit):
        main(["train", "--recipe", "student", "--out", "out", "--scale", scale])


def test_the_identity_network_is_asked_for_by_the_papers_recipe_alone() -> None:
    assert RECIPES["paper"].stages[0].config.paper.weights.identity > 0.0
    assert stages.train_paper not in {stage.work for stage in RECIPES["student"].stages}

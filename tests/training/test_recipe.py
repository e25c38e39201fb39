"""Recipes: killed between stages and within them they go on to the same network; other inputs are refused."""

from __future__ import annotations

import gc
import json
import os
import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from facemodel import CROP_SIZE, FaceModel, LimelightError
from facemodel.rotation import matrix_from_euler
from tests.toy_model import toy_model
from tests.training.shared_work import write_number
from training.config import TrainConfig
from training.data.storage import STORED_SIZE, Samples, ShardWriter
from training.networks import Student, StudentConfig, load_network
from training.recipes import stages
from training.recipes.book import RECIPES
from training.recipes.parallel import in_processes
from training.recipes.recipe import Job, Mark, Recipe, Stage, follow
from training.train import Trainer

TRUNK = StudentConfig(resolution=32, head_channels=8, hidden=16, frozen_blocks=0)
HEADS = replace(TRUNK, resolution=64, trunk_resolution=32, expression_hidden=8, face_hidden=8)
SHORT = TrainConfig(
    network=TRUNK,
    pretrained=False,
    steps=6,
    batch_size=4,
    photo_share=0.0,
    negative_share=0.0,
    threads=1,
    checkpoint_minutes=0.0,  # after every step
    validation_minutes=60.0,
)
CLOSE = replace(SHORT, network=HEADS, parts=("expression_head", "face_head"), guided_share=1.0)


def draw(job: Job, stage: Stage) -> Mapping[str, float]:
    """Write random pictures that say how they are lit."""
    rng = np.random.default_rng(job.seed)
    count, layout = job.count(stage, 4), job.model.layout
    vectors = np.tile(layout.neutral(), (count, 1))
    for vector in vectors:
        p = layout.view(vector)
        p.rotation = matrix_from_euler(*rng.uniform(-0.3, 0.3, 3))
        p.translation[:] = CROP_SIZE / 2 + rng.normal(0, 15, 2)
        p.identity[:] = rng.normal(size=p.identity.shape)
        p.expression[:] = rng.uniform(0, 0.4, p.expression.shape)
        layout.constrain(vector)
    yes = np.ones(count, bool)
    samples = Samples(
        images=rng.integers(0, 256, (count, STORED_SIZE, STORED_SIZE, 3), dtype=np.uint8),
        parameters=vectors,
        landmarks=rng.uniform(50.0, 170.0, (count, 478, 2)).astype(np.float32),
        face=yes,
        photo=~yes,
        geometry=yes,
        light=yes,
        held_out=np.arange(count) % 4 == 3,
    )
    ShardWriter(job.crops, "synthetic", job.model).write(0, samples)
    return {"renders": count}


def nothing(arguments: Sequence[str]) -> int:
    raise AssertionError(f"no stage here needs the program, but {arguments} were given")


TINY = Recipe(
    "tiny",
    "A network of seconds.",
    (
        Stage("draw", draw, count=16),
        Stage("trunk", stages.train, config=SHORT),
        Stage("heads", stages.train, ("trunk",), config=CLOSE),
        Stage("appearance", stages.appearance, ("heads",), count=2, config=replace(CLOSE, steps=4)),
        Stage("readout", stages.readout, ("appearance",), count=6, config=CLOSE),
    ),
)


@pytest.fixture(scope="module")
def toy() -> FaceModel:
    return toy_model(n_identity=3, n_expression=52, n_albedo=2)


@pytest.fixture(scope="module")
def whole(toy: FaceModel, tmp_path_factory: pytest.TempPathFactory) -> Job:
    """A run that nothing stopped."""
    job = Job(TINY, tmp_path_factory.mktemp("whole") / "out", toy, nothing)
    follow(job)
    return job


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def run_until(job: Job, spoil: Callable[[pytest.MonkeyPatch], None]) -> None:
    """Follow the recipe in a process of its own, which dies by SIGKILL on the way."""
    torch.set_num_threads(1)
    child = os.fork()
    if not child:
        gc.disable()  # what earlier tests left, such as ONNX Runtime's threads, ends in the parent alone
        with pytest.MonkeyPatch.context() as patch:
            spoil(patch)
            try:
                follow(job)
            finally:
                os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL


def after_a_stage(patch: pytest.MonkeyPatch) -> None:
    write = Mark.write
    patch.setattr(Mark, "write", lambda mark: (write(mark), die() if mark.done else None))


def in_training(patch: pytest.MonkeyPatch) -> None:
    step = Trainer.train_step
    patch.setattr(Trainer, "train_step", lambda run, batch: die() if run.step == 3 else step(run, batch))


def in_heads(patch: pytest.MonkeyPatch) -> None:
    step = Trainer.train_step
    there = "heads"
    patch.setattr(
        Trainer,
        "train_step",
        lambda run, batch: die() if there in run.folder.parts and run.step == 5 else step(run, batch),
    )


def in_the_second_lesson(patch: pytest.MonkeyPatch) -> None:
    step = Trainer.train_step
    patch.setattr(Trainer, "train_step", lambda run, batch: die() if run.folder.name == "seen" else step(run, batch))


def in_the_readout(patch: pytest.MonkeyPatch) -> None:
    gather, written = stages.gather, []
    patch.setattr(stages, "_SAVE_SECONDS", 0.0)

    def some(*arguments: object) -> object:
        for state in gather(*arguments):  # type: ignore[arg-type]
            written.append(state)
            yield state
            if len(written) == 3:
                die()

    patch.setattr(stages, "gather", some)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills a fork of itself")
def test_a_run_killed_anywhere_ends_with_the_same_network(whole: Job, toy: FaceModel, tmp_path: Path) -> None:
    job = Job(TINY, tmp_path / "out", toy, nothing)
    for spoil in (after_a_stage, in_training, in_heads, in_the_second_lesson, in_the_readout):
        run_until(job, spoil)
    assert torch.load(job.folder("readout") / "sums.pt", weights_only=True)["batches"] == 3
    follow(job)
    for stage in ("trunk", "heads", "appearance", "readout"):
        own, expected = (load_network(each.checkpoint(stage)).weights for each in (job, whole))
        for name, value in expected.items():
            assert torch.equal(own[name], value), f"{stage}: {name}"


def test_what_is_done_stays_and_is_said_in_a_line(
    whole: Job, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Trainer, "run", lambda _: pytest.fail("nothing is left to train"))
    follow(whole)
    said = capsys.readouterr().out.splitlines()
    assert len(said) == len(TINY.stages) + 1
    assert [line.split(": ")[0] for line in said[:2]] == ["1/5 draw", "2/5 trunk"]
    assert all(": done, " in line for line in said[:-1])


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"seed": 1}, "stage draw was done with seed 0, not 1"),
        ({"scale": 0.5}, "stage draw was done with scale 1.0, not 0.5"),
        ({"model": toy_model(3, 52, 2, seed=1)}, "stage draw was done with face model"),
        (
            {"recipe": replace(TINY, stages=(TINY.stages[0], replace(TINY.stages[1], config=replace(SHORT, steps=7))))},
            "stage trunk was done with stage",
        ),
    ],
)
def test_another_input_is_one_line(whole: Job, changes: dict, said: str) -> None:
    with pytest.raises(LimelightError, match=said) as caught:
        follow(replace(whole, **changes))
    assert "\n" not in str(caught.value) and "--out" in str(caught.value)


def test_a_spoiled_mark_is_one_line(toy: FaceModel, tmp_path: Path) -> None:
    (tmp_path / "marks").mkdir()
    (tmp_path / "marks" / "draw.json").write_text("{")
    with pytest.raises(LimelightError, match=r"draw\.json: unreadable"):
        follow(Job(TINY, tmp_path, toy, nothing))


def test_what_stops_a_stage_is_noted_and_the_stage_stays_open(toy: FaceModel, tmp_path: Path) -> None:
    def stopped(_job: Job, _stage: Stage) -> Mapping[str, float]:
        raise KeyboardInterrupt

    recipe = Recipe("stopped", "It is.", (Stage("wait", stopped),))
    with pytest.raises(KeyboardInterrupt):
        follow(Job(recipe, tmp_path, toy, nothing))
    assert json.loads((tmp_path / "marks" / "wait.json").read_text())["done"] is False


def test_the_appearance_is_kept_only_where_it_is_better(whole: Job, tmp_path: Path) -> None:
    before, after = (load_network(whole.checkpoint(name)).weights for name in ("heads", "appearance"))
    better = json.loads((whole.out / "marks" / "appearance.json").read_text())["figures"]["better"]
    changed = any(not torch.equal(before[name], value) for name, value in after.items())
    assert changed == bool(better)


def test_a_network_of_two_has_the_trunk_of_one_and_the_heads_of_the_other(whole: Job, toy: FaceModel) -> None:
    other = Stage("other", stages.train, config=replace(SHORT, seed=5, network=replace(TRUNK, hidden=12)))
    both = Stage(
        "both",
        stages.assemble,
        ("other", "readout"),
        config=replace(CLOSE, network=replace(HEADS, hidden=12, points_step=True)),
    )
    job = replace(whole, recipe=Recipe("two", "Of two.", (*TINY.stages, other, both)))
    follow(job)
    made, trunk, heads = (load_network(job.checkpoint(name)).build() for name in ("both", "other", "readout"))
    assert isinstance(made, Student) and isinstance(trunk, Student) and isinstance(heads, Student)
    crop = torch.randint(0, 256, (3, 64, 64, 3), dtype=torch.uint8)
    pose = torch.from_numpy(np.tile(toy.layout.neutral(), (3, 1)))[:, stages_pose(toy)]
    pose[:, 6:8] = 112.0
    with torch.inference_mode():
        torch.testing.assert_close(made.follow(crop, pose)[0], heads.follow(crop, pose)[0])
        small = crop[:, ::2, ::2].contiguous()
        large = small.repeat_interleave(2, dim=1).repeat_interleave(2, dim=2)  # which the network shrinks again
        torch.testing.assert_close(made.find(large)[0], trunk.find(small)[0])


def stages_pose(model: FaceModel) -> slice:
    return slice(model.layout.slices["rotation"].start, model.layout.slices["scale"].stop)


def test_recipes_hold_together_and_fit_into_their_hours() -> None:
    assert set(RECIPES) >= {"student", "student-open", "resnet50", "paper"}
    for name in ("student", "student-open"):
        assert 19.0 < RECIPES[name].hours <= 20.0
    assert not RECIPES["student-open"].photographs
    assert all(stage.config.photo_share == 0.0 for stage in RECIPES["student-open"].stages if stage.config.parts)
    with pytest.raises(ValueError, match="needs nothing-before"):
        Recipe("bad", "It is.", (Stage("a", draw, ("nothing-before",)),))


def test_scale_shrinks_counts_to_a_least(toy: FaceModel, tmp_path: Path) -> None:
    stage = Stage("renders", draw, hours=2.0, count=1000)
    job = Job(Recipe("r", "R.", (stage,)), tmp_path, toy, nothing, scale=0.05, pace=0.5)
    assert (job.count(stage, 4), job.count(stage, 400), job.count(stage, 4000)) == (50, 400, 1000)
    assert job.minutes(stage) == pytest.approx(60.0 * 2.0 * 0.05 * 0.5)


def test_processes_share_the_work_and_say_what_fails(tmp_path: Path) -> None:
    in_processes(write_number, [(tmp_path, 1), (tmp_path, 2)])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["1", "2"]
    with pytest.raises(LimelightError, match="write number: a process failed"):
        in_processes(write_number, [(tmp_path, 3)])

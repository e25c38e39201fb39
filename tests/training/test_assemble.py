"""Parts of students that were trained apart say together what each of them said."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from facemodel import FaceModel
from tests.toy_model import toy_model
from training.networks import NetworkCheckpoint, Student, StudentConfig, load_network
from training.networks.checkpoint import write_checkpoint
from training.networks.close_up import pose_span
from training.recipes.assemble import main

TRUNK = StudentConfig(resolution=32, head_channels=8, hidden=16)
HEADS = replace(TRUNK, resolution=64, trunk_resolution=32, hidden=12, expression_hidden=24, face_hidden=20)


@pytest.fixture(scope="module")
def toy() -> FaceModel:
    return toy_model(n_identity=3, n_expression=52, n_albedo=2)


def student(config: StudentConfig, toy: FaceModel, seed: int) -> Student:
    """A student with outputs that differ from face to face, whose decoder is its own."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    labels = toy.layout.neutral() + rng.normal(0.0, 0.05 * seed, (50, toy.layout.size)) + 0.01 * seed
    network = Student(config, toy.layout, labels.astype(np.float32)).eval()
    for head in (network, network.expression_head, network.face_head):
        if head is not None:
            torch.nn.init.normal_(head.regressor.weight, std=0.1)
    return network


def save(path: Path, network: Student, model: FaceModel) -> str:
    return str(write_checkpoint(path, {"network": NetworkCheckpoint.of(network, model).to_dict()}))


def test_each_part_says_what_it_said_alone(toy: FaceModel, tmp_path: Path) -> None:
    trunk, face, expression = student(TRUNK, toy, 1), student(HEADS, toy, 2), student(HEADS, toy, 3)
    assert not torch.allclose(face.decoder.std, expression.decoder.std, rtol=0.1)
    files = [save(tmp_path / f"{i}.pt", network, toy) for i, network in enumerate((trunk, face, expression))]
    out = tmp_path / "whole.pt"
    main(["--trunk", files[0], "--face", files[1], "--expression", files[2], "--out", str(out)])
    whole = load_network(out).build()
    assert isinstance(whole, Student) and whole.follows
    crop = torch.randint(0, 256, (3, 64, 64, 3), dtype=torch.uint8)
    span = toy.layout.slices["expression"]
    pose = torch.from_numpy(np.tile(toy.layout.neutral(), (3, 1)))[:, pose_span(toy.layout)]
    pose[:, 6:8] = 112.0
    with torch.inference_mode():
        found, belief = whole.follow(crop, pose)
        expected, face_belief = face.follow(crop, pose)
        # The expression head looks where the face head has moved the pose to; these have learned no correction.
        expected[:, span] = expression.follow(crop, pose)[0][:, span]
        small = torch.randint(0, 256, (3, 32, 32, 3), dtype=torch.uint8)
        large = small.repeat_interleave(2, dim=1).repeat_interleave(2, dim=2)  # which the network shrinks again
        places, beliefs = whole.find(large)
        torch.testing.assert_close(places, trunk.find(small)[0])
        torch.testing.assert_close(beliefs, trunk.find(small)[1])
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(belief, face_belief)
    assert found[:, span].std() > 1e-3


def test_both_heads_come_from_one_file_if_no_other_is_named(toy: FaceModel, tmp_path: Path) -> None:
    trunk, heads = student(TRUNK, toy, 1), student(HEADS, toy, 2)
    files = [save(tmp_path / "trunk.pt", trunk, toy), save(tmp_path / "heads.pt", heads, toy)]
    main(["--trunk", files[0], "--face", files[1], "--out", str(tmp_path / "whole.pt")])
    for name, value in load_network(tmp_path / "whole.pt").weights.items():
        if name.startswith(("expression_head.", "face_head.", "decoder.")):
            torch.testing.assert_close(value, heads.state_dict()[name])


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"face_hidden": 0}, "no face head"),
        ({"expression_hidden": 0}, "no expression head"),
        ({"resolution": 48}, "crops of 64 and of 48 px"),
    ],
)
def test_heads_that_are_missing_or_see_other_crops_are_refused(
    toy: FaceModel, tmp_path: Path, capsys: pytest.CaptureFixture[str], changes: dict[str, int], said: str
) -> None:
    whole = save(tmp_path / "whole.pt", student(HEADS, toy, 1), toy)
    other = save(tmp_path / "other.pt", student(replace(HEADS, **changes), toy, 2), toy)
    face, expression = (other, whole) if "face_hidden" in changes else (whole, other)
    with pytest.raises(SystemExit, match="1"):
        main(["--trunk", whole, "--face", face, "--expression", expression, "--out", str(tmp_path / "out.pt")])
    message = capsys.readouterr().err
    assert said in message and message.count("\n") == 1
    assert not (tmp_path / "out.pt").exists()


def test_parts_of_another_face_model_are_refused(
    toy: FaceModel, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = toy_model(n_identity=4, n_expression=52, n_albedo=2)
    files = [save(tmp_path / f"{m.name}.pt", student(HEADS, m, 1), m) for m in (toy, other)]
    with pytest.raises(SystemExit, match="1"):
        main(["--trunk", files[0], "--face", files[1], "--out", str(tmp_path / "out.pt")])
    message = capsys.readouterr().err
    assert "several face models" in message and message.count("\n") == 1


def test_a_missing_part_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    missing = str(tmp_path / "none.pt")
    with pytest.raises(SystemExit, match="1"):
        main(["--trunk", missing, "--face", missing, "--out", str(tmp_path / "out.pt")])
    assert "no such file" in capsys.readouterr().err

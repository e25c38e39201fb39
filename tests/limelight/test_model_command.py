"""`limelight model`: describing and importing from the command line."""

from __future__ import annotations

import argparse
import sys

import pytest

from facemodel import FaceModel, LimelightError
from limelight.commands import model as command
from tests.toy_model import toy_model


def run_model(*arguments: str) -> int:
    parser = argparse.ArgumentParser()
    command.add_parser(parser.add_subparsers())
    args = parser.parse_args(["model", *arguments])
    return args.run(args)


def test_info_of_a_file(tmp_path, capsys):
    path = toy_model(3, 8, 2).save(tmp_path / "toy.npz")
    assert run_model("info", str(path)) == 0
    report = capsys.readouterr().out
    model = FaceModel.load(path)
    assert model.digest in report
    assert str(model.n_vertices) in report
    assert "mouth_lining" in report
    assert "jawOpen" in report


def test_info_of_a_missing_file(tmp_path):
    with pytest.raises(LimelightError, match="no such file"):
        run_model("info", str(tmp_path / "none.npz"))


@pytest.mark.parametrize(
    ("module", "arguments"),
    [
        ("build", ("build", "--out", "model.npz")),
        ("hair", ("build-hair", "--out", "hair.npz")),
        ("sheet", ("sheets", "sheets")),
    ],
)
def test_what_lacks_its_packages_says_what_to_install(monkeypatch, module, arguments):
    name = f"training.face_model.{module}"
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(
        LimelightError, match=rf"^\w+ needs more packages \({name}\): pip install 'limelight\[train\]'$"
    ):
        run_model(*arguments)


@pytest.mark.parametrize("force", [(), ("--force",)])
def test_a_build_is_told_where_to_write_and_never_replaces_what_ships_unasked(force, capsys):
    with pytest.raises(SystemExit):
        run_model("build", *force)
    assert "the following arguments are required: --out" in capsys.readouterr().err
    with pytest.raises(LimelightError, match="name the file to write with --out, or the face model with --model"):
        run_model("build-hair", *force)


def test_build_without_its_data_says_so(tmp_path):
    with pytest.raises(LimelightError, match="LIMELIGHT_DATA"):
        run_model("build", "--sources", str(tmp_path / "none"), "--out", str(tmp_path / "model.npz"))


def test_an_action_is_needed(capsys):
    with pytest.raises(SystemExit):
        run_model()
    assert "ACTION" in capsys.readouterr().err


@pytest.mark.parametrize(("kind", "arguments"), [("ict", ["clone"]), ("bfm2017", ["shape.h5", "albedo.h5"])])
def test_import_saves_where_asked(monkeypatch, tmp_path, capsys, kind, arguments):
    monkeypatch.setattr(FaceModel, "load", classmethod(lambda cls, path=None: toy_model(2, 5, 1)))
    monkeypatch.setattr(f"facemodel.importers.{kind}.import_{kind}", lambda *_: toy_model(4, 6, 2))
    out = tmp_path / "folder" / "imported.npz"
    assert run_model("import", kind, *arguments, "--out", str(out)) == 0
    assert str(out) in capsys.readouterr().out
    assert out.is_file()


def test_a_strangers_file_stays_and_an_own_one_is_replaced(monkeypatch, tmp_path):
    monkeypatch.setattr(FaceModel, "load", classmethod(lambda cls, path=None: toy_model(2, 5, 1)))
    monkeypatch.setattr("facemodel.importers.bfm2017.import_bfm2017", lambda *_: toy_model(4, 6, 2))
    shape, albedo, out = (tmp_path / name for name in ("shape.h5", "albedo.h5", "out.npz"))
    shape.write_bytes(b"shape")
    albedo.write_bytes(b"albedo")
    out.write_bytes(b"precious")
    command = ("import", "bfm2017", str(shape), str(albedo), "--out")
    with pytest.raises(LimelightError, match="exists already"):
        run_model(*command, str(out))
    assert out.read_bytes() == b"precious"
    assert run_model(*command, str(out), "--force") == 0
    assert run_model(*command, str(out)) == 0
    with pytest.raises(LimelightError, match="is an input itself"):
        run_model(*command, str(albedo), "--force")
    assert albedo.read_bytes() == b"albedo"


def test_building_replaces_no_model_unasked(tmp_path):
    pytest.importorskip("torch")
    (tmp_path / "model.npz").write_bytes(b"precious")
    with pytest.raises(LimelightError, match="exists already"):
        run_model("build", "--sources", str(tmp_path), "--out", str(tmp_path / "model.npz"))
    assert (tmp_path / "model.npz").read_bytes() == b"precious"

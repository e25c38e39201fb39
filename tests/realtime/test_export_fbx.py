"""FBX needs Blender: how it is found and asked, with a stand-in for it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from facemodel import LimelightError
from realtime.blender import program
from realtime.takes.exporters import export_take
from tests.realtime.moving_head import moving_take
from tests.toy_model import toy_model

STAND_IN = f"""#!{sys.executable}
import sys
from pathlib import Path
arguments = sys.argv[1:]
assert arguments[:5] == ["--background", "--factory-startup", "--python-exit-code", "1", "--python"], arguments
script, _, source, target, fps = arguments[5:]
assert Path(script).name == "to_fbx.py" and Path(script).is_file()
assert Path(source).read_bytes()[:4] == b"glTF" and fps == "30.0"
{{end}}
"""


@pytest.fixture
def no_blender(monkeypatch, tmp_path):
    monkeypatch.delenv(program.VARIABLE, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setattr(program, "find_spec", lambda name: None)
    for name in ("PROGRAMFILES", "PROGRAMW6432"):
        monkeypatch.delenv(name, raising=False)
    if Path("/Applications/Blender.app").exists():
        pytest.skip("this Mac has Blender")


@pytest.fixture(scope="module")
def take(tmp_path_factory):
    return moving_take(tmp_path_factory.mktemp("take") / "take.mcap", toy_model(), frames=3)


def stand_in(tmp_path: Path, end: str) -> Path:
    path = tmp_path / "bin" / "blender"
    path.parent.mkdir()
    path.write_text(STAND_IN.format(end=end))
    path.chmod(0o755)
    return path


def test_without_blender_it_says_what_to_install(no_blender, take, tmp_path):
    with pytest.raises(LimelightError, match=r"FBX needs Blender 4.2 or later: install it, or set LIMELIGHT_BLENDER"):
        export_take(take, "fbx", tmp_path / "take.fbx")
    assert not (tmp_path / "take.fbx").exists()


def test_a_program_that_is_not_there_is_named(no_blender, monkeypatch, take, tmp_path):
    monkeypatch.setenv(program.VARIABLE, str(tmp_path / "blender"))
    with pytest.raises(LimelightError, match=r"LIMELIGHT_BLENDER=.*blender: no such program"):
        export_take(take, "fbx", tmp_path / "take.fbx")


@pytest.mark.skipif(os.name == "nt", reason="the stand-in is a script with an interpreter line")
def test_blender_on_the_path_gets_the_gltf(no_blender, take, tmp_path):
    stand_in(tmp_path, "Path(target).write_bytes(b'Kaydara')")
    (path,) = export_take(take, "fbx", tmp_path / "take.fbx")
    assert path.read_bytes() == b"Kaydara"


@pytest.mark.skipif(os.name == "nt", reason="the stand-in is a script with an interpreter line")
@pytest.mark.parametrize(
    ("end", "message"),
    [("sys.exit('Error: no memory')", "blender: Error: no memory"), ("", "Blender wrote no FBX file")],
)
def test_what_goes_wrong_in_blender_is_said_in_one_line(no_blender, take, tmp_path, end, message):
    stand_in(tmp_path, end)
    with pytest.raises(LimelightError, match=message) as error:
        export_take(take, "fbx", tmp_path / "take.fbx")
    assert "\n" not in str(error.value)
    assert not (tmp_path / "take.fbx").exists()


def test_the_newest_blender_of_windows_is_taken(no_blender, monkeypatch, tmp_path):
    monkeypatch.setenv("PROGRAMFILES", str(tmp_path))
    for version in ("4.2", "4.10", "4.5"):
        folder = tmp_path / "Blender Foundation" / f"Blender {version}"
        folder.mkdir(parents=True)
        (folder / "blender.exe").touch()
    assert program.find_blender().parent.name == "Blender 4.10"


def test_blender_as_a_package_of_our_python_will_do(no_blender, monkeypatch):
    monkeypatch.setattr(program, "find_spec", lambda name: object() if name == "bpy" else None)
    assert program.find_blender() == Path(sys.executable)

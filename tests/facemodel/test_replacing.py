"""Files that are created in place, such as recordings, where others stand already."""

from __future__ import annotations

from pathlib import Path

import pytest

from facemodel import LimelightError
from facemodel.output_files import Ledger, Outputs


@pytest.fixture
def source(tmp_path) -> Path:
    path = tmp_path / "source.mp4"
    path.write_text("pictures")
    return path


@pytest.fixture
def old(tmp_path) -> Path:
    """What somebody else left where a recording shall be."""
    path = tmp_path / "out" / "take.mcap"
    path.parent.mkdir()
    path.write_text("precious")
    return path


@pytest.fixture
def outputs(source, old, tmp_path) -> Outputs:
    outputs = Outputs("run", [source], force=True, ledger=Ledger(tmp_path / "ledger"))
    outputs.claim(old)
    return outputs


def names(old: Path) -> list[str]:
    return sorted(path.name for path in old.parent.iterdir())


def leave(outputs: Outputs, path: Path, reason: BaseException) -> None:
    """Begin a recording, and end it for a reason."""
    with outputs.replacing():
        path.write_text("half a recording")
        raise reason


def test_a_new_file_replaces_the_old_one(outputs, old):
    with outputs.replacing():
        with old.open("x") as file:
            file.write("new")
        assert names(old) == ["take.mcap", "take.mcap.replaced"]
    assert old.read_text() == "new" and names(old) == ["take.mcap"]
    assert outputs.written(old)


def test_without_a_new_file_the_old_one_comes_back_and_stays_a_strangers(outputs, source, old, tmp_path):
    with outputs.replacing():
        assert not old.exists()
    assert old.read_text() == "precious" and names(old) == ["take.mcap"]
    assert not outputs.written(old)
    with pytest.raises(LimelightError, match="exists already"):
        Outputs("run", [source], ledger=Ledger(tmp_path / "ledger")).claim(old)


def test_what_is_refused_leaves_the_old_file(outputs, old):
    with pytest.raises(LimelightError, match="no camera"):
        leave(outputs, old, LimelightError("no camera"))
    assert old.read_text() == "precious" and names(old) == ["take.mcap"]


def test_an_interruption_leaves_what_was_recorded(outputs, old):
    with pytest.raises(KeyboardInterrupt):
        leave(outputs, old, KeyboardInterrupt())
    assert old.read_text() == "half a recording"


def test_what_was_put_aside_before_is_left_alone(outputs, old):
    killed = old.with_name("take.mcap.replaced")
    killed.write_text("of a run that was killed")
    with outputs.replacing():
        old.write_text("new")
    assert killed.read_text() == "of a run that was killed" and names(old) == ["take.mcap", "take.mcap.replaced"]


def test_a_link_is_replaced_and_its_file_is_not(outputs, old, tmp_path, source):
    other = tmp_path / "other.mcap"
    other.write_text("far away")
    link = old.with_name("link.mcap")
    link.symlink_to(other)
    outputs.claim(link)
    with outputs.replacing():
        with link.open("x") as file:
            file.write("new")
        old.write_text("new")
    assert other.read_text() == "far away" and link.read_text() == "new" and not link.is_symlink()


def test_a_device_stays(source, tmp_path):
    outputs = Outputs("run", [source], ledger=Ledger(tmp_path / "ledger"))
    outputs.claim(Path("/dev/null"))
    with outputs.replacing():
        assert Path("/dev/null").exists()


@pytest.mark.parametrize("pair", [("Me.json", "me.json"), ("caf\u00e9.json", "cafe\u0301.json")])
def test_names_that_are_one_on_some_systems_are_two_results_of_one_name(source, tmp_path, pair):
    outputs = Outputs("run", [source], ledger=Ledger(tmp_path / "ledger"))
    outputs.claim(tmp_path / pair[0])
    with pytest.raises(LimelightError, match="one name"):
        outputs.claim(tmp_path / pair[1])


def test_an_input_in_capitals_is_another_file_where_the_system_says_so(tmp_path):
    loud, quiet = tmp_path / "CLIP.MP4", tmp_path / "clip.mp4"
    loud.write_text("pictures")
    if quiet.exists():
        pytest.skip("this file system ignores capitals")
    Outputs("run", [loud], ledger=Ledger(tmp_path / "ledger")).claim(quiet)

"""A show that was not ended comes up where it was."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from facemodel import LimelightError
from realtime.light.cue_editor import CueEditor
from realtime.light.cues.cue import Cue, CueNumber, Times
from realtime.light.cues.cue_list import CueList
from realtime.light.cues.document import ShowDocument
from realtime.light.cues.effects import Lfo, Pace
from realtime.light.cues.journal import Journal, recall
from realtime.light.cues.show_file import load_show, save_show
from realtime.light.show import Show
from tests.waiting import wait_for

A, B = "light/1/intensity", "light/2/intensity"


def n(number):
    return CueNumber.of(number)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "show.yaml"
    fade = Times(2.0)
    cues = (Cue(n(1), moves={A: 1.0}, time=fade), Cue(n(2), moves={B: 0.5}, time=fade, effects={"pulse": True}))
    save_show(path, ShowDocument("Show", CueList(cues, {A: 0.1}), {"pulse": Lfo((A,), Pace(beats=1.0), depth=0.1)}))
    return path


def played(file):
    """Return a show that stands in a fade to its cue 2, with an edit that was not saved."""
    show = Show(document=load_show(file), clock=lambda: 0.0)
    show.go(at=0)
    CueEditor(show).record(7, name="kept", at=1)
    show.go_to(2, at=2)
    show.set({"light/3/intensity": 0.7}, at=3)
    show.set_master(0.5, at=3)
    show.set_blackout(True, at=3)
    show.set_tempo(90.0, at=3)
    return show


def left(show, file, folder):
    journal = Journal(show, file, folder)
    journal.close(ended=False)
    assert journal.trouble is None


def test_it_comes_up_where_it_was(file, tmp_path):
    folder = tmp_path / "state"
    show = played(file)
    left(show, file, folder)
    again = Show(document=load_show(file), clock=lambda: 0.0)
    kept = recall(file, folder)
    again.restore(kept.state, kept.document, at=500)
    assert again.document == show.document
    assert again.status(at=500).edited
    assert again.beneath(at=500) == show.beneath(at=60)  # fades are complete
    assert again.state(at=500) == show.state(at=60)
    assert (str(again.status(at=500).progress.active), again.master, again.blackout) == ("2", 0.5, True)
    assert again.status(at=500).effects == ("pulse",)
    for one, at in ((show, 60), (again, 500)):
        one.release(0.0, at=at)
    assert again.values(at=500) == show.values(at=60)


def test_paused_it_comes_up_as_it_stood(file, tmp_path):
    show = Show(document=load_show(file), clock=lambda: 0.0)
    show.go(at=0)
    show.pause(at=1)
    left(show, file, tmp_path)
    again = Show(document=load_show(file), clock=lambda: 0.0)
    again.restore(recall(file, tmp_path).state, at=9)
    assert again.status(at=10).progress.paused
    assert again.values(at=10)[A] == pytest.approx(0.55)


def test_a_show_that_was_ended_leaves_nothing(file, tmp_path):
    folder = tmp_path / "state"
    show = played(file)
    left(show, file, folder)
    Journal(show, file, folder).close()
    assert recall(file, folder).document == show.document  # an edit was not saved
    show.mark_saved()
    Journal(show, file, folder).close()
    assert recall(file, folder) is None
    assert list(folder.iterdir()) == []


def test_a_file_that_was_edited_since_counts_instead_of_edits(file, tmp_path):
    left(played(file), file, tmp_path / "state")
    file.write_text(file.read_text().replace("name: Show", "name: New"))
    kept = recall(file, tmp_path / "state")
    assert kept.document is None
    assert str(kept.state.place.active) == "2"
    again = Show(document=load_show(file), clock=lambda: 0.0)
    again.restore(kept.state, at=0)
    assert again.document.name == "New"


@pytest.mark.parametrize("torn", ["", "{", "[]", "{}", '{"version": 2}', "\x00", "whole"])
def test_a_torn_file_is_refused_in_one_line(file, tmp_path, torn):
    folder = tmp_path / "state"
    left(played(file), file, folder)
    (path,) = folder.iterdir()
    whole = path.read_text()
    path.write_text(whole[: len(whole) // 2] if torn == "whole" else torn)
    with pytest.raises(LimelightError, match="it begins anew") as error:
        recall(file, folder)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"active": "2"', '"active": "x"'),
        ('"bpm": 90.0', '"bpm": null'),
        ('\\"cue\\": 1', '\\"cue\\": 0'),
        ('"light/3/intensity": 0.7', '"light/99/intensity": 0.7'),
    ],
)
def test_nonsense_in_it_is_refused(file, tmp_path, old, new):
    folder = tmp_path / "state"
    left(played(file), file, folder)
    (path,) = folder.iterdir()
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(LimelightError, match="it begins anew"):
        recall(file, folder)


def test_a_folder_that_cannot_be_written_is_told_and_the_show_goes_on(file, tmp_path):
    (tmp_path / "state").write_text("a file")
    journal = Journal(played(file), file, tmp_path / "state")
    journal.write()
    assert "cannot be written" in journal.trouble
    journal.close()


def test_it_is_written_as_commands_come_and_not_while_nothing_does(file, tmp_path):
    folder = tmp_path / "state"
    show = Show(document=load_show(file), clock=lambda: 0.0)
    journal = Journal(show, file, folder)
    try:
        wait_for(lambda: folder.is_dir() and any(p.suffix == ".json" for p in folder.iterdir()))
        show.go()
        wait_for(lambda: recall(file, folder).state.place.active == n(1))
        (path,) = folder.glob("*.json")
        before = path.stat().st_mtime_ns
        for step in range(50):
            show.at(step / 50)
        journal.write()
        assert path.stat().st_mtime_ns == before
    finally:
        journal.close()


SCRIPT = """
import sys
from pathlib import Path
from realtime.light.cues.journal import Journal
from realtime.light.cues.show_file import load_show
from realtime.light.show import Show
show = Show(document=load_show(Path(sys.argv[1])))
Journal(show, Path(sys.argv[1]), Path(sys.argv[2]))
show.go()
print("going", flush=True)
sys.stdin.read()
"""


def test_killed_it_comes_up_where_it_was(file, tmp_path):
    folder = tmp_path / "state"
    run = [sys.executable, "-c", SCRIPT, str(file), str(folder)]
    root = Path(__file__).resolve().parents[4]
    with subprocess.Popen(run, cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline().strip() == b"going"
        wait_for(lambda: list(folder.glob("*.json")) and recall(file, folder).state.place.active)
        process.kill()
    kept = recall(file, folder)
    assert kept.state.place.active == n(1)
    assert kept.state.place.values[A] == 1.0

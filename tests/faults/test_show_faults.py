"""What disks can do to a show of cues: it goes on, and what is on them already stays whole."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from facemodel import LimelightError
from realtime.light.cues.cue import Cue, CueNumber
from realtime.light.cues.cue_list import CueList
from realtime.light.cues.document import ShowDocument
from realtime.light.cues.journal import Journal, recall
from realtime.light.cues.show_file import load_show, save_show
from realtime.light.show import Show
from realtime.opencv import cv2
from realtime.session import Session
from realtime.session_config import SessionConfig
from tests.conftest import ROOT
from tests.faults.test_disk_faults import needs_limits
from tests.realtime.loop_parts import MODEL, ListSource, PictureTracker
from tests.waiting import wait_for

LEVEL = "light/1/intensity"


def of_cues(count):
    """A show of so many cues."""
    return ShowDocument("Show", CueList(tuple(Cue(CueNumber.of(i), moves={LEVEL: 0.5}) for i in range(1, count + 1))))


def played(document, at_result, act, count=60):
    """Play a show over pictures; call `act` with its session after one result. Return all results."""
    session = Session(MODEL, PictureTracker, SessionConfig(paced=False, show=document))
    results = []

    def note(result):
        results.append(result)
        if len(results) == at_result:
            act(session)

    session.listen(note)
    loop = session.use_source(ListSource(count))
    assert loop.wait(60)
    assert loop.status().error == ""
    assert session.stop() == ()
    assert len(results) == count
    return results


def test_a_panorama_that_vanishes_after_loading_still_lights_its_cue(tmp_path):
    panorama = tmp_path / "room.hdr"
    assert cv2.imwrite(str(panorama), np.full((8, 16, 3), (0.1, 0.2, 0.9), np.float32))
    file = tmp_path / "show.yaml"
    look = {"light/source": "show", "environment/name": str(panorama)}
    save_show(file, ShowDocument("Show", CueList((Cue(CueNumber.of(1), moves=look),))))
    document = load_show(file)

    def act(session):
        panorama.unlink()
        session.show.go()

    *_, last = played(document, 20, act)
    assert last.lighting.environment is not None
    red, _, blue = last.lighting.environment.sh[0]
    assert red == pytest.approx(9 * blue, rel=0.05)


def test_a_panorama_that_vanished_before_is_one_line_and_the_show_that_plays_goes_on(tmp_path):
    look = {"environment/name": str(tmp_path / "gone.hdr")}
    absent = ShowDocument("Next", CueList((Cue(CueNumber.of(1), moves=look),)))
    lines = []

    def act(session):
        with pytest.raises(LimelightError) as raised:
            session.show.load(absent)
        lines.append(str(raised.value))
        session.show.go()

    *_, last = played(of_cues(2), 20, act)
    assert "gone.hdr" in lines[0] and "\n" not in lines[0]
    assert [light.number for light in last.lighting.lights] == [1]


def save_with_limit(folder, limit):
    """Save a larger show over one that is there, with files of at most `limit` bytes; return how it went."""
    import resource

    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    file, show = folder / "show.yaml", Show(document=load_show(folder / "show.yaml"))
    show.edit("More", lambda _document: of_cues(50))
    told = []
    journal = Journal(show, file, folder / "state", told.append)
    try:
        save_show(file, show.document)
    except LimelightError as error:
        told.append(str(error))
    journal.close(ended=False)
    return {"told": told, "edited": show.status().edited, "cues": len(show.document.cues)}


@needs_limits
def test_a_full_disk_costs_neither_the_show_file_nor_the_edits(tmp_path):
    file = tmp_path / "show.yaml"
    save_show(file, of_cues(2))
    before = file.read_bytes()
    code = (
        "import json, pathlib, sys; from tests.faults.test_show_faults import save_with_limit as save; "
        "print(json.dumps(save(pathlib.Path(sys.argv[1]), 200)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert (said["edited"], said["cues"]) == (True, 50)
    of_file, of_journal = sorted(said["told"], key=lambda line: "where the show is" in line)
    assert "show.yaml: cannot be written" in of_file and "cannot be written" in of_journal
    assert not any("\n" in line for line in said["told"])
    assert file.read_bytes() == before
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["show.yaml"], "nothing half is left"


def test_a_journal_that_cannot_be_written_is_one_line_until_it_can_and_the_show_goes_on(tmp_path):
    file, state, told = tmp_path / "show.yaml", tmp_path / "state", []
    save_show(file, of_cues(3))
    state.write_text("no folder")  # what nobody can write into, root neither
    journals = []

    def act(session):
        journal = Journal(session.show, file, state, told.append)
        journals.append(journal)
        session.show.go()
        journal.write()
        session.show.go()
        journal.write()

    *_, last = played(load_show(file), 20, act)
    (line,) = told
    assert str(state) in line and "\n" not in line
    assert [light.number for light in last.lighting.lights] == [1]
    state.unlink()
    wait_for(lambda: journals[0].trouble is None)
    journals[0].close(ended=False)
    left = recall(file, state)
    assert left is not None and left.state.place.active == CueNumber.of(2)
    assert len(told) == 1

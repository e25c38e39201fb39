"""`limelight person`, from the first calibration to forgetting, and the person before the camera."""

from __future__ import annotations

import numpy as np
import pytest

from facemodel import LimelightError
from limelight.cli import main
from realtime.persons.calibration import Calibration
from realtime.persons.store import PersonStore, Setup, StoredPerson
from realtime.takes import load_take


def test_a_person_is_calibrated_listed_adjusted_used_and_forgotten(tmp_path, capsys):
    take = tmp_path / "a.mcap"
    assert main(["run", "--headless", "--source", "synthetic", "--frames", "330", "--take", str(take)]) == 0
    assert main(["person", "calibrate", "Anna", "--source", str(take), "--glasses", "--skip", "smile"]) == 0
    store = PersonStore()
    (setup,) = store.load("Anna").calibrations
    assert setup.glasses
    assert store.chosen() == ("Anna", True)
    capsys.readouterr()
    assert main(["person", "list"]) == 0
    assert capsys.readouterr().out.startswith("* Anna: ")
    assert main(["person", "set", "Anna", "jawOpen.gain=1.5", "mouthSmile.limit=0.8"]) == 0
    assert main(["person", "show", "Anna"]) == 0
    shown = capsys.readouterr().out
    assert "gain 1.5" in shown
    assert shown.count("limit 0.8") == 2

    again = tmp_path / "b.mcap"
    assert main(["run", "--headless", "--source", "synthetic", "--frames", "40", "--take", str(again)]) == 0
    recorded = load_take(again)
    (person,) = recorded.persons.values()
    assert person.name == "Anna"
    assert person.settled
    assert person.calibration.gain[recorded.header.layout.expression_names.index("jawOpen")] == 1.5

    assert main(["person", "use", "--none"]) == 0
    assert store.chosen() is None
    assert main(["person", "delete", "Anna"]) == 0
    capsys.readouterr()
    assert main(["person", "list"]) == 0
    assert "nobody is known yet" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("use", "Bo"), "person Bo: not known"),
        (("use",), "give a NAME"),
        (("set", "Bo", "jawOpen.gain=1"), "not known"),
        (("set", "Bo", "jawOpen"), "must look like"),
        (("calibrate", "a/b", "--source", "synthetic"), "a name has 1 to 60 characters"),
        (("calibrate", "Bo", "--skip", "neutral"), "only 'eyes shut', 'smile', 'jaw open' can be left out"),
        (("delete", "Bo"), "not known"),
    ],
)
def test_what_makes_no_sense_is_one_line(arguments, says, capsys):
    assert main(["person", *arguments]) == 1
    assert says in capsys.readouterr().err


def test_a_source_without_a_face_gives_no_calibration(tmp_path, capsys):
    from tests.realtime.video_factory import grey, write_video

    clip = write_video(tmp_path / "grey.mp4", [grey(90)] * 20)
    assert main(["person", "calibrate", "Bo", "--source", str(clip)]) == 1
    assert "the source ended before the last pose" in capsys.readouterr().err
    assert PersonStore().names() == []


def test_a_source_that_ends_before_the_last_pose_gives_no_calibration(tmp_path, capsys):
    take = tmp_path / "a.mcap"
    assert main(["run", "--headless", "--source", "synthetic", "--frames", "60", "--take", str(take)]) == 0
    assert main(["person", "calibrate", "Bo", "--source", str(take)]) == 1
    assert "the source ended before the last pose; nothing is kept" in capsys.readouterr().err
    assert PersonStore().names() == []


def test_a_source_that_fails_is_said_and_gives_no_calibration(tmp_path, monkeypatch, capsys):
    from realtime.sources.video import VideoSource
    from tests.realtime.video_factory import grey, write_video

    def fail(self):
        raise LimelightError("disk unplugged")

    monkeypatch.setattr(VideoSource, "read", fail)
    clip = write_video(tmp_path / "grey.mp4", [grey(90)] * 3)
    assert main(["person", "calibrate", "Bo", "--source", str(clip)]) == 1
    assert "disk unplugged" in capsys.readouterr().err
    assert PersonStore().names() == []


def known(name: str) -> PersonStore:
    """The user's store, with a person who is calibrated."""
    store = PersonStore()
    none = Calibration.none(("jawOpen",))
    store.save(StoredPerson(name, "", np.zeros(3), np.zeros(3)).with_calibration(Setup("Desk"), none))
    return store


def test_a_damaged_person_is_a_line_of_the_list(capsys):
    store = known("Bo")
    (store.folder / "Anna.json").write_text("{", encoding="utf-8")
    assert main(["person", "list"]) == 0
    damaged, bo = capsys.readouterr().out.splitlines()
    assert "damaged" in damaged and "limelight person delete Anna" in damaged
    assert bo == "  Bo: Desk"


def test_settings_are_set_together_or_not_at_all(capsys):
    store = known("Bo")
    before = (store.folder / "Bo.json").read_bytes()
    assert main(["person", "set", "Bo", "jawOpen.gain=1.5", "mouth.gain=2"]) == 1
    said = capsys.readouterr().err
    assert "no expression mouth; there are mouthClose" in said and "jawOpen" not in said
    assert (store.folder / "Bo.json").read_bytes() == before
    assert main(["person", "set", "bo", "jawOpen.gain=1.5", "jawOpen.limit=0.9"]) == 0
    assert store.load("Bo").calibrations[Setup("Desk")]["jawOpen"] == {"gain": 1.5, "limit": 0.9}


def test_who_is_used_may_wear_glasses(capsys):
    store = known("Bo")
    assert main(["person", "use", "bo", "--glasses"]) == 0
    assert capsys.readouterr().out == "from now on: Bo with glasses\n"
    assert store.chosen() == ("Bo", True)

"""Persons on the disk, and before the camera."""

from __future__ import annotations

import json
import sys
from dataclasses import replace

import numpy as np
import pytest

from facemodel import LimelightError
from realtime.persons.calibration import Calibration
from realtime.persons.profile import Profile, adjust
from realtime.persons.store import PersonStore, Setup, StoredPerson
from tests.toy_model import toy_model

MODEL = toy_model()
NAMES = MODEL.expression_names
DESK, LAPTOP = Setup("Desk camera"), Setup("Laptop", glasses=True)


def calibration(neutral: float) -> Calibration:
    none = Calibration.none(NAMES)
    return none.measured(np.full(len(NAMES), neutral), none.top)


def anna() -> StoredPerson:
    identity, albedo = np.linspace(-1, 1, len(MODEL.identity)), np.linspace(0, 1, len(MODEL.diffuse_basis))
    person = StoredPerson("Anna Ä", MODEL.digest, identity.astype(np.float32), albedo.astype(np.float32))
    return person.with_calibration(DESK, calibration(0.1)).with_calibration(LAPTOP, calibration(0.2))


@pytest.fixture
def store(tmp_path):
    return PersonStore(tmp_path / "persons")


def test_a_person_is_read_back(store):
    store.save(anna())
    person = store.load("Anna Ä")
    assert store.names() == ["Anna Ä"]
    assert person.identity == pytest.approx(anna().identity, abs=1e-6)
    assert list(person.calibrations) == [DESK, LAPTOP]
    assert person.fits(MODEL)


@pytest.mark.parametrize(
    ("setup", "neutral"),
    [
        *((DESK, 0.1), (LAPTOP, 0.2), (Setup("Desk camera", glasses=True), 0.1), (Setup("Another"), 0.1)),
        *((Setup("Another", glasses=True), 0.2), (None, 0.2)),
    ],
)
def test_the_nearest_setup_is_used(setup, neutral):
    assert anna().calibration(NAMES, setup).neutral == pytest.approx(neutral)


def test_identity_of_another_face_model_is_not_used():
    profile = Profile.of(anna(), MODEL, DESK)
    assert profile.identity is not None
    other = StoredPerson("B", "another", np.zeros(3, np.float32), np.zeros(3, np.float32), anna().calibrations)
    profile = Profile.of(other, MODEL, DESK)
    assert profile.identity is profile.albedo is None
    assert profile.calibration.neutral == pytest.approx(0.1)


def test_who_is_in_use_is_remembered_and_forgotten_with_the_person(store):
    assert store.chosen() is None
    store.save(anna())
    store.choose("Anna Ä")
    assert PersonStore(store.folder).chosen() == ("Anna Ä", False)
    store.choose("Anna Ä", glasses=True)
    assert PersonStore(store.folder).chosen() == ("Anna Ä", True)
    (store.folder / "chosen").write_text("Anna Ä", encoding="utf-8")
    assert store.chosen() == ("Anna Ä", False)
    store.delete("Anna Ä")
    assert store.chosen() is None
    with pytest.raises(LimelightError, match="not known"):
        store.choose("Anna Ä")
    with pytest.raises(LimelightError, match="not known"):
        store.delete("Anna Ä")


@pytest.mark.parametrize(
    "name", ["", "a/b", "..", "con?", "x" * 61, " a", "a.", "a\nb", "C:\\x", "NUL", "com1.old", "a\udcff"]
)
def test_names_that_are_no_file_names_are_refused(store, name):
    with pytest.raises(LimelightError, match="person"):
        store.load(name)
    with pytest.raises(LimelightError, match="person"):
        store.save(StoredPerson(name, "", np.zeros(3, np.float32), np.zeros(3, np.float32)))


def test_a_name_means_who_is_stored_whatever_the_case(store):
    store.save(anna())
    store.choose("anna ä")
    assert store.chosen() == ("Anna Ä", False)
    assert store.load("ANNA Ä").name == "Anna Ä"
    store.save(replace(anna(), name="anna ä", albedo=anna().albedo[:1]))
    assert store.names() == ["Anna Ä"]
    assert len(store.load("Anna Ä").albedo) == 1
    store.delete("ANNA ä")
    assert store.names() == []
    assert (store.folder / "chosen").read_text(encoding="utf-8") == ""


@pytest.mark.skipif(sys.platform == "win32", reason="files have no mode")
def test_only_the_user_can_read_who_is_known(store):
    path = store.save(anna())
    path.chmod(0o644)
    store.save(anna())
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_disk_without_permissions_keeps_persons_too(store, monkeypatch):
    def refuse(*_):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr("pathlib.Path.chmod", refuse)
    store.save(anna())
    assert store.names() == ["Anna Ä"]


@pytest.mark.parametrize(
    "content",
    [
        *("", "{", "[]", "{}", '{"format_version": 9}'),
        json.dumps({"format_version": 1, "model_digest": "", "identity": ["x"], "albedo": [], "calibrations": []}),
        json.dumps({"format_version": 1, "model_digest": "", "identity": [], "albedo": [], "calibrations": [{}]}),
        json.dumps(
            {
                "format_version": 1,
                "model_digest": "",
                "identity": [],
                "albedo": [],
                "calibrations": [{"camera": "", "glasses": False, "expressions": {"jawOpen": 1}}],
            }
        ),
    ],
)
def test_a_damaged_file_is_one_line(store, content):
    store.folder.mkdir()
    (store.folder / "Bo.json").write_text(content, encoding="utf-8")
    with pytest.raises(LimelightError, match=r"Bo\.json") as error:
        store.load("Bo")
    assert "\n" not in str(error.value)


def test_settings_by_hand_hold_for_every_setup(store):
    store.save(anna())
    adjust(store, "Anna Ä", [(NAMES[0], "gain", 1.5)], MODEL)
    person = store.load("Anna Ä")
    assert all(person.calibration(NAMES, setup).gain[0] == 1.5 for setup in (DESK, LAPTOP))
    store.save(StoredPerson("Bo", MODEL.digest, anna().identity, anna().albedo))
    with pytest.raises(LimelightError, match="not calibrated yet"):
        adjust(store, "Bo", [(NAMES[0], "gain", 1.5)], MODEL)

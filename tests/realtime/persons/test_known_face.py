"""A known person before the camera: read by the calibration from the first frame on, whatever is adjusted meanwhile."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from facemodel import Crop, LimelightError
from realtime.persons.calibration import Calibration
from realtime.persons.profile import Profile
from realtime.persons.sitter import Sitter
from realtime.persons.store import PersonStore, Setup, StoredPerson
from realtime.tracking.followed_face import FollowedFace
from realtime.tracking.recentering import Recentering
from realtime.tracking.smoothing import Smoother
from tests.toy_model import toy_model

MODEL = toy_model()
LAYOUT, NAMES = MODEL.layout, MODEL.expression_names
RAW = 0.5
JAW = NAMES.index("jawOpen")


def anna(digest: str = MODEL.digest, gain: float = 1.0) -> StoredPerson:
    calibration = Calibration.none(NAMES).with_setting("jawOpen", "gain", gain)
    identity = np.full(LAYOUT.n_identity, 0.7, np.float32)
    person = StoredPerson("Anna", digest, identity, np.full(LAYOUT.n_albedo, -0.2, np.float32))
    return person.with_calibration(Setup("Desk"), calibration)


def profile(**kwargs) -> Profile:
    return Profile.of(anna(**kwargs), MODEL, Setup("Desk"))


@pytest.fixture
def face():
    return FollowedFace(1, 1, LAYOUT, Smoother(LAYOUT), Recentering(LAYOUT))


def see(face: FollowedFace, seconds: float, begin: float = 0.0):
    """The face after so many seconds of frames in which the jaw is half open."""
    for i in range(round(30 * seconds)):
        raw = LAYOUT.neutral()
        LAYOUT.view(raw).expression[JAW] = RAW
        face.see(raw, np.eye(3), Crop((100, 100), 80), 1.0, begin + i / 30)
    return face.face(200, 200, face.crop)


def jaw(result) -> float:
    return float(LAYOUT.view(result.smoothed).expression[JAW])


def test_shape_skin_and_reading_are_the_persons_from_the_first_frame_on(face):
    face.use(profile(gain=1.6), 2)
    result = see(face, 0.1)
    assert (result.person.key, result.person.name, result.person.settled) == (2, "Anna", True)
    assert result.person.identity == pytest.approx(0.7)
    assert result.person.albedo == pytest.approx(-0.2)
    assert jaw(result) == pytest.approx(1.6 * RAW, abs=0.01)
    assert LAYOUT.view(result.raw).expression[JAW] == RAW


def test_what_is_adjusted_meanwhile_makes_no_other_person(face):
    face.use(profile(), 2)
    see(face, 1.0)
    face.use(profile(gain=0.5), 3)
    result = see(face, 2.0, 1.0)
    assert result.person.key == 2
    assert jaw(result) == pytest.approx(0.5 * RAW, abs=0.02)
    assert result.person.calibration.gain[JAW] == 0.5


def test_somebody_who_was_calibrated_anew_has_another_shape(face):
    face.use(profile(), 2)
    see(face, 1.0)
    face.use(Profile("Anna", profile().calibration, np.zeros(LAYOUT.n_identity, np.float32), profile().albedo), 3)
    result = see(face, 1.0, 1.0)
    assert result.person.key == 3
    assert result.person.identity == pytest.approx(0.0)


def test_of_another_face_model_only_the_reading_is_used(face):
    face.use(profile(digest="another", gain=1.6), 2)
    result = see(face, 0.1)
    assert not result.person.settled
    assert jaw(result) == pytest.approx(1.6 * RAW, abs=0.01)


def sitter(folder, told: list, name: str | None = None) -> Sitter:
    """A sitter who puts (profile, whether it holds of the performer) into `told`."""
    return Sitter(MODEL, PersonStore(folder), lambda: "Laptop", lambda *what: told.append(what), name)


def test_what_holds_for_the_person_is_said_and_told(tmp_path):
    PersonStore(tmp_path).save(anna("another"))
    told = []
    who = sitter(tmp_path, told, "Anna")
    assert who.line == (
        "Anna: calibrated for Desk; stored for a face model that is not here: shape and skin are learned anew"
    )
    who.adjust("jawOpen", "gain", 1.2)
    adjusted, performer = told[-1]
    assert adjusted.calibration.gain[JAW] == 1.2
    assert not performer  # but whoever is Anna
    who.use("Anna", glasses=True)
    assert not told[-1][1]
    who.use("Anna", glasses=True)
    assert told[-1][1]
    who.use("", glasses=True)
    assert (who.name, who.line, who.calibration, who.glasses) == ("", "", None, True)
    assert told.pop() == (None, True)
    who.use("", glasses=False)
    assert len(told) == 3  # nobody known stays nobody known: no face is learned anew
    with pytest.raises(LimelightError, match="nobody known is before the camera: choose a person"):
        who.adjust("jawOpen", "gain", 1.2)


def test_who_was_used_last_and_cannot_be_read_keeps_nobody_from_starting(tmp_path):
    store = PersonStore(tmp_path)
    store.save(anna())
    store.choose("Anna")
    assert sitter(tmp_path, []).name == "Anna"
    (tmp_path / "Anna.json").write_text("{", encoding="utf-8")
    who = sitter(tmp_path, [])
    assert who.name == ""
    assert "limelight person delete Anna" in who.line
    with pytest.raises(LimelightError, match="damaged"):
        sitter(tmp_path, [], "Anna")
    who.use("")
    assert who.line == ""
    store.delete("Anna")
    assert store.names() == []


def test_glasses_are_remembered_with_who_wears_them(tmp_path):
    PersonStore(tmp_path).save(anna())
    sitter(tmp_path, []).use("anna", glasses=True)
    who = sitter(tmp_path, [])
    assert (who.name, who.glasses) == ("Anna", True)
    who.use("Anna")
    assert not sitter(tmp_path, []).glasses
    who.use("Anna", glasses=True)
    assert not sitter(tmp_path, [], "Anna").glasses  # who is named says what is worn


def test_shape_and_skin_of_another_length_are_not_used(face):
    other = replace(anna(), identity=np.zeros(LAYOUT.n_identity + 2, np.float32))
    face.use(Profile.of(other, MODEL, Setup("Desk")), 2)
    assert not see(face, 0.1).person.settled
    other = replace(anna(), albedo=np.zeros(LAYOUT.n_albedo - 1, np.float32))
    face.use(Profile.of(other, MODEL, Setup("Desk")), 3)
    assert not see(face, 0.1, 1.0).person.settled

"""Persons of another face model: shape and skin are carried over, and nothing is taken for what it is not."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from facemodel import FaceModel, LimelightError
from realtime.frame import Face, Frame, Person, Result, TrackingState
from realtime.kept_models import model_file
from realtime.persons.calibration import Calibration
from realtime.persons.likeness import N_POINTS, Likeness
from realtime.persons.profile import Profile, as_in_take
from realtime.persons.sitter import Sitter
from realtime.persons.store import PersonStore, Setup, StoredPerson
from realtime.takes import load_take
from tests.realtime.take_factory import golden_v1, write_take
from tests.toy_model import toy_model

OLD = toy_model()
DESK = Setup("Desk")
JAW = OLD.expression_names.index("jawOpen")


def next_model() -> FaceModel:
    """The old model with its vertices in another order, its modes mixed, and two more of each: all that it can be, and
    some more."""
    random = np.random.default_rng(5)
    order = random.permutation(OLD.n_vertices)
    place = np.argsort(order).astype(np.int32)

    def mixed(*bases: NDArray, size: float) -> list[NDArray[np.float32]]:
        modes = np.concatenate([basis[:, order] for basis in bases], axis=2)
        more = size * random.normal(size=(2, 1, modes.shape[2])) * np.ones((1, OLD.n_vertices, 1))
        turn = np.linalg.qr(random.normal(size=(len(modes) + 2,) * 2))[0]
        turned = np.tensordot(turn, np.concatenate([modes, more]), axes=1).astype(np.float32)
        return np.split(turned, len(bases), axis=2)

    (identity,) = mixed(OLD.identity, size=0.5)
    diffuse, specular = mixed(OLD.diffuse_basis, OLD.specular_basis, size=0.01)
    model = replace(
        OLD,
        mean=OLD.mean[order],
        identity=identity,
        expression=OLD.expression[:, order],
        diffuse_mean=OLD.diffuse_mean[order],
        specular_mean=OLD.specular_mean[order],
        diffuse_basis=diffuse,
        specular_basis=specular,
        occlusion=OLD.occlusion[order],
        triangles=place[OLD.triangles],
        inner_mouth_triangles=place[OLD.inner_mouth_triangles],
        digest="the next one",
    )
    assert model.layout.n_identity == OLD.layout.n_identity + 2
    return model


NEW = next_model()


def anna() -> StoredPerson:
    random = np.random.default_rng(3)
    identity, albedo = random.normal(size=OLD.layout.n_identity), random.normal(size=OLD.layout.n_albedo)
    person = StoredPerson.of("Anna", OLD, identity.astype(np.float32), albedo.astype(np.float32))
    return person.with_calibration(DESK, Calibration.none(OLD.expression_names).with_setting("jawOpen", "gain", 1.6))


def of_version_1() -> StoredPerson:
    return replace(anna(), likeness=None)


def save_as_version_1(store: PersonStore, person: StoredPerson) -> None:
    path = store.save(person)
    content = json.loads(path.read_text(encoding="utf-8"))
    del content["likeness"]
    path.write_text(json.dumps(content | {"format_version": 1}), encoding="utf-8")


def sitter(model: FaceModel, store: PersonStore) -> Sitter:
    return Sitter(model, store, lambda: "Desk", lambda *_: None, "Anna")


def apart(a: NDArray, b: NDArray) -> float:
    return float(np.linalg.norm(a - b, axis=-1).mean())


def test_shape_and_skin_are_carried_over():
    carried = anna().carried_over(NEW)
    assert carried is not None and carried.fits(NEW)
    before, after = anna().likeness, Likeness.of(NEW, carried.identity, carried.albedo)
    assert apart(after.points, before.points) < 0.1 * apart(Likeness.of(OLD, *neutral(OLD)).points, before.points)
    skin = apart(Likeness.of(OLD, *neutral(OLD)).diffuse, before.diffuse)
    assert apart(after.diffuse, before.diffuse) < 0.2 * skin
    assert carried.calibrations == anna().calibrations
    mesh = OLD.mean + np.tensordot(anna().identity, OLD.identity, axes=1)
    there = NEW.mean + np.tensordot(carried.identity, NEW.identity, axes=1)
    order = np.random.default_rng(5).permutation(OLD.n_vertices)
    assert apart(there, mesh[order]) < 0.2 * apart(mesh, OLD.mean)  # between the points too


def neutral(model: FaceModel) -> tuple[NDArray, NDArray]:
    return np.zeros(model.layout.n_identity), np.zeros(model.layout.n_albedo)


def test_who_fits_is_left_alone():
    person = anna()
    assert person.carried_over(OLD) is person


def test_the_likeness_is_kept_in_the_file_and_only_the_old_model_is_missing(tmp_path):
    store = PersonStore(tmp_path)
    path = store.save(anna())
    assert json.loads(path.read_text(encoding="utf-8"))["format_version"] == 2
    assert path.stat().st_size < 100_000
    read = store.load("Anna")
    for name in ("points", "diffuse", "specular"):
        found = getattr(read.likeness, name)
        assert found.shape == (N_POINTS, 3)
        np.testing.assert_allclose(found, getattr(anna().likeness, name), atol=6e-4)
    who = sitter(NEW, store)
    assert who.line == "Anna: calibrated for Desk; shape and skin carried over from another face model"
    profile = who.profile("Desk")
    assert profile.calibration.gain[JAW] == 1.6
    np.testing.assert_allclose(profile.identity, anna().carried_over(NEW).identity, atol=2e-3)
    assert profile.is_same_face(who.profile("Laptop"))
    who.adjust("jawOpen", "gain", 1.2)
    assert profile.is_same_face(who.profile("Desk")) and who.calibration.gain[JAW] == 1.2
    assert store.load("Anna").fits(OLD)  # the file keeps what was measured


def test_a_person_of_version_1_is_completed_while_the_face_model_is_here(tmp_path):
    store = PersonStore(tmp_path)
    save_as_version_1(store, of_version_1())
    store.save(replace(of_version_1(), name="Of another", model_digest="another"))
    (tmp_path / "Bo.json").write_text("{", encoding="utf-8")
    assert store.load("Anna").likeness is None
    assert sitter(OLD, store).line == "Anna: calibrated for Desk"
    assert store.load("Anna").likeness is not None
    assert store.load("Of another").likeness is None
    assert sitter(NEW, store).profile("Desk").identity is not None
    with pytest.raises(LimelightError, match="damaged"):
        store.load("Bo")


def test_a_person_of_version_1_of_a_face_model_that_is_not_here_keeps_the_calibration(tmp_path):
    store = PersonStore(tmp_path)
    save_as_version_1(store, of_version_1())
    who = sitter(NEW, store)
    assert who.line == (
        "Anna: calibrated for Desk; stored for a face model that is not here: shape and skin are learned anew"
    )
    profile = who.profile("Desk")
    assert profile.identity is profile.albedo is None
    assert profile.calibration.gain[JAW] == 1.6


def test_a_face_model_that_was_kept_carries_persons_of_version_1_over(tmp_path):
    kept = FaceModel.load(OLD.save(tmp_path / "old.npz"))
    kept_path = model_file(kept.digest)
    kept_path.parent.mkdir(parents=True)
    (tmp_path / "old.npz").rename(kept_path)
    person = replace(of_version_1(), model_digest=kept.digest)
    store = PersonStore(tmp_path / "persons")
    save_as_version_1(store, replace(person, identity=person.identity[1:]))
    assert sitter(NEW, store).profile("Desk").identity is None  # not of that model after all
    contents = kept_path.read_bytes()
    kept_path.write_bytes(b"no face model")
    save_as_version_1(store, person)
    assert sitter(NEW, store).profile("Desk").identity is None
    kept_path.write_bytes(contents)
    carried = sitter(NEW, store).profile("Desk")
    np.testing.assert_allclose(carried.identity, anna().carried_over(NEW).identity, atol=0.02)


def test_who_is_calibrated_on_a_take_of_another_face_model_is_carried_over(tmp_path):
    vector = OLD.layout.neutral()
    p = OLD.layout.view(vector)
    p.identity[:], p.albedo[:] = anna().identity, anna().albedo
    person = Person(1, anna().identity, anna().albedo, settled=True)
    face = Face(1, TrackingState.TRACKING, vector, person, raw=vector)
    result = Result(Frame(0, 0.0, np.zeros((64, 64, 3), np.uint8)), 0.0, (face,))
    take = load_take(write_take(tmp_path / "take.mcap", [result], OLD))
    found = as_in_take(take, "Anna")
    assert found.model_digest == OLD.digest
    np.testing.assert_allclose(found.likeness.points, anna().likeness.points, atol=0.05)
    np.testing.assert_allclose(found.likeness.diffuse, anna().likeness.diffuse, atol=1e-3)
    assert as_in_take(replace(take, base=None), "Anna").likeness is None  # damage
    profile = Profile.of(found.carried_over(NEW), NEW, DESK)
    np.testing.assert_allclose(profile.identity, anna().carried_over(NEW).identity, atol=0.02)


def test_who_is_calibrated_on_a_take_of_version_1_has_a_likeness_where_its_face_model_is_here(monkeypatch):
    model = toy_model(n_identity=53, n_albedo=39)
    monkeypatch.setattr("realtime.takes.take.kept_model", lambda digest: model if digest == model.digest else None)
    found = as_in_take(golden_v1(model), "Anna")
    expected = Likeness.of(model, found.identity, found.albedo)
    np.testing.assert_allclose(found.likeness.points, expected.points, atol=1e-3)
    assert as_in_take(golden_v1(replace(model, digest="another")), "Anna").likeness is None


@pytest.mark.parametrize(
    "likeness",
    [
        *([], 3, {}, {"points": [[0, 0, 0]], "diffuse": [], "specular": []}),
        anna().likeness.to_json() | {"diffuse": [[None, 0, 0]] * N_POINTS},
        anna().likeness.to_json() | {"points": [[1e999, 0, 0]] * N_POINTS},
        anna().likeness.to_json() | {"points": [[0, 0]] * N_POINTS},
    ],
)
def test_a_damaged_likeness_is_one_line(tmp_path, likeness):
    path = PersonStore(tmp_path).save(anna())
    content = json.loads(path.read_text(encoding="utf-8")) | {"likeness": likeness}
    path.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(LimelightError, match=r"Anna\.json: damaged") as error:
        PersonStore(tmp_path).load("Anna")
    assert "\n" not in str(error.value)

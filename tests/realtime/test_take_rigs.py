"""Rigs: a take is drawn without the face model that it was made with, and looks the same."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from facemodel import FaceModel, LimelightError
from facemodel.rotation import matrix_from_euler
from realtime.frame import Face, Frame, Person, Result, TrackingState
from realtime.render import HeadlessComposer, RenderOptions
from realtime.takes import Take, TakePlayer, load_take
from realtime.takes.rig import Rig, decode_model, encode_model
from tests.realtime.take_factory import golden_v1, write_take
from tests.toy_model import occluded_toy_model, toy_model

SIZE = 192


def posed(model: FaceModel, seed: int) -> NDArray[np.float32]:
    """(P,) somebody who talks, turned a little, in coloured light."""
    random = np.random.default_rng(seed)
    vector = model.layout.neutral()
    p = model.layout.view(vector)
    p.identity[:] = random.normal(size=model.layout.n_identity)
    p.albedo[:] = random.normal(size=model.layout.n_albedo)
    p.expression[:] = 0.5 * random.random(model.layout.n_expression) * (random.random(model.layout.n_expression) < 0.3)
    p.rotation = matrix_from_euler(*random.uniform((-0.5, -0.3, -0.3), (0.5, 0.3, 0.3)))
    p.translation[:] = SIZE / 2
    p.scale = 0.7
    p.sh[1:4] = random.uniform(-0.2, 0.2, (3, 3))
    p.key_color[:] = random.uniform(0.3, 1.0, 3)
    return vector


def face_of(model: FaceModel, vector: NDArray[np.float32], number: int) -> Face:
    p = model.layout.view(vector)
    person = Person(number, p.identity.copy(), p.albedo.copy(), settled=True)
    return Face(number, TrackingState.TRACKING, vector, person, raw=vector)


@pytest.fixture(scope="module")
def vectors(model: FaceModel) -> list[NDArray[np.float32]]:
    return [posed(model, seed) for seed in (1, 2)]


@pytest.fixture(scope="module")
def take(model: FaceModel, vectors, tmp_path_factory) -> Take:
    """Two persons, drawn by the embedded face model, in one frame."""
    path = tmp_path_factory.mktemp("rigs") / "two.mcap"
    faces = tuple(face_of(model, vector, number) for number, vector in enumerate(vectors, 1))
    frame = Frame(0, 0.0, np.zeros((SIZE, SIZE, 3), np.uint8))
    return load_take(write_take(path, [Result(frame, 0.0, faces)], model))


def drawn(model: FaceModel, vector: NDArray[np.float32]) -> NDArray[np.float64]:
    with HeadlessComposer(model, SIZE, SIZE, samples=1) as renderer:
        return renderer.render(None, vector, RenderOptions(whole_head=True)).astype(float)


def test_a_take_is_drawn_without_its_model_as_with_it(model, vectors, take, monkeypatch):
    monkeypatch.setattr(FaceModel, "load", lambda path=None: pytest.fail("the take carries its own"))
    played = TakePlayer(take).read()
    assert take.model.layout.n_identity == take.model.layout.n_albedo == 2
    for face, vector in zip(played.faces, vectors, strict=True):
        expected, found = drawn(model, vector), drawn(take.model, face.smoothed)
        assert expected.std() > 20.0
        assert np.abs(found - expected).max() <= 1.0  # a rounding of 8 bits
        np.testing.assert_array_equal(drawn(take.model, face.raw), found)


def test_a_person_alone_is_drawn_without_modes(model, vectors, take):
    own = take.person_model(2)
    layout = own.layout
    assert layout.n_identity == layout.n_albedo == 0 and layout.expression_names == model.expression_names
    vector = np.concatenate(
        [vectors[1][span] for name, span in model.layout.slices.items() if name not in ("identity", "albedo")]
    )
    assert np.abs(drawn(own, vector) - drawn(model, vectors[1])).max() <= 1.0
    with pytest.raises(LimelightError, match="no rig of person 7"):
        take.person_model(7)


def test_shape_albedo_and_targets_are_the_models(model, vectors, take):
    p = model.layout.view(vectors[0])
    played = take.model.layout.view(take.vector(take.frames[0].faces[0]))
    vertices = model.shape(p.identity, p.expression)
    np.testing.assert_allclose(take.model.shape(played.identity, played.expression), vertices, atol=1e-3)  # mm
    for found, expected in zip(take.model.albedo(played.albedo), model.albedo(p.albedo), strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-5)
    np.testing.assert_array_equal(take.model.expression, model.expression)
    np.testing.assert_allclose(take.model.landmarks478(vertices), model.landmarks478(vertices), atol=1e-5)


def test_eyeballs_move_with_the_person(model, take):
    own = take.person_model(1)
    eyes = own.region_vertices("eyes")
    for centre, before in zip(own.eye_centres, model.eye_centres, strict=True):
        near = np.linalg.norm(model.mean[eyes] - before, axis=1) < 20.0
        assert near.sum() > 50
        moved = (own.mean[eyes][near] - model.mean[eyes][near]).mean(axis=0)
        np.testing.assert_allclose(centre - before, moved, atol=0.5)


def test_a_person_model_is_a_face_model_file(take, tmp_path):
    path = take.person_model(1).save(tmp_path / "person.npz")
    again = FaceModel.load(path)
    np.testing.assert_array_equal(again.mean, take.person_model(1).mean)
    assert again.licence == take.model.licence  # it goes where the shape goes


def test_a_take_of_two_persons_is_small(model, take):
    assert take.path.stat().st_size < 300 * model.n_vertices


def test_a_face_whose_rig_is_lost_is_drawn_as_the_mean(take):
    without = replace(take, rigs={1: take.rigs[1]})
    face = without.frames[0].faces[1]
    p = without.model.layout.view(without.vector(face))
    np.testing.assert_array_equal(p.identity, [0.0])
    np.testing.assert_allclose(without.model.shape(p.identity, 0 * p.expression), take.base.mean, atol=1e-4)


def test_a_model_message_is_read_whole_or_refused(model):
    message = encode_model(model)
    assert decode_model(message).name == model.name
    for length in range(0, len(message), len(message) // 20):
        with pytest.raises(ValueError, match=r"CDR|malformed|buffer"):
            decode_model(message[:length])


def test_a_person_message_is_read_whole_or_refused(model, vectors):
    message = Rig.of(face_of(model, vectors[0], 3).person, model).encode()
    assert Rig.decode(message, model.layout).person.key == 3
    size = len(message)
    first = range(size - 16, size - 12)  # in which the first program's message ends, before name and calibration
    for length in {*range(0, size, size // 20), *range(size - 24, size)}.difference(first):
        with pytest.raises(ValueError, match=r"CDR|malformed|buffer"):
            Rig.decode(message[:length], model.layout)
    with pytest.raises(ValueError, match="coefficients"):
        Rig.decode(message, replace(model.layout, n_identity=1))


def test_version_1_and_2_are_drawn_alike(tmp_path: Path, monkeypatch):
    """A take of version 1, recorded again, looks the same."""
    model = toy_model(n_identity=53, n_albedo=39)
    monkeypatch.setattr("realtime.takes.take.kept_model", lambda digest: model if digest == model.digest else None)
    old = golden_v1(model)
    played = list(iter(TakePlayer(old).read, None))
    new = load_take(write_take(tmp_path / "new.mcap", played, model))
    with HeadlessComposer(model, 640, 480, samples=1) as a, HeadlessComposer(new.model, 640, 480, samples=1) as b:
        expected = a.render(None, played[-1].performer.smoothed).astype(float)
        found = b.render(None, new.vector(new.frames[-1].faces[0]))
        assert expected.std() > 10.0
        assert np.abs(found - expected).max() <= 1.0


def test_a_rig_carries_the_occlusion():
    model = occluded_toy_model()
    np.testing.assert_array_equal(decode_model(encode_model(model)).occlusion, model.occlusion)

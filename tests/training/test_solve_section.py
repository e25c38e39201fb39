"""The section on `limelight solve`: solved answers beside the network's, on pictures whose truth is known."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import ClassVar

import cv2
import numpy as np
import pytest

from facemodel import CROP_SIZE
from facemodel.color import encode_srgb
from facemodel.landmarks import MEDIAPIPE_TO_IBUG68
from tests.toy_model import toy_model
from tests.training.fake_evaluation import EXTENT, FakeLoop, FakeNetwork, material
from training.data.fit import project_landmarks
from training.data.landmarker import BUNDLE, LandmarkedFace
from training.data.storage import EXTENT as EXTENT_PX
from training.evaluation.context import Context
from training.evaluation.held_out import HeldOutPhotos, read_photo
from training.evaluation.labelled_photos import FaceWindow
from training.evaluation.layers import face_layers
from training.evaluation.measures import landmarks68_px
from training.evaluation.render_set import random_render_set
from training.evaluation.section import UnmeasuredError
from training.evaluation.sections import SECTIONS
from training.evaluation.sections import solve as solve_section
from training.evaluation.sections.people import POINTS68
from training.solve import SolveConfig
from training.solve import solver as solver_module
from training.solve.observation import Observer

MODEL = toy_model()
LAYOUT = MODEL.layout
SOLVED = 3
SHORT = SolveConfig(levels=((28, 0.5), (56, 0.5)), steps=40)


class Whole:
    """Takes every pixel for the face."""

    def face_mask(self, image):
        return np.ones(image.shape[:2], bool)


class Landmarker:
    """Finds the faces that it knows, by their pixels."""

    known: ClassVar[dict[bytes, np.ndarray]] = {}

    def __init__(self, bundle):
        assert bundle == BUNDLE

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        pass

    def find(self, image):
        points = self.known.get(image.tobytes())
        return [] if points is None else [LandmarkedFace(points, np.zeros(478), {}, np.eye(4))]


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(Landmarker, "known", {})
    monkeypatch.setattr(solve_section, "Landmarker", Landmarker)
    monkeypatch.setattr(solve_section, "SolveConfig", lambda: SHORT)
    monkeypatch.setattr(solver_module, "Observer", partial(Observer, masker=Whole()))


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("evaluation")


def shown_material(cache, solved=SOLVED, data=None):
    return material(MODEL, cache, BUNDLE, data, replace(EXTENT, solved=solved))


def mistaken(vector, asked=0):
    """Too weak an expression, everything else at rest a little active, and nobody's identity."""
    p = LAYOUT.view(vector)
    p.expression[:] = 0.5 * p.expression + 0.05
    p.identity[:] = 0.0
    p.translation[:] += (2.0, -1.5)
    return vector


def face(seed):
    """A face in the middle of a photo of 240 px."""
    vector = LAYOUT.neutral()
    p = LAYOUT.view(vector)
    p.identity[:] = np.random.default_rng(seed).normal(size=LAYOUT.n_identity)
    p.expression[MODEL.expression_names.index("jawOpen")] = 0.5
    p.translation[:], p.scale = (118.0, 108.0), 0.9
    return vector


def photographed(path, vector):
    layers = face_layers(MODEL, vector)
    picture = np.clip(encode_srgb(layers.diffuse + layers.specular), 0, 1)
    cv2.imwrite(str(path), np.round(255 * picture[..., ::-1]).astype(np.uint8))


def marks(vector):
    points = project_landmarks(MODEL, vector[None])[0].astype(float)
    points[MEDIAPIPE_TO_IBUG68] = landmarks68_px(MODEL, vector)
    return points


def test_renders_are_measured_without_a_data_folder_and_come_closer(cache):
    renders = random_render_set(MODEL, cache / f"solve_{SOLVED}", SOLVED, solve_section._SEED)
    margin = (EXTENT_PX - CROP_SIZE) / 2
    for i, points in enumerate(renders.landmarks):
        image = np.ascontiguousarray(renders.image(i)[..., ::-1])
        Landmarker.known[image.tobytes()] = (points + margin) * len(image) / EXTENT_PX
    network = FakeNetwork(mistaken, renders)
    findings = SECTIONS["solve"].measure(Context(shown_material(cache), network, FakeLoop()))
    found = findings.figures
    assert network.asked == SOLVED
    assert found.keys() <= {measure.key for measure in SECTIONS["solve"].measures}
    span = LAYOUT.slices["expression"]
    true = renders.parameters[:, span].astype(float)
    assert found["network_weights"] == pytest.approx(np.sqrt(np.mean((0.05 - 0.5 * true) ** 2)), rel=1e-4)
    assert found["network_rest"] == pytest.approx(0.05, rel=1e-4)
    assert found["network_identity"] == pytest.approx(found["mean_identity"]) and found["network_albedo"] == 0.0
    assert found["nme68"] < 0.9 * found["network_nme68"]
    assert [note.partition(" are ")[0] for note in findings.notes] == ["photos", "people's points"]
    assert findings.intervals["nme68"][0] <= found["nme68"] <= findings.intervals["nme68"][1]


def test_a_perfect_solve_has_no_error_whatever_the_network_said(cache, monkeypatch):
    renders = random_render_set(MODEL, cache / f"solve_{SOLVED}", SOLVED, solve_section._SEED)

    def perfect(model, shown):
        solved = []
        for (image, vector, points), truth in zip(shown, renders.parameters, strict=True):
            assert image.shape[0] == image.shape[1] and points is None
            own, true = LAYOUT.view(vector.copy()), LAYOUT.view(truth)
            zoom = len(image) / EXTENT_PX
            assert own.scale == pytest.approx(true.scale * zoom, rel=1e-4)
            lifted = LAYOUT.view(truth.copy())
            lifted.translation[:] = (true.translation + (EXTENT_PX - CROP_SIZE) / 2) * zoom
            lifted.scale = true.scale * zoom
            solved.append(lifted.vector)
        return solved

    monkeypatch.setattr(solve_section, "solved", perfect)
    found = (
        SECTIONS["solve"].measure(Context(shown_material(cache), FakeNetwork(mistaken, renders), FakeLoop())).figures
    )
    for key in ("weights", "active", "rest", "lips", "lids", "brows", "irises", "identity", "albedo", "leak"):
        assert found[key] == pytest.approx(0.0, abs=1e-5), key
    assert found["nme68"] == pytest.approx(0.0, abs=1e-5) and found["sh_direction"] == pytest.approx(0.0, abs=1e-3)
    assert found["network_nme68"] > 0.01


def test_photos_and_peoples_points_are_compared_in_their_own_pictures(cache, tmp_path):
    """Two collections, of which the first counts; MediaPipe and people agree here, and both are right."""
    folder = tmp_path / "eval" / "people_points"
    for each in (tmp_path / "photos" / "omi", tmp_path / "photos" / "lfw", folder):
        each.mkdir(parents=True)
    names, points, loop = ["omi/0.png", "omi/1.png", "lfw/A_0001.png"], [], FakeLoop()
    for seed, name in enumerate(names):
        truth = face(seed)
        photographed(tmp_path / "photos" / name, truth)
        points.append(marks(truth))
        loop.photos[read_photo(tmp_path / "photos" / name).tobytes()] = mistaken(truth.copy())
    truth = face(5)
    photographed(folder / "a.png", truth)
    placed = landmarks68_px(MODEL, truth)[list(POINTS68)]
    rows = [f"a.png,{n},{x},{y}" for n, (x, y) in zip(POINTS68, placed, strict=True)]
    (folder / "points13.csv").write_text("\n".join(["image,ibug_index,x,y", *rows]) + "\n")
    window = FaceWindow.around(read_photo(folder / "a.png"), placed)
    inside = mistaken(truth.copy())
    p = LAYOUT.view(inside)
    p.translation[:], p.scale = (p.translation - window.corner) * window.zoom, p.scale * window.zoom
    loop.photos[window.picture.tobytes()] = inside
    Landmarker.known[window.picture.tobytes()] = (marks(truth) - window.corner) * window.zoom

    shown = shown_material(cache, 2, tmp_path)
    shown.__dict__["photos"] = HeldOutPhotos(
        MODEL, tmp_path / "photos", np.array(names), np.array(points, np.float32), None
    )
    renders = random_render_set(MODEL, cache / "solve_2", 2, solve_section._SEED)
    findings = SECTIONS["solve"].measure(Context(shown, FakeNetwork(mistaken, renders), loop))
    found = findings.figures
    assert not findings.notes and found["photos"] == 2.0 and found["people_faces"] == 1.0
    assert found.keys() <= {measure.key for measure in SECTIONS["solve"].measures}
    assert found["mediapipe_people_nme"] == pytest.approx(0.0, abs=1e-6)
    wide = np.linalg.norm(placed[3] - placed[6])
    off = np.linalg.norm(landmarks68_px(MODEL, mistaken(truth.copy()))[list(POINTS68)] - placed, axis=1)
    assert found["network_people_nme"] == pytest.approx(off.mean() / wide, rel=1e-3)
    for key in ("photo_nme68", "photo_color", "people_nme"):
        assert found[key] < found[f"network_{key}"], key


def test_nothing_asked_for_is_nothing_measured(cache):
    with pytest.raises(UnmeasuredError, match="no pictures asked for"):
        SECTIONS["solve"].measure(Context(shown_material(cache, 0), FakeNetwork(mistaken), FakeLoop()))

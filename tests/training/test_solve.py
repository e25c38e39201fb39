"""Analysis-by-synthesis on renders with known truth: what it must improve, and what it must survive."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from facemodel import CROP_SIZE, Crop, FaceModel, LimelightError, project
from facemodel.rotation import matrix_from_euler
from realtime.frame import Frame, Result, TrackingState
from tests.fake_finder import HeadFinder
from tests.toy_model import toy_model
from training.data.landmarker import LandmarkedFace
from training.evaluation.measures import errors_against_truth, landmarks478_px
from training.losses.label_losses import landmark_weights
from training.losses.paper_losses import encode_srgb
from training.render.renderer import Renderer, face_renderer
from training.solve import ClipReport, ClipSolver, SolveConfig
from training.solve.clip import ClipFrame, Smoothness, keyframes
from training.solve.config import Deviations
from training.solve.objective import Objective, distance_to_network, key_tint, sparsity
from training.solve.observation import Observation, Observer
from training.solve.solver import PERSON, Solver, Unknowns, unit_vector
from training.solve.start import KnownFaceLandmarks, matching_landmarks

SHORT = SolveConfig(
    levels=((28, 0.5), (56, 0.5)), steps=40, person_steps=30, frame_steps=20, keyframes=3, window=4, overlap=2
)
WIDTH, HEIGHT = 200, 160


@pytest.fixture(scope="module")
def toy() -> FaceModel:
    return toy_model(n_expression=8)


@pytest.fixture(scope="module")
def solver(toy: FaceModel) -> Solver:
    return Solver(toy, SHORT)


def person(model: FaceModel, seed: int = 0, yaw: float = 0.15) -> NDArray[np.float32]:
    """A face in the middle of the crop, talking, in soft light with a key light."""
    rng = np.random.default_rng(seed)
    vector = model.layout.neutral()
    p = model.layout.view(vector)
    p.identity[:] = rng.normal(size=p.identity.shape)
    p.albedo[:] = rng.normal(size=p.albedo.shape)
    p.expression[model.expression_names.index("jawOpen")] = 0.5
    p.rotation = matrix_from_euler(yaw, 0.05, 0.0)
    p.translation[:] = CROP_SIZE / 2
    p.scale = 0.95
    return vector


def mistaken(model: FaceModel, truth: NDArray[np.float32], seed: int = 1) -> NDArray[np.float32]:
    """What a network might answer: every number is off by its spread, more or less."""
    rng = np.random.default_rng(seed)
    vector = truth + 0.8 * unit_vector(model.layout, Deviations()).numpy() * rng.normal(size=truth.shape)
    p = model.layout.view(vector.astype(np.float32))
    p.rotation = p.rotation
    p.scale = model.layout.view(truth).scale * 1.02
    p.shininess = model.layout.view(truth).shininess * 1.3
    return model.layout.constrain(p.vector)


def picture(model: FaceModel, *vectors: NDArray[np.float32]) -> Observation:
    """What there is to observe of renders: exact landmarks, mask and inner mouth."""
    renderer = face_renderer(model)
    with torch.no_grad():
        shown = renderer(torch.from_numpy(np.stack(vectors)))
    return Observation(
        image=encode_srgb(shown.diffuse + shown.specular).clamp(0.0, 1.0),
        face=shown.covered,
        inner_mouth=shown.inner_mouth.clamp(0.0, 1.0),
        landmarks=shown.landmarks478,
        network=shown.landmarks478,
        trust=torch.ones(len(vectors), 478),
    )


def test_every_measure_of_the_face_comes_closer_to_the_truth(toy: FaceModel, solver: Solver) -> None:
    truth = [person(toy, seed) for seed in range(3)]
    start = np.stack([mistaken(toy, vector, seed) for seed, vector in enumerate(truth)])
    steps = []
    solution = solver.solve(torch.from_numpy(start), picture(toy, *truth), 80, tick=lambda: steps.append(1))
    assert len(steps) == 80
    assert (solution.after.residual < 0.5 * solution.before.residual).all()
    assert (solution.after.landmarks < 0.4 * solution.before.landmarks).all()
    before, after = (
        [errors_against_truth(toy, vector, true) for vector, true in zip(vectors, truth, strict=True)]
        for vectors in (start, solution.parameters.numpy())
    )
    for name in ("rotation_deg", "position_mm", "nme68", "identity_mm", "expression_rmse", "albedo_srgb"):
        assert np.mean([e[name] for e in after]) < np.mean([e[name] for e in before]), name
    for vector in solution.parameters.numpy():
        np.testing.assert_allclose(vector, toy.layout.constrain(vector.copy()), atol=1e-5)


def photographed(model: FaceModel, truth: NDArray[np.float32], start: NDArray[np.float32], seed: int) -> Observation:
    """What a webcam shows of a render: skin with texture, noise, JPEG, and points that are off."""
    seen, rng = picture(model, truth), np.random.default_rng(seed)
    texture = cv2.GaussianBlur(rng.standard_normal((CROP_SIZE, CROP_SIZE, 3)), (0, 0), 2.0)
    color = seen.image[0].numpy() * (1.0 + 0.06 * texture / texture.std()) + 0.02 * rng.standard_normal(texture.shape)
    _, jpeg = cv2.imencode(".jpg", (255.0 * color.clip(0.0, 1.0)).astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, 80])
    image = torch.from_numpy(cv2.imdecode(jpeg, cv2.IMREAD_COLOR).astype(np.float32) / 255.0)[None]
    network = torch.from_numpy(landmarks478_px(model, start).astype(np.float32))[None]
    points = seen.landmarks + torch.from_numpy(rng.normal(0.0, 1.5, (1, 478, 2)).astype(np.float32))
    return replace(seen, image=image, landmarks=points, network=network)


def test_texture_noise_and_the_networks_own_points_do_not_hold_a_face_back(toy: FaceModel, solver: Solver) -> None:
    truth = [person(toy, seed) for seed in range(3)]
    start = [mistaken(toy, vector, seed) for seed, vector in enumerate(truth)]
    seen = [photographed(toy, *pair, seed) for seed, pair in enumerate(zip(truth, start, strict=True))]
    solution = solver.solve(torch.from_numpy(np.stack(start)), Observation.cat(seen), 80)
    before, after = (
        [errors_against_truth(toy, vector, true) for vector, true in zip(vectors, truth, strict=True)]
        for vectors in (start, solution.parameters.numpy())
    )
    for name, share in (("expression_rmse", 0.8), ("key_deg", 0.8), ("identity_mm", 0.8), ("nme68", 0.7)):
        assert np.mean([e[name] for e in after]) < share * np.mean([e[name] for e in before]), name


def test_a_hand_before_the_face_does_not_bend_it(toy: FaceModel, solver: Solver) -> None:
    """It counts for nothing where the segmentation knows it, and for little where it does not."""
    truth = person(toy)
    start = mistaken(toy, truth)
    bare = photographed(toy, truth, start, 0)
    hand = torch.zeros_like(bare.face)
    hand[:, 130:175, 120:175] = 1.0
    covered = torch.where(hand[..., None] > 0, torch.tensor([0.85, 0.6, 0.5]), bare.image)
    known = replace(bare, image=covered, face=bare.face * (1.0 - hand))
    seen = Observation.cat([bare, known, replace(bare, image=covered)])
    solution = solver.solve(torch.from_numpy(np.stack([start] * 3)), seen, 60)
    first = errors_against_truth(toy, start, truth)["nme68"]
    without, masked, missed = (errors_against_truth(toy, v, truth)["nme68"] for v in solution.parameters.numpy())
    assert masked < without + 0.1 * first
    assert missed < without + 0.2 * first


def test_a_picture_that_is_not_finite_keeps_its_start_and_harms_no_other(toy: FaceModel, solver: Solver) -> None:
    truth, start = person(toy), torch.from_numpy(mistaken(toy, person(toy)))
    good = picture(toy, truth)
    bad = replace(good, image=torch.full_like(good.image, torch.nan))
    both = solver.solve(torch.stack([start, start]), Observation.cat([bad, good]), 20)
    alone = solver.solve(start[None], good, 20)
    torch.testing.assert_close(both.parameters[0], start, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(both.parameters[1], alone.parameters[0], atol=1e-3, rtol=1e-3)


def test_what_was_perfect_is_left_alone(toy: FaceModel, solver: Solver) -> None:
    truth = person(toy)
    solution = solver.solve(torch.from_numpy(truth)[None], picture(toy, truth), 20)
    assert float(solution.after.residual[0]) < 1.1 * float(solution.before.residual[0]) < 0.01
    assert errors_against_truth(toy, solution.parameters[0].numpy(), truth)["nme68"] < 0.003


def test_without_landmarks_the_picture_alone_decides(toy: FaceModel, solver: Solver) -> None:
    truth = person(toy)
    seen = replace(
        picture(toy, truth),
        trust=torch.zeros(1, 478),
        landmarks=torch.full((1, 478, 2), 1e4),
        network=torch.full((1, 478, 2), 1e4),
    )
    solution = solver.solve(torch.from_numpy(mistaken(toy, truth))[None], seen, 40)
    assert float(solution.after.residual[0]) < 0.7 * float(solution.before.residual[0])
    assert torch.isnan(solution.after.landmarks).all()


def test_unknowns_stay_what_a_face_can_do_whatever_the_steps(toy: FaceModel) -> None:
    layout = toy.layout
    start = torch.from_numpy(np.stack([person(toy, 0), person(toy, 1)]))
    unknowns = Unknowns(layout, start, Deviations(), shared=("albedo",), fixed=("identity",))
    with torch.no_grad():
        unknowns.offsets.copy_(20.0 * torch.randn(unknowns.offsets.shape, generator=torch.Generator().manual_seed(0)))
        unknowns.confine()
        parameters = unknowns()
    for vector in parameters.numpy():
        np.testing.assert_allclose(vector, layout.constrain(vector.copy()), atol=1e-4)
        assert layout.view(vector).scale > 0.0
    torch.testing.assert_close(parameters[:, layout.slices["identity"]], start[:, layout.slices["identity"]])
    torch.testing.assert_close(parameters[0, layout.slices["albedo"]], parameters[1, layout.slices["albedo"]])
    torch.testing.assert_close(unknowns.at_start()[0, layout.slices["sh"]], start[0, layout.slices["sh"]])
    again = unknowns.offsets.clone()
    unknowns.confine()
    torch.testing.assert_close(unknowns.offsets.detach(), again.detach(), atol=1e-3, rtol=1e-3)


def test_priors_by_hand() -> None:
    deviation = torch.tensor([[0.0, np.sqrt(3.0), -np.sqrt(8.0)]], dtype=torch.float64)
    torch.testing.assert_close(distance_to_network(deviation), torch.tensor([2.0 * (1.0 + 2.0)], dtype=torch.float64))
    weights = torch.tensor([[0.0, -0.1, 0.1, 0.7]])
    torch.testing.assert_close(
        sparsity(weights), torch.tensor([0.1 * (np.log(2.0) + np.log(8.0))], dtype=torch.float32)
    )
    sh = torch.zeros(1, 27)
    sh[0, :3] = torch.tensor([2.0, 1.0, 1.0])
    torch.testing.assert_close(key_tint(torch.tensor([[0.6, 0.3, 0.3]]), sh), torch.zeros(1))
    torch.testing.assert_close(key_tint(torch.tensor([[0.4, 0.4, 0.4]]), sh), torch.tensor([0.04 + 0.01 + 0.01]))


def test_eyes_are_compared_and_the_inner_mouth_is_not(toy: FaceModel) -> None:
    truth = torch.from_numpy(person(toy))[None]
    shown = face_renderer(toy)(truth)
    objective, seen = Objective(toy, SHORT), picture(toy, person(toy))
    mouth = shown.inner_mouth >= 0.5
    eyes = (shown.covered > shown.mask) & ~mouth
    assert int(mouth.sum()) > 50 and int(eyes.sum()) > 50
    for part, counts in ((mouth, False), (eyes, True)):
        painted = torch.where(part[..., None], torch.tensor(0.0), seen.image)
        residual = float(objective.fit(truth, replace(seen, image=painted)).residual)
        assert (residual > 1e-3) is counts and (counts or residual < 1e-6)


def test_a_saturated_photo_is_no_reason_for_less_light(toy: FaceModel) -> None:
    truth = person(toy)
    toy.layout.view(truth).sh[0] *= 4.0
    seen, objective = picture(toy, truth), Objective(toy, SHORT)
    assert float((seen.image == 1.0).float().mean()) > 0.05
    assert float(objective.fit(torch.from_numpy(truth)[None], seen).residual) == pytest.approx(0.0, abs=1e-6)


def test_observations_shrink_in_linear_light(toy: FaceModel) -> None:
    seen = picture(toy, person(toy))
    checkers = torch.zeros(1, 224, 224, 3)
    checkers[:, ::2, ::2] = checkers[:, 1::2, 1::2] = 1.0
    small = replace(seen, image=checkers).shrunk(56)
    torch.testing.assert_close(small.image, encode_srgb(torch.full((1, 56, 56, 3), 0.5)))
    torch.testing.assert_close(small.inner_mouth.sum() * 16, seen.inner_mouth.sum())
    assert seen.shrunk(224) is seen


class Whole:
    """Takes every pixel for the face."""

    def face_mask(self, image: NDArray[np.uint8]) -> NDArray[np.bool_]:
        return np.ones(image.shape[:2], bool)


def drawn(model: FaceModel, vector: NDArray[np.float32]) -> NDArray[np.uint8]:
    """(HEIGHT, WIDTH, 3) BGR frame with the face of parameters in its px, on grey."""
    side = max(WIDTH, HEIGHT)
    crop = Crop((side / 2, side / 2), float(side))
    lowered = torch.from_numpy(crop.lower(model.layout, vector))[None]
    with torch.no_grad():
        shown = Renderer(model)(lowered, side)
    color = encode_srgb(shown.diffuse + shown.specular)[0].clamp(0.0, 1.0).numpy()
    frame = np.where(shown.covered[0, ..., None] > 0, color, 0.5)[:HEIGHT, :WIDTH, ::-1]
    return np.ascontiguousarray((255.0 * frame).round().astype(np.uint8))


def frame_vectors(model: FaceModel, count: int) -> list[NDArray[np.float32]]:
    vectors = []
    for i in range(count):
        vector = person(model, yaw=0.15 * np.sin(0.5 * i))
        p = model.layout.view(vector)
        p.translation[:] = (WIDTH / 2 + i, HEIGHT / 2)
        p.scale = 0.6
        p.expression[model.expression_names.index("jawOpen")] = 0.3 + 0.2 * np.sin(0.7 * i)
        vectors.append(vector)
    return vectors


def test_observer_sees_crop_landmarks_and_the_border_of_the_picture(toy: FaceModel) -> None:
    (vector,) = frame_vectors(toy, 1)
    image, p = drawn(toy, vector), toy.layout.view(vector)
    points = project(toy.landmarks478(toy.shape(p.identity, p.expression)), p.rotation, p.translation, p.scale)
    crop = Crop((WIDTH - 60.0, HEIGHT / 2), 150.0)
    seen = Observer(toy, masker=Whole())(image, crop, vector, points)
    to_crop = crop.from_frame()
    np.testing.assert_allclose(seen.landmarks[0], points @ to_crop[:, :2].T + to_crop[:, 2], atol=1e-3)
    assert seen.image.shape == (1, 224, 224, 3) and float(seen.image.max()) <= 1.0
    np.testing.assert_allclose(seen.network[0], seen.landmarks[0], atol=1e-3)  # the network is right here
    columns = seen.face[0].amax(dim=0) > 0
    assert columns[:195].all() and not columns[205:].any()  # the frame ends 15 of 150 px before the crop does
    facing = seen.trust[0] / landmark_weights(irises=4.0)
    assert float(facing.min()) >= 0.05 and float(facing.max()) == pytest.approx(1.0, abs=1e-3)
    blind = Observer(toy, masker=Whole())(image, crop, vector, None)
    assert not blind.trust.any()
    torch.testing.assert_close(blind.landmarks, seen.landmarks, atol=1e-2, rtol=0.0)


class Clip:
    """A source of drawn frames."""

    name, width, height, fps, live = "clip", WIDTH, HEIGHT, 25.0, False

    def __init__(self, images: list[NDArray[np.uint8]]) -> None:
        self._images = images
        self._position = 0

    def read(self) -> Frame | None:
        if self._position == len(self._images):
            return None
        frame = Frame(self._position, self._position / self.fps, self._images[self._position])
        self._position += 1
        return frame

    def close(self) -> None:
        self._images = []
        self._position = 0


def tracked(model: FaceModel, truths: list[NDArray[np.float32]], lost: set[int]) -> list[ClipFrame]:
    """What tracking leaves of a clip: the network's mistakes change from frame to frame."""
    frames = []
    for i, truth in enumerate(truths):
        p = model.layout.view(truth)
        crop = Crop.around_head(p.rotation, p.translation, p.scale)
        raw = crop.lift(model.layout, mistaken(model, crop.lower(model.layout, truth), seed=i))
        points = project(model.landmarks478(model.shape(p.identity, p.expression)), p.rotation, p.translation, p.scale)
        known = i not in lost
        frames.append(ClipFrame(i, i / 25.0, raw if known else None, 0.9, points if known else None))
    return frames


@pytest.fixture(scope="module")
def clip(toy: FaceModel) -> tuple[list[NDArray[np.float32]], list[Result], ClipReport, NDArray[np.float32]]:
    """Truth, delivered frames, report and person of a solved clip of 9 frames whose fifth shows no face."""
    truths = frame_vectors(toy, 9)
    images = [drawn(toy, vector) for vector in truths]
    solver = ClipSolver(toy, _NoEngine(), HeadFinder(toy.layout), _Landmarker(), SHORT, Observer(toy, masker=Whole()))
    solver.track = lambda open_source: tracked(toy, truths, lost={4})  # type: ignore[method-assign]
    delivered: list[Result] = []
    report = ClipReport()
    someone = solver(lambda: Clip(images), delivered.append, report)
    return truths, delivered, report, someone


class _NoEngine:
    resolution, name = 224, "none"

    def infer(
        self, crops: NDArray[np.uint8], poses: NDArray[np.float32] | None = None
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        raise AssertionError("tracking is scripted here")


class _Landmarker:
    """Finds these points in a picture of this size, and nothing in others."""

    def __init__(self, points: NDArray[np.float64] | None = None, size: tuple[int, int] = (0, 0)) -> None:
        self._points, self._size = points, size
        self.seen: list[NDArray[np.uint8]] = []

    def find(self, image: NDArray[np.uint8]) -> list[LandmarkedFace]:
        self.seen.append(image)
        return [landmarked(self._points)] if self._points is not None and image.shape[:2] == self._size else []


def landmarked(points: NDArray[np.float64]) -> LandmarkedFace:
    return LandmarkedFace(points, np.zeros(478), {}, np.eye(4))


def test_clip_is_delivered_whole_and_in_order_with_one_person(toy: FaceModel, clip) -> None:
    _, delivered, report, someone = clip
    assert [result.frame.index for result in delivered] == list(range(9))
    assert report.frames == 9 and len(report.fits) == 8
    lost = delivered[4]
    assert lost.faces == () and lost.state is TrackingState.SEARCHING
    for i, result in enumerate(delivered):
        if i == 4:
            continue
        (face,) = result.faces
        assert face.state is TrackingState.TRACKING and face.raw is not None
        assert result.frame.image.shape == (HEIGHT, WIDTH, 3)
        for name in PERSON:
            span = toy.layout.slices[name]
            np.testing.assert_allclose(face.smoothed[span], someone[span], atol=1e-5)
            np.testing.assert_array_equal(getattr(face.person, name), someone[span])
        assert face.person.settled


def test_clip_comes_closer_to_the_truth_and_is_steadier(toy: FaceModel, clip) -> None:
    truths, delivered, report, _ = clip
    residual, network_residual, landmarks, network_landmarks = np.mean(report.fits, axis=0)
    assert residual < 0.7 * network_residual and landmarks < 0.6 * network_landmarks
    errors = {"raw": [], "smoothed": []}
    for which, found in errors.items():
        for result in delivered:
            vector = getattr(result.performer, which, None)
            if vector is not None:
                found.append(errors_against_truth(toy, vector, truths[result.frame.index]))
    for name in ("rotation_deg", "nme68", "identity_mm", "expression_rmse"):
        before, after = (np.mean([e[name] for e in found]) for found in errors.values())
        assert after < before, name
    first = delivered[:4]
    for group in ("expression", "rotation", "translation", "sh"):
        span = toy.layout.slices[group]
        raw, smoothed = (
            np.stack([getattr(r.performer, which) for r in first])[:, span] for which in ("raw", "smoothed")
        )
        assert np.abs(np.diff(smoothed, 2, axis=0)).mean() < 0.7 * np.abs(np.diff(raw, 2, axis=0)).mean(), group


def test_clip_without_a_face_is_one_clear_error(toy: FaceModel) -> None:
    solver = ClipSolver(toy, _NoEngine(), HeadFinder(toy.layout), _Landmarker(), SHORT, Observer(toy, masker=Whole()))
    grey = [np.full((HEIGHT, WIDTH, 3), 90, np.uint8)] * 3
    with pytest.raises(LimelightError, match="clip: no face found in any of its 3 frames"):
        solver(lambda: Clip(grey), lambda frame: None, ClipReport())


def test_smoothness_compares_across_crops_and_with_the_frames_before(toy: FaceModel) -> None:
    """A head that moves evenly through the frame costs nothing, whatever crops follow it; one that jumps does."""
    layout = toy.layout
    vectors = []
    for i in range(5):
        vector = toy.layout.neutral().astype(np.float64)
        p = layout.view(vector)
        p.translation[:] = (300.0 + 7.0 * i, 200.0 - 3.0 * i)
        p.scale = 2.0 * 1.01**i
        vectors.append(vector.astype(np.float32))
    crops = [Crop((290.0 + 9.0 * i, 190.0 + (i % 2)), 400.0 + 11.0 * i, 0.2) for i in range(5)]
    lowered = torch.from_numpy(np.stack([crop.lower(layout, v) for crop, v in zip(crops, vectors, strict=True)]))
    whole = Smoothness(layout, SHORT, crops, [])(lowered)
    assert float(whole) < 1e-3
    jump = lowered.clone()
    jump[3, layout.slices["translation"]] += 5.0
    assert float(Smoothness(layout, SHORT, crops, [])(jump)) > 0.02
    later = Smoothness(layout, SHORT, crops[2:], vectors[:2])
    assert float(later(lowered[2:])) < 1e-3
    assert float(later(jump[2:])) > 0.02
    assert float(Smoothness(layout, SHORT, crops[:1], [])(lowered[:1])) == 0.0


def test_trembling_costs_more_than_one_jump_as_large_together(toy: FaceModel) -> None:
    """So that a blink, whose lids fall in one frame, survives what takes the trembling out."""
    layout = toy.layout
    crops = [Crop((100.0, 100.0), 224.0)] * 12
    still = torch.from_numpy(np.stack([layout.neutral()] * 12))
    cost = Smoothness(layout, SHORT, crops, [])
    weight = layout.slices["expression"].start
    trembling, blink = still.clone(), still.clone()
    trembling[1::2, weight] += 0.06
    blink[6:, weight] += 0.6
    total = [(v[2:, weight] - 2.0 * v[1:-1, weight] + v[:-2, weight]).abs().sum() for v in (trembling, blink)]
    torch.testing.assert_close(*total)
    assert float(cost(still)) == 0.0
    assert float(cost(trembling)) > 1.5 * float(cost(blink)) > 0.0


def test_keyframes_are_different_looks_and_one_is_frontal(toy: FaceModel) -> None:
    frames = []
    for i, yaw in enumerate([0.5, 0.5, 0.5, 0.02, -0.6, -0.6]):
        vector = person(toy, yaw=yaw)
        frames.append(ClipFrame(i, i / 25.0, vector, 0.9, np.zeros((478, 2)) if i != 4 else None))
    chosen = [frame.index for frame in keyframes(toy.layout, frames, 3)]
    assert len(chosen) == 3 and 3 in chosen and 5 in chosen and 4 not in chosen
    assert len(keyframes(toy.layout, frames, 50)) <= 5
    only = [ClipFrame(0, 0.0, person(toy), 0.9, None)]
    assert keyframes(toy.layout, only, 3) == only


def test_landmarks_are_those_of_the_same_face(toy: FaceModel) -> None:
    vector = person(toy)
    p = toy.layout.view(vector)
    points = project(toy.landmarks478(toy.shape(p.identity, p.expression)), p.rotation, p.translation, p.scale)
    near, far = (landmarked(points + shift) for shift in (3.0, 120.0))
    assert matching_landmarks(toy, vector, [far, near]) is near.landmarks
    assert matching_landmarks(toy, vector, [far]) is None


def test_a_face_that_is_missed_in_the_whole_picture_is_shown_again_upright_and_large(toy: FaceModel) -> None:
    vector = person(toy)
    p = toy.layout.view(vector)
    p.rotation, p.translation[:], p.scale = matrix_from_euler(0.1, 0.0, 1.9), (60.0, 50.0), 0.25
    points = project(toy.landmarks478(toy.shape(p.identity, p.expression)), p.rotation, p.translation, p.scale)
    crop = Crop.around_head(p.rotation, p.translation, p.scale)
    window = Crop(crop.centre, 1.5 * crop.side, crop.angle)
    image = np.full((HEIGHT, WIDTH, 3), 90, np.uint8)
    landmarker = _Landmarker(window.lower_points(points) * 512 / CROP_SIZE, (512, 512))
    (found,) = KnownFaceLandmarks(toy, landmarker)(image, [vector])
    np.testing.assert_allclose(found, points, atol=1e-3)
    assert len(landmarker.seen) == 2
    assert KnownFaceLandmarks(toy, _Landmarker())(image, [vector]) == [None]
    straight = _Landmarker(points, (HEIGHT, WIDTH))
    (found,) = KnownFaceLandmarks(toy, straight)(image, [vector])
    np.testing.assert_array_equal(found, points)
    assert len(straight.seen) == 1, "what was found is not looked for again"
    assert KnownFaceLandmarks(toy, straight)(image, []) == []


def test_schedule_spends_all_steps() -> None:
    assert SolveConfig(levels=((56, 0.4), (112, 0.6))).schedule(10) == [(56, 4), (112, 6)]
    assert SolveConfig(levels=((56, 0.4), (112, 0.6))).schedule(1) == [(56, 1), (112, 1)]
    assert SolveConfig.of_steps(50).frame_steps == 20

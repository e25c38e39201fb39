"""Training data: labels, storage, random faces, renders, misplaced crops."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from facemodel import Crop, LimelightError
from facemodel.rotation import matrix_to_euler
from tests.toy_model import toy_model
from training.data import EXTENT, STORED_SIZE, ShardWriter, load_samples, photo_labels
from training.data.fit import landmark_errors
from training.data.labels import UNSCORED
from training.data.landmarker import BUNDLE
from training.data.photo_labels import PhotoLabels, PhotoLandmarker, is_held_out, load_labels, person_of
from training.data.photos import misplaced_crop, prepare_photos
from training.data.storage import cut
from training.data.synthetic import SceneConfig, SceneRenderer, generate, render_shard
from training.render.degrade import CameraFaults, photograph
from training.render.lamps import LightDistribution, cast, random_light
from training.render.random_faces import FaceDistribution, RandomFaces
from training.render.scenery import Backgrounds
from training.tasks.label_batches import batch_of, stored_sample

_CLEAR = CameraFaults(0, 0, 0, 0, 0, 0)


@pytest.fixture(scope="module")
def toy():
    return toy_model()


@pytest.fixture(scope="module")
def renderer(toy):
    config = SceneConfig(shard=6)
    backgrounds = Backgrounds(config.render_size, [], np.random.default_rng(0))
    return SceneRenderer(toy, config, backgrounds, RandomFaces(toy, config.faces))


def test_one_person_is_never_on_both_sides_of_the_split():
    assert person_of("lfw/Ana_Paula_0001.jpg") == person_of("ytf/Ana_Paula_30.jpg") == "Ana_Paula"
    assert person_of("omi/12.jpg") != person_of("utkface/12.jpg")
    held = np.mean([is_held_out(f"person {i}") for i in range(4000)])
    assert 0.03 < held < 0.07


def test_missing_landmarker_is_one_clear_line(tmp_path):
    with pytest.raises(LimelightError, match="no such file"):
        PhotoLandmarker(tmp_path / "absent.task")


def test_expressions_are_possible_and_varied(toy):
    draw = RandomFaces(toy, FaceDistribution())
    layout = toy.layout
    vectors = np.stack([draw(np.random.default_rng(seed)) for seed in range(300)])
    expression = vectors[:, layout.slices["expression"]]
    close, jaw = layout.mouth_close_and_jaw_open
    assert expression.min() >= 0 and expression.max() <= 1
    assert (expression[:, close] <= expression[:, jaw]).all()
    assert (expression.max(axis=0) > 0.5).mean() > 0.9
    names = list(toy.expression_names)
    if {"eyeLookOutLeft", "eyeLookOutRight"} <= set(names):
        both = expression[:, [names.index("eyeLookOutLeft"), names.index("eyeLookOutRight")]]
        assert (both.min(axis=1) == 0).all()  # eyes look the same way


def test_both_sides_of_the_face_move_by_themselves(model):
    """Winks, one raised brow and sideways jaws are as often on the left as on the right, and not rare."""
    draw = RandomFaces(model, FaceDistribution())
    span, names = model.layout.slices["expression"], list(model.expression_names)
    expression = np.stack([draw(np.random.default_rng(seed))[span] for seed in range(800)])
    for unit, rarest in (("eyeBlink", 0.03), ("browOuterUp", 0.005), ("mouthSmile", 0.005), ("jaw", 0.03)):
        left, right = (expression[:, names.index(unit + side)] for side in ("Left", "Right"))
        assert min(np.mean(left > right + 0.3), np.mean(right > left + 0.3)) > rarest, unit


def test_grimaces_are_drawn_as_they_are_and_mirrored(model):
    draw = RandomFaces(model, FaceDistribution(0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0))
    span, names = model.layout.slices["expression"], list(model.expression_names)
    expression = np.stack([draw(np.random.default_rng(seed))[span] for seed in range(900)])
    winks = expression[:, [names.index("eyeBlinkLeft"), names.index("eyeBlinkRight")]]
    smiles = expression[:, [names.index("mouthSmileLeft"), names.index("mouthSmileRight")]]
    for side in (0, 1):
        winking = (winks[:, side] > 0.4) & (winks[:, 1 - side] < 0.1)
        assert 8 <= winking.sum() <= 60
        assert smiles[winking, side].mean() > smiles[winking, 1 - side].mean() + 0.2


def test_eyes_that_squint_at_the_nose_both_look_inward(model):
    span, names = model.layout.slices["expression"], list(model.expression_names)
    inward = [names.index(f"eyeLookIn{side}") for side in ("Left", "Right")]
    outward = [names.index(f"eyeLookOut{side}") for side in ("Left", "Right")]
    for share in (0.0, 1.0):
        draw = RandomFaces(model, FaceDistribution(seen_share=0.0, cross_share=share))
        weights = np.stack([draw(np.random.default_rng(seed))[span] for seed in range(40)])
        assert (weights[:, inward].min(axis=1) > 0.2).all() == (share > 0)
        assert share == 0 or not weights[:, outward].any()


def test_seen_expressions_are_drawn_from(toy):
    seen = np.zeros((1, toy.layout.n_expression), np.float32)
    mark = toy.expression_names.index("browInnerUp")
    seen[0, mark] = 0.5
    draw = RandomFaces(toy, FaceDistribution(seen_share=1.0, tongue_share=0.0), seen)
    weights = [toy.layout.view(draw(np.random.default_rng(seed))).expression[mark] for seed in range(20)]
    assert min(weights) >= 0.39 and max(weights) <= 0.66


def test_pose_covers_the_limits_and_lies_in_the_jittered_crop(toy):
    d = FaceDistribution()
    draw = RandomFaces(toy, d)
    yaws = []
    for seed in range(300):
        p = toy.layout.view(draw(np.random.default_rng(seed)))
        yaws.append(np.rad2deg(matrix_to_euler(p.rotation)[0]))
        crop = Crop.around_head(p.rotation, p.translation, p.scale)
        assert np.abs(np.array(crop.centre) - 112).max() <= 224 * d.shift * np.sqrt(2) * 1.2
        assert abs(np.log(crop.side / 224)) <= d.scale + 1e-6
        assert abs(np.rad2deg(crop.angle)) <= d.angle + 1e-3
    assert max(yaws) > 60 and min(yaws) < -60


def test_light_is_of_usual_exposure_unless_dark():
    def front(dark: float) -> float:
        lights = [
            random_light(np.random.default_rng(seed), LightDistribution(dark_share=dark)).sh for seed in range(50)
        ]
        return float(np.median([sh[0].mean() for sh in lights]))

    assert 1.0 < front(0.0) < 4.0
    assert front(1.0) < 0.6 * front(0.0)


def test_lamps_are_parts_of_the_light_and_shadows_lie_behind_what_casts_them(model):
    """A lamp from the subject's left: the nose's right side is dark, the left one bright, both lit from the front."""
    light = random_light(np.random.default_rng(3), LightDistribution(low_share=0.0))
    normals = model.normals(model.mean)
    corners = model.triangles[model.landmarks478_triangles[[203, 423]], 0]  # beside the nose, right and left

    def visible(direction: tuple[float, float, float]) -> np.ndarray:
        head = model.mean, normals, model.triangles
        lamps = cast(light.sh, np.array(direction) * 500.0, light.key_color, np.random.default_rng(0), head)
        assert 1 <= len(lamps.positions) <= 3 and (lamps.shares[:, 0] >= 0).all()
        assert lamps.shares[:, 0].sum() <= light.sh[0].sum()
        return lamps.visible[corners, 0]

    right, left = visible((0.95, 0.0, 0.3))
    assert right < 0.3 and left > 0.7
    assert (visible((0.0, 0.1, 1.0)) > 0.7).all()


def test_a_person_keeps_skin_beard_and_hair_from_picture_to_picture(renderer):
    vector = renderer.faces(np.random.default_rng(2))

    def drawn(picture: int, person: int) -> np.ndarray:
        plain = replace(renderer.config, glasses_share=0.0, occluder_share=0.0, hat_share=0.0)
        scenes = SceneRenderer(renderer.model, plain, renderer.backgrounds, renderer.faces)
        return scenes.draw(vector, np.random.default_rng(picture), np.random.default_rng(person))[0]

    middle = (slice(80, 120), slice(80, 120))
    once, again, other = (drawn(*seeds)[middle] for seeds in ((0, 0), (1, 0), (0, 1)))
    assert np.median(np.abs(once - again)) < 0.1 * np.median(np.abs(once - other))


def test_labels_lie_on_the_picture(renderer):
    """The stored picture's margin and the crop px of the labels agree: the drawn face covers its landmarks."""
    rng = np.random.default_rng(3)
    vector = renderer.faces(rng)
    plain = SceneRenderer(
        renderer.model,
        replace(
            renderer.config,
            hair_share=0,
            glasses_share=0,
            occluder_share=0,
            headphones_share=0,
            hat_share=0,
            render_size=STORED_SIZE,
        ),
        lambda _: np.zeros((STORED_SIZE, STORED_SIZE, 3), np.float32),
        renderer.faces,
    )
    linear, landmarks, _ = plain.draw(vector, rng)
    covered = linear.sum(axis=2) > 1e-4
    margin = (EXTENT - 224) / 2
    stored = np.floor((landmarks + margin) * STORED_SIZE / EXTENT).astype(int)
    inside = ((stored >= 0) & (stored < STORED_SIZE)).all(axis=1)
    assert inside.mean() > 0.8
    assert covered[stored[inside, 1], stored[inside, 0]].mean() > 0.9
    assert 0.1 < covered.mean() < 0.8


def test_shards_are_deterministic_resumable_and_read_back(toy, tmp_path, renderer):
    config = renderer.config
    generate(toy, tmp_path / "a", 12, seed=7, config=config)
    generate(toy, tmp_path / "b", 6, seed=7, config=config)
    first = tmp_path / "b" / "synthetic" / "shard_00000" / "images.npy"
    before = first.stat().st_mtime_ns
    generate(toy, tmp_path / "b", 12, seed=7, config=config)
    assert first.stat().st_mtime_ns == before
    a, b = load_samples(tmp_path / "a", toy), load_samples(tmp_path / "b", toy)
    assert len(a) == len(b) == 14 and a.images.shape == (14, STORED_SIZE, STORED_SIZE, 3)
    np.testing.assert_array_equal(a.parameters, b.parameters)
    np.testing.assert_array_equal(a.images[13], b.images[13])
    faces = np.flatnonzero(a.face)
    assert len(faces) == 12 and a.light[faces].all() and not a.photo.any()
    assert not np.array_equal(a.images[faces[0]], a.images[faces[6]])
    with pytest.raises(IndexError):
        a.images[14]


def test_processes_that_share_the_work_write_what_one_would(toy, tmp_path, renderer):
    generate(toy, tmp_path / "one", 12, seed=7, config=renderer.config)
    for part in ((1, 2), (0, 2)):
        generate(toy, tmp_path / "two", 12, seed=7, config=renderer.config, part=part)
    one, two = load_samples(tmp_path / "one", toy), load_samples(tmp_path / "two", toy)
    np.testing.assert_array_equal(one.parameters, two.parameters)
    for i in range(len(one)):
        np.testing.assert_array_equal(one.images[i], two.images[i])


def test_a_picture_depends_on_the_seed_and_its_number_alone(renderer):
    few, many = (render_shard(renderer, count, np.random.default_rng((7, 1, 0))) for count in (2, 4))
    np.testing.assert_array_equal(few.images, np.asarray(many.images)[:2])


def test_data_of_another_face_model_are_refused(toy, tmp_path, renderer):
    writer = ShardWriter(tmp_path, "synthetic", toy)
    writer.write(0, render_shard(renderer, 2, np.random.default_rng(0)))
    other = toy_model(n_identity=7)
    with pytest.raises(LimelightError, match="made with model_digest"):
        ShardWriter(tmp_path, "photos", other)
    with pytest.raises(LimelightError, match="prepare it anew"):
        load_samples(tmp_path, other)


@pytest.mark.parametrize("name", ["images", "landmarks"])
def test_a_damaged_shard_is_one_clear_line(toy, tmp_path, renderer, name):
    ShardWriter(tmp_path, "synthetic", toy).write(0, render_shard(renderer, 2, np.random.default_rng(0)))
    path = tmp_path / "synthetic" / "shard_00000" / f"{name}.npy"
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(LimelightError, match=f"{name}.npy: damaged; remove"):
        load_samples(tmp_path, toy)


def test_shards_made_before_there_were_weights_of_landmarks_count_in_full(toy, tmp_path, renderer):
    ShardWriter(tmp_path, "synthetic", toy).write(0, render_shard(renderer, 2, np.random.default_rng(0)))
    for name in ("landmark_weight", "scored"):
        (tmp_path / "synthetic" / "shard_00000" / f"{name}.npy").unlink()
    samples = load_samples(tmp_path, toy)
    assert samples.landmark_weight.shape == (2, 478) and (samples.landmark_weight == 1.0).all()
    assert samples.scored.shape == (2, 52) and samples.scored.all()


def test_empty_folder_is_one_clear_line(tmp_path):
    with pytest.raises(LimelightError, match="nothing prepared there"):
        load_samples(tmp_path)


def test_cut_shows_the_crop_with_its_margin():
    image = np.zeros((300, 400, 3), np.uint8)
    cv2.circle(image, (220, 130), 6, (255, 255, 255), -1)
    stored = cut(image, Crop((220.5, 130.5), 160.0, 0.6))
    rows, columns = np.nonzero(stored[..., 0] > 128)
    assert abs(rows.mean() + 0.5 - STORED_SIZE / 2) < 0.3 and abs(columns.mean() + 0.5 - STORED_SIZE / 2) < 0.3
    assert len(rows) == pytest.approx(np.pi * 6.5**2 * (STORED_SIZE / 200) ** 2, rel=0.2)


def test_misplaced_crops_are_far_from_the_good_one():
    good = Crop((100.0, 90.0), 80.0, 0.1)
    for seed in range(200):
        bad = misplaced_crop(good, np.random.default_rng(seed))
        offset = np.hypot(bad.centre[0] - 100.0, bad.centre[1] - 90.0)
        factor = max(bad.side / good.side, good.side / bad.side)
        assert offset >= 0.45 * good.side or factor > 1.8 or abs(bad.angle - good.angle) > 1.2


def test_clear_camera_only_encodes_srgb():
    linear = np.full((200, 200, 3), 0.2140411, np.float32)
    picture = photograph(linear, STORED_SIZE, _CLEAR, np.random.default_rng(0))
    assert picture.shape == (STORED_SIZE, STORED_SIZE, 3)
    assert np.abs(picture.astype(int) - 128).max() <= 1


@pytest.fixture
def photographed(toy, renderer, tmp_path):
    """Twelve rendered "photos" on disk, one of them unreadable, and their labels as MediaPipe would give them."""
    folder = tmp_path / "photos" / "lfw"
    folder.mkdir(parents=True)
    count = 12
    landmarks = np.zeros((count, 478, 3), np.float32)
    for i in range(count):
        picture, _, points, _ = renderer(np.random.default_rng(40 + i))
        landmarks[i, :, :2] = (points + (EXTENT - 224) / 2) * STORED_SIZE / EXTENT
        cv2.imwrite(str(folder / f"Somebody_{i:04d}.jpg"), picture)
    (folder / "Somebody_0003.jpg").write_bytes(b"no picture")
    paths = np.array([f"lfw/Somebody_{i:04d}.jpg" for i in range(count)])
    sizes = np.full((count, 2), STORED_SIZE, np.int32)
    labels = PhotoLabels(
        paths, sizes, landmarks, np.zeros((count, 52), np.float32), np.zeros((count, 4, 4), np.float32)
    )
    return labels, tmp_path / "photos"


def test_photos_become_samples_whose_labels_lie_on_their_landmarks(toy, photographed, tmp_path):
    labels, photos = photographed
    prepare_photos(toy, labels, photos, tmp_path / "out", negatives=6, shard=8)
    samples = load_samples(tmp_path / "out", toy)
    good = np.flatnonzero(samples.face)
    again = sum(len(np.load(path)) for path in (tmp_path / "out" / "shut_eyes").glob("*/face.npy"))
    assert again >= 1 and len(good) == 11 + again and samples.photo.all()
    assert np.median(landmark_errors(toy, samples.parameters[good], samples.landmarks[good])) < 0.02
    assert not samples.scored[good].all() and samples.scored[good].any()
    assert (samples.landmark_weight[good].min(axis=1) < 1.0).all()
    assert not samples.light.any() and len(set(samples.held_out)) == 1
    batch = batch_of(samples, good, [stored_sample(samples, i) for i in good])
    np.testing.assert_array_equal(batch.landmark_worth.numpy(), samples.landmark_weight[good])
    assert batch.unit_worth[0].tolist() == [float(name not in UNSCORED) for name in toy.expression_names]
    negatives = samples.parameters[~samples.face]
    assert len(negatives) > 0 and np.isfinite(negatives).all()
    before = samples.parameters.copy()
    prepare_photos(toy, labels, photos, tmp_path / "out", negatives=6, shard=8)
    np.testing.assert_array_equal(load_samples(tmp_path / "out", toy).parameters, before)


def test_labels_absent_are_one_clear_line(tmp_path):
    with pytest.raises(LimelightError, match="none yet"):
        load_labels(tmp_path)


def test_a_stopped_labelling_goes_on_and_loses_no_photo(photographed, tmp_path, monkeypatch):
    _, photos = photographed
    calls: list[int] = []

    class Finder:
        def __init__(self, bundle):
            pass

        def __call__(self, image):
            calls.append(len(image))
            if len(calls) == 7:
                raise KeyboardInterrupt
            points = np.full((478, 3), len(calls), np.float32)
            return None if len(calls) == 2 else (points, np.zeros(52, np.float32), np.eye(4, dtype=np.float32))

        def close(self):
            pass

    monkeypatch.setattr(photo_labels, "PhotoLandmarker", Finder)
    monkeypatch.setattr(photo_labels, "_SHARD", 4)
    arguments = photos, tmp_path / "labels", BUNDLE, ("lfw",)
    with pytest.raises(KeyboardInterrupt):
        photo_labels.label_photos(*arguments)
    assert len(load_labels(tmp_path / "labels")) == 2  # of the first four one is unreadable and one shows no face
    labels = photo_labels.label_photos(*arguments)
    assert len(labels) == 10 and len(calls) == 3 + 4 + 8
    assert labels.paths[:2].tolist() == ["lfw/Somebody_0000.jpg", "lfw/Somebody_0002.jpg"]
    assert photo_labels.label_photos(*arguments).landmarks.tolist() == labels.landmarks.tolist() and len(calls) == 15


def test_landmarker_finds_the_face_of_a_small_photo(sources):
    photo = next((sources / "photos" / "lfw").glob("*.jpg"))
    pytest.importorskip("mediapipe")
    image = cv2.cvtColor(cv2.imread(str(photo)), cv2.COLOR_BGR2RGB)
    found = PhotoLandmarker(BUNDLE)(image)
    assert found is not None
    landmarks, scores, _ = found
    assert landmarks.shape == (478, 3) and scores.shape == (52,)
    assert 0 < landmarks[:, 0].mean() < image.shape[1]

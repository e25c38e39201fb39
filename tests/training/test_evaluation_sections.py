"""Every section finds the figures that it must: of the truth, of the mean face, of noise."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from scipy.io import savemat

from facemodel import CROP_SIZE, LimelightError
from facemodel.color import encode_srgb
from facemodel.landmarks import MEDIAPIPE_TO_IBUG68
from facemodel.rotation import matrix_from_euler
from tests.toy_model import toy_model
from tests.training.fake_evaluation import EXTENT, FakeLoop, context, material
from training.data.fit import landmark_errors, project_landmarks
from training.data.landmarker import BUNDLE
from training.data.photo_labels import is_held_out, person_of
from training.data.storage import EXTENT as EXTENT_PX
from training.evaluation.context import WEBCAM_CLIPS, Context, TrackedClip
from training.evaluation.held_out import HeldOutPhotos, crop_picture, read_photo
from training.evaluation.layers import face_layers
from training.evaluation.measures import landmarks68_px
from training.evaluation.relight_pairs import MARGIN, SIZE, relight_pairs
from training.evaluation.section import Measure, UnmeasuredError, ranked_cases
from training.evaluation.sections import SECTIONS
from training.evaluation.sections import shape as shape_section
from training.evaluation.sections.groups import age_group, label_of
from training.evaluation.sections.photos import photo_color_error

MODEL = toy_model()
LAYOUT = MODEL.layout


def truth(vector, _):
    return vector


def faceless(vector, _):
    """Right in all but the face: nobody's identity, albedo and expression."""
    for group in ("identity", "albedo", "expression"):
        vector[LAYOUT.slices[group]] = 0.0
    return vector


def noise(vector, asked):
    """Somebody else every time."""
    vector[LAYOUT.slices["identity"]] = np.random.default_rng(asked).normal(size=LAYOUT.n_identity)
    return vector


class Blind:
    """MediaPipe finds no face of the toy model; it need not look."""

    def __init__(self, bundle):
        pass

    def __call__(self, image):
        return None

    def close(self):
        pass


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shape_section, "PhotoLandmarker", Blind)
        yield material(MODEL, tmp_path_factory.mktemp("evaluation"), BUNDLE)


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Four rendered faces as photos, with the model's own points for MediaPipe's; and their parameters."""
    folder = tmp_path_factory.mktemp("data") / "photos"
    (folder / "utkface").mkdir(parents=True)
    names, points, vectors = [], [], []
    for i, (age, race) in enumerate(((20, 0), (35, 1), (50, 2), (70, 0))):
        vector = LAYOUT.neutral()
        p = LAYOUT.view(vector)
        p.identity[:] = np.random.default_rng(i).normal(size=LAYOUT.n_identity)
        p.rotation = matrix_from_euler(0.2 * i - 0.3, 0.0, 0.0)
        p.translation[:], p.scale = (115.0, 95.0), 0.95
        layers = face_layers(MODEL, vector)
        image = np.round(np.clip(encode_srgb(layers.diffuse + layers.specular), 0, 1) * 255).astype(np.uint8)
        names.append(f"utkface/{age}_0_{race}_{i}.png")
        cv2.imwrite(str(folder / names[-1]), image[..., ::-1])
        marks = project_landmarks(MODEL, vector[None])[0]
        marks[MEDIAPIPE_TO_IBUG68] = landmarks68_px(MODEL, vector)
        points.append(marks)
        vectors.append(vector)
    return HeldOutPhotos(MODEL, folder, np.array(names), np.array(points, np.float32), None), vectors


def with_photos(shown, photos, answers):
    """The material with these photos, and a loop that answers so."""
    held_out, _ = photos
    other = material(MODEL, shown.cache, BUNDLE)
    other.__dict__["photos"] = held_out
    loop = FakeLoop()
    for i, answer in enumerate(answers):
        loop.photos[held_out.image(i).tobytes()] = answer
    return other, loop


def test_registry_names_and_limits_are_those_that_must_hold():
    limits = {
        f"{name}.{measure.key}": measure.limit
        for name, section in SECTIONS.items()
        for measure in section.measures
        if measure.limit is not None
    }
    assert limits == {
        "photos.nme68": 0.035,
        "photos.color": 0.08,
        "poses.aflw2000_pose": 3.5,
        "shape.closer_regions": 0.30,
        "shape.within_over_between": 0.5,
        "expression.random_active": 0.12,
        "expression.renders_active": 0.12,
        "light.key_angle": 15.0,
        "light.leak": 0.20,
        "relighting.true": 0.04,
        "relighting.share": 0.5,
        "relighting.of_mean_color": 1.0,
        "relighting.worst_tone": 1.3,
        "groups.tone_worst": 1.5,
        "groups.age_worst": 1.5,
        "groups.race_worst": 1.5,
        "groups.gender_worst": 1.5,
        "clips.blinks_kept": 0.95,
        "clips.mediapipe_blinks_kept": 0.9,
        "flicker.one_lamp": 1.2,
        "flicker.two_lamps": 1.2,
        "flicker.sunset": 1.2,
    }
    assert all(len({m.key for m in s.measures}) == len(s.measures) for s in SECTIONS.values())


def test_measure_judges_and_shows():
    error, share = Measure("a", "a", "%", limit=0.035), Measure("b", "b", "%", limit=0.3, larger_is_better=True)
    assert error.met(0.03) and not error.met(0.04) and not error.met(float("nan"))
    assert share.met(0.4) and not share.met(0.2)
    assert Measure("c", "c").met(1.0) is None
    assert error.shown(0.0203) == "2.03 %"
    assert Measure("d", "d", "degrees", digits=1).shown(3.456) == "3.5°"
    assert Measure("e", "e", "mm").shown(float("nan")) == "none"


def test_cases_are_best_median_and_worst_of_those_that_were_seen():
    errors = np.array([3.0, np.nan, 1.0, 2.0])
    vectors = [np.full(2, i, np.float32) for i in range(4)]
    cases = ranked_cases(errors, [f"render:{i}" for i in range(4)], vectors)
    assert [(case.rank, case.error, case.picture) for case in cases] == [
        ("best", 1.0, "render:2"),
        ("median", 2.0, "render:3"),
        ("worst", 3.0, "render:0"),
    ]
    many = ranked_cases(np.arange(100.0), [str(i) for i in range(100)], [np.zeros(1)] * 100)
    assert [case.error for case in many] == [2.0, 50.0, 97.0]
    assert ranked_cases(np.array([np.nan]), ["x"], [None]) == []


@pytest.fixture(scope="module")
def known(shown):
    """Findings of the truth and of the mean face in every section that needs renders alone."""
    names = ("shape", "mouth", "movement", "expression", "highlights", "light", "groups")
    return {
        kind.__name__: {name: SECTIONS[name].measure(seen) for name in names}
        for kind in (truth, faceless)
        for seen in [context(shown, kind)]
    }


def test_the_truth_has_no_error_in_any_section(known):
    found = {name: findings.figures for name, findings in known["truth"].items()}
    assert found["shape"]["face"] < 1e-4 and found["shape"]["regions"] < 1e-4
    assert found["shape"]["closer_regions"] == pytest.approx(1.0, abs=1e-4)
    assert found["shape"]["within_over_between"] == pytest.approx(0.0, abs=1e-5)
    assert found["mouth"]["renders_mm"] < 1e-4
    assert found["expression"]["random_active"] == found["expression"]["renders_inactive"] == 0.0
    assert found["light"]["key_angle"] < 1e-4 and found["light"]["leak"] == 0.0 and found["light"]["color"] < 1e-6


def test_the_truth_follows_everywhere(known):
    movement, expression, highlights = (known["truth"][n].figures for n in ("movement", "expression", "highlights"))
    assert movement["lips"] == movement["lids"] == movement["brows"] == movement["lip_gap"] == 0.0
    assert movement["lid_opening_correlation"] == pytest.approx(1.0)
    assert expression["follow"] == expression["units"] > 20 and expression["slope"] == pytest.approx(1.0)
    assert expression["all"] == expression["rest"] == 0.0
    for key in ("renders", "random"):
        if highlights[f"{key}_seen"] > 0.0:
            assert highlights[f"{key}_half_angle"] < 1e-4 and highlights[f"{key}_found"] == 1.0
            assert highlights[f"{key}_pattern"] == pytest.approx(0.0, abs=1e-6)
            assert highlights[f"{key}_unknown"] == 0.0


def test_who_always_answers_zero_follows_nowhere(known):
    movement, expression = (known["faceless"][name].figures for name in ("movement", "expression"))
    for part in ("lips", "lids", "brows", "lip_gap", "lid_opening"):
        assert movement[part] == pytest.approx(movement[f"zero_{part}"])
    assert movement["lips"] > 0.5 and abs(movement["lip_gap_correlation"]) < 0.9
    assert expression["follow"] == 0.0 and expression["all"] == pytest.approx(expression["all_zero"])


def test_answers_of_other_pictures_and_shifted_ones_are_told_from_the_truth(shown):
    """Whose weights are right but in another order follows nothing; whose are all too high follows, and is off."""
    span, vectors = LAYOUT.slices["expression"], shown.random_renders.parameters
    order = np.roll(np.arange(len(vectors)), 1)

    def measured(weights):
        seen = context(shown, truth)
        answers = vectors.copy()
        answers[:, span] = weights
        seen.__dict__["random"] = seen.random._replace(answers=answers)
        return SECTIONS["movement"].measure(seen).figures, SECTIONS["expression"].measure(seen).figures

    movement, expression = measured(vectors[order][:, span])
    assert movement["lips"] > movement["mean_lips"] and expression["all"] > expression["all_mean"]
    assert expression["slope"] < 0.5 and expression["follow"] < 0.5 * expression["units"]
    movement, expression = measured(vectors[:, span] + 0.1)
    assert expression["follow"] == expression["units"] and expression["rest"] == pytest.approx(0.1, abs=1e-6)
    assert expression["all"] == pytest.approx(0.1, abs=1e-6) and movement["lips"] > 0.0


def test_a_network_without_highlights_says_unknown_and_one_that_guesses_is_told_by_the_angle(shown):
    def matt(vector, _):
        vector[LAYOUT.slices["key_color"]] = 0.0
        return vector

    def bright(vector, _):
        """A key light that everybody sees, in the truth's place."""
        vector[LAYOUT.slices["key_position"]] = (0.0, 0.0, 500.0)
        vector[LAYOUT.slices["key_color"]] = 3.0
        return vector

    unknown = SECTIONS["highlights"].measure(context(shown, matt)).figures
    guess = SECTIONS["highlights"].measure(context(shown, bright)).figures
    assert unknown["renders_seen"] > 0.0
    assert unknown["renders_unknown"] == 1.0 and unknown["renders_found"] == 0.0
    assert np.isnan(unknown["renders_half_angle_told"])
    assert guess["renders_unknown"] == 0.0 and guess["renders_half_angle"] > 1.0


def test_the_mean_face_is_no_closer_than_itself_and_answers_zero(known):
    shape, expression, mouth = (known["faceless"][name].figures for name in ("shape", "expression", "mouth"))
    assert shape["closer_regions"] == pytest.approx(0.0, abs=1e-9)
    assert shape["closer_identity"] == pytest.approx(0.0, abs=1e-9)
    assert shape["closer_regions_all"] == pytest.approx(0.0, abs=1e-9)
    assert expression["random_active"] == pytest.approx(expression["random_zero"]) and expression["random_zero"] > 0.2
    assert mouth["renders_gap"] > 0.3


def test_every_figure_has_a_measure_or_is_a_table(known):
    """A figure that nobody shows would be lost on the way to the report."""
    for name, findings in known["truth"].items():
        shown = {measure.key for measure in SECTIONS[name].measures}
        hidden = {key for key in findings.figures if key not in shown}
        assert hidden <= {
            "key_lights",
            "lights",
            "constant_radiance",
            "landmark_fit_within",
            "landmark_fit_between",
            "landmark_fit_within_all",
            "landmark_fit_between_all",
            "landmark_fit_within_over_between_all",
            "within_all",
            "between_all",
        }, name


def test_noise_in_the_identity_is_seen_as_noise(shown):
    found = SECTIONS["shape"].measure(context(shown, noise)).figures
    assert found["within_over_between"] == pytest.approx(1.0, abs=0.15)
    assert found["closer_regions"] < 0.0


def test_network_and_landmark_fit_are_measured_apart(known):
    """MediaPipe finds no face in the toy's renders: nothing must stand in the fit's place."""
    table = known["truth"]["shape"].tables["single view, neutral"]
    assert table["landmark fit"]["count"] == 0 and np.isnan(table["landmark fit"]["face"])
    assert table["network"]["count"] == table["mean face"]["count"] > 0
    assert table["mean face"]["regions"] > 0.3
    assert {"averaged over views, grin", "single view, mouth stretch"} <= known["truth"]["shape"].tables.keys()


def test_the_landmark_fit_starts_at_points_on_the_same_pictures(shown, tmp_path, monkeypatch):
    """Points in px of the stored picture become crop px; a second look is not taken."""
    renders, asked = shown.renders, []

    class Sees(Blind):
        def __call__(self, image):
            asked.append(image)
            margin = (EXTENT_PX - CROP_SIZE) / 2
            points = (renders.landmarks[len(asked) - 1] + margin) * image.shape[0] / EXTENT_PX
            return np.column_stack([points, np.zeros(478)]), np.zeros(52, np.float32), np.eye(4)

    monkeypatch.setattr(shape_section, "PhotoLandmarker", Sees)
    other = material(MODEL, tmp_path, BUNDLE)
    other.__dict__["renders"] = renders
    fitted = shape_section.fitted_renders(other)
    assert len(asked) == len(renders)
    errors = landmark_errors(MODEL, fitted, renders.landmarks)
    assert np.median(errors[renders.expression == "neutral"]) < 0.02
    shape_section.fitted_renders(other)
    assert len(asked) == len(renders)


def test_a_wrong_light_is_told_in_degrees_and_as_leak(shown):
    def turned(vector, _):
        position = vector[LAYOUT.slices["key_position"]]
        vector[LAYOUT.slices["key_position"]] = matrix_from_euler(np.deg2rad(20.0), 0.0, 0.0) @ position
        return vector

    def matt(vector, _):
        """What shines is taken for paint: no key light, and everything brighter."""
        vector[LAYOUT.slices["key_color"]] = 0.0
        vector[LAYOUT.slices["sh"]] *= 3.0
        return vector

    assert 5.0 < SECTIONS["light"].measure(context(shown, turned)).figures["key_angle"] <= 20.0 + 1e-3
    assert SECTIONS["light"].measure(context(shown, matt)).figures["leak"] > 0.7


def test_groups_compare_tones_on_renders(known, shown):
    table = known["faceless"]["groups"].tables["skin tone (renders)"]
    assert sum(row["count"] for row in table.values()) == len(shown.renders)
    assert any("utkface is left out" in note for note in known["faceless"]["groups"].notes)
    dark = shown.renders.tone_group[np.argmin(shown.renders.tone_angle)]

    def blind_to_dark(vector, _):
        if shown.renders.tone_angle.min() + 1e-6 > _angle(vector):
            vector[LAYOUT.slices["translation"]] += 20.0
        return vector

    found = SECTIONS["groups"].measure(context(shown, blind_to_dark))
    assert (
        max(found.tables["skin tone (renders)"], key=lambda n: found.tables["skin tone (renders)"][n]["mean"]) == dark
    )
    assert found.figures["tone_worst"] > 1.5


def _angle(vector):
    from training.evaluation.skin_tone import skin_angle

    return skin_angle(MODEL, vector[LAYOUT.slices["albedo"]])


def test_photos_have_points_and_colours(shown, photos):
    held_out, vectors = photos
    moved = [vector.copy() for vector in vectors]
    for vector in moved[:3]:
        vector[LAYOUT.slices["translation"]] += (3.0, 0.0)
    for answers, least, most in ((vectors, 0.0, 1e-3), ([*moved[:3], None], 0.01, 0.05)):
        other, loop = with_photos(shown, photos, answers)
        found = SECTIONS["photos"].measure(context(other, truth, loop))
        assert least <= found.figures["nme68"] <= most
        assert found.figures["followed"] == sum(answer is not None for answer in answers) / 4
    error, covered = photo_color_error(MODEL, held_out, 0, vectors[0])
    assert error.mean < 0.02 and covered > 0.8
    dark = vectors[0].copy()
    dark[LAYOUT.slices["sh"]] *= 0.2
    assert photo_color_error(MODEL, held_out, 0, dark)[0].mean > 0.1
    assert found.cases["color"][0].picture.startswith("photo:utkface/")


def test_groups_of_photos_come_from_their_names(shown, photos):
    assert label_of("utkface/34_1_2_2017.jpg") == (34, "female", "Asian")
    assert label_of("utkface/somebody.jpg") is None and label_of("utkface/61_1_20170109.jpg") is None
    assert [age_group(age) for age in (15, 44, 45, 99)] == ["0-29", "30-44", "45-59", "60 and over"]
    other, loop = with_photos(shown, photos, photos[1])
    found = SECTIONS["groups"].measure(context(other, truth, loop))
    assert found.tables["age (photos)"].keys() == {"0-29", "30-44", "45-59", "60 and over"}
    assert found.tables["utkface's groups (photos)"]["White"]["count"] == 2
    assert found.figures["photos"] == 4 and "age_worst" not in found.figures  # groups of one are not compared


def test_identity_is_compared_by_name(shown, photos):
    held_out, vectors = photos
    who = ["lfw/Ann_Lee_0001.png", "lfw/Ann_Lee_0002.png", "lfw/Bo_Ek_0001.png", "lfw/Bo_Ek_0002.png"]
    alike = [vectors[0], vectors[0] + np.float32(1e-3), vectors[1], vectors[1] + np.float32(1e-3)]
    other, loop = with_photos(shown, photos, alike)
    other.__dict__["photos"] = replace(held_out, paths=np.array(who))
    seen = context(other, truth, loop)
    seen.__dict__["photo_answers"] = alike
    assert SECTIONS["identity"].measure(seen).figures["auc_euclidean"] == 1.0
    seen.__dict__["photo_answers"] = [alike[0], None, alike[2], None]
    with pytest.raises(UnmeasuredError, match="lfw"):
        SECTIONS["identity"].measure(seen)


def test_the_performer_stands_beside_a_constant_answer(shown):
    rng = np.random.default_rng(0)
    truths = []
    for _ in range(12):
        vector = LAYOUT.neutral()
        p = LAYOUT.view(vector)
        p.expression[:] = rng.uniform(0, 0.6, LAYOUT.n_expression)
        p.rotation = matrix_from_euler(*rng.uniform(-0.3, 0.3, 3))
        truths.append(LAYOUT.constrain(vector))
    pairs = [(vector.copy(), vector) for vector in truths[:-1]] + [(None, truths[-1])]
    found = SECTIONS["performer"].measure(context(shown, truth, FakeLoop(pairs))).figures
    assert found["frames"] == 12 and found["tracked"] == pytest.approx(11 / 12)
    assert found["expression_rmse"] == 0.0 and found["mean_expression_rmse"] > 0.05
    silent = material(MODEL, shown.cache, BUNDLE, extent=replace(EXTENT, performer_frames=0))
    with pytest.raises(UnmeasuredError):
        SECTIONS["performer"].measure(context(silent, truth, FakeLoop(pairs)))


def test_clips_are_tracked_and_their_jitter_is_that_of_the_answers(shown, tmp_path):
    vector = LAYOUT.neutral()
    p = LAYOUT.view(vector)
    p.translation[:], p.scale = (100.0, 100.0), 1.0
    frames, still = 30, landmarks68_px(MODEL, vector)
    trembling = [vector.copy() for _ in range(frames)]
    for t, each in enumerate(trembling):
        LAYOUT.view(each).translation[:] += (t % 2, 0.0)
    points = np.tile(project_landmarks(MODEL, vector[None])[0].astype(float), (frames, 1, 1))
    points[:, MEDIAPIPE_TO_IBUG68] = still
    matrices = np.tile(np.eye(4), (frames, 1, 1))
    matrices[:, :3, 3] = (0.0, 0.0, -60.0)
    matrices[-1], points[-1] = np.nan, np.nan
    steady = [vector] * frames
    clip = TrackedClip("webcam.mp4", 30.0, trembling, steady, points, matrices, np.zeros((frames, 2)))
    (tmp_path / "webcam.mp4").write_bytes(b"")
    other = material(MODEL, shown.cache, BUNDLE, named_clips=(tmp_path / "webcam.mp4",))
    seen = context(other, truth, FakeLoop(clip=clip))
    found = SECTIONS["clips"].measure(seen)
    assert found.figures["tracked"] == 1.0 and found.figures["frames"] == frames
    assert found.tables["clips"]["webcam.mp4 smoothed"]["nme68"] == pytest.approx(0.0, abs=1e-6)
    assert found.figures["rotation_deg"] == pytest.approx(0.0, abs=1e-3)
    assert found.figures["blinks"] == 0.0 and "blinks_kept" not in found.figures
    jitter = SECTIONS["stability"].measure(seen).figures
    assert jitter["still_raw_landmarks"] == pytest.approx(
        2.0, rel=1e-3
    )  # second difference of 0, 1, 0, 1 px at 1 px/mm
    assert jitter["still_smoothed_landmarks"] == 0.0
    assert np.isnan(jitter["moving_raw_landmarks"])
    seen.__dict__["tracked_clips"] = [replace(clip, name="film.mp4", raw=steady), replace(clip, name=WEBCAM_CLIPS[0])]
    found = SECTIONS["stability"].measure(seen)
    assert all(row.startswith(WEBCAM_CLIPS[0]) for row in found.tables["clips"])
    assert found.figures["still_raw_landmarks"] == pytest.approx(2.0, rel=1e-3)


def test_flicker_is_the_noise_of_relit_frames_over_that_of_the_clip(shown, tmp_path):
    vector = LAYOUT.neutral()
    p = LAYOUT.view(vector)
    p.translation[:], p.scale = (112.0, 112.0), 0.9
    p.sh[0] = 1.5
    layers = face_layers(MODEL, vector)
    plain = 255.0 * np.clip(encode_srgb(layers.diffuse), 0.1, 0.9)[..., ::-1]
    frames, random = 8, np.random.default_rng(0)
    film = cv2.VideoWriter(str(tmp_path / "film.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 30.0, layers.diffuse.shape[:2])
    for _ in range(frames):
        film.write(np.clip(plain + random.normal(0.0, 4.0, plain.shape), 0, 255).astype(np.uint8))
    film.release()
    points = np.tile(project_landmarks(MODEL, vector[None])[0].astype(float), (frames, 1, 1))
    steady = TrackedClip(
        "film.avi", 30.0, [vector] * frames, [vector] * frames, points, np.empty((frames, 4, 4)), np.zeros((frames, 2))
    )
    seen = context(material(MODEL, shown.cache, BUNDLE, named_clips=(tmp_path / "film.avi",)), truth)
    seen.__dict__["tracked_clips"] = [steady]
    found = SECTIONS["flicker"].measure(seen)
    assert all(0.7 < found.figures[light] < 1.2 for light in ("one_lamp", "two_lamps", "sunset"))
    assert found.tables["flicker"]["film.avi sunset"]["change"] > 1.0
    seen.__dict__["tracked_clips"] = [replace(steady, landmarks=np.full_like(points, np.nan))]
    with pytest.raises(UnmeasuredError, match="still"):
        SECTIONS["flicker"].measure(seen)


def test_blinks_of_clips_are_counted_by_lid_and_those_that_the_smoothed_lids_keep(shown, tmp_path):
    frames, blink = 40, np.array([0.4, 0.9, 0.4])
    left, right = (
        LAYOUT.slices["expression"].start + LAYOUT.expression_names.index(f"eyeBlink{s}") for s in ("Left", "Right")
    )
    raw = [LAYOUT.neutral() for _ in range(frames)]
    for t, closed in enumerate(blink):
        raw[10 + t][[left, right]] = closed  # a blink,
        raw[25 + t][left] = closed  # and a wink that the smoothed lid hardly shows
    smoothed = [vector.copy() for vector in raw]
    for vector in smoothed[20:]:
        vector[left] *= 0.5
    theirs = np.zeros((frames, 2))
    theirs[[11, 26, 33]] = 0.5  # MediaPipe sees a third one, and the wink on both sides
    nothing = (np.full((frames, 478, 2), np.nan), np.full((frames, 4, 4), np.nan), theirs)
    clip = TrackedClip(
        "webcam.mp4", 30.0, [*raw, None], [*smoothed, smoothed[-1]], *(np.concatenate([a, a[:1]]) for a in nothing)
    )
    (tmp_path / "webcam.mp4").write_bytes(b"")
    other = material(MODEL, shown.cache, BUNDLE, named_clips=(tmp_path / "webcam.mp4",))
    found = SECTIONS["clips"].measure(context(other, truth, FakeLoop(clip=clip)))
    assert found.figures["blinks"] == 3.0
    assert found.figures["blinks_kept"] == pytest.approx(2.0 / 3.0)
    assert found.tables["clips"]["webcam.mp4 smoothed"]["blinks"] == 2.0
    assert found.figures["mediapipe_blinks"] == 6.0
    assert found.figures["mediapipe_blinks_kept"] == pytest.approx(
        3.0 / 6.0
    )  # the wink is low, but as high as its score


def test_network_and_mediapipe_are_compared_on_the_faces_that_people_marked(shown, tmp_path, monkeypatch):
    from training.evaluation.labelled_photos import FaceWindow
    from training.evaluation.sections import people
    from training.evaluation.sections.people import POINTS68

    folder = tmp_path / "eval" / "people_points"
    folder.mkdir(parents=True)
    rng, rows, loop, marks = np.random.default_rng(0), ["image,ibug_index,x,y"], FakeLoop(), []
    for i in range(4):
        vector = LAYOUT.neutral()
        p = LAYOUT.view(vector)
        p.translation[:], p.scale = (300.0 + 20 * i, 300.0), 1.5
        image = rng.integers(0, 255, (700, 700, 3), dtype=np.uint8)
        cv2.imwrite(str(folder / f"{i}.png"), image)
        points = landmarks68_px(MODEL, vector)
        rows += [f"{i}.png,{n},{points[n][0]:.6f},{points[n][1]:.6f}" for n in POINTS68]
        window = FaceWindow.around(image, points[list(POINTS68)])
        answer = vector.copy()
        q = LAYOUT.view(answer)
        q.translation[:] = (q.translation - window.corner) * window.zoom + (0.0, 3.0 * window.zoom)  # all 3 px too low
        q.scale = q.scale * window.zoom
        loop.photos[window.picture.tobytes()] = answer if i < 3 else None
        marks.append((points - window.corner) * window.zoom)
    (folder / "points13.csv").write_text("\n".join(rows) + "\n")

    class Sees:
        """MediaPipe, which is right about every face but the first, where it sees somebody else."""

        def __init__(self, bundle):
            self.asked = 0

        def __call__(self, image):
            points = np.zeros((478, 3))
            points[MEDIAPIPE_TO_IBUG68, :2] = marks[self.asked] + (500.0 if self.asked == 0 else 0.0)
            self.asked += 1
            return points, np.zeros(52), np.eye(4)

        def close(self):
            pass

    monkeypatch.setattr(people, "PhotoLandmarker", Sees)
    data = material(MODEL, shown.cache, BUNDLE, data=tmp_path)
    data.__dict__ |= {"renders": shown.renders, "random_renders": shown.random_renders}
    found = SECTIONS["people"].measure(context(data, truth, loop))
    eyes = float(
        np.linalg.norm(landmarks68_px(MODEL, LAYOUT.neutral())[45] - landmarks68_px(MODEL, LAYOUT.neutral())[36])
    )
    low = 3.0 / (1.5 * eyes)
    assert found.figures["faces"] == 4 and found.figures["found"] == 0.75 and found.figures["compared"] == 2
    for key in ("nme", "eyes", "mouth", "chin", "offset", "chin_down", "lower_lip_down", "nose_tip_down"):
        assert found.figures[key] == pytest.approx(low, rel=1e-3), key
    assert found.figures["outer_corners_outward"] == pytest.approx(0.0, abs=1e-4)
    assert found.figures["mediapipe_nme"] == pytest.approx(0.0, abs=1e-6)
    assert found.cases["nme"][0].picture == "photo:eval/people_points/0.png"
    (folder / "points13.csv").write_text("\n".join(rows[:-1]) + "\n")
    with pytest.raises(LimelightError, match=r"3\.png has not each of the points"):
        SECTIONS["people"].measure(context(material(MODEL, shown.cache, BUNDLE, data=tmp_path), truth, loop))


def test_labelled_photos_are_compared_with_their_labels_and_a_damaged_set_ends_nothing(shown, tmp_path):
    folder = tmp_path / "eval" / "aflw2000"
    folder.mkdir(parents=True)
    vector = LAYOUT.neutral()
    p = LAYOUT.view(vector)
    p.translation[:], p.scale = (100.0, 100.0), 0.8
    p.rotation = matrix_from_euler(np.deg2rad(10.0), 0.0, 0.0)
    image = np.random.default_rng(0).integers(0, 255, (200, 200, 3), dtype=np.uint8)
    cv2.imwrite(str(folder / "image1.jpg"), image)
    points = landmarks68_px(MODEL, vector)
    pose = np.array([[np.deg2rad(-5.0), -np.deg2rad(13.0), 0.0, 0, 0, 0, 0.8e-3]])  # their zero is 5 degrees off ours
    savemat(folder / "image1.mat", {"pt3d_68": np.vstack([points.T + 0.5, np.zeros(68)]), "Pose_Para": pose})
    (tmp_path / "eval" / "dlib").mkdir()
    (tmp_path / "eval" / "dlib" / "x_with_face_landmarks.xml").write_text("<")
    loop = FakeLoop()
    loop.photos[read_photo(folder / "image1.jpg").tobytes()] = vector
    data = material(MODEL, shown.cache, BUNDLE, data=tmp_path)
    data.__dict__["renders"] = shown.renders
    found = SECTIONS["poses"].measure(context(data, truth, loop))
    assert found.figures["aflw2000_found"] == 1
    assert found.figures["aflw2000_nme68"] == pytest.approx(0.0, abs=1e-6)
    assert found.figures["aflw2000_yaw"] == pytest.approx(3.0, abs=0.2)
    assert 1.0 < found.figures["aflw2000_pose"] < 5.0
    assert [note.split(" ")[0] for note in found.notes] == ["dlib", "ytf"] and "not dlib's" in found.notes[0]
    assert found.cases["aflw2000_nme68"][0].picture == "photo:eval/aflw2000/image1.jpg"
    mouth = SECTIONS["mouth"].measure(context(data, truth, loop))
    assert mouth.figures["aflw2000_mm"] == pytest.approx(0.0, abs=1e-4)


@pytest.mark.parametrize("name", ["people", "photos", "poses", "identity", "clips", "stability", "flicker"])
def test_what_needs_data_says_so_in_one_line(shown, name, tmp_path):
    with pytest.raises(UnmeasuredError, match="no data folder"):
        SECTIONS[name].measure(context(shown, truth))
    bare = material(MODEL, shown.cache, BUNDLE, data=tmp_path)
    with pytest.raises(UnmeasuredError) as caught:
        SECTIONS[name].measure(context(bare, truth))
    assert "\n" not in str(caught.value)


def test_held_out_photos_are_the_training_data_s_split_and_are_looked_at_once(tmp_path, monkeypatch):
    from realtime.sources.synthetic import SyntheticPerformer
    from training.evaluation import held_out

    people = [name for i in range(400) if is_held_out(person_of(f"lfw/{(name := f'Ann_{i}')}_0001.png"))][:2]
    folder = tmp_path / "photos"
    (folder / "lfw").mkdir(parents=True)
    performer = SyntheticPerformer(width=320, height=240, fps=30.0, seed=1, live=False)
    image = performer.read().image
    performer.close()
    for name in (f"{people[0]}_0001.png", f"{people[0]}_0002.png", "Seen_In_Training_0001.png"):
        cv2.imwrite(str(folder / "lfw" / name), image)
    cv2.imwrite(str(folder / "lfw" / f"{people[1]}_0001.png"), np.zeros((200, 200, 3), np.uint8))
    (folder / "lfw" / f"{people[1]}_0002.png").write_bytes(b"no picture")
    assert not is_held_out("Seen_In_Training")
    photos = HeldOutPhotos.load(MODEL, folder, tmp_path / "cache", BUNDLE, limit=10)
    assert photos.people.tolist() == [people[0]] * 2 and photos.skin is None
    assert photos.image(0).shape == (240, 320, 3) and photos.face(0).any()
    monkeypatch.setattr(held_out, "PhotoLandmarker", lambda *_: pytest.fail("looked again"))
    again = HeldOutPhotos.load(MODEL, folder, tmp_path / "cache", BUNDLE, limit=1)
    np.testing.assert_array_equal(again.landmarks, photos.landmarks[:1])
    (tmp_path / "empty").mkdir()
    with pytest.raises(UnmeasuredError, match="held-out"):
        HeldOutPhotos.load(MODEL, tmp_path / "empty", tmp_path / "cache", BUNDLE, limit=1)
    with pytest.raises(LimelightError, match="missing or unreadable"):
        read_photo(folder / "lfw" / f"{people[1]}_0002.png")


def test_a_crop_of_a_photo_knows_where_the_photo_ends(photos):
    held_out, _ = photos
    crop = replace(held_out.crop(0), centre=(0.0, 110.0))
    picture, inside = crop_picture(held_out.image(0), crop)
    assert picture.shape == (224, 224, 3)
    assert not inside[:, :100].any() and inside[60:160, 130:].all()


class Told:
    """A network that knows the pictures of pairs, and answers what it is told of them."""

    name, resolution = "told", 64

    def __init__(self, pairs, answer) -> None:
        edge = slice(MARGIN, SIZE - MARGIN)
        crops = [cv2.resize(pair.before[edge, edge], (64, 64), interpolation=cv2.INTER_AREA) for pair in pairs]
        self._known = {crop.tobytes(): answer(pair) for crop, pair in zip(crops, pairs, strict=True)}

    def infer(self, crops):
        return np.stack([self._known[crop.tobytes()] for crop in crops]), np.ones(len(crops), np.float32)


def test_relighting_knows_the_old_light_from_a_wrong_one(shown):
    pairs = shown.kept("relight_pairs", lambda: list(relight_pairs(MODEL, 2)))
    again = next(iter(relight_pairs(MODEL, 1)))
    np.testing.assert_array_equal(again.before, pairs[0].before)
    assert all((pair.before != pair.after).any() for pair in pairs)

    def swapped(pair):
        """The face in the new light already: nothing is left to do."""
        return pair.lit

    found, wrong = (
        SECTIONS["relighting"].measure(Context(shown, Told(pairs, answer), FakeLoop())).figures
        for answer in (lambda pair: pair.vector, swapped)
    )
    assert found["estimated"] == pytest.approx(found["true"])
    assert found["true"] < 0.6 * found["unchanged"]
    assert wrong["estimated"] == pytest.approx(wrong["unchanged"], abs=0.004)  # its own light gives the picture back

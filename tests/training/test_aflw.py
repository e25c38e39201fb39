"""Readers of labelled photos, and errors on them, with photos and labels made here."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from scipy.io import savemat

from facemodel import LimelightError
from facemodel.rotation import matrix_from_euler
from tests.toy_model import toy_model
from training.evaluation.labelled_photos import LabelledPhoto, read_aflw2000, read_dlib, read_ytf
from training.evaluation.measures import landmarks68_px
from training.evaluation.sections.poses import LABEL_ZERO, estimate_photos, measure_photos, photo_errors

MODEL = toy_model()
LAYOUT = MODEL.layout


def posed(yaw=0.0, pitch=0.0, roll=0.0, translation=(220.0, 210.0), scale=1.25):
    """Parameters of a head that AFLW2000's labels would call turned by these degrees."""
    vector = LAYOUT.neutral()
    p = LAYOUT.view(vector)
    p.rotation = matrix_from_euler(*np.radians((yaw, pitch, roll))) @ LABEL_ZERO
    p.translation[:], p.scale = translation, scale
    return vector


def write_aflw(folder, name, vector, degrees):
    """A photo and its label as AFLW2000 has them: MATLAB pixels, (pitch, -yaw, roll), px/um."""
    p = LAYOUT.view(vector)
    yaw, pitch, roll = np.radians(degrees)
    points = np.column_stack([landmarks68_px(MODEL, vector) + 0.5, np.zeros(68)]).T
    pose = np.array([[pitch, -yaw, roll, 0.0, 0.0, 0.0, p.scale / 1000.0]], np.float32)
    savemat(folder / f"{name}.mat", {"pt3d_68": points, "Pose_Para": pose})
    cv2.imwrite(str(folder / f"{name}.jpg"), np.zeros((450, 450, 3), np.uint8))


def test_aflw2000_is_read_in_our_pixels_signs_and_units(tmp_path):
    write_aflw(tmp_path, "b", posed(), (0, 0, 0))
    write_aflw(tmp_path, "a", posed(40, -10, 5), (40, -10, 5))
    first, second = read_aflw2000(tmp_path)
    assert (first.path.name, second.path.name) == ("a.jpg", "b.jpg")
    np.testing.assert_allclose(first.landmarks, landmarks68_px(MODEL, posed(40, -10, 5)), atol=1e-3)
    np.testing.assert_allclose(np.degrees(first.euler), (40, -10, 5), atol=1e-4)
    assert first.scale == pytest.approx(1.25, rel=1e-5)
    nose, eyes = first.landmarks[30], first.landmarks[36:48].mean(axis=0)
    assert nose[0] > eyes[0]  # yaw > 0: the nose to image right


def test_the_truth_has_no_error_and_known_changes_have_known_ones(tmp_path):
    truth = posed(20, 10, -5)
    write_aflw(tmp_path, "a", truth, (20, 10, -5))
    (photo,) = read_aflw2000(tmp_path)
    assert max(abs(v) for k, v in photo_errors(MODEL, photo, truth).items() if "as_labelled" not in k) < 1e-3
    turned = photo_errors(MODEL, photo, posed(23, 6, -4))
    assert turned["yaw"] == pytest.approx(3, abs=1e-3)
    assert turned["pitch"] == pytest.approx(-4, abs=1e-3)
    assert turned["roll"] == pytest.approx(1, abs=1e-3)
    as_labelled = photo_errors(MODEL, photo, truth)
    assert as_labelled["pitch_as_labelled"] == pytest.approx(-5, abs=0.5)
    assert as_labelled["angle_as_labelled"] == pytest.approx(5, abs=1e-3)
    moved = truth.copy()
    LAYOUT.view(moved).translation[:] += (3.0, 4.0)
    errors = photo_errors(MODEL, photo, moved)
    size = np.sqrt(np.prod(np.ptp(photo.landmarks, axis=0)))
    assert errors["nme68"] == pytest.approx(5 / size, rel=1e-3)
    assert errors["nme68_jaw"] == pytest.approx(5 / size, rel=1e-3)
    assert errors["inner_mouth_mm"] == pytest.approx(5 / 1.25, rel=1e-3)


def test_roll_errors_go_the_short_way_round():
    photo = LabelledPhoto(None, landmarks68_px(MODEL, posed()), tuple(np.radians((0, 0, 179))), 1.0)
    assert photo_errors(MODEL, photo, posed(0, 0, -179))["roll"] == pytest.approx(2, abs=1e-3)


def test_a_summary_counts_misses_and_averages_bins(tmp_path):
    poses = {"a": (0, 0, 0), "b": (10, 0, 0), "c": (45, 0, 0), "d": (-80, 0, 0)}
    shifts = {"a": 2.0, "b": 4.0, "c": 12.0, "d": None}
    answers = []
    for name, degrees in poses.items():
        vector = posed(*degrees)
        write_aflw(tmp_path, name, vector, degrees)
        if shifts[name] is None:
            answers.append(None)
            continue
        LAYOUT.view(vector).translation[0] += shifts[name]
        answers.append(vector)
    photos = read_aflw2000(tmp_path)
    replies = iter(answers)
    results, _ = measure_photos(MODEL, photos, lambda image: next(replies))
    found = estimate_photos(photos, results)
    figures = found.figures
    assert found.intervals["nme68"][0] <= figures["nme68"] <= found.intervals["nme68"][1]
    assert (figures["photos"], figures["found"]) == (4, 3)
    nme = [results[i]["nme68"] for i in range(3)]
    assert figures["nme68"] == pytest.approx(np.mean(nme))
    assert figures["nme68_0_30"] == pytest.approx(np.mean(nme[:2]))
    assert (figures["photos_0_30"], figures["photos_30_60"]) == (2, 1)
    assert "nme68_60_90" not in figures
    assert figures["nme68_balanced"] == pytest.approx((np.mean(nme[:2]) + nme[2]) / 2)
    assert figures["pose"] < 1e-3
    assert figures["pitch_bias_as_labelled"] == pytest.approx(-5, abs=1)
    assert estimate_photos(photos, [None] * 4).figures == {"photos": 4, "found": 0}


def test_another_face_than_the_labelled_one_is_a_miss(tmp_path):
    write_aflw(tmp_path, "a", posed(), (0, 0, 0))
    photos = read_aflw2000(tmp_path)
    assert measure_photos(MODEL, photos, lambda image: posed(translation=(20.0, 20.0)))[0] == [None]


def write_dlib(folder, name, faces):
    boxes = ""
    for points in faces:
        parts = "".join(f"<part name='{i:02d}' x='{x}' y='{y}'/>" for i, (x, y) in enumerate(points))
        boxes += f"<box top='{points[0][1]}' left='{points[0][0]}' width='50' height='50'>{parts}</box>"
    text = f"<dataset><images><image file='photo.jpg'>{boxes}</image></images></dataset>"
    (folder / f"{name}_with_face_landmarks.xml").write_text(text)


def test_dlibs_faces_are_read_once_and_shown_one_at_a_time(tmp_path):
    vectors = [posed(translation=(80.0, 90.0), scale=0.4), posed(20, translation=(125.0, 120.0), scale=0.4)]
    faces = [np.round(landmarks68_px(MODEL, vector)).astype(int) for vector in vectors]
    write_dlib(tmp_path, "training", faces)
    write_dlib(tmp_path, "testing", [*faces[1:], faces[0][:5]])  # one again, and one without all landmarks
    picture = np.zeros((240, 400, 3), np.uint8)
    picture[110:130, 115:135] = 255  # a square of 20 px stands for the second face's origin
    cv2.imwrite(str(tmp_path / "photo.png"), picture)
    (tmp_path / "photo.png").rename(tmp_path / "photo.jpg")
    photos = read_dlib(tmp_path)
    assert len(photos) == 2
    np.testing.assert_array_equal(photos[0].landmarks, faces[1] + 0.5)
    shapes = []

    def find_square(window):
        """Sees the second face alone, in whatever window and size it is shown."""
        shapes.append(window.shape)
        rows, columns = np.nonzero(window[..., 0] > 127)
        vector = vectors[1].copy()
        p = LAYOUT.view(vector)
        p.translation[:] = columns.mean() + 0.5, rows.mean() + 0.5
        p.scale = 0.4 * (np.ptp(rows) + 1) / 20
        return vector

    results, found = measure_photos(MODEL, photos, find_square)
    assert results[0]["nme68"] < 0.02  # labels are whole pixels
    assert "yaw" not in results[0]
    np.testing.assert_allclose(LAYOUT.view(found[0]).translation, (125.0, 120.0), atol=0.1)  # in the photo's px
    assert results[1] is None  # its window shows the square too, but beside the labelled face
    assert all(max(shape) == 320 for shape in shapes)


def test_ytf_is_read_by_name(tmp_path):
    rows = ["," + ",".join(map(str, range(136)))]
    rows += [f"{name},{','.join(map(str, np.arange(136) + k))}" for k, name in enumerate(("x.jpg", "y.jpg"))]
    (tmp_path / "landmarks68.csv").write_text("\n".join(rows))
    assert len(read_ytf(tmp_path)) == 2
    (photo,) = read_ytf(tmp_path, ["y.jpg"])
    np.testing.assert_array_equal(photo.landmarks[1], (3.0, 4.0))


@pytest.mark.parametrize("reader", [read_aflw2000, read_dlib, read_ytf])
def test_an_empty_or_missing_folder_gets_one_line(reader, tmp_path):
    for folder in (tmp_path, tmp_path / "absent"):
        with pytest.raises(LimelightError) as error:
            reader(folder)
        assert "\n" not in str(error.value)


def test_broken_labels_and_missing_photos_are_named(tmp_path):
    (tmp_path / "a.mat").write_bytes(b"no")
    with pytest.raises(LimelightError, match=r"a\.mat"):
        read_aflw2000(tmp_path)
    savemat(tmp_path / "a.mat", {"pt3d_68": np.zeros((3, 60)), "Pose_Para": np.zeros((1, 7))})
    with pytest.raises(LimelightError, match="68"):
        read_aflw2000(tmp_path)
    (tmp_path / "x_with_face_landmarks.xml").write_text("<dataset>")
    with pytest.raises(LimelightError, match="xml"):
        read_dlib(tmp_path)
    with pytest.raises(LimelightError, match=r"gone\.jpg"):
        measure_photos(MODEL, [LabelledPhoto(tmp_path / "gone.jpg", np.zeros((68, 2)))], lambda image: None)

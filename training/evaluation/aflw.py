"""68-landmark error and head pose error of any engine on labelled photos, as reported on AFLW2000."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from facemodel import FaceModel, LimelightError
from facemodel.landmarks import JAW68, normalized_mean_error
from facemodel.rotation import angle_between, matrix_from_euler, matrix_to_euler
from training.evaluation.face_window import FaceWindow, is_same_face
from training.evaluation.labelled_photos import LabelledPhoto
from training.evaluation.measures import landmarks68_px
from training.evaluation.mouth_error import inner_mouth_error

Reconstruct = Callable[[NDArray[np.uint8]], NDArray[np.floating] | None]
"""(H, W, 3) uint8 BGR picture to parameters (P,) of its main face in the picture's pixels; None without a face."""

LABEL_ZERO = matrix_from_euler(0.0, np.deg2rad(-5.0), 0.0)
"""(3, 3) our rotation of a head that AFLW2000's labels call straight: its Basel model's zero is not MediaPipe's.

Over the 16 labelled heads at hand, our mean face laid on pt3d_68 differs from Pose_Para by -5.1 degrees of pitch
(standard deviation 1.2; yaw and roll below 0.1), and MediaPipe's own matrix by a mean of -5.1 and a median of -6.0.
"""

YAW_BINS = (0.0, 30.0, 60.0, 90.0)
"""Degrees; the bins of |yaw| that AFLW2000's figures are averaged over."""


def photo_errors(model: FaceModel, photo: LabelledPhoto, vector: NDArray[np.floating]) -> dict[str, float]:
    """Errors of parameters (P,) in the photo's px.

    Returns:
        nme68, nme68_inner (without the jaw line), nme68_jaw: fractions of the face's size, as DESIGN.md measures.
        inner_mouth_mm: where the label has a scale.
        yaw, pitch, roll: signed, degrees, ours less the label's after ours was turned to the label's zero; angle:
        geodesic; *_as_labelled: without that turn. Where the label has a pose.
    """
    points, truth = landmarks68_px(model, vector), photo.landmarks
    inner = slice(JAW68.stop, None)
    size = float(np.sqrt(np.prod(np.ptp(truth, axis=0))))  # px, what an NME is a share of
    errors = {
        "nme68": normalized_mean_error(points, truth),
        "nme68_inner": normalized_mean_error(points[inner], truth[inner]),
        "nme68_jaw": float(np.linalg.norm(points[JAW68] - truth[JAW68], axis=1).mean() / size),
    }
    if photo.scale is not None:
        errors["inner_mouth_mm"] = inner_mouth_error(points, truth, photo.scale)
    if photo.euler is not None:
        rotation = model.layout.view(vector).rotation
        for suffix, own in (("", rotation @ LABEL_ZERO.T), ("_as_labelled", rotation)):
            for name, angle, label in zip(("yaw", "pitch", "roll"), matrix_to_euler(own), photo.euler, strict=True):
                errors[name + suffix] = float((np.degrees(angle - label) + 180.0) % 360.0 - 180.0)
            errors[f"angle{suffix}"] = float(np.degrees(angle_between(own, matrix_from_euler(*photo.euler))))
    return errors


def measure_photos(
    model: FaceModel, photos: Sequence[LabelledPhoto], reconstruct: Reconstruct
) -> list[dict[str, float] | None]:
    """`photo_errors` of each photo; None where its face was not found.

    A photo with several faces is shown as a window around each of them, enlarged to 320 px where it is smaller: so
    the figures are of points, less of finding. A face whose middle lies outside the labelled one's box is another.

    Raises:
        LimelightError: a photo cannot be read.
    """
    results: list[dict[str, float] | None] = []
    for photo in photos:
        image = cv2.imread(str(photo.path))
        if image is None:
            raise LimelightError(f"photo {photo.path}: missing or unreadable")
        seen = np.asarray(image, np.uint8)
        vector = reconstruct(seen) if photo.alone else _in_window(model, seen, photo.landmarks, reconstruct)
        right = vector is not None and is_same_face(landmarks68_px(model, vector), photo.landmarks)
        results.append(photo_errors(model, photo, vector) if vector is not None and right else None)
    return results


def summary(photos: Sequence[LabelledPhoto], results: Sequence[dict[str, float] | None]) -> dict[str, float]:
    """Means over the photos whose face was found.

    Returns:
        photos, found: counts. nme68, nme68_inner, nme68_jaw, inner_mouth_mm: means; nme68_median.
        yaw, pitch, roll: mean absolute errors; pose: mean of the three, as published; pitch_bias: signed;
        pose_as_labelled, pitch_bias_as_labelled, angle, angle_as_labelled.
        nme68_0_30, nme68_30_60, nme68_60_90, and photos_*: by |yaw| of the label; nme68_balanced: mean of the bins
        that hold photos. NaN and absent where nothing is known.
    """
    known = [(photo, errors) for photo, errors in zip(photos, results, strict=True) if errors is not None]
    figures = {"photos": float(len(photos)), "found": float(len(known))}

    def column(name: str) -> NDArray[np.float64]:
        return np.array([errors[name] for _, errors in known if name in errors])

    def put(name: str, values: NDArray) -> None:
        if len(values):
            figures[name] = float(values.mean())

    for name in ("nme68", "nme68_inner", "nme68_jaw", "inner_mouth_mm", "angle", "angle_as_labelled"):
        put(name, column(name))
    if known:
        figures["nme68_median"] = float(np.median(column("nme68")))
    for suffix in ("", "_as_labelled"):
        angles = np.array([column(name + suffix) for name in ("yaw", "pitch", "roll")])  # (3, N)
        put(f"pose{suffix}", np.abs(angles).ravel())
        put(f"pitch_bias{suffix}", angles[1])
        if not suffix:
            for name, values in zip(("yaw", "pitch", "roll"), angles, strict=True):
                put(name, np.abs(values))
    return figures | _by_yaw(known)


def _by_yaw(known: Sequence[tuple[LabelledPhoto, dict[str, float]]]) -> dict[str, float]:
    figures, means = {}, []
    for low, high in zip(YAW_BINS, YAW_BINS[1:], strict=False):
        members = [
            errors["nme68"]
            for photo, errors in known
            if photo.euler is not None and low <= min(abs(np.degrees(photo.euler[0])), YAW_BINS[-1] - 1e-9) < high
        ]
        if members:
            means.append(float(np.mean(members)))
            figures[f"nme68_{low:.0f}_{high:.0f}"] = means[-1]
            figures[f"photos_{low:.0f}_{high:.0f}"] = float(len(members))
    if means:
        figures["nme68_balanced"] = float(np.mean(means))
    return figures


def _in_window(
    model: FaceModel, image: NDArray[np.uint8], landmarks: NDArray, reconstruct: Reconstruct
) -> NDArray[np.floating] | None:
    """Parameters in the image's px of the face that landmarks (68, 2) mark, from a window around it."""
    window = FaceWindow.around(image, landmarks)
    found = reconstruct(window.picture)
    return None if found is None else window.in_photo(model, found)

"""Photos that come with labels: head pose and landmarks on AFLW2000, landmarks on dlib's examples and YouTube Faces."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facemodel import FaceModel, LimelightError
from facemodel.landmarks import JAW68
from facemodel.rotation import angle_between, matrix_from_euler, matrix_to_euler
from training.data.photo_labels import is_held_out, person_of
from training.evaluation.bootstrap import Estimate, estimate
from training.evaluation.context import Context, evenly
from training.evaluation.held_out import read_photo
from training.evaluation.labelled_photos import (
    FaceWindow,
    LabelledPhoto,
    is_same_face,
    read_aflw2000,
    read_dlib,
    read_ytf,
)
from training.evaluation.measures import inner_mouth_error, landmarks68_px, nme68
from training.evaluation.section import Findings, Measure, Section, UnmeasuredError, count, ranked_cases

AFLW2000 = ("eval", "aflw2000")

LABEL_ZERO = matrix_from_euler(0.0, np.deg2rad(-5.0), 0.0)
"""(3, 3) our rotation of a head that AFLW2000's labels call straight: its Basel model's zero is not MediaPipe's.

Over the 16 labelled heads at hand, our mean face laid on pt3d_68 differs from Pose_Para by -5.1 degrees of pitch
(standard deviation 1.2; yaw and roll below 0.1), and MediaPipe's own matrix by a mean of -5.1 and a median of -6.0.
"""

_YAW_BINS = ((0, 30), (30, 60), (60, 90))  # degrees of |yaw| that AFLW2000's figures are averaged over
_ANGLES = ("yaw", "pitch", "roll")
Reconstruct = Callable[[NDArray[np.uint8]], NDArray[np.floating] | None]
"""(H, W, 3) uint8 BGR picture to parameters (P,) of its main face in the picture's pixels; None without a face."""


def measure(context: Context) -> Findings:
    """Summarise the three sets; one that is absent is left out with a note."""
    context.material.folder()  # without a data folder there is none of the three
    found, tables, cases, notes = Estimate(), {}, {}, []
    for name, parts, read in (
        ("aflw2000", AFLW2000, read_aflw2000),
        ("dlib", ("eval", "dlib"), read_dlib),
        ("ytf", ("photos", "ytf"), _held_out_ytf),
    ):
        try:
            photos = read(context.material.folder(*parts))
            photos = [photos[i] for i in evenly(len(photos), context.material.extent.photos)]
            results, answers = measure_photos(context.model, photos, context.live.find)
        except LimelightError as error:
            notes.append(f"{name} is left out: {error}")
            continue
        one = estimate_photos(photos, results)
        tables[name] = one.figures
        found = found | one.named(f"{name}_")
        if name != "dlib":  # whose windows have pixels of their own
            errors = np.array([result["nme68"] if result else np.nan for result in results])
            pictures = ["/".join((f"photo:{parts[0]}", *parts[1:], photo.path.name)) for photo in photos]
            cases[f"{name}_nme68"] = ranked_cases(errors, pictures, answers)
    if not tables:
        raise UnmeasuredError("; ".join(notes))
    return Findings(found.figures, {"sets": tables}, cases, notes, found.intervals)


def _held_out_ytf(folder: Path) -> list[LabelledPhoto]:
    return read_ytf(folder, [path.name for path in folder.glob("*.jpg") if is_held_out(person_of(f"ytf/{path.name}"))])


def photo_errors(model: FaceModel, photo: LabelledPhoto, vector: NDArray[np.floating]) -> dict[str, float]:
    """Return the errors of parameters (P,) in the photo's px.

    Returns: nme68, nme68_inner (without the jaw line), nme68_jaw: fractions of the face's size, as DESIGN.md measures.
        inner_mouth_mm: where the label has a scale. yaw, pitch, roll: signed, degrees, ours less the label's after ours
        was turned to the label's zero; angle: geodesic; *_as_labelled: without that turn. Where the label has a pose.
    """
    points, truth = landmarks68_px(model, vector), photo.landmarks
    size = float(np.sqrt(np.prod(np.ptp(truth, axis=0))))  # px, what an NME is a share of
    nme, inner = nme68(points, truth)
    jaw = float(np.linalg.norm(points[JAW68] - truth[JAW68], axis=1).mean() / size)
    errors = {"nme68": nme, "nme68_inner": inner, "nme68_jaw": jaw}
    if photo.scale is not None:
        errors["inner_mouth_mm"] = inner_mouth_error(points, truth, photo.scale)
    if photo.euler is not None:
        rotation = model.layout.view(vector).rotation
        for suffix, own in (("", rotation @ LABEL_ZERO.T), ("_as_labelled", rotation)):
            for name, angle, label in zip(_ANGLES, matrix_to_euler(own), photo.euler, strict=True):
                errors[name + suffix] = float((np.degrees(angle - label) + 180.0) % 360.0 - 180.0)
            errors[f"angle{suffix}"] = float(np.degrees(angle_between(own, matrix_from_euler(*photo.euler))))
    return errors


def measure_photos(
    model: FaceModel, photos: Sequence[LabelledPhoto], reconstruct: Reconstruct
) -> tuple[list[dict[str, float] | None], list[NDArray | None]]:
    """Return `photo_errors` of each photo, None where its face was not found, and what was found, (P,) in its px.

    A photo with several faces is shown as a window around each of them. A face whose middle lies outside the labelled
    one's box is another.

    Raises LimelightError: a photo cannot be read.
    """
    results: list[dict[str, float] | None] = []
    found: list[NDArray | None] = []
    for photo in photos:
        image = read_photo(photo.path)
        if photo.alone:
            vector = reconstruct(image)
        else:
            window = FaceWindow.around(image, photo.landmarks)
            vector = reconstruct(window.picture)
            vector = None if vector is None else window.in_photo(model, vector)
        found.append(vector)
        right = vector is not None and is_same_face(landmarks68_px(model, vector), photo.landmarks)
        results.append(photo_errors(model, photo, vector) if vector is not None and right else None)
    return results, found


def estimate_photos(photos: Sequence[LabelledPhoto], results: Sequence[dict[str, float] | None]) -> Estimate:
    """Return means over the photos whose face was found, with intervals over people (of ytf, else over photos).

    Returns: photos, found: counts. nme68, nme68_inner, nme68_jaw, inner_mouth_mm: means; nme68_median. yaw, pitch,
        roll: mean absolute errors; pose: mean of the three, as published; pitch_bias: signed; pose_as_labelled,
        pitch_bias_as_labelled, angle, angle_as_labelled. nme68_0_30, nme68_30_60, nme68_60_90, and photos_*: by |yaw|
        of the label; nme68_balanced: mean of the bins that hold photos. Absent where nothing is known.
    """
    known = [(photo, errors) for photo, errors in zip(photos, results, strict=True) if errors is not None]
    counts = Estimate({"photos": float(len(photos)), "found": float(len(known))})
    if not known:
        return counts
    columns = {name: np.array([errors[name] for _, errors in known]) for name in known[0][1]}
    yaw = np.array([np.nan if photo.euler is None else abs(np.degrees(photo.euler[0])) for photo, _ in known])

    def figures(index: NDArray[np.int64]) -> dict[str, float]:
        chosen = {name: values[index] for name, values in columns.items()}
        means = {name: float(values.mean()) for name, values in chosen.items() if not name.startswith(_ANGLES)}
        means["nme68_median"] = float(np.median(chosen["nme68"]))
        for suffix in ("", "_as_labelled"):
            if f"yaw{suffix}" in chosen:
                sizes = {name: float(np.abs(chosen[name + suffix]).mean()) for name in _ANGLES}
                means[f"pose{suffix}"] = float(np.mean(list(sizes.values())))
                means[f"pitch_bias{suffix}"] = float(chosen[f"pitch{suffix}"].mean())
                means |= {} if suffix else sizes
        return means | _by_yaw(chosen["nme68"], yaw[index])

    return counts | estimate(figures, [person_of(f"{p.path.parent.name}/{p.path.name}") for p, _ in known])


def _by_yaw(nme: NDArray[np.float64], yaw: NDArray[np.float64]) -> dict[str, float]:
    figures: dict[str, float] = {}
    means = []
    for low, high in _YAW_BINS:
        members = nme[(yaw >= low) & ((yaw < high) | (high == _YAW_BINS[-1][1]))]
        if len(members):
            means.append(float(members.mean()))
            figures |= {f"nme68_{low}_{high}": means[-1], f"photos_{low}_{high}": float(len(members))}
    return figures | ({"nme68_balanced": float(np.mean(means))} if means else {})


SECTION = Section(
    "poses",
    "Labelled photos",
    "AFLW2000: pose is the mean of the absolute errors of yaw, pitch and roll after ours was turned by the -5 degrees "
    "of pitch between the labels' straight head and ours. dlib's and YouTube Faces' points are other programs' "
    "output. Photos whose face the finder or the tracker does not accept do not count.",
    (
        count("aflw2000_photos", "AFLW2000: photos"),
        Measure("aflw2000_found", "AFLW2000: found", digits=0, larger_is_better=True),
        Measure("aflw2000_pose", "AFLW2000: head pose", "degrees", limit=3.5),
        Measure("aflw2000_yaw", "AFLW2000: yaw", "degrees"),
        Measure("aflw2000_pitch", "AFLW2000: pitch", "degrees"),
        Measure("aflw2000_roll", "AFLW2000: roll", "degrees"),
        Measure("aflw2000_pose_as_labelled", "AFLW2000: head pose by the labels' own zero", "degrees"),
        *(
            each
            for name, title in (("aflw2000", "AFLW2000"), ("dlib", "dlib"), ("ytf", "YouTube Faces"))
            for each in (
                Measure(f"{name}_found", f"{title}: found", digits=0, larger_is_better=True),
                Measure(f"{name}_nme68", f"{title}: 68-landmark NME", "%"),
                Measure(f"{name}_nme68_inner", f"{title}: the same without the jaw line", "%"),
            )[name == "aflw2000" :]
        ),
    ),
    measure,
)

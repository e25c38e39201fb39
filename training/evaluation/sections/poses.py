"""Photos that come with labels: head pose and landmarks on AFLW2000, landmarks on dlib's examples and YouTube Faces."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facemodel import LimelightError
from training.data.photo_labels import is_held_out, person_of
from training.evaluation.aflw import measure_photos, summary
from training.evaluation.context import Context
from training.evaluation.labelled_photos import LabelledPhoto, read_aflw2000, read_dlib, read_ytf
from training.evaluation.section import Case, Findings, Measure, Section, UnmeasuredError, ranked_cases

AFLW2000 = ("eval", "aflw2000")


def measure(context: Context) -> Findings:
    """Summaries of the three sets; one that is absent is left out with a note."""
    context.material.folder()  # without a data folder there is none of the three
    figures: dict[str, float] = {}
    tables: dict[str, dict[str, float]] = {}
    cases: dict[str, list[Case]] = {}
    notes = []
    for name, parts, read in (
        ("aflw2000", AFLW2000, read_aflw2000),
        ("dlib", ("eval", "dlib"), read_dlib),
        ("ytf", ("photos", "ytf"), _held_out_ytf),
    ):
        try:
            photos = _some(read, context.material.folder(*parts), context.material.extent.photos)
            results, found = _measured(context, photos)
        except LimelightError as error:
            notes.append(f"{name} is left out: {error}")
            continue
        tables[name] = summary(photos, results)
        for key, value in tables[name].items():
            figures[f"{name}_{key}"] = value
        if name != "dlib":  # whose windows have pixels of their own
            errors = np.array([result["nme68"] if result else np.nan for result in results])
            folder = "/".join(parts)
            pictures = [f"photo:{folder}/{photo.path.name}" for photo in photos]
            cases[f"{name}_nme68"] = ranked_cases(errors, pictures, found)
    if not tables:
        raise UnmeasuredError("; ".join(notes))
    return Findings(figures, {"sets": tables}, cases, notes)


def _measured(
    context: Context, photos: Sequence[LabelledPhoto]
) -> tuple[list[dict[str, float] | None], list[NDArray | None]]:
    """Errors of each photo, and what was found on it (P,) in px of the picture that was shown."""
    found: list[NDArray | None] = []

    def find(image: NDArray[np.uint8]) -> NDArray | None:
        found.append(context.live.find(image))
        return found[-1]

    return measure_photos(context.model, photos, find), found


def _some(read: Callable[[Path], list[LabelledPhoto]], folder: Path, limit: int) -> Sequence[LabelledPhoto]:
    photos = read(folder)
    return [photos[i] for i in np.linspace(0, len(photos) - 1, min(limit, len(photos))).round().astype(int)]


def _held_out_ytf(folder: Path) -> list[LabelledPhoto]:
    names = [path.name for path in folder.glob("*.jpg") if is_held_out(person_of(f"ytf/{path.name}"))]
    return read_ytf(folder, names)


SECTION = Section(
    "poses",
    "Labelled photos",
    "AFLW2000: pose is the mean of the absolute errors of yaw, pitch and roll after ours was turned by the -5 degrees "
    "of pitch between the labels' straight head and ours. dlib's and YouTube Faces' points are other programs' "
    "output. Photos whose face the finder or the tracker does not accept do not count.",
    (
        Measure("aflw2000_photos", "AFLW2000: photos", digits=0, larger_is_better=None),
        Measure("aflw2000_found", "AFLW2000: found", digits=0, larger_is_better=True),
        Measure("aflw2000_pose", "AFLW2000: head pose", "degrees", limit=3.5),
        Measure("aflw2000_yaw", "AFLW2000: yaw", "degrees"),
        Measure("aflw2000_pitch", "AFLW2000: pitch", "degrees"),
        Measure("aflw2000_roll", "AFLW2000: roll", "degrees"),
        Measure("aflw2000_pose_as_labelled", "AFLW2000: head pose by the labels' own zero", "degrees"),
        Measure("aflw2000_nme68", "AFLW2000: 68-landmark NME", "%"),
        Measure("aflw2000_nme68_inner", "AFLW2000: the same without the jaw line", "%"),
        Measure("dlib_found", "dlib: found", digits=0, larger_is_better=True),
        Measure("dlib_nme68", "dlib: 68-landmark NME", "%"),
        Measure("dlib_nme68_inner", "dlib: the same without the jaw line", "%"),
        Measure("ytf_found", "YouTube Faces: found", digits=0, larger_is_better=True),
        Measure("ytf_nme68", "YouTube Faces: 68-landmark NME", "%"),
        Measure("ytf_nme68_inner", "YouTube Faces: the same without the jaw line", "%"),
    ),
    measure,
)

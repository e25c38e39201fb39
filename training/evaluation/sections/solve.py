"""What `limelight solve` makes of a network's answers: both beside each other, on renders and on photos."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import astuple
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from facemodel import CROP_SIZE, MEDIAPIPE_TO_IBUG68, Crop, FaceModel
from training.data.landmarker import Landmarker
from training.data.storage import EXTENT
from training.evaluation.bootstrap import Estimate, estimate, mean, median, rms
from training.evaluation.color_error import ColorError, HighlightShare, specular_leak
from training.evaluation.context import Context, evenly
from training.evaluation.held_out import read_photo
from training.evaluation.labelled_photos import FaceWindow, is_same_face
from training.evaluation.layers import FaceLayers, face_layers
from training.evaluation.light_error import key_angle, sh_direction_angle
from training.evaluation.measures import ACTIVE_WEIGHT, errors_against_points, errors_against_truth, landmarks68_px
from training.evaluation.render_set import RenderSet, random_render_set
from training.evaluation.section import Findings, Measure, Section, UnmeasuredError, count
from training.evaluation.sections.highlights import SEEN
from training.evaluation.sections.movement import PARTS, movement_errors
from training.evaluation.sections.people import FOLDER, POINTS68, places, read_people_points
from training.evaluation.sections.photos import photo_color_error
from training.solve import FaceSolver, SolveConfig
from training.solve.start import KnownFaceLandmarks, Start

_SEED = 20223  # of renders that no weight of the solve was chosen on
_SIDE = 112  # px, of the layers
_PARTS = PARTS | {"irises": tuple(range(468, 478))}
_NUMBERS = list(POINTS68)
_EYES, _MOUTH = places(36, 39, 42, 45), places(48, 51, 54, 57, 62, 66)

Shown = tuple[NDArray[np.uint8], NDArray[np.float32], NDArray | None]
"""A BGR picture (H, W, 3), the network's answer (P,) and MediaPipe's points (478, 2) in px of it; None without any."""

T = TypeVar("T")
_Figures = Callable[[NDArray[np.int64]], dict[str, float]]


def measure(context: Context) -> Findings:
    """Solve renders, photos and photos with people's points, and measure the network's answers beside the solved."""
    if context.material.extent.solved <= 0:
        raise UnmeasuredError("no pictures asked for")
    found, notes = _renders(context), []
    for what, part in (("photos", _photos), ("people's points", _people)):
        try:
            found = found | part(context)
        except UnmeasuredError as error:
            notes.append(f"{what} are left out: {error}")
    return Findings(found.figures, {}, {}, notes, found.intervals)


def solved(model: FaceModel, shown: Sequence[Shown]) -> list[NDArray[np.float32]]:
    """Return the solved parameters (P,) of each picture, in px of it."""
    solver = FaceSolver(model, SolveConfig())
    faces = [(image, Start(answer, 1.0, points)) for image, answer, points in shown]
    with tqdm(desc="solve", unit="step", leave=False) as bar:
        return [one.face.parameters for one in solver(faces, tick=bar.update)]


def _renders(context: Context) -> Estimate:
    """Errors against the truth of random renders."""
    model, layout, total = context.model, context.model.layout, context.material.extent.solved
    renders = random_render_set(model, context.material.cache / f"solve_{total}", total, _SEED)
    side = context.network.resolution
    answers = np.stack([context.network.infer(renders.crop(i, side)[None])[0][0].copy() for i in range(total)])
    shown, crops = [], []
    with Landmarker(context.material.landmarker) as landmarker:
        find = KnownFaceLandmarks(model, landmarker)
        for i, answer in enumerate(answers):
            image = np.ascontiguousarray(renders.image(i)[..., ::-1])
            crops.append(Crop((len(image) / 2, len(image) / 2), len(image) * CROP_SIZE / EXTENT))
            vector = crops[-1].lift(layout, answer)
            shown.append((image, vector, find(image, [vector])[0]))
    better = np.stack([crop.lower(layout, own) for crop, own in zip(crops, solved(model, shown), strict=True)])
    layers = [face_layers(model, truth, _SIDE) for truth in renders.parameters]
    seen = renders.highlight & (np.array([one.brightening for one in layers]) >= SEEN)
    errors = _render_errors(model, renders, layers, seen)
    both = _side_by_side({"": better, "network_": answers}, errors)
    found = estimate(both, renders.person)
    nobody = renders.parameters.copy()
    nobody[:, layout.slices["identity"]] = 0.0
    mean_face = errors(nobody)(np.arange(total))["identity"]
    return Estimate(found.figures | {"mean_identity": mean_face, "seen": float(seen.sum())}, found.intervals)


def _render_errors(
    model: FaceModel, renders: RenderSet, layers: Sequence[FaceLayers], seen: NDArray[np.bool_]
) -> Callable[[NDArray], _Figures]:
    """What finds the figures of answers (N, P) in crop px to N renders, of true layers, whose highlight is seen."""
    spans, truths = model.layout.slices, renders.parameters
    weights = truths[:, spans["expression"]].astype(np.float64)
    active = weights > ACTIVE_WEIGHT

    def errors(answers: NDArray) -> _Figures:
        own = answers[:, spans["expression"]].astype(np.float64)
        off = [errors_against_truth(model, *pair) for pair in zip(answers, truths, strict=True)]
        leaks = []
        for answer, true in zip(answers, layers, strict=True):
            found = face_layers(model, answer, _SIDE)
            leak, _ = specular_leak(found.diffuse, true.diffuse, true.specular, found.mask & true.mask)
            leaks.append(astuple(leak))
        key, sh = (
            angle(*(vectors[:, spans[group]].reshape(len(vectors), *shape) for vectors in (answers, truths)))
            for angle, group, shape in ((key_angle, "key_position", (3,)), (sh_direction_angle, "sh", (9, 3)))
        )
        columns = movement_errors(model, own, weights, _PARTS) | {
            name: np.array([each[key] for each in off])
            for name, key in (("identity", "identity_mm"), ("nme68", "nme68"), ("albedo", "albedo_srgb"))
        }

        def figures(index: NDArray[np.int64]) -> dict[str, float]:
            wrong = (own - weights)[index]
            return {
                "weights": rms(wrong),
                "active": rms(wrong[active[index]]),
                "rest": mean(own[index][weights[index] == 0.0]),
                "key_angle": median(key[index][seen[index]]),
                "sh_direction": median(sh[index]),
                "leak": HighlightShare(*np.array(leaks)[index].sum(axis=0)).share,
                **{name: mean(values[index]) for name, values in columns.items()},
            }

        return figures

    return errors


def _photos(context: Context) -> Estimate:
    """Errors on photos of held-out people, of the first collection that there is."""
    photos, model, shown, numbers = context.material.photos, context.model, [], []
    first = np.flatnonzero(photos.collections == photos.collections[0])
    for i in first[evenly(len(first), context.material.extent.solved)]:
        image = photos.image(i)
        answer = context.live.follow(image, photos.pose(i))
        if answer is not None:
            shown.append((image, answer, photos.landmarks[i].astype(np.float64)))
            numbers.append(i)
    if not shown:
        raise UnmeasuredError("the tracker accepts no face")

    def errors(answers: Sequence[NDArray]) -> _Figures:
        each = list(zip(answers, numbers, strict=True))
        nme = np.array([errors_against_points(model, own, photos.landmarks[i])[0] for own, i in each])
        colors = np.array([astuple(photo_color_error(model, photos, i, own)[0]) for own, i in each])
        return lambda index: {"photo_nme68": mean(nme[index]), "photo_color": ColorError(*colors[index].sum(0)).mean}

    answers = {"": solved(model, shown), "network_": [answer for _, answer, _ in shown]}
    found = estimate(_side_by_side(answers, errors), photos.people[numbers])
    return Estimate(found.figures | {"photos": float(len(shown))}, found.intervals)


def _people(context: Context) -> Estimate:
    """Distances from people's points, of MediaPipe's too, on the faces that it and the network find."""
    model, shown, marked = context.model, [], []
    faces = read_people_points(context.material.folder(*FOLDER))
    with Landmarker(context.material.landmarker) as landmarker:
        find = KnownFaceLandmarks(model, landmarker)
        for i in evenly(len(faces), context.material.extent.solved):
            window = FaceWindow.around(read_photo(faces[i].path), faces[i].points)
            answer = context.live.find(window.picture)
            if answer is None:
                continue
            (points,) = find(window.picture, [answer])
            if points is not None and is_same_face(
                window.points_in_photo(landmarks68_px(model, answer)), faces[i].points
            ):
                shown.append((window.picture, answer, points))
                marked.append((faces[i], window))
    if not shown:
        raise UnmeasuredError("network and MediaPipe find no face")

    def errors(points: Sequence[NDArray]) -> _Figures:  # (68, 2) each
        off = np.array(
            [
                np.linalg.norm(face.offsets(window.points_in_photo(own[_NUMBERS])), axis=1)
                for own, (face, window) in zip(points, marked, strict=True)
            ]
        )  # (N, 13)
        return lambda index: {
            "people_nme": float(off[index].mean()),
            "people_eyes": float(off[index][:, _EYES].mean()),
            "people_mouth": float(off[index][:, _MOUTH].mean()),
        }

    answers = {"": solved(model, shown), "network_": [answer for _, answer, _ in shown]}
    all_points = {who: [landmarks68_px(model, answer) for answer in given] for who, given in answers.items()}
    all_points["mediapipe_"] = [np.asarray(points)[MEDIAPIPE_TO_IBUG68] for _, _, points in shown]
    found = estimate(_side_by_side(all_points, errors), [face.path.name for face, _ in marked])
    return Estimate(found.figures | {"people_faces": float(len(shown))}, found.intervals)


def _side_by_side(given: Mapping[str, T], errors: Callable[[T], _Figures]) -> _Figures:
    """The figures of each of several answers, by its prefix."""
    each = {prefix: errors(answers) for prefix, answers in given.items()}

    def figures(index: NDArray[np.int64]) -> dict[str, float]:
        return {prefix + key: value for prefix, own in each.items() for key, value in own(index).items()}

    return figures


def _beside(
    key: str, title: str, unit: str = "", digits: int = 2, others: Sequence[tuple[str, str]] = ()
) -> tuple[Measure, ...]:
    """An error of the solved answers, of the network's, and of others by their prefix."""
    pairs = (("network_", "the network"), *others)
    return (
        Measure(key, f"{title}: solved", unit, digits=digits),
        *(
            Measure(prefix + key, f"the same, {name}", unit, larger_is_better=None, digits=digits)
            for prefix, name in pairs
        ),
    )


_MEDIAPIPE = (("mediapipe_", "MediaPipe"),)

SECTION = Section(
    "solve",
    "Analysis-by-synthesis",
    "What `limelight solve` makes of the network's answers: random renders of a seed that nothing was chosen on, "
    "photos of held-out people against MediaPipe's points, which a solve sees, and photos against points that people "
    "placed. Key light: median where a highlight is seen. Leak: specular energy in the diffuse image.",
    (
        *_beside("weights", "renders, all weights", digits=3),
        *_beside("active", "renders, active weights", digits=3),
        *_beside("rest", "renders, mean weight of units at rest", digits=3),
        *_beside("lips", "renders, lips", "mm"),
        *_beside("lids", "renders, lids", "mm"),
        *_beside("brows", "renders, brows", "mm"),
        *_beside("irises", "renders, irises", "mm"),
        count("seen", "renders whose highlight is seen"),
        *_beside("key_angle", "renders, key light", "degrees", 1),
        *_beside("sh_direction", "renders, direction of the SH light", "degrees", 1),
        *_beside("leak", "renders, leak", "%", 1),
        *_beside("identity", "renders, neutral shape", "mm", others=(("mean_", "the mean face"),)),
        *_beside("nme68", "renders, 68-landmark NME", "%"),
        *_beside("albedo", "renders, albedo", digits=3),
        count("photos", "photos"),
        *_beside("photo_nme68", "photos, 68-landmark NME", "%"),
        *_beside("photo_color", "photos, colour error", digits=4),
        count("people_faces", "faces with people's points"),
        *_beside("people_nme", "people's points, mean error", "%", others=_MEDIAPIPE),
        *_beside("people_eyes", "people's points, eye corners", "%", others=_MEDIAPIPE),
        *_beside("people_mouth", "people's points, mouth", "%", others=_MEDIAPIPE),
    ),
    measure,
)

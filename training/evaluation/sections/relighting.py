"""Relit renders against the same ones in the new light, with the true old light and with the estimated one."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from facemodel import CROP_SIZE, FaceModel, LimelightError
from facemodel.color import decode_srgb, encode_srgb
from realtime.light.lighting import FaceLight, Lighting
from realtime.matte.person_matte import Matte, PersonMatte
from realtime.render import HeadlessComposer, RenderOptions, ViewMode
from realtime.render.scene import Scene, SceneFace
from training.evaluation.bootstrap import estimate
from training.evaluation.context import Context, Network
from training.evaluation.layers import face_layers
from training.evaluation.relight_pairs import MARGIN, SIZE, RelightPair, relight_pairs
from training.evaluation.section import Findings, Measure, Section, UnmeasuredError, count
from training.evaluation.skin_tone import TONE_GROUPS

_LEAST = 3000
"""Crop px of a face that is measured on."""

_SURE = 0.9
"""Confidence from which on the live loop believes in a crop."""

_FEW = 3
"""Faces of a tone group from which on it counts."""

_ERRORS = ("true", "estimated", "unchanged", "mean_color")


def measure(context: Context) -> Findings:
    """Find mean absolute errors in sRGB over the face, beside those of doing nothing and of one colour for all."""
    material, model = context.material, context.model
    pairs = material.kept("relight_pairs", lambda: list(_shown(relight_pairs(model, material.extent.relight_pairs))))
    try:
        composer = HeadlessComposer(model, SIZE, SIZE)
    except LimelightError as error:
        raise UnmeasuredError(str(error)) from error
    matte = PersonMatte()
    with composer:
        found = [_errors(model, context.network, composer, matte, pair) for pair in pairs]
    kept = [(errors, pair.tone) for errors, pair in zip(found, pairs, strict=True) if errors is not None]
    if not kept:
        raise UnmeasuredError("no face that the network believes in")
    errors, tones = np.array([each for each, _ in kept]), np.array([tone for _, tone in kept])

    def figures(chosen: NDArray[np.int64]) -> dict[str, float]:
        true, estimated, unchanged, mean_color = errors[chosen].mean(axis=0)
        return {
            "true": true,
            "estimated": estimated,
            "unchanged": unchanged,
            "mean_color": mean_color,
            "share": estimated / unchanged,
            "of_mean_color": estimated / mean_color,
        }

    estimated = estimate(figures, np.arange(len(errors)))
    groups = {tone: errors[tones == tone] for tone in TONE_GROUPS if np.any(tones == tone)}
    table = {
        tone: {"faces": float(len(rows)), **dict(zip(_ERRORS, rows.mean(axis=0).tolist(), strict=True))}
        for tone, rows in groups.items()
    }
    mean = errors[:, 1].mean()
    worst = max((rows[:, 1].mean() / mean for rows in groups.values() if len(rows) >= _FEW), default=float("nan"))
    found_figures = {**estimated.figures, "worst_tone": float(worst), "faces": float(len(errors))}
    return Findings(found_figures, {"by skin tone": table}, {}, [], estimated.intervals)


def _shown(pairs: Iterator[RelightPair]) -> Iterator[RelightPair]:
    return iter(tqdm(pairs, unit="pair", desc="relight pairs", leave=False))


def _errors(
    model: FaceModel, network: Network, composer: HeadlessComposer, matte: PersonMatte, pair: RelightPair
) -> tuple[float, ...] | None:
    """Return the four errors of a pair; None where little of the face is seen or the network does not believe it."""
    mask = face_layers(model, pair.vector).mask
    crop = pair.before[MARGIN : SIZE - MARGIN, MARGIN : SIZE - MARGIN]
    side = network.resolution
    seen = np.asarray(cv2.resize(crop, (side, side), interpolation=cv2.INTER_AREA), np.uint8)
    answers, confidences = network.infer(seen[None])
    if np.count_nonzero(mask) < _LEAST or confidences[0] < _SURE:
        return None
    matte.forget()
    person = matte(np.ascontiguousarray(pair.before[:, :, ::-1]))
    relit = [_relit(model, composer, person, pair, vector) for vector in (pair.vector, np.array(answers[0]))]
    before, after = (_face(picture, mask) for picture in (pair.before, pair.after))  # (K, 3) linear
    gain = after.mean(axis=0) / np.maximum(before.mean(axis=0), 1e-4)
    shown = [*(_face(picture, mask) for picture in relit), before, before * gain]
    truth = encode_srgb(after)
    return tuple(float(np.abs(encode_srgb(linear) - truth).mean()) for linear in shown)


def _face(picture: NDArray[np.uint8], mask: NDArray[np.bool_]) -> NDArray[np.floating]:
    """Linear RGB (K, 3) of the face's pixels of a picture."""
    return decode_srgb(picture[MARGIN : MARGIN + CROP_SIZE, MARGIN : MARGIN + CROP_SIZE][mask] / 255.0)


def _relit(
    model: FaceModel, composer: HeadlessComposer, person: Matte, pair: RelightPair, vector: NDArray[np.float32]
) -> NDArray[np.uint8]:
    """`pair.before` in the light of `pair.after`, (SIZE, SIZE, 3) RGB, as parameters (P,) in crop px see it."""
    layout = model.layout
    placed = vector.copy()
    layout.view(placed).translation[:] += MARGIN
    old, new = (FaceLight.estimated(layout.view(each)) for each in (vector, pair.lit))
    image = np.ascontiguousarray(pair.before[:, :, ::-1])
    options = RenderOptions(mode=ViewMode.RELIT)
    face = SceneFace(placed, new, old)
    scene = Scene(image, (face,), options, None, Lighting(), person)
    return composer.draw(scene)[:, :, ::-1].copy()


SECTION = Section(
    "relighting",
    "Relit video",
    "Mean absolute error in sRGB, 0..1, over the face of held-out renders with cast shadows, skin texture and camera "
    "faults, relit to another light and held against the render in that light. Mean colour: the picture times the one "
    "colour that gives its face the new light's true mean.",
    (
        Measure("true", "true parameters", limit=0.04, digits=4),
        Measure("estimated", "estimated parameters", digits=4),
        Measure("unchanged", "picture left as it is", larger_is_better=None, digits=4),
        Measure("mean_color", "mean colour of the new light", larger_is_better=None, digits=4),
        Measure("share", "estimated, of the picture left as it is", "%", limit=0.5, digits=1),
        Measure("of_mean_color", "estimated, of the mean colour's", "%", limit=1.0, digits=1),
        Measure("worst_tone", "worst skin tone, of the mean", limit=1.3),
        count("faces", "faces"),
    ),
    measure,
)

"""Highlights that can be seen: where they say that the key light is, and what of them is left in the diffuse image."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from facemodel import FaceModel
from training.evaluation.bootstrap import Estimate, estimate
from training.evaluation.color_error import specular_leak
from training.evaluation.context import Context
from training.evaluation.highlight import (
    SEEN,
    TOLD,
    HighlightPattern,
    brightening,
    half_angle,
    half_vector,
    highlight_pattern,
)
from training.evaluation.layers import face_layers
from training.evaluation.light_error import key_angle
from training.evaluation.render_set import RenderSet
from training.evaluation.section import Findings, Measure, Section, ranked_cases

_SIDE = 112  # px, of the layers
_FOUND = 10.0
"""Degrees between half vectors: nearer highlights are found."""


def measure(context: Context) -> Findings:
    """Figures of both render sets: of few lights in several views, and of as many lights as pictures."""
    material, cases = context.material, {}
    found = Estimate({}, {})
    for key, prefix, renders, answers in (
        ("renders", "render", material.renders, context.render_answers),
        ("random", "random", material.random_renders, context.random_answers),
    ):
        index = np.linspace(0, len(renders) - 1, min(material.extent.layers, len(renders))).round().astype(int)
        pictures = _Pictures.of(context.model, renders, answers, index, key)
        one = pictures.estimate()
        found = Estimate(
            found.figures | {f"{key}_{name}": value for name, value in one.figures.items()},
            found.intervals | {f"{key}_{name}": interval for name, interval in one.intervals.items()},
        )
        names, vectors = [f"{prefix}:{i}" for i in index], [answers[i] for i in index]
        for name, errors in (
            ("half_angle", np.where(pictures.seen, pictures.half, np.nan)),
            ("pattern", np.where(pictures.seen, np.abs(pictures.shares), np.nan)),
        ):
            cases[f"{key}_{name}"] = ranked_cases(errors, names, vectors)
    return Findings(found.figures, {}, cases, [], found.intervals)


@dataclass(frozen=True)
class _Pictures:
    """N pictures.

    Attributes:
        seen: (N,) whether the true highlight can be seen, shadows and what covers the face considered.
        told: (N,) whether the answer has a highlight at all; it is otherwise "unknown".
        half, key: (N,) angles of half vectors and of key lights, degrees.
        constant: (N,) angles of half vectors to that of the best constant answer.
        patterns: (N, 4) `power` of `HighlightPattern`, then `alike` of the answer, of the answer with its error's
            pixels shuffled, and of a constant albedo in constant light on the true shape.
        leaks: (N, 3) energy of the highlight, what leaked of it, and that with the error's pixels shuffled.
        people: (N,) who it is.
    """

    seen: NDArray[np.bool_]
    told: NDArray[np.bool_]
    half: NDArray[np.float64]
    key: NDArray[np.float64]
    constant: NDArray[np.float64]
    patterns: NDArray[np.float64]
    leaks: NDArray[np.float64]
    people: NDArray[np.int64]

    @classmethod
    def of(
        cls, model: FaceModel, renders: RenderSet, answers: NDArray, index: NDArray[np.int64], name: str
    ) -> _Pictures:
        rng = np.random.default_rng(0)
        brightest = np.zeros((len(index), 2))
        patterns, leaks = np.zeros((len(index), 4)), np.zeros((len(index), 3))
        usual = renders.parameters.mean(axis=0)
        for n, i in enumerate(tqdm(index, unit="picture", desc=f"highlights of {name}", leave=False)):
            own, true = (face_layers(model, vector, _SIDE) for vector in (answers[i], renders.parameters[i]))
            brightest[n] = brightening(true), brightening(own)
            both = own.mask & true.mask
            shuffled = true.diffuse.copy()
            shuffled[both] += rng.permutation(own.diffuse[both] - true.diffuse[both])
            constant = renders.parameters[i].copy()
            for group in ("albedo", "sh"):
                constant[model.layout.slices[group]] = usual[model.layout.slices[group]]
            flat = face_layers(model, constant, _SIDE).diffuse
            held = [highlight_pattern(diffuse, true, both) for diffuse in (own.diffuse, shuffled, flat)]
            patterns[n] = held[0].power, *(each.alike for each in held)
            leak, luck = (specular_leak(d, true.diffuse, true.specular, both) for d in (own.diffuse, shuffled))
            leaks[n] = leak.energy, leak.leaked, luck.leaked
        span = model.layout.slices["key_position"]
        ours, true_keys = answers[index, span], renders.parameters[index, span]
        seen = (brightest[:, 0] >= SEEN) & renders.highlight[index]
        halves = half_vector(true_keys)
        middle = halves[seen].mean(axis=0) if seen.any() else halves.mean(axis=0)
        return cls(
            seen,
            brightest[:, 1] >= TOLD,
            half_angle(ours, true_keys),
            key_angle(ours, true_keys),
            key_angle(np.tile(middle, (len(index), 1)), halves),
            patterns,
            leaks,
            renders.person[index],
        )

    @property
    def shares(self) -> NDArray[np.float64]:
        """(N,) share of each picture's highlight in the diffuse image."""
        return np.array([HighlightPattern(alike, power).share for power, alike, *_ in self.patterns])

    def estimate(self) -> Estimate:
        """Return the figures with their intervals."""
        return estimate(self._figures, self.people)

    def _figures(self, index: NDArray[np.int64]) -> dict[str, float]:
        seen, told = self.seen[index], self.told[index]
        visible, answered = index[seen], index[seen & told]
        patterns, leaks = self.patterns[visible].sum(axis=0), self.leaks[index].sum(axis=0)
        return {
            "seen": float(seen.mean()),
            "half_angle": _median(self.half[visible]),
            "constant_half_angle": _median(self.constant[visible]),
            "half_angle_told": _median(self.half[answered]),
            "key_angle": _median(self.key[visible]),
            "found": _mean(told[seen] & (self.half[visible] <= _FOUND)),
            "constant_found": _mean(self.constant[visible] <= _FOUND),
            "unknown": _mean(~told[seen]),
            "rightly_unknown": _mean(~told[~seen]),
            **{
                name: HighlightPattern(alike, patterns[0]).share
                for name, alike in zip(("pattern", "pattern_shuffled", "constant_pattern"), patterns[1:], strict=True)
            },
            "leak_shuffled": leaks[2] / leaks[0] if leaks[0] > 0.0 else float("nan"),
        }


def _median(values: NDArray) -> float:
    return float(np.median(values)) if len(values) else float("nan")


def _mean(values: NDArray) -> float:
    return float(values.mean()) if len(values) else float("nan")


def _measures(key: str, title: str) -> tuple[Measure, ...]:
    """The figures of one render set."""

    def percent(name: str, what: str, larger_is_better: bool | None = None, digits: int = 0) -> Measure:
        return Measure(f"{key}_{name}", f"{title}: {what}", "%", larger_is_better=larger_is_better, digits=digits)

    def angle(name: str, what: str, larger_is_better: bool | None = False) -> Measure:
        return Measure(f"{key}_{name}", f"{title}: {what}", "degrees", larger_is_better=larger_is_better, digits=1)

    shuffled = "the error's pixels shuffled"
    return (
        percent("seen", "highlights that are seen"),
        angle("half_angle", "half vector, median"),
        angle("half_angle_told", "half vector, without the unknown ones"),
        angle("constant_half_angle", "half vector, constant answer", None),
        angle("key_angle", "key light, median"),
        percent("found", f"found, half vector within {_FOUND:.0f}°", True),
        percent("constant_found", "found, constant answer"),
        percent("unknown", "unknown though seen", False),
        percent("rightly_unknown", "unknown where nothing is seen", True),
        percent("pattern", "highlight's pattern in the diffuse image", False, 1),
        percent("pattern_shuffled", f"the same, {shuffled}", None, 1),
        percent("constant_pattern", "the same, constant albedo and light", None, 1),
        percent("leak_shuffled", f"older measure: specular energy in the diffuse image, {shuffled}", None, 1),
    )


SECTION = Section(
    "highlights",
    "Highlights on held-out renders",
    f"A highlight is seen if it brightens a twentieth of the face by {SEEN:.0f} of 255 or more. Half vector and key "
    "light are judged there alone; the half vector, between light and camera, is where the highlight lies. An answer "
    f"whose own highlight brightens it by less than {TOLD:.0f} of 255 says 'unknown': it has found nothing. Pattern: "
    "what the diffuse image holds of the true highlight beyond what any diffuse light makes of the true albedo, by "
    "least squares, over the pictures whose highlight is seen; a highlight that the SH light took up counts as an "
    "error of that light. views: the render set, of two lights a person; random: a light a picture.",
    (*_measures("renders", "views"), *_measures("random", "random")),
    measure,
)

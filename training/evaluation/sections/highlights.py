"""Highlights that can be seen: where they say that the key light is, and what of them is left in the diffuse image."""

from __future__ import annotations

from dataclasses import astuple, dataclass

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from facemodel import FaceModel
from training.evaluation.bootstrap import Estimate, estimate, mean, median
from training.evaluation.color_error import HighlightShare, highlight_pattern, specular_leak
from training.evaluation.context import AnsweredRenders, Context, evenly
from training.evaluation.layers import face_layers
from training.evaluation.light_error import half_angle, half_vector, key_angle
from training.evaluation.section import Findings, Measure, Section, ranked_cases

_SIDE = 112  # px, of the layers
SEEN = 4.0  # of 255: a highlight that brightens no twentieth of the face by as much is seen by nobody
_TOLD = 1.0  # of 255: an answer whose highlight would not even change a picture of 8 bits knows of none
_FOUND = 10.0  # degrees between half vectors: nearer highlights are found


def measure(context: Context) -> Findings:
    """Measure both render sets: few lights in several views, and as many lights as pictures."""
    found, cases = Estimate(), {}
    for answered in (context.posed, context.random):
        index = evenly(len(answered.renders), context.material.extent.layers)
        pictures = _Pictures.of(context.model, answered, index)
        people = answered.renders.person[index]
        found = found | estimate(pictures.figures, people).named(f"{answered.key}_")
        shares = np.array([HighlightShare(*pattern).share for pattern in pictures.patterns[:, 0]])
        for name, errors in (("half_angle", pictures.half), ("pattern", np.abs(shares))):
            seen = np.full(len(answered.renders), np.nan)
            seen[index] = np.where(pictures.seen, errors, np.nan)
            cases[f"{answered.key}_{name}"] = ranked_cases(seen, answered.names, answered.answers)
    return Findings(found.figures, {}, cases, [], found.intervals)


@dataclass(frozen=True)
class _Pictures:
    """N pictures.

    Attributes:
        seen: (N,) whether the true highlight can be seen, shadows and what covers the face considered.
        told: (N,) whether the answer has a highlight at all; it is otherwise "unknown".
        half, key: (N,) angles of half vectors and of key lights, degrees.
        constant: (N,) angles of half vectors to that of the best constant answer.
        patterns: (N, 4, 2) `highlight_pattern` of the answer, of the answer with its error's pixels shuffled, and of a
            constant albedo in constant light on the true shape; `specular_leak` of the shuffled one.
    """

    seen: NDArray[np.bool_]
    told: NDArray[np.bool_]
    half: NDArray[np.float64]
    key: NDArray[np.float64]
    constant: NDArray[np.float64]
    patterns: NDArray[np.float64]

    @classmethod
    def of(cls, model: FaceModel, answered: AnsweredRenders, index: NDArray[np.int64]) -> _Pictures:
        rng, layout = np.random.default_rng(0), model.layout
        truths, answers = answered.renders.parameters, answered.answers[index]
        usual = truths.mean(axis=0)
        truths = truths[index]
        brightest, patterns = np.zeros((len(index), 2)), np.zeros((len(index), 4, 2))
        for n in tqdm(range(len(index)), unit="picture", desc=f"highlights of {answered.key}", leave=False):
            own, true = (face_layers(model, vectors[n], _SIDE) for vectors in (answers, truths))
            brightest[n] = true.brightening, own.brightening
            both = own.mask & true.mask
            shuffled = true.diffuse.copy()
            shuffled[both] += rng.permutation(own.diffuse[both] - true.diffuse[both])
            constant = truths[n].copy()
            for group in ("albedo", "sh"):
                constant[layout.slices[group]] = usual[layout.slices[group]]
            flat = face_layers(model, constant, _SIDE).diffuse
            shares = [highlight_pattern(each, true, both) for each in (own.diffuse, shuffled, flat)]
            shares.append(specular_leak(shuffled, true.diffuse, true.specular, both)[0])
            patterns[n] = list(map(astuple, shares))
        ours, keys = (vectors[:, layout.slices["key_position"]] for vectors in (answers, truths))
        seen = (brightest[:, 0] >= SEEN) & answered.renders.highlight[index]
        halves = half_vector(keys)
        middle = halves[seen].mean(axis=0) if seen.any() else halves.mean(axis=0)
        angles = half_angle(ours, keys), key_angle(ours, keys), key_angle(np.broadcast_to(middle, halves.shape), halves)
        return cls(seen, brightest[:, 1] >= _TOLD, *angles, patterns)

    def figures(self, index: NDArray[np.int64]) -> dict[str, float]:
        """Return the figures over the pictures at `index`."""
        seen, told = self.seen[index], self.told[index]
        visible = index[seen]
        names = "pattern", "pattern_shuffled", "constant_pattern"
        kinds = zip(names, self.patterns[visible, :3].sum(axis=0), strict=True)
        return {
            "seen": float(seen.mean()),
            "half_angle": median(self.half[visible]),
            "constant_half_angle": median(self.constant[visible]),
            "half_angle_told": median(self.half[index[seen & told]]),
            "key_angle": median(self.key[visible]),
            "found": mean(told[seen] & (self.half[visible] <= _FOUND)),
            "constant_found": mean(self.constant[visible] <= _FOUND),
            "unknown": mean(~told[seen]),
            "rightly_unknown": mean(~told[~seen]),
            **{name: HighlightShare(*pattern).share for name, pattern in kinds},
            "leak_shuffled": HighlightShare(*self.patterns[index, 3].sum(axis=0)).share,
        }


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
    f"whose own highlight brightens it by less than {_TOLD:.0f} of 255 says 'unknown': it has found nothing. Pattern: "
    "what the diffuse image holds of the true highlight beyond what any diffuse light makes of the true albedo, by "
    "least squares, over the pictures whose highlight is seen; a highlight that the SH light took up counts as an "
    "error of that light. views: the render set, of two lights a person; random: a light a picture.",
    (*_measures("renders", "views"), *_measures("random", "random")),
    measure,
)

"""Light on held-out renders: key light, SH light, shininess, and specular light that ends in the diffuse image."""

from __future__ import annotations

from dataclasses import astuple

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from training.evaluation.bootstrap import estimate
from training.evaluation.color_error import ColorError, HighlightShare, color_error, specular_leak
from training.evaluation.context import Context, evenly
from training.evaluation.layers import face_layers
from training.evaluation.light_error import key_angle, light_errors
from training.evaluation.section import Findings, Measure, Section, ranked_cases

_SIDE = 112  # px, of the layers
_ROUNDS = 400  # of the bootstrap, whose figures are slow here
_CONSTANT = ("key_angle", "sh_direction", "radiance", "shininess_log2")


def measure(context: Context) -> Findings:
    """Find medians of the light's errors beside a constant answer's, and the specular leak over all pixels."""
    model, (_, _, renders, answers) = context.model, context.posed
    layout, truths = model.layout, renders.parameters
    constant = np.tile(truths.mean(axis=0), (len(truths), 1))
    index = evenly(len(renders), context.material.extent.layers)
    leaks, colors = np.zeros((2, len(renders), 2)), np.zeros((len(renders), 3))  # of the other pictures: nothing
    for i in tqdm(index, unit="picture", desc="light layers", leave=False):
        own, true = face_layers(model, answers[i], _SIDE), face_layers(model, truths[i], _SIDE)
        both = own.mask & true.mask
        leaks[:, i] = list(map(astuple, specular_leak(own.diffuse, true.diffuse, true.specular, both)))
        colors[i] = astuple(color_error(np.clip(true.color, 0, 1), np.clip(own.color, 0, 1), both))

    def figures(chosen: NDArray[np.int64]) -> dict[str, float]:
        floor = light_errors(layout, constant[chosen], truths[chosen])
        leak, pattern = (HighlightShare(*each[chosen].sum(axis=0)).share for each in leaks)
        color = ColorError(*colors[chosen].sum(axis=0))
        return {
            **light_errors(layout, answers[chosen], truths[chosen]),
            **{f"constant_{key}": floor[key] for key in _CONSTANT},
            "leak": leak,
            "leak_pattern": pattern,
            "color": color.mean,
            "color_std": color.std,
        }

    found = estimate(figures, renders.person, _ROUNDS)
    angles = key_angle(answers[:, layout.slices["key_position"]], truths[:, layout.slices["key_position"]])
    shares = np.array([HighlightShare(*leak).share for leak in leaks[0]])
    cases = {
        key: ranked_cases(errors, context.posed.names, answers)
        for key, errors in (("key_angle", angles), ("leak", shares))
    }
    return Findings(found.figures, {}, cases, [], found.intervals)


_LEAK_FAULT = (
    "a diffuse error whose pixels were shuffled has nearly as much; the section on highlights shows that, and has a "
    "measure that it does not deceive"
)
_PATTERN_FAULT = (
    "any light from the wrong side looks to it like a highlight; the section on highlights has the better one"
)
_KEY_FAULT = (
    "over pictures whose highlight nobody sees too, where nothing tells of the key light; the section on highlights "
    "leaves them out"
)

SECTION = Section(
    "light",
    "Light on held-out renders",
    "Medians over the pictures, beside the best constant answer. leak: of the true specular light's energy, what the "
    "reconstructed diffuse image holds beyond the true one; pattern: the specular image's pattern in the diffuse "
    "error. Colour error against the true face's rendered colours.",
    (
        Measure("key_angle", "key light: angle", "degrees", limit=15.0, digits=1, fault=_KEY_FAULT),
        Measure("constant_key_angle", "the same, constant answer", "degrees", larger_is_better=None, digits=1),
        Measure("sh_direction", "SH light: direction", "degrees", digits=1),
        Measure("constant_sh_direction", "the same, constant answer", "degrees", larger_is_better=None, digits=1),
        Measure("radiance", "SH light: relative radiance error", digits=3),
        Measure("radiance_free_gain", "the same with a free gain", digits=3),
        Measure("constant_radiance", "the same, constant answer", larger_is_better=None, digits=3),
        Measure("shininess_log2", "shininess: |log2 ratio|"),
        Measure("constant_shininess_log2", "the same, constant answer", larger_is_better=None),
        Measure("leak", "specular energy in the diffuse image", "%", limit=0.20, digits=1, fault=_LEAK_FAULT),
        Measure("leak_pattern", "specular pattern in the diffuse error", "%", digits=1, fault=_PATTERN_FAULT),
        Measure("color", "colour error", digits=4),
        Measure("color_std", "its standard deviation over pixels", larger_is_better=None, digits=4),
    ),
    measure,
)

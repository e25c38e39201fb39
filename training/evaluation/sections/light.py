"""Light on held-out renders: key light, SH light, shininess, and specular light that ends in the diffuse image."""

from __future__ import annotations

import numpy as np
from tqdm import tqdm

from training.evaluation.color_error import ColorError, SpecularLeak, color_error, specular_leak
from training.evaluation.context import Context
from training.evaluation.layers import face_layers
from training.evaluation.light_error import key_angle, light_errors
from training.evaluation.section import Findings, Measure, Section, ranked_cases

_SIDE = 112  # px, of the layers


def measure(context: Context) -> Findings:
    """Medians of the light's errors beside a constant answer's, and the specular leak over the pictures' pixels."""
    model, renders, answers = context.model, context.material.renders, context.render_answers
    layout, truths = model.layout, renders.parameters
    constant = np.tile(truths.mean(axis=0), (len(truths), 1))
    floor = light_errors(layout, constant, truths)
    figures = light_errors(layout, answers, truths)
    figures |= {f"constant_{key}": floor[key] for key in ("key_angle", "radiance", "shininess_log2")}
    index = np.linspace(0, len(renders) - 1, min(context.material.extent.layers, len(renders))).round().astype(int)
    leak, shares, color = SpecularLeak(), np.full(len(index), np.nan), ColorError()
    for n, i in enumerate(tqdm(index, unit="picture", desc="light layers", leave=False)):
        own, true = face_layers(model, answers[i], _SIDE), face_layers(model, truths[i], _SIDE)
        both = own.mask & true.mask
        one = specular_leak(own.diffuse, true.diffuse, true.specular, both)
        leak, shares[n] = leak + one, one.share
        color = color + color_error(np.clip(true.color, 0, 1), np.clip(own.color, 0, 1), both)
    figures |= {"leak": leak.share, "leak_pattern": leak.projected, "color": color.mean, "color_std": color.std}
    angles = key_angle(answers[:, layout.slices["key_position"]], truths[:, layout.slices["key_position"]])
    pictures = [f"render:{i}" for i in range(len(renders))]
    cases = {
        "key_angle": ranked_cases(angles, pictures, list(answers)),
        "leak": ranked_cases(shares, [pictures[i] for i in index], [answers[i] for i in index]),
    }
    return Findings(figures, {}, cases)


SECTION = Section(
    "light",
    "Light on held-out renders",
    "Medians over the pictures, beside the best constant answer. leak: of the true specular light's energy, what the "
    "reconstructed diffuse image holds beyond the true one; pattern: the specular image's pattern in the diffuse "
    "error. Colour error against the true face's rendered colours.",
    (
        Measure("key_angle", "key light: angle", "degrees", limit=15.0, digits=1),
        Measure("constant_key_angle", "the same, constant answer", "degrees", larger_is_better=None, digits=1),
        Measure("radiance", "SH light: relative radiance error", digits=3),
        Measure("radiance_free_gain", "the same with a free gain", digits=3),
        Measure("constant_radiance", "the same, constant answer", larger_is_better=None, digits=3),
        Measure("shininess_log2", "shininess: |log2 ratio|"),
        Measure("constant_shininess_log2", "the same, constant answer", larger_is_better=None),
        Measure("leak", "specular energy in the diffuse image", "%", limit=0.20, digits=1),
        Measure("leak_pattern", "specular pattern in the diffuse error", "%", digits=1),
        Measure("color", "colour error", digits=4),
        Measure("color_std", "its standard deviation over pixels", larger_is_better=None, digits=4),
    ),
    measure,
)

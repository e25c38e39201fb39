"""The sections of `limelight evaluate`."""

from __future__ import annotations

from training.evaluation.section import Section
from training.evaluation.sections import (
    clips,
    expression,
    flicker,
    groups,
    highlights,
    identity,
    light,
    mouth,
    movement,
    people,
    performer,
    photos,
    poses,
    relighting,
    shape,
    solve,
    stability,
)

SECTIONS: dict[str, Section] = {
    module.SECTION.name: module.SECTION
    for module in (
        people,
        photos,
        poses,
        shape,
        mouth,
        movement,
        expression,
        highlights,
        light,
        relighting,
        identity,
        groups,
        solve,
        clips,
        stability,
        flicker,
        performer,
    )
}
"""By name, in the order in which they are measured and reported."""

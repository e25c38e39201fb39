"""Networks beside each other: limits that are met, and what one loses against another."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from training.evaluation.record import Evaluation, NetworkRecord
from training.evaluation.section import Measure, Section
from training.evaluation.sections import SECTIONS

MOST_LOST = 0.15
"""What a network for CPUs may lose against the one for GPUs, on any figure with a limit."""


@dataclass(frozen=True)
class Row:
    """One figure of all networks.

    Attributes:
        section, measure: what it is.
        values: of each network, None where it was not measured.
        intervals: of 95 % of each network, None where there is none.
    """

    section: Section
    measure: Measure
    values: list[float | None]
    intervals: list[tuple[float, float] | None]

    @property
    def met_by_any(self) -> bool | None:
        """Whether a network meets the limit; None where none was measured or nothing is asked."""
        known = [self.measure.met(value) for value in self.values if value is not None]
        return None if not known or self.measure.limit is None else any(known)


def rows(evaluation: Evaluation, section: Section) -> list[Row]:
    """Every figure of a section that a network has, in the section's order."""
    found = [
        Row(
            section,
            measure,
            [record.figure(section.name, measure.key) for record in evaluation.networks],
            [record.interval(section.name, measure.key) for record in evaluation.networks],
        )
        for measure in section.measures
    ]
    return [row for row in found if any(value is not None for value in row.values)]


def limited_rows(evaluation: Evaluation) -> Iterator[Row]:
    """Every figure with a limit, in the order of the sections."""
    for section in SECTIONS.values():
        yield from (row for row in rows(evaluation, section) if row.measure.limit is not None)


def ratio(value: float | None, reference: float | None) -> float:
    """A figure over the reference's, NaN where one is unknown or the reference is 0."""
    if value is None or reference is None or not math.isfinite(reference) or reference == 0.0:
        return math.nan
    return value / reference


def loss_against(row: Row, one: int, other: int) -> float:
    """By what share of network number `other`'s figure network number `one` is worse; below 0 where it is better."""
    own, reference = row.values[one], row.values[other]
    more = ratio(own, reference) - 1.0
    return -more if row.measure.larger_is_better else more


def named(evaluation: Evaluation, name: str) -> int | None:
    """Number of the network of that name."""
    return next((i for i, record in enumerate(evaluation.networks) if record.name == name), None)


def measured_sections(evaluation: Evaluation) -> list[Section]:
    """Sections that some network has, or was to have."""

    def known(record: NetworkRecord, name: str) -> bool:
        return name in record.sections or name in record.left_out

    return [s for s in SECTIONS.values() if any(known(record, s.name) for record in evaluation.networks)]

"""What a section of the evaluation is: what it measures, and what it finds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from facemodel import LimelightError

if TYPE_CHECKING:
    from training.evaluation.context import Context

_OUTLIERS = 0.02  # of 100 cases or more, at either end: what is wrong there may be the label
_UNITS = {"": "", "%": " %", "degrees": "°", "mm": " mm"}


class UnmeasuredError(LimelightError):
    """Says in one line what a section lacks; the section is then left out."""


@dataclass(frozen=True)
class Measure:
    """A figure of a section.

    Attributes:
        key: of `Findings.figures`.
        title: for people.
        unit: "%" (of a fraction), "mm", "degrees", or empty for none.
        limit: what must hold; None where nothing is asked.
        larger_is_better: says that the limit is the least allowed; None for a figure without a direction.
        digits: shown after the point.
        fault: says, as a clause, why the figure is a bad measure of its title; empty for a good one. A bad measure is
            still reported, and marked, to compare with older reports.
    """

    key: str
    title: str
    unit: str = ""
    limit: float | None = None
    larger_is_better: bool | None = False
    digits: int = 2
    fault: str = ""

    def met(self, value: float) -> bool | None:
        """Return whether a value is within the limit, which NaN is not; None without a limit."""
        if self.limit is None:
            return None
        return bool(value >= self.limit if self.larger_is_better else value <= self.limit)

    def shown(self, value: float) -> str:
        """Return the value with its unit."""
        return self._digits(value) + _UNITS[self.unit] if np.isfinite(value) else "none"

    def shown_interval(self, interval: tuple[float, float]) -> str:
        """Return the interval (low, high) without its unit."""
        return " to ".join(map(self._digits, interval))

    def _digits(self, value: float) -> str:
        return f"{value * (100.0 if self.unit == '%' else 1.0):.{self.digits}f}"


def count(key: str, title: str) -> Measure:
    """Return the measure of how many there are."""
    return Measure(key, title, digits=0, larger_is_better=None)


@dataclass(frozen=True)
class Case:
    """One example of a measure, with what is needed to draw it again.

    Attributes:
        rank: `best`, `median` or `worst`.
        error: by which it is that, in the unit of the measure.
        picture: `render:N` and `random:N` of the render sets, or `photo:collection/file`.
        vector: (P,) the network's answer, in px of the crop of a render or of the photo.
    """

    rank: str
    error: float
    picture: str
    vector: list[float]


@dataclass(frozen=True)
class Findings:
    """What a section found.

    Attributes:
        figures: by key of its measures.
        tables: further figures, {table: {row: {column: value}}}.
        cases: {key of a measure: its best, median and worst case}.
        notes: say in a line each what was left out.
        intervals: {figure: (low, high)} of 95 %, by `bootstrap`; not every figure has one.
    """

    figures: dict[str, float]
    tables: dict[str, dict[str, dict[str, float]]] = field(default_factory=dict)
    cases: dict[str, list[Case]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    intervals: dict[str, tuple[float, float]] = field(default_factory=dict)


@dataclass(frozen=True)
class Section:
    """One part of the evaluation.

    Attributes:
        name: in JSON and on the command line.
        title: for people.
        about: says in a few sentences what it measures on what.
        measures: its figures in order; those that `measure` does not find are absent from the report.
        measure: finds them; raises `UnmeasuredError` where it lacks something.
    """

    name: str
    title: str
    about: str
    measures: tuple[Measure, ...]
    measure: Callable[[Context], Findings]


def ranked_cases(
    errors: NDArray[np.floating], pictures: Sequence[str], vectors: Sequence[NDArray | None] | NDArray
) -> list[Case]:
    """Return best, median and worst case by errors (N,), NaN where there is none."""
    order = np.flatnonzero(np.isfinite(errors))
    order = order[np.argsort(errors[order], kind="stable")]
    if not len(order):
        return []
    skipped = int(_OUTLIERS * len(order)) if len(order) >= 100 else 0
    cases = []
    for rank, place in (("best", skipped), ("median", len(order) // 2), ("worst", len(order) - 1 - skipped)):
        index = int(order[place])
        vector = vectors[index]
        if vector is not None:
            numbers = [float(f"{number:.7g}") for number in vector]  # as the file has them: it draws the same
            cases.append(Case(rank, float(errors[index]), pictures[index], numbers))
    return cases

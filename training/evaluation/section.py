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


class UnmeasuredError(LimelightError):
    """What a section needs is not there: it is left out, and the reason is told in one line."""


@dataclass(frozen=True)
class Measure:
    """A figure of a section.

    Attributes:
        key: of `Findings.figures`.
        title: for people.
        unit: "%" (of a fraction), "mm", "degrees" or another; empty for none.
        limit: what must hold; None where nothing is asked.
        larger_is_better: the limit is then the least allowed; a figure without a direction has None.
        digits: shown after the point.
        fault: why the figure is a bad measure of what its title says, a clause; empty for a good one. A bad measure is
            still reported, to compare with older reports, and marked.
    """

    key: str
    title: str
    unit: str = ""
    limit: float | None = None
    larger_is_better: bool | None = False
    digits: int = 2
    fault: str = ""

    def met(self, value: float) -> bool | None:
        """Whether a value is within the limit; None without one. A value that is NaN is not."""
        if self.limit is None:
            return None
        return bool(value >= self.limit if self.larger_is_better else value <= self.limit)

    def shown(self, value: float) -> str:
        """The value with its unit."""
        if not np.isfinite(value):
            return "none"
        factor = 100.0 if self.unit == "%" else 1.0
        unit = {"": "", "%": " %", "degrees": "°"}.get(self.unit, f" {self.unit}")
        return f"{value * factor:.{self.digits}f}{unit}"

    def shown_interval(self, interval: tuple[float, float]) -> str:
        """Return the interval (low, high) without its unit."""
        factor = 100.0 if self.unit == "%" else 1.0
        low, high = (f"{value * factor:.{self.digits}f}" for value in interval)
        return f"{low} to {high}"


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
        notes: one line each, such as what was left out.
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
        about: what it measures on what, one or two sentences.
        measures: its figures in order; those that `measure` does not find are absent from the report.
        measure: takes what is there; raises `UnmeasuredError` where it lacks something.
    """

    name: str
    title: str
    about: str
    measures: tuple[Measure, ...]
    measure: Callable[[Context], Findings]


def ranked_cases(
    errors: NDArray[np.floating], pictures: Sequence[str], vectors: Sequence[NDArray | None], share: float = 0.02
) -> list[Case]:
    """Best, median and worst case by errors (N,), NaN where there is none.

    Args:
        share: of the cases is skipped at both ends only where there are 100 or more: an outlier of the labels is none
            of the network.
    """
    order = np.flatnonzero(np.isfinite(errors))
    order = order[np.argsort(errors[order], kind="stable")]
    if not len(order):
        return []
    skipped = int(share * len(order)) if len(order) >= 100 else 0
    places = {"best": skipped, "median": len(order) // 2, "worst": len(order) - 1 - skipped}
    cases = []
    for rank, place in places.items():
        index = int(order[place])
        vector = vectors[index]
        if vector is not None:
            numbers = [float(f"{number:.7g}") for number in vector]  # as the file has them: it draws the same
            cases.append(Case(rank, float(errors[index]), pictures[index], numbers))
    return cases

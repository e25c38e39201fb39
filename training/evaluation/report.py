"""The report: networks beside each other as Markdown, limits that are met, and what one loses against another."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from training.evaluation.ablation import Ablation, ablation_lines
from training.evaluation.record import Evaluation
from training.evaluation.section import Measure, Section
from training.evaluation.sections import SECTIONS

_MOST_LOST = 0.15  # that a network for CPUs may lose against the one for GPUs, on any figure with a limit
_PAIRS = (("student", "resnet50"), ("student-open", "student"))
"""What is compared with what, where both are there; the first pair is what `_MOST_LOST` is for."""


@dataclass(frozen=True)
class Pictures:
    """Pictures that the report shows, by network, as paths from the report.

    Attributes:
        cases: best, median and worst renders. curves: of the training.
    """

    cases: dict[str, str] = field(default_factory=dict)
    curves: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Row:
    """One figure of all networks.

    Attributes:
        section, measure: say what it is.
        values: of each network, None where it was not measured.
        intervals: of 95 % of each network, None where there is none.
    """

    section: Section
    measure: Measure
    values: list[float | None]
    intervals: list[tuple[float, float] | None]

    @property
    def title(self) -> str:
        """The measure's title, marked if it is a bad one."""
        return self.measure.title + (" †" if self.measure.fault else "")

    def cell(self, number: int) -> str:
        """Return the value of a network with its interval."""
        value, interval = self.values[number], self.intervals[number]
        if value is None:
            return "–"
        return self.measure.shown(value) + (f" ({self.measure.shown_interval(interval)})" if interval else "")

    def judged(self, number: int) -> str:
        """Return the value of a network and whether it is within the limit."""
        value = self.values[number]
        if value is None:
            return "–"
        return f"{self.measure.shown(value)} {'met' if self.measure.met(value) else '**not met**'}"

    def ratio(self, one: int, other: int) -> float:
        """Return network number `one`'s figure over `other`'s, NaN where one is unknown or the latter is 0."""
        value, reference = self.values[one], self.values[other]
        if value is None or reference is None or not math.isfinite(reference) or reference == 0.0:
            return math.nan
        return value / reference

    def loss(self, one: int, other: int) -> float:
        """Return by what share network number `one` is worse than `other`; below 0 where it is better."""
        more = self.ratio(one, other) - 1.0
        return -more if self.measure.larger_is_better else more


def rows(evaluation: Evaluation, section: Section) -> list[Row]:
    """Return every figure of a section that a network has, in the section's order."""
    found = []
    for measure in section.measures:
        where = section.name, measure.key
        values = [record.figure(*where) for record in evaluation.networks]
        if any(value is not None for value in values):
            found.append(Row(section, measure, values, [record.interval(*where) for record in evaluation.networks]))
    return found


def limited_rows(evaluation: Evaluation) -> Iterator[Row]:
    """Yield every figure with a limit, in the order of the sections."""
    for section in SECTIONS.values():
        yield from (row for row in rows(evaluation, section) if row.measure.limit is not None)


def markdown(
    evaluation: Evaluation, ablation: Ablation | None = None, pictures: Pictures | None = None, remarks: str = ""
) -> str:
    """Return the report's text.

    Args:
        evaluation: what was measured.
        ablation: a table of runs with a loss left out each.
        pictures: to show.
        remarks: Markdown of people, which follows what must hold: what the figures do not say by themselves.
    """
    pictures = pictures or Pictures()
    lines = ["# How good the networks are", "", *_introduction(evaluation), "", "## What must hold", ""]
    lines += _summary(evaluation)
    if remarks.strip():
        lines += ["", "## Remarks", "", remarks.strip()]
    for section in SECTIONS.values():
        if any(section.name in record.sections | record.left_out for record in evaluation.networks):
            lines += ["", f"## {section.title}", "", section.about, "", *_section(evaluation, section)]
    if ablation is not None:
        lines += ["", "## Ablation", "", *ablation_lines(ablation)]
    for title, paths, about in (
        ("Learning curves", pictures.curves, "Held-out figures during training."),
        (
            "Cases",
            pictures.cases,
            "Best, median and worst renders by each measure (of 100 or more, 2 % at each end are left out).",
        ),
    ):
        if paths:
            lines += ["", f"## {title}", "", about]
            for name, path in paths.items():
                lines += ["", f"{name}:", "", f"![{title} of {name}]({path})"]
    return "\n".join(lines) + "\n"


def table(header: Sequence[str], body: Sequence[Sequence[str]]) -> list[str]:
    """Return a Markdown table; every column but the first is aligned right."""
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *body]
    return [f"| {' | '.join(line)} |" for line in lines]


def _introduction(evaluation: Evaluation) -> list[str]:
    extent = evaluation.extent
    body = [(f"`{r.name}`", str(r.resolution), f"{r.megabytes:.1f}") for r in evaluation.networks]
    return [
        "Made by `limelight evaluate --report`, from figures that it measured on the exported networks themselves, run "
        f"as they run live. {extent.people} held-out random people give {30 * extent.people} renders, "
        f"{extent.random_renders} more have random expressions; photos are of people whom no training saw, split by "
        "name. Errors are means over pictures unless a line says otherwise; an NME is in per cent of the square root "
        "of the area of the reference points' box. In brackets: 95 % intervals by bootstrap over people, or over clips "
        "or photos where these are what there is several of. † marks a bad measure, kept to compare with older "
        "reports; its section says what is wrong with it.",
        "",
        *table(("network", "input, px", "file, MB"), body),
    ]


def _summary(evaluation: Evaluation) -> list[str]:
    found, networks = list(limited_rows(evaluation)), evaluation.networks
    if not found:
        return ["Nothing that has a limit was measured."]
    names = [record.name for record in networks]
    header, body = ["figure", "limit", *(f"`{name}`" for name in names)], []
    for row in found:
        sign = "at least" if row.measure.larger_is_better else "at most"
        limit = f"{sign} {row.measure.shown(row.measure.limit or 0.0)}"
        body.append([f"{row.section.title}: {row.title}", limit, *map(row.judged, range(len(names)))])
        if len(names) > 1:
            met = any(value is not None and row.measure.met(value) for value in row.values)
            body[-1].append("yes" if met else "**no**")
    lines = table(header + ["met by one"] * (len(names) > 1), body)
    for name, values in zip(names, zip(*(row.values for row in found), strict=True), strict=True):
        judged = [row.measure.met(v) for row, v in zip(found, values, strict=True) if v is not None]
        lines += ["", f"`{name}` meets {sum(map(bool, judged))} of {len(judged)} limits that were measured."]
    for one, other in _PAIRS:
        if one in names and other in names:
            lines += ["", _loss(found, one, other, names.index(one), names.index(other))]
    return lines


def _loss(found: list[Row], one: str, other: str, first: int, second: int) -> str:
    """What one network loses against another on the figures that have a limit."""
    losses = [(loss, row.measure.title) for row in found if math.isfinite(loss := row.loss(first, second))]
    more = sorted((loss for loss in losses if loss[0] > _MOST_LOST), reverse=True)
    limit = f"{100 * _MOST_LOST:.0f} % against `{other}` on"
    if not more:
        return f"`{one}` loses at most {limit} each of these {len(losses)} figures."
    worst = "; ".join(f"{title} {100 * loss:.0f} %" for loss, title in more)
    return f"`{one}` loses more than {limit} {len(more)} of these {len(losses)} figures: {worst}."


def _section(evaluation: Evaluation, section: Section) -> list[str]:
    networks, found = evaluation.networks, rows(evaluation, section)
    lines = []
    if found:
        header = ["figure", "limit", *(f"`{record.name}`" for record in networks)]
        header += [f"`{record.name}` / `{networks[0].name}`" for record in networks[1:]]
        body = []
        for row in found:
            limit = "" if row.measure.limit is None else row.measure.shown(row.measure.limit)
            ratios = [row.ratio(number, 0) for number in range(1, len(networks))]
            directed = row.measure.larger_is_better is not None
            body.append([row.title, limit, *map(row.cell, range(len(networks)))])
            body[-1] += [f"{ratio:.2f}" if directed and math.isfinite(ratio) else "" for ratio in ratios]
        lines += table(header, body)
    for fault in dict.fromkeys(row.measure.fault for row in found if row.measure.fault):
        titles = "; ".join(row.measure.title for row in found if row.measure.fault == fault)
        lines += ["", f"† {titles}: {fault}."]
    for record in networks:
        if section.name in record.left_out:
            lines += ["", f"Left out for `{record.name}`: {record.left_out[section.name]}."]
        if section.name in record.sections:
            findings = record.sections[section.name]
            for note in findings.notes:
                lines += ["", f"`{record.name}`: {note}."]
            for title, content in findings.tables.items():
                lines += ["", "<details>", f"<summary><code>{record.name}</code>: {title}</summary>", ""]
                lines += [*_folded(content), "", "</details>"]
    return lines


def _folded(content: dict[str, dict[str, float]]) -> list[str]:
    columns = list(dict.fromkeys(column for row in content.values() for column in row))
    return table(("", *columns), [(name, *(_number(row.get(c)) for c in columns)) for name, row in content.items()])


def _number(value: float | None) -> str:
    if value is None or not math.isfinite(value):
        return "–"
    return f"{value:.0f}" if float(value).is_integer() and abs(value) >= 2 else f"{value:.3g}"

"""The report: an evaluation as Markdown."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

from training.evaluation.ablation import Ablation, ablation_lines
from training.evaluation.comparison import (
    MOST_LOST,
    Row,
    limited_rows,
    loss_against,
    measured_sections,
    named,
    ratio,
    rows,
)
from training.evaluation.record import Evaluation, NetworkRecord
from training.evaluation.section import Findings, Section

_MARK = " †"
"""Follows the title of a bad measure."""

_PAIRS = (("student", "resnet50"), ("student-open", "student"))
"""What is compared with what, where both are there; the first pair is what a limit is set for."""


@dataclass(frozen=True)
class Pictures:
    """Pictures that the report shows, by network, as paths from the report.

    Attributes:
        cases: best, median and worst renders. curves: of the training.
    """

    cases: dict[str, str] = field(default_factory=dict)
    curves: dict[str, str] = field(default_factory=dict)


def markdown(
    evaluation: Evaluation, ablation: Ablation | None = None, pictures: Pictures | None = None, remarks: str = ""
) -> str:
    """The report's text.

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
    for section in measured_sections(evaluation):
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
    """A Markdown table; every column but the first is aligned right."""
    return [
        f"| {' | '.join(header)} |",
        f"| --- |{' ---: |' * (len(header) - 1)}",
        *(f"| {' | '.join(line)} |" for line in body),
    ]


def _introduction(evaluation: Evaluation) -> list[str]:
    extent = evaluation.extent
    networks = table(
        ("network", "input, px", "file, MB"),
        [(f"`{r.name}`", str(r.resolution), f"{r.megabytes:.1f}") for r in evaluation.networks],
    )
    return [
        "Made by `limelight evaluate --report`, from figures that it measured on the exported networks themselves, run "
        f"as they run live. {extent.people} held-out random people give {30 * extent.people} renders, "
        f"{extent.random_renders} more have random expressions; photos are of people whom no training saw, split by "
        "name. Errors are means over pictures unless a line says otherwise; an NME is in per cent of the square root "
        "of the area of the reference points' box. In brackets: 95 % intervals by bootstrap over people. † marks a bad "
        "measure, kept to compare with older reports; its section says what is wrong with it.",
        "",
        *networks,
    ]


def _summary(evaluation: Evaluation) -> list[str]:
    found = list(limited_rows(evaluation))
    if not found:
        return ["Nothing that has a limit was measured."]
    several = len(evaluation.networks) > 1
    header = ["figure", "limit", *(f"`{record.name}`" for record in evaluation.networks)]
    body = []
    for row in found:
        assert row.measure.limit is not None
        sign = "at least" if row.measure.larger_is_better else "at most"
        cells = [f"{row.section.title}: {_title(row)}", f"{sign} {row.measure.shown(row.measure.limit)}"]
        cells += [_judged(row, value) for value in row.values]
        body.append([*cells, {True: "yes", False: "**no**", None: "–"}[row.met_by_any]] if several else cells)
    lines = table([*header, "met by one"] if several else header, body)
    for record, values in zip(evaluation.networks, zip(*(row.values for row in found), strict=True), strict=True):
        judged = [row.measure.met(v) for row, v in zip(found, values, strict=True) if v is not None]
        lines += ["", f"`{record.name}` meets {sum(map(bool, judged))} of {len(judged)} limits that were measured."]
    for one, other in _PAIRS:
        lines += _loss(evaluation, found, one, other)
    return lines


def _title(row: Row) -> str:
    return row.measure.title + (_MARK if row.measure.fault else "")


def _judged(row: Row, value: float | None) -> str:
    if value is None:
        return "–"
    return f"{row.measure.shown(value)} {'met' if row.measure.met(value) else '**not met**'}"


def _loss(evaluation: Evaluation, found: list[Row], one: str, other: str) -> list[str]:
    """What one network loses against another on the figures that have a limit."""
    first, second = named(evaluation, one), named(evaluation, other)
    if first is None or second is None:
        return []
    losses = [(row, loss) for row in found if math.isfinite(loss := loss_against(row, first, second))]
    more = [(row, loss) for row, loss in losses if loss > MOST_LOST]
    if not more:
        return [
            "",
            f"`{one}` loses at most {100 * MOST_LOST:.0f} % against `{other}` on each of these {len(losses)} figures.",
        ]
    worst = "; ".join(f"{row.measure.title} {100 * loss:.0f} %" for row, loss in sorted(more, key=lambda m: -m[1]))
    return [
        "",
        f"`{one}` loses more than {100 * MOST_LOST:.0f} % against `{other}` on {len(more)} of these {len(losses)} "
        f"figures: {worst}.",
    ]


def _section(evaluation: Evaluation, section: Section) -> list[str]:
    networks = evaluation.networks
    lines = []
    found = rows(evaluation, section)
    if found:
        header = ["figure", "limit", *(f"`{record.name}`" for record in networks)]
        header += [f"`{record.name}` / `{networks[0].name}`" for record in networks[1:]]
        body = []
        for row in found:
            limit = "" if row.measure.limit is None else row.measure.shown(row.measure.limit)
            cells = [_title(row), limit, *map(partial(_cell, row), row.values, row.intervals)]
            directed = row.measure.larger_is_better is not None
            ratios = [ratio(value, row.values[0]) for value in row.values[1:]]
            body.append(cells + [f"{r:.2f}" if directed and math.isfinite(r) else "" for r in ratios])
        lines += table(header, body)
    for fault in dict.fromkeys(row.measure.fault for row in found if row.measure.fault):
        titles = "; ".join(row.measure.title for row in found if row.measure.fault == fault)
        lines += ["", f"† {titles}: {fault}."]
    for record in networks:
        if section.name in record.left_out:
            lines += ["", f"Left out for `{record.name}`: {record.left_out[section.name]}."]
        if section.name in record.sections:
            lines += _more(record, record.sections[section.name])
    return lines


def _cell(row: Row, value: float | None, interval: tuple[float, float] | None) -> str:
    """A value with its interval."""
    if value is None:
        return "–"
    return row.measure.shown(value) + (f" ({row.measure.shown_interval(interval)})" if interval else "")


def _more(record: NetworkRecord, findings: Findings) -> list[str]:
    """Notes and further tables of one network, the tables folded away."""
    lines: list[str] = []
    for note in findings.notes:
        lines += ["", f"`{record.name}`: {note}."]
    for title, content in findings.tables.items():
        columns = list(dict.fromkeys(column for row in content.values() for column in row))
        body = [(name, *(_number(row.get(column)) for column in columns)) for name, row in content.items()]
        lines += ["", "<details>", f"<summary><code>{record.name}</code>: {title}</summary>", ""]
        lines += [*table(("", *columns), body), "", "</details>"]
    return lines


def _number(value: float | None) -> str:
    if value is None or not math.isfinite(value):
        return "–"
    return f"{value:.0f}" if float(value).is_integer() and abs(value) >= 2 else f"{value:.3g}"

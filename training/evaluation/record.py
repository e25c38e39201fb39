"""What `limelight evaluate` writes to JSON: every figure, and what its report and gallery are made of."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from facemodel import LimelightError
from facemodel.whole_files import write_text
from training.evaluation.context import Context, Extent
from training.evaluation.section import Case, Findings, UnmeasuredError
from training.evaluation.sections import SECTIONS

_FORMAT = 1


@dataclass(frozen=True)
class NetworkRecord:
    """One network's figures.

    Attributes:
        name: of the network.
        resolution: side of its input, px.
        megabytes: of its file.
        sections: findings by section.
        left_out: {section: why it was not measured}.
        history: validations of its training, {figure: value} each, with step and minutes; may be empty.
    """

    name: str
    resolution: int
    megabytes: float
    sections: dict[str, Findings] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    history: list[dict[str, float]] = field(default_factory=list)

    def figure(self, section: str, key: str) -> float | None:
        """Return a figure, None where it was not measured."""
        found = self.sections.get(section)
        return None if found is None else found.figures.get(key)

    def interval(self, section: str, key: str) -> tuple[float, float] | None:
        """Return the 95 % interval of a figure, None where there is none."""
        found = self.sections.get(section)
        return None if found is None else found.intervals.get(key)

    def joined(self, later: NetworkRecord) -> NetworkRecord:
        """Return `later` with the sections and the history of this one that it lacks."""
        sections = self.sections | later.sections
        left_out = {name: why for name, why in (self.left_out | later.left_out).items() if name not in sections}
        return replace(later, sections=sections, left_out=left_out, history=later.history or self.history)


@dataclass(frozen=True)
class Evaluation:
    """Networks measured with the same face model to the same extent.

    Attributes:
        model_digest: of the face model.
        extent: how much was measured.
        networks: in the order in which they are reported; names differ.
    """

    model_digest: str
    extent: Extent
    networks: list[NetworkRecord]

    def with_network(self, record: NetworkRecord) -> Evaluation:
        """Return this with one network more, or with its figures replaced."""
        networks = {known.name: known for known in self.networks} | {record.name: record}
        return replace(self, networks=list(networks.values()))


def measure_network(
    context: Context, record: NetworkRecord, names: Sequence[str], report: Callable[[NetworkRecord, str], None]
) -> NetworkRecord:
    """Return the record with the findings of the named sections.

    Args:
        context: the network before the material.
        record: of the network, with what is known of it already.
        names: of SECTIONS.
        report: is told the record after each section, and the section's name: to show it and to save it.
    Raises LimelightError: something is there, but unreadable.
    """
    for name in names:
        try:
            record = replace(record, sections=record.sections | {name: SECTIONS[name].measure(context)})
        except UnmeasuredError as error:
            record = replace(record, left_out=record.left_out | {name: str(error)})
        report(record, name)
    return record


def write_evaluation(path: Path, evaluation: Evaluation) -> None:
    """Write the JSON, whole or not at all; what is not a number becomes null.

    Raises LimelightError: the file cannot be written.
    """
    write_text(path, json.dumps(_plain({"format": _FORMAT, **asdict(evaluation)}), indent=1) + "\n")


def read_evaluations(paths: Sequence[Path]) -> Evaluation:
    """Read what `write_evaluation` wrote, several files as one.

    Where two hold the same section of a network, the later one's figures count.

    Raises LimelightError: a file is missing, something else, or measured with another face model or to another extent.
    """
    together, *others = map(_read_evaluation, paths)
    for path, more in zip(paths[1:], others, strict=True):
        for what, one, other in (
            ("face model", together.model_digest, more.model_digest),
            ("extent", together.extent, more.extent),
        ):
            if one != other:
                raise LimelightError(f"figures {path}: measured with another {what} than {paths[0]}; measure one anew")
        for record in more.networks:
            known = next((one for one in together.networks if one.name == record.name), record)
            together = together.with_network(known.joined(record))
    return together


def _read_evaluation(path: Path) -> Evaluation:
    values = read_json(path, "figures")
    try:
        if values["format"] != _FORMAT:
            raise LimelightError(f"figures {path}: of format {values['format']}, not {_FORMAT}; measure them anew")
        networks = [
            NetworkRecord(
                **network
                | {
                    "sections": {name: _findings(found) for name, found in network["sections"].items()},
                    "history": _numbers(network["history"]),
                }
            )
            for network in values["networks"]
        ]
        return Evaluation(values["model_digest"], Extent(**values["extent"]), networks)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise LimelightError(f"figures {path}: not what 'limelight evaluate --json' writes ({error!r})") from error


def read_json(path: Path, what: str) -> dict[str, Any]:
    """Read a JSON object, `what` by name, from a file.

    Raises LimelightError: the file is missing, unreadable, or no JSON object.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise LimelightError(f"{what} {path}: cannot be read ({error.strerror})") from error
    except ValueError as error:
        raise LimelightError(f"{what} {path}: not JSON ({error})") from error
    if not isinstance(values, dict):
        raise LimelightError(f"{what} {path}: expected a JSON object, got {type(values).__name__}")
    return values


def _findings(values: dict[str, Any]) -> Findings:
    values = _numbers(values)
    cases = {key: [Case(**case) for case in cases] for key, cases in values["cases"].items()}
    intervals = {key: (low, high) for key, (low, high) in values.get("intervals", {}).items()}
    return Findings(**values | {"cases": cases, "intervals": intervals})


def _numbers(value: Any) -> Any:
    """Values of JSON, NaN for null."""
    if isinstance(value, dict):
        return {key: _numbers(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [_numbers(entry) for entry in value]
    return math.nan if value is None else value


def _plain(value: Any) -> Any:
    """JSON values, null for numbers that are none."""
    if isinstance(value, dict):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    if isinstance(value, float):
        return float(f"{value:.7g}") if math.isfinite(value) else None
    return value

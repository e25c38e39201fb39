"""Measures one network, section by section."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from training.evaluation.context import Context
from training.evaluation.record import NetworkRecord
from training.evaluation.section import UnmeasuredError
from training.evaluation.sections import SECTIONS


def measure_network(
    context: Context,
    record: NetworkRecord,
    names: Sequence[str],
    report: Callable[[NetworkRecord, str], None],
) -> NetworkRecord:
    """The record with the findings of the named sections.

    Args:
        context: the network before the material.
        record: of the network, with what is known of it already.
        names: of SECTIONS.
        report: told the record after each section, and the section's name: to show it and to save it.

    Raises:
        LimelightError: something is there, but unreadable.
    """
    for name in names:
        try:
            record = replace(record, sections=record.sections | {name: SECTIONS[name].measure(context)})
        except UnmeasuredError as error:
            record = replace(record, left_out=record.left_out | {name: str(error)})
        report(record, name)
    return record

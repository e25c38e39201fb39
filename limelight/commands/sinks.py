"""`limelight sinks`: where results can go."""

from __future__ import annotations

import argparse


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add the sub-command."""
    parser = subparsers.add_parser(
        "sinks",
        help="list where results can go",
        description="Lists the kinds of sinks with examples of their addresses, for "
        "'limelight run --sink ADDRESS' and 'limelight stream ADDRESS'.",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:  # noqa: ARG001 (it takes none)
    """List them; returns the exit status."""
    from realtime.sinks.registry import KINDS

    for kind in KINDS:
        print(f"{kind.name}: {kind.title}")
        for address, what in kind.examples:
            print(f"  --sink {address:<24} {what}")
        if kind.options:
            print(f"  options: {', '.join(kind.options)}")
    return 0

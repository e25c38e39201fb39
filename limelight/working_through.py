"""What `run --headless` and `replay --headless` have in common: a feed is worked through, and files are left."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from realtime.interruption import finishing_files

if TYPE_CHECKING:
    from facemodel.output_files import Outputs
    from realtime.loop.loop import Loop
    from realtime.session import Session


def claim_outputs(command: str, source: str | None, addresses: Sequence[str], force: bool) -> Outputs:
    """Refuse outputs that may not be written, before anything is opened.

    Args:
        command: that writes them.
        source: that is read: an input, if it is a file, and each of its images, if it is a folder.
        addresses: of sinks; those that are files are outputs.
        force: replace files that exist.

    Raises:
        LimelightError: an output is the source, exists, stands twice, or can never be written.
    """
    from facemodel.output_files import Outputs
    from realtime.sinks.address import Address
    from realtime.sources import local_path
    from realtime.sources.images import list_images

    path = local_path(source) if source else ""
    inputs = [Path(path)] if path and os.path.exists(path) else []  # noqa: PTH110 (False where nobody may look)
    if inputs and inputs[0].is_dir():
        inputs = list_images(inputs[0])
    outputs = Outputs(command, inputs, force)
    for address in map(Address.parse, addresses):
        if not address.scheme:
            outputs.claim(Path(address.path))
    return outputs


def work_through(session: Session, start: Callable[[], Loop], outputs: Outputs, frames: int | None = None) -> int:
    """Work a feed through with a status line, finish the files, and print one line of JSON.

    Args:
        session: with its sinks.
        start: opens the feed.
        outputs: the files that sinks write.
        frames: how many there will be, as far as is known.

    Returns:
        The exit status: 130 or 128 + the signal's number after an interruption.
    """
    from tqdm import tqdm

    from realtime.headless import run_headless

    terminal = _Terminal()
    with (
        outputs.replacing(),
        finishing_files() as interrupted,
        tqdm(unit="frame", total=frames, disable=None, leave=False, file=terminal) as progress,
    ):
        interrupted.opening = True

        def open_feed() -> Loop:
            loop = start()
            interrupted.opening = False
            return loop

        outcome = run_headless(
            session,
            open_feed,
            lambda: bool(interrupted),
            lambda line: tqdm.write(f"limelight: {line}", file=terminal),
            lambda count: progress.update(count - progress.n),
        )
    for problem in outcome.problems:
        print(f"limelight: error: {problem}", file=terminal)
    for path in outputs.claimed:
        if outputs.written(path, whole=not interrupted and not outcome.problems):
            print(f"limelight: written: {path}", file=terminal)
    print(json.dumps(outcome.summary()))
    if outcome.problems:
        return 1
    return 128 + interrupted.number if interrupted.number is not None else 0


class _Terminal:
    """Standard error that may go away: a window that is closed takes no more lines, and that is no reason to stop."""

    def write(self, text: str) -> None:
        with suppress(OSError):
            sys.stderr.write(text)

    def flush(self) -> None:
        with suppress(OSError):
            sys.stderr.flush()

    def isatty(self) -> bool:
        return sys.stderr.isatty()

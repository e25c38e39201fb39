"""What `run --headless` and `replay --headless` have in common: a feed is worked through, and files are left."""

from __future__ import annotations

import json
import math
import os
import re
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from time import monotonic
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


def open_telling(session: Session, source: str | None) -> Loop:
    """Open a source or a take, and say what of a known person holds for it."""
    loop = session.open(source)
    if (line := session.sitter.line) and session.take is None:
        print(f"limelight: {line}", file=sys.stderr)
    return loop


def work_through(
    session: Session, start: Callable[[], Loop], outputs: Outputs, frames: int | None = None, seconds: float = math.inf
) -> int:
    """Work a feed through with a status line, finish the files, and print one line of JSON.

    Args:
        session: with its sinks.
        start: opens the feed.
        outputs: the files that sinks write.
        frames: how many there will be, as far as is known.
        seconds: that it goes on for at most.

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
        end = math.inf
        told: dict[str, str] = {}

        def open_feed() -> Loop:
            nonlocal end
            loop = start()
            interrupted.opening = False
            end = monotonic() + seconds
            return loop

        def say(line: str) -> None:
            tqdm.write(f"limelight: {line}", file=terminal)

        def show(count: int) -> None:
            streams = [sink for sink in session.sinks() if "://" in sink.address]
            for stream in streams:
                words = re.sub(r"\d+", "", stream.line)  # counts alone are no news
                if words != told.get(stream.address):
                    told[stream.address] = words
                    say(f"{stream.address} {stream.line}")
            progress.set_postfix_str("; ".join(stream.line for stream in streams), refresh=False)
            progress.update(count - progress.n)

        outcome = run_headless(
            session,
            open_feed,
            lambda: bool(interrupted) or monotonic() >= end,
            say,
            show,
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


def has_display() -> bool:
    """Return whether a window can be shown: always on macOS and Windows, with X11 or Wayland elsewhere."""
    if sys.platform in ("darwin", "win32"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


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

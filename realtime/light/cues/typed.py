"""What a cue says in the words of show files, one at a time, as people read and type it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from facemodel import LimelightError
from realtime.light.cues.cue import Cue, CueNumber, Times

_USUAL = {"time": Times(), "delay": Times(0.0)}


def told(cue: Cue, word: str) -> str:
    """Return what a cue says for a word, "" for nothing.

    Args:
        cue: that is asked.
        word: `name`, `notes`, `link`, `follow`, `hang`, or `time` or `delay` and what of: `time up`, `delay color`.
    """
    group, _, part = word.partition(" ")
    value = getattr(getattr(cue, group), part) if part else getattr(cue, word)
    if isinstance(value, float):
        return f"{value:.10g}"
    return "" if value is None else str(value)


def typed(cue: Cue, word: str, text: str) -> Cue:
    """Return a cue that says something else for a word, by the rules of show files.

    Args:
        cue: that was edited.
        word: see `told`.
        text: that a person typed; "" for what a cue has that does not say it.

    Raises:
        LimelightError: a cue cannot have that.
    """
    text = text.strip()
    group, _, part = word.partition(" ")
    said: dict[str, Any]
    try:
        if part:
            seconds = _number(text) if text else getattr(_USUAL[group], part)
            said = {group: replace(getattr(cue, group), **{part: seconds})}
        elif word == "link":
            said = {word: CueNumber.of(text) if text else None}
        elif word in ("follow", "hang"):
            said = {word: _number(text) if text else None}
        else:
            said = {word: text}
        return replace(cue, **said)
    except LimelightError as error:
        where, line = f"cue {cue.number}: ", str(error)
        raise LimelightError(line if line.startswith(where) else f"{where}{group}: {line}") from None


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise LimelightError(f"must be a number, got {text!r}") from None

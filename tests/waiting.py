"""Waiting for what another thread, a timer, a socket or another process brings about."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from facemodel import LimelightError
from realtime.takes import load_take

PATIENCE = 60.0
"""s that a busy machine may need for anything; a test that passes waits for less."""


def wait_for(what: Callable[[], object], seconds: float = PATIENCE) -> object:
    """Wait until something holds, and return it."""
    end = time.monotonic() + seconds
    while not (held := what()):
        assert time.monotonic() < end, f"it did not come about: {what}"
        time.sleep(0.005)
    return held


def frames_in(take: Path) -> int:
    """Return how many frames there are by now in a take that another process writes."""
    try:
        return len(load_take(take))
    except LimelightError:
        return 0

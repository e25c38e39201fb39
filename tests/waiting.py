"""Waiting for what another thread, a timer, a socket or another process brings about."""

from __future__ import annotations

import time
from collections.abc import Callable

PATIENCE = 60.0
"""s that a busy machine may need for anything; a test that passes waits for less."""


def wait_for(what: Callable[[], object], seconds: float = PATIENCE) -> object:
    """Wait until something holds, and return it."""
    end = time.monotonic() + seconds
    while not (held := what()):
        assert time.monotonic() < end, f"it did not come about: {what}"
        time.sleep(0.005)
    return held

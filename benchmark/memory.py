"""How much memory this process holds, as the system counts it."""

from __future__ import annotations

import sys
from pathlib import Path

_STATUS = Path("/proc/self/status")


def resident_mb() -> float | None:
    """Memory of this process in MB (10^6 bytes); None where the system does not tell it simply."""
    return _linux("VmRSS:")


def peak_mb() -> float | None:
    """The most that this process ever held, in MB; None where the system does not tell it simply."""
    if sys.platform == "darwin":
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    return _linux("VmHWM:")  # on Linux, ru_maxrss of a new process is at least its parent's


def _linux(field: str) -> float | None:
    if not _STATUS.is_file():
        return None
    for line in _STATUS.read_text().splitlines():
        if line.startswith(field):
            return round(int(line.split()[1]) * 1024 / 1e6, 1)
    return None

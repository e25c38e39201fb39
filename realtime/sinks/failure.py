"""How a sink with a thread of its own tells its failure: once, from whichever call comes next."""

from __future__ import annotations

from facemodel import LimelightError


class Failure:
    """Set by the writing thread, raised once to the caller. The first one counts."""

    def __init__(self) -> None:
        self._error: LimelightError | None = None
        self._told = False

    @property
    def happened(self) -> bool:
        return self._error is not None

    @property
    def told(self) -> bool:
        return self._told

    def set(self, error: LimelightError | None) -> None:
        """Remember a failure, unless there is one already; None is no failure."""
        self._error = self._error or error

    def raise_once(self) -> None:
        """
        Raises:
            LimelightError: the failure, if it has not been raised before.
        """
        if self._error is not None and not self._told:
            self._told = True
            raise self._error

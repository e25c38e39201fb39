"""Which frames a plot shows, and where: zoomed and moved in time. Free of Qt."""

from __future__ import annotations

_FEWEST = 8.0
"""Frames that are shown at least."""


class TimeAxis:
    """Maps frames to places across a plot.

    Attributes:
        frames: how many there are.
        begin, end: first and last frame that is shown; they may have a part of a frame.
    """

    def __init__(self, frames: int = 1) -> None:
        self.frames = max(1, frames)
        self.fit()

    def fit(self) -> None:
        """Show all frames."""
        self.begin, self.end = 0.0, float(max(1, self.frames - 1))

    @property
    def zoomed(self) -> bool:
        """Whether some frames are out of sight."""
        return self.end - self.begin < max(1, self.frames - 1) - 1e-6

    def zoom(self, factor: float, at: float) -> None:
        """Show `factor` times as many frames, with the frame `at` staying where it is."""
        shown = self.end - self.begin
        wanted = min(max(shown * factor, _FEWEST), float(max(1, self.frames - 1)))
        part = (at - self.begin) / shown
        self._put(at - part * wanted, wanted)

    def move(self, frames: float) -> None:
        """Show what lies so many frames later."""
        self._put(self.begin + frames, self.end - self.begin)

    def follow(self, frame: int) -> bool:
        """Turn to the page that shows a frame; return whether that changed anything."""
        if self.begin <= frame <= self.end:
            return False
        shown = self.end - self.begin
        self._put(frame - 0.1 * shown if frame > self.end else frame - 0.9 * shown, shown)
        return True

    def across(self, frame: float) -> float:
        """Return where a frame is: 0 at the left end, 1 at the right."""
        return (frame - self.begin) / (self.end - self.begin)

    def frame_at(self, across: float) -> int:
        """Return the frame at a place."""
        frame = round(self.begin + across * (self.end - self.begin))
        return min(max(frame, 0), self.frames - 1)

    def _put(self, begin: float, shown: float) -> None:
        last = float(max(1, self.frames - 1))
        shown = min(shown, last)
        self.begin = min(max(begin, 0.0), last - shown)
        self.end = self.begin + shown


def tick_step(seconds: float, ticks: int) -> float:
    """Return how far apart, s, the labels of so many seconds are to be, with at most so many labels."""
    wanted = seconds / max(1, ticks)
    for step in (0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0):
        if step >= wanted:
            return step
    return 3600.0

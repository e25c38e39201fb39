"""A take that is shown beside another one, at the same moments."""

from __future__ import annotations

import numpy as np

from facemodel import FaceModel
from realtime.frame import Result
from realtime.takes.player import TakePlayer
from realtime.takes.rows import SAME_TIME
from realtime.takes.take import Take


def shift_between(take: Take, other: Take) -> float:
    """Return the seconds to add to a moment of a take, from its first frame, to get the same one in another take.

    Two takes of the same file are laid on each other by the times of its frames; any others begin together.
    """
    a, b = take.header, other.header
    if a.source_live or b.source_live or a.source_name != b.source_name:
        return 0.0
    return take.frames[0].timestamp - other.frames[0].timestamp


class Companion:
    """Gives the results of one take at the moments of another.

    Attributes:
        take: that is shown beside the other.
        name: for people.
        shift: seconds to add to a moment of the other to get the same one here.
        player: of the take.
        model: that its results' parameters drive.
    """

    def __init__(self, take: Take, beside: Take) -> None:
        """
        Args:
            take: that is shown beside another.
            beside: the other.

        Raises:
            LimelightError: it cannot be drawn.
        """
        self.take, self.name = take, take.path.name
        self.shift = shift_between(beside, take)
        self.player = TakePlayer(take)
        self.model: FaceModel = take.model

    def result_at(self, seconds: float) -> Result | None:
        """Return the result at a moment of the other take, s from its first frame; None before this one begins and
        after it ends. For one thread."""
        times, moment = self.player.times, seconds + self.shift
        row = int(np.searchsorted(times, moment + SAME_TIME, side="right")) - 1
        if row < 0 or moment > times[-1] + 1.0 / self.take.header.nominal_fps:
            return None
        return self.player.result(row)

"""The filter for lids: steady at rest, and no blink or wink is lost.

A blink is over in 0.1 to 0.4 s: a lid closes within one or two frames and is back a few frames later. A filter that is
slow enough for a lid at rest has not followed before it opens again. What tells a blink from noise is its size: noise
moves a lid by less than a tenth of its way. So, of the distance between where the filtered lid is and where it is seen,
a One Euro filter holds back its share while that is small, ever less of it beyond the noise, and nothing once it is
clear: a closing lid is through within the frame. An opening lid has a wider margin; the One Euro filter is already
quick then, from the speed of the closing, and a lid that trembles while it is closed is not noticed as one that opens.

With step s = seen - filtered and the share h that One Euro holds back,

    filtered = seen - h (1 - p) s,    p = min(max((|s| - noise) / (clear - noise), 0), 1)

which is continuous in s, so that noise at the margin does not chatter.

Source: ours, on One Euro (see `one_euro`).
"""

from __future__ import annotations

from dataclasses import dataclass

from realtime.tracking.smoothing.one_euro import OneEuroConfig, lag


@dataclass(frozen=True)
class LidConfig:
    """Attributes:
    rest: the filter of steps within the noise.
    noise: steps up to this are noise, 0..1 of the way from open to closed.
    closing, opening: steps from this on are a lid that closes or opens, and pass at once.
    """

    rest: OneEuroConfig = OneEuroConfig(1.5, 3.0)
    noise: float = 0.1
    closing: float = 0.2
    opening: float = 0.5


class LidFilter:
    """Filters one lid, so that each eye winks by itself."""

    def __init__(self, config: LidConfig | None = None) -> None:
        self.config = config or LidConfig()
        self.reset()

    def reset(self) -> None:
        """Forget the past: the next value passes unchanged."""
        self._value = self._derivative = 0.0
        self._time: float | None = None

    def __call__(self, seen: float, time: float, strength: float = 1.0) -> float:
        """Return how far a lid is closed, filtered.

        Args:
            seen: how far it is seen closed, 0 (open) to 1.
            time: s; one that stands still leaves the output as it is, one that runs back begins anew.
            strength: divides the cut-off; 0 passes the value unchanged.
        """
        if self._time is None or time < self._time:
            self._value, self._derivative, self._time = seen, 0.0, time
            return seen
        period = time - self._time
        if period == 0.0:
            self._value = self._value if strength > 0.0 else seen
            return self._value
        self._time = time
        c, rest = self.config, self.config.rest
        step = seen - self._value
        self._derivative += (1.0 - lag(rest.derivative_cutoff, period)) * (step / period - self._derivative)
        held = lag(rest.min_cutoff + rest.beta * abs(self._derivative), period, strength)
        clear = c.closing if step > 0.0 else c.opening
        passing = min(max((abs(step) - c.noise) / (clear - c.noise), 0.0), 1.0)
        self._value = seen - held * (1.0 - passing) * step
        return self._value

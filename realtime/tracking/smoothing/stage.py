"""The smoothing stage of the live loop: what a tracked frame becomes, in every tracking state."""

from __future__ import annotations

from dataclasses import dataclass

from realtime.frame import TrackedFrame, TrackingState
from realtime.tracking.recentering import Recentering
from realtime.tracking.smoothing.smoother import Smoother


@dataclass(frozen=True)
class SmoothingStageConfig:
    """Attributes:
    forget_person: s without a face after which identity and albedo are forgotten: somebody else may sit down. A
        hand in front of the face must not cost the person.
    """

    forget_person: float = 2.0


class SmoothingStage:
    """Fills in `smoothed` and `centred` of each result, in order."""

    def __init__(
        self, smoother: Smoother, recentering: Recentering, config: SmoothingStageConfig | None = None
    ) -> None:
        self.smoother = smoother
        self._recentering = recentering
        self._config = config or SmoothingStageConfig()
        self._recenter_pending = False
        self._previous = TrackingState.SEARCHING
        self._seen_at: float | None = None

    def reset(self) -> None:
        """Begin anew, with another source: no motion, no person, no centre."""
        self.smoother.reset_motion()
        self.smoother.reset_person()
        self._recentering.clear()
        self._recenter_pending = False
        self._previous, self._seen_at = TrackingState.SEARCHING, None

    def recenter(self) -> None:
        """Make the next tracked pose straight ahead."""
        self._recenter_pending = True

    def __call__(self, result: TrackedFrame) -> None:
        """Smooth one result in place."""
        smoother, now = self.smoother, result.frame.timestamp
        if result.state is TrackingState.TRACKING and result.raw is not None:
            self._begin_again(now)
            result.smoothed = smoother.update(result.raw, now, result.confidence)
            self._seen_at = now
            if self._recenter_pending:
                self._recentering.set(result.smoothed)
                self._recenter_pending = False
        elif result.state is TrackingState.HELD:
            result.smoothed = smoother.hold(now)
        elif result.state is TrackingState.NEUTRAL:
            result.smoothed = smoother.ease_to_neutral(now)
        self._previous = result.state
        if result.smoothed is not None and self._recentering.active:
            height, width = result.frame.image.shape[:2]
            result.centred = self._recentering.apply(result.smoothed, width, height)

    def _begin_again(self, now: float) -> None:
        """After a loss, what was before says nothing about the motion, and after a while nothing about the person."""
        if self._previous in (TrackingState.SEARCHING, TrackingState.NEUTRAL):
            self.smoother.reset_motion()
            if self._seen_at is None or not 0.0 <= now - self._seen_at < self._config.forget_person:
                self.smoother.reset_person()

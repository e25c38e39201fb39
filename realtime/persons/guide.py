"""The guided calibration: four poses, some ten seconds, and what is measured in them."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from facemodel import LimelightError, ParameterLayout
from realtime.frame import Person, Result, TrackingState
from realtime.persons.calibration import Calibration, neutral_of


@dataclass(frozen=True)
class Step:
    """One pose that a person is asked for.

    Attributes:
        name: short.
        instruction: what to do, for people.
        seconds: that it is held; the first part of it, until the face is there, is not measured.
        opens: beginnings of the expressions whose top it measures.
    """

    name: str
    instruction: str
    seconds: float
    opens: tuple[str, ...] = ()


NEUTRAL = Step("neutral", "Look into the camera and relax your face", 3.0)
STEPS = (
    NEUTRAL,
    Step("eyes shut", "Shut your eyes, without squeezing", 2.2, ("eyeBlink",)),
    Step("smile", "Smile as broadly as you can", 2.4, ("mouthSmile",)),
    Step("jaw open", "Open your mouth wide", 2.4, ("jawOpen",)),
)
"""The calibration: ten seconds."""

_SETTLING = 0.7
"""s at the start of a step that are not measured."""
_FEWEST = 6
"""Frames that a step is measured from at least."""
_CONFIDENCE = 0.8
_LARGEST_NEUTRAL = 0.5
_WEAKEST = 0.3
"""What a pose adds to the neutral at least: less is a person who did not take it, and a top below that makes noise
large."""
_REACHED = 0.9
"""Share of the strongest that is seen in a pose that means 1, so that it is reached again without effort."""


class GuideState(Enum):
    """Where a guided calibration stands."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


class Guide:
    """Leads through the poses and measures them; it lives on the times of the results that it is given.

    The neutral comes from the median over the first pose; each top from the strongest tenth of its pose. Identity and
    albedo are the mean over all frames, weighted as the person lock does. A step without enough frames, or in which the
    face did not do what it was asked for, is as one that was skipped; without the neutral there is no calibration.
    All steps are of one face: where another one is the performer, all begins anew. `see`, `skip` and `remaining` may be
    called from different threads.

    Attributes:
        steps: the poses.
        number: of the step that runs.
        state: see `GuideState`.
        skipped: names of the steps that were not measured.
        restarts: how often all began anew.
    """

    def __init__(self, layout: ParameterLayout, steps: Sequence[Step] = STEPS) -> None:
        """
        Args:
            layout: of the results' parameters.
            steps: the poses in order.
        """
        self.layout = layout
        self.steps = tuple(steps)
        self.state = GuideState.RUNNING
        self.restarts = 0
        self._face: int | None = None  # the id of the face that is measured
        self._now = 0.0
        self._lock = threading.Lock()  # held for one result, or one skip
        self._begin()

    def _begin(self) -> None:
        self.number = 0
        self.skipped: list[str] = []
        self._seen: dict[str, list[NDArray[np.float32]]] = {step.name: [] for step in self.steps}  # (E,) a frame
        self._began: float | None = None
        self._remaining = self.steps[0].seconds
        self._identity, self._albedo = np.zeros(self.layout.n_identity), np.zeros(self.layout.n_albedo)
        self._evidence = 0.0

    @property
    def step(self) -> Step | None:
        """The step that runs; None once all are over."""
        return self.steps[self.number] if self.state is GuideState.RUNNING else None

    @property
    def remaining(self) -> float:
        """Seconds of the step that are left."""
        return self._remaining

    def see(self, result: Result) -> None:
        """Take in one result; time passes while a face is seen and no longer."""
        with self._lock:
            self._see(result)
            self._count_down()

    def _see(self, result: Result) -> None:
        step, face = self.step, result.performer
        if step is None:
            return
        if face is None or face.state is not TrackingState.TRACKING or face.raw is None:
            if self._began is not None:
                self._began += max(0.0, result.time - self._now)  # the clock waits
            self._now = result.time
            return
        if face.id != self._face:
            if self._face is not None:
                self.restarts += 1
                self._begin()
                step = self.steps[0]
            self._face = face.id
        if self._began is None:
            self._began = result.time
        self._now = result.time
        if result.time - self._began >= min(_SETTLING, 0.5 * step.seconds) and face.confidence >= _CONFIDENCE:
            p = self.layout.view(face.raw)
            self._seen[step.name].append(np.array(p.expression))
            weight = face.confidence * max(float(p.rotation[2, 2]), 0.0) ** 2
            self._evidence += weight
            share = weight / self._evidence if self._evidence > 0.0 else 0.0
            self._identity += share * (p.identity - self._identity)
            self._albedo += share * (p.albedo - self._albedo)
        if result.time - self._began >= step.seconds:
            self._go_on()

    def skip(self) -> None:
        """Leave the step that runs out."""
        with self._lock:
            if (step := self.step) is not None:
                self._seen[step.name].clear()
                self._go_on()
                self._count_down()

    def calibration(self, base: Calibration | None = None) -> Calibration:
        """Return what was measured.

        Args:
            base: whose gain, curve and limit are kept.

        Raises:
            LimelightError: the poses are not over, the neutral was skipped, or hardly anything was seen of it.
        """
        if self.state is GuideState.RUNNING:
            raise LimelightError("calibration: the source ended before the last pose; nothing is kept")
        names = self.layout.expression_names
        base = Calibration.none(names) if base is None else base.for_names(names)
        rest = self._seen.get(NEUTRAL.name, [])
        if len(rest) < _FEWEST:
            raise LimelightError("calibration: the face at rest was not seen; do it again, and do not skip that step")
        neutral = np.minimum(neutral_of(np.stack(rest), names), _LARGEST_NEUTRAL)
        top = np.ones(len(names))
        for step in self.steps:
            frames = self._seen[step.name]
            if not step.opens or len(frames) < _FEWEST:
                continue
            chosen = np.array([name.startswith(step.opens) for name in names])
            reach = np.quantile(np.stack(frames), 0.9, axis=0) - neutral  # (E,)
            if reach[chosen].max(initial=0.0) < _WEAKEST:
                if step.name not in self.skipped:
                    self.skipped.append(step.name)
                continue
            top[chosen] = np.minimum(neutral + np.maximum(_REACHED * reach, _WEAKEST), 1.0)[chosen]
        return base.measured(neutral, top)

    def person(self) -> Person:
        """Return identity and albedo by all frames."""
        return Person(0, self._identity.astype(np.float32), self._albedo.astype(np.float32), settled=True)

    def _count_down(self) -> None:
        """Put what remains into one attribute, for other threads to read at any time."""
        step = self.step
        if step is None:
            self._remaining = 0.0
        elif self._began is None:
            self._remaining = step.seconds
        else:
            self._remaining = max(0.0, self._began + step.seconds - self._now)

    def _go_on(self) -> None:
        step = self.steps[self.number]
        if len(self._seen[step.name]) < _FEWEST:
            self.skipped.append(step.name)
        self._began = None
        if self.number + 1 < len(self.steps):
            self.number += 1
            return
        measured = len(self._seen.get(NEUTRAL.name, [])) >= _FEWEST
        self.state = GuideState.DONE if measured else GuideState.FAILED

"""Effects: chases and low-frequency oscillators (LFOs) over the values of a show."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import cast

from facemodel import LimelightError
from realtime.light.cues.fades import begin, turned
from realtime.light.values import Category, Fade, Value, ValueSpec, spec_of

SAFE_HERTZ = 3.0
"""Flashes a second that are taken to be safe for people with photosensitive epilepsy (WCAG 2.3.1)."""

SAFE_SWING = 0.5
"""Part of a value's full swing up to which flashes may be faster."""

SHAPES = ("sine", "triangle", "square", "saw", "random")
DIRECTIONS = ("forward", "backward", "bounce", "random")
_ANGLES = (Fade.AZIMUTH, Fade.TURN)
_NOMINAL_BPM = 180.0  # at which an effect on each beat is just safe; a faster tempo is halved for it


@dataclass(frozen=True)
class Pace:
    """How fast an effect goes: once in some seconds, or in some beats.

    Attributes:
        seconds: above 0, or None.
        beats: above 0, or None; one of both is said.
    """

    seconds: float | None = None
    beats: float | None = None

    def __post_init__(self) -> None:
        if (self.seconds is None) == (self.beats is None):
            raise LimelightError("an effect goes by seconds (or hertz) or by beats: one of them must be said")
        pace = self.beats if self.seconds is None else self.seconds
        if pace is None or not (math.isfinite(pace) and 0.01 <= pace <= 3600.0):
            raise LimelightError(f"the pace of an effect is 0.01 to 3600 seconds or beats, got {pace}")

    def turns(self, seconds: float, beat: float) -> float:
        """Return how often it has come round."""
        return seconds / self.seconds if self.seconds else beat / cast(float, self.beats)

    def hertz(self, bpm: float) -> float:
        """Return how often it comes round in a second."""
        return 1.0 / self.seconds if self.seconds else bpm / 60.0 / cast(float, self.beats)


@dataclass(frozen=True)
class Lfo:
    """Swings numeric values about what lies beneath.

    Attributes:
        of: names of the values.
        shape: of the wave, one of SHAPES; each begins at 0 and rises, the square high, the random one anywhere.
        pace: of one period.
        depth: how far it goes to either side, in the unit of the value.
        offset: added, in the unit of the value.
        phase: of a period, by which it is ahead.
        spread: of a period, by which each of the values is ahead of the one named before it.
    """

    of: tuple[str, ...]
    pace: Pace
    shape: str = "sine"
    depth: float = 1.0
    offset: float = 0.0
    phase: float = 0.0
    spread: float = 0.0

    def __post_init__(self) -> None:
        if not self.of:
            raise LimelightError("an LFO needs a value to swing: say which")
        for name in self.of:
            spec = spec_of(name)
            if not isinstance(spec.default, float):
                raise LimelightError(f"{name}: an LFO swings numbers, and this is none")
        if self.shape not in SHAPES:
            raise LimelightError(f"an LFO is one of {', '.join(SHAPES)}; got {self.shape!r}")
        if not all(math.isfinite(number) for number in (self.depth, self.offset, self.phase, self.spread)):
            raise LimelightError("depth, offset, phase and spread of an LFO must be numbers")

    def apply(self, values: dict[str, Value], turns: float, level: float) -> None:
        """Lay it over some values.

        Args:
            values: by name; changed in place.
            turns: periods that have gone by.
            level: 0..1, how much of it there is.
        """
        turns += self.phase
        for name in self.of:
            spec, beneath = spec_of(name), cast(float, values[name])
            value = beneath + level * (self.offset + self.depth * _wave(self.shape, turns))
            values[name] = turned(value) if spec.fade in _ANGLES else min(max(value, spec.low), spec.high)
            turns += self.spread

    def flashes(self, bpm: float) -> float:
        """Return how many flashes a second it makes that are deep enough to count."""
        return self.pace.hertz(bpm) if any(_flashes(spec_of(name), 2 * abs(self.depth)) for name in self.of) else 0.0


@dataclass(frozen=True)
class Chase:
    """Goes through steps, each some values.

    Attributes:
        steps: the values of each, by name; what a step does not say is as it lies beneath.
        pace: of one step.
        crossfade: 0..1, the part of a step in which it fades in.
        direction: one of DIRECTIONS.
        loop: it begins anew after the last step, where it stays otherwise.
        seed: of the random direction.
    """

    steps: tuple[Mapping[str, Value], ...]
    pace: Pace
    crossfade: float = 0.0
    direction: str = "forward"
    loop: bool = True
    seed: int = 0

    def __post_init__(self) -> None:
        if len(self.steps) < 2:
            raise LimelightError("a chase needs two steps at least")
        if self.direction not in DIRECTIONS:
            raise LimelightError(f"a chase goes {', '.join(DIRECTIONS)}; got {self.direction!r}")
        if not 0.0 <= self.crossfade <= 1.0:
            raise LimelightError(f"crossfade: must be 0 to 1, got {self.crossfade}")
        steps = tuple({name: spec_of(name).checked(value) for name, value in step.items()} for step in self.steps)
        object.__setattr__(self, "steps", steps)

    def apply(self, values: dict[str, Value], turns: float, level: float) -> None:
        """Lay it over some values; see `Lfo.apply`. Turns are steps here."""
        count = math.floor(turns)
        part = turns - count
        here, last = self._step(count), self._step(count - 1)
        mix = 1.0 if part >= self.crossfade else part / self.crossfade
        if mix >= 1.0 and level >= 1.0:
            values.update(here)
            return
        beneath = dict(values)
        target = {name: here.get(name, beneath[name]) for name in {**last, **here}}
        step = _mixed({**beneath, **last}, target, mix)
        values.update(_mixed(beneath, step, level))

    def flashes(self, bpm: float) -> float:
        """Return how many flashes a second it makes that are deep enough to count: each is two steps at least."""
        names = {name for step in self.steps for name in step}
        return self.pace.hertz(bpm) / 2.0 if any(self._deep(name) for name in names) else 0.0

    def _deep(self, name: str) -> bool:
        spec = spec_of(name)
        said = [step[name] for step in self.steps if name in step]
        if len(said) < len(self.steps):
            return _flashes(spec, math.inf)  # whatever lies beneath
        parts = [value if isinstance(value, tuple) else (value,) for value in said]
        if not all(isinstance(number, float) for part in parts for number in part):
            return len(set(said)) > 1 and _flashes(spec, math.inf)
        channels = list(zip(*cast(list[tuple[float, ...]], parts), strict=True))
        return _flashes(spec, max(max(channel) - min(channel) for channel in channels))

    def _step(self, count: int) -> Mapping[str, Value]:
        n = len(self.steps)
        if count < 0:
            return {}
        if self.direction == "random":
            cycle, at = divmod(count if self.loop else min(count, n - 1), n)
            return self.steps[_shuffled(self.seed, n, cycle)[at]]
        if self.direction == "bounce":
            period = 2 * n - 2
            at = count % period if self.loop else min(count, period)
            return self.steps[at if at < n else period - at]
        at = count % n if self.loop else min(count, n - 1)
        return self.steps[at if self.direction == "forward" else n - 1 - at]


Effect = Lfo | Chase


def strobe(of: tuple[str, ...], hertz: float = 10.0) -> Lfo:
    """Return a strobe of some intensities: they are what lies beneath, or dark, in turns."""
    return Lfo(of, Pace(seconds=1.0 / hertz), "square", depth=1.5, offset=-1.5)


def turns_of(effect: Effect, seconds: float, beat: float, bpm: float, allow_strobe: bool) -> float:
    """Return how often an effect has come round; one on the beat goes by every second, fourth... beat where it would
    flash faster than is safe.

    Args:
        effect: one of the show.
        seconds: that it has run.
        beat: beats that have gone by.
        bpm: beats a minute.
        allow_strobe: the show allows fast flashes.
    """
    turns = effect.pace.turns(seconds, beat)
    if not allow_strobe and effect.pace.beats:
        flashes = effect.flashes(bpm)
        while flashes > SAFE_HERTZ:
            flashes, turns = flashes / 2.0, turns / 2.0
    return turns


def check_safe(name: str, effect: Effect) -> None:
    """Refuse an effect that flashes faster than is safe.

    Raises:
        LimelightError: it does.
    """
    flashes = effect.flashes(_NOMINAL_BPM)
    if flashes > SAFE_HERTZ + 1e-9:
        raise LimelightError(
            f"effect {name}: {flashes:.3g} flashes a second can harm people with photosensitive epilepsy;"
            f" make it {SAFE_HERTZ:.0f} or fewer or half as deep, or say `allow strobe: true` at the top of the show"
        )


def _flashes(spec: ValueSpec, swing: float) -> bool:
    """Return whether so far a swing of a value is a flash; light that only moves is none."""
    if spec.category is Category.FOCUS:
        return False
    whole = spec.high - spec.low if spec.unit else min(spec.high - spec.low, 1.0)
    return swing > SAFE_SWING * whole


def _wave(shape: str, turns: float) -> float:
    """Return a wave of -1..1 after so many periods."""
    part = turns - math.floor(turns)
    if shape == "sine":
        return math.sin(2.0 * math.pi * part)
    if shape == "triangle":
        return 1.0 - abs(((part + 0.25) % 1.0) * 4.0 - 2.0)
    if shape == "square":
        return 1.0 if part < 0.5 else -1.0
    if shape == "saw":
        return 2.0 * ((part + 0.5) % 1.0) - 1.0
    return _drawn(math.floor(turns))


@lru_cache(maxsize=256)
def _drawn(count: int) -> float:
    return random.Random(count).uniform(-1.0, 1.0)


@lru_cache(maxsize=256)
def _shuffled(seed: int, n: int, cycle: int) -> tuple[int, ...]:
    """Return the order of the steps in one round, which does not begin with the step that the last one ended with."""
    order = list(range(n))
    if n > 2:
        random.Random(f"{seed} {cycle}").shuffle(order)
        before = list(range(n))
        random.Random(f"{seed} {cycle - 1}").shuffle(before)
        if order[0] == before[-1]:
            order[0], order[1] = order[1], order[0]  # neither is the last, which the next round looks at
    return tuple(order)


def _mixed(source: Mapping[str, Value], target: Mapping[str, Value], part: float) -> dict[str, Value]:
    """Return values at a part of the way; those that snap are there at once."""
    if part >= 1.0:
        return dict(target)
    fades = begin(0.0, 1.0, target, source.__getitem__, source.__getitem__)
    return {**target, **{name: fade.at(part) for name, fade in fades.items()}}

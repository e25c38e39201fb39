"""What plays the cues: fades, delays, and cues that start by themselves, by the times it is given.

It has no clock of its own: the same commands at the same times give the same values, however often it is asked for
them in between. Rules are those of ETC's Eos, and panic is QLab's:

- GO plays what changes from the cue before. A cue out of sequence (the first, `go_to`, `back`, a link elsewhere), and
  one that asserts, plays everything that is tracked; what only later cues move goes back to where it started.
- A value that fades goes on with its fade unless the new cue moves it, and then from where it is.
- Set by hand, a value ends its fade and stays until a cue moves it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

from facemodel import LimelightError
from realtime.light.cues.cue import Cue, CueNumber, Times
from realtime.light.cues.cue_list import CueList
from realtime.light.cues.fades import Running, begin
from realtime.light.values import DEFAULTS, N_LIGHTS, Category, Value, spec_of

BACK_TIME = 1.0
"""Seconds of `back`."""

MIN_RATE, MAX_RATE = 0.01, 20.0
"""Of the clock of the show; Eos goes up to 2000 %."""

_LIGHT = ("environment/intensity", *(f"light/{n}/intensity" for n in range(1, N_LIGHTS + 1)))


@dataclass(frozen=True)
class _Part:
    """Moves of a cue that begin together, once their delay is over."""

    begin: float
    time: float
    moves: dict[str, Value]


@dataclass(frozen=True)
class _Level:
    """How much of an effect there is: on its way from one level to another."""

    since: float
    stopped: float | None
    low: float
    high: float
    start: float
    time: float

    def at(self, position: float) -> float:
        if position >= self.start + self.time:
            return self.high
        if position <= self.start:
            return self.low
        return self.low + (self.high - self.low) * (position - self.start) / self.time


@dataclass(frozen=True)
class EffectRun:
    """An effect that runs.

    Attributes:
        name: of it.
        seconds: that it has run, by the clock of the show; it stands still while it goes out.
        out_for: seconds by the clock of the show since it began to go out; 0 while it does not.
        level: 0..1, how much of it there is.
    """

    name: str
    seconds: float
    out_for: float
    level: float


@dataclass(frozen=True)
class Progress:
    """Where the playback is, for views.

    Attributes:
        active: the cue that was started last, or None.
        next: the one that GO starts, or None at the end.
        fraction: 0..1 of the active cue's time.
        remaining: seconds until it is complete, at the present rate.
        next_in: seconds until the next starts by itself, or None.
        paused: fades stand still.
        panicked: all light was taken out, and no cue was started since.
        rate: of the clock of the show.
    """

    active: CueNumber | None
    next: CueNumber | None
    fraction: float
    remaining: float
    next_in: float | None
    paused: bool
    panicked: bool
    rate: float


@dataclass(frozen=True)
class Place:
    """Where a playback is when nothing fades.

    Attributes:
        active, standby: the cue that was started last, and the one chosen to be next, or None.
        values: by name.
        owned: names of the values that cues have moved.
        effects: that run.
        rate: of the clock of the show.
    """

    active: CueNumber | None
    standby: CueNumber | None
    values: Mapping[str, Value]
    owned: frozenset[str]
    effects: tuple[str, ...]
    rate: float


class Playback:
    """Plays a list of cues. All times are seconds of one clock, and do not go back. Not for two threads at once."""

    def __init__(self, cues: CueList, values: Mapping[str, Value] | None = None) -> None:
        """
        Args:
            cues: to play.
            values: that are set by hand at first, by name; all others stand at the start of the cues.
        """
        self._cues = cues
        self._values: dict[str, Value] = {**DEFAULTS, **cues.start, **(values or {})}
        self._fades: dict[str, Running] = {}
        self._parts: list[_Part] = []
        self._effects: dict[str, _Level] = {}
        self._owned: set[str] = set()  # names that cues have moved
        self._active: CueNumber | None = None
        self._standby: CueNumber | None = None  # that GO starts instead of the one that would be next
        self._in_sequence = False
        self._began = self._complete = 0.0
        self._chain: float | None = None  # position at which the next cue starts by itself
        self._position = self._time = 0.0  # position of the show, and the time at which it was there
        self._latest = -math.inf
        self._rate = 1.0
        self._paused = False
        self._panicking = False
        self._started = 0
        self._settled: dict[str, Value] = {}

    # Commands

    def go(self, now: float) -> None:
        """Start the next cue; while paused, go on instead. At the end of the list nothing happens."""
        self._advance(now)
        if self._paused:
            self._resume(now)
        elif (cue := self._next()) is not None:
            self._start(cue, self._at(now))

    def back(self, now: float, time: float = BACK_TIME) -> None:
        """Go to the cue before the active one, in `time` seconds; before the first there is none."""
        self._advance(now)
        if self._active is not None and (cue := self._cues.before(self._active)) is not None:
            self.go_to(now, cue.number, time)

    def go_to(self, now: float, number: CueNumber, time: float | None = None) -> None:
        """Start any cue.

        Args:
            now: seconds.
            number: of the cue.
            time: seconds of everything, without delays; 0 is a cut. None: as the cue says.

        Raises:
            LimelightError: there is no such cue.
        """
        cue = self._cues.cue(number)
        self._advance(now)
        self._resume(now)
        self._in_sequence = False
        if time is not None:
            cue = replace(cue, time=Times(time), delay=Times(0.0))
        self._start(cue, self._at(now))

    def standby(self, now: float, number: CueNumber | None) -> None:
        """Choose the cue that GO starts next; None: the one that follows the active one.

        Raises:
            LimelightError: there is no such cue.
        """
        self._advance(now)
        self._standby = self._cues.cue(number).number if number else None

    def pause(self, now: float) -> None:
        """Let everything stand as it is: fades, delays, and cues that would start by themselves."""
        self._rebase(now)
        self._paused = True

    def resume(self, now: float) -> None:
        """Go on after a pause."""
        self._advance(now)
        self._resume(now)

    def set_rate(self, now: float, rate: float) -> None:
        """Set how fast the clock of the show runs; 1 is as written.

        Raises:
            LimelightError: it is not 0.01 to 20.
        """
        if not MIN_RATE <= rate <= MAX_RATE:
            raise LimelightError(f"rate: must be {MIN_RATE} to {MAX_RATE:.0f}, got {rate}")
        self._rebase(now)
        self._rate = float(rate)

    def release(self, now: float, time: float) -> None:
        """Give up every value that cues have moved: they go back to their start, effects end, and no cue is active."""
        self._end(now, time, {name: self._start_value(name) for name in self._owned})
        self._owned.clear()

    def panic(self, now: float, time: float) -> None:
        """Take everything of the show out: all light fades to none, effects end, and no cue is active. GO starts the
        cue that it would have started.

        Once more, all is out at once.
        """
        self._advance(now)
        dark: dict[str, Value] = {name: 0.0 for name in _LIGHT if name in self._fades or self._held(name) != 0.0}
        following = self._next()
        self._end(now, 0.0 if self._panicking else time, dark)
        self._owned |= set(dark)
        self._standby = following.number if following else None
        self._panicking = True

    def set(self, now: float, values: Mapping[str, Value]) -> None:
        """Set values by hand; fades of them end."""
        self._advance(now)
        for name in values:
            self._fades.pop(name, None)
            self._forget(name)
        self._values.update(values)

    def switch_effect(self, now: float, name: str, on: bool, time: float = 0.0) -> None:
        """Start or stop an effect by hand, its level going to full or none in `time` seconds."""
        self._advance(now)
        self._switch(name, on, self._at(now), time)

    def replace(self, now: float, cues: CueList) -> None:
        """Take another list of cues, an edited one. What is seen stays as it is until the next cue."""
        self._advance(now)
        self._cues = cues
        if self._standby is not None and cues.find(self._standby) is None:
            self._standby = None

    def renumbered(self, number: CueNumber, to: CueNumber) -> None:
        """Take in that a cue has another number, in a list that `replace` tells next."""
        if self._active == number:
            self._active = to
        if self._standby == number:
            self._standby = to

    def recorded(self, now: float, number: CueNumber) -> None:
        """Take what is seen as the look of a cue that was made from it: it is the active one, and complete."""
        self._advance(now)
        self._owned |= set(self._cues.state_at(number).values)
        self._active, self._standby, self._in_sequence, self._chain = number, None, True, None
        self._began = self._complete = self._at(now)

    # What is seen

    def at(self, now: float) -> dict[str, Value]:
        """Return every value at a time, effects aside. The caller may change it."""
        self._advance(now)
        values = dict(self._values)
        if self._fades:
            position = self._at(now)
            for name, fade in self._fades.items():
                values[name] = fade.at(position)
        return values

    def targets(self, now: float) -> dict[str, Value]:
        """Return every value as it is once all that has begun is complete."""
        self._advance(now)
        values = self._values | {name: fade.target for name, fade in self._fades.items()}
        for part in self._parts:
            values |= part.moves
        return values

    def effects(self, now: float) -> tuple[EffectRun, ...]:
        """Return the effects that run, in the order in which they were started."""
        self._advance(now)
        position = self._at(now)
        runs = []
        for name, level in self._effects.items():
            stopped = position if level.stopped is None else min(level.stopped, position)
            runs.append(EffectRun(name, max(stopped - level.since, 0.0), position - stopped, level.at(position)))
        return tuple(runs)

    def running(self) -> frozenset[str]:
        """Return the names of the effects that run, less those that are going out."""
        return frozenset(name for name, level in self._effects.items() if level.stopped is None)

    def still(self, now: float) -> bool:
        """Return whether nothing changes until the next command."""
        self._advance(now)
        if self._effects:
            return False
        return self._paused or not (self._fades or self._parts or self._chain is not None)

    def progress(self, now: float) -> Progress:
        """Return where the playback is."""
        self._advance(now)
        position = self._at(now)
        whole, left = self._complete - self._began, max(self._complete - position, 0.0)
        cue = self._next()
        return Progress(
            self._active,
            cue.number if cue else None,
            1.0 if whole <= 0.0 or left <= 0.0 else 1.0 - left / whole,
            left / self._rate,
            None if self._chain is None else max(self._chain - position, 0.0) / self._rate,
            self._paused,
            self._panicking,
            self._rate,
        )

    def place(self, now: float) -> Place:
        """Return where it is, with what has begun complete, or, while paused, as it stands."""
        values = self.at(now) if self._paused else self.targets(now)
        running = tuple(name for name, level in self._effects.items() if level.stopped is None)
        return Place(self._active, self._standby, values, frozenset(self._owned), running, self._rate)

    def restore(self, now: float, place: Place) -> None:
        """Go where another playback of these cues was."""
        self.set_rate(now, place.rate)
        self._end(now, 0.0, {})
        self._values.update(place.values)
        self._owned = set(place.owned)
        self._active, self._in_sequence = place.active, place.active is not None
        self._standby = place.standby if place.standby and self._cues.find(place.standby) else None
        self._effects.clear()
        for name in place.effects:
            self._switch(name, True, self._at(now), 0.0)
        self._settled = dict(place.values)

    def started(self) -> int:
        """Return how many cues have been started, by hand or by themselves."""
        return self._started

    def settled(self) -> dict[str, Value]:
        """Return the values that cues brought to rest since this was asked last."""
        settled, self._settled = self._settled, {}
        return settled

    # The clock

    def _at(self, now: float) -> float:
        if self._paused:
            return self._position
        return self._position + (max(now, self._latest) - self._time) * self._rate

    def _rebase(self, now: float) -> None:
        self._advance(now)
        now = max(now, self._latest)
        self._position, self._time = self._at(now), now

    def _resume(self, now: float) -> None:
        if self._paused:
            self._paused, self._time = False, max(now, self._latest)

    def _advance(self, now: float) -> None:
        """Let happen what was due until now, each thing at its own moment."""
        now = max(now, self._latest)
        self._latest = now
        if not (self._parts or self._fades or self._effects or self._chain is not None):
            return
        position = self._at(now)
        chained = 0
        while True:
            part = min((part.begin for part in self._parts), default=math.inf)
            chain = math.inf if self._chain is None else self._chain
            due = min(part, chain)
            if due > position:
                break
            if part <= chain:
                for one in [one for one in self._parts if one.begin == part]:
                    self._parts.remove(one)
                    self._begin(one)
                continue
            self._chain = None
            cue = self._next()
            chained += 1
            if cue is not None and chained <= 1000:  # a ring of cues without time must not go round for ever
                self._start(cue, due)
        for name in [name for name, fade in self._fades.items() if position >= fade.end]:
            self._values[name] = self._settled[name] = self._fades.pop(name).target
        gone = [n for n, e in self._effects.items() if e.stopped is not None and position >= e.start + e.time]
        for name in gone:
            del self._effects[name]

    # Playing

    def _next(self) -> Cue | None:
        if self._standby is not None:
            return self._cues.find(self._standby)
        active = self._cues.find(self._active) if self._active else None
        if active is not None and active.link is not None and (linked := self._cues.find(active.link)):
            return linked
        return self._cues.after(self._active)

    def _start(self, cue: Cue, position: float) -> None:
        before = self._cues.before(cue.number)
        in_sequence = self._in_sequence and before is not None and before.number == self._active
        state = self._cues.state_at(cue.number)
        if in_sequence and not cue.asserts:
            tracked = self._cues.state_at(self._active)
            moves = {name: v for name, v in cue.moves.items() if self._cues.value(tracked, name) != v}
            effects = {name: on for name, on in cue.effects.items() if on != tracked.effects.get(name, False)}
        else:
            moves = {name: self._start_value(name) for name in sorted(self._owned)} | dict(state.values)
            effects = {**state.effects, **{name: False for name in self._effects if name not in state.effects}}
        self._owned |= set(state.values)
        self._panicking = False
        self._active, self._standby, self._in_sequence = cue.number, None, True
        self._started += 1
        self._began = position
        complete = self._move(cue, moves, position)
        for name, on in effects.items():
            self._switch(name, on, position + cue.delay.up, cue.time.of(Category.INTENSITY, falls=not on))
        self._complete = complete
        self._chain = None
        if cue.follow is not None:
            self._chain = position + cue.follow
        elif cue.hang is not None:
            self._chain = max(position, complete + cue.hang)

    def _move(self, cue: Cue, moves: Mapping[str, Value], position: float) -> float:
        """Begin to move values as a cue says; return when it is complete."""
        parts: dict[tuple[float, float], dict[str, Value]] = {}
        for name, target in moves.items():
            spec = spec_of(name)
            live = self._live(name, position)
            falls = isinstance(target, float) and isinstance(live, float) and target < live
            key = (cue.delay.of(spec.category, falls), cue.time.of(spec.category, falls))
            parts.setdefault(key, {})[name] = target
        if not parts:
            return position + cue.delay.up + cue.time.up
        for (delay, time), part in parts.items():
            for name in part:
                self._forget(name)
            if delay <= 0.0:
                self._begin(_Part(position, time, part))
            else:
                self._parts.append(_Part(position + delay, time, part))
        return position + max(delay + time for delay, time in parts)

    def _begin(self, part: _Part) -> None:
        fades = begin(part.begin, part.time, part.moves, lambda name: self._live(name, part.begin), self._held)
        for name, target in part.moves.items():
            if name not in fades:
                self._fades.pop(name, None)
                self._values[name] = self._settled[name] = target
        self._fades.update(fades)

    def _end(self, now: float, time: float, values: Mapping[str, Value]) -> None:
        """Fade to some values and let nothing else happen any more."""
        self._advance(now)
        self._resume(now)
        position = self._at(now)
        for name in self._fades:
            self._values[name] = self._settled[name] = self._live(name, position)
        self._fades.clear()
        self._parts.clear()
        self._chain, self._active, self._standby, self._in_sequence = None, None, None, False
        self._panicking = False
        self._began, self._complete = position, position + time
        self._begin(_Part(position, time, dict(values)))
        for name in tuple(self._effects):
            self._switch(name, False, position, time)

    def _switch(self, name: str, on: bool, position: float, time: float) -> None:
        level = self._effects.get(name)
        if on and (level is None or level.stopped is not None):
            self._effects.pop(name, None)
            self._effects[name] = _Level(position, None, level.at(position) if level else 0.0, 1.0, position, time)
        elif not on and level is not None and level.stopped is None:
            self._effects[name] = _Level(level.since, position, level.at(position), 0.0, position, time)

    def _forget(self, name: str) -> None:
        """Let a value no longer begin to move after a delay."""
        for part in self._parts:
            part.moves.pop(name, None)
        self._parts = [part for part in self._parts if part.moves]

    def _live(self, name: str, position: float) -> Value:
        fade = self._fades.get(name)
        return self._values[name] if fade is None else fade.at(position)

    def _held(self, name: str) -> Value:
        fade = self._fades.get(name)
        return self._values[name] if fade is None else fade.target

    def _start_value(self, name: str) -> Value:
        return self._cues.start[name] if name in self._cues.start else spec_of(name).default

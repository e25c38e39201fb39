"""The list of cues: what tracks from one to the next, and how it is edited.

Editing follows ETC's Eos: by default, an edit of a cue tracks into the cues after it, up to one that moves the same
value, or blocks. With Cue Only, the cue after it keeps its look instead.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from facemodel import LimelightError
from realtime.light.cues.cue import MAX_NUMBER, Cue, CueNumber
from realtime.light.values import Value, spec_of


@dataclass(frozen=True)
class State:
    """What a show stands at when a cue is complete.

    Attributes:
        values: by name, all that cues moved until then.
        effects: by name, whether they run; all that cues started or stopped until then.
    """

    values: Mapping[str, Value] = field(default_factory=dict)
    effects: Mapping[str, bool] = field(default_factory=dict)

    def then(self, cue: Cue) -> State:
        """Return the state after one more cue."""
        return State({**self.values, **cue.moves}, {**self.effects, **cue.effects})


@dataclass(frozen=True)
class CueList:
    """Cues in the order of their numbers. Every edit returns a new list.

    Attributes:
        cues: no two of one number; they need not come sorted.
        start: values that stand before the first cue, by name; others have their default.
    """

    cues: tuple[Cue, ...] = ()
    start: Mapping[str, Value] = field(default_factory=dict)

    def __post_init__(self) -> None:
        cues = tuple(sorted(self.cues, key=lambda cue: cue.number))
        for one, other in zip(cues, cues[1:], strict=False):
            if one.number == other.number:
                raise LimelightError(f"cue {one.number}: there are two of this number")
        numbers = {cue.number for cue in cues}
        for cue in cues:
            if cue.link is not None and cue.link not in numbers:
                raise LimelightError(f"cue {cue.number}: it links to cue {cue.link}, and there is none")
        object.__setattr__(self, "cues", cues)
        start = {name: spec_of(name).checked(value) for name, value in self.start.items()}
        object.__setattr__(self, "start", start)

    def __len__(self) -> int:
        return len(self.cues)

    def __iter__(self) -> Iterator[Cue]:
        return iter(self.cues)

    @cached_property
    def _numbers(self) -> tuple[CueNumber, ...]:
        return tuple(cue.number for cue in self.cues)

    @cached_property
    def _states(self) -> tuple[State, ...]:
        states, state = [], State()
        for cue in self.cues:
            state = state.then(cue)
            states.append(state)
        return tuple(states)

    def find(self, number: CueNumber) -> Cue | None:
        """Return the cue of a number, or None."""
        at = bisect_left(self._numbers, number)
        return self.cues[at] if at < len(self.cues) and self.cues[at].number == number else None

    def cue(self, number: CueNumber) -> Cue:
        """Return the cue of a number.

        Raises:
            LimelightError: there is none.
        """
        found = self.find(number)
        if found is None:
            raise LimelightError(f"cue {number}: there is none of this number in the show")
        return found

    def after(self, number: CueNumber | None) -> Cue | None:
        """Return the first cue after a number, whether there is one of this number or not; None: the first of all."""
        at = 0 if number is None else bisect_right(self._numbers, number)
        return self.cues[at] if at < len(self.cues) else None

    def before(self, number: CueNumber) -> Cue | None:
        """Return the last cue before a number, whether there is one of this number or not."""
        at = bisect_left(self._numbers, number)
        return self.cues[at - 1] if at else None

    def state_at(self, number: CueNumber | None) -> State:
        """Return what stands when the cue of a number, or the last before it, is complete."""
        at = 0 if number is None else bisect_right(self._numbers, number)
        return self._states[at - 1] if at else State()

    def insert(self, cue: Cue, cue_only: bool = False) -> CueList:
        """Return the list with one more cue.

        Args:
            cue: whose moves track into those after it.
            cue_only: the cue after it keeps its look.

        Raises:
            LimelightError: there is one of its number.
        """
        if self.find(cue.number):
            raise LimelightError(f"cue {cue.number}: there is one of this number; delete it first, or update it")
        return self.put(cue, cue_only)

    def put(self, cue: Cue, cue_only: bool = False) -> CueList:
        """Return the list with a cue, in the place of any that had its number; see `insert`."""
        return self._edited((*self._without(cue.number), cue), cue.number, cue_only)

    def delete(self, number: CueNumber, cue_only: bool = False) -> CueList:
        """Return the list without a cue: those after it take what tracks into it, or (`cue_only`) keep their look.
        Links to it go with it.

        Raises:
            LimelightError: there is no such cue.
        """
        self.cue(number)
        rest = tuple(replace(cue, link=None) if cue.link == number else cue for cue in self._without(number))
        return self._edited(rest, number, cue_only)

    def renumber(self, number: CueNumber, to: CueNumber) -> CueList:
        """Return the list with a cue of another number, which may move it elsewhere; links to it go along.

        Raises:
            LimelightError: there is no such cue, or one of the new number.
        """
        cue = self.cue(number)
        if to != number and self.find(to):
            raise LimelightError(f"cue {to}: there is one of this number already")
        cues = (replace(cue, number=to), *self._without(number))
        linked = tuple(replace(other, link=to) if other.link == number else other for other in cues)
        return self._edited(linked, min(number, to), False)

    def number_before(self, number: CueNumber, before: CueNumber | None) -> CueNumber:
        """Return the number that puts a cue directly before another (None: at the end), the shortest one that fits; its
        own, where it stands there already.

        Raises:
            LimelightError: there is no such cue, or no number left in between.
        """
        following = self.after(self.cue(number).number)
        if before in (number, following and following.number):
            return number
        rest = CueList(tuple(replace(cue, link=None) for cue in self._without(number)))
        upper = rest.cue(before).number if before else None
        lower = rest.before(upper) if upper else (rest.cues[-1] if rest.cues else None)
        return number_between(lower.number if lower else None, upper)

    def record(
        self, cue: Cue, values: Mapping[str, Value], effects: Iterable[str] = (), cue_only: bool = False
    ) -> CueList:
        """Return the list with a cue that brings a look about: it moves what differs from what tracks into it.

        Args:
            cue: the new one; its own moves and effects count for nothing.
            values: the look, by name.
            effects: that run in it.
            cue_only: the cue after it keeps its look.
        """
        tracked = self._tracked_into(cue.number)
        running = set(effects)
        moves = {name: value for name, value in values.items() if self.value(tracked, name) != value}
        switched = {name: True for name in sorted(running) if not tracked.effects.get(name)}
        switched |= {name: False for name, on in tracked.effects.items() if on and name not in running}
        return self.put(replace(cue, moves=moves, effects=switched), cue_only)

    def update(
        self, number: CueNumber, values: Mapping[str, Value], effects: Iterable[str] = (), cue_only: bool = False
    ) -> CueList:
        """Return the list with a look put into a cue that is there; it still moves what it moved.

        Args:
            number: of the cue.
            values, effects, cue_only: as in `record`.

        Raises:
            LimelightError: there is no such cue.
        """
        cue, state, running = self.cue(number), self.state_at(number), set(effects)
        moves = {name: value for name, value in values.items() if self.value(state, name) != value}
        switched = {name: True for name in sorted(running) if not state.effects.get(name)}
        switched |= {name: False for name, on in state.effects.items() if on and name not in running}
        return self.put(replace(cue, moves={**cue.moves, **moves}, effects={**cue.effects, **switched}), cue_only)

    def set_block(self, number: CueNumber, on: bool = True) -> CueList:
        """Return the list with a cue that blocks, or (unblock) tracks again and moves only what changes in it.

        Raises:
            LimelightError: there is no such cue.
        """
        cue = replace(self.cue(number), blocks=on)
        if on:
            state = self.state_at(number)
            cue = replace(cue, moves=state.values, effects=state.effects)
        else:
            tracked = self._tracked_into(number)
            cue = replace(
                cue,
                moves={name: v for name, v in cue.moves.items() if self.value(tracked, name) != v},
                effects={name: v for name, v in cue.effects.items() if tracked.effects.get(name, False) != v},
            )
        return replace(self, cues=(*self._without(number), cue))

    def set_assert(self, number: CueNumber, on: bool = True) -> CueList:
        """Return the list with a cue that plays what is tracked too, or no longer does.

        Raises:
            LimelightError: there is no such cue.
        """
        return replace(self, cues=(*self._without(number), replace(self.cue(number), asserts=on)))

    def value(self, state: State, name: str) -> Value:
        """Return a value in a state of this list: at the start where no cue has moved it yet."""
        if name in state.values:
            return state.values[name]
        return self.start[name] if name in self.start else spec_of(name).default

    def _tracked_into(self, number: CueNumber) -> State:
        before = self.before(number)
        return self.state_at(before.number) if before else State()

    def _without(self, number: CueNumber) -> tuple[Cue, ...]:
        return tuple(cue for cue in self.cues if cue.number != number)

    def _edited(self, cues: tuple[Cue, ...], number: CueNumber, cue_only: bool) -> CueList:
        """Return the list with other cues, of which those keep their look that an edit at `number` must not reach."""
        after = replace(self, cues=cues)
        following = after.after(number)
        for cue in after.cues:
            if cue.number > number and (cue.blocks or (cue_only and cue == following)):
                after = after._with_look_of(self, cue.number)
        return after

    def _with_look_of(self, old: CueList, number: CueNumber) -> CueList:
        cue, before, now = self.cue(number), old.state_at(number), self.state_at(number)
        moves = {
            name: value
            for name in {**before.values, **now.values}
            if (value := old.value(before, name)) != self.value(now, name)
        }
        effects = {
            name: before.effects.get(name, False)
            for name in {**before.effects, **now.effects}
            if before.effects.get(name, False) != now.effects.get(name, False)
        }
        if not (moves or effects):
            return self
        kept = replace(cue, moves={**cue.moves, **moves}, effects={**cue.effects, **effects})
        return replace(self, cues=(*self._without(number), kept))


def number_between(lower: CueNumber | None, upper: CueNumber | None) -> CueNumber:
    """Return the shortest number between two others: whole if there is one, or with as few places as can be.

    Args:
        lower: None: the one before all.
        upper: None: no limit.

    Raises:
        LimelightError: there is none left.
    """
    low = lower.thousandths if lower else 0
    high = upper.thousandths if upper else MAX_NUMBER + 1
    for step in (1000, 500, 100, 10, 1):
        if (number := (low // step + 1) * step) < high:
            return CueNumber(number)
    raise LimelightError(f"no number is left between cues {lower or 0} and {upper or MAX_NUMBER / 1000}")

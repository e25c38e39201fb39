"""The show: what the people at the controls do to light and picture."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from facemodel import LimelightError
from realtime.light.cues.cue import Cue, CueNumber, Times
from realtime.light.cues.document import ShowDocument
from realtime.light.cues.effects import turns_of
from realtime.light.cues.history import Edit, History
from realtime.light.cues.journal import ShowState
from realtime.light.cues.playback import BACK_TIME, EffectRun, Playback, Progress
from realtime.light.cues.tempo import Tempo
from realtime.light.library import EnvironmentLibrary
from realtime.light.lighting import Lighting
from realtime.light.values import Value, spec_of

Listener = Callable[[Mapping[str, Value]], None]
LiveEdit = Edit[ShowDocument]
"""Of live values; see `Show.adjust`."""
Number = CueNumber | str | int | float
"""Of a cue, as people and desks say it: `12`, `"1.5"`."""

RELEASE_TIME = 3.0
"""Seconds of `Show.release` and `Show.panic`, where none are said."""


@dataclass(frozen=True)
class Status:
    """Where a show is, for views.

    Attributes:
        name: of the show.
        progress: of its cues.
        active, next: the cue that was started last and the one that GO starts, or None.
        master: 0..1, as it is now.
        blackout: it is dark, or getting dark.
        bpm: beats a minute.
        beat: beats that have gone by; whole at each beat.
        effects: that run.
        undo, redo: what the next undo and redo would do, or None.
        edited: there are edits that were not saved.
    """

    name: str
    progress: Progress
    active: Cue | None
    next: Cue | None
    master: float
    blackout: bool
    bpm: float
    beat: float
    effects: tuple[str, ...]
    undo: str | None
    redo: str | None
    edited: bool


@dataclass(frozen=True)
class _Fader:
    """A level on its way to another."""

    low: float
    high: float
    start: float = 0.0
    time: float = 0.0

    def at(self, now: float) -> float:
        if now >= self.start + self.time:
            return self.high
        return self.low if now <= self.start else self.low + (self.high - self.low) * (now - self.start) / self.time

    def to(self, level: float, now: float, seconds: float) -> _Fader:
        return _Fader(self.at(now), level, now, seconds)


class Show:
    """Holds a show and plays it. All methods may be called from any thread.

    Commands may be given the time at which they happen, seconds of the show's clock; without, they happen now.

    Attributes:
        environments: that values may name.
        lock: is held while one thread reads or changes the show, and by whoever wants several calls to be as one.
    """

    def __init__(
        self,
        values: Mapping[str, Value] | None = None,
        document: ShowDocument | None = None,
        environments: EnvironmentLibrary | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """
        Args:
            values: at the start, by name; others are as the document says.
            document: the cues; None: there are none yet.
            environments: that the show's values may name, to which the panoramas of the document are added; None: the
                presets.
            clock: returns seconds.

        Raises:
            LimelightError: there is no such value, or it cannot be so; a panorama cannot be read.
        """
        self.lock = threading.RLock()
        self._clock = clock
        self.environments = environments or EnvironmentLibrary()
        self._listeners: list[Listener] = []
        document = document or ShowDocument()
        self.environments.need(document.environments())
        self._history = History(document)
        self._saved = self._history.now
        checked = {name: spec_of(name).checked(value) for name, value in (values or {}).items()}
        if name := checked.get("environment/name"):
            self.environments.need([str(name)])
        self._playback = Playback(self._history.now.cues, checked)
        self._changes = 0
        self._tempo = Tempo()
        self._master = _Fader(1.0, 1.0)
        self._light = _Fader(1.0, 1.0)  # 0 in blackout
        self._still: tuple[float, Lighting] | None = None  # level and lighting, until something changes

    def moment(self) -> float:
        """Return the time on the show's clock, in seconds."""
        return self._clock()

    # Values

    def set(self, values: Mapping[str, object], at: float | None = None) -> None:
        """Set some values at once; whatever faded them ends for them.

        It is what desks (OSC, MIDI, DMX) and programs do, and no edit: see `adjust`.

        Raises:
            LimelightError: there is no such value, or it cannot be so; none is set then.
        """
        checked = {name: spec_of(name).checked(value) for name, value in values.items()}
        with self.lock:
            changed = self._set(self._now(at), checked)
        self._tell(changed)

    def adjust(
        self, text: str, values: Mapping[str, object], joins: LiveEdit | None = None, at: float | None = None
    ) -> LiveEdit | None:
        """Set some values by hand at this machine, as an edit that can be undone; see `set`.

        What a cue fades, or a desk elsewhere sets (OSC, MIDI, DMX), is no edit and is never undone: an undo brings back
        those values alone that still stand as the edit left them.

        Args:
            text: what it does, "Light 1 intensity".
            values: by name.
            joins: what the last call returned, where this one goes on with it, as in the drag of a slider: both are one
                edit then, unless another came between.
            at: when.

        Returns:
            the edit; None where the values were so already.

        Raises:
            LimelightError: there is no such value, or it cannot be so; none is set then.
        """
        checked = {name: spec_of(name).checked(value) for name, value in values.items()}
        with self.lock:
            now = self._now(at)
            was = self._playback.targets(now)
            changed = self._set(now, checked)
            edit = self._history.note(text, {name: was[name] for name in checked}, checked, joins)
        self._tell(changed)
        return edit

    def values(self, at: float | None = None) -> dict[str, Value]:
        """Return every value as it is at a time, effects included."""
        with self.lock:
            return self._values(self._now(at))

    def beneath(self, at: float | None = None) -> dict[str, Value]:
        """Return every value as it is at a time, without the effects that lie over it."""
        with self.lock:
            return self._playback.at(self._now(at))

    def at(self, at: float) -> Lighting:
        """Return what the show says at a time, which does not go back."""
        with self.lock:
            level = self._master.at(at) * self._light.at(at)
            if self._still is not None and self._still[0] == level:
                return self._still[1]
            lighting = Lighting.of(self._values(at), level, self.environments)
            self._still = (level, lighting) if self._playback.still(at) else None
            settled = self._playback.settled() if self._listeners else {}
        self._tell(settled)
        return lighting

    def now(self) -> Lighting:
        """Return what the show says now."""
        return self.at(self._clock())

    def listen(self, listener: Listener) -> None:
        """Call `listener` with what was set by hand and what cues brought to rest; once now with everything.

        It is called on the thread that set it, or that asked for the lighting. Fades are not told: see `status`.
        """
        self._listeners.append(listener)
        listener(self.beneath())

    def unlisten(self, listener: Listener) -> None:
        """Call `listener` no more."""
        self._listeners.remove(listener)

    # Playing

    def go(self, at: float | None = None) -> None:
        """Start the next cue; while paused, go on instead. At the end of the list nothing happens."""
        self._play(at, self._playback.go)

    def back(self, at: float | None = None, time: float = BACK_TIME) -> None:
        """Go to the cue before the active one, in `time` seconds."""
        self._play(at, lambda now: self._playback.back(now, _seconds(time)))

    def go_to(self, number: Number, time: float | None = None, at: float | None = None) -> None:
        """Start any cue, in `time` seconds (0: a cut), or as the cue says (None).

        Raises:
            LimelightError: there is no such cue.
        """
        cue = CueNumber.of(number)
        self._play(at, lambda now: self._playback.go_to(now, cue, None if time is None else _seconds(time)))

    def standby(self, number: Number | None, at: float | None = None) -> None:
        """Choose the cue that GO starts next; None: the one that follows the active one.

        Raises:
            LimelightError: there is no such cue.
        """
        cue = None if number is None else CueNumber.of(number)
        self._play(at, lambda now: self._playback.standby(now, cue))

    def pause(self, at: float | None = None) -> None:
        """Let fades, delays and effects by the second stand; effects on the beat stay with the music."""
        self._play(at, self._playback.pause)

    def resume(self, at: float | None = None) -> None:
        """Go on after a pause."""
        self._play(at, self._playback.resume)

    def set_rate(self, rate: float, at: float | None = None) -> None:
        """Set how fast cues play; 1 is as written.

        Raises:
            LimelightError: it is not 0.01 to 20.
        """
        self._play(at, lambda now: self._playback.set_rate(now, rate))

    def release(self, time: float = RELEASE_TIME, at: float | None = None) -> None:
        """Give up what cues have moved: it goes back to the start of the show, and no cue is active."""
        self._play(at, lambda now: self._playback.release(now, _seconds(time)))

    def panic(self, time: float = RELEASE_TIME, at: float | None = None) -> None:
        """Fade all light of the show out; once more while that fades: out at once. No cue is active then."""
        self._play(at, lambda now: self._playback.panic(now, _seconds(time)))

    def start_effect(self, name: str, time: float = 0.0, at: float | None = None) -> None:
        """Start an effect by hand, faded in.

        Raises:
            LimelightError: there is no such effect.
        """
        self._switch_effect(name, True, time, at)

    def stop_effect(self, name: str, time: float = 0.0, at: float | None = None) -> None:
        """Stop an effect by hand, faded out.

        Raises:
            LimelightError: there is no such effect.
        """
        self._switch_effect(name, False, time, at)

    # Over the show

    @property
    def master(self) -> float:
        """Return the grand master, 0..1, a factor on all of the show's light."""
        with self.lock:
            return self._master.high

    def set_master(self, level: float, time: float = 0.0, at: float | None = None) -> None:
        """Bring the grand master to 0..1 in some seconds."""
        with self.lock:
            self._master = self._master.to(min(max(float(level), 0.0), 1.0), self._now(at), _seconds(time))
            self._changed()

    @property
    def blackout(self) -> bool:
        """Return whether no light of the show shines."""
        with self.lock:
            return self._light.high == 0.0

    def set_blackout(self, on: bool, time: float = 0.0, at: float | None = None) -> None:
        """Let no light of the show shine, or let it again, in some seconds."""
        with self.lock:
            self._light = self._light.to(0.0 if on else 1.0, self._now(at), _seconds(time))
            self._changed()

    def tap(self, at: float | None = None) -> None:
        """Tap the beat."""
        with self.lock:
            self._tempo.tap(self._now(at))
            self._changed()

    def set_tempo(self, bpm: float, at: float | None = None) -> None:
        """Set the tempo, beats a minute.

        Raises:
            LimelightError: it is none.
        """
        with self.lock:
            self._tempo.set(self._now(at), bpm)
            self._changed()

    def resync(self, at: float | None = None) -> None:
        """Take this moment as a beat."""
        with self.lock:
            self._tempo.resync(self._now(at))

    # Editing

    @property
    def document(self) -> ShowDocument:
        """Return the show as it is prepared."""
        with self.lock:
            return self._history.now

    def edit(
        self,
        text: str,
        change: Callable[[ShowDocument], ShowDocument],
        at: float | None = None,
        renumbered: tuple[CueNumber, CueNumber] | None = None,
        reached: CueNumber | None = None,
    ) -> None:
        """Make an edit that can be undone. What is seen stays as it is until the next cue.

        Args:
            text: what it does, "Record cue 2".
            change: returns the new document for the old.
            at: when.
            renumbered: the number that it takes from a cue, and the one that it gives it instead.
            reached: a cue that has the look of the moment then, and is the active one.

        Raises:
            LimelightError: `change` did, or the show cannot be so; nothing is changed then.
        """
        with self.lock:
            now = self._now(at)
            self._history.edit(text, change, renumbered)
            self._took_edit(now, renumbered)
            if reached is not None:
                self._playback.recorded(now, reached)

    def undo(self, at: float | None = None) -> str | None:
        """Undo the last edit, of cues or of live values; return what it was, or None if there is none."""
        with self.lock:
            if (edit := self._history.undo()) is None:
                return None
            changed = self._take_back(self._now(at), edit.became, edit.was, edit.renumbered and edit.renumbered[::-1])
        self._tell(changed)
        return edit.text

    def redo(self, at: float | None = None) -> str | None:
        """Make the edit again that was undone last; return what it was, or None if there is none."""
        with self.lock:
            if (edit := self._history.redo()) is None:
                return None
            changed = self._take_back(self._now(at), edit.was, edit.became, edit.renumbered)
        self._tell(changed)
        return edit.text

    def look(self, at: float | None = None) -> tuple[dict[str, Value], frozenset[str]]:
        """Return what is recorded as a cue: every value, fades counting as complete, and the effects that run."""
        with self.lock:
            return self._playback.targets(self._now(at)), self._playback.running()

    def status(self, at: float | None = None) -> Status:
        """Return where the show is."""
        with self.lock:
            now, document = self._now(at), self._history.now
            progress = self._playback.progress(now)
            return Status(
                document.name,
                progress,
                document.cues.find(progress.active) if progress.active else None,
                document.cues.find(progress.next) if progress.next else None,
                self._master.at(now),
                self._light.high == 0.0,
                self._tempo.bpm,
                self._tempo.beat(now),
                tuple(run.name for run in self._playback.effects(now)),
                self._history.undo_text,
                self._history.redo_text,
                document != self._saved,
            )

    # What outlives it

    @property
    def revision(self) -> int:
        """Return a number that is another after each command and edit, and each cue that started by itself."""
        return self._changes + self._playback.started()

    def load(self, document: ShowDocument, at: float | None = None) -> None:
        """Play another show, from before its first cue, at once.

        Raises:
            LimelightError: one of its panoramas cannot be read; the show goes on as it was.
        """
        self.environments.need(document.environments())
        with self.lock:
            self._changes += self._playback.started()
            self._history, self._saved = History(document), document
            self._playback = Playback(document.cues)
            self._changed()
            values = self._playback.at(self._now(at))
        self._tell(values)

    def mark_saved(self) -> None:
        """Take the document as it is as the one that the file says."""
        with self.lock:
            self._saved = self._history.now

    def state(self, at: float | None = None) -> ShowState:
        """Return where the show is, its document aside."""
        with self.lock:
            now = self._now(at)
            paused = self._playback.progress(now).paused
            return ShowState(self._playback.place(now), paused, self._master.high, self.blackout, self._tempo.bpm)

    def restore(self, state: ShowState, document: ShowDocument | None = None, at: float | None = None) -> None:
        """Go where the show was when it was left, with edits that were not saved (`document`).

        Raises:
            LimelightError: a panorama cannot be read; the show stays where it is.
        """
        if document is not None:
            self.environments.need(document.environments())
        with self.lock:
            now = self._now(at)
            if document is not None:
                self._history = History(document)
            self._playback.replace(now, self._history.now.cues)
            self._playback.restore(now, state.place)
            self._tempo.set(now, state.bpm)
            self.set_master(state.master, at=now)
            self.set_blackout(state.blackout, at=now)
            if state.paused:
                self._playback.pause(now)
            self._changed()
            settled = self._playback.settled()
        self._tell(settled)

    def _changed(self) -> None:
        self._changes += 1
        self._still = None

    def _now(self, at: float | None) -> float:
        return self._clock() if at is None else at

    def _values(self, now: float) -> dict[str, Value]:
        values = self._playback.at(now)
        for run in self._playback.effects(now):
            self._apply(run, values, now)
        return values

    def _apply(self, run: EffectRun, values: dict[str, Value], now: float) -> None:
        document = self._history.now
        effect = document.effects.get(run.name)
        if effect is not None and run.level > 0.0:
            beat = self._tempo.beat(now - run.out_for)
            turns = turns_of(effect, run.seconds, beat, self._tempo.bpm, document.allow_strobe)
            effect.apply(values, turns, run.level)

    def _play(self, at: float | None, command: Callable[[float], None]) -> None:
        with self.lock:
            command(self._now(at))
            self._changed()
            settled = self._playback.settled()
        self._tell(settled)

    def _switch_effect(self, name: str, on: bool, time: float, at: float | None) -> None:
        if name not in self.document.effects:
            known = ", ".join(sorted(self.document.effects)) or "none"
            raise LimelightError(f"there is no effect {name!r}; this show has {known}")
        self._play(at, lambda now: self._playback.switch_effect(now, name, on, _seconds(time)))

    def _set(self, now: float, values: Mapping[str, Value]) -> dict[str, Value]:
        """Set values, and return what listeners are to be told."""
        before = self._playback.at(now)
        self._playback.set(now, values)
        self._changed()
        changed = {name: value for name, value in values.items() if before[name] != value}
        return self._playback.settled() | changed

    def _take_back(
        self,
        now: float,
        left: Mapping[str, Value],
        values: Mapping[str, Value],
        renumbered: tuple[CueNumber, CueNumber] | None,
    ) -> dict[str, Value]:
        """Take in an undo or a redo: set the live values that still stand as they were left, and return what listeners
        are to be told."""
        self._took_edit(now, renumbered)
        stand = self._playback.targets(now)
        return self._set(now, {name: value for name, value in values.items() if stand[name] == left[name]})

    def _took_edit(self, now: float, renumbered: tuple[CueNumber, CueNumber] | None) -> None:
        if renumbered is not None:
            self._playback.renumbered(*renumbered)
        self._playback.replace(now, self._history.now.cues)
        self._changed()

    def _tell(self, changed: Mapping[str, Value]) -> None:
        if changed:
            for listener in tuple(self._listeners):
                listener(changed)


def _seconds(time: float) -> float:
    """Return a time as a fade may have it."""
    return Times(time).up

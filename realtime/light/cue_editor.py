"""What people change about the cues of a show."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from facemodel import LimelightError
from realtime.light.cues.cue import Cue, CueNumber, Times
from realtime.light.cues.cue_list import CueList
from realtime.light.cues.typed import typed
from realtime.light.show import Number, Show


class CueEditor:
    """Edits the cues of a show. Each call is one edit, which `Show.undo` undoes; all may come from any thread.

    Edits may be given the time at which they happen, seconds of the show's clock; without, they happen now.
    """

    def __init__(self, show: Show) -> None:
        """
        Args:
            show: whose cues are edited.
        """
        self._show = show

    def record(
        self,
        number: Number | None = None,
        cue_only: bool = False,
        name: str | None = None,
        time: Times | None = None,
        at: float | None = None,
    ) -> CueNumber:
        """Record the look as a cue, in the place of any that has its number; fades count as complete. It is the active
        one then, as on Eos.

        Args:
            number: of the cue; None: the next whole number after the last.
            cue_only: the cue after it keeps its look.
            name, time: of the cue; None: as it has them, if it is there.
            at: when.

        Returns:
            its number.
        """
        with self._show.lock:
            now, cues = self._now(at), self._show.document.cues
            if number is None:
                last = cues.cues[-1].number.thousandths if len(cues) else 0
                key = CueNumber((last // 1000 + 1) * 1000)
            else:
                key = CueNumber.of(number)
            cue = cues.find(key) or Cue(key)
            cue = replace(cue, name=cue.name if name is None else name, time=time or cue.time)
            look, effects = self._show.look(now)
            self._edit(f"Record cue {key}", lambda cues: cues.record(cue, look, effects, cue_only), now, reached=key)
        return key

    def update(self, number: Number | None = None, cue_only: bool = False, at: float | None = None) -> CueNumber:
        """Put the look into a cue that is there, the active one where none is said; see `record`.

        Raises:
            LimelightError: there is no such cue, or none is active.
        """
        with self._show.lock:
            now = self._now(at)
            active = self._show.status(now).progress.active
            key = active if number is None else CueNumber.of(number)
            if key is None:
                raise LimelightError("no cue is active: say which to update, or record a new one")
            look, effects = self._show.look(now)
            reached = key if key == active else None
            self._edit(
                f"Update cue {key}", lambda cues: cues.update(key, look, effects, cue_only), now, reached=reached
            )
        return key

    def delete(self, number: Number, cue_only: bool = False, at: float | None = None) -> None:
        """Delete a cue; with `cue_only`, the one after it keeps its look.

        Raises:
            LimelightError: there is no such cue.
        """
        key = CueNumber.of(number)
        self._edit(f"Delete cue {key}", lambda cues: cues.delete(key, cue_only), at)

    def type(self, number: Number, word: str, text: str, at: float | None = None) -> None:
        """Let a cue say something else for a word of show files, as a person typed it; see `typed`.

        Raises:
            LimelightError: there is no such cue, or it cannot have that.
        """
        key = CueNumber.of(number)
        self._edit(f"Cue {key} {word}", lambda cues: cues.put(typed(cues.cue(key), word, text)), at)

    def set_block(self, number: Number, on: bool, at: float | None = None) -> None:
        """Let a cue block, or track again; see `CueList.set_block`.

        Raises:
            LimelightError: there is no such cue.
        """
        key = CueNumber.of(number)
        self._edit(f"{'Block' if on else 'Unblock'} cue {key}", lambda cues: cues.set_block(key, on), at)

    def set_assert(self, number: Number, on: bool, at: float | None = None) -> None:
        """Let a cue play what is tracked too, or no longer.

        Raises:
            LimelightError: there is no such cue.
        """
        key = CueNumber.of(number)
        self._edit(f"{'Assert' if on else 'Unassert'} cue {key}", lambda cues: cues.set_assert(key, on), at)

    def renumber(self, number: Number, to: Number, at: float | None = None) -> None:
        """Give a cue another number, which may move it elsewhere; links to it go along.

        Raises:
            LimelightError: there is no such cue, or one of the new number.
        """
        self._renumber("Renumber", CueNumber.of(number), CueNumber.of(to), at)

    def move(self, number: Number, before: Number | None, at: float | None = None) -> CueNumber:
        """Put a cue directly before another (None: at the end), and return the number that it has then: the shortest
        one that fits in between, as on Eos.

        Raises:
            LimelightError: there is no such cue, or no number left in between.
        """
        old = CueNumber.of(number)
        with self._show.lock:
            new = self._show.document.cues.number_before(old, None if before is None else CueNumber.of(before))
            self._renumber("Move", old, new, at)
        return new

    def _now(self, at: float | None) -> float:
        return self._show.moment() if at is None else at

    def _renumber(self, what: str, old: CueNumber, new: CueNumber, at: float | None) -> None:
        self._edit(f"{what} cue {old}", lambda cues: cues.renumber(old, new), at, renumbered=(old, new))

    def _edit(
        self,
        text: str,
        change: Callable[[CueList], CueList],
        at: float | None,
        renumbered: tuple[CueNumber, CueNumber] | None = None,
        reached: CueNumber | None = None,
    ) -> None:
        self._show.edit(text, lambda said: said.with_cues(change(said.cues)), at, renumbered, reached)

"""A show of two cues on a table of commands, with a clock that tests set."""

from __future__ import annotations

from realtime.controls.commands import show_commands, show_state
from realtime.controls.table import CommandTable
from realtime.light.cues.cue import Cue, CueNumber
from realtime.light.cues.cue_list import CueList
from realtime.light.cues.document import ShowDocument
from realtime.light.show import Show


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def make(clock: Clock | None = None) -> tuple[Show, CommandTable]:
    clock = clock or Clock()
    cues = CueList(
        (
            Cue(CueNumber.of(1), moves={"light/1/intensity": 1.0}),
            Cue(CueNumber.of(2.5), moves={"light/1/intensity": 0.25, "light/1/azimuth": 90.0}),
        )
    )
    show = Show(document=ShowDocument(cues=cues), clock=clock)
    table = CommandTable(clock=clock)
    table.register(show_commands(show), lambda: show_state(show))
    return show, table

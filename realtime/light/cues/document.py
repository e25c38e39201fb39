"""What a show file says: everything about a show that people prepare, and can undo."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from facemodel import LimelightError
from realtime.light.cues.cue_list import CueList
from realtime.light.cues.effects import Chase, Effect, check_safe


@dataclass(frozen=True)
class ShowDocument:
    """A show as it is prepared. Immutable: each edit makes a new one.

    Attributes:
        name: for people.
        cues: and the values that stand before the first.
        effects: by name.
        allow_strobe: light may flash more often than three times a second.
    """

    name: str = ""
    cues: CueList = CueList()
    effects: Mapping[str, Effect] = field(default_factory=dict)
    allow_strobe: bool = False

    def __post_init__(self) -> None:
        if not self.allow_strobe:
            for name, effect in self.effects.items():
                check_safe(name, effect)
        for cue in self.cues:
            for name in cue.effects:
                if name not in self.effects:
                    known = ", ".join(sorted(self.effects)) or "none"
                    raise LimelightError(f"cue {cue.number}: there is no effect {name!r}; this show has {known}")

    def environments(self) -> frozenset[str]:
        """Return the names of the environments that the show needs: presets, and full paths of panoramas."""
        said = [self.cues.start, *(cue.moves for cue in self.cues)]
        said += [step for effect in self.effects.values() if isinstance(effect, Chase) for step in effect.steps]
        return frozenset(str(moves["environment/name"]) for moves in said if moves.get("environment/name"))

    def with_cues(self, cues: CueList) -> ShowDocument:
        """Return it with other cues."""
        return replace(self, cues=cues)

    def with_effect(self, name: str, effect: Effect | None) -> ShowDocument:
        """Return it with an effect of a name, or without (None).

        Raises:
            LimelightError: the effect is not safe, or a cue needs what is taken away.
        """
        effects = {other: value for other, value in self.effects.items() if other != name}
        return replace(self, effects=effects if effect is None else {**effects, name: effect})

"""Reads the text of show files.

From the graph of YAML's nodes, not into objects, so that no tag runs anything and every error has its line.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path
from typing import NoReturn, cast

from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from facemodel import LimelightError
from realtime.light.cues.cue import Cue, CueNumber, Times
from realtime.light.cues.cue_list import CueList
from realtime.light.cues.document import ShowDocument
from realtime.light.cues.effects import Chase, Effect, Lfo, Pace
from realtime.light.cues.show_words import (
    CHASE,
    CUE,
    GROUPS,
    HEADER,
    LFO,
    PACE,
    TIMES,
    VERSION,
    linear_of,
    yaml_of_shows,
)
from realtime.light.environments import ENVIRONMENTS
from realtime.light.values import VALUES, Rgb, Value

_BARE_COLOR = re.compile(r": +(#[0-9A-Fa-f]{6})\b")  # a comment, to YAML


def parse_show(text: str, path: Path) -> ShowDocument:
    """Return the show that a text says.

    Args:
        text: YAML.
        path: of the file, which paths in it are relative to, and which errors name.

    Raises:
        LimelightError: it says something that no show can; with file and line.
    """
    return _Reader(path).document(_compose(text, path))


class _Reader:
    """Makes a document of nodes."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def document(self, root: Node | None) -> ShowDocument:
        if root is None:
            raise LimelightError(f"{self._path}: is empty; a show file begins with `limelight show: {VERSION}`")
        said = self._map(root, "a show", HEADER)
        if "limelight show" not in said:
            self._fail(root, f"is no show file: it must begin with `limelight show: {VERSION}`")
        if (version := self._number(said["limelight show"])) != VERSION:
            self._fail(said["limelight show"], f"is a show of format {version:g}; this program knows {VERSION}")
        effects: dict[str, Effect] = {}
        allow_strobe = self._truth(said["allow strobe"]) if "allow strobe" in said else False
        for name, node in self._map(said.get("effects"), "effects").items():
            effects[name] = self._effect(node)
            with self._at(node):
                ShowDocument(effects={name: effects[name]}, allow_strobe=allow_strobe)
        start = self._moves(self._map(said.get("start"), "start", tuple(GROUPS)))
        nodes = self._list(said.get("cues"), "cues")
        cues: dict[CueNumber, Cue] = {}
        for node in nodes:
            cue = self._cue(node)
            with self._at(node):
                if cue.number in cues:
                    raise LimelightError(f"cue {cue.number}: there is one of this number already")
                ShowDocument(cues=CueList((Cue(cue.number, effects=cue.effects),)), effects=effects, allow_strobe=True)
            cues[cue.number] = cue
        for node, cue in zip(nodes, cues.values(), strict=True):
            if cue.link is not None and cue.link not in cues:
                self._fail(self._map(node)["link"], f"cue {cue.number}: it links to cue {cue.link}, and there is none")
        name = self._text(said["name"]) if "name" in said else ""
        return ShowDocument(name, CueList(tuple(cues.values()), start), effects, allow_strobe)

    def _cue(self, node: Node) -> Cue:
        said = self._map(node, "a cue", (*CUE, *GROUPS))
        if "cue" not in said:
            self._fail(node, "a cue needs its number: `cue: 1`")
        with self._at(said["cue"]):
            number = CueNumber.of(self._scalar(said["cue"]))
        link = None
        if "link" in said:
            with self._at(said["link"]):
                link = CueNumber.of(self._scalar(said["link"]))
        effects = {
            name: self._choice(value, {"start": True, "stop": False})
            for name, value in self._map(said.get("effects"), "effects").items()
        }
        moves = self._moves({key: value for key, value in said.items() if key in GROUPS})
        with self._at(node):
            return Cue(
                number,
                self._text(said["name"]) if "name" in said else "",
                self._text(said["notes"]) if "notes" in said else "",
                self._times(said["time"]) if "time" in said else Times(),
                self._times(said["delay"], 0.0) if "delay" in said else Times(0.0),
                self._number(said["follow"]) if "follow" in said else None,
                self._number(said["hang"]) if "hang" in said else None,
                link,
                self._truth(said["block"]) if "block" in said else False,
                self._truth(said["assert"]) if "assert" in said else False,
                moves,
                effects,
            )

    def _times(self, node: Node, up: float = Times().up) -> Times:
        with self._at(node):
            if not isinstance(node, MappingNode):
                return Times(self._number(node))
            said = {name: self._number(value) for name, value in self._map(node, "times", TIMES).items()}
            return Times(**{"up": up, **said})

    def _effect(self, node: Node) -> Effect:
        said = self._map(node, "an effect", tuple(dict.fromkeys((*LFO, *CHASE))))
        if ("lfo" in said) == ("chase" in said):
            self._fail(node, "an effect is either an LFO (`lfo: sine`) or a chase (`chase:` and its steps)")
        numbers = {key: self._number(said[key]) for key in (*PACE, "depth", "offset", "phase", "spread", "crossfade",
                                                            "seed") if key in said}  # fmt: skip
        with self._at(node):
            self._map(node, "an LFO" if "lfo" in said else "a chase", LFO if "lfo" in said else CHASE)
            paces = [key for key in PACE if key in said]
            if len(paces) != 1:
                raise LimelightError("an effect needs one of `seconds:`, `hertz:` and `beats:`")
            if paces == ["hertz"]:
                if numbers["hertz"] <= 0.0:
                    raise LimelightError("hertz must be above 0")
                pace = Pace(seconds=1.0 / numbers["hertz"])
            else:
                pace = Pace(**{paces[0]: numbers[paces[0]]})
            if "lfo" in said:
                swing = {key: numbers[key] for key in ("depth", "offset", "phase", "spread") if key in numbers}
                return Lfo(self._names(said.get("of")), pace, self._text(said["lfo"]), **swing)
            steps = tuple(
                self._moves(self._map(step, "a step", tuple(GROUPS))) for step in self._list(said["chase"], "steps")
            )
            return Chase(
                steps,
                pace,
                numbers.get("crossfade", 0.0),
                self._text(said["direction"]) if "direction" in said else "forward",
                self._truth(said["loop"]) if "loop" in said else True,
                int(numbers.get("seed", 0)),
            )

    def _names(self, node: Node | None) -> tuple[str, ...]:
        """Return names of values from `light 1 azimuth`, or a list of such."""
        if node is None:
            return ()
        nodes = self._list(node, "names") if isinstance(node, SequenceNode) else [node]
        names = []
        for one in nodes:
            words = self._text(one)
            if (name := words.replace(" ", "/")) not in VALUES:
                self._unknown(one, words, [known.replace("/", " ") for known in VALUES], "value")
            names.append(name)
        return tuple(names)

    def _moves(self, said: Mapping[str, Node]) -> dict[str, Value]:
        """Return values by name from groups, `light 1: {intensity: 1}`."""
        moves: dict[str, Value] = {}
        for group, node in said.items():
            known = GROUPS[group]
            keys = (*known, "at") if "azimuth" in known else tuple(known)
            values = self._map(node, group, keys)
            for key, value in values.items():
                if key == "at":
                    parts = self._list(value, "at")
                    if len(parts) != 2 or "azimuth" in values or "elevation" in values:
                        self._fail(value, "at: is `[azimuth, elevation]`, both in degrees, and instead of them")
                    for part, one in zip(("azimuth", "elevation"), parts, strict=True):
                        moves[known[part]] = self._value(known[part], one)
                else:
                    moves[known[key]] = self._value(known[key], value)
        return moves

    def _value(self, name: str, node: Node) -> Value:
        spec = VALUES[name]
        value: object
        if isinstance(spec.default, tuple) and isinstance(node, ScalarNode):
            value = self._hex(node)
        elif isinstance(node, SequenceNode):
            value = [self._number(part) for part in self._list(node, name)]
        else:
            value = self._scalar(node)
        with self._at(node):
            checked = spec.checked(value)
        if not isinstance(value, bool | str) and checked != (tuple(value) if isinstance(value, list) else value):
            self._fail(node, f"{name}: must be {spec.low:g} to {spec.high:g}{spec.unit and ' ' + spec.unit}")
        return self._environment(node, str(checked)) if name == "environment/name" else checked

    def _environment(self, node: Node, name: str) -> str:
        """Return the name of an environment: a preset, or the full path of a panorama."""
        if not name or name in ENVIRONMENTS:
            return name
        if not Path(name).suffix:
            self._unknown(node, name, list(ENVIRONMENTS), "environment")
        return str((self._path.parent / Path(name).expanduser()).absolute())

    def _hex(self, node: ScalarNode) -> Rgb:
        try:
            return linear_of(node.value)
        except ValueError:
            self._fail(node, f'{node.value!r} is no colour: write "#rrggbb", with the quotes, or linear [r, g, b]')

    # YAML

    def _map(self, node: Node | None, what: str = "", known: tuple[str, ...] | None = None) -> dict[str, Node]:
        if node is None or _is_nothing(node):
            return {}
        if not isinstance(node, MappingNode):
            self._fail(node, f"{what}: must be names and values, `name: value`")
        self._plain(node, "map")
        said: dict[str, Node] = {}
        for key_node, value in node.value:
            if not isinstance(key_node, ScalarNode):
                self._fail(key_node, f"{what}: a name must be a word")
            key = key_node.value
            if key in said:
                self._fail(key_node, f"{key}: is there twice")
            if known is not None and key not in known:
                self._unknown(key_node, key, list(known), f"word of {what}")
            said[key] = value
        return said

    def _list(self, node: Node | None, what: str) -> list[Node]:
        if node is None or _is_nothing(node):
            return []
        if not isinstance(node, SequenceNode):
            self._fail(node, f"{what}: must be a list")
        self._plain(node, "seq")
        return list(node.value)

    def _scalar(self, node: Node) -> str | float | bool:
        """Return a text, a number or a truth value, as YAML 1.2 reads them."""
        if not isinstance(node, ScalarNode):
            self._fail(node, "must be one value here, no list and no names")
        kind = self._plain(node, "str", "int", "float", "bool", "null")
        if kind in ("int", "float"):
            try:
                return float(node.value)
            except ValueError:
                self._fail(node, f"{node.value} is no decimal number")
        return node.value.lower() == "true" if kind == "bool" else "" if kind == "null" else str(node.value)

    def _number(self, node: Node) -> float:
        value = self._scalar(node)
        if isinstance(value, str | bool) or not math.isfinite(value):
            self._fail(node, f"must be a number, got {cast(ScalarNode, node).value!r}")
        return value

    def _truth(self, node: Node) -> bool:
        value = self._scalar(node)
        if not isinstance(value, bool):
            self._fail(node, f"must be true or false, got {cast(ScalarNode, node).value!r}")
        return value

    def _text(self, node: Node) -> str:
        if not isinstance(node, ScalarNode):
            self._fail(node, "must be a text")
        kind = self._plain(node, "str", "int", "float", "bool", "null")
        return "" if kind == "null" else str(node.value)

    def _choice(self, node: Node, choices: Mapping[str, bool]) -> bool:
        text = self._text(node)
        if text not in choices:
            self._fail(node, f"must be {' or '.join(choices)}, got {text!r}")
        return choices[text]

    def _plain(self, node: Node, *kinds: str) -> str:
        """Return the kind of a node, which must be one of YAML's plain ones."""
        kind = str(node.tag).removeprefix("tag:yaml.org,2002:")
        if kind not in kinds:
            self._fail(node, f"{node.tag}: tags have no place in a show file")
        return kind

    def _unknown(self, node: Node, word: str, known: list[str], what: str) -> NoReturn:
        near = get_close_matches(word, known, 1, 0.5)
        hint = f"did you mean `{near[0]}`?" if near else f"there are {', '.join(known[:12])}"
        self._fail(node, f"{word}: there is no such {what}; {hint}")

    def _fail(self, node: Node, message: str) -> NoReturn:
        raise _FileError(f"{self._path}, line {node.start_mark.line + 1}: {message}")

    @contextmanager
    def _at(self, node: Node) -> Iterator[None]:
        """Let what is refused in here name the line of a node."""
        try:
            yield
        except _FileError:
            raise
        except LimelightError as error:
            self._fail(node, str(error))


class _FileError(LimelightError):
    """Names file and line already."""


def _compose(text: str, path: Path) -> Node | None:
    try:
        return cast("Node | None", yaml_of_shows().compose(text))
    except MarkedYAMLError as error:
        if bare := _BARE_COLOR.search(text):
            line = text.count("\n", 0, bare.start()) + 1
            raise LimelightError(f'{path}, line {line}: a colour needs quotation marks: "{bare[1]}"') from None
        mark = error.problem_mark or error.context_mark
        line = f", line {mark.line + 1}" if mark else ""
        raise LimelightError(f"{path}{line}: is no YAML: {error.problem or error.context}") from None
    except (YAMLError, ValueError, RecursionError) as error:
        reason = f"{error}".splitlines()[0] if f"{error}" else type(error).__name__
        raise LimelightError(f"{path}: is no YAML: {reason}") from None


def _is_nothing(node: Node) -> bool:
    return isinstance(node, ScalarNode) and str(node.tag).endswith(":null")

"""Writes the text of show files; what need not change of a text stays as people wrote it, comments too."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from io import StringIO
from pathlib import Path
from typing import Any

from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import YAMLError
from ruamel.yaml.scalarstring import LiteralScalarString

from facemodel import LimelightError
from facemodel.color import encode_srgb
from realtime.light.cues.cue import Cue, CueNumber, Times
from realtime.light.cues.document import ShowDocument
from realtime.light.cues.effects import Effect, Lfo
from realtime.light.cues.show_reader import parse_show
from realtime.light.cues.show_words import GROUPS, TIMES, VERSION, linear_of, yaml_of_shows
from realtime.light.environments import ENVIRONMENTS
from realtime.light.values import Value


def format_show(document: ShowDocument, path: Path, old: str = "") -> str:
    """Return the text of a show.

    Args:
        document: to write.
        path: of the file, which paths in it are relative to.
        old: what the file says now; what need not change of it stays as it is written.
    """
    if old:
        try:
            tree = yaml_of_shows().load(old)
            _merge(tree, _plain(document, path), parse_show(old, path), document)
            text = _dump(tree)
            if parse_show(text, path) == document:
                return text
        except (LimelightError, YAMLError, ValueError, TypeError, AttributeError):
            pass  # what was there was no show, or cannot be kept
    text = _dump(_plain(document, path))
    try:
        if parse_show(text, path) == document:
            return text
    except LimelightError:
        pass  # texts of odd characters that the library does not write as it reads them
    return escaped_show(document, path)


def escaped_show(document: ShowDocument, path: Path) -> str:
    """Return the text of a show in one line of ASCII, quickly: for programs, not for people."""
    text = json.dumps(_plain(document, path), ensure_ascii=False)
    return re.sub(r"[^ -~]", lambda odd: f"\\U{ord(odd[0]):08x}", text)


def _dump(tree: Any) -> str:
    stream = StringIO()
    yaml_of_shows().dump(tree, stream)
    return stream.getvalue()


def _plain(document: ShowDocument, path: Path) -> CommentedMap:
    tree = CommentedMap({"limelight show": VERSION})
    if document.name:
        tree["name"] = document.name
    if document.allow_strobe:
        tree["allow strobe"] = True
    if document.cues.start:
        tree["start"] = CommentedMap(_groups(document.cues.start, path))
    if document.effects:
        tree["effects"] = CommentedMap({name: _effect_map(e, path) for name, e in document.effects.items()})
    tree["cues"] = CommentedSeq([_cue_map(cue, path) for cue in document.cues])
    return tree


def _cue_map(cue: Cue, path: Path) -> CommentedMap:
    tree = CommentedMap({"cue": _shortest(float(str(cue.number)))})
    if cue.name:
        tree["name"] = cue.name
    tree["time"] = _times_plain(cue.time)
    if cue.delay != Times(0.0):
        tree["delay"] = _times_plain(cue.delay)
    for key, seconds in (("follow", cue.follow), ("hang", cue.hang)):
        if seconds is not None:
            tree[key] = _shortest(seconds)
    if cue.link is not None:
        tree["link"] = _shortest(float(str(cue.link)))
    if cue.blocks:
        tree["block"] = True
    if cue.asserts:
        tree["assert"] = True
    if cue.notes:
        tree["notes"] = LiteralScalarString(cue.notes) if "\n" in cue.notes else cue.notes
    if cue.effects:
        tree["effects"] = _flow({name: "start" if on else "stop" for name, on in cue.effects.items()})
    tree.update(_groups(cue.moves, path))
    return tree


def _effect_map(effect: Effect, path: Path) -> CommentedMap:
    pace = {"beats": effect.pace.beats} if effect.pace.beats else {"seconds": effect.pace.seconds}
    said: dict[str, Any]
    if isinstance(effect, Lfo):
        of = [name.replace("/", " ") for name in effect.of]
        said = {"lfo": effect.shape, "of": of[0] if len(of) == 1 else _flow(of), **pace, "depth": effect.depth}
        said |= {key: value for key in ("offset", "phase", "spread") if (value := getattr(effect, key))}
    else:
        said = {"chase": CommentedSeq([CommentedMap(_groups(step, path)) for step in effect.steps]), **pace}
        said |= {"crossfade": effect.crossfade} if effect.crossfade else {}
        said |= {"direction": effect.direction} if effect.direction != "forward" else {}
        said |= {} if effect.loop else {"loop": False}
        said |= {"seed": effect.seed} if effect.seed else {}
    return CommentedMap({key: _shortest(value) if isinstance(value, float) else value for key, value in said.items()})


def _groups(moves: Mapping[str, Value], path: Path) -> dict[str, CommentedMap]:
    """Return values as groups, in the order of the table of values."""
    groups: dict[str, dict[str, Any]] = {}
    for group, known in GROUPS.items():
        said = {key: _value_plain(name, moves[name], path) for key, name in known.items() if name in moves}
        if "azimuth" in said and "elevation" in said:
            at = _flow([said.pop("azimuth"), said.pop("elevation")])
            first = {"intensity": said.pop("intensity")} if "intensity" in said else {}
            said = {**first, "at": at, **said}
        if said:
            groups[group] = said
    return {group: _flow(said) for group, said in groups.items()}


def _value_plain(name: str, value: Value, path: Path) -> Any:
    if isinstance(value, tuple):
        text = "#" + "".join(f"{round(float(part) * 255):02x}" for part in encode_srgb(value))
        return text if linear_of(text) == value else _flow([_shortest(part) for part in value])
    if name == "environment/name" and value and value not in ENVIRONMENTS:
        folder, file = path.parent.absolute(), Path(str(value))
        return file.relative_to(folder).as_posix() if file.is_relative_to(folder) else str(file)
    return _shortest(value) if isinstance(value, float) else value


def _times_plain(times: Times) -> Any:
    said = {name: _shortest(value) for name in TIMES if (value := getattr(times, name)) is not None}
    return said["up"] if len(said) == 1 else _flow(said)


def _shortest(number: float) -> int | float:
    return int(number) if number == int(number) and abs(number) < 1e15 else number


def _flow(said: Any) -> Any:
    """Return names or a list that are written on one line."""
    tree = CommentedMap(said) if isinstance(said, dict) else CommentedSeq(said)
    tree.fa.set_flow_style()
    return tree


def _merge(tree: CommentedMap, new: CommentedMap, old: ShowDocument, document: ShowDocument) -> None:
    """Bring what a file says to what it shall say, and touch nothing else."""
    if "start" in tree and "start" in new and old.cues.start == document.cues.start:
        new["start"] = tree["start"]
    for name, effect in document.effects.items():
        if old.effects.get(name) == effect:
            new["effects"][name] = tree["effects"][name]
    cues, wanted = tree.get("cues"), new["cues"]
    if isinstance(cues, CommentedSeq):
        new["cues"] = cues
        numbers = {_number_of(cue) for cue in wanted}
        for i in range(len(cues) - 1, -1, -1):
            if _number_of(cues[i]) not in numbers:
                del cues[i]
        for i, cue in enumerate(wanted):
            number = _number_of(cue)
            if i == len(cues) or _number_of(cues[i]) != number:
                cues.insert(i, cue)
            elif old.cues.find(number) != document.cues.find(number):
                _merge_map(cues[i], cue)
        del cues[len(wanted) :]
    _merge_map(tree, new)


def _merge_map(tree: CommentedMap, new: Mapping[str, Any]) -> None:
    for key in [key for key in tree if key not in new]:
        del tree[key]
    for i, (key, value) in enumerate(new.items()):
        if key not in tree:
            tree.insert(i, key, value)
        elif isinstance(tree[key], CommentedMap) and isinstance(value, CommentedMap):
            if tree[key] is not value:
                _merge_map(tree[key], value)
        elif tree[key] is not value and tree[key] != value:
            tree[key] = value


def _number_of(cue: Mapping[str, Any]) -> CueNumber:
    return CueNumber.of(cue["cue"])

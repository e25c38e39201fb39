"""Finds shape keys by the names of expressions, in any spelling."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

_COPY_NUMBER = re.compile(r"\.\d+$")
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_SIDES = {"l": "left", "r": "right", "left": "left", "right": "right"}


def canonical(name: str) -> str:
    """Return a name as its words without case and separators, the side last.

    `mouthSmileLeft`, `MouthSmile_L`, `mouth_smile_left`, `mouthSmile.L.001` and `Left_mouthSmile` are all
    `mouthsmileleft`.
    """
    words = [word.lower() for word in _WORD.findall(_COPY_NUMBER.sub("", name))]
    if len(words) > 1 and words[0] in _SIDES:
        words = [*words[1:], words[0]]
    if len(words) > 1:
        words[-1] = _SIDES.get(words[-1], words[-1])
    return "".join(words)


@lru_cache(maxsize=16)
def match_names(expressions: tuple[str, ...], keys: tuple[str, ...]) -> Mapping[str, tuple[str, ...]]:
    """Return for each expression the shape keys that show it, in no order of the mesh's; () where there is none.

    A key may have words before the expression's, as `Head.jawOpen`; the expression with the longest name then has it.
    An expression without a side also moves keys of both sides, as `browInnerUp_L` and `browInnerUp_R`.

    Args:
        expressions: names of a take's or a stream's.
        keys: names of a mesh's shape keys.
    """
    wanted = {canonical(name): name for name in expressions}
    found: dict[str, list[str]] = {name: [] for name in expressions}
    for key in keys:
        name = _expression_of(canonical(key), wanted)
        if name is not None:
            found[name].append(key)
    return {name: tuple(of_it) for name, of_it in found.items()}


def _expression_of(key: str, wanted: dict[str, str]) -> str | None:
    spellings = [key]
    for side in ("left", "right"):
        if key.endswith(side):
            spellings.append(key[: -len(side)])
    for spelling in spellings:
        if spelling in wanted:
            return wanted[spelling]
    for spelling in spellings:
        ends = [name for name in wanted if spelling.endswith(name)]
        if ends:
            return wanted[max(ends, key=len)]
    return None

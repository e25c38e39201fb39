"""OSC 1.0 packets, read strictly: whatever is not well formed is refused as a whole, in bounded time.

python-osc, which writes ours, follows a negative length of a bundle's element for ever.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

_BUNDLE = b"#bundle\0"
_DEEPEST = 8
_SINCE_1900 = 2_208_988_800
"""s from 1900, where OSC's time begins, to 1970."""
_NUMBERS = {"f": struct.Struct(">f"), "i": struct.Struct(">i"), "d": struct.Struct(">d"), "h": struct.Struct(">q")}
_CONSTANTS = {"T": True, "F": False, "N": None, "I": None}

Argument = float | int | bool | str | bytes | None


class MalformedError(ValueError):
    """A packet that is not OSC."""


@dataclass(frozen=True)
class Message:
    """One message.

    Attributes:
        address: with its slash.
        args: numbers, texts, truth values, bytes, or None.
        due: s since 1970, when it is meant for; None for at once.
    """

    address: str
    args: tuple[Argument, ...]
    due: float | None = None


def read_packet(data: bytes) -> list[Message]:
    """Return the messages of a packet, those of bundles in their order.

    Raises:
        MalformedError: it is none.
    """
    return list(_read(data, None, _DEEPEST))


def _read(data: bytes, due: float | None, depth: int) -> Iterator[Message]:
    if len(data) % 4:
        raise MalformedError("its length is no multiple of 4")
    if not data.startswith(_BUNDLE):
        yield _message(data, due)
        return
    if not depth or len(data) < 16:
        raise MalformedError("bundles within bundles" if not depth else "a bundle that is too short")
    seconds, fraction = struct.unpack_from(">II", data, 8)
    own = None if (seconds, fraction) == (0, 1) else seconds - _SINCE_1900 + fraction / 2**32
    at = 16
    while at < len(data):
        (size,) = struct.unpack_from(">i", data, at)
        at += 4
        if not 0 < size <= len(data) - at:
            raise MalformedError("an element that is longer than its bundle")
        yield from _read(data[at : at + size], own if own is not None else due, depth - 1)
        at += size


def _message(data: bytes, due: float | None) -> Message:
    address, at = _text(data, 0)
    if not address.startswith("/"):
        raise MalformedError("an address without a slash")
    if at == len(data):
        return Message(address, (), due)  # old senders leave the type tags out
    tags, at = _text(data, at)
    if not tags.startswith(","):
        raise MalformedError("no type tags")
    args: list[Argument] = []
    for tag in tags[1:]:
        if (number := _NUMBERS.get(tag)) is not None:
            if at + number.size > len(data):
                raise MalformedError("an argument is missing")
            args.append(number.unpack_from(data, at)[0])
            at += number.size
        elif tag in "sS":
            text, at = _text(data, at)
            args.append(text)
        elif tag in _CONSTANTS:
            args.append(_CONSTANTS[tag])
        elif tag == "b":
            if at + 4 > len(data):
                raise MalformedError("a blob is missing")
            (size,) = struct.unpack_from(">i", data, at)
            if not 0 <= size <= len(data) - at - 4:
                raise MalformedError("a blob that is longer than its message")
            args.append(data[at + 4 : at + 4 + size])
            at += 4 + (size + 3) // 4 * 4
        elif tag in "rcmt":
            size = 8 if tag == "t" else 4
            if at + size > len(data):
                raise MalformedError("an argument is missing")
            args.append(data[at : at + size])
            at += size
        else:
            raise MalformedError(f"an argument of type {tag!r}")
    if at != len(data):
        raise MalformedError("more than its type tags say")
    return Message(address, tuple(args), due)


def _text(data: bytes, at: int) -> tuple[str, int]:
    end = data.find(b"\0", at)
    if end < 0:
        raise MalformedError("a text without an end")
    try:
        return data[at:end].decode(), end + 4 - end % 4
    except UnicodeDecodeError:
        raise MalformedError("a text that is not UTF-8") from None

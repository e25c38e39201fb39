"""OSC messages of the same form every frame: laid out once, then only their numbers are written."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pythonosc.osc_bundle_builder import IMMEDIATELY, OscBundleBuilder
from pythonosc.osc_message import OscMessage as BuiltMessage
from pythonosc.osc_message_builder import OscMessageBuilder

from facemodel import LimelightError
from realtime.streams.face_stream import StreamOptions

FULL_DATAGRAM = 1472
"""Bytes that a datagram holds on Ethernet without being broken up."""

_HEADER = 16
"""Bytes of a bundle before its first message."""
_WORD = 4
"""Bytes that everything in OSC is a multiple of."""
_LONGEST_PREFIX = 100
_TRUE, _FALSE = (int.from_bytes(tag, "big") for tag in (b",T\0\0", b",F\0\0"))


def osc_prefix(options: StreamOptions, default: str) -> str:
    """Return the beginning of addresses, option `prefix`, with a slash before it and none behind; or nothing.

    Args:
        options: of the stream.
        default: where the user did not ask for one.

    Raises:
        LimelightError: OSC's addresses cannot begin like that.
    """
    prefix = (options.others.get("prefix") or default).strip("/")
    if len(prefix) > _LONGEST_PREFIX or any(not " " < c < "\x7f" or c in "#*,?[]{}" for c in prefix):
        raise LimelightError(f"sink {options.text}: prefix={prefix[:40]} must be plain, without # * , ? [ ] {{ }}")
    return f"/{prefix}" if prefix else ""


@dataclass(frozen=True)
class OscMessage:
    """The form of one message.

    Attributes:
        address: such as "/limelight/1/jawOpen".
        numbers: type tags of its numbers: "f" each for a float and "i" for an integer; or "T" for one that is either
            true or false.
        text: that stands before the numbers; None without any.
    """

    address: str
    numbers: str = "f"
    text: str | None = None

    def build(self) -> BuiltMessage:
        """Return the message with zeros."""
        builder = OscMessageBuilder(self.address)
        if self.text is not None:
            builder.add_arg(self.text, "s")
        for tag in self.numbers:
            builder.add_arg(tag == "T" or 0, tag)
        return builder.build()


class OscBundles:
    """Messages in as few bundles as hold them, in their order.

    Attributes:
        count: numbers of all messages.
    """

    def __init__(self, messages: Sequence[OscMessage], largest: int = FULL_DATAGRAM) -> None:
        """
        Args:
            messages: in the order that they are sent in.
            largest: bytes of a bundle.
        """
        self._bundles: list[_Bundle] = []
        self.count = 0
        group: list[OscMessage] = []
        size = _HEADER
        for message in messages:
            length = message.build().size + _WORD
            if group and size + length > largest:
                self._close(group)
                group, size = [], _HEADER
            group.append(message)
            size += length
        if group:
            self._close(group)

    def fill(self, numbers: ArrayLike) -> Iterator[memoryview]:
        """Yield the bundles with numbers written into them; they are the same memory every time.

        Args:
            numbers: (count,) in the order of the messages; true is any but 0.
        """
        numbers = np.asarray(numbers, float)
        for bundle in self._bundles:
            yield bundle.fill(numbers)

    def _close(self, group: list[OscMessage]) -> None:
        """Make a bundle of messages."""
        self._bundles.append(_Bundle(group, self.count))
        self.count += sum(len(message.numbers) for message in group)


class _Bundle:
    """One bundle, and where its numbers stand: at the end of each message, one word each."""

    def __init__(self, messages: Sequence[OscMessage], first: int) -> None:
        """
        Args:
            messages: its content.
            first: index of its first number.
        """
        builder = OscBundleBuilder(IMMEDIATELY)
        tags, end = "", _HEADER
        words: list[int] = []
        for message in messages:
            built = message.build()
            builder.add_content(built)
            end += _WORD + built.size
            words += range(end // _WORD - len(message.numbers), end // _WORD)
            tags += message.numbers
        self._memory = bytearray(builder.build().dgram)
        self._floats, self._integers = (np.frombuffer(self._memory, kind) for kind in (">f4", ">i4"))
        self._places = {
            tag: (np.array(words)[where], first + where)
            for tag in "fiT"
            if len(where := np.flatnonzero([t == tag for t in tags]))
        }

    def fill(self, numbers: NDArray[np.float64]) -> memoryview:
        """Write all numbers' share of this bundle, and return it."""
        for tag, (words, which) in self._places.items():
            if tag == "f":
                self._floats[words] = numbers[which]
            elif tag == "i":
                self._integers[words] = numbers[which]
            else:
                self._integers[words] = np.where(numbers[which] != 0.0, _TRUE, _FALSE)
        return memoryview(self._memory)

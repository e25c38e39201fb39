"""Takes: recordings of parameter streams. See `realtime.takes.format` for what a file holds."""

from realtime.takes.format import TakeFrame, TakeHeader
from realtime.takes.player import TakePlayer
from realtime.takes.reader import Take, TakeReader, load_take
from realtime.takes.writer import TakeWriter

__all__ = [
    "Take",
    "TakeFrame",
    "TakeHeader",
    "TakePlayer",
    "TakeReader",
    "TakeWriter",
    "load_take",
]

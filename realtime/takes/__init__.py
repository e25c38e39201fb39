"""Takes: recordings of results. See `realtime.takes.format` for what a file holds."""

from realtime.takes.format import TakeHeader
from realtime.takes.messages import Marker, Stall, TakeFace, TakeFrame
from realtime.takes.player import TakePlayer
from realtime.takes.reader import TakeReader, is_take
from realtime.takes.rig import Rig
from realtime.takes.take import Take, Track, load_take
from realtime.takes.writer import TakeWriter

__all__ = [
    "Marker",
    "Rig",
    "Stall",
    "Take",
    "TakeFace",
    "TakeFrame",
    "TakeHeader",
    "TakePlayer",
    "TakeReader",
    "TakeWriter",
    "Track",
    "is_take",
    "load_take",
]

"""Repairing and trimming takes: messages are copied as they are, whatever their format version, and marks carried."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from facemodel import LimelightError
from realtime.sound.block import SoundBlock
from realtime.takes.format import FRAME_TOPIC
from realtime.takes.marks import read_marks, remove_marks, write_marks
from realtime.takes.mcap_file import McapFile
from realtime.takes.messages import Marker, ShowMark, Stall, TakeFrame
from realtime.takes.reader import Recorded, TakeReader
from realtime.takes.reference_video import VideoPacket
from realtime.takes.rows import SAME_TIME
from realtime.takes.take import load_take


@dataclass(frozen=True)
class Edited:
    """What an edit wrote: frames, and one line on what the original lacks; None if it was whole."""

    frames: int
    cut: str | None


def repair_take(path: Path, out: Path) -> Edited:
    """Write all that can be read of a take into a whole file with an index.

    Raises:
        LimelightError: no frame can be read, or `out` exists or cannot be written.
    """
    reader = TakeReader(path)
    frames = _copy(reader, out, lambda recorded: not reader.knows(recorded) or reader.decode(recorded) is not None)
    return Edited(frames, reader.cut)


def trim_take(path: Path, out: Path, begin: float, end: float) -> Edited:
    """Write the part of a take from `begin` to `end` seconds after its first frame, both included.

    Header, face model and persons are kept; of the rest, what belongs to the part, the reference video from a key
    picture on. Times stay what they were.

    Raises:
        LimelightError: the part holds no frame, or `out` exists or cannot be written.
    """
    if not begin <= end:
        raise LimelightError(f"a part from {begin:g} to {end:g} s holds nothing; --to must be later than --from")
    reader, take = TakeReader(path), load_take(path)
    rows = take.span(begin, end)
    part = take.index.frames["sequence"][rows.start : rows.stop].tolist()
    frames = frozenset(part)
    begin, end = take.times[0] + begin - SAME_TIME, take.times[0] + end + SAME_TIME
    keys = take.video.sequences[take.video.keys]
    keys = keys[keys <= part[0]]
    pictures = range(int(keys[-1]) if len(keys) else part[0], part[-1] + 1)

    def keep(recorded: Recorded) -> bool:
        event = reader.decode(recorded)
        match event:
            case TakeFrame():
                return event.sequence in frames
            case Marker() | SoundBlock():
                return begin <= event.time <= end
            case Stall():
                return event.begin <= end and (event.end is None or event.end >= begin)
            case ShowMark():
                return event.time <= end  # what was set before still holds
            case VideoPacket():
                return event.sequence in pictures
        return event is not None or not reader.knows(recorded)

    count = _copy(reader, out, keep)
    return Edited(count, reader.cut)


def carry_marks(path: Path, copy: Path) -> None:
    """Give a copy, or a part, of a take its marks too; those outside of the part go, and so do the copy's own.

    Raises:
        LimelightError: the copy is no take, or its marks cannot be written.
    """
    take = load_take(copy)
    marks = read_marks(path, take.header.created)
    if marks is None:
        remove_marks(copy)
        return
    first, last = take.clock[0] - SAME_TIME, take.clock[-1] + SAME_TIME
    write_marks(copy, take.header.created, (mark for mark in marks if first <= mark.time <= last))


def _copy(reader: TakeReader, out: Path, keep: Callable[[Recorded], bool]) -> int:
    """Copy the messages that are to be kept, and return how many frames are among them."""
    file = McapFile(out)
    frames = 0
    try:
        for recorded in reader.messages():
            if keep(recorded):
                message = recorded.message
                file.add(recorded.topic, message.log_time, message.data, message.sequence)
                frames += recorded.topic.name == FRAME_TOPIC
        if not frames:
            raise LimelightError(f"take {reader.path}: holds no frame that can be read")
        file.close()
    except BaseException:
        file.discard()
        raise
    return frames

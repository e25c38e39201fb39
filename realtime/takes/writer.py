"""Writes results into a take: frames with their faces, persons as they become known, stalls, markers, light."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np

from facemodel import FaceModel, LimelightError
from realtime.frame import Person, Result
from realtime.light.lighting import Lighting
from realtime.sound.block import SoundBlock
from realtime.takes.format import (
    FRAME_TOPIC,
    HEADER_TOPIC,
    MARKER_TOPIC,
    MODEL_TOPIC,
    PERSON_TOPIC,
    SHOW_TOPIC,
    SOUND_TOPIC,
    STALL_TOPIC,
    TIMECODE_TOPIC,
    TOPICS,
    VIDEO_TOPIC,
    TakeHeader,
)
from realtime.takes.mcap_file import McapFile
from realtime.takes.messages import Marker, ShowMark, Stall, TimecodeMark, encode_frame
from realtime.takes.reference_video import encode_packet
from realtime.takes.rig import Rig, encode_model
from realtime.takes.sound_message import encode_sound

FIRST_ESTIMATE_SECONDS = 1.0
"""After which a person's rig is written again; then at twice the time each, until identity and albedo have settled."""


_TIMECODE_TOLERANCE = 0.25
"""Frames that timecode may be off before it is written anew."""


class TakeWriter:
    """Writes one take; never overwrites a file. One thread at a time. See `McapFile` for what a crash costs.

    Attributes:
        path: of the take.
        frames: written so far.
    """

    def __init__(self, path: str | Path, header: TakeHeader, model: FaceModel) -> None:
        """Create the file and put header and face model on the disk.

        Args:
            path: of the take.
            header: that describes `model`.
            model: that the parameters drive.

        Raises:
            LimelightError: the file exists, or cannot be written.
        """
        self.path = Path(path)
        self.frames = 0
        self._file = McapFile(self.path)
        self._created_ns = int(datetime.fromisoformat(header.created).timestamp() * 1e9)
        self._first: float | None = None
        self._last = 0.0
        self._stall: Stall | None = None
        self._timecode: TimecodeMark | None = None
        self._lighting: Lighting | None = None
        self._persons = _Persons(model, self._write_rig)
        for topic in TOPICS.values():
            self._file.declare(topic)
        try:
            for name, message in ((HEADER_TOPIC, header.to_json()), (MODEL_TOPIC, encode_model(model))):
                self._file.add(TOPICS[name], self._created_ns, message)
                self._file.flush()  # a chunk each: damage to one leaves the other
        except LimelightError:
            self._file.discard()
            raise

    @property
    def usable(self) -> bool:
        """Whether more can be added: it is open, and the disk has not failed."""
        return self._file.usable

    def append(self, result: Result) -> None:
        """Add one result; of one without a new frame, a mark that the feed stalls.

        Raises:
            LimelightError: the disk is full or failed; everything before the last flush stays readable.
        """
        time = result.time
        self._first = time if self._first is None else self._first
        if result.stalled:
            if self._stall is None and self.frames:
                self._stall = Stall(self._last)
                self._add(STALL_TOPIC, time, self._stall.to_json())
            self._file.flush_if_due()
            return
        self._end_stall(time)
        self._note_timecode(result)
        self._note_light(result)
        for face in result.faces:
            self._persons.see(face.person, time)
        self._add(FRAME_TOPIC, time, encode_frame(result), self.frames)
        self.frames += 1
        self._last = time

    def add_picture(self, packet: bytes) -> None:
        """Add the picture of the newest frame to the reference video, as an H.264 access unit in Annex B.

        Raises:
            LimelightError: as `append`.
        """
        self._add(VIDEO_TOPIC, self._last, encode_packet(packet, self._last), self.frames - 1)

    def add_sound(self, block: SoundBlock) -> None:
        """Add sound, whose times are on the clock of the feed.

        Raises:
            LimelightError: as `append`.
        """
        self._add(SOUND_TOPIC, block.time, encode_sound(block))

    def mark(self, marker: Marker) -> None:
        """Add a marker.

        Raises:
            LimelightError: as `append`.
        """
        self._add(MARKER_TOPIC, marker.time, marker.to_json())

    def flush(self) -> None:
        """Hand everything so far to the operating system.

        Raises:
            LimelightError: as `append`.
        """
        self._file.flush()

    def close(self) -> None:
        """Write what is still to be said, and the index, and force everything to the disk; a second call does nothing.

        Raises:
            LimelightError: the disk is full or failed; the frames that are in the file stay readable.
        """
        try:
            if self.usable:
                self._persons.finish(self._last)
        finally:
            self._file.close()

    def __enter__(self) -> TakeWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _end_stall(self, time: float) -> None:
        if self._stall is not None:
            self._add(STALL_TOPIC, time, Stall(self._stall.begin, time).to_json())
            self._stall = None

    def _note_timecode(self, result: Result) -> None:
        """Write timecode where it begins, or does not run on as it did."""
        timecode, mark = result.timecode, self._timecode
        if timecode is None:
            return
        if mark is not None and mark.timecode.rate == timecode.rate:
            off = timecode.minus(mark.at(result.time)) * timecode.rate.exact  # frames
            if abs(off) < _TIMECODE_TOLERANCE:
                return
        self._timecode = TimecodeMark(result.time, timecode)
        self._add(TIMECODE_TOPIC, result.time, self._timecode.to_json())

    def _note_light(self, result: Result) -> None:
        """Write what has changed of the light."""
        if result.lighting != self._lighting:
            mark = ShowMark.between(result.time, self._lighting, result.lighting)
            self._lighting = result.lighting
            self._add(SHOW_TOPIC, result.time, mark.to_json())

    def _write_rig(self, rig: Rig, time: float) -> None:
        self._add(PERSON_TOPIC, time, rig.encode())

    def _add(self, topic: str, time: float, message: bytes, sequence: int = 0) -> None:
        first = time if self._first is None else self._first
        log_time = self._created_ns + max(0, round((time - first) * 1e9))
        self._file.add(TOPICS[topic], log_time, message, sequence)


@dataclass
class _Known:
    """A person of the take: the newest estimate, the one that was written last, and when (s) it was first seen and is
    written next."""

    newest: Person
    written: Person
    since: float
    due: float


class _Persons:
    """Decides when a person's rig is written: at first sight, at growing distances while it changes, when it has
    settled, and at the end. A recording that is killed is drawn with the last one."""

    def __init__(self, model: FaceModel, write: Callable[[Rig, float], None]) -> None:
        self._model = model
        self._write = write
        self._known: dict[int, _Known] = {}

    def see(self, person: Person, time: float) -> None:
        """Take note of a person's newest estimate."""
        known = self._known.get(person.key)
        if known is None:
            self._known[person.key] = _Known(person, person, time, time + FIRST_ESTIMATE_SECONDS)
            self._write(Rig.of(person, self._model), time)
            return
        known.newest = person
        settled = person.settled and not known.written.settled
        if settled or (time >= known.due and not person.settled):
            known.due = time + max(FIRST_ESTIMATE_SECONDS, time - known.since)
            self._write_newest(known, time)

    def finish(self, time: float) -> None:
        """Write the last estimate of everybody whose it is not yet."""
        for known in self._known.values():
            self._write_newest(known, time)

    def _write_newest(self, known: _Known, time: float) -> None:
        if not _same(known.newest, known.written):
            known.written = known.newest
            self._write(Rig.of(known.newest, self._model), time)


def _same(a: Person, b: Person) -> bool:
    known = (a.settled, a.name, a.calibration) == (b.settled, b.name, b.calibration)
    return known and np.array_equal(a.identity, b.identity) and np.array_equal(a.albedo, b.albedo)

"""A clip: one face of a take as exporters read it, in blocks of consecutive frames."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from math import ceil

import numpy as np

from facemodel import FaceModel, LimelightError, ParameterLayout
from facemodel.channels import ChannelReader, Channels, Gaze
from realtime.frame_rate import FrameRate, Timecode
from realtime.takes.clean import Cleaning, clean
from realtime.takes.marks import IN, OUT, point
from realtime.takes.resample import EvenTimes, resample
from realtime.takes.rows import BLOCK, Rows
from realtime.takes.take import Take

_SIXTY = FrameRate.parse("60")


@dataclass(frozen=True, eq=False)
class Block(Rows):
    """Consecutive frames of a clip: `Rows` with the channels that are read from them.

    Attributes:
        channels: (N, C); NaN where the take has no parameters.
    """

    channels: Channels


@dataclass(frozen=True)
class ClipEdit:
    """What is done to a take's frames before they are exported.

    Attributes:
        begin, end: s from the take's first frame, both included; None for the take's own.
        cleaning: gaps, spikes and noise; None leaves them.
        rate: of film or television, or any number of frames a second, which the clip is resampled to; None leaves the
            frames as they came.
        start: timecode of the first frame; None for the take's own or, where it has none, the time of day. It needs a
            rate.
    """

    begin: float | None = None
    end: float | None = None
    cleaning: Cleaning | None = None
    rate: FrameRate | Fraction | None = None
    start: Timecode | None = None


class Clip:
    """One face of a take.

    Attributes:
        take: that it is of.
        raw: its vectors are the network's own parameters, not the smoothed ones.
        edit: what is done to the take's frames.
        fps: frames a second; nominal, unless it was resampled.
    """

    def __init__(
        self,
        take: Take,
        face_id: int | None = None,
        raw: bool = False,
        edit: ClipEdit | None = None,
        progress: Callable[[int], object] | None = None,
    ) -> None:
        """
        Args:
            take: that it is of.
            face_id: of the face; the performer, whoever that was, if None.
            raw: the network's own parameters instead of the smoothed ones.
            edit: what is done to the frames; nothing if None.
            progress: called with the number of frames of each block that was read.

        Raises:
            LimelightError: the edit leaves no frame.
        """
        self.take, self.raw, self.edit = take, raw, edit or ClipEdit()
        self._face_id, self._progress = face_id, progress
        self._clock = take.clock
        self._rows = take.span(self.edit.begin, self.edit.end)
        rate = self.edit.rate
        exact = rate.exact if isinstance(rate, FrameRate) else rate
        self.fps = take.header.nominal_fps if exact is None else float(exact)
        self._even: EvenTimes | None = None
        self._first_timecode: Timecode | None = None
        if rate is not None:
            self._even, self._first_timecode = self._grid(rate)

    def __len__(self) -> int:
        return len(self._rows) if self._even is None else self._even.count

    @property
    def duration(self) -> float:
        """Seconds from the first frame to the last."""
        if self._even is not None:
            return float((self._even.count - 1) / self._even.rate)
        return float(self._clock[self._rows.stop - 1] - self._clock[self._rows.start])

    @property
    def layout(self) -> ParameterLayout:
        """Layout of the vectors."""
        return self.take.header.layout

    @property
    def has_timecode(self) -> bool:
        """Whether timecode was given, or recorded."""
        return self._first_timecode is not None or bool(self.take.timecodes)

    @property
    def even(self) -> Clip:
        """The clip with frames at even times, for formats that write no times; resampled to the nominal rate if it is
        not resampled yet."""
        if self._even is not None:
            return self
        edit = replace(self.edit, rate=Fraction(self.fps).limit_denominator(1001))
        return Clip(self.take, self._face_id, self.raw, edit, self._progress)

    @property
    def has_face(self) -> bool:
        """Whether the face is there in any of the frames."""
        return bool((self.take.presence(self._face_id).person[self._rows.start : self._rows.stop] > 0).any())

    @cached_property
    def model(self) -> FaceModel:
        """The person's mesh with the named targets: a face model whose mean is the person, without further modes.

        Raises:
            LimelightError: nobody is in the clip, or see `Take.person_model`.
        """
        persons = self.take.presence(self._face_id).person[self._rows.start : self._rows.stop]
        if not (persons > 0).any():
            raise LimelightError("there is no face in it")
        return self.take.person_model(int(np.bincount(persons[persons > 0]).argmax()))

    @cached_property
    def reader(self) -> ChannelReader:
        """What reads the channels, with the model's own eyes where the take has a model."""
        try:
            return ChannelReader(self.layout, Gaze.of(self.take.model))
        except LimelightError:
            return ChannelReader(self.layout)

    def blocks(self) -> Iterator[Block]:
        """Read the clip from its start, block by block.

        Raises:
            LimelightError: the take's file cannot be read any more.
        """
        for rows in self._edited():
            channels = self.reader.read(rows.vectors, rows.size)
            yield Block(**vars(rows), channels=channels)
            if self._progress is not None:
                self._progress(len(rows))

    def held_blocks(self) -> Iterator[Block]:
        """Read the clip for formats that have no word for a missing face: its last pose is held where it is not there,
        and its first one stands before.

        Raises:
            LimelightError: nobody is in the clip, or as `blocks`.
        """
        first = next((rows.vectors[rows.there][:1] for rows in self._edited() if rows.there.any()), None)
        if first is None:
            raise LimelightError("there is no face in it")
        last = first
        for block in self.blocks():
            numbers = np.where(block.there, np.arange(1, len(block) + 1), 0)
            if numbers.all():
                held = block
            else:
                held_rows = np.concatenate([last, block.vectors])[np.maximum.accumulate(numbers)]
                held = replace(block, vectors=held_rows, channels=self.reader.read(held_rows, block.size))
            last = held.vectors[-1:]
            yield held

    def timecodes(self, block: Rows) -> list[Timecode]:
        """Return the timecode of each row of a block.

        It is that of `ClipEdit.start`, else the take's own, else the local time of day at which it was recorded,
        counted at 60 a second.
        """
        if self._first_timecode is not None:
            first = self._first_timecode
            return [Timecode(first.number + int(number), first.rate) for number in block.index]
        if self.take.timecodes:
            codes = [self.take.timecode_at(float(time)) for time in block.time]
            return [code for code in codes if code is not None]
        start = self._time_of_day
        return [Timecode.at(start + float(time), _SIXTY) for time in block.time - self._clock[0]]

    def require_arkit(self) -> None:
        """Check that the clip has ARKit's weights.

        Raises:
            LimelightError: the face model's expressions are not ARKit's.
        """
        if not self.reader.has_arkit_weights:
            raise LimelightError(
                "its face model has no ARKit expressions; export it as npz, which keeps the model's own"
            )

    def _grid(self, rate: FrameRate | Fraction) -> tuple[EvenTimes, Timecode | None]:
        """The even times of the clip, and the timecode of the first one.

        Where the take has timecode of its own, the times are those at which its frames begin.
        """
        times, edit = self._clock, self.edit
        begin, end = float(times[self._rows.start]), float(times[self._rows.stop - 1])
        if edit.begin is not None and self._rows.start:
            begin = float(times[0]) + edit.begin
        if edit.end is not None and self._rows.stop < len(times):
            end = float(times[0]) + edit.end
        if not isinstance(rate, FrameRate):
            return EvenTimes.within(begin, end, rate), None
        first = edit.start
        if first is None and (own := self.take.timecode_at(begin)) is not None:
            at = own if own.rate == rate else Timecode.at(own.number / own.rate.exact, rate)
            first = Timecode(Fraction(ceil(at.number)), rate)
            begin += float((ceil(at.number) - at.number) / rate.exact)
        return EvenTimes.within(begin, end, rate.exact), first

    def _edited(self) -> Iterator[Rows]:
        """All rows, after everything that is done to them."""
        beside = 0 if self._even is None else 1
        first, after = max(0, self._rows.start - beside), min(len(self.take), self._rows.stop + beside)
        low, high = first, after
        if self.edit.cleaning is not None:
            low, high = self.edit.cleaning.context(self._clock, first, after)
            low, high = max(0, low), min(len(self.take), high)
        rows = self._read(low, high)
        if self.edit.cleaning is not None:
            rows = clean(rows, self.edit.cleaning, self.layout)
        rows = _part(rows, first - low, after - low)
        if self._even is not None:
            rows = resample(rows, self._even, self.layout, self.take.header.nominal_fps)
        return rows

    def _read(self, first: int, after: int) -> Iterator[Rows]:
        """The take's own rows."""
        presence = self.take.presence(self._face_id)
        for start in range(first, after, BLOCK):
            span = slice(start, min(start + BLOCK, after))
            found = self.take.frames.faces(span, presence.rows[span], self.raw)
            yield Rows(
                index=found.index,
                time=self._clock[span],
                size=found.size,
                state=presence.state[span],
                person=presence.person[span],
                confidence=presence.confidence[span],
                crop=found.crop,
                vectors=found.vectors,
            )

    @cached_property
    def _time_of_day(self) -> float:
        """Seconds since midnight, local time, at which the take's first frame came."""
        began = self.take.began.astimezone()
        return (began - began.replace(hour=0, minute=0, second=0, microsecond=0)).total_seconds()


def export_range(take: Take, begin: str | None = None, end: str | None = None) -> tuple[float | None, float | None]:
    """Return the seconds from a take's first frame at which an export begins and ends; None for the take's own.

    Args:
        take: to export.
        begin, end: seconds, or a marker's text; if None, where the last marker "in" or "out" of the take stands.

    Raises:
        LimelightError: there is no such marker, or the end lies before the beginning.
    """
    first = _moment(take, IN, begin, "--from")
    last = _moment(take, OUT, end, "--until")
    if first is not None and last is not None and first > last:
        raise LimelightError(f"take {take.path}: the part from {first:g} to {last:g} s ends before it begins")
    return first, last


def _moment(take: Take, usual: str, text: str | None, option: str) -> float | None:
    if text is None:
        time = point(take.markers, usual)
        return None if time is None else time - float(take.times[0])
    try:
        if np.isfinite(seconds := float(text)):
            return seconds
    except ValueError:
        pass
    for marker in take.markers:
        if marker.text.strip().casefold() == text.strip().casefold():
            return marker.time - float(take.times[0])
    known = ", ".join(dict.fromkeys(marker.text for marker in take.markers)) or "none"
    raise LimelightError(f"{option} {text}: is neither seconds nor a marker of the take; markers: {known}")


def _part(blocks: Iterator[Rows], first: int, after: int) -> Iterator[Rows]:
    """Rows `first` to `after` of those that come."""
    at = 0
    for rows in blocks:
        span = slice(max(first - at, 0), min(after - at, len(rows)))
        if span.start < span.stop:
            yield rows.choose(span)
        at += len(rows)

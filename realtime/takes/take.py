"""A take: what is drawn and exported of it. Its frames stay in its file until they are looked at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facemodel import FaceModel, LimelightError
from realtime.frame import Person, TrackingState
from realtime.frame_rate import Timecode
from realtime.kept_models import kept_model, model_file
from realtime.light.lighting import Lighting
from realtime.takes.format import FRAME_TOPIC, SOUND_TOPIC, STATES, VIDEO_TOPIC, TakeHeader
from realtime.takes.marks import read_marks
from realtime.takes.messages import Marker, ShowMark, Stall, TakeFace, TimecodeMark
from realtime.takes.reader import TakeReader
from realtime.takes.recorded_light import RecordedLight, record_of
from realtime.takes.reference_video import VideoPackets, is_key_message
from realtime.takes.rig import Rig, model_of_person, model_of_persons
from realtime.takes.rows import SAME_TIME
from realtime.takes.take_frames import TakeFrames
from realtime.takes.take_index import TakeIndex, TakeIndexBuilder

_BLOCK = 512
"""Frames that are read at once."""

_STATES = np.array(STATES, object)


@dataclass(frozen=True, eq=False)
class Take:
    """A take.

    Attributes:
        path: where it lies.
        header: see `TakeHeader`.
        index: where its frames lie in the file, and which faces they have; at least one frame.
        rigs: the last of each person by its key; empty in format version 1.
        stalls: times without frames.
        markers: in order of their writing; those that were set afterwards instead, if there are any (see `marks`).
        base: the face model without identity and albedo modes; None in format version 1, or where damage took it.
        timecodes: where timecode began or jumped, in order; empty without any.
        light: that the show made; None of a take in the estimated light alone.
        sound: whether there is any; see `reference_sound`.
        cut: one line on what is missing; None for a complete take.
    """

    path: Path
    header: TakeHeader
    index: TakeIndex
    rigs: Mapping[int, Rig]
    stalls: tuple[Stall, ...] = ()
    markers: tuple[Marker, ...] = ()
    base: FaceModel | None = None
    timecodes: tuple[TimecodeMark, ...] = ()
    light: RecordedLight | None = None
    sound: bool = False
    cut: str | None = None

    def __len__(self) -> int:
        return len(self.index)

    @cached_property
    def frames(self) -> TakeFrames:
        """The frames, in order; each is read when it is looked at."""
        return TakeFrames(self.path, self.header, self.index)

    @cached_property
    def video(self) -> VideoPackets:
        """Packets of the reference video, for `ReferenceVideo`; empty without any."""
        return VideoPackets(self.index)

    @cached_property
    def times(self) -> NDArray[np.float64]:
        """(N,) seconds of each frame, on the clock of the feed, read only."""
        times = self.index.frames["time"].copy()
        times.setflags(write=False)
        return times

    @cached_property
    def clock(self) -> NDArray[np.float64]:
        """(N,) `times`, but never falling, read only."""
        clock = np.maximum.accumulate(self.times)
        clock.setflags(write=False)
        return clock

    @cached_property
    def began(self) -> datetime:
        """When the first frame came, UTC: of a part of a take later than its header was created.

        Raises:
            LimelightError: the take's file cannot be read any more.
        """
        reader = TakeReader(self.path)
        for recorded in reader.messages():
            if recorded.topic.name == FRAME_TOPIC and reader.decode(recorded) is not None:
                return datetime.fromtimestamp(1e-9 * recorded.message.log_time, UTC)
        raise LimelightError(f"take {self.path}: has changed since it was opened")

    def span(self, begin: float | None, end: float | None) -> range:
        """Return the rows of the frames in a part.

        Args:
            begin, end: s from the first frame, both included; None for the take's own.

        Raises:
            LimelightError: there are none.
        """
        clock = self.clock - self.clock[0]
        first = 0 if begin is None else int(np.searchsorted(clock, begin - SAME_TIME))
        after = len(clock) if end is None else int(np.searchsorted(clock, end + SAME_TIME, side="right"))
        if first >= after:
            raise LimelightError(f"take {self.path}: there is no frame in that part")
        return range(first, after)

    @property
    def duration(self) -> float:
        """Seconds from the first frame to the last."""
        return float(self.times[-1] - self.times[0])

    @property
    def face_ids(self) -> tuple[int, ...]:
        """Every face that was followed in the take, in order of appearance."""
        return self.index.face_ids

    @cached_property
    def model(self) -> FaceModel:
        """The face model that the take is drawn with; `vector` gives the parameters for it.

        Its identity and albedo modes are the take's persons, and its expressions those of the model that the take was
        recorded with. A take of format version 1 needs the very model: see `kept_models`.

        Raises:
            LimelightError: the model is not on this machine, or damage took it.
        """
        if self.header.format_version == 1:
            name, digest = self.header.model_name, self.header.model_digest
            if (model := kept_model(digest)) is None:
                raise LimelightError(
                    f"the take was recorded with face model '{name}' ({digest}), which takes of format version 1 do "
                    f"not carry, and which is not here; put its file at {model_file(digest)}. export-take works without"
                )
            return model
        return model_of_persons(self._base(), list(self.rigs.values()))

    def person_model(self, key: int) -> FaceModel:
        """Return a face model whose mean is one person, without identity and albedo modes; for exporters.

        Args:
            key: of the person, such as `TakeFace.person`.

        Raises:
            LimelightError: as `model`; or the take has no such person.
        """
        if self.header.format_version == 1:
            model = self.model
            return model_of_person(model, Rig.of(self.persons[key], model))
        if key not in self.rigs:
            raise LimelightError(f"take {self.path}: has no rig of person {key}")
        return model_of_person(self._base(), self.rigs[key])

    @cached_property
    def persons(self) -> Mapping[int, Person]:
        """Everybody in the take, by key; coefficients are those of `model`, and arrays are read only."""
        if self.header.format_version == 1:
            with_faces = np.flatnonzero(np.diff(self.index.first_face))
            if not len(with_faces):
                return {}
            last = self.frames[int(with_faces[-1])].faces[-1]
            slices = self.header.layout.slices
            return {1: Person(1, last.smoothed[slices["identity"]], last.smoothed[slices["albedo"]], settled=True)}
        keys = list(self.rigs)
        persons = {}
        for key in dict.fromkeys([*keys, *self.index.persons]):
            mode = np.array([key == other for other in keys], np.float32)  # (K,)
            mode.setflags(write=False)
            known = self.rigs[key].person if key in self.rigs else Person(key, mode, mode)
            persons[key] = replace(known, identity=mode, albedo=mode)
        return persons

    def who(self) -> Person:
        """Return the performer, whoever that was longest, in coefficients of the model that the take was recorded with.

        Raises:
            LimelightError: nobody is in the take.
        """
        keys = self.presence().person
        if not (keys > 0).any():
            raise LimelightError(f"take {self.path}: there is no face in it")
        key = int(np.bincount(keys[keys > 0]).argmax())
        return self.rigs[key].person if key in self.rigs else self.persons[key]

    def vector(self, face: TakeFace, raw: bool = False) -> NDArray[np.float32] | None:
        """Return the parameters of a face for `model`, read only; None where the network said nothing.

        Args:
            face: of the take.
            raw: the network's own parameters instead of the smoothed ones; identity and albedo are the person's all
                the same, but in format version 1.
        """
        recorded = face.raw if raw else face.smoothed
        if recorded is None or self.header.format_version == 1:
            return recorded
        person, slices = self.persons[face.person], self.header.layout.slices
        between, after = slices["expression"], slice(slices["albedo"].stop, None)
        vector = np.concatenate([person.identity, recorded[between], person.albedo, recorded[after]])
        vector.setflags(write=False)
        return vector

    def timecode_at(self, time: float) -> Timecode | None:
        """Return what timecode it was at a time, s, on the clock of the feed; None in a take without any."""
        if not self.timecodes:
            return None
        before = [mark for mark in self.timecodes if mark.time <= time + SAME_TIME]
        return (before[-1] if before else self.timecodes[0]).at(time)

    def lighting_at(self, time: float) -> Lighting:
        """Return the lighting at a time, s, on the clock of the feed: as the show said, else as estimated."""
        return Lighting() if self.light is None else self.light.at(time)

    def presence(self, face_id: int | None = None) -> Presence:
        """Return when one face was there, without reading its parameters.

        Args:
            face_id: of the face; the performer, whoever that was, if None.
        """
        rows = self.index.rows_of(face_id)
        there = rows >= 0
        faces = self.index.faces[rows[there]]
        presence = Presence(
            rows=rows,
            state=np.full(len(self), TrackingState.SEARCHING, object),
            person=np.zeros(len(self), np.int64),
            confidence=np.zeros(len(self), np.float32),
        )
        presence.state[there] = _STATES[faces["state"]]
        presence.person[there] = faces["person"]
        presence.confidence[there] = faces["confidence"]
        return presence

    def track(self, face_id: int | None = None) -> Track:
        """Return one face's rows, all in memory; `realtime.takes.clip` reads them block by block.

        Args:
            face_id: of the face; the performer, whoever that was, if None.

        Raises:
            LimelightError: the take's file cannot be read any more.
        """
        presence = self.presence(face_id)
        spans = [slice(start, start + _BLOCK) for start in range(0, len(self), _BLOCK)]
        smoothed, raw = (
            [self.frames.faces(span, presence.rows[span], raw=raw) for span in spans] for raw in (False, True)
        )
        return Track(
            take=self,
            index=np.concatenate([rows.index for rows in smoothed]),
            timestamp=np.concatenate([rows.timestamp for rows in smoothed]),
            size=np.concatenate([rows.size for rows in smoothed]),
            state=presence.state,
            person=presence.person,
            confidence=presence.confidence,
            crop=np.concatenate([rows.crop for rows in smoothed]),
            raw=np.concatenate([rows.vectors for rows in raw]),
            smoothed=np.concatenate([rows.vectors for rows in smoothed]),
        )

    def _base(self) -> FaceModel:
        if self.base is None:
            raise LimelightError(f"take {self.path}: damaged, its face model is missing; export-take works without")
        return self.base


@dataclass(frozen=True, eq=False)
class Presence:
    """When one face of a take was there; N frames.

    Attributes:
        rows: (N,) int64 row in the index's faces; -1 where the face is not there.
        state: (N,) `TrackingState`; SEARCHING where the face is not there.
        person: (N,) int64 key of whose face it is; 0 where it is not there.
        confidence: (N,) float32, 0..1.
    """

    rows: NDArray[np.int64]
    state: NDArray[np.object_]
    person: NDArray[np.int64]
    confidence: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Track:
    """One face of a take as arrays; N frames of the take, P parameters of its header's layout.

    Attributes:
        take: that it belongs to.
        index: (N,) int64, of each frame in its source.
        timestamp: (N,) float64 seconds, on the source's clock.
        size: (N, 2) int64 width and height of each frame, px.
        state: (N,) `TrackingState`; SEARCHING where the face is not there.
        person: (N,) int64 key of whose face it is; 0 where it is not there.
        confidence: (N,) float32, 0..1.
        crop: (N, 4) float64: centre x, y, side (frame pixels), angle (radians); NaN without a crop.
        raw: (N, P) float32, NaN where the face was not tracked.
        smoothed: (N, P) float32, NaN where the face is not there.
    """

    take: Take
    index: NDArray[np.int64]
    timestamp: NDArray[np.float64]
    size: NDArray[np.int64]
    state: NDArray[np.object_]
    person: NDArray[np.int64]
    confidence: NDArray[np.float32]
    crop: NDArray[np.float64]
    raw: NDArray[np.float32]
    smoothed: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.index)

    @property
    def header(self) -> TakeHeader:
        """The take's."""
        return self.take.header


def load_take(path: str | Path) -> Take:
    """Open a take: its file is read once from start to end, and of that only what `Take` holds is kept.

    Raises:
        LimelightError: not a take, or no frame in it.
    """
    reader = TakeReader(path)
    index = TakeIndexBuilder(reader.header)
    rigs: dict[int, Rig] = {}
    stalls: dict[float, Stall] = {}
    markers: list[Marker] = []
    timecodes: list[TimecodeMark] = []
    light: list[ShowMark] = []
    base: FaceModel | None = None
    sound = False
    for piece in reader.pieces():
        index.add_piece(piece.place, piece.content)
        for message in piece.messages:
            topic, offset, length, sequence, _ = message
            if topic.name == FRAME_TOPIC:
                index.add_frame(offset, length, sequence)
                continue
            if topic.name == VIDEO_TOPIC:
                try:
                    index.add_packet(offset, length, sequence, is_key_message(piece.content, offset, length))
                except ValueError as error:
                    reader.missing(str(error))
                continue
            if topic.name == SOUND_TOPIC:
                sound = True  # is read where it is heard
                continue
            match reader.decode(piece.recorded(message)):
                case Rig() as rig:
                    rigs[rig.person.key] = rig
                case Stall() as stall:
                    stalls[stall.begin] = stall
                case Marker() as marker:
                    markers.append(marker)
                case TimecodeMark() as mark:
                    timecodes.append(mark)
                case ShowMark() as change:
                    light.append(change)
                case FaceModel() as model:
                    base = model
    found = index.finish()
    if index.malformed:
        reader.missing(f"{index.malformed} malformed")
    if not len(found):
        raise LimelightError(f"take {path}: holds no frame")
    if base is not None and base.expression_names != reader.header.layout.expression_names:
        base = None  # damage that no checksum has seen
    if base is not None:
        rigs = {key: rig for key, rig in rigs.items() if rig.vertices.shape == base.mean.shape}
    marks = read_marks(Path(path), reader.header.created)
    return Take(
        path=Path(path),
        header=reader.header,
        index=found,
        rigs=rigs,
        stalls=tuple(stalls.values()),
        markers=tuple(markers) if marks is None else marks,
        base=base,
        timecodes=tuple(timecodes),
        light=record_of(light),
        sound=sound,
        cut=reader.cut,
    )

"""A whole take in memory, and what is drawn and exported of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facemodel import FaceModel, LimelightError
from realtime.frame import Person, TrackingState
from realtime.takes.format import TakeHeader
from realtime.takes.kept_models import kept_model
from realtime.takes.messages import Marker, Stall, TakeFace, TakeFrame
from realtime.takes.reader import TakeReader
from realtime.takes.reference_video import VideoPacket
from realtime.takes.rig import Rig, model_of_person, model_of_persons


@dataclass(frozen=True, eq=False)
class Take:
    """A whole take.

    Attributes:
        path: where it was read.
        header: see `TakeHeader`.
        frames: in order, at least one.
        rigs: the last of each person by its key; empty in format version 1.
        stalls: times without frames.
        markers: in order of their writing.
        base: the face model without identity and albedo modes; None in format version 1, or where damage took it.
        video: packets of the reference video, for `ReferenceVideo`; empty without any.
        cut: one line on what is missing; None for a complete take.
    """

    path: Path
    header: TakeHeader
    frames: tuple[TakeFrame, ...]
    rigs: Mapping[int, Rig]
    stalls: tuple[Stall, ...] = ()
    markers: tuple[Marker, ...] = ()
    base: FaceModel | None = None
    video: tuple[VideoPacket, ...] = ()
    cut: str | None = None

    def __len__(self) -> int:
        return len(self.frames)

    @property
    def duration(self) -> float:
        """Seconds from the first frame to the last."""
        return self.frames[-1].time - self.frames[0].time

    @cached_property
    def face_ids(self) -> tuple[int, ...]:
        """Every face that was followed in the take, in order of appearance."""
        return tuple(dict.fromkeys(face.id for frame in self.frames for face in frame.faces))

    @cached_property
    def model(self) -> FaceModel:
        """The face model that the take is drawn with; `vector` gives the parameters for it.

        Its identity and albedo modes are the take's persons, and its expressions those of the model that the take was
        recorded with. A take of format version 1 needs the very model: see `kept_models`.

        Raises:
            LimelightError: the model is not on this machine, or damage took it.
        """
        if self.header.format_version == 1:
            return kept_model(self.header.model_name, self.header.model_digest)
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
            last = next((face for frame in reversed(self.frames) for face in frame.faces), None)
            if last is None:
                return {}
            slices = self.header.layout.slices
            return {1: Person(1, last.smoothed[slices["identity"]], last.smoothed[slices["albedo"]], settled=True)}
        keys = list(self.rigs)
        persons = {}
        for key in dict.fromkeys([*keys, *(face.person for frame in self.frames for face in frame.faces)]):
            mode = np.array([key == other for other in keys], np.float32)  # (K,)
            mode.setflags(write=False)
            persons[key] = Person(key, mode, mode, settled=key in self.rigs and self.rigs[key].person.settled)
        return persons

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

    def track(self, face_id: int | None = None) -> Track:
        """Return one face's rows.

        Args:
            face_id: of the face; the performer, whoever that was, if None.
        """
        faces = [_chosen(frame, face_id) for frame in self.frames]
        layout = self.header.layout
        return Track(
            take=self,
            index=np.array([frame.index for frame in self.frames], np.int64),
            timestamp=np.array([frame.timestamp for frame in self.frames]),
            size=np.array([(frame.width, frame.height) for frame in self.frames], np.int64),
            state=np.array([TrackingState.SEARCHING if face is None else face.state for face in faces], object),
            person=np.array([0 if face is None else face.person for face in faces], np.int64),
            confidence=np.array([0.0 if face is None else face.confidence for face in faces], np.float32),
            crop=np.array([_crop_row(face) for face in faces]),
            raw=_stack([None if face is None else face.raw for face in faces], layout.size),
            smoothed=_stack([None if face is None else face.smoothed for face in faces], layout.size),
        )

    def _base(self) -> FaceModel:
        if self.base is None:
            raise LimelightError(f"take {self.path}: damaged, its face model is missing; export-take works without")
        return self.base


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
    """Read a whole take.

    Raises:
        LimelightError: not a take, or no frame in it.
    """
    reader = TakeReader(path)
    frames: list[TakeFrame] = []
    rigs: dict[int, Rig] = {}
    stalls: dict[float, Stall] = {}
    markers: list[Marker] = []
    video: list[VideoPacket] = []
    base: FaceModel | None = None
    for event in reader.events():
        match event:
            case TakeFrame():
                frames.append(event)
            case Rig():
                rigs[event.person.key] = event
            case Stall():
                stalls[event.begin] = event
            case Marker():
                markers.append(event)
            case VideoPacket():
                video.append(event)
            case FaceModel():
                base = event
    if not frames:
        raise LimelightError(f"take {path}: holds no frame")
    if base is not None and base.expression_names != reader.header.layout.expression_names:
        base = None  # damage that no checksum has seen
    if base is not None:
        rigs = {key: rig for key, rig in rigs.items() if rig.vertices.shape == base.mean.shape}
    return Take(
        path=Path(path),
        header=reader.header,
        frames=tuple(frames),
        rigs=rigs,
        stalls=tuple(stalls.values()),
        markers=tuple(markers),
        base=base,
        video=tuple(video),
        cut=reader.cut,
    )


def _chosen(frame: TakeFrame, face_id: int | None) -> TakeFace | None:
    return next((face for face in frame.faces if face_id is None or face.id == face_id), None)


def _crop_row(face: TakeFace | None) -> tuple[float, float, float, float]:
    crop = None if face is None else face.crop
    return (np.nan,) * 4 if crop is None else (*crop.centre, crop.side, crop.angle)


def _stack(vectors: list[NDArray[np.float32] | None], size: int) -> NDArray[np.float32]:
    """(N, size), NaN rows where there is no vector."""
    stacked = np.full((len(vectors), size), np.nan, np.float32)
    for row, vector in zip(stacked, vectors, strict=True):
        if vector is not None:
            row[:] = vector
    return stacked

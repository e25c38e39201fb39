"""The tracker: follows faces by the network's own poses, finds new ones, and knows those that come back."""

from __future__ import annotations

import math
from collections.abc import Container, Sequence
from dataclasses import dataclass, field
from itertools import count
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from facemodel import Crop, FaceModel
from realtime.engines.base import MAX_FACES, Engine
from realtime.frame import Face, Frame
from realtime.persons.profile import Profile
from realtime.tracking.consistency import ConsistencyCheck
from realtime.tracking.crop_warp import CropWarp
from realtime.tracking.followed_face import FollowedFace
from realtime.tracking.found_face import FaceFinder, FoundFace
from realtime.tracking.known_person import KnownPerson
from realtime.tracking.recentering import Recentering
from realtime.tracking.reunion import ReunionConfig, mistaken_for, reunite, unlikeness
from realtime.tracking.smoothing import Smoother, SmootherConfig, SmoothingSettings

_CHOICE_ROUNDS = 2
"""Of the finder's search, in which a face that was asked for must turn up."""


@dataclass(frozen=True)
class TrackerConfig:
    """How faces are followed.

    Attributes:
        faces: that are followed at once, 1 to `MAX_FACES`.
        begin_confidence, keep_confidence: below them a crop holds no face: of a face that was just found, and of one
            that is followed.
        consistency: how far a face may be from where its crop expected it.
        refinements: looks at a face that was just found, each with a better crop.
        hold: s that the last pose is held after a loss, before the face eases to neutral.
        remember: s of pictures for which a lost face keeps its id, its person and its place among the followed ones.
        search_interval, more_interval: s between two searches beside those who are followed: for somebody who was
            lost, and for more people where there is room for them. While nobody is followed, each frame is searched.
        thorough_interval: s between two searches of a whole frame at once, where those are wanted.
        look_seconds: that a search may take of a frame, on average; a thorough one takes what it needs.
        same_place: two faces whose crops' middles are closer than this fraction of a crop's side are one face.
        message_seconds: how long something worth telling is told.
        reunion: when a found face is one that was lost.
    """

    faces: int = 1
    begin_confidence: float = 0.9
    keep_confidence: float = 0.5
    consistency: ConsistencyCheck = ConsistencyCheck()
    refinements: int = 2
    hold: float = 0.4
    remember: float = 2.0
    search_interval: float = 0.1
    more_interval: float = 1.0
    thorough_interval: float = 1.0
    look_seconds: float = 0.003
    same_place: float = 0.3
    message_seconds: float = 5.0
    reunion: ReunionConfig = ReunionConfig()


@dataclass(frozen=True, slots=True, eq=False)
class _Sighting:
    """What a look saw: parameters (P,) in frame pixels with their rotation (3, 3), with which confidence, in which
    crop, and the crop around where the face is."""

    raw: NDArray[np.float32]
    rotation: NDArray
    confidence: float
    crop: Crop
    place: Crop


@dataclass(eq=False)
class _Choice:
    """A face that was asked for and is not followed yet: by its place, frame px, or by its number from the left;
    `known` if it is the known person."""

    last_round: int
    place: tuple[float, float] | None = None
    number: int = 0
    known: bool = False
    seen: list[FoundFace] = field(default_factory=list)


class Tracker:
    """Frame in, faces out, the performer first.

    The crop of a frame comes from the pose that the network saw in the frame before, and the network is told that
    pose; all followed faces are one run of the engine. A face is seen if the network believes in the crop and the pose
    it sees is consistent with it; if not, it looks again without being told. The finder runs only while a face is
    looked for: each frame while nobody is followed, now and then for one that was lost, and for more people. What it
    finds is believed when the network is sure and the finder's vote on the crop says that the face is upright.
    """

    def __init__(
        self,
        model: FaceModel,
        engine: Engine,
        finder: FaceFinder,
        config: TrackerConfig | None = None,
        smoother: SmootherConfig | None = None,
    ) -> None:
        self.model = model
        self.engine = engine
        self.finder = finder
        self.config = config or TrackerConfig()
        if not 1 <= self.config.faces <= MAX_FACES:
            raise ValueError(f"faces: expected 1 to {MAX_FACES}, got {self.config.faces}")
        self.message = ""
        self._layout = model.layout
        self._smoother_config = smoother or SmootherConfig()
        self._smoothing = SmoothingSettings()
        self._warp = CropWarp(engine.resolution)
        self._crops = np.empty((MAX_FACES, engine.resolution, engine.resolution, 3), np.uint8)
        self._poses = np.empty((MAX_FACES, 9), np.float32)
        self._ids, self._keys = count(1), count(1)
        self._known = KnownPerson(self._keys, self.config.reunion.alike)
        self.reset()

    def reset(self, thorough: bool = True) -> None:
        """Begin anew, with another source: nobody is followed, and no centre is set.

        Args:
            thorough: now and then search the whole of a frame at once; otherwise a search is spread over frames, as a
                live loop wants.
        """
        self.message = ""
        self._thorough = thorough
        self._followed: list[FollowedFace] = []  # the performer first
        self._size = (0, 0)
        self._searched_at = self._found_at = self._message_until = -np.inf
        self._round = -1  # of the finder, in which the search for more people began
        self._choice: _Choice | None = None
        self._recenter = False  # whoever comes first

    def set_smoothing(self, settings: SmoothingSettings) -> None:
        """Smooth every face by these settings from now on."""
        self._smoothing = settings
        for face in self._followed:
            face.smoother.settings = settings

    def recenter(self) -> None:
        """Make the performer's next pose straight ahead."""
        self._recenter = not self._followed
        for face in self._followed[:1]:
            face.recenter()

    def reset_person(self) -> None:
        """Forget the performer's identity, albedo and calibration; from now on nobody is known."""
        self.use_profile(None)
        for face in self._followed[:1]:
            face.reset_person(next(self._keys))

    def use_profile(self, profile: Profile | None, performer: bool = True) -> None:
        """Take somebody for a person who is known already, and nobody else; see `KnownPerson`.

        Args:
            profile: of the person; None for nobody known.
            performer: it is the performer, or whoever comes first; otherwise it is who is known already, if anybody.
        """
        self._known.use(profile, self._followed, performer)

    def choose(self, number: int, known: bool = False) -> None:
        """Make the `number`-th face from the left, from 1 on, the performer; see `Feed.choose`.

        Args:
            number: of the face.
            known: it is the known person, if one is known; otherwise whoever is that stays it.
        """
        if self.config.faces == 1:
            self._choice = _Choice(self.finder.rounds + _CHOICE_ROUNDS, number=number, known=known)
            return
        from_left = sorted((f for f in self._followed if f.following), key=lambda face: face.crop.centre[0])
        if 1 <= number <= len(from_left):
            self._prefer(from_left[number - 1], known, self._followed)

    def choose_at(self, x: float, y: float) -> None:
        """Make the face nearest to a place, frame px, the performer; see `Feed.choose_at`."""
        here = [face for face in self._followed if face.following]
        near = [face for face in here if _distance(face.crop, (x, y)) < 0.5 * face.crop.side]
        if near:
            self._prefer(min(near, key=lambda face: _distance(face.crop, (x, y))), False, self._followed)
        else:
            self._choice = _Choice(self.finder.rounds + _CHOICE_ROUNDS, place=(x, y))

    def track(
        self, frame: Frame, time: float | None = None, timings: dict[str, float] | None = None
    ) -> tuple[Face, ...]:
        """Return the faces of a frame.

        Args:
            frame: with the picture.
            time: s, of the frame; rises. The frame's own if None.
            timings: ms of each stage are added to it.
        """
        time = frame.timestamp if time is None else time
        timings = {} if timings is None else timings
        self._carry_over(frame.image.shape[1], frame.image.shape[0])
        if time > self._message_until:
            self.message = ""
        seen = self._follow(frame, time, timings)
        for face in self._followed:
            face.following = face in seen
        self._correct(seen)
        seen |= self._search(frame, time, timings)
        self._known.recognise(self._followed, seen)
        with _Timed(timings, "smooth"):
            for face in self._followed:
                if face not in seen:
                    face.miss(time, self.config.hold)
            for face, sighting in seen.items():
                face.see(sighting.raw, sighting.rotation, sighting.place, sighting.confidence, time)
            self._let_go()
            return self._faces({face: sighting.crop for face, sighting in seen.items()})

    def idle(self, time: float) -> tuple[Face, ...]:
        """Return the faces of a moment without a frame: held, or on their way to neutral."""
        for face in self._followed:
            face.idle(time, self.config.hold)
        return self._faces({})

    def _carry_over(self, width: int, height: int) -> None:
        """Where the pictures have another size from now on, the faces are where they were in them."""
        (old_width, old_height), self._size = self._size, (width, height)
        if not old_width or self._size == (old_width, old_height):
            return
        factor = width / old_width
        same_view = abs(height / old_height - factor) < 0.05 * factor
        for face in self._followed:
            face.rescale(factor)
            face.following &= same_view  # else the camera shows another part of the room

    def _faces(self, crops: dict[FollowedFace, Crop]) -> tuple[Face, ...]:
        return tuple(face.face(*self._size, crops.get(face)) for face in self._followed)

    def _follow(self, frame: Frame, time: float, timings: dict[str, float]) -> dict[FollowedFace, _Sighting]:
        """Look where the followed faces were."""
        faces = [face for face in self._followed if face.following]
        if not faces:
            return {}
        crops = [face.crop for face in faces]
        poses = [face.pose_in(crop) for face, crop in zip(faces, crops, strict=True)]
        keep = self.config.keep_confidence
        sightings = self._look(frame, crops, poses, keep, timings)
        if missed := [i for i, sighting in enumerate(sightings) if sighting is None]:
            looks = self._look(frame, [crops[i] for i in missed], None, keep, timings)
            for i, again in zip(missed, looks, strict=True):
                sightings[i] = again
        seen = {face: sighting for face, sighting in zip(faces, sightings, strict=True) if sighting is not None}
        return self._without_doubles(seen, time)

    def _without_doubles(self, seen: dict[FollowedFace, _Sighting], time: float) -> dict[FollowedFace, _Sighting]:
        """Where two followed faces see the same one, it is that one which was expected there, and most alike."""
        if len(seen) < 2:
            return seen
        kept: dict[FollowedFace, _Sighting] = {}
        for face in sorted(seen, key=lambda face: self._strangeness(face, seen[face], time)):
            if not any(self._is_same(seen[face].place, other.place) for other in kept.values()):
                kept[face] = seen[face]
        return kept

    def _correct(self, seen: dict[FollowedFace, _Sighting]) -> None:
        """Give a face that was taken for another one its own id back."""
        if len(seen) == len(self._followed):
            return
        for face in list(seen):
            lost = [f for f in self._followed if not f.following and f.absent < self.config.remember]
            if (really := mistaken_for(face, lost, self.config.reunion)) is not None:
                really.turn_out_to_be(face)
                seen[really] = seen.pop(face)

    def _strangeness(self, face: FollowedFace, sighting: _Sighting, time: float) -> float:
        """How little a sighting is like a face: off its expected place, and another identity."""
        off = _distance(sighting.place, face.expected(time)) / sighting.place.side
        return off + unlikeness(sighting.raw[self._layout.slices["identity"]], face.identity)

    def _search(self, frame: Frame, time: float, timings: dict[str, float]) -> dict[FollowedFace, _Sighting]:
        """Look for faces that are not followed, where that is due; what is found joins those that are."""
        if self._choice is None and not self._search_is_due(time):
            return {}
        followed = [face for face in self._followed if face.following]
        with _Timed(timings, "find"):
            new = self._find(frame, time, [face.crop for face in followed])
        self._tell(len(new) + len(followed), time)
        choice = self._choice
        chosen = self._chosen_of(new, followed) if choice is not None else None
        if chosen is not None:
            new = [chosen]
        elif len(followed) == self.config.faces:
            return {}
        sightings = [s for s in self._look_at_new(frame, new[:MAX_FACES], timings) if s is not None]
        sightings = self._distinct(sightings, [face.crop for face in followed])
        before = list(self._followed)
        if chosen is not None and sightings and len(followed) == self.config.faces:
            self._followed.remove(followed[-1])  # the chosen one takes the place of the last
        joined = self._join(sightings, time)
        if chosen is not None and joined:
            assert choice is not None
            self._prefer(next(iter(joined)), choice.known, before)
        return joined

    def _find(self, frame: Frame, time: float, known: Sequence[Crop]) -> list[FoundFace]:
        """What the finder finds beside the known faces: in the whole frame at once now and then if that is wanted, else
        in the next pieces of its search."""
        self._searched_at = time
        since = time - self._found_at
        if self._thorough and not known and not 0.0 <= since < self.config.thorough_interval:
            self._found_at = time
            return self.finder.find(frame.image)
        seconds = math.inf if self._thorough else self.config.look_seconds
        found = self.finder.look(frame.image, seconds, known)
        return [face for face in found if not any(_distance(crop, face.centre) < 0.4 * crop.side for crop in known)]

    def _search_is_due(self, time: float) -> bool:
        """Whether to search in this frame. A search that has begun goes on until it has been round."""
        since = time - self._searched_at
        following = sum(face.following for face in self._followed)
        if following and self._round == self.finder.rounds:
            return True
        if following == self.config.faces:
            return False
        lost = following < len(self._followed)
        interval = self.config.search_interval if lost else self.config.more_interval
        due = following == 0 or not 0.0 <= since < interval
        if due:
            self._round = self.finder.rounds
        return due

    def _chosen_of(self, new: Sequence[FoundFace], followed: Sequence[FollowedFace]) -> FoundFace | None:
        """The face that was asked for, once the search has come upon it; it goes on for some rounds."""
        choice = self._choice
        assert choice is not None
        for face in new:  # where a face was seen before, it has moved
            apart = [other for other in choice.seen if math.dist(face.centre, other.centre) > face.size]
            choice.seen = [*apart, face]
        chosen = None
        if choice.place is not None:
            near = [face for face in new if math.dist(face.centre, choice.place) < face.size]
            chosen = near[0] if near else None
        elif self.finder.rounds >= choice.last_round:
            here = [(face.crop.centre[0], None) for face in followed]
            from_left = sorted([*here, *((face.centre[0], face) for face in choice.seen)], key=lambda one: one[0])
            chosen = from_left[choice.number - 1][1] if 1 <= choice.number <= len(from_left) else None
        if chosen is not None or self.finder.rounds >= choice.last_round:
            self._choice = None
        return chosen

    def _look_at_new(
        self, frame: Frame, found: Sequence[FoundFace], timings: dict[str, float]
    ) -> list[_Sighting | None]:
        """Look at faces that were just found, again with a better crop, and believe those that stand the test."""
        crops = [Crop.around_head(*self.finder.pose(face, self.model)) for face in found]
        sightings: list[_Sighting | None] = self._look(frame, crops, None, self.config.keep_confidence, timings)
        for last in range(self.config.refinements - 1, 0, -1):
            held = [(i, sighting) for i, sighting in enumerate(sightings) if sighting is not None]
            crops = [sighting.place for _, sighting in held]
            poses = [self._pose_in(sighting) for _, sighting in held]
            least = self.config.begin_confidence if last == 1 else self.config.keep_confidence
            for (i, _), again in zip(held, self._look(frame, crops, poses, least, timings), strict=True):
                sightings[i] = again
        with _Timed(timings, "find"):
            return [s if s is not None and self.finder.upright(frame.image, s.place) else None for s in sightings]

    def _pose_in(self, sighting: _Sighting) -> NDArray[np.float32]:
        p = self._layout.view(sighting.raw)
        return sighting.place.lower_pose(sighting.rotation, p.translation, p.scale)

    def _distinct(self, sightings: Sequence[_Sighting], taken: Sequence[Crop]) -> list[_Sighting]:
        """Sightings that are not of a face that is followed, nor of one another."""
        kept: list[_Sighting] = []
        for sighting in sightings:
            if not any(self._is_same(sighting.place, crop) for crop in (*taken, *(k.place for k in kept))):
                kept.append(sighting)
        return kept

    def _join(self, sightings: Sequence[_Sighting], time: float) -> dict[FollowedFace, _Sighting]:
        """Those who come back get their id, the others a new one."""
        lost = [face for face in self._followed if not face.following and face.absent < self.config.remember]
        identity = self._layout.slices["identity"]
        places, identities = [s.place for s in sightings], [s.raw[identity] for s in sightings]
        back = reunite(places, identities, lost, time, self.config.reunion)
        joined: dict[FollowedFace, _Sighting] = {}
        for i, sighting in enumerate(sightings):
            if (face := back.get(i) or self._new_face(sighting, joined)) is not None:
                joined[face] = sighting
        return joined

    def _new_face(self, sighting: _Sighting, joined: Container[FollowedFace]) -> FollowedFace | None:
        """A face with a new id, if there is room for one. Who comes when a performer is gone is the performer, and has
        the centre; who looks the same too has the neutral that was found."""
        gone = [f for f in self._followed if f not in joined and not f.following and f.absent >= self.config.remember]
        if len(self._followed) >= self.config.faces and not gone:
            return None
        leaving = max(gone, key=lambda face: face.absent, default=None)
        heir = leaving is not None and leaving is self._followed[0]
        if leaving is not None:
            self._followed.remove(leaving)
        centre = leaving.centre if leaving is not None and heir else Recentering(self._layout)
        smoother = Smoother(self._layout, self._smoother_config, self._smoothing)
        face = FollowedFace(next(self._ids), next(self._keys), self._layout, smoother, centre)
        face.lately[:] = sighting.raw[self._layout.slices["identity"]]
        if leaving is not None and heir and unlikeness(face.lately, leaving.identity) <= self.config.reunion.alike:
            face.rest_as(leaving)
        self._followed.insert(0 if heir else len(self._followed), face)
        if self._recenter:
            face.recenter()
            self._recenter = False
        return face

    def _prefer(self, face: FollowedFace, known: bool, before: Sequence[FollowedFace]) -> None:
        """Make a face that was asked for the performer, among those who were followed before; see `choose`."""
        self._promote(face)
        self._known.choose(face, known, before)

    def _promote(self, face: FollowedFace) -> None:
        """Make a followed face the performer."""
        self._followed.remove(face)
        self._followed.insert(0, face)

    def _let_go(self) -> None:
        """Forget faces that are gone; the last one stays, and eases to neutral. The largest of those who are left takes
        the place of a performer who went."""
        gone = [face for face in self._followed if not face.following and face.absent >= self.config.remember]
        performer = self._followed[0] if self._followed else None
        for face in gone[1:] if len(gone) == len(self._followed) else gone:
            self._followed.remove(face)
        if self._followed and self._followed[0] is not performer:
            self._promote(max(self._followed, key=lambda face: (face.following, face.crop.side)))

    def _look(
        self,
        frame: Frame,
        crops: Sequence[Crop],
        poses: Sequence[NDArray[np.float32]] | None,
        least: float,
        timings: dict[str, float],
    ) -> list[_Sighting | None]:
        """Run the network on crops at once, in which the poses may be about known; None for one that holds no face, or
        one that is not where the crop expects it."""
        shown = [i for i, crop in enumerate(crops) if self._within(frame, crop)]
        sightings: list[_Sighting | None] = [None] * len(crops)
        if not shown:
            return sightings
        with _Timed(timings, "crop"):
            for row, i in enumerate(shown):
                self._warp(frame.image, crops[i], out=self._crops[row])
                if poses is not None:
                    self._poses[row] = poses[i]
        n = len(shown)
        with _Timed(timings, "network"):
            seen, confidence = self.engine.infer(self._crops[:n], None if poses is None else self._poses[:n])
        with _Timed(timings, "lift"):
            for row, i in enumerate(shown):
                if confidence[row] < least:
                    continue
                raw = crops[i].lift(self._layout, seen[row])
                p = self._layout.view(raw)
                rotation = p.rotation
                place = Crop.around_head(rotation, p.translation, p.scale)
                if self.config.consistency(raw, place, crops[i]):
                    sightings[i] = _Sighting(raw, rotation, float(confidence[row]), crops[i], place)
        return sightings

    def _within(self, frame: Frame, crop: Crop) -> bool:
        height, width = frame.image.shape[:2]
        x, y = crop.centre
        return 0 <= x <= width and 0 <= y <= height and 16.0 <= crop.side <= 4.0 * max(width, height)

    def _is_same(self, a: Crop, b: Crop) -> bool:
        return _distance(a, b.centre) < self.config.same_place * max(a.side, b.side)

    def _tell(self, faces: int, time: float) -> None:
        """Say that there are more faces than are followed."""
        if faces > self.config.faces:
            which = "the performer" if self.config.faces == 1 else f"{self.config.faces} of them"
            self.message = f"{faces} faces in view: following {which}"
            self._message_until = time + self.config.message_seconds


def _distance(crop: Crop, place: Sequence[float] | NDArray) -> float:
    """Pixels from the middle of a crop to a place (2,)."""
    return float(np.hypot(crop.centre[0] - place[0], crop.centre[1] - place[1]))


class _Timed:
    """Add the milliseconds spent inside to a stage."""

    __slots__ = ("_stage", "_start", "_timings")

    def __init__(self, timings: dict[str, float], stage: str) -> None:
        self._timings, self._stage = timings, stage

    def __enter__(self) -> None:
        self._start = perf_counter()

    def __exit__(self, *_: object) -> None:
        self._timings[self._stage] = self._timings.get(self._stage, 0.0) + 1000.0 * (perf_counter() - self._start)

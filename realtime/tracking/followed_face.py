"""One face that is followed: where it is, who it is, and its motion smoothed in time."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from facemodel import Crop, ParameterLayout
from realtime.frame import Face, Person, TrackingState
from realtime.persons.calibration import Calibration
from realtime.persons.profile import Profile
from realtime.persons.rest import RestEstimator
from realtime.tracking.recentering import Recentering
from realtime.tracking.smoothing import Smoother

_LONGEST_STEP = 0.1
"""s; of a pause in the pictures no more counts as absence: a camera that stalls says nothing about who is there."""

_LATELY = 10
"""Frames that what is said of the identity lately is a mean of."""


class FollowedFace:
    """A face with an id, from the moment it was found until it is gone for good.

    Attributes:
        id: see `Face`.
        crop: of the last look that saw it.
        raw: (P,) the network's parameters of that look, frame pixels.
        following: it was seen in the newest frame.
        absent: s of pictures without it, since it was seen last.
        person_key: see `Person`.
        lately: (n_identity,) what the network said of the identity in the newest frames without a break, or, of a new
            face, when it was found.
        frames: how many of them there were.
        centre: re-centring; a face that takes another one's place may be given the other one's.
        somebody_else: it is known that this is not the person who is known by a profile.
    """

    def __init__(
        self, number: int, person_key: int, layout: ParameterLayout, smoother: Smoother, centre: Recentering
    ) -> None:
        self.id = number
        self.person_key = person_key
        self.smoother = smoother
        self.centre = centre
        self.raw = np.zeros(layout.size, np.float32)
        self.crop = Crop((0.0, 0.0), 1.0)
        self.following = False
        self.absent = 0.0
        self.lately = np.zeros(layout.n_identity, np.float32)
        self.frames = 0
        self.somebody_else = False
        self._layout = layout
        self._rotation = np.eye(3)
        self._confidence = 0.0
        self._state = TrackingState.SEARCHING
        self._smoothed = np.zeros(layout.size, np.float32)
        self._seen_at = self._time = 0.0
        self._velocity = np.zeros(2)  # px/s, of the middle of the crop
        self._recenter = False
        self._person: Person | None = None
        self._profile: Profile | None = None
        self._neutral = RestEstimator(layout.expression_names) if layout.expression_range == (0.0, 1.0) else None
        self._read = np.zeros(layout.size, np.float32)  # `raw` as the calibration reads it

    @property
    def identity(self) -> NDArray[np.float32]:
        """(n_identity,) of its person."""
        return self._smoothed[self._layout.slices["identity"]]

    @property
    def known(self) -> bool:
        """Whether this is somebody who is known by a profile."""
        return self._profile is not None

    def expected(self, time: float) -> NDArray[np.float64]:
        """(2,) frame pixels where the middle of its crop should be by now, if it went on as it was going."""
        return np.asarray(self.crop.centre) + self._velocity * min(max(time - self._seen_at, 0.0), 1.0)

    def pose_in(self, crop: Crop) -> NDArray[np.float32]:
        """(9,) its last pose, as a crop sees it."""
        p = self._layout.view(self.raw)
        return crop.lower_pose(self._rotation, p.translation, p.scale)

    def see(self, raw: NDArray[np.float32], rotation: NDArray, place: Crop, confidence: float, time: float) -> None:
        """Take in one frame's parameters.

        Args:
            raw: (P,) in frame pixels; kept, and read only from now on.
            rotation: (3, 3) the same as in `raw`.
            place: the crop around the face.
            confidence: 0..1.
            time: s, of the frame.
        """
        self.raw, self._rotation = _read_only(raw), rotation
        if self._state is TrackingState.NEUTRAL:
            self.smoother.reset_motion()  # what was before says nothing about the motion now
        elif self._state is not TrackingState.SEARCHING and time > self._seen_at:
            moved = np.subtract(place.centre, self.crop.centre) / (time - self._seen_at)
            self._velocity += 0.5 * (moved - self._velocity)
        self.crop = place
        self.following, self.absent, self._confidence = True, 0.0, confidence
        self.frames += 1
        self.lately += (raw[self._layout.slices["identity"]] - self.lately) / min(self.frames, _LATELY)
        self._smoothed = self.smoother.update(self._calibrated(raw, time), time, confidence, rotation)
        if self._recenter:
            self.centre.set(self._smoothed)
            self._recenter = False
        self._state, self._seen_at, self._time = TrackingState.TRACKING, time, time

    def miss(self, time: float, hold: float) -> None:
        """Take in that a frame was without it: hold the last pose for `hold` s, then ease to neutral."""
        self.absent += min(max(time - self._time, 0.0), _LONGEST_STEP)
        self.following, self.frames = False, 0
        self._rest(time, hold)

    def idle(self, time: float, hold: float) -> None:
        """Take in a moment without a frame; the next frame is looked at where the face was."""
        self._rest(time, hold)

    def turn_out_to_be(self, other: FollowedFace) -> None:
        """Take in that what was taken for another face is this one: it is where that one was followed to."""
        self.raw, self._rotation, self.crop = other.raw, other._rotation, other.crop
        self._velocity = other._velocity.copy()
        self.smoother.reset_motion()
        self.following, other.following, other.frames = True, False, 0

    def rescale(self, factor: float) -> None:
        """Take in that the pictures are `factor` times as large from now on."""
        self.raw = self.raw.copy()
        for vector in (self.raw, self.smoother.output):
            p = self._layout.view(vector)
            p.translation[:] *= factor
            p.scale *= factor
        self.smoother.reset_motion()
        self.centre.rescale(factor)
        (x, y), side = self.crop.centre, self.crop.side
        self.crop = Crop((factor * x, factor * y), factor * side, self.crop.angle)
        self._velocity = factor * self._velocity

    def recenter(self) -> None:
        """Make the next pose that is seen straight ahead."""
        self._recenter = True

    def reset_person(self, key: int) -> None:
        """Forget identity and albedo: they converge anew, as another person's."""
        self.smoother.reset_person()
        self.person_key, self._person, self._profile = key, None, None
        if self._neutral is not None:
            self._neutral.reset()

    def rest_as(self, other: FollowedFace) -> None:
        """Go on with the neutral that was found of another face, of the same person; the other one needs it no more."""
        self._neutral = other._neutral

    def use(self, profile: Profile, key: int) -> None:
        """Take in that this is somebody who is known already, or how the face of that person is read from now on.

        Args:
            profile: of the person.
            key: see `Person`; of somebody who was known before it stays.
        """
        if self._profile is not None and self._profile.is_same_face(profile):
            self._profile = profile
            return
        self.reset_person(key)
        self._profile, self.somebody_else = profile, False
        if profile.identity is not None and profile.albedo is not None:
            self.smoother.settle_person(profile.identity, profile.albedo)

    def face(self, width: int, height: int, crop: Crop | None) -> Face:
        """Return what a result says of it.

        Args:
            width, height: of the frame, px.
            crop: that the network saw in this frame; None if it was not seen.
        """
        smoothed = _read_only(self._smoothed)
        seen = self._state is TrackingState.TRACKING
        return Face(
            id=self.id,
            state=self._state,
            smoothed=smoothed,
            person=self._who(smoothed),
            raw=self.raw if seen else None,
            centred=_read_only(self.centre.apply(smoothed, width, height)) if self.centre.active else None,
            crop=crop if seen else None,
            confidence=self._confidence if seen else 0.0,
        )

    def _rest(self, time: float, hold: float) -> None:
        held = time - self._seen_at < hold
        self._state = TrackingState.HELD if held else TrackingState.NEUTRAL
        self._smoothed = self.smoother.hold(time) if held else self.smoother.ease_to_neutral(time)
        self._time = time

    def _who(self, smoothed: NDArray[np.float32]) -> Person:
        calibration = self._calibration
        if self._person is None or not self._person.settled or self._person.calibration is not calibration:
            slices = self._layout.slices
            settled = self.smoother.person_frozen
            name = "" if self._profile is None else self._profile.name
            identity, albedo = smoothed[slices["identity"]], smoothed[slices["albedo"]]
            self._person = Person(self.person_key, identity, albedo, settled, name, calibration)
        return self._person

    @property
    def _calibration(self) -> Calibration | None:
        if self._profile is not None:
            return self._profile.calibration
        return None if self._neutral is None else self._neutral.calibration

    def _calibrated(self, raw: NDArray[np.float32], time: float) -> NDArray[np.float32]:
        """(P,) parameters with expressions as they are read of this person."""
        weights = raw[self._layout.slices["expression"]]
        if self._profile is None and self._neutral is not None:
            self._neutral.see(weights, time, self._confidence, float(self._rotation[2, 2]))
        calibration = self._calibration
        if calibration is None or calibration.changes_nothing:
            return raw
        self._read[:] = raw
        calibration.apply(weights, self._read[self._layout.slices["expression"]])
        return self._read


def _read_only(array: NDArray[np.float32]) -> NDArray[np.float32]:
    array.flags.writeable = False
    return array

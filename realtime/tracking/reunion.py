"""Who is back: faces that were just found are matched with those that were lost, by place, then by identity."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facemodel import Crop
from realtime.tracking.followed_face import FollowedFace


@dataclass(frozen=True)
class ReunionConfig:
    """When a found face is one that was lost.

    Attributes:
        near: how far from its expected place it may be, as a fraction of the crop's side.
        zoom: by what factor it may be larger or smaller there.
        alike: `unlikeness` up to which two are one person wherever they are. On clips of 12 people `student` has .25
            of one frame to the same person (95 % below .40) and .55 of another one's (5 % below .39).
        place: `unlikeness` that being where it was expected makes up for, at first.
        fading: s of absence in which that halves.
        mistaken: by how much what is followed must be more like a face that was lost than like the one it was taken
            for, to be that one.
        mistaken_frames: for which it was followed by then.
    """

    near: float = 0.4
    zoom: float = 1.5
    alike: float = 0.42
    place: float = 0.4
    fading: float = 0.35
    mistaken: float = 0.12
    mistaken_frames: int = 10


def unlikeness(a: NDArray, b: NDArray) -> float:
    """Return the root mean square difference of two identity vectors (n_identity,)."""
    return float(np.sqrt(np.mean(np.square(a - b)))) if a.size else 0.0


def reunite(
    places: Sequence[Crop],
    identities: Sequence[NDArray],
    lost: Sequence[FollowedFace],
    time: float,
    config: ReunionConfig,
) -> dict[int, FollowedFace]:
    """Return {index of the found face: the lost one that it is}; each of both at most once.

    A found face can be a lost one if it is where that one was expected, or looks like it. The best pair comes first:
    the more alike, and the better if it is there, which counts the less the longer the face was away.

    Args:
        places: crops around the found faces.
        identities: (n_identity,) coefficients of each.
        lost: faces that may come back.
        time: s, of the frame.
        config: see `ReunionConfig`.
    """
    pairs = []
    for index, (place, identity) in enumerate(zip(places, identities, strict=True)):
        for face in lost:
            unlike = unlikeness(identity, face.identity)
            here = is_there(place, face, time, config)
            if here or unlike <= config.alike:
                pairs.append((unlike - here * config.place * 0.5 ** (face.absent / config.fading), index, face))
    pairs.sort(key=lambda pair: pair[:2])
    matched: dict[int, FollowedFace] = {}
    for _, index, face in pairs:
        if index not in matched and face not in matched.values():
            matched[index] = face
    return matched


def is_there(place: Crop, face: FollowedFace, time: float, config: ReunionConfig) -> bool:
    """Whether a crop lies where a face is expected by now, or where it was last, in about its size."""
    zoom = place.side / face.crop.side
    if not 1.0 / config.zoom <= zoom <= config.zoom:
        return False
    distances = (np.linalg.norm(np.subtract(place.centre, at)) for at in (face.expected(time), face.crop.centre))
    return bool(min(distances) <= config.near * face.crop.side)


def mistaken_for(face: FollowedFace, lost: Sequence[FollowedFace], config: ReunionConfig) -> FollowedFace | None:
    """Return the lost face that a followed one really is, judging by the identity that was seen lately; None if it is
    itself.

    Two who meet, one behind the other, can be taken for each other as long as only one of them is seen.
    """
    if face.frames < config.mistaken_frames:
        return None
    least = unlikeness(face.lately, face.identity) - config.mistaken
    like = [other for other in lost if unlikeness(face.lately, other.identity) < least]
    return min(like, key=lambda other: unlikeness(face.lately, other.identity), default=None)

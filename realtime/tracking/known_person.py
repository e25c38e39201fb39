"""Which of the followed faces is the person who is known by a profile."""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence

from realtime.persons.profile import Profile
from realtime.tracking.followed_face import FollowedFace
from realtime.tracking.reunion import unlikeness


class KnownPerson:
    """Gives the profile of a known person to one face at a time.

    Whoever has the profile keeps it while followed or remembered. Where nobody has it, the performer is given it; if
    the performer is somebody else, one of the others who looks like the person. Who was seen beside the known person is
    somebody else; so is who was chosen in the person's place, even if the person then is no longer followed.
    """

    def __init__(self, keys: Iterator[int], alike: float) -> None:
        """
        Args:
            keys: of persons, see `Person`; the next one for each person that begins.
            alike: `unlikeness` up to which a face looks like the person.
        """
        self._keys, self._alike = keys, alike
        self._profile: Profile | None = None

    def use(self, profile: Profile | None, followed: Sequence[FollowedFace], performer: bool = True) -> None:
        """Take one of the followed faces for a person who is known already, and no other one.

        Args:
            profile: of the person; None for nobody known.
            followed: the faces, the performer first.
            performer: it is the performer, or whoever comes first; otherwise it is who is known already, if anybody.
        """
        self._profile = profile
        known = [face for face in followed if face.known]
        which = followed[:1] if performer or not known else known
        for face in followed:
            face.somebody_else = False
            if face.known and (profile is None or face not in which):
                face.reset_person(next(self._keys))
        if profile is not None:
            for face in which:
                face.use(profile, next(self._keys))

    def recognise(self, followed: Sequence[FollowedFace], seen: Container[FollowedFace]) -> None:
        """Give the profile to whom it belongs, before a frame's parameters are taken in.

        Args:
            followed: the faces, the performer first.
            seen: those that are seen in the frame.
        """
        if self._profile is None:
            return
        if (known := next((face for face in followed if face.known), None)) is not None:
            for face in followed:
                face.somebody_else |= face is not known and known in seen and face in seen
            return
        for place, face in enumerate(followed):
            if not face.somebody_else and (place == 0 or (face in seen and self._looks_known(face))):
                face.use(self._profile, next(self._keys))
                return

    def choose(self, face: FollowedFace, known: bool, before: Sequence[FollowedFace]) -> None:
        """Take in that a face was asked for as the performer.

        Args:
            face: that was asked for.
            known: it is the known person, if one is known; otherwise whoever is that stays it.
            before: who was followed before, the face too if it was.
        """
        others = [other for other in before if other is not face]
        if known:
            self.use(self._profile, [face, *others])
            return
        instead = any(other.somebody_else for other in others) and not self._looks_known(face)
        face.somebody_else |= instead or any(other.known for other in others)

    def _looks_known(self, face: FollowedFace) -> bool:
        """Whether a face looks like the known person, as far as the person's shape is known."""
        if self._profile is None or self._profile.identity is None:
            return True
        return unlikeness(face.lately, self._profile.identity) <= self._alike

"""The take feed: a recording gives the results that the live loop gave."""

from __future__ import annotations

from dataclasses import replace

from facemodel import FaceModel
from realtime.frame import Face, Result, Sound, StreamInfo, TrackingState
from realtime.loop.feed import FeedStatus, Transport
from realtime.takes.player import TakePlayer
from realtime.tracking.recentering import Recentering


class TakeFeed:
    """Plays a take; a `realtime.loop.feed.Feed`. What was recorded stays: identity and smoothing cannot be changed.

    Attributes:
        info: see `Feed`.
        transport: play, pause and seek.
        take: that is played.
    """

    def __init__(self, player: TakePlayer, model: FaceModel, message: str = "", sound: Sound | None = None) -> None:
        """
        Args:
            player: gives the results; closed by `close`.
            model: that the take's parameters drive.
            message: one line worth telling, such as that the take is cut short; "" if none.
            sound: the take's, in a file.
        """
        self.info = StreamInfo(
            player.name,
            player.width,
            player.height,
            player.fps,
            player.live,
            model,
            network=player.network,
            sound=sound,
            pictures=bool(player.take.video),
        )
        self.transport: Transport | None = player
        self.take = player.take
        self._player = player
        self._message = message
        self._centres: dict[int, Recentering] = {}  # by id of the face
        self._recenter = False
        self._performer: int | None = None
        self._first_choice: int | None = None
        self._newest: Result | None = None

    def read(self) -> Result | None:
        result = self._player.read()
        if result is None:
            return None
        self._newest = result
        if self._first_choice is not None and len(result.faces) >= self._first_choice:
            self.choose(self._first_choice)
            self._first_choice = None
        faces = sorted(result.faces, key=lambda face: face.id != self._performer)  # stable: else as recorded
        if self._recenter and faces and faces[0].state is TrackingState.TRACKING:
            self._recenter = False
            self._centres.setdefault(faces[0].id, Recentering(self.info.model.layout)).set(faces[0].smoothed)
        return replace(result, faces=tuple(self._centred(face, result) for face in faces))

    def status(self) -> FeedStatus:
        return FeedStatus(message=self._message)

    def recenter(self) -> None:
        self._recenter = True

    def reset_person(self) -> None:
        """Do nothing: the person of a take stays."""

    def choose_first(self, number: int) -> None:
        """Make the `number`-th face from the left the performer as soon as there are so many."""
        self._first_choice = number

    def choose(self, number: int) -> None:
        faces = self._from_left()
        if 1 <= number <= len(faces):
            self._performer = faces[number - 1].id

    def choose_at(self, x: float, y: float) -> None:
        if faces := self._from_left():
            self._performer = min(faces, key=lambda face: self._distance(face, x, y)).id

    def close(self) -> None:
        self._player.close()

    def _from_left(self) -> list[Face]:
        faces = self._newest.faces if self._newest is not None else ()
        return sorted(faces, key=lambda face: self._place(face)[0])

    def _place(self, face: Face) -> tuple[float, float]:
        x, y = self.info.model.layout.view(face.smoothed).translation.tolist()
        return x, y

    def _distance(self, face: Face, x: float, y: float) -> float:
        at = self._place(face)
        return (at[0] - x) ** 2 + (at[1] - y) ** 2

    def _centred(self, face: Face, result: Result) -> Face:
        """The face with its centre taken out, once it has one."""
        if (centre := self._centres.get(face.id)) is None:
            return face
        height, width = result.frame.image.shape[:2]
        return replace(face, centred=centre.apply(face.smoothed, width, height))

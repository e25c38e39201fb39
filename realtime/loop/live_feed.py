"""The live feed: source -> tracker, one result a frame, and one a tick where no frame comes."""

from __future__ import annotations

import statistics
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace

from realtime.frame import Frame, Result, StreamInfo
from realtime.frame_rate import Timecode
from realtime.loop.clock import Clock, SystemClock
from realtime.loop.feed import AtEnd, FeedStatus, Transport
from realtime.loop.slot import LatestSlot
from realtime.loop.source_reader import Arrival, Reopening, SourceReader
from realtime.loop.timeline import Timeline
from realtime.persons.profile import Profile
from realtime.sources.base import Source
from realtime.tracking.smoothing import SmoothingSettings
from realtime.tracking.tracker import Tracker

_PATIENCE = 2.0
"""Frame times without a frame after which there is a result all the same."""
_INTERVALS = 15
"""Between the newest frames, whose median is the frame time."""
_SHORTEST_PERIOD = 1.0 / 120.0
"""s; nobody needs more ticks than that."""


@dataclass(frozen=True)
class LiveConfig:
    """How a source is played.

    Attributes:
        paced: play a file at its own pace, as a camera's pictures come; otherwise as fast as the loop can.
        frames, seconds: end after so many frames, or so much of the source's time; None for no limit.
        at_end: of a paced file.
    """

    paced: bool = False
    frames: int | None = None
    seconds: float | None = None
    at_end: AtEnd = "pause"


class LiveFeed:
    """Tracks the faces of a source; a `realtime.loop.feed.Feed`.

    From a live source the newest frame is always the next one, and those that came meanwhile are missed; every
    frame of a file goes through. A live or paced source that gives no frame for two frame times gets ticks, results
    without a new frame, at its frame rate, until the next one comes. Nothing ticks before the first frame or after the
    end, nor while a file is paused.

    Attributes:
        info: see `Feed`.
        transport: of a file that is paced and can be read again; None of any other source.
    """

    def __init__(
        self,
        source: Source,
        tracker: Tracker,
        network: str = "",
        config: LiveConfig | None = None,
        reopening: Reopening | None = None,
        clock: Clock | None = None,
        timecode: Callable[[float], Timecode | None] = lambda _: None,
    ) -> None:
        """
        Args:
            source: read until it ends; closed by `close`.
            tracker: used by the thread that calls `read` only, until `close` has returned.
            network: that computes the parameters, for people.
            config: see `LiveConfig`.
            reopening: of a source that can be lost; None ends the feed with it.
            clock: the system's if None.
            timecode: tells what timecode it was at a moment on the clock; asked for live sources alone.
        """
        self._config = config or LiveConfig()
        self._clock = clock or SystemClock()
        self._timecode = timecode if source.live else lambda _: None
        self.info = StreamInfo(
            source.name,
            int(source.width),
            int(source.height),
            float(source.fps),
            live=source.live,
            model=tracker.model,
            network=network,
            sound=source.sound,
        )
        self._tracker = tracker
        self._slot: LatestSlot[Arrival] = LatestSlot(self._clock)
        at_end = self._config.at_end if self._config.paced else None
        self._reader = SourceReader(source, self._slot, self._clock, at_end, reopening)
        self._player = self._reader.player
        self.transport: Transport | None = self._player if self._player is not None and self._player.again else None
        self._requests: deque[Callable[[], None]] = deque()
        self._started = False
        self._ended = False
        self._last: Result | None = None
        self._frames, self._first_time = 0, 0.0
        self._ticks = source.live or self._config.paced
        self._timeline = Timeline()
        self._intervals: deque[float] = deque(maxlen=_INTERVALS)  # s, between the newest frames
        self._period = max(1.0 / self.info.fps, _SHORTEST_PERIOD)
        self._delivered = self._due = 0.0  # on the clock: the last result, and the next tick
        self._stalls = 0
        self._first_choice: int | None = None

    @property
    def source(self) -> Source:
        """The source that is read now; another one after it was lost and opened again."""
        return self._reader.source

    def read(self) -> Result | None:
        if not self._started:
            self._started = True
            self._reader.start()
        if self._over():
            self.close()
            return None
        arrival = self._slot.take(self._until_tick())
        while arrival is None and self._stands and not self._slot.closed:
            arrival = self._slot.take(self._until_tick())
        if arrival is None and self._slot.closed:
            arrival = self._slot.take(0.0)  # one that came while the time for a tick was up
        if self._ended or (arrival is None and (self._slot.closed or self._last is None)):
            return None
        if arrival is not None:
            self._last = self._track(arrival)
        elif self._last is not None:
            self._last = self._tick(self._last)
        return self._last

    def status(self) -> FeedStatus:
        status = self._reader.status
        return replace(status, message=status.message or self._tracker.message, stalls=self._stalls)

    def set_smoothing(self, settings: SmoothingSettings) -> None:
        """Smooth by these settings from the next result on."""
        self._requests.append(lambda: self._tracker.set_smoothing(settings))

    def use_profile(self, profile: Profile | None, performer: bool = True) -> None:
        """Take somebody for a person who is known already from the next result on; see `Tracker.use_profile`."""
        self._requests.append(lambda: self._tracker.use_profile(profile, performer))

    def recenter(self) -> None:
        self._requests.append(self._tracker.recenter)

    def reset_person(self) -> None:
        self._requests.append(self._tracker.reset_person)

    def choose_first(self, number: int) -> None:
        """Make the `number`-th face from the left the performer, and the known person, if one is known, as soon as so
        many are followed."""
        self._first_choice = number

    def choose(self, number: int) -> None:
        self._requests.append(lambda: self._tracker.choose(number))

    def choose_at(self, x: float, y: float) -> None:
        self._requests.append(lambda: self._tracker.choose_at(x, y))

    def close(self) -> None:
        self._ended = True
        self._reader.close()

    def _until_tick(self) -> float | None:
        """Seconds to wait for a frame before there is a tick; None for as long as it takes."""
        if self._last is None or not self._ticks or self._stands:
            return None
        return max(0.0, self._due - self._clock.now())

    @property
    def _stands(self) -> bool:
        """Whether a file is paused, or was played to its end: then no frame is due."""
        return self._player is not None and not self._player.playing

    def _track(self, arrival: Arrival) -> Result:
        frame, taken = arrival.frame, self._clock.now()
        self._count(frame)
        slowed = 1.0 if self._player is None else min(self._player.speed, 1.0)
        self._delivered, self._due = taken, taken + _PATIENCE * self._period / slowed
        self._answer_requests()
        time = self._timeline.place(frame.timestamp, self._period)
        timings = {"wait": 0.0 if arrival.at is None else 1000.0 * (taken - arrival.at)}
        faces = self._tracker.track(frame, time, timings)
        if self._first_choice is not None and len(faces) >= min(self._first_choice, self._tracker.config.faces):
            number, self._first_choice = self._first_choice, None
            self._requests.append(lambda: self._tracker.choose(number, True))
        timings["track"] = 1000.0 * (self._clock.now() - taken)
        timecode = self._timecode(taken if arrival.at is None else arrival.at)
        return Result(frame, time, faces, timings, arrival.at, timecode=timecode)

    def _tick(self, last: Result) -> Result:
        """The last frame again, with faces that were not seen."""
        now = self._clock.now()
        self._stalls += not last.stalled
        time = last.time + now - self._delivered
        self._timeline.reach(time)
        self._delivered, self._due = now, max(self._due + self._period, now)
        self._answer_requests()
        return Result(last.frame, time, self._tracker.idle(time), stalled=True, timecode=self._timecode(now))

    def _answer_requests(self) -> None:
        while self._requests:
            self._requests.popleft()()

    def _count(self, frame: Frame) -> None:
        """Note a frame, and how far apart frames are: in the dark a camera does not what it says of its rate."""
        if self._last is None:
            self._first_time = frame.timestamp
        else:
            self._intervals.append(frame.timestamp - self._last.frame.timestamp)
            self._period = max(1.0 / self.info.fps, _SHORTEST_PERIOD, statistics.median(self._intervals))
        self._frames += 1

    def _over(self) -> bool:
        """Whether the feed was closed, or has come to its limit."""
        frames, seconds = self._config.frames, self._config.seconds
        passed = 0.0 if self._last is None else self._last.time + self._period - self._first_time
        return (
            self._ended
            or (frames is not None and self._frames >= frames)
            or (seconds is not None and self._last is not None and passed >= seconds - 1e-9)
        )

"""A session: one person's use of the program, with feeds and sinks that come and go. It only wires."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp
from time import perf_counter
from typing import TYPE_CHECKING

from facemodel import FaceModel, LimelightError
from realtime.frame import Result, Sound, StreamInfo
from realtime.light.lighting import Lighting
from realtime.light.show import Show
from realtime.loop.feed import Feed, Transport
from realtime.loop.live_feed import LiveConfig, LiveFeed
from realtime.loop.loop import Listener, Loop, LoopStatus
from realtime.loop.source_reader import Reopening
from realtime.loop.take_feed import TakeFeed
from realtime.persons.guide import Guide
from realtime.persons.profile import Profile, as_in_take
from realtime.persons.sitter import Sitter
from realtime.persons.store import PersonStore, StoredPerson
from realtime.session_config import SessionConfig
from realtime.sinks.contract import Screens
from realtime.sinks.rack import SinkRack
from realtime.sinks.recordings import Recordings, RecordingStatus
from realtime.sinks.registry import open_sink
from realtime.sinks.worker import SinkState, SinkStatus, Worker
from realtime.sources import list_cameras, local_path, open_source, resolve_camera
from realtime.sources.base import CameraChoice, Source
from realtime.sources.camera import CameraInfo, CameraSource, same_camera
from realtime.sources.camera_controls import CameraControls
from realtime.takes import Take, TakePlayer, is_take, load_take
from realtime.takes.clip import export_range
from realtime.takes.reference_sound import write_wav
from realtime.timecode.choice import TimecodeChoice
from realtime.tracking.smoothing import SmoothingSettings
from realtime.tracking.tracker import Tracker

if TYPE_CHECKING:
    from realtime.render import ViewMode


class Session:
    """Builds a loop for each feed, and carries sinks, listeners and smoothing from one to the next.

    All methods may be called from any thread. `open`, `use` and `stop` may take seconds.

    Attributes:
        model: the face model in use; a take brings its own.
        slate: of the next take; may be set.
        timecode: where it comes from; may be chosen anew.
        sitter: whose face the performer's is, as far as is known.
        as_recorded: a take that plays stands in the light that was recorded, rather than the show's; may be set.
        asked_view: that a command asked the window for, which takes it from here; None once it did.
        show: what is done to light and picture. Files that are worked through without a pace take its cues in their own
            time.
    """

    def __init__(
        self, model: FaceModel, make_tracker: Callable[[], Tracker], config: SessionConfig | None = None
    ) -> None:
        """
        Args:
            model: the face model in use; a take brings its own.
            make_tracker: called once, when the first live feed is opened: a take needs no network.
            config: see `SessionConfig`.
        """
        self.model = model
        self.config = config or SessionConfig()
        self._make_tracker = make_tracker
        self._tracker: Tracker | None = None
        self._smoothing = self.config.smoothing or SmoothingSettings()
        self.slate = self.config.slate
        self.timecode = TimecodeChoice(self.config.timecode)
        self._moment = 0.0  # of the newest result, s
        clock = perf_counter if self.config.paced else lambda: self._moment
        self.show = Show(self.config.lighting, self.config.show, clock=clock)
        self.as_recorded = self.config.recorded_light
        self.asked_view: ViewMode | None = None
        self._scratch: TemporaryDirectory[str] | None = None
        self.sitter = Sitter(
            model,
            PersonStore(self.config.persons),
            self._source_name,
            self._introduce,
            self.config.person,
            self.config.glasses,
        )
        self._loop: Loop | None = None
        self._camera: CameraInfo | None = None
        self._listeners: list[Listener] = []
        self._stopped = False
        self._lock = threading.RLock()  # guards the attributes, held for moments
        self._switching = threading.RLock()  # one change of feed at a time, held for seconds
        self._rack = SinkRack(self._switching, lambda: self._loop)
        self._recordings = Recordings(self._rack, self.config.takes, self.config.names)
        self.show.listen(self._take_over)

    @property
    def smoothing(self) -> SmoothingSettings:
        """How strongly each part is smoothed; setting it takes effect with the next result."""
        return self._smoothing

    @smoothing.setter
    def smoothing(self, settings: SmoothingSettings) -> None:
        with self._lock:
            self._smoothing = settings
            if isinstance(feed := self._feed, LiveFeed):
                feed.set_smoothing(settings)

    @property
    def transport(self) -> Transport | None:
        """Play, pause and seek, of a take that plays, or a file; None of any other feed, or where there is none."""
        feed = self._feed
        return feed.transport if feed is not None else None

    @property
    def take(self) -> Take | None:
        """The take that plays; None while none does."""
        feed = self._feed
        return feed.take if isinstance(feed, TakeFeed) else None

    @property
    def info(self) -> StreamInfo | None:
        """What is known of the feed, its face model too; None while there is none."""
        feed = self._feed
        return feed.info if feed is not None else None

    @property
    def network_name(self) -> str:
        """What computes, or computed, the parameters, for people; "" while there is no feed."""
        info = self.info
        return info.network if info is not None else ""

    @property
    def camera_controls(self) -> CameraControls | None:
        """The controls of the camera that is open; None of any other source."""
        feed = self._feed
        source = feed.source if isinstance(feed, LiveFeed) else None
        return source.controls if isinstance(source, CameraSource) else None

    def cameras(self) -> Sequence[CameraChoice]:
        """Return the cameras of this machine, by name."""
        return [CameraChoice(f"camera:{camera.index}", camera.name) for camera in list_cameras()]

    def open(self, spec: str | None) -> Loop:
        """Switch to a take, or to a source by name (see `realtime.sources.open_source`), and return its running loop.

        What ran before goes on until the new one is open; only a camera that is opened again is let go first, since it
        cannot be opened twice. A source that can be lost is opened again by itself when it was.

        Raises:
            LimelightError: it cannot be opened.
        """
        spec = local_path(spec) if spec else spec
        if spec and is_take(spec):
            recording = self.recording()
            if recording is not None and os.path.realpath(recording.path) == os.path.realpath(spec):
                self.stop_recording()
            take = load_take(spec)
            player = TakePlayer(take, self.config.paced, self.config.at_end if self.config.paced else "stop")
            if self.config.marked:
                player.keep_to(*export_range(take))
            feed = TakeFeed(player, take.model, take.cut or "", self._sound_of(take))
            if (number := self.config.performer) is not None:
                feed.choose_first(number)
            return self.use(feed)
        settings = self.config.source
        with self._switching:
            camera = resolve_camera(spec)
            if camera is not None and self._camera is not None and camera.index == self._camera.index:
                self._end_loop()
            source = open_source(spec, settings)

            def again() -> Source:
                return open_source(f"camera:{same_camera(camera, list_cameras()).index}" if camera else spec, settings)

            loop = self.use_source(source, Reopening(again) if source.live else None)
            self._camera = camera
            return loop

    def use_source(self, source: Source, reopening: Reopening | None = None) -> Loop:
        """Switch to a source that is open already, and return its running loop.

        Args:
            source: closed when the loop ends.
            reopening: how to open it again when it was lost; None ends the loop then.
        """
        config = LiveConfig(self.config.paced, self.config.frames, self.config.seconds, self.config.at_end)
        with self._switching:
            try:
                self._end_loop()  # which has the tracker
                tracker = self._tracker = self._tracker or self._make_tracker()
            except BaseException:
                source.close()
                raise
            tracker.reset(thorough=not source.live)
            feed = LiveFeed(source, tracker, tracker.engine.name, config, reopening, timecode=self.timecode.at)
            if (number := self.config.performer) is not None:
                feed.choose_first(number)
            return self.use(feed)

    def use(self, feed: Feed) -> Loop:
        """Switch to a feed, and return its running loop.

        Files that are being written end: they belong to the feed that they began with. Other sinks go on with the new
        one.
        """
        with self._switching:
            self._end_loop()
            feed.info = replace(feed.info, cues=self.config.show is not None)
            self._rack.begin(feed.info, self.config.all_sinks)
            with self._lock:
                stopped = self._stopped
            if stopped:
                feed.close()
                for worker in self.workers():
                    worker.close()
                raise LimelightError("the session has ended")
            with self._lock:
                loop = Loop(feed, [*self._listeners, *(worker.offer for worker in self.workers())], self._light)
                self.as_recorded = self.config.recorded_light
                self._loop = loop  # whatever is set from now on goes to this feed
                if isinstance(feed, LiveFeed):
                    feed.set_smoothing(self._smoothing)
                    feed.use_profile(self.sitter.profile(feed.info.name))
            loop.start()
            return loop

    def listen(self, listener: Listener) -> None:
        """Deliver every result from now on to `listener`, on the loop's thread, whatever the feed."""
        with self._lock:
            self._listeners.append(listener)
            if self._loop is not None:
                self._loop.listen(listener)

    def unlisten(self, listener: Listener) -> None:
        """Stop delivering to `listener`; once this returns no result is under way to it."""
        with self._lock:
            self._listeners = [other for other in self._listeners if other != listener]
            loop = self._loop
        if loop is not None:
            loop.unlisten(listener)

    def show_on(self, screens: Screens) -> None:
        """Give sinks displays for their windows, those that are there and those that come; before a feed is opened."""
        self._rack.show_on(screens)

    def add_sink(self, sink: str | Worker) -> Worker:
        """Send every result from now on to a sink, given by its address or as a worker, and return its worker.

        It begins with the feed, or at once where there is one; one that fails is shown by `sinks`.

        Raises:
            LimelightError: there is no such kind of sink.
        """
        return self._rack.add(open_sink(sink) if isinstance(sink, str) else sink)

    def remove_sink(self, worker: Worker) -> None:
        """Finish a sink and forget it."""
        self._rack.remove(worker)

    def restart_sink(self, worker: Worker) -> Worker:
        """Start a failed sink again, and return its worker; a file goes on in a new one, `NAME-2.mcap`."""
        return self._rack.restart(worker)

    def workers(self) -> tuple[Worker, ...]:
        """Return the workers of all sinks, to start one again, or to end it."""
        return self._rack.workers()

    def sinks(self) -> tuple[SinkStatus, ...]:
        """Return how each sink goes."""
        return tuple(worker.status() for worker in self.workers())

    def status(self) -> LoopStatus:
        """Return where the loop stands; of an empty one while there is no feed. Its error may also be a sink's."""
        with self._lock:
            loop = self._loop
        status = loop.status() if loop is not None else LoopStatus()
        failed = [sink.line for sink in self.sinks() if sink.state is SinkState.FAILED]
        return replace(status, error=status.error or failed[-1]) if failed else status

    def recenter(self) -> None:
        """Make the performer's next pose straight ahead, in what is shown alone or streamed."""
        if (feed := self._feed) is not None:
            feed.recenter()

    def reset_person(self) -> None:
        """Forget the performer's identity and albedo: another person sits down, who is nobody known."""
        self.sitter.leave()
        if (feed := self._feed) is not None:
            feed.reset_person()

    def keep_person(self, name: str, guide: Guide) -> StoredPerson:
        """Store what a guided calibration measured of the performer, who is that person from now on.

        Args:
            name: of the person.
            guide: that has listened to this session's feed.

        Raises:
            LimelightError: the neutral was not seen, or the person's file is damaged or cannot be written.
        """
        take = self.take  # its persons are known already, as the recording knew them
        if take is not None:
            return self.sitter.keep(guide, as_in_take(take, name))
        who = guide.person()
        return self.sitter.keep(guide, StoredPerson.of(name, self.model, who.identity, who.albedo))

    def choose(self, number: int) -> None:
        """Make the `number`-th face from the left, from 1 on, the performer."""
        if (feed := self._feed) is not None:
            feed.choose(number)

    def choose_at(self, x: float, y: float) -> None:
        """Make the face at a place in the frame, px, the performer."""
        if (feed := self._feed) is not None:
            feed.choose_at(x, y)

    def start_recording(self, path: Path | None = None) -> Path:
        """Begin a take with the present slate, in a new file named by it if no path is given, and return its path.

        Raises:
            LimelightError: no live feed is open, a take is being written already, or the file cannot be written.
        """
        if not isinstance(self._feed, LiveFeed) or self.status().ended:
            raise LimelightError("nothing to record: open a camera or a video first")
        return self._recordings.start(path, self.slate)

    def stop_recording(self) -> None:
        """Finalise the take, and make the slate the next take's; does nothing if none is being written.

        Raises:
            LimelightError: its last frames could not be written.
        """
        if (ended := self._recordings.stop()) is not None:
            slate, problem = ended
            if slate == self.slate:
                self.slate = self.slate.next()  # what was filled in meanwhile is the next take's already
            if problem:
                raise LimelightError(problem)

    def recording(self) -> RecordingStatus | None:
        """Return the take that is being written, or None; a take ends by itself when it can no longer be written."""
        return self._recordings.status()

    def mark(self, text: str = "") -> None:
        """Put a marker at this moment into the take that is being written; does nothing if there is none."""
        self._recordings.mark(text)

    def stop(self) -> tuple[str, ...]:
        """End the loop, then finish every sink; a second call does nothing.

        Returns:
            What could not be ended or finished, one line each; everything else was.
        """
        with self._lock:
            self._stopped = True
        workers = self.workers()
        problems = []
        try:
            self._end_loop()
        except LimelightError as error:
            problems.append(str(error))
        self._rack.finish(workers)
        self.timecode.close()
        if self._scratch is not None:
            self._scratch.cleanup()
        return (*problems, *(worker.problem for worker in workers if worker.problem))

    def lighting(self, result: Result) -> Lighting:
        """Return what the show says of a result at this moment, or said when the take that plays was recorded."""
        if self.as_recorded and (take := self.take) is not None and take.light is not None:
            return take.light.at(result.time)
        return self.show.now()

    def _take_over(self, _changed: object) -> None:
        """Light a take that plays by the show, which somebody changes."""
        if self.take is not None:
            self.as_recorded = False

    def _light(self, result: Result) -> Lighting:
        self._moment = result.time
        return self.lighting(result)

    def _sound_of(self, take: Take) -> Sound | None:
        """A take's sound as a file, for who works it through: the file is there until the session ends."""
        if self.config.paced or not take.sound:
            return None
        if self._scratch is None:
            self._scratch = TemporaryDirectory(prefix="limelight-", ignore_cleanup_errors=True)
        path = Path(mkdtemp(dir=self._scratch.name)) / "sound.wav"
        write_wav(take.path, path)
        return Sound(path, start=-take.frames[0].timestamp)

    @property
    def _feed(self) -> Feed | None:
        loop = self._loop
        return None if loop is None else loop.feed

    def _source_name(self) -> str:
        info = self.info
        return "" if info is None else info.name

    def _introduce(self, profile: Profile | None, performer: bool) -> None:
        if isinstance(feed := self._feed, LiveFeed):
            feed.use_profile(profile, performer)

    def _end_loop(self) -> None:
        with self._lock:
            loop, self._loop, self._camera = self._loop, None, None
        if loop is None:
            return
        released = loop.stop()
        self._rack.finish([worker for worker in self.workers() if worker.config.per_feed])
        if not released:
            self._tracker = None  # the hanging loop still has it
            raise LimelightError(f"{loop.feed.info.name}: the live loop does not let go; close limelight")

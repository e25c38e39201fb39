"""The sink that writes a take. It never drops a frame."""

from __future__ import annotations

import queue
import threading
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import numpy as np
from numpy.typing import NDArray

from facemodel import LimelightError
from facemodel.output_files import free_path
from realtime.frame import Result, StreamInfo
from realtime.sound.block import JUMP
from realtime.sound.feed_sound import open_sound
from realtime.takes.format import TakeHeader
from realtime.takes.messages import Marker
from realtime.takes.slate import Slate
from realtime.takes.writer import TakeWriter

if TYPE_CHECKING:
    from realtime.outputs.h264 import H264Encoder
    from realtime.sound.block import SoundSource

_PICTURES = 8
"""That wait to be encoded; more are left out."""


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """A result in the recorder's queue: without its picture, which is apart if it is to be filmed."""

    result: Result
    picture: NDArray[np.uint8] | None = None


class Recorder:
    """Records every result that it is given, those without a face too; of a stall a mark. A `realtime.sinks.Sink`.

    It wants a worker with the policy `EVERY`. A disk that stalls for a while costs memory (some KB a frame; the
    pictures are not kept), never a frame. A disk that fails ends the recording, and what was written stays readable.

    With a reference video, some pictures wait in the queue too; where the encoder is too slow for a live feed, pictures
    are left out of it, never frames, and counted.

    Attributes:
        name: for people.
        path: of the take; one that is begun again goes on in a new file, NAME-2.mcap and so on.
        left_out: pictures that the reference video lacks.
        slate: that stands in the take.
    """

    def __init__(
        self, path: str | Path, reference_video: bool = False, slate: Slate | None = None, sound: str | None = None
    ) -> None:
        """
        Args:
            path: of the take.
            reference_video: record the pictures too, as H.264.
            slate: that stands in the take.
            sound: record the source's sound, or where it has none that of a sound input, by part of its name; the
                default one if "". None for no sound.
        """
        self.slate = slate or Slate()
        self.path = Path(path)
        self.name = f"take {self.path}"
        self.left_out = 0
        self._reference_video = reference_video
        self._encoder: H264Encoder | None = None
        self._sound_wanted = sound
        self._sound: SoundSource | None = None
        self._hears_live = False
        self._sound_begins = 0.0  # s, of the sound's clock, on the feed's
        self._silent = ""  # why there is no sound, though it was wanted
        self._room = threading.Semaphore(_PICTURES)
        self._fps = 0.0
        self._writer: TakeWriter | None = None
        self._marks: queue.SimpleQueue[str | Marker] = queue.SimpleQueue()
        self._began: float | None = None
        self._newest: float | None = None  # s, on the feed's clock

    @property
    def frames(self) -> int:
        """Frames written so far."""
        return 0 if self._writer is None else self._writer.frames

    @property
    def seconds(self) -> float:
        """Of the feed since the recording began."""
        began, newest = self._began, self._newest
        return 0.0 if began is None or newest is None else newest - began

    def begin(self, info: StreamInfo) -> None:
        """Create the take at once, so that a bad path is known before the performance.

        Raises:
            LimelightError: the file exists already, or cannot be written; or a reference video was asked for, and there
                is no H.264 here; or sound was, and there is no such input.
        """
        self._open_sound(info)
        if self._reference_video:
            self._encoder = _encoder(info.width, info.height, info.fps)
        self._room, self._fps, self.left_out = threading.Semaphore(_PICTURES), info.fps, 0
        if self._writer is not None:
            self.path = free_path(self.path)
            self.name = f"take {self.path}"
        self._writer = TakeWriter(self.path, TakeHeader.describe(info, self.slate), info.model)
        self._began = self._newest = None

    def prepare(self, result: Result) -> Prepared:
        """Return what is queued: the result without its picture, of which a queue would keep too many."""
        self._newest = result.time
        self._began = result.time if self._began is None else self._began
        picture = None
        if self._reference_video and not result.stalled:
            if self._room.acquire(blocking=False):
                picture = result.frame.image
            else:
                self.left_out += 1
        return Prepared(replace(result, frame=result.frame.without_picture(), timings={}), picture)

    def submit(self, prepared: Prepared) -> None:
        """Write one result that `prepare` gave.

        Raises:
            LimelightError: the take cannot be written any more.
        """
        try:
            if self._writer is not None:
                self._writer.append(prepared.result)
                if prepared.picture is not None:
                    self._film(prepared.picture, prepared.result.time)
                self._write_sound(prepared.result)
                self._write_marks()
        finally:
            if prepared.picture is not None:
                self._room.release()

    def mark(self, text: str) -> None:
        """Put a marker at the newest result's time; from any thread."""
        newest = self._newest
        self._marks.put(text if newest is None else Marker(newest, text))

    def status(self) -> str:
        """Return how much was written, in one line."""
        left_out = f", {self.left_out} pictures left out" if self.left_out else ""
        return f"{self.frames} frames, {self.seconds:.1f} s{left_out}{self._silent}"

    def close(self) -> None:
        """Finish the file, and force it to the disk; a second call does nothing.

        Raises:
            LimelightError: the take could not be written to its end.
        """
        if self._sound is not None:
            self._sound.close()
        if self._writer is None:
            return
        with self._writer:  # closes it, whatever the marks do
            if self._writer.usable:
                self._write_marks()

    def _film(self, picture: NDArray[np.uint8], time: float) -> None:
        """Encode the newest frame's picture; one of another size begins with a key picture of its own."""
        assert self._writer is not None
        height, width = picture.shape[:2]
        size = (width - width % 2, height - height % 2)
        if self._encoder is None or size != (self._encoder.width, self._encoder.height):
            self._encoder = _encoder(width, height, self._fps)
        for packet in self._encoder.encode(picture, time):
            self._writer.add_picture(bytes(packet))

    def _open_sound(self, info: StreamInfo) -> None:
        """Open what is to be heard: the file's sound where the feed is a file, else a microphone."""
        self._sound, self._sound_begins, self._silent = None, 0.0, ""
        if self._sound_wanted is None:
            return
        self._hears_live = info.sound is None
        try:
            self._sound = open_sound(info, self._sound_wanted)
        except LimelightError as error:
            if self._hears_live and info.live:
                raise
            self._silent = f", no sound: {error}"

    def _write_sound(self, result: Result) -> None:
        """Write what was to be heard until a result."""
        assert self._writer is not None
        if self._sound is None:
            return
        if self._hears_live and result.captured is not None:
            self._sound_begins = result.time - result.captured
        elif not self._hears_live and result.time == self._began:
            self._sound_begins = result.frame.shift
        elif not self._hears_live and abs(result.frame.shift - self._sound_begins) > JUMP:
            self._sound.close()
            seconds = result.time - (self._began or 0.0)
            self._sound, self._silent = None, f", its sound ends at {seconds:.1f} s, where the source jumped"
            return
        for block in self._sound.until(result.time - self._sound_begins):
            time = block.time + self._sound_begins
            if self._began is None or time >= self._began - 0.1:  # a recording may begin in the middle of a file
                self._writer.add_sound(replace(block, time=time))

    def _write_marks(self) -> None:
        """Write what was marked since; marks from before the first result stand at its time."""
        assert self._writer is not None
        while True:
            try:
                mark = self._marks.get_nowait()
            except queue.Empty:
                return
            self._writer.mark(Marker(self._began or 0.0, mark) if isinstance(mark, str) else mark)


def take_address(path: Path, slate: Slate, pictures: bool = False, sound: str | None = None) -> str:
    """Return the address of a recorder; see `Recorder`."""
    heard = "" if sound is None else urlencode({"sound": sound})
    query = "&".join(part for part in ("pictures" if pictures else "", heard, slate.query) if part)
    return f"{path}?{query}" if query else str(path)


def _encoder(width: int, height: int, fps: float) -> H264Encoder:
    from realtime.outputs.h264 import H264Encoder  # loads FFmpeg, which most recordings do without

    return H264Encoder(width, height, fps)

"""The sink that writes what it draws into an mp4 file, which can be read even if this program is killed."""

from __future__ import annotations

import io
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import av
import numpy as np
from av.container import OutputContainer
from av.video.codeccontext import VideoCodecContext
from numpy.typing import NDArray

from facemodel import LimelightError
from realtime.frame import Result, StreamInfo
from realtime.outputs import h264, prores
from realtime.outputs.heard_track import HeardTrack
from realtime.outputs.sound_track import IN_MOV, IN_MP4, SoundTrack
from realtime.sound.block import JUMP
from realtime.sources.file_kind import shown
from realtime.sources.images import pad_to_size

log = logging.getLogger(__name__)

_LONGEST_PAUSE = 10.0  # seconds that a live performance may pause in the video
_CONTAINER_OPTIONS = {
    "flush_packets": "1",
    "max_interleave_delta": "100000",  # microseconds that pictures wait for sound that ended
    "video_track_timescale": "90000",
}


class Encoder(Protocol):
    """Encodes pictures as they come."""

    def encode(self, image: NDArray[np.uint8], time: float) -> list[av.Packet]:
        """Return the packets of one picture (H, W, 3) uint8 BGR at `time`, s."""
        ...

    def flush(self) -> list[av.Packet]:
        """Return what the encoder still holds; it takes no more pictures."""
        ...


@dataclass(frozen=True)
class _Form:
    """A container with a codec of pictures.

    Attributes:
        container, codec: FFmpeg's names.
        options: of the container.
        encoder: makes one for pictures of width, height, px, and so many frames a second, in a stream's context.
        sounds: decoders of what is copied into it.
    """

    container: str
    codec: str
    options: Mapping[str, str]
    encoder: Callable[[int, int, float, VideoCodecContext], Encoder]
    sounds: frozenset[str]


_FORMS = {
    ".mp4": _Form(
        "mp4", h264.CODEC, {"movflags": "frag_keyframe+empty_moov+default_base_moof"}, h264.H264Encoder, IN_MP4
    ),
    ".mov": _Form(  # fragments while it is written; closed, an index for programs that know none
        "mov",
        prores.CODEC,
        {"movflags": "hybrid_fragmented+default_base_moof", "frag_duration": str(round(1e6 * h264.KEY_SECONDS))},
        prores.ProResEncoder,
        IN_MOV,
    ),
}


class Drawing(Protocol):
    """Draws results; made, used and closed on one thread."""

    def draw(self, result: Result) -> NDArray[np.uint8]:
        """(H, W, 3) uint8 BGR, or with alpha (H, W, 4) BGRA; the array may be reused by the next call."""
        ...

    def close(self) -> None:
        """Release what it holds."""
        ...


def frame_size(info: StreamInfo) -> tuple[int, int]:
    """Return (width, height) of a feed's frames, px."""
    return info.width, info.height


class VideoFile:
    """Draws every result and encodes it as H.264, or in a .mov as ProRes 4444; see `realtime.sinks.contract.Sink`.

    Frames have the times of their results, whatever their rate. A stall is no frame: the picture before stays. Where
    the clock of the feed runs backwards, as with another source, the video goes on one frame later; a live performance
    that pauses for more than 10 s is joined. The sound of the feed, or a microphone's, is kept. The file is fragmented:
    killed, it lacks at most its last quarter of a second and a frame.

    Attributes:
        name: for people.
        path: of the video.
        frames: in the video so far.
        seconds: length of the video so far.
    """

    def __init__(
        self,
        path: str | Path,
        drawing: Callable[[StreamInfo], Drawing],
        size: Callable[[StreamInfo], tuple[int, int]] = frame_size,
        microphone: str | None = None,
    ) -> None:
        """
        Args:
            path: ends in .mp4, or for pictures with alpha in .mov; never a file that exists when the first feed begins.
            drawing: makes what draws the results, once a feed begins and on its thread.
            size: gives (width, height) of the video of a feed, px.
            microphone: heard with a live feed that has no sound of its own, by part of its name; the default one if "".
                None for no sound then.

        Raises:
            LimelightError: the path ends in neither.
        """
        self.path = Path(path)
        self.name = f"video {shown(self.path)}"
        if self.path.suffix.lower() not in _FORMS:
            raise LimelightError(f"{self.name}: the name must end in .mp4 or .mov")
        self.frames = 0
        self.seconds = 0.0
        self._make_drawing, self._size, self._microphone = drawing, size, microphone
        self._drawing: Drawing | None = None
        self._writing: _Writing | None = None
        self._sound_note = ""

    def begin(self, info: StreamInfo) -> None:
        """Open the file.

        Raises:
            LimelightError: the file exists or cannot be written, no OpenGL, or the sink is finished already.
        """
        if self.frames:
            raise LimelightError(f"{self.name}: is finished; film on under another name")
        width, height = self._size(info)
        self._drawing = self._make_drawing(info)
        try:
            about = replace(info, width=width, height=height)
            self._writing = _Writing(self.path, self.name, about, self._microphone)
        except BaseException:
            self._drawing.close()
            raise
        self._sound_note = self._writing.sound_note

    def submit(self, result: Result) -> None:
        """Draw and encode one result.

        Raises:
            LimelightError: the file cannot be written any more; it can be read up to there.
        """
        if self._writing is None or self._drawing is None or result.stalled:
            return
        image = self._drawing.draw(result)
        try:
            self._writing.add(image, result.frame.timestamp, result.frame.shift)
        finally:
            self._take_over(self._writing)

    def status(self) -> str:
        """Frames and seconds so far, and what became of the sound, if it is not kept."""
        return ", ".join(filter(None, [f"{self.frames} frames, {self.seconds:.1f} s", self._sound_note]))

    def close(self) -> None:
        """Finish the file; a video of nothing leaves none. A second call does nothing.

        Raises:
            LimelightError: the end of the video could not be written.
        """
        writing, self._writing = self._writing, None
        if writing is None:
            return
        try:
            writing.finish()
        finally:
            self._take_over(writing)
            if self._drawing is not None:
                self._drawing.close()

    def _take_over(self, writing: _Writing) -> None:
        self.frames, self.seconds, self._sound_note = writing.frames, writing.end, writing.sound_note


class _Writing:
    """One video that is being written."""

    def __init__(self, path: Path, name: str, info: StreamInfo, microphone: str | None) -> None:
        self._path, self._name, self._info, self._microphone = path, name, info, microphone
        self.frames = 0
        self.sound_note = ""
        self._nominal = 1.0 / info.fps
        self._last_time = 0.0
        self._offset = 0.0  # of the feed's clock against the video's
        self._shift = 0.0  # of the first frame
        self._position = 0.0  # of the last frame in the video, s
        self._failed = False
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = _WholeWrites(path, "xb")
        except OSError as error:
            if isinstance(error, FileExistsError) and path.parent.is_dir():
                reason = "exists already and is never overwritten; choose another name"
            else:
                reason = f"cannot be created ({error.strerror})"
            raise LimelightError(f"{name}: {reason}") from error
        self._sound: SoundTrack | HeardTrack | None = None
        self._form = form = _FORMS[path.suffix.lower()]
        try:
            options = {**_CONTAINER_OPTIONS, **form.options}
            self._container = av.open(self._file, "w", format=form.container, options=options)
            self._stream = self._container.add_stream(form.codec)
            context = self._stream.codec_context
            assert isinstance(context, VideoCodecContext)
            self._encoder = form.encoder(info.width, info.height, info.fps, context)
            self._sound = self._open_sound(self._container)
            self._container.start_encoding()
        except BaseException as error:
            self._failed = True
            self._release()
            if isinstance(error, OSError | av.FFmpegError):
                raise LimelightError(f"{name}: cannot be written ({error.strerror})") from error
            raise

    @property
    def end(self) -> float:
        """Seconds in the video at which the last frame ends."""
        return self._position + self._nominal if self.frames else 0.0

    def add(self, image: NDArray[np.uint8], time: float, shift: float) -> None:
        """Encode one picture (H, W, 3) uint8 BGR, or (H, W, 4) BGRA, of the feed's `time`, s; `shift` is `Frame`'s."""
        if self._failed:
            return
        position = self._place(time, shift)
        if image.shape[:2] != (self._info.height, self._info.width):
            image = pad_to_size(image, self._info.width, self._info.height)
        packets = self._encoder.encode(image, position)
        self._add_sound(position)
        self._mux(packets)
        self.frames += 1
        self._position = position

    def finish(self) -> None:
        """Write what the encoder and the sound still hold, and the end of the file."""
        try:
            if not self._failed and self.frames:
                self._mux(self._encoder.flush())
                self._add_sound(self.end)
                self._guard(self._container.close)
        finally:
            self._release()

    def _place(self, time: float, shift: float) -> float:
        """Seconds in the video at which a result belongs."""
        step = time - self._last_time
        self._last_time = time
        if self.frames == 0:
            self._offset, self._shift = time, shift
            self._start_sound(time - shift)
        elif step < 0.0 or (self._info.live and step > _LONGEST_PAUSE):
            self._offset = time - self.end
            self._drop_sound(f"its sound ends at {self.end:.1f} s, where the source jumped")
        elif abs(shift - self._shift) > JUMP:
            self._drop_sound(f"its sound ends at {self.end:.1f} s, where the source jumped")
        return time - self._offset

    def _mux(self, packets: list[av.Packet]) -> None:
        for packet in packets:
            packet.stream = self._stream
        self._guard(lambda: self._container.mux(packets))

    def _guard(self, write: Callable[[], None]) -> None:
        try:
            write()
        except (OSError, av.FFmpegError) as error:
            self._failed = True
            raise LimelightError(
                f"{self._name}: cannot be written ({error.strerror}); it ends after {self.frames} frames"
            ) from error

    def _open_sound(self, container: OutputContainer) -> SoundTrack | HeardTrack | None:
        if self._info.sound is None:
            return self._open_microphone(container)
        try:
            return SoundTrack(self._info.sound, container, self._form.sounds)
        except LimelightError as error:
            self._note(f"it has no sound: {error}")
            return None

    def _open_microphone(self, container: OutputContainer) -> HeardTrack | None:
        if self._microphone is None:
            return None
        if not self._info.live:
            self._note("it has no sound: the source has none")
            return None
        try:
            return HeardTrack(self._microphone, container)
        except LimelightError as error:
            raise LimelightError(f"{self._name}: {error}") from error

    def _start_sound(self, time: float) -> None:
        if self._sound is not None:
            try:
                self._sound.start(time)
            except (av.FFmpegError, ValueError) as error:
                self._drop_sound(f"it has no sound: {error}")

    def _add_sound(self, until: float) -> None:
        if self._sound is None:
            return
        packets = self._sound.until(until)
        while True:
            try:
                packet = next(packets, None)
            except (av.FFmpegError, ValueError):
                self._drop_sound(f"its sound ends at {self._position:.1f} s, where the source is damaged")
                return
            if packet is None:
                return
            self._guard(lambda packet=packet: self._container.mux(packet))  # type: ignore[misc]

    def _drop_sound(self, note: str) -> None:
        if self._sound is not None:
            self._sound.close()
            self._sound = None
            self._note(note)

    def _note(self, note: str) -> None:
        self.sound_note = note
        log.warning("%s: %s", self._name, note)

    def _release(self) -> None:
        """Close everything; a container whose file is closed writes no more."""
        if self._sound is not None:
            self._sound.close()
        try:
            self._file.close()
        except OSError as error:
            if not self._failed:
                raise LimelightError(f"{self._name}: cannot be written ({error.strerror})") from error
        finally:
            if self.frames == 0:
                self._path.unlink(missing_ok=True)


class _WholeWrites(io.FileIO):
    """A file that writes all it is given, or raises: FFmpeg does not ask how much was written."""

    def write(self, data: bytes) -> int:  # type: ignore[override]
        rest = memoryview(data)
        while rest:
            rest = rest[super().write(rest) :]
        return len(data)

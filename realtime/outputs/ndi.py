"""`ndi://NAME`: video and sound over the network by NDI, through cyndilib. NDI is a trademark of Vizrt NDI AB."""

from __future__ import annotations

from fractions import Fraction
from time import perf_counter
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from facemodel import LimelightError
from realtime.frame import Result, StreamInfo
from realtime.outputs.picture_options import PictureOptions
from realtime.outputs.picture_stream import PictureStream, four_channels, library
from realtime.sinks.address import Address
from realtime.sound.feed_sound import FeedSound

_DEFAULT_NAME = "Limelight"
_LONGEST_DELAY = 10_000.0  # ms
_CHUNKS = 100  # of sound, a second


def open_ndi(address: Address) -> NdiOutput:
    """Return the sink of `ndi://[NAME]`; receivers see it as "MACHINE (NAME)".

    Raises:
        LimelightError: an option makes no sense; once it begins, cyndilib is not installed, or there is no such sound
            input.
    """
    options = PictureOptions.of(address)  # NDI's receivers take alpha for straight
    return NdiOutput(address.place or _DEFAULT_NAME, options, address.options.get("sound"), _delay(address))


class NdiOutput(PictureStream):
    """Sends pictures, and the sound of their moment with them; see `realtime.sinks.contract.Sink`.

    A picture is late by what tracking and drawing take. Sound goes out with the picture of the same moment, so that it
    is as late as that, however that changes.
    """

    def __init__(
        self, source: str, options: PictureOptions, sound: str | None = None, delay: float | None = None
    ) -> None:
        """
        Args:
            source: its name in the network.
            options: how pictures are drawn.
            sound: send the feed's sound, or a live one's without any that of a sound input, by part of its name; the
                default one if "". None for no sound.
            delay: seconds after which sound goes out, whatever the pictures do; None for their own.
        """
        super().__init__(f"NDI {source}", options, self._open)
        self._source, self._alpha = source, options.render.alpha is not None
        self._device, self._delay = sound, delay
        self._sound: FeedSound | None = None
        self._sound_note = ""
        self._ndi: _NdiSender | None = None
        self._ahead = 0.0  # s, of the sound that goes with one picture

    def begin(self, info: StreamInfo) -> None:
        """Open the sender, and the sound.

        Raises:
            LimelightError: either cannot be opened, or there is no OpenGL.
        """
        self._ahead = 1.0 / info.fps
        self._open_sound(info)
        super().begin(info)

    def submit(self, result: Result) -> None:
        """Draw and send one result, and the sound until the next one is due.

        Raises:
            LimelightError: NDI takes no more pictures.
        """
        super().submit(result)
        sound = self._sound
        if sound is None or self._ndi is None:
            return
        try:
            sound.follow(result)
        except LimelightError as error:
            self._sound_note = f"no sound: {error}"
            self._close_sound()
            return
        late = perf_counter() - result.captured if result.captured is not None else None
        if self._delay is None:
            until = result.time + self._ahead
        elif sound.offset is not None:
            until, late = perf_counter() + sound.offset - self._delay, self._delay
        else:
            return
        for block in sound.until(until):
            self._ndi.send_sound(block.samples)
        if late is not None:
            self._sound_note = f"sound {1000.0 * late:.0f} ms later"

    def status(self) -> str:
        """Return what is sent to, how many pictures were, and how late the sound is."""
        return ", ".join(filter(None, [super().status(), self._sound_note]))

    def close(self) -> None:
        """Close sender, drawing and sound; a second call does nothing."""
        self._ndi = None
        self._close_sound()
        super().close()

    def _open(self, size: tuple[int, int], fps: float) -> _NdiSender:
        cyndilib = library("cyndilib", "cyndilib", "ndi", self.name)
        form = None if self._sound is None else (self._sound.rate, self._sound.channels)
        self._ndi = _NdiSender(cyndilib, self._source, size, fps, self._alpha, form)
        return self._ndi

    def _open_sound(self, info: StreamInfo) -> None:
        self._sound_note = ""
        if self._device is None:
            return
        try:
            self._sound = FeedSound(info, self._device)
        except LimelightError as error:
            if info.live and info.sound is None:  # a microphone was meant
                raise LimelightError(f"{self.name}: {error}") from error
            self._sound_note = f"no sound: {error}"

    def _close_sound(self) -> None:
        sound, self._sound = self._sound, None
        if sound is not None:
            sound.close()


class _NdiSender:
    """Sends BGRX frames, or BGRA ones, and sound; see `realtime.outputs.picture_stream.Sender`."""

    def __init__(
        self,
        cyndilib: ModuleType,
        source: str,
        size: tuple[int, int],
        fps: float,
        alpha: bool,
        sound: tuple[int, int] | None,
    ) -> None:
        width, height = size
        self._source = source
        self._pixels = np.empty((height, width, 4), np.uint8)
        self._receivers = 0
        frame = cyndilib.VideoSendFrame()
        frame.set_resolution(width, height)
        frame.set_frame_rate(Fraction(fps).limit_denominator(1001))
        frame.set_fourcc(cyndilib.FourCC.BGRA if alpha else cyndilib.FourCC.BGRX)
        self._sender = cyndilib.Sender(source, clock_video=False, clock_audio=False)  # results come at their own pace
        self._sender.set_video_frame(frame)
        if sound is not None:
            rate, channels = sound
            # Chunks of one length, since cyndilib 0.1 does not tell NDI the stride of shorter ones.
            self._chunk = np.zeros((channels, rate // _CHUNKS), np.float32)
            self._filled = 0
            heard = cyndilib.AudioSendFrame(max_num_samples=self._chunk.shape[1])
            heard.sample_rate, heard.num_channels = rate, channels
            self._sender.set_audio_frame(heard)
        try:
            self._sender.open()
        except Exception as error:  # its own types, by version
            raise LimelightError(f"NDI {source}: cannot be opened ({error or type(error).__name__})") from error
        self.line: str = self._sender.name

    def send(self, picture: NDArray[np.uint8]) -> None:
        four_channels(picture, self._pixels)
        if not self._sender.write_video_async(self._pixels.reshape(-1)):
            raise LimelightError(f"NDI {self._source}: takes no pictures any more")
        self._receivers = self._sender.get_num_connections(0)

    def send_sound(self, samples: NDArray[np.int16]) -> None:
        """Send (N, C) samples, but for a rest of less than a chunk, which goes with the next ones."""
        length = self._chunk.shape[1]
        while len(samples):
            count = min(len(samples), length - self._filled)
            part = self._chunk[:, self._filled : self._filled + count]  # (C, count)
            np.multiply(samples[:count].T, np.float32(1.0 / 32768.0), out=part)
            samples, self._filled = samples[count:], self._filled + count
            if self._filled == length:
                self._sender.write_audio(self._chunk)
                self._filled = 0

    def connected(self) -> bool | None:
        return self._receivers > 0

    def close(self) -> None:
        self._sender.close()


def _delay(address: Address) -> float | None:
    """Seconds of `sound-delay=MS`; None where it is not said."""
    text = address.options.get("sound-delay", "")
    if not text:
        return None
    try:
        delay = float(text)
    except ValueError:
        delay = -1.0
    if not 0.0 <= delay <= _LONGEST_DELAY:
        raise LimelightError(
            f"sink {address.text}: sound-delay={text} must be milliseconds from 0 to {_LONGEST_DELAY:.0f}"
        )
    if "sound" not in address.options:
        raise LimelightError(f"sink {address.text}: sound-delay needs sound: ndi://Stage?sound&sound-delay={text}")
    return delay / 1000.0

"""Makes small video files whose every frame and time is known."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from realtime.frame import Frame
from realtime.loop.clock import SystemClock
from realtime.loop.slot import LatestSlot
from realtime.loop.source_reader import SourceReader
from tests.realtime.loop_parts import ListSource

TIME_BASE = Fraction(1, 90000)


def grey(level: int, size: tuple[int, int] = (64, 48)) -> np.ndarray:
    """A plain picture (H, W, 3) uint8."""
    return np.full((size[1], size[0], 3), level, np.uint8)


def write_video(
    path: Path,
    pictures: Sequence[np.ndarray],
    times: Sequence[float] | None = None,
    fps: int = 25,
    codec: str = "libx264",
    options: dict[str, str] | None = None,
    movflags: str = "faststart",
    tone_from: float | None = None,
    sound_codec: str = "aac",
    sound_seconds: float = 2.0,
    pix_fmt: str = "yuv420p",
) -> Path:
    """Write (H, W, 3) uint8 BGR pictures at `times`, s, and silence that turns to a tone at `tone_from` if given."""
    times = [i / fps for i in range(len(pictures))] if times is None else times
    container_options = {"movflags": movflags} if path.suffix in (".mp4", ".mov") else {}
    with av.open(str(path), "w", options=container_options) as container:
        stream = container.add_stream(codec, rate=fps, options=options or {})
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = pix_fmt
        stream.codec_context.time_base = TIME_BASE if codec == "libx264" else Fraction(1, fps)
        packets = []
        sound = None if tone_from is None else container.add_stream(sound_codec, rate=48000, layout="mono")
        if sound is not None:
            packets += _tone(sound, tone_from or 0.0, sound_seconds)
        for picture, time in zip(pictures, times, strict=True):
            frame = av.VideoFrame.from_ndarray(picture, format="bgr24").reformat(format=pix_fmt)
            frame.time_base = stream.codec_context.time_base
            frame.pts = round(time / frame.time_base)
            packets += stream.encode(frame)
        packets += stream.encode(None)
        for packet in sorted(packets, key=lambda p: p.dts * p.time_base):
            container.mux(packet)
    return path


def _tone(stream: av.AudioStream, begins: float, seconds: float) -> list[av.Packet]:
    time = np.arange(round(seconds * 48000)) / 48000.0
    wave = (0.5 * np.sin(2.0 * np.pi * 440.0 * time) * (time >= begins)).astype(np.float32)
    packets = []
    for start in range(0, len(wave), 1024):
        frame = av.AudioFrame.from_ndarray(wave[None, start : start + 1024], format="fltp", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = 48000, start, Fraction(1, 48000)
        packets += stream.encode(frame)
    return packets + stream.encode(None)


def read_video(path: Path) -> tuple[list[float], list[np.ndarray]]:
    """Times, s, and pictures, (H, W, 3) uint8 BGR, of what an independent reader finds, up to any damage."""
    times, pictures = [], []
    with av.open(str(path)) as container:
        try:
            for frame in container.decode(video=0):
                times.append(float(frame.time))
                pictures.append(frame.to_ndarray(format="bgr24"))
        except av.FFmpegError:
            pass  # the tail of a file that was cut off
    return times, pictures


def levels(pictures: Sequence[np.ndarray]) -> list[float]:
    return [float(picture.mean()) for picture in pictures]


def tone_begins(path: Path) -> float:
    """Seconds on the clock of the file's pictures at which its sound gets loud."""
    with av.open(str(path)) as container:
        for frame in container.decode(audio=0):
            wave = np.abs(frame.to_ndarray()).reshape(-1)
            wave = wave / 32768.0 if wave.dtype == np.int16 else wave
            if (wave > 0.1).any():
                return float(frame.time) + int(np.argmax(wave > 0.1)) / frame.sample_rate
    raise AssertionError("it is silent")


def set_rotation(path: Path, degrees: int) -> None:
    """Make an mp4 say that its pictures are to be turned clockwise by 90, 180 or 270 to be upright."""
    one = 1 << 16
    a, b, c, d = {90: (0, one, -one, 0), 180: (-one, 0, 0, -one), 270: (0, -one, one, 0)}[degrees]
    data = bytearray(path.read_bytes())
    matrix = data.index(b"tkhd") + 4 + 40
    data[matrix : matrix + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path.write_bytes(data)


def skip_beginning(path: Path, seconds: float) -> None:
    """Make the edit list of an mp4 of 90000 ticks a second leave out its beginning."""
    data = bytearray(path.read_bytes())
    entry = data.index(b"elst") + 4 + 8
    duration, begin = struct.unpack(">Ii", data[entry : entry + 8])
    timescale = struct.unpack(">I", data[(mvhd := data.index(b"mvhd") + 4) + 12 : mvhd + 16])[0]
    new = (duration - round(seconds * timescale), begin + round(seconds * 90000))
    data[entry : entry + 8] = struct.pack(">Ii", *new)
    path.write_bytes(data)


def set_back(first: int) -> list[Frame]:
    """Frames from `first` on of a file of 25 a second that goes from 1 s back to 0.4 s, as its reader places them."""
    clock = SystemClock()
    reader = SourceReader(ListSource(0, fps=25.0), LatestSlot(clock), clock)
    played = [*range(25), *range(10, 50)]
    return [reader._placed(Frame(i, i / 25.0, grey(90))) for i in played][first:]

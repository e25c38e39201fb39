"""The sound that belongs to a video's pictures, cut out of the file that they came from."""

from __future__ import annotations

from collections.abc import Generator, Iterator

import av
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import OutputContainer

from facemodel import LimelightError
from realtime.frame import Sound
from realtime.sources.file_kind import shown

IN_MOV = frozenset({"aac", "ac3", "alac", "eac3", "mp3", "mp3float"})
"""Names of the decoders of what stands in mov files that players know; anything else becomes AAC."""

IN_MP4 = IN_MOV | {"flac", "opus"}
"""The same of mp4 files."""

_AAC_RATES = frozenset({96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350})


def aac_rate(rate: int) -> int:
    """Return the sample rate of AAC for sound of a rate: that one, if there is such AAC."""
    return rate if rate in _AAC_RATES else 48000


class SoundTrack:
    """Gives a video's sound as packets of a stream in its container: copied where that can hold it, else as AAC.

    Times of the video count from its first frame. For one thread at a time.
    """

    def __init__(self, sound: Sound, output: OutputContainer, copied: frozenset[str]) -> None:
        """Open the file and add a stream to the container, whose header is not written yet.

        Args:
            sound: where it is.
            output: the container.
            copied: names of the decoders of what is copied into it.

        Raises:
            LimelightError: the file is gone, or holds no sound that can be read.
        """
        self._sound = sound
        name = shown(sound.path.name)
        try:
            self._input = av.open(f"file:{sound.path}", metadata_errors="replace")
        except (av.FFmpegError, ValueError) as error:
            raise LimelightError(f"{name} cannot be read") from error
        try:
            source = self._input.streams.best("audio")
            if not isinstance(source, AudioStream) or source.codec_context is None:
                raise LimelightError(f"{name} holds no sound that can be read")
            self._source = source
            self._copied = source.codec_context.name in copied and not _is_adts(source)
            if self._copied:
                self._stream = output.add_stream_from_template(source)
            else:
                layout = "mono" if source.channels == 1 else "stereo"
                self._stream = output.add_stream("aac", rate=aac_rate(source.rate), layout=layout)
        except (av.FFmpegError, ValueError) as error:
            self._input.close()
            raise LimelightError(f"the sound of {name} cannot be kept ({error})") from error
        except BaseException:
            self._input.close()
            raise
        self._packets: Generator[av.Packet] | None = None
        self._waiting: av.Packet | None = None

    def start(self, time: float) -> None:
        """Let the sound begin where the feed's clock says `time`, s; before the first `until`.

        Raises:
            av.FFmpegError: reading failed.
        """
        begin = self._sound.start + time
        if time > 0.0:
            self._input.seek(max(0, int(begin * 1_000_000)))
        self._packets = self._copy(begin) if self._copied else self._encode(begin)

    def until(self, time: float) -> Iterator[av.Packet]:
        """The packets that follow and begin before `time`, seconds in the video.

        Raises:
            av.FFmpegError, ValueError: reading failed; there is no more sound then.
        """
        assert self._packets is not None
        while True:
            packet = self._waiting or next(self._packets, None)
            self._waiting = None
            if packet is None:
                return
            assert packet.pts is not None and packet.time_base is not None
            if packet.pts * packet.time_base >= time:
                self._waiting = packet
                return
            packet.stream = self._stream
            yield packet

    def close(self) -> None:
        """Close the file; a second call does nothing."""
        if self._packets is not None:
            self._packets.close()
        self._input.close()

    def _copy(self, begin: float) -> Generator[av.Packet]:
        for packet in self._input.demux(self._source):
            if packet.pts is None or packet.time_base is None:
                continue
            packet.pts -= round(begin / packet.time_base)
            packet.dts = packet.pts
            if packet.pts >= 0:
                yield packet

    def _encode(self, begin: float) -> Generator[av.Packet]:
        encoder = self._stream.codec_context
        assert isinstance(encoder, av.AudioCodecContext)
        resampler = AudioResampler(encoder.format, encoder.layout, encoder.rate)
        for frame in self._decode():
            if frame.pts is None or frame.time_base is None:
                continue
            frame.pts -= round(begin / frame.time_base)
            if frame.pts >= 0:
                for resampled in resampler.resample(frame):
                    yield from self._timed(encoder.encode(resampled))
        for resampled in resampler.resample(None):
            yield from self._timed(encoder.encode(resampled))
        yield from self._timed(encoder.encode(None))

    def _decode(self) -> Iterator[AudioFrame]:
        for packet in self._input.demux(self._source):
            try:
                frames = packet.decode()
            except (av.FFmpegError, ValueError):
                continue  # a damaged packet is a gap, as in a player
            for frame in frames:
                assert isinstance(frame, AudioFrame)
                yield frame

    @staticmethod
    def _timed(packets: list[av.Packet]) -> Iterator[av.Packet]:
        """Those that do not lie before the video's first frame, as an encoder's run-in does."""
        return (p for p in packets if p.pts is not None and p.time_base is not None and p.pts >= 0)


def _is_adts(stream: AudioStream) -> bool:
    """Whether it is AAC as in transport streams, which carries in each packet what mp4 wants in its header."""
    return stream.codec_context.name == "aac" and not stream.codec_context.extradata

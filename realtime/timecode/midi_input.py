"""MIDI timecode on a MIDI input."""

from __future__ import annotations

import time
from typing import Any

from facemodel import LimelightError
from realtime.frame_rate import FrameRate
from realtime.timecode.mtc import MtcDecoder
from realtime.timecode.source import ChasedTimecode


def listen_to_mtc(port: str = "", rate: FrameRate | None = None) -> ChasedTimecode:
    """Return the timecode of a MIDI input.

    Args:
        port: part of its name; "" for the first one.
        rate: to count at; None for what the messages say.

    Raises:
        LimelightError: MIDI is not installed, or there is no such port.
    """
    try:
        import mido

        names: list[str] = mido.get_input_names()
    except ImportError as error:
        raise LimelightError(
            f"timecode mtc: MIDI is not installed here ({error}); pip install 'limelight[midi]'"
        ) from error
    except Exception as error:  # whatever the system's driver raises
        raise LimelightError(f"timecode mtc: MIDI does not work on this system ({error})") from error
    name = next((name for name in names if port.lower() in name.lower()), None)
    if name is None:
        have = f"there are {', '.join(names)}" if names else "there is none here"
        raise LimelightError(f"timecode mtc: no such MIDI input {port}; {have}".replace("  ", " "))
    timecode = ChasedTimecode(f"MTC on {name}", rate)
    reader = MtcReader(timecode)
    try:
        opened = mido.open_input(name, callback=reader.hear)
    except Exception as error:
        raise LimelightError(f"timecode mtc: MIDI input {name} cannot be opened ({error})") from error
    timecode.when_closed(opened.close)
    return timecode


class MtcReader:
    """Hands MIDI messages to a decoder, and what it finds to a `ChasedTimecode`."""

    def __init__(self, timecode: ChasedTimecode) -> None:
        self._timecode = timecode
        self._decoder = MtcDecoder()

    def hear(self, message: Any) -> None:
        """Take in a message of mido's as it comes; a callback."""
        found = self._decoder.read(message.bytes(), time.perf_counter())
        if found is not None:
            fields = (found.hours, found.minutes, found.seconds, found.frames)
            self._timecode.note(found.at, fields, FrameRate.parse(found.rate))

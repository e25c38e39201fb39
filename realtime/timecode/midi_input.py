"""MIDI timecode on a MIDI input."""

from __future__ import annotations

import time
from collections.abc import Callable
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
    what = "timecode mtc"
    name = find_midi_port(port, what)
    timecode = ChasedTimecode(f"MTC on {name}", rate)
    opened = open_midi_input(name, MtcReader(timecode).hear, what)
    timecode.when_closed(opened.close)
    return timecode


def find_midi_port(port: str, what: str, inputs: bool = True) -> str:
    """Return the whole name of a MIDI input or output.

    Args:
        port: part of its name; "" for the first one.
        what: wants it, for people.
        inputs: it is an input.

    Raises:
        LimelightError: MIDI is not installed, or there is no such port.
    """
    try:
        import mido

        names: list[str] = mido.get_input_names() if inputs else mido.get_output_names()
    except ImportError as error:
        raise LimelightError(f"{what}: MIDI is not installed here ({error}); pip install 'limelight[midi]'") from error
    except Exception as error:  # whatever the system's driver raises
        raise LimelightError(f"{what}: MIDI does not work on this system ({error})") from error
    name = next((name for name in names if port.lower() in name.lower()), None)
    if name is None:
        have = f"there are {', '.join(names)}" if names else "there is none here"
        kind = "input" if inputs else "output"
        raise LimelightError(f"{what}: no such MIDI {kind} {port}; {have}".replace("  ", " "))
    return name


def open_midi_input(name: str, hear: Callable[[Any], None], what: str) -> Any:
    """Return an open MIDI input, which is to be closed.

    Args:
        name: whole name of it.
        hear: is called with each of mido's messages, on a thread of the driver's.
        what: wants it, for people.

    Raises:
        LimelightError: it cannot be opened.
    """
    import mido

    try:
        return mido.open_input(name, callback=hear)
    except Exception as error:
        raise LimelightError(f"{what}: MIDI input {name} cannot be opened ({error})") from error


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

"""MIDI Show Control: GO and its relatives for lighting, as MMA RP-002 lays them out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from facemodel import LimelightError
from realtime.controls.osc_addresses import Asked
from realtime.controls.table import cue_number

ALL_CALL = 0x7F
"""The device number that everybody hears."""
_REAL_TIME, _SHOW_CONTROL = 0x7F, 0x02
_LIGHTING, _ALL_TYPES = 0x01, 0x7F
_GO, _STOP, _RESUME, _TIMED_GO, _LOAD, _ALL_OFF, _RESTORE, _RESET = 0x01, 0x02, 0x03, 0x04, 0x05, 0x08, 0x09, 0x0A
_FRAMES = (24, 25, 30, 30)
_LONGEST = 128
"""Bytes of a message, by the standard."""


@dataclass(frozen=True)
class ShowControl:
    """Reads messages for one device.

    Attributes:
        device: number of it, 0..111.
        cue_list: whose cues are ours; messages that name another one are not for us.
    """

    device: int = 0
    cue_list: str = "1"

    def read(self, data: Sequence[int]) -> Asked | None:
        """Return what a system exclusive message asks for; None where it is another's, or nothing that we know.

        Args:
            data: bytes between F0 and F7.
        """
        if not 5 <= len(data) <= _LONGEST or data[0] != _REAL_TIME or data[2] != _SHOW_CONTROL:
            return None
        if data[1] not in (self.device, ALL_CALL) or data[3] not in (_LIGHTING, _ALL_TYPES):
            return None
        command, rest = data[4], bytes(data[5:])
        if command in (_ALL_OFF, _RESTORE, _RESET):
            return {
                _ALL_OFF: Asked("blackout", (True,)),
                _RESTORE: Asked("blackout", (False,)),
                _RESET: Asked("cue/release"),
            }[command]
        seconds: float | None = None
        if command == _TIMED_GO:
            if len(rest) < 5:
                return None
            rate, hours = _FRAMES[rest[0] >> 5 & 3], rest[0] & 0x1F
            seconds = hours * 3600.0 + rest[1] * 60.0 + rest[2] + (rest[3] & 0x1F) / rate
            rest = rest[5:]
        number, cue_list = (rest.split(b"\0") + [b"", b""])[:2]
        if cue_list and cue_list.decode("ascii", "replace") != self.cue_list:
            return None
        if not number:
            plain = {_GO: "cue/go", _TIMED_GO: "cue/go", _STOP: "cue/pause", _RESUME: "cue/resume"}.get(command)
            return None if plain is None else Asked(plain)
        try:
            cue = cue_number(number.decode("ascii", "replace"))
        except LimelightError:
            return None
        if command in (_GO, _TIMED_GO):
            return Asked("cue/go_to", (cue,) if seconds is None else (cue, seconds))
        plain = {_STOP: "cue/pause", _RESUME: "cue/resume"}.get(command)  # of that cue, and we play one
        if plain is not None:
            return Asked(plain)
        return Asked("cue/standby", (cue,)) if command == _LOAD else None

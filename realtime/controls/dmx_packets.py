"""The packets in which DMX comes over networks: sACN (ANSI E1.31-2018) and Art-Net 4, read strictly.

The library `sacn` receives too, but listens on every network of this machine and counts sequences across sources.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

SLOTS = 512
_ACN = struct.pack(">HH", 0x0010, 0) + b"ASC-E1.17\0\0\0"
_ROOT_DATA, _FRAMING_DATA, _DMP_SET = 4, 2, 2
_PREVIEW, _ENDED = 0x80, 0x40
_ART_NET = b"Art-Net\0"
_OP_DMX = 0x5000


@dataclass(frozen=True)
class DmxPacket:
    """The slots of a universe, as one source says they are.

    Attributes:
        universe: 1..63999 of sACN, 0..32767 of Art-Net.
        source: tells sources apart; b"" where the sender's address alone does.
        priority: 0..200; 100 is usual, and what Art-Net is taken for.
        sequence: 0..255; None where it is not counted.
        ended: the source says that it stops.
        slots: up to 512 of them.
    """

    universe: int
    source: bytes
    priority: int
    sequence: int | None
    ended: bool
    slots: bytes


def read_sacn(data: bytes) -> DmxPacket | None:
    """Return what a packet of sACN says; None for one that is not to be played: a preview, or of another kind.

    Raises:
        ValueError: it is no sACN.
    """
    if len(data) < 38 or not data.startswith(_ACN):
        raise ValueError("no ACN packet")
    if struct.unpack_from(">I", data, 18)[0] != _ROOT_DATA:
        return None  # of universe discovery, or synchronisation
    if len(data) < 126:
        raise ValueError("too short")
    (framing,) = struct.unpack_from(">I", data, 40)
    priority, _, sequence, options, universe = struct.unpack_from(">BHBBH", data, 108)
    vector, kind, first, step, count = struct.unpack_from(">BBHHH", data, 117)
    if framing != _FRAMING_DATA or vector != _DMP_SET or kind != 0xA1 or (first, step) != (0, 1):
        raise ValueError("no data packet")
    if not 1 <= count <= SLOTS + 1 or len(data) < 125 + count or priority > 200:
        raise ValueError("a wrong length or priority")
    if options & _PREVIEW or data[125] != 0:  # other start codes are not levels
        return None
    return DmxPacket(universe, data[22:38], priority, sequence, bool(options & _ENDED), data[126 : 125 + count])


def read_art_net(data: bytes) -> DmxPacket | None:
    """Return what a packet of Art-Net says; None for one of another kind.

    Raises:
        ValueError: it is no Art-Net.
    """
    if len(data) < 12 or not data.startswith(_ART_NET):
        raise ValueError("no Art-Net packet")
    if struct.unpack_from("<H", data, 8)[0] != _OP_DMX:
        return None
    if len(data) < 18:
        raise ValueError("too short")
    version, sequence, _, low, net, count = struct.unpack_from(">HBBBBH", data, 10)
    if version < 14 or net > 127 or not 1 <= count <= SLOTS or len(data) < 18 + count:
        raise ValueError("a wrong version or length")
    return DmxPacket(net << 8 | low, b"", 100, sequence or None, False, data[18 : 18 + count])

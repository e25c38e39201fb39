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
_OP_POLL, _OP_POLL_REPLY, _OP_DMX = 0x2000, 0x2100, 0x5000
_NO_MAKER = 0x7FF0
"""ESTA's code for those who have none."""


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


def is_art_poll(data: bytes) -> bool:
    """Return whether a packet of Art-Net asks who is there."""
    return len(data) >= 14 and data.startswith(_ART_NET) and struct.unpack_from("<H", data, 8)[0] == _OP_POLL


def art_poll_reply(universe: int, address: bytes, port: int) -> bytes:
    """Return the answer to who is there: a node that takes one universe, by which desks send to it directly.

    Args:
        universe: 0..32767.
        address: of this machine, 4 bytes.
        port: that it listens to.
    """
    reply = bytearray(239)
    reply[:12] = _ART_NET + struct.pack("<H", _OP_POLL_REPLY) + address[:2]
    reply[12:14] = address[2:]
    struct.pack_into("<H", reply, 14, port)
    reply[18], reply[19] = universe >> 8, universe >> 4 & 15
    struct.pack_into(">H", reply, 20, 0x00FF)  # an unknown maker
    struct.pack_into("<H", reply, 24, _NO_MAKER)
    reply[26:35] = reply[44:53] = b"Limelight"
    reply[173] = 1  # port, which puts DMX out
    reply[174] = reply[182] = 0x80
    reply[190] = universe & 15
    reply[207:211] = address
    reply[211], reply[212] = 1, 0x08  # universes of 15 bits
    return bytes(reply)

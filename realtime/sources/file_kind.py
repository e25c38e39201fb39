"""What a file is, by its first bytes: names lie, and a decoder's error says little."""

from __future__ import annotations

import os
from enum import Enum
from pathlib import Path

from facemodel.errors import LimelightError

_HEAD = 1 << 16
_HEIF_BRANDS = (b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1")
_VIDEO_STARTS = (
    b"\x1aE\xdf\xa3",  # Matroska, WebM
    b"OggS",
    b"FLV\x01",
    b"\x30\x26\xb2\x75",  # ASF, WMV
    b"\x00\x00\x01\xba",  # MPEG program stream
    b"\x00\x00\x01\xb3",  # MPEG video
    b"\x00\x00\x00\x01",  # H.264, HEVC
    b"YUV4MPEG2",
)
_QUICKTIME_BOXES = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot")


class FileKind(Enum):
    """What a file holds."""

    EMPTY = "empty"
    TEXT = "text"
    HEIF = "HEIC"
    ANIMATION = "animation"
    """Several pictures in a picture format: GIF, animated PNG, WebP or AVIF."""
    VIDEO = "video"
    OTHER = "other"
    """A still picture, or anything else."""


def file_kind(path: str | Path) -> FileKind:
    """What a file is, as far as its first bytes tell.

    Raises:
        LimelightError: it cannot be read; the message starts with the path.
    """
    try:
        with Path(path).open("rb") as file:
            head = file.read(_HEAD)
    except OSError as error:
        raise LimelightError(f"{shown(path)}: cannot be read ({error.strerror})") from error
    return _kind_of(head)


def shown(path: str | Path) -> str:
    """A path as text that can be printed and stored, though its name may be no UTF-8."""
    return os.fsencode(path).decode("utf-8", "replace")


def _kind_of(head: bytes) -> FileKind:
    if not head:
        return FileKind.EMPTY
    if head[4:8] == b"ftyp":
        brands = _brands(head)
        if b"avis" in brands:
            return FileKind.ANIMATION
        if b"avif" in brands:
            return FileKind.OTHER
        return FileKind.HEIF if any(brand in brands for brand in _HEIF_BRANDS) else FileKind.VIDEO
    if _is_animation(head):
        return FileKind.ANIMATION
    if head.startswith(_VIDEO_STARTS) or head[4:8] in _QUICKTIME_BOXES or head[8:12] == b"AVI ":
        return FileKind.VIDEO
    if head[0] == 0x47 and head[188:189] == b"\x47":  # MPEG transport stream
        return FileKind.VIDEO
    return FileKind.TEXT if b"\0" not in head[:4096] else FileKind.OTHER


def _brands(head: bytes) -> list[bytes]:
    end = min(int.from_bytes(head[:4], "big"), len(head))
    return [head[8:12], *(head[i : i + 4] for i in range(16, end, 4))]


def _is_animation(head: bytes) -> bool:
    if head.startswith(b"GIF8"):
        return True
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return head[12:16] == b"VP8X" and bool(int.from_bytes(head[20:21], "big") & 2)
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        control, data = head.find(b"acTL"), head.find(b"IDAT")
        return control >= 0 and (data < 0 or control < data) and head[control + 4 : control + 8] != b"\0\0\0\1"
    return False

"""What can be asked of every output that shows pictures: `?view=relit&mirror=yes&size=1280x720`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from facemodel import LimelightError
from realtime.frame import StreamInfo
from realtime.outputs.overlay import Overlay
from realtime.render import RenderOptions, ViewMode
from realtime.sinks.address import Address

_T = TypeVar("_T")
_VIEWS = {mode.value.replace(" ", "-"): mode for mode in ViewMode}
_LEAST, _LARGEST = 16, 8192


@dataclass(frozen=True)
class PictureOptions:
    """How an output draws.

    Attributes:
        render: what is shown.
        size: (width, height) of the pictures, px, even; None for that of the feed's frames.
    """

    render: RenderOptions = RenderOptions()
    size: tuple[int, int] | None = None

    @classmethod
    def of(cls, address: Address) -> PictureOptions:
        """Read the options of an address; those that are none of pictures are left to others.

        Raises:
            LimelightError: an option's value makes no sense.
        """
        view = choice(address, "view", _VIEWS, ViewMode.OVERLAY)
        mirror = choice(address, "mirror", {"yes": True, "no": False}, False)
        return cls(RenderOptions(view, mirror), _size(address))

    def size_for(self, info: StreamInfo) -> tuple[int, int]:
        """Return (width, height) of the pictures of a feed, px."""
        return self.size or (info.width, info.height)

    def drawing(self, info: StreamInfo) -> Overlay:
        """Return what draws the results of a feed.

        Raises:
            LimelightError: this machine offers no OpenGL 3.3.
        """
        return Overlay(info, self.render, size=self.size)


def choice(address: Address, option: str, choices: Mapping[str, _T], default: _T) -> _T:
    """Return what an option of an address says.

    Args:
        address: that was asked for.
        option: its name.
        choices: what it may be, by what people write.
        default: where nothing, or nothing behind the equals sign, was said.

    Raises:
        LimelightError: it is none of the choices.
    """
    text = address.options.get(option, "")
    if not text:
        return default
    if text not in choices:
        *most, last = choices
        raise LimelightError(f"sink {address.text}: {option}={text} must be {', '.join(most)} or {last}")
    return choices[text]


def _size(address: Address) -> tuple[int, int] | None:
    text = address.options.get("size", "")
    if not text:
        return None
    match = re.fullmatch(r"(\d{1,5})x(\d{1,5})", text)
    size = (int(match[1]), int(match[2])) if match else (0, 0)
    if not all(_LEAST <= side <= _LARGEST and side % 2 == 0 for side in size):
        raise LimelightError(
            f"sink {address.text}: size={text} must be even numbers from {_LEAST} to {_LARGEST}, such as size=1280x720"
        )
    return size

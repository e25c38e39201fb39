"""What can be asked of every output that shows pictures: `?view=relit&mirror=yes&size=1280x720`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from facemodel import LimelightError
from realtime.frame import StreamInfo
from realtime.outputs.overlay import Overlay
from realtime.render import Alpha, RenderOptions, ViewMode
from realtime.sinks.address import Address

_T = TypeVar("_T")
VIEWS = {mode.value.replace(" ", "-"): mode for mode in ViewMode}
"""View modes by their names in addresses and commands."""

_LEAST, _LARGEST = 16, 8192
_D = TypeVar("_D")


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
    def of(cls, address: Address, premultiplied: bool = False) -> PictureOptions:
        """Read the options of an address; those that are none of pictures are left to others.

        Args:
            address: that was asked for.
            premultiplied: how the output wants its alpha, where it carries any.

        Raises:
            LimelightError: an option's value makes no sense.
        """
        view = choice(address, "view", VIEWS, ViewMode.OVERLAY)
        mirror = choice(address, "mirror", {"yes": True, "no": False}, False)
        alpha = choice(address, "alpha", {each.value: each for each in Alpha}, None)
        options = cls(RenderOptions(view, mirror, alpha=alpha, premultiplied=premultiplied), _size(address))
        if reason := options.why_not(view):
            raise LimelightError(f"sink {address.text}: {reason}")
        return options

    def why_not(self, view: ViewMode) -> str:
        """Return in one line why the alpha that was asked for cannot be had with a view; "" if it can."""
        alpha = self.render.alpha
        if alpha is not None and view is ViewMode.SIDE_BY_SIDE:
            return f"alpha={alpha.value} needs a view of one picture, not of two"
        if alpha is Alpha.PERSON and not view.shows_camera:
            return (
                "alpha=person cuts the person out of the camera's picture; "
                "choose view=camera, overlay, wireframe or relit, or alpha=face"
            )
        return ""

    def size_for(self, info: StreamInfo) -> tuple[int, int]:
        """Return (width, height) of the pictures of a feed, px."""
        return self.size or (info.width, info.height)

    def drawing(self, info: StreamInfo) -> Overlay:
        """Return what draws the results of a feed.

        Raises:
            LimelightError: this machine offers no OpenGL 3.3.
        """
        return Overlay(info, self.render, size=self.size)


def choice(address: Address, option: str, choices: Mapping[str, _T], default: _D) -> _T | _D:
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

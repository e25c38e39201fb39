"""What the view shows; changes nothing of what is tracked, recorded or streamed."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from realtime.render import ViewMode


class Compared(Enum):
    """Which version of a face is drawn: A as it is streamed; B of the other take, or else as the network said."""

    A = "A"
    B = "B"
    WIPE = "wipe"  # A left of a line, B right of it


@dataclass(frozen=True)
class ViewOptions:
    """Attributes:
    mode: what is drawn.
    mirror: the picture is mirrored, as in a mirror.
    diffuse, specular: light terms of the faces that are drawn.
    opacity: of the face over the camera's picture, 0..1.
    whole_head: ears, scalp and neck are drawn over the camera's picture too.
    frozen: the picture stands still; tracking and recording go on.
    compared: A, B, or both with a line between them.
    wipe: where that line is, 0 at the left edge of the view, 1 at the right.
    alone: the feed has no pictures that faces could be laid over: whole heads stand on a plain ground.
    """

    mode: ViewMode = ViewMode.OVERLAY
    mirror: bool = True
    diffuse: bool = True
    specular: bool = True
    opacity: float = 1.0
    whole_head: bool = False
    frozen: bool = False
    compared: Compared = Compared.A
    wipe: float = 0.5
    alone: bool = False

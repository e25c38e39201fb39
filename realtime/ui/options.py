"""What the view shows; changes nothing of what is tracked, recorded or streamed."""

from __future__ import annotations

from dataclasses import dataclass

from realtime.render import ViewMode


@dataclass(frozen=True)
class ViewOptions:
    """Attributes:
    mode: what is drawn.
    mirror: the picture is mirrored, as in a mirror.
    opacity: of the face over the camera's picture, 0..1.
    whole_head: ears, scalp and neck are drawn over the camera's picture too.
    frozen: the picture stands still; tracking and recording go on.
    alone: the feed has no pictures that faces could be laid over: whole heads stand on a plain ground.
    """

    mode: ViewMode = ViewMode.OVERLAY
    mirror: bool = True
    opacity: float = 1.0
    whole_head: bool = False
    frozen: bool = False
    alone: bool = False

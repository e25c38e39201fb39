"""A remote for a phone: GO, back, pause, panic, blackout, grand master, the list of cues, and what outputs show."""

from __future__ import annotations

import json
from importlib.resources import files

from realtime.controls.inbox import Inbox
from realtime.light.show import Show
from realtime.threads import Ticker
from realtime.web.broadcast import Broadcast, Message, Page
from realtime.web.view import network_address

PORT = 8781
PERIOD = 0.1
"""s at least between two messages to the page."""

ALLOWED = frozenset(
    {
        "cue/go",
        "cue/back",
        "cue/pause",
        "cue/resume",
        "cue/go_to",
        "cue/panic",
        "cue/release",
        "master",
        "blackout",
        "display/state",
        "view/mode",
    }
)
"""What the page may call: a phone that is lost in the audience does not get further."""


class Remote:
    """Serves the page, tells it where the show is, and puts what is pressed into an inbox."""

    def __init__(self, inbox: Inbox, show: Show, host: str = "127.0.0.1", port: int = PORT) -> None:
        """
        Args:
            inbox: for what is pressed.
            show: that it shows.
            host: where to listen: this machine alone, or 0.0.0.0 or :: for the whole network.
            port: 0 takes a free one.
        """
        self.ignored = 0
        view = inbox.table.find("view/mode")
        self._views = [] if view is None else list(view.arguments[0].choices)
        self._inbox, self._show = inbox, show
        self.broadcast = Broadcast(host, port, self._page, self._hear)
        self._told = ""
        self._ticker = Ticker(self._tell, PERIOD, "limelight-remote")

    def start(self) -> None:
        """Begin to listen.

        Raises:
            LimelightError: the address is taken, or is not this machine's.
        """
        self.broadcast.open()
        self._told = ""
        self._tell()
        self._ticker.start()

    def stop(self) -> None:
        """Stop listening; a second call does nothing."""
        self._ticker.stop()
        self.broadcast.close()

    def addresses(self) -> tuple[str, ...]:
        """Return the page's address on this machine, and the one for a phone if one may come."""
        other = network_address(self.broadcast.host)
        return (self.broadcast.url, self.broadcast.url_at(other)) if other else (self.broadcast.url,)

    def state(self) -> str:
        """Return what the page is told, as JSON."""
        status = self._show.status()
        progress = status.progress
        return json.dumps(
            {
                "name": status.name,
                "cues": [[str(cue.number), cue.name] for cue in self._show.document.cues],
                "active": str(progress.active or ""),
                "next": str(progress.next or ""),
                "fraction": round(progress.fraction, 2),
                "paused": progress.paused,
                "master": round(status.master, 3),
                "blackout": status.blackout,
                "display": self._display(),
                "views": self._views,
            }
        )

    def _display(self) -> str:
        """What the audience's displays show; "" without any."""
        table = self._inbox.table
        count, state = table.find("display/count"), table.find("display/state")
        if count is None or count.read is None or state is None or state.read is None or not count.read()[0]:
            return ""
        return str(state.read()[0])

    def _tell(self) -> None:
        if (state := self.state()) != self._told:
            self._told = state
            self.broadcast.send(state)

    def _hear(self, message: Message) -> None:
        """Take in what a page says: a JSON list of a path and its arguments."""
        try:
            path, *args = json.loads(message)
            if path not in ALLOWED:
                raise ValueError
        except (ValueError, TypeError, RecursionError):
            self.ignored += 1
            return
        self._inbox.put(path, *args, who="remote")

    def _page(self, path: str) -> Page | None:
        return Page(files("realtime").joinpath("web", "pages", "remote.html").read_bytes()) if path == "/" else None

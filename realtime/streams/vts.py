"""VTube Studio, as one of its plugins: its default tracking parameters, and ours with ARKit's 52 and the light."""

from __future__ import annotations

import socket
import threading
from collections.abc import Mapping
from contextlib import suppress
from functools import partial

from websockets.exceptions import WebSocketException
from websockets.sync.client import ClientConnection, connect

from realtime.frame import StreamInfo
from realtime.streams import vts_session
from realtime.streams.conventions import SkinTone
from realtime.streams.face_stream import FaceStream, Sight, StreamOptions
from realtime.streams.vts_parameters import OWN_PARAMETERS, default_values, own_values
from realtime.streams.vts_session import RefusalError, TokenFile, VtsSession

PORT = 8001

_KEEP = 0.5
"""s after which the last values are sent again: VTube Studio forgets them after 1."""
_PAUSES = (1.0, 30.0)
"""s before the first and at most before any further attempt to connect."""
_END = 2.0
"""s that the end waits for the connection."""

_HELP = {
    vts_session.DENIED: "denied in VTube Studio; start the stream again to be asked again",
    vts_session.ASKING: "VTube Studio still asks about a plugin: answer it",
    vts_session.SWITCHED_OFF: "switch on 'Allow Plugin API access' in VTube Studio's settings",
}


class VtsStream(FaceStream):
    """A client on a thread of its own: it sends the newest there is, and connects again when the connection ends.

    Options:
        parameters: "defaults" (VTube Studio's own), "own" (those that we create) or "all"; all by default.

    Attributes:
        dropped: moments that VTube Studio had no time for.
    """

    def __init__(
        self, name: str, options: StreamOptions, tokens: TokenFile | None = None, pauses: tuple[float, float] = _PAUSES
    ) -> None:
        """
        Args:
            name: of the sink, for people.
            options: see `StreamOptions` and above.
            tokens: where the user's permission is kept; their own file if None.
            pauses: s between attempts to connect, at first and at most.

        Raises:
            LimelightError: an option has no such value.
        """
        super().__init__(name, options)
        self._what = options.choice("parameters", ("all", "defaults", "own"), "all")
        self._tokens, self._pauses = tokens or TokenFile(), pauses
        self._changed = threading.Condition()
        self._newest: tuple[Mapping[str, float], bool] | None = None
        self._fresh = False
        self._skin: SkinTone | None = None
        self._stopped = threading.Event()
        self._connection: ClientConnection | None = None
        self._thread: threading.Thread | None = None
        self._line, self._missing = "", ""
        self._there = False
        self.dropped = 0

    def start(self, info: StreamInfo) -> None:
        """Begin to connect; VTube Studio may come later."""
        self._skin = SkinTone(info.model)
        self._newest, self._line, self._missing = None, "connects", ""
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(self._stopped,), name="limelight-vts", daemon=True)
        self._thread.start()

    def send(self, sight: Sight) -> None:
        """Make one moment the newest, which the thread sends."""
        face, channels, values = sight.face, sight.channels, None
        if face is not None:
            assert self._skin is not None
            values = default_values(channels) | own_values(channels, self._skin.of(face.person.albedo))
        with self._changed:
            if values is not None:
                self.dropped += self._there and self._fresh
                self._newest = (values, True)
            elif self._newest is not None:
                self._newest = (self._newest[0], False)
            self._fresh = True
            self._changed.notify()

    def status(self) -> str:
        """Return where it sends, and how it goes with VTube Studio."""
        parts = [self.options.place, self._line, self._missing, f"{self.sent} sent"]
        return ", ".join(part for part in parts if part)

    def connected(self) -> bool:
        """Return whether VTube Studio takes values."""
        return self._there

    def stop(self) -> None:
        """End the connection; a second call does nothing."""
        self._stopped.set()
        with self._changed:
            self._changed.notify()
        thread, self._thread = self._thread, None
        if thread is None:
            return
        thread.join(_END)
        if thread.is_alive() and (connection := self._connection) is not None:  # stuck in a message
            with suppress(OSError):
                connection.socket.shutdown(socket.SHUT_RDWR)

    def _run(self, stopped: threading.Event) -> None:
        """Connect again and again, until the end or a refusal that a person must undo."""
        pause, most = self._pauses
        while not stopped.is_set():
            was_there = False
            try:
                with connect(
                    f"ws://{self.options.place}",
                    proxy=None,
                    open_timeout=3.0,
                    close_timeout=1.0,
                    compression=None,
                ) as connection:
                    self._connection = connection
                    self._talk(VtsSession(connection, stopped.is_set), stopped)
            except RefusalError as refusal:
                self._line = _HELP.get(refusal.number) or f"VTube Studio: {refusal.text}"
                if refusal.number == vts_session.DENIED:
                    self._tokens.save(self.options.place, "")
                    return
            except (OSError, TimeoutError, WebSocketException):
                self._line = "VTube Studio is not there, or its API is off"
            finally:
                was_there, self._there = self._there, False
                self._connection = None
            pause = self._pauses[0] if was_there else pause
            stopped.wait(pause)
            pause = min(2.0 * pause, most)

    def _talk(self, session: VtsSession, stopped: threading.Event) -> None:
        """Get permission, create our parameters, and send values until the end.

        Raises:
            RefusalError, OSError, TimeoutError, WebSocketException: it is over.
        """
        session.authenticate(self.options.place, self._tokens, partial(setattr, self, "_line"))
        own: set[str] = set()
        if self._what != "defaults":
            self._line = "creates parameters"
            own, problem = session.create(OWN_PARAMETERS)
            lacking = len(OWN_PARAMETERS) - len(own)
            self._missing = f"{lacking} of its own parameters are missing: {problem}" if lacking else ""
        defaults = self._what != "own"
        self._line, self._there = "connected", True
        while not stopped.is_set():
            with self._changed:
                self._changed.wait_for(lambda: self._fresh or stopped.is_set(), _KEEP)
                newest, self._fresh = self._newest, False
            if newest is None:
                continue
            values, found = newest
            chosen = {
                name: value
                for name, value in values.items()
                if (name in own if name.startswith("Limelight") else defaults)
            }
            try:
                if chosen and session.inject(chosen, found):
                    self.sent += 1
                elif chosen:  # too much waits for an answer: they stay the newest
                    with self._changed:
                        self._fresh = True
            except RefusalError as refusal:
                if refusal.number != vts_session.TAKEN or not own:
                    raise
                defaults, self._missing = False, f"without the default parameters: {refusal.text}"

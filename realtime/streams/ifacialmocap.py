"""What the app iFacialMocap sends, to a receiver that asks for it or, on this machine, unasked."""

from __future__ import annotations

import socket
import threading

import numpy as np

from facemodel import ARKIT_NAMES, LimelightError
from facemodel.channels import Channels
from realtime.streams.asked import AskedStream, Place
from realtime.streams.conventions import eyes_yaw_pitch, head_yaw_pitch_roll
from realtime.streams.face_stream import Sight, StreamOptions
from realtime.streams.udp import DatagramStream

PORT, TCP_PORT = 49983, 49986
"""Where receivers are sent to; the app itself is asked at the first."""

ASK_UDP = b"iFacialMocap_sahuasouryya9218sauhuiayeta91555dy3719"
ASK_TCP = b"iFacialMocap_UDPTCP_sahuasouryya9218sauhuiayeta91555dy3719"
STOP_TCP = b"iFacialMocap_UDPTCPSTOP_sahuasouryya9218sauhuiayeta91555dy3719"
VERSION_2 = b"|sendDataVersion=v2"
FRAME_END = b"___iFacialMocap"

_MOST = 8
"""Receivers at a time; one more takes the place of the first."""
_PATIENCE = 2.0
"""s that a TCP receiver may take to accept, or to take a frame."""


def _app_name(name: str) -> str:
    """`eyeBlink_L` of eyeBlinkLeft; jawLeft and mouthRight are no pair's sides, and stay."""
    for side, short in (("Left", "_L"), ("Right", "_R")):
        if name.endswith(side) and name not in ("jawLeft", "jawRight", "mouthLeft", "mouthRight"):
            return name.removesuffix(side) + short
    return name


_NAMES = tuple(map(_app_name, ARKIT_NAMES))


def frame_text(channels: Channels, tracked: bool, version: int) -> bytes:
    """Return one frame.

    Weights are whole numbers 0..100. Head and eyes are degrees about x (> 0 down), y (> 0 to the subject's left) and
    z (> 0 the top of the head to the subject's right), and the head's place in metres, x > 0 image right, y > 0 up,
    z > 0 toward the camera.

    Args:
        channels: (C,) of the face.
        tracked: whether the face was seen in this very frame.
        version: 1 writes NAME-VALUE, 2 NAME&VALUE.
    """
    between = "&" if version == 2 else "-"
    percents = np.rint(100.0 * channels.weights).astype(int).tolist()
    yaw, pitch, roll = head_yaw_pitch_roll(channels)
    left_yaw, left_pitch, right_yaw, right_pitch = eyes_yaw_pitch(channels)
    head = (-pitch, yaw, -roll, *(0.001 * channels.head_position).tolist())
    parts = [f"trackingStatus{between}{int(tracked)}"]
    parts += [f"{name}{between}{percent}" for name, percent in zip(_NAMES, percents, strict=True)]
    parts += [
        f"=head#{_numbers(*head)}",
        f"rightEye#{_numbers(-right_pitch, right_yaw, 0.0)}",
        f"leftEye#{_numbers(-left_pitch, left_yaw, 0.0)}",
        "",
    ]
    return "|".join(parts).encode()


def _numbers(*values: float) -> str:
    return ",".join(f"{value + 0.0:.4f}" for value in values)


class PushedStream(DatagramStream):
    """Sends every frame to one address, where a receiver waits for it.

    Options:
        version: 1 by default, or 2, of what is sent.
    """

    def __init__(self, name: str, options: StreamOptions) -> None:
        super().__init__(name, options)
        self._version = int(options.choice("version", ("1", "2"), "1"))

    def send(self, sight: Sight) -> None:
        """Send one frame, once there was a face."""
        if sight.face is not None:
            self.emit(frame_text(sight.channels, sight.tracked, self._version))


class AnsweringStream(AskedStream):
    """Listens as the app does, and sends to whoever asks, by UDP or TCP, in the version that was asked for.

    Frames go to the asking machine's UDP port 49983 or TCP port 49986, as the app does it. On this machine the former
    is ours, so there they go back to the port that the question came from.

    Options:
        allow: see `realtime.streams.asked.Guests`.
        udp, tcp: other ports than those.
    """

    def __init__(self, name: str, options: StreamOptions) -> None:
        super().__init__(name, options)
        self._udp, self._tcp = _port(options, "udp", PORT), _port(options, "tcp", TCP_PORT)
        self._receivers: dict[Place, int | _TcpReceiver] = {}  # of UDP the version
        self._lock = threading.Lock()

    def heard(self, data: bytes, place: Place) -> None:
        """Take one of the app's requests; anything else is passed over."""
        question = data.strip(b"\0\r\n ")
        version = 2 if question.endswith(VERSION_2) else 1
        question = question.removesuffix(VERSION_2)
        at_home = place[0] in ("127.0.0.1", "::1")
        with self._lock:
            if question == ASK_UDP:
                self._add((place[0], place[1] if at_home and "udp" not in self.options.others else self._udp), version)
            elif question == ASK_TCP:
                target = (place[0], self._tcp)
                known = self._receivers.get(target)
                if not isinstance(known, _TcpReceiver) or known.ended or known.version != version:
                    self._add(target, _TcpReceiver(target, version))
            elif question == STOP_TCP:
                self._remove((place[0], self._tcp))

    def guests_now(self) -> int:
        """Return how many receivers are sent to."""
        with self._lock:
            return sum(isinstance(receiver, int) or not receiver.ended for receiver in self._receivers.values())

    def send(self, sight: Sight) -> None:
        """Send one frame to every receiver, once there was a face."""
        with self._lock:
            receivers = tuple(self._receivers.items())
        if not receivers or sight.face is None:
            return
        texts: dict[int, bytes] = {}
        for place, receiver in receivers:
            version = receiver if isinstance(receiver, int) else receiver.version
            if version not in texts:
                texts[version] = frame_text(sight.channels, sight.tracked, version)
            if isinstance(receiver, int):
                self.sent += self.receiver.send(texts[version], place)
            else:
                self.sent += receiver.put(texts[version] + FRAME_END)

    def stop(self) -> None:
        """Stop listening, and let every receiver go; a second call does nothing."""
        super().stop()
        with self._lock:
            for place in tuple(self._receivers):
                self._remove(place)

    def _add(self, place: Place, receiver: int | _TcpReceiver) -> None:
        self._remove(place)
        if len(self._receivers) >= _MOST:
            self._remove(next(iter(self._receivers)))
        self._receivers[place] = receiver

    def _remove(self, place: Place) -> None:
        receiver = self._receivers.pop(place, None)
        if isinstance(receiver, _TcpReceiver):
            receiver.end()


class _TcpReceiver:
    """A connection to one receiver, on a thread of its own, and the frame that it has not been sent yet.

    Attributes:
        version: of what it is sent.
        ended: the receiver is gone, or was never there.
    """

    def __init__(self, place: Place, version: int) -> None:
        self.version = version
        self.ended = False
        self._changed = threading.Condition()
        self._waiting: bytes | None = None
        threading.Thread(target=self._run, args=(place,), name="limelight-ifacialmocap", daemon=True).start()

    def put(self, frame: bytes) -> bool:
        """Make a frame the next one; return whether it is going to a receiver that is there."""
        with self._changed:
            self._waiting = frame
            self._changed.notify()
            return not self.ended

    def end(self) -> None:
        """Close the connection."""
        with self._changed:
            self.ended = True
            self._changed.notify()

    def _run(self, place: Place) -> None:
        try:
            with socket.create_connection(place, _PATIENCE) as connection:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, True)
                while (frame := self._next()) is not None:
                    connection.sendall(frame)
        except OSError:
            pass
        self.end()

    def _next(self) -> bytes | None:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting is not None or self.ended)
            frame, self._waiting = self._waiting, None
            return None if self.ended else frame


def _port(options: StreamOptions, name: str, default: int) -> int:
    text = options.others.get(name) or str(default)
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:6]) <= 65535):
        raise LimelightError(f"sink {options.text}: {name}={text} must be a port from 1 to 65535")
    return int(text)


def ifacialmocap_stream(name: str, options: StreamOptions) -> AnsweringStream | PushedStream:
    """Return a stream that answers where it listens for other machines, or is told to by answer=yes, and one that sends
    unasked otherwise.

    Raises:
        LimelightError: an option's value makes no sense.
    """
    answers = options.choice("answer", ("yes", "no"), "yes" if options.host in ("0.0.0.0", "::") else "no") == "yes"
    return (AnsweringStream if answers else PushedStream)(name, options)

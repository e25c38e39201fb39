"""Network streams as sources, from servers and senders on this machine alone."""

from __future__ import annotations

import contextlib
import functools
import http.server
import re
import socket
import struct
import threading
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO

import av
import numpy as np
import pytest

from facemodel import LimelightError
from realtime.frame import Frame
from realtime.outputs.h264 import H264Encoder
from realtime.sources import NetworkSettings, Source, SourceSettings, open_source, resolve_camera
from realtime.sources.network import NetworkFile, NetworkStream
from tests.realtime.streams.faces import free_port
from tests.realtime.video_factory import grey, levels, write_video
from tests.waiting import wait_for

PATIENT = SourceSettings(network=NetworkSettings(open_timeout=30.0, stall_timeout=30.0))
HASTY = SourceSettings(network=NetworkSettings(open_timeout=0.5, stall_timeout=0.5))
SOON_STALLED = SourceSettings(network=NetworkSettings(open_timeout=30.0, stall_timeout=0.5))


class Handler(http.server.SimpleHTTPRequestHandler):
    """Serves a folder, parts of its files too, and `/live.ts` without an end or a size."""

    live: bytes = b""
    stopped: threading.Event
    break_after: int | None = None
    parts: bool = True

    def log_message(self, *arguments: object) -> None:
        pass

    def do_GET(self) -> None:
        with contextlib.suppress(ConnectionError):
            if self.path.startswith("/live.ts"):
                self.stream()
            elif self.path.startswith("/secret"):
                self.send_error(401)
            elif self.parts:
                self.send_part()
            else:
                super().do_GET()

    def send_part(self) -> None:
        path = Path(self.translate_path(self.path))
        if not path.is_file():
            self.send_error(404)
            return
        data = path.read_bytes()
        wanted = re.match(r"bytes=(\d+)-", self.headers.get("Range", "bytes=0-"))
        start = int(wanted[1]) if wanted else 0
        self.send_response(206 if "Range" in self.headers else 200)
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        self.send_header("Content-Length", str(len(data) - start))
        self.end_headers()
        self.wfile.write(data[start : self.break_after])

    def stream(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.live)
        self.wfile.flush()
        self.stopped.wait(60.0)


@contextlib.contextmanager
def serve(
    folder: Path, live: bytes = b"", break_after: int | None = None, parts: bool = True
) -> Iterator[tuple[str, threading.Event]]:
    """The address of a server, and what ends its live stream."""
    stopped = threading.Event()
    told = {"live": live, "stopped": stopped, "break_after": break_after, "parts": parts}
    handler = type("Served", (Handler,), told)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(handler, directory=str(folder)))
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", stopped
    finally:
        stopped.set()
        server.shutdown()
        server.server_close()


class Sender:
    """Sends a clip of rising grey over UDP, in real time and again and again, until it is stopped."""

    def __init__(self, port: int, fps: int = 50) -> None:
        self.sent = 0
        self._url, self._fps = f"udp://127.0.0.1:{port}?pkt_size=1316", fps
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._send, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(10.0)

    def _send(self) -> None:
        with av.open(self._url, "w", format="mpegts", options={"flush_packets": "1"}) as container:
            stream = container.add_stream("mpeg2video", rate=self._fps, options={"g": "5"})
            stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
            while not self._stop.wait(1.0 / self._fps):
                picture = grey(50 + self.sent % 100)
                frame = av.VideoFrame.from_ndarray(picture, format="bgr24").reformat(format="yuv420p")
                frame.pts, frame.time_base = self.sent, Fraction(1, self._fps)
                container.mux(stream.encode(frame))
                self.sent += 1


class RtspServer:
    """Serves rising grey to one client at a time over RTSP, its pictures inside the connection."""

    SDP = (
        "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=test\r\nt=0 0\r\nm=video 0 RTP/AVP 96\r\n"
        "a=rtpmap:96 H264/90000\r\na=fmtp:96 packetization-mode=1\r\na=control:track1\r\n"
    )

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"rtsp://127.0.0.1:{self._listener.getsockname()[1]}/camera"
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._listener.close()
        self._thread.join(10.0)

    def _serve(self) -> None:
        with contextlib.suppress(OSError):  # the end of the listener, or of a client
            client, _ = self._listener.accept()
            with client, client.makefile("rb") as lines:
                while (request := lines.readline().decode().split()) and self._answer(client, lines, request[0]):
                    pass

    def _answer(self, client: socket.socket, lines: BinaryIO, method: str) -> bool:
        headers = dict(line.decode().strip().split(": ", 1) for line in iter(lines.readline, b"\r\n"))
        told = {
            "OPTIONS": "Public: DESCRIBE, SETUP, PLAY, TEARDOWN\r\n\r\n",
            "DESCRIBE": f"Content-Type: application/sdp\r\nContent-Length: {len(self.SDP)}\r\n\r\n{self.SDP}",
            "SETUP": "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\nSession: 1\r\n\r\n",
        }.get(method, "Session: 1\r\n\r\n")
        client.sendall(f"RTSP/1.0 200 OK\r\nCSeq: {headers['CSeq']}\r\n{told}".encode())
        if method == "PLAY":
            self._play(client)
        return method not in ("PLAY", "TEARDOWN")

    def _play(self, client: socket.socket) -> None:
        encoder = H264Encoder(64, 48, 50.0)
        sequence = 0
        for index in range(10_000):
            if self._stop.wait(1.0 / 50.0):
                return
            (packet,) = encoder.encode(grey(50 + index % 100), index / 50.0)
            units = [unit for unit in re.split(b"\0\0\0?\1", bytes(packet)) if unit]
            for unit in units:
                last = unit is units[-1]
                head = struct.pack(">BBHII", 0x80, 96 | 0x80 * last, sequence & 0xFFFF, packet.pts, 7)
                client.sendall(struct.pack(">cBH", b"$", 0, len(head) + len(unit)) + head + unit)
                sequence += 1


def one_line(error: pytest.ExceptionInfo[LimelightError]) -> str:
    assert "\n" not in str(error.value)
    return str(error.value)


def read_to_the_end(source: Source, frames: list[Frame]) -> list[Frame]:
    """Add the frames to a list, which has them even if reading fails."""
    while (frame := source.read()) is not None:
        frames.append(frame)
    return frames


def ramp(count: int) -> list[np.ndarray]:
    return [grey(20 + 200 * i // count) for i in range(count)]


# --- files over HTTP -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["clip.mp4", "clip.mkv", "clip.gif", "clip.ts"])
def test_a_video_over_http_is_a_file_whose_end_is_the_end(tmp_path, name):
    codec, pix_fmt = ("gif", "rgb8") if name.endswith("gif") else ("mpeg4", "yuv420p")
    write_video(tmp_path / name, ramp(30), codec=codec, pix_fmt=pix_fmt)
    with serve(tmp_path) as (address, _):
        source = open_source(f"{address}/{name}", PATIENT)
        assert isinstance(source, NetworkFile)
        assert not source.live
        assert (source.width, source.height) == (64, 48)
        frames = read_to_the_end(source, [])
        source.close()
        source.close()
        assert source.read() is None
    assert [f.index for f in frames] == list(range(30))
    np.testing.assert_allclose([f.timestamp for f in frames], np.arange(30) / 25.0, atol=0.002)
    assert float(np.abs(np.subtract(levels([f.image for f in frames]), levels(ramp(30)))).max()) < 20.0


@pytest.mark.parametrize("movflags", ["faststart", "use_metadata_tags", "frag_keyframe+empty_moov"])
def test_a_server_that_sends_no_parts_of_files_will_do(tmp_path, movflags):
    """Wherever the file has its index."""
    rng = np.random.default_rng(0)
    pictures = [rng.integers(0, 256, (240, 320, 3)).astype(np.uint8) for _ in range(40)]
    write_video(tmp_path / "clip.mp4", pictures, movflags=movflags)
    with serve(tmp_path, parts=False) as (address, _):
        source = open_source(f"{address}/clip.mp4", PATIENT)
        assert not source.live
        frames = read_to_the_end(source, [])
        source.close()
    np.testing.assert_allclose([f.timestamp for f in frames], np.arange(40) / 25.0, atol=0.001)


def test_sound_that_is_not_kept_is_said(tmp_path, caplog):
    write_video(tmp_path / "clip.mp4", ramp(10), tone_from=0.2)
    with serve(tmp_path) as (address, _):
        source = open_source(f"{address}/clip.mp4", PATIENT)
        assert source.sound is None
        source.close()
    assert "its sound is not kept" in caplog.text


def test_a_connection_that_breaks_is_one_line_and_no_end(tmp_path):
    rng = np.random.default_rng(0)
    pictures = [rng.integers(0, 256, (240, 320, 3)).astype(np.uint8) for _ in range(60)]
    path = write_video(tmp_path / "clip.mp4", pictures)
    with serve(tmp_path, break_after=path.stat().st_size // 2) as (address, _):
        source = open_source(f"{address}/clip.mp4", PATIENT)
        frames: list[Frame] = []
        with pytest.raises(LimelightError) as error:
            read_to_the_end(source, frames)
        source.close()
    assert 5 < len(frames) < 55
    assert "broke off" in one_line(error)


@pytest.mark.parametrize(
    ("page", "reason"),
    [("none.mp4", "404"), ("secret.mp4", "user and a password"), ("letter.mp4", "not a video")],
)
def test_what_a_server_refuses_is_one_line(tmp_path, page, reason):
    (tmp_path / "letter.mp4").write_bytes(bytes(range(256)) * 100)
    with serve(tmp_path) as (address, _), pytest.raises(LimelightError) as error:
        open_source(f"{address}/{page}", PATIENT)
    assert reason in one_line(error)
    assert page in one_line(error)


# --- live ----------------------------------------------------------------------------------------------------


def live_clip(tmp_path: Path) -> bytes:
    return write_video(tmp_path / "clip.ts", ramp(100), codec="mpeg2video", options={"g": "5"}).read_bytes()


def test_http_without_an_end_is_live_and_its_end_is_a_failure(tmp_path):
    with serve(tmp_path, live=live_clip(tmp_path)) as (address, stopped):
        before = time.perf_counter()
        source = open_source(f"{address}/live.ts", PATIENT)
        assert isinstance(source, NetworkStream)
        assert source.live
        frame = source.read()
        assert before <= frame.timestamp <= time.perf_counter()
        stopped.set()
        with pytest.raises(LimelightError) as error:
            read_to_the_end(source, [])
        assert "ended" in one_line(error)
        source.close()


def test_a_stalled_stream_is_one_line_and_can_be_opened_again(tmp_path):
    with serve(tmp_path, live=live_clip(tmp_path)) as (address, _):
        for _ in range(2):
            source = open_source(f"{address}/live.ts", SOON_STALLED)
            with pytest.raises(LimelightError) as error:
                read_to_the_end(source, [])
            assert "no picture came for 0.5 s" in one_line(error)
            source.close()


def test_udp_brings_the_newest_frame_and_closing_ends_a_waiting_read():
    port = free_port(socket.SOCK_DGRAM)
    sender = Sender(port)
    try:
        source = open_source(f"udp://127.0.0.1:{port}", PATIENT)
        assert source.live
        assert (source.width, source.height) == (64, 48)
        frames = [source.read()]
        while frames[-1].index < 40 and len(frames) < 30:
            late = sender.sent + 5  # a reader that is late ...
            wait_for(lambda late=late: sender.sent >= late)
            frames.append(source.read())
        assert frames[-1].index >= 40  # ... sees gaps, not the past
        assert all(b.timestamp > a.timestamp for a, b in zip(frames, frames[1:], strict=False))
        assert all(b.index > a.index for a, b in zip(frames, frames[1:], strict=False))
    finally:
        sender.stop()
    threading.Timer(0.2, source.close).start()
    while source.read() is not None:
        pass
    source.close()


def test_rtsp_is_live_and_its_end_is_a_failure():
    server = RtspServer()
    source = open_source(server.url, PATIENT)
    assert source.live
    assert (source.width, source.height) == (64, 48)
    frames = [source.read() for _ in range(20)]
    assert all(b.timestamp > a.timestamp for a, b in zip(frames, frames[1:], strict=False))
    assert 45.0 < float(frames[-1].image.mean()) < 155.0
    server.stop()
    with pytest.raises(LimelightError) as error:
        read_to_the_end(source, [])
    assert "ended" in one_line(error)
    source.close()


def test_a_stream_that_stops_and_starts_again_is_found_again():
    port = free_port(socket.SOCK_DGRAM)
    for _ in range(2):
        sender = Sender(port)
        source = open_source(f"udp://127.0.0.1:{port}", PATIENT)
        assert source.read() is not None
        source.close()
        sender.stop()


def test_closing_does_not_wait_for_a_network_that_hangs(tmp_path):
    with serve(tmp_path, live=live_clip(tmp_path)) as (address, _):
        source = open_source(f"{address}/live.ts", PATIENT)
        source.read()
        closing = threading.Thread(target=source.close)
        closing.start()
        closing.join(20.0)  # its reads may take 30
        assert not closing.is_alive()


def test_the_picture_of_a_held_frame_is_not_used_again():
    port = free_port(socket.SOCK_DGRAM)
    sender = Sender(port)
    try:
        source = open_source(f"udp://127.0.0.1:{port}", PATIENT)
        held = source.read()
        before = held.image.copy()
        for _ in range(20):
            assert source.read().image.ctypes.data != held.image.ctypes.data
        np.testing.assert_array_equal(held.image, before)
        source.close()
    finally:
        sender.stop()


# --- addresses -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "settings", "reason"),
    [
        ("http://127.0.0.1:{tcp}/clip.mp4", PATIENT, "connection refused"),
        ("rtsp://127.0.0.1:{tcp}/camera", PATIENT, "connection refused"),
        ("udp://127.0.0.1:{udp}", HASTY, "no stream came within 0.5 s"),
        ("nonsense://127.0.0.1/x", PATIENT, "cannot be read; rtsp, http, https, rtmp and udp can"),
        ("http://", PATIENT, ""),
    ],
)
def test_an_address_where_nothing_is_is_one_line(url, settings, reason):
    with pytest.raises(LimelightError) as error:
        open_source(url.format(tcp=free_port(socket.SOCK_STREAM), udp=free_port(socket.SOCK_DGRAM)), settings)
    assert reason in one_line(error)


def test_passwords_are_not_shown(tmp_path):
    write_video(tmp_path / "clip.mp4", ramp(3))
    with serve(tmp_path) as (address, _):
        host = address.removeprefix("http://")
        source = open_source(f"http://me:hush@{host}/clip.mp4?token=secret", PATIENT)
        assert source.name == f"http://{host}/clip.mp4"
        source.close()
    with pytest.raises(LimelightError) as error:
        open_source(f"rtsp://me:hush@127.0.0.1:{free_port(socket.SOCK_STREAM)}/x?token=secret", PATIENT)
    assert "hush" not in one_line(error)
    assert "secret" not in one_line(error)


def test_a_url_is_no_camera():
    assert resolve_camera("rtsp://127.0.0.1/x", cameras=list) is None

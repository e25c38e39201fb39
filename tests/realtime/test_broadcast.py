"""The server for browsers and programs: who may come in, and what it makes of nonsense."""

from __future__ import annotations

import logging
import select
import socket
import threading
from contextlib import ExitStack, suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect
from websockets.sync.server import ServerConnection, serve

from facemodel import LimelightError
from realtime.web import broadcast as broadcast_module
from realtime.web.broadcast import Broadcast, Page
from tests.waiting import wait_for

HANDSHAKE = (
    b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


@pytest.fixture(scope="module")
def broadcast():
    broadcast = Broadcast(
        "127.0.0.1",
        0,
        page=lambda path: Page(b"<p>page</p>") if path == "/" else None,
    )
    broadcast.open()
    broadcast.send("hello")
    yield broadcast
    broadcast.close()


def ask(broadcast, data: bytes) -> bytes:
    """What comes back for bytes, until the connection ends."""
    with socket.create_connection(("127.0.0.1", broadcast.port), timeout=60) as client:
        client.sendall(data)
        answer = b""
        with suppress(ConnectionError):
            while part := client.recv(65536):
                answer += part
        return answer


def throw(broadcast, data: bytes) -> None:
    """Send bytes, and go."""
    with socket.create_connection(("127.0.0.1", broadcast.port), timeout=60) as client:
        client.sendall(data)


def get(broadcast, path="/", **headers: str) -> bytes:
    lines = "".join(f"{name}: {value}\r\n" for name, value in {"Host": "127.0.0.1", **headers}.items())
    return ask(broadcast, f"GET {path} HTTP/1.1\r\n{lines}\r\n".encode())


def meets(broadcast) -> None:
    """It still does what it is for."""
    with connect(f"ws://127.0.0.1:{broadcast.port}", proxy=None, close_timeout=0.1) as client:
        client.send("whatever it is")
        broadcast.send("hello")
        assert client.recv(timeout=60) == "hello"


def test_pages_are_served_and_others_are_not_there(broadcast):
    assert get(broadcast).endswith(b"<p>page</p>")
    assert get(broadcast, "/?a=b").endswith(b"<p>page</p>")
    assert get(broadcast, "/other").startswith(b"HTTP/1.1 404")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost:8770", "[::1]:8770"])
def test_this_machine_by_any_of_its_names_may_see_a_page(broadcast, host):
    assert get(broadcast, Host=host).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("host", ["example.org", "127.0.0.1.example.org", "[", "192.168.1.7"])
def test_a_page_whose_name_was_turned_to_this_machine_sees_nothing(broadcast, host):
    assert get(broadcast, Host=host).startswith(b"HTTP/1.1 403")
    assert ask(broadcast, HANDSHAKE.replace(b"127.0.0.1", host.encode())).startswith(b"HTTP/1.1 403")


def test_the_sixteenth_is_the_last(broadcast):
    def client():
        return connect(f"ws://127.0.0.1:{broadcast.port}", proxy=None, close_timeout=0.1)

    wait_for(lambda: broadcast.clients == 0)
    with ExitStack() as stack:
        for _ in range(16):
            assert stack.enter_context(client()).recv(timeout=60) == "hello"
        with pytest.raises(InvalidStatus, match="503"), client():
            pass
    wait_for(lambda: broadcast.clients == 0)
    meets(broadcast)


def test_there_are_never_more_than_sixteen_however_many_come_at_once(broadcast, monkeypatch):
    wait_for(lambda: broadcast.clients == 0)
    all_answered = threading.Event()
    monkeypatch.setattr(ServerConnection, "start_keepalive", lambda _: all_answered.wait(60))  # none is served before
    with ExitStack() as stack:
        comers = [
            stack.enter_context(socket.create_connection(("127.0.0.1", broadcast.port), timeout=60)) for _ in range(30)
        ]
        for comer in comers:
            comer.sendall(HANDSHAKE)
        answers = [comer.recv(12) for comer in comers]
        assert (answers.count(b"HTTP/1.1 101"), answers.count(b"HTTP/1.1 503")) == (16, 14)
        all_answered.set()
        wait_for(lambda: broadcast.clients == 16)
    wait_for(lambda: broadcast.clients == 0)


def test_a_handshake_that_fails_takes_nobodys_place(broadcast):
    for _ in range(20):
        assert ask(broadcast, HANDSHAKE.replace(b"Version: 13", b"Version: 1")).startswith(b"HTTP/1.1 400")
    wait_for(lambda: broadcast.clients == 0)
    meets(broadcast)


def silent_strangers(broadcast, count: int) -> list[socket.socket]:
    return [socket.create_connection(("127.0.0.1", broadcast.port), timeout=60) for _ in range(count)]


def test_connections_that_say_nothing_are_few_and_lock_nobody_out(broadcast):
    before = threading.active_count()
    silent = silent_strangers(broadcast, 100)
    wait_for(lambda: len(select.select(silent, [], [], 0)[0]) == 68)  # cut off at once
    wait_for(lambda: threading.active_count() - before <= 2 * 32 + 4)
    meets(broadcast)
    assert get(broadcast).endswith(b"<p>page</p>")
    for client in silent:
        client.close()


def test_those_who_take_their_page_are_not_cut_off_for_others():
    broadcast = Broadcast("127.0.0.1", 0, page=lambda _: Page(b"x" * 4_000_000))
    broadcast.open()
    with socket.create_connection(("127.0.0.1", broadcast.port), timeout=60) as slow:
        slow.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert slow.recv(12) == b"HTTP/1.1 200"
        silent = silent_strangers(broadcast, 40)
        wait_for(lambda: len(select.select(silent, [], [], 0)[0]) == 9)
        taken = 12
        while part := slow.recv(1 << 20):
            taken += len(part)
        assert taken > 4_000_000
    for client in silent:
        client.close()
    broadcast.close()


def test_the_end_waits_for_nobody_who_says_nothing(monkeypatch):
    for_ever = {"open_timeout": None}
    monkeypatch.setattr(broadcast_module, "serve", lambda *args, **more: serve(*args, **more | for_ever))
    broadcast = Broadcast("127.0.0.1", 0)
    broadcast.open()
    silent = silent_strangers(broadcast, 3)
    meets(broadcast)
    closing = threading.Thread(target=broadcast.close, daemon=True)
    closing.start()
    for client in silent:
        assert client.recv(100) == b""
        client.close()
    closing.join(60)
    assert not closing.is_alive()


def test_it_begins_anew_with_nobody_and_nothing_to_say(broadcast):
    again = Broadcast("127.0.0.1", 0)
    again.open()
    again.send("of the old feed")
    silent = silent_strangers(again, 40)
    again.close()
    again.open()
    with connect(again.url.replace("http", "ws"), proxy=None, close_timeout=0.1) as client:
        wait_for(lambda: again.clients == 1)
        again.send("of the new feed")
        assert client.recv(timeout=60) == "of the new feed"
    again.close()
    for stranger in silent:
        stranger.close()


def test_a_message_that_is_too_long_ends_its_connection_alone(broadcast):
    with connect(f"ws://127.0.0.1:{broadcast.port}", proxy=None, close_timeout=0.1) as client:
        assert client.recv(timeout=60) == "hello"
        client.send("x" * 4097)
        with pytest.raises(ConnectionClosed, match="1009"):
            client.recv(timeout=60)
    meets(broadcast)


@settings(max_examples=60)
@given(data=st.one_of(st.binary(max_size=300), st.binary(max_size=100).map(lambda frames: HANDSHAKE + frames)))
def test_whatever_comes_nothing_breaks(broadcast, data):
    throw(broadcast, data)
    wait_for(lambda: broadcast.clients == 0)
    meets(broadcast)


def test_nonsense_from_outside_is_not_logged(broadcast, caplog):
    with caplog.at_level(logging.DEBUG):
        ask(broadcast, b"\x16\x03\x01 what a scanner says\r\n\r\n")
        get(broadcast, "//[", Host="[")
    assert caplog.records == []


def test_an_address_that_is_not_ours_is_one_line():
    with pytest.raises(LimelightError, match=r"^cannot listen there: Cannot assign requested address"):
        Broadcast("192.0.2.1", 8770).open()


def test_it_listens_at_the_newer_addresses_too():
    broadcast = Broadcast("::1", 0)
    try:
        broadcast.open()
    except LimelightError:
        pytest.skip("no IPv6 here")
    broadcast.send("hello")
    assert broadcast.url == f"http://[::1]:{broadcast.port}/"
    with connect(broadcast.url.replace("http", "ws"), proxy=None, close_timeout=0.1) as client:
        assert client.recv(timeout=60) == "hello"
    broadcast.close()


def test_without_a_host_it_listens_at_this_machine_alone():
    broadcast = Broadcast("", 0)
    broadcast.open()
    assert broadcast.url == f"http://127.0.0.1:{broadcast.port}/"
    assert get(broadcast).startswith(b"HTTP/1.1 404")
    broadcast.close()

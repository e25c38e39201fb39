"""Datagrams: they wait for nobody, and refusals are noticed."""

from __future__ import annotations

import errno
import socket
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facemodel import LimelightError
from realtime.streams import udp
from realtime.streams.udp import UdpSender
from tests.realtime.streams.faces import free_port
from tests.realtime.streams.receivers import INFO, Receiver, a_face, a_result, open_stream


@pytest.fixture
def ipv6():
    try:
        receiver = Receiver("::1")
    except OSError:
        pytest.skip("no IPv6 here")
    yield receiver
    receiver.close()


def a_closed_port() -> int:
    return free_port(socket.SOCK_DGRAM)


def test_what_is_sent_arrives(receiver):
    sender = UdpSender("127.0.0.1", receiver.port)
    assert sender.connected() is None  # nothing was sent yet
    assert sender.send(b"abc")
    assert sender.send(memoryview(b"defg")[1:])
    assert receiver.take(2) == [b"abc", b"efg"]
    assert sender.connected() is True
    sender.close()
    sender.close()


def test_localhost_is_where_most_receivers_listen(receiver):
    sender = UdpSender("localhost", receiver.port)
    sender.send(b"abc")
    assert receiver.take(1) == [b"abc"]
    sender.close()


def test_an_ipv6_host(ipv6):
    sender = UdpSender("::1", ipv6.port)
    sender.send(b"abc")
    assert ipv6.take(1) == [b"abc"]
    assert sender.connected() is True
    sender.close()


def test_a_closed_port_is_noticed_and_so_is_one_that_opens(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(udp.time, "monotonic", lambda: now[0])
    port = a_closed_port()
    sender = UdpSender("127.0.0.1", port)
    for _ in range(50):
        left = sender.send(b"x")
        time.sleep(0.001)  # the refusal comes back
        if not left:
            break
    assert not left
    assert sender.connected() is False
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listening:
        listening.bind(("127.0.0.1", port))
        listening.settimeout(60)
        while not sender.send(b"there"):
            pass
        assert listening.recv(100) == b"there"
        assert sender.connected() is False  # that may have been luck
        now[0] += 5.0
        assert sender.connected() is False  # nothing was sent since: nothing new is known
        sender.send(b"again")
        assert sender.connected() is True
    sender.close()


@pytest.fixture
def network(monkeypatch):
    """The state of this machine's network, in a dictionary: None while it is down, and a number that changes as the
    machine's address does, which sockets that were connected before do not outlive."""
    state = {"address": 1}

    class Socket(socket.socket):
        def connect(self, place):
            if state["address"] is None:
                raise OSError(errno.ENETUNREACH, "Network is unreachable")
            self.bound = state["address"]
            super().connect(place)

        def send(self, data):
            if self.bound != state["address"]:
                raise OSError(errno.EINVAL, "Invalid argument")
            return super().send(data)

    monkeypatch.setattr(udp.socket, "socket", Socket)
    now = [100.0]
    monkeypatch.setattr(udp.time, "monotonic", lambda: now[0])
    state["now"] = now
    return state


def test_it_goes_on_when_this_machine_gets_another_address(receiver, network):
    sender = UdpSender("127.0.0.1", receiver.port)
    network["now"][0] += 5.0
    network["address"] = 2
    assert [sender.send(data) for data in (b"a", b"b", b"c")] == [False, True, True]
    network["address"] = 3
    assert [sender.send(b"d"), sender.send(b"e")] == [False, False]  # one socket a second
    network["now"][0] += 1.1
    assert [sender.send(b"f"), sender.send(b"g")] == [False, True]
    assert receiver.take(3) == [b"b", b"c", b"g"]
    sender.close()


def test_a_stream_begins_without_a_network_and_goes_on_with_one(receiver, network):
    network["address"] = None
    stream = open_stream("opentrack", receiver.port)
    stream.submit(a_result(a_face()))
    assert (stream.sent, stream.dropped, stream.connected()) == (0, 1, None)
    network["address"] = 1
    network["now"][0] += 1.1
    stream.submit(a_result(a_face(), time=1.1))
    assert len(receiver.take(1)[0]) == 48
    network["address"] = None
    network["now"][0] += 1.1
    stream.submit(a_result(a_face(), time=2.2))
    assert (stream.sent, stream.dropped) == (1, 2)
    stream.close()


def test_where_nothing_may_be_sent_is_one_line():
    with pytest.raises(LimelightError, match=r"^nothing can be sent there \("):
        UdpSender("255.255.255.255", 9000)


def test_what_does_not_fit_is_dropped():
    sender = UdpSender("127.0.0.1", a_closed_port())
    assert not sender.send(bytes(70_000))
    assert sender.connected() is None  # none has left yet
    sender.close()


@pytest.mark.parametrize("host", ["no.such.host.invalid", "a" * 300, "bad host"])
def test_an_unknown_host_is_refused_in_one_line(host):
    with pytest.raises(LimelightError) as caught:
        UdpSender(host, 39539)
    assert str(caught.value).startswith("no such host (")
    assert "\n" not in str(caught.value)


def test_a_stream_counts_what_was_dropped_and_can_begin_again(receiver):
    stream = open_stream("opentrack", a_closed_port())
    for i in range(60):
        stream.submit(a_result(a_face(), time=i / 30))
        time.sleep(0.001)
    assert stream.sent + stream.dropped == 60
    assert stream.dropped
    assert stream.connected() is False
    assert stream.status() == f"{stream.options.place}, {stream.sent} sent, {stream.dropped} dropped"
    stream.close()
    stream.close()
    assert stream.connected() is None
    stream = open_stream("opentrack", receiver.port)
    stream.close()
    stream.begin(INFO)
    stream.submit(a_result(a_face()))
    assert len(receiver.take(1)[0]) == 48
    stream.close()


@given(st.lists(st.binary(max_size=200), max_size=5))
@settings(max_examples=20)
def test_what_receivers_answer_is_nobodys_business(receiver, answers):
    stream = open_stream("osc", receiver.port)
    stream.submit(a_result(a_face()))
    _, where = receiver.socket.recvfrom(65536)
    for answer in answers:
        receiver.socket.sendto(answer, where)
    stream.submit(a_result(a_face(), time=1.0))
    assert (stream.sent, stream.dropped) == (8, 0)
    receiver.take(7)
    stream.close()


def test_a_slow_receiver_holds_nobody_up(receiver):
    receiver.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    stream = open_stream("vmc", receiver.port)
    for i in range(100):  # it reads nothing: what it has no room for is lost, on either side
        stream.submit(a_result(a_face(), time=i / 30))
    assert stream.sent + stream.dropped == 500
    stream.close()

from __future__ import annotations

import contextlib
import math
import random
import socket
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pythonosc.osc_bundle_builder import IMMEDIATELY, OscBundleBuilder
from pythonosc.osc_message_builder import OscMessageBuilder

from facemodel import LimelightError
from realtime.controls.inbox import Inbox
from realtime.controls.osc_addresses import Asked, OscAddresses
from realtime.controls.osc_in import OscInput, feedback_bundles
from realtime.controls.osc_packet import MalformedError, Message, read_packet
from realtime.controls.place import Place
from realtime.controls.table import Call
from realtime.light.lighting import direction_of
from tests.realtime.controls.small_show import make
from tests.waiting import PATIENCE, wait_for


def message(address: str, *args) -> bytes:
    builder = OscMessageBuilder(address)
    for arg in args:
        builder.add_arg(arg)
    return builder.build().dgram


def bundle(*contents: bytes, due: float = IMMEDIATELY) -> bytes:
    head = OscBundleBuilder(due).build().dgram
    return head + b"".join(len(content).to_bytes(4, "big") + content for content in contents)


def asked(address: str, *args) -> tuple[Asked, ...] | None:
    _, table = make()
    return OscAddresses(table).asked(Message(address, args))


def test_what_python_osc_writes_is_read():
    data = message("/limelight/light/1/color", 1.0, 2, "three", True, False, b"abc")
    assert read_packet(data) == [Message("/limelight/light/1/color", (1.0, 2, "three", True, False, b"abc"))]


def test_bundles_within_bundles_keep_their_order_and_times():
    now = time.time()
    inner = bundle(message("/b", 2.0), message("/c"), due=now + 5.0)
    found = read_packet(bundle(message("/a", 1), inner, message("/d")))
    assert [m.address for m in found] == ["/a", "/b", "/c", "/d"]
    assert found[0].due is None and found[3].due is None
    assert found[1].due == pytest.approx(now + 5.0, abs=1e-3)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"abc",
        b"abcd",
        b"/abc",
        b"/ab\0,f\0\0",
        b"/ab\0xyz\0",
        b"/ab\0,f\0\0\0\0\0\0\0\0\0\0",
        b"/ab\0,Q\0\0",
        b"/ab\0,b\0\0\xff\xff\xff\xff",
        b"/ab\0,b\0\0\0\0\1\0",
        b"/\xff\xfe\0,\0\0\0",
        b"#bundle\0",
        b"#bundle\0" + bytes(8) + b"\xff\xff\xff\xfc",
        b"#bundle\0" + bytes(8) + bytes(4),
        b"#bundle\0" + bytes(8) + b"\0\0\0\x08/ab\0",
        b"#bundle\0" + bytes(8) + b"\0\0",
    ],
)
def test_what_is_no_osc_is_refused(data):
    with pytest.raises(MalformedError):
        read_packet(data)


def test_bundles_without_end_are_refused():
    data = message("/a")
    for _ in range(12):
        data = bundle(data)
    with pytest.raises(MalformedError, match="within"):
        read_packet(data)


@given(st.binary(max_size=64), st.integers(0, 60), st.integers(0, 255))
def test_damage_is_refused_and_never_raises_anything_else(noise, place, value):
    whole = bytearray(bundle(message("/limelight/light/1/azimuth", 3.0, "abc"), message("/go")))
    whole[place] = value
    for data in (noise, bytes(whole), bytes(whole[:place])):
        with contextlib.suppress(MalformedError):
            read_packet(data)


@pytest.mark.parametrize(
    ("address", "args", "expected"),
    [
        ("/limelight/cue/go", (), (Asked("cue/go"),)),
        ("/limelight/cue/go", (1.0,), (Asked("cue/go"),)),
        ("/limelight/cue/go", (0.0,), ()),
        ("/limelight/light/2/azimuth", (0.0,), (Asked("light/2/azimuth", (0.0,)),)),
        ("/limelight/light/9/azimuth", (0.0,), None),
        ("/go", (), (Asked("cue/go"),)),
        ("/go/2.5", (), (Asked("cue/go_to", ("2.5",)),)),
        ("/cue/12/start", (), (Asked("cue/go_to", ("12",)),)),
        ("/workspace/AB-12/cue/12/start", (), (Asked("cue/go_to", ("12",)),)),
        ("/workspace/AB-12/go", (), (Asked("cue/go"),)),
        ("/stop", (), (Asked("cue/pause"),)),
        ("/pause", (), (Asked("cue/pause"),)),
        ("/resume", (), (Asked("cue/resume"),)),
        ("/panic", (), (Asked("cue/panic"),)),
        ("/reset", (), (Asked("cue/release"),)),
        ("/eos/key/go_0", (1.0,), (Asked("cue/go"),)),
        ("/eos/key/go_0", (0.0,), ()),
        ("/eos/cue/1/2.5/fire", (), (Asked("cue/go_to", ("2.5",)),)),
        ("/eos/cue/3/fire", (), (Asked("cue/go_to", ("3",)),)),
        ("/eos/cue/2/3/fire", (), None),
        ("/nothing", (), None),
        ("/VMC/Ext/Light", ("Light", 1.0), None),
        ("/VMC/Ext/Light", ("Light", *(math.nan for _ in range(11))), None),
        ("/VMC/Ext/Light", ("Light", *(0.0 for _ in range(11))), None),
    ],
)
def test_addresses_ask_for_commands(address, args, expected):
    assert asked(address, *args) == expected


def put_all(table, found) -> None:
    for one in found:
        table.call(one.path, *one.args)


@pytest.mark.parametrize(
    ("quaternion", "direction"),
    [
        ((0.0, 1.0, 0.0, 0.0), (0.0, 0.0, 1.0)),  # half a turn: shines along -z, at the face
        ((0.0, 0.0, 0.0, 1.0), (0.0, 0.0, -1.0)),  # from behind
        ((math.sqrt(0.5), 0.0, 0.0, math.sqrt(0.5)), (0.0, 1.0, 0.0)),  # 90 degrees about x: shines down
        ((0.0, math.sqrt(0.5), 0.0, math.sqrt(0.5)), (1.0, 0.0, 0.0)),  # along +x, the avatar's right: from image right
    ],
)
def test_the_light_of_vmc_is_a_directional_light_of_the_show(quaternion, direction):
    show, table = make()
    addresses = OscAddresses(table)
    found = addresses.asked(Message("/VMC/Ext/Light", ("Sun", 0.0, 3.0, 0.0, *quaternion, 0.5, 0.25, 0.0, 1.0)))
    assert found is not None
    put_all(table, found)
    values = show.values()
    assert direction_of(values["light/1/azimuth"], values["light/1/elevation"]) == pytest.approx(direction, abs=1e-6)
    assert values["light/source"] == "show" and values["light/1/kind"] == "directional"
    assert values["light/1/intensity"] == pytest.approx(0.21404, abs=1e-4)  # of sRGB 0.5
    assert values["light/1/color"] == pytest.approx((1.0, 0.05088 / 0.21404, 0.0), abs=1e-3)


def test_lights_of_vmc_are_told_apart_by_name_and_a_ninth_has_no_place():
    _, table = make()
    addresses = OscAddresses(table)
    numbers = (0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0)
    for n in range(1, 9):
        found = addresses.asked(Message("/VMC/Ext/Light", (f"L{n}", *numbers)))
        assert found is not None and found[-1].path == f"light/{n}/intensity"
    assert addresses.asked(Message("/VMC/Ext/Light", ("L9", *numbers))) is None


def test_of_a_value_the_newest_is_called_and_every_event_in_its_place():
    _show, table = make()
    log: list[Call] = []
    table.listen(log.append)
    inbox = Inbox(table)
    for n in range(5):
        inbox.put("light/1/azimuth", float(n))
    inbox.put("cue/go")
    inbox.put("cue/back", 0.0)
    for n in range(5):
        inbox.put("light/1/azimuth", float(10 + n))
    inbox.put("light/1/azimuth", math.nan)
    inbox.put("light/2/azimuth", 5.0)
    inbox.drain()
    assert [(call.path, call.args) for call in log] == [
        ("light/1/azimuth", (4.0,)),
        ("cue/go", ()),
        ("cue/back", (0.0,)),
        ("light/2/azimuth", (5.0,)),
    ]
    status = inbox.status()
    assert (status.called, status.merged, status.refused, status.dropped) == (4, 9, 1, 0)
    assert "light/1/azimuth" in status.problem


def test_more_than_can_wait_is_dropped_and_counted():
    _, table = make()
    inbox = Inbox(table)
    for _ in range(3000):
        inbox.put("tempo/tap")
    assert inbox.status().dropped == 3000 - 2048
    for _ in range(3000):
        inbox.put("tempo/tap", due=time.time() + 100.0)
    assert inbox.status().dropped == 6000 - 2048


def test_what_is_meant_for_later_is_called_then():
    _, table = make()
    log: list[Call] = []
    table.listen(log.append)
    now = [100.0]
    inbox = Inbox(table, lambda: now[0])
    inbox.put("cue/go", due=100.5)
    inbox.put("tempo/tap", due=100.2)
    inbox.put("cue/pause", due=99.0)
    inbox.put("cue/resume", due=1e9)  # a minute is the most
    for now[0] in (100.1, 100.3, 100.6, 160.0):
        inbox.drain()
        log.append(Call(now[0], "drained", ()))
    paths = [call.path for call in log]
    assert paths == [
        "cue/pause", "drained", "tempo/tap", "drained", "cue/go", "drained", "cue/resume", "drained"
    ]  # fmt: skip


def test_places_are_read():
    assert Place.parse("8000") == Place("127.0.0.1", 8000)
    assert Place.parse("0.0.0.0:8000") == Place("0.0.0.0", 8000)
    assert Place.parse("[::1]:8000") == Place("::1", 8000)
    assert Place.parse("", 9000) == Place("127.0.0.1", 9000)
    assert Place.parse("desk", 9000) == Place("desk", 9000)
    for wrong in ("", "desk", "70000", "a:b", "desk:-1", "osc://x:1"):
        with pytest.raises(LimelightError, match="HOST:PORT"):
            Place.parse(wrong)


@pytest.fixture
def sender():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as opened:
        opened.bind(("127.0.0.1", 0))
        opened.settimeout(PATIENCE)
        yield opened


def test_osc_changes_the_show_and_bad_packets_are_counted(osc_listening, sender):
    show, osc, inbox = osc_listening
    place = ("127.0.0.1", osc.place.port)
    sender.sendto(b"rubbish", place)
    sender.sendto(b"#bundle\0" + bytes(8) + b"\xff\xff\xff\xfc", place)
    sender.sendto(message("/nobody/knows"), place)
    sender.sendto(message("/limelight/light/1/azimuth", "east"), place)
    sender.sendto(message("/limelight/light/3/intensity", 2.0), place)
    sender.sendto(bundle(message("/go"), message("/limelight/master", 0.5)), place)
    wait_for(lambda: show.master == 0.5)
    assert show.values()["light/3/intensity"] == 2.0
    assert str(show.status().progress.active) == "1"
    status = osc.status()
    assert (status.packets, status.malformed, status.unknown) == (6, 2, 1)
    assert inbox.status().refused == 1


def received(sender: socket.socket) -> dict[str, tuple]:
    return {m.address: m.args for m in read_packet(sender.recv(65536))}


def test_who_subscribes_is_told_everything_and_then_what_changes(osc_listening, sender):
    show, osc, _ = osc_listening
    place = ("127.0.0.1", osc.place.port)
    sender.sendto(message("/limelight/subscribe"), place)
    told: dict[str, tuple] = {}
    while len(told) < len(osc._inbox.table.state()):
        told.update(received(sender))
    assert told["/limelight/master"] == (1.0,)
    assert told["/limelight/light/1/color"] == (1.0, 1.0, 1.0)
    show.set({"light/4/size": 12.0})
    assert received(sender) == {"/limelight/light/4/size": (12.0,)}
    sender.sendto(message("/limelight/unsubscribe"), place)
    wait_for(lambda: osc.status().peers == 0)


def test_a_fixed_peer_is_told_and_subscriptions_have_bounds(sender):
    _, table = make()
    inbox = Inbox(table)
    osc = OscInput(inbox, Place("127.0.0.1", 0), [Place("127.0.0.1", sender.getsockname()[1])])
    osc.start()
    try:
        assert "/limelight/light/source" in received(sender)
        for port in [*range(40000, 40020), 0, -1, 70000]:
            sender.sendto(message("/limelight/subscribe", port), ("127.0.0.1", osc.place.port))
        wait_for(lambda: osc.status().packets == 23)
        wait_for(lambda: osc.status().unknown == 3)
        assert osc.status().peers == 1 + 8
    finally:
        osc.stop()


def test_a_port_that_is_taken_is_one_clear_error(osc_listening):
    _, osc, inbox = osc_listening
    with pytest.raises(LimelightError, match="another program uses the port"):
        OscInput(inbox, osc.place).start()


def test_who_is_always_told_is_told_everything_again_now_and_then(sender, monkeypatch):
    monkeypatch.setattr("realtime.controls.osc_in._RENEWED", 0.2)
    show, table = make()
    show.set({"environment/name": "caf\udce9.hdr"})  # a path that is no UTF-8
    osc = OscInput(Inbox(table), Place("127.0.0.1", 0), [Place("127.0.0.1", sender.getsockname()[1])])
    osc.start()
    try:
        for _ in range(3):
            while (told := received(sender)).get("/limelight/environment/name") is None:
                pass
            assert told["/limelight/environment/name"] == ("caf?.hdr",)
    finally:
        osc.stop()


def test_a_host_that_nobody_knows_is_one_clear_error():
    _, table = make()
    with pytest.raises(LimelightError, match=r"OSC feedback to no\.such\.host\.invalid:9000: no such host"):
        OscInput(Inbox(table), Place("127.0.0.1", 0), [Place("no.such.host.invalid", 9000)]).start()


def test_feedback_fits_into_datagrams():
    _, table = make()
    bundles = feedback_bundles(table.state())
    assert all(len(data) <= 1472 for data in bundles)
    assert sum(len(read_packet(data)) for data in bundles) == len(table.state())


def test_a_flood_leaves_the_state_that_its_log_gives(osc_listening, sender):
    """About 10,000 messages a second, as quickly as they are taken: what the system itself lost would not count."""
    show, osc, inbox = osc_listening
    log: list[Call] = []
    inbox.table.listen(log.append)
    place = ("127.0.0.1", osc.place.port)
    random.seed(1)
    sent = 0
    begin = time.perf_counter()
    for burst in range(100):
        for _ in range(100):
            n, value = random.randint(1, 8), random.uniform(-90.0, 90.0)
            sender.sendto(message(f"/limelight/light/{n}/azimuth", value), place)
        sent += 100
        if burst % 10 == 0:
            sender.sendto(message("/limelight/tempo/tap"), place)
            sent += 1
        wait_for(lambda: osc.status().packets == sent)  # noqa: B023
        time.sleep(max(begin + sent / 10_000 - time.perf_counter(), 0.0))
    sender.sendto(message("/limelight/master", 0.125), place)
    wait_for(lambda: show.master == 0.125)
    inbox.stop()
    status = inbox.status()
    assert osc.status().packets == status.called + status.merged == 10_011
    assert status.refused == status.dropped == 0
    assert sum(call.path == "tempo/tap" for call in log) == 10
    assert status.merged > 0
    again_show, again = make()
    again.replay(log)
    assert again_show.values() == show.values()

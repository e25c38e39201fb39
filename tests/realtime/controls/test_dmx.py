from __future__ import annotations

import random
import socket
import uuid

import pygdtf
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sacn.messages.data_packet import DataPacket
from stupidArtnet import StupidArtnet

from facemodel import LimelightError
from realtime.controls.dmx import DmxConfig, DmxInput, DmxMerge
from realtime.controls.dmx_packets import DmxPacket, art_poll_reply, is_art_poll, read_art_net, read_sacn
from realtime.controls.gdtf import write_gdtf
from realtime.controls.inbox import Inbox
from realtime.controls.osc_addresses import Asked
from realtime.controls.personality import FOOTPRINT, GLOBAL, GLOBAL_SLOTS, LIGHT, LIGHT_SLOTS, Personality
from realtime.controls.place import Place
from realtime.controls.table import Call
from tests.realtime.controls.small_show import make
from tests.waiting import PATIENCE, wait_for

ONE, OTHER = uuid.UUID(int=1).bytes, uuid.UUID(int=2).bytes


def sacn(
    slots: bytes, universe: int = 1, sequence: int = 0, priority: int = 100, source: bytes = ONE, **options
) -> bytes:
    packet = DataPacket(
        tuple(source), "a desk", universe, tuple(slots.ljust(512, b"\0")), priority=priority, sequence=sequence
    )
    for name, value in options.items():
        setattr(packet, name, value)
    return bytes(packet.getBytes())


def art_net(slots: bytes, universe: int = 0) -> bytes:
    slots += bytes(len(slots) % 2)  # Art-Net sends even numbers of slots
    sender = StupidArtnet("127.0.0.1", universe, len(slots))
    try:
        sender.set(bytearray(slots))
        sender.make_artdmx_header()
        return bytes(sender.packet_header) + bytes(sender.buffer)
    finally:
        sender.close()


def test_what_the_library_sacn_writes_is_read():
    slots = bytes(range(200))
    assert read_sacn(sacn(slots, 258, 7, 120)) == DmxPacket(258, ONE, 120, 7, False, slots.ljust(512, b"\0"))
    ended = read_sacn(sacn(slots, option_StreamTerminated=True))
    assert ended is not None and ended.ended
    assert read_sacn(sacn(slots, option_PreviewData=True)) is None


def test_what_stupid_artnet_writes_is_read():
    slots = bytes(range(100))
    assert read_art_net(art_net(slots, 0x23)) == DmxPacket(0x23, b"", 100, None, False, slots)
    wide = bytearray(art_net(slots))
    wide[14:16] = bytes((0x23, 0x01))
    assert read_art_net(bytes(wide)) == DmxPacket(0x123, b"", 100, None, False, slots)
    assert read_art_net(b"Art-Net\0\x00\x20\x00\x0e\x00\x00") is None  # ArtPoll


@given(st.binary(max_size=140), st.integers(0, 125), st.integers(0, 255))
def test_damage_is_refused_and_never_raises_anything_else(noise, place, value):
    whole = bytearray(sacn(bytes(4)))
    whole[place] = value
    for read in (read_sacn, read_art_net):
        for data in (noise, bytes(whole), bytes(whole[:place]), b"Art-Net\0\x00\x50" + noise):
            try:
                packet = read(data)
            except ValueError:
                continue
            assert packet is None or len(packet.slots) <= 512


def block(**lights: bytes) -> bytearray:
    slots = bytearray(FOOTPRINT)
    slots[:GLOBAL_SLOTS] = bytes((255, 255, 0, 128, 0, 128, 0))
    for name, values in lights.items():
        at = GLOBAL_SLOTS + (int(name[1:]) - 1) * LIGHT_SLOTS
        slots[at : at + LIGHT_SLOTS] = values
    return slots


FULL = bytes((255, 255, 255, 128, 0, 0, 255, 255, 128, 0, 255, 255))


class Desk:
    """Sends packets to an input by hand, on a clock of its own."""

    def __init__(self, address: int = 1) -> None:
        self.now = 0.0
        self.show, self.table = make()
        self.log: list[Call] = []
        self.table.listen(self.log.append)
        self.inbox = Inbox(self.table)
        config = DmxConfig("sacn", 1, address, Place("127.0.0.1", 0))
        self.dmx = DmxInput(self.inbox, config, Personality(("studio", "sunset")), lambda: self.now)
        self.sequence = 0

    def send(self, slots: bytes, **more) -> list[str]:
        self.sequence = more.pop("sequence", self.sequence + 1) % 256
        self.log.clear()
        self.dmx.hear(sacn(bytes(slots), sequence=self.sequence, **more), "10.0.0.1")
        self.inbox.drain()
        return [call.path for call in self.log]


def test_slots_move_lights():
    desk = Desk()
    desk.send(block(l2=FULL))
    values = desk.show.values()
    assert values["light/2/intensity"] == 3.0
    assert values["light/2/color"] == (1.0, pytest.approx(128 / 255), 0.0)
    assert values["light/2/temperature"] == 6500.0
    assert values["light/2/azimuth"] == 180.0
    assert values["light/2/elevation"] == pytest.approx(0.0, abs=0.01)
    assert values["light/2/size"] == 60.0
    assert values["light/1/intensity"] == 0.0
    assert desk.show.master == 1.0
    assert desk.send(block(l2=FULL)) == []
    turned = bytearray(FULL)
    turned[7] = 254  # the low byte alone
    assert desk.send(block(l2=turned)) == ["light/2/azimuth"]
    assert desk.show.values()["light/2/azimuth"] == pytest.approx(180.0 - 360.0 / 65535)


def test_a_shutter_closes_and_temperatures_go_from_cold_to_warm():
    desk = Desk()
    desk.send(block(l1=FULL))
    shut = bytearray(FULL)
    shut[11] = 31
    assert desk.send(block(l1=shut)) == ["light/1/intensity"]
    assert desk.show.values()["light/1/intensity"] == 0.0
    for raw, kelvin in ((1, 20000.0), (255, 1500.0), (128, 2 / (1 / 20000 + 1 / 1500))):
        shut[5] = raw
        desk.send(block(l1=shut))
        assert desk.show.values()["light/1/temperature"] == pytest.approx(kelvin)


def test_the_global_slots():
    desk = Desk()
    slots = block()
    desk.send(slots)
    assert desk.show.values()["environment/name"] == ""
    slots[:6] = bytes((51, 102, 2, 255, 255, 204))
    assert desk.send(slots) == [
        "master", "relight/strength", "environment/name", "environment/rotation", "relight/dim"
    ]  # fmt: skip
    values = desk.show.values()
    assert desk.show.master == pytest.approx(0.2)
    assert values["relight/strength"] == pytest.approx(0.4)
    assert values["environment/name"] == "sunset"
    assert values["environment/rotation"] == 180.0
    assert values["relight/dim"] == pytest.approx(0.8)
    slots[2] = 99  # there is no such environment
    assert desk.send(slots) == []


def test_go_is_the_edge_of_a_button():
    desk = Desk()
    slots = block()
    slots[6] = 255
    assert "cue/go" not in desk.send(slots)  # it was down when the desk came
    slots[6] = 0
    assert desk.send(slots) == []
    slots[6] = 200
    assert desk.send(slots) == ["cue/go"]
    slots[6] = 255
    assert desk.send(slots) == []


def test_our_slots_begin_where_they_are_patched():
    desk = Desk(address=100)
    desk.send(bytes(99) + bytes(block(l8=FULL)))
    assert desk.show.values()["light/8/intensity"] == 3.0


def test_a_short_universe_has_zeros_behind_its_end():
    desk = Desk()
    desk.dmx._read = read_art_net
    desk.dmx.config = DmxConfig("artnet", 0, 1, Place("127.0.0.1", 0))
    desk.dmx.hear(art_net(bytes(block(l1=FULL))[: GLOBAL_SLOTS + LIGHT_SLOTS + 1]), "10.0.0.1")
    desk.inbox.drain()
    assert desk.show.values()["light/1/intensity"] == 3.0
    assert desk.show.values()["light/2/intensity"] == 0.0


def test_old_packets_and_other_universes_are_left_out():
    desk = Desk()
    desk.send(block(), sequence=10)
    assert desk.send(block(l1=FULL), sequence=10) == []
    assert desk.send(block(l1=FULL), sequence=247) == []  # 19 behind
    assert desk.send(block(l1=FULL), sequence=11, universe=2) == []
    assert "light/1/intensity" in desk.send(block(l1=FULL), sequence=11)
    assert desk.send(block(), sequence=200) != []  # far behind: it began anew


def test_the_highest_priority_counts_until_it_is_lost():
    desk = Desk()
    desk.send(block(l1=FULL), priority=100)
    assert desk.send(block(l2=FULL), priority=150, source=OTHER) != []
    assert desk.send(block(l3=FULL), priority=100) == []
    desk.now = 2.0
    assert desk.send(block(l3=FULL), priority=100) == []
    desk.now = 4.6  # the other one was heard at 0, and is lost
    assert desk.send(block(l3=FULL), priority=100) != []


def test_of_equals_the_first_counts_until_it_ends():
    desk = Desk()
    desk.send(block(l1=FULL))
    assert desk.send(block(l2=FULL), source=OTHER) == []
    assert desk.send(block(l1=FULL), option_StreamTerminated=True) == []
    assert desk.show.values()["light/1/intensity"] == 3.0
    assert desk.send(block(l2=FULL), source=OTHER) != []


def test_a_lost_source_leaves_its_last_look():
    desk = Desk()
    desk.send(block(l1=FULL))
    desk.now = 100.0
    assert desk.dmx.status().sources == 0
    assert desk.show.values()["light/1/intensity"] == 3.0


def test_sources_have_bounds():
    merge = DmxMerge()
    for n in range(40):
        merge.take(DmxPacket(1, uuid.UUID(int=n).bytes, 100, 0, False, b""), "10.0.0.1", 0.0)
    assert merge.sources(0.0) == 16


@pytest.mark.parametrize(
    ("kind", "text", "config"),
    [
        ("sacn", "", DmxConfig("sacn", 1, 1, Place("127.0.0.1", 5568))),
        ("artnet", "", DmxConfig("artnet", 0, 1, Place("127.0.0.1", 6454))),
        ("sacn", "7.100", DmxConfig("sacn", 7, 100, Place("127.0.0.1", 5568))),
        ("artnet", "0.1@0.0.0.0", DmxConfig("artnet", 0, 1, Place("0.0.0.0", 6454))),
        ("artnet", "3@127.0.0.1:7000", DmxConfig("artnet", 3, 1, Place("127.0.0.1", 7000))),
    ],
)
def test_where_to_listen_is_read(kind, text, config):
    assert DmxConfig.parse(kind, text) == config


@pytest.mark.parametrize(
    ("kind", "text"),
    [("sacn", "0"), ("sacn", "64000"), ("artnet", "32768"), ("sacn", "1.500"), ("sacn", "1.0"), ("sacn", "x"),
     ("sacn", "1@a:b")],
)  # fmt: skip
def test_where_nothing_can_be_listened_to(kind, text):
    with pytest.raises(LimelightError):
        DmxConfig.parse(kind, text)


def test_a_multicast_group_is_the_universe():
    assert DmxConfig.parse("sacn", "258").group == "239.255.1.2"


def test_packets_of_the_network_move_lights():
    show, table = make()
    inbox = Inbox(table)
    dmx = DmxInput(inbox, DmxConfig("artnet", 0, 1, Place("127.0.0.1", 0)))
    dmx.start()
    inbox.start()
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.sendto(b"rubbish", ("127.0.0.1", dmx.place.port))
            sender.sendto(art_net(bytes(block(l4=FULL))), ("127.0.0.1", dmx.place.port))
        wait_for(lambda: show.values()["light/4/intensity"] == 3.0)
        status = dmx.status()
        assert (status.packets, status.malformed, status.sources) == (2, 1, 1)
    finally:
        dmx.stop()
        inbox.stop()


def test_who_asks_by_art_net_is_told_that_we_are_there():
    poll = b"Art-Net\0\x00\x20\x00\x0e\x00\x00"
    assert is_art_poll(poll) and not is_art_poll(poll[:-1]) and not is_art_poll(art_net(bytes(2)))
    reply = art_poll_reply(0x1234, bytes((10, 0, 0, 7)), 6454)
    assert len(reply) == 239
    assert reply[:10] == b"Art-Net\0\x00\x21" and reply[10:14] == bytes((10, 0, 0, 7))
    assert int.from_bytes(reply[14:16], "little") == 6454
    assert (reply[18], reply[19], reply[190]) == (0x12, 0x3, 0x4)  # net, sub-net, universe
    assert (reply[173], reply[174]) == (1, 0x80)  # one port, out


def test_an_asking_desk_gets_one_answer_at_a_time(monkeypatch):
    _, table = make()
    now = [0.0]
    dmx = DmxInput(Inbox(table), DmxConfig("artnet", 5, 1, Place("127.0.0.1", 0)), clock=lambda: now[0])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as desk:
        desk.bind(("127.0.0.1", 0))
        desk.settimeout(PATIENCE)
        monkeypatch.setattr("realtime.controls.dmx.ART_NET_PORT", desk.getsockname()[1])
        dmx.start()
        try:
            for _ in range(3):
                desk.sendto(b"Art-Net\0\x00\x20\x00\x0e\x00\x00", ("127.0.0.1", dmx.place.port))
            assert desk.recv(1024) == art_poll_reply(5, bytes((127, 0, 0, 1)), dmx.place.port)
            desk.sendto(art_net(bytes(block(l1=FULL)), 5), ("127.0.0.1", dmx.place.port))
            wait_for(lambda: dmx.status().sources == 1)
            now[0] = 1.0
            desk.sendto(b"Art-Net\0\x00\x20\x00\x0e\x00\x00", ("127.0.0.1", dmx.place.port))
            assert desk.recv(1024)[:8] == b"Art-Net\0"
            desk.setblocking(False)
            with pytest.raises(BlockingIOError):
                desk.recv(1024)
        finally:
            dmx.stop()


def test_a_flood_leaves_the_state_that_its_log_gives():
    desk = Desk()
    log: list[Call] = []
    desk.table.listen(log.append)
    random.seed(1)
    for n in range(1000):
        slots = block()
        slots[GLOBAL_SLOTS:] = random.randbytes(FOOTPRINT - GLOBAL_SLOTS)
        desk.dmx.hear(sacn(bytes(slots), sequence=n % 256), "10.0.0.1")
        if n % 10 == 9:
            desk.inbox.drain()
    again_show, again = make()
    again.replay(log)
    assert again_show.values() == desk.show.values()
    assert len(log) <= 100 * 6 * 8 + 5 and desk.inbox.status().dropped == 0


def test_our_fixtures_are_opened_by_pygdtf(tmp_path):
    path = tmp_path / "limelight.gdtf"
    write_gdtf(path)
    with pygdtf.FixtureType(str(path)) as fixture:
        assert fixture.manufacturer == "Limelight"
        modes = {mode.name: mode for mode in fixture.dmx_modes}
        for name, channels, slots in (("Light", LIGHT, 12), ("Global", GLOBAL, 7)):
            mode = modes[name]
            assert [c.offset for c in mode.dmx_channels] == [
                [c.offset + 1 + i for i in range(c.slots)] for c in channels
            ]  # fmt: skip
            assert [str(c.logical_channels[0].attribute) for c in mode.dmx_channels] == [c.attribute for c in channels]
            assert sum(len(c.offset) for c in mode.dmx_channels) == slots
        names = {attribute.name for attribute in fixture.attributes}
        assert names == {channel.attribute for channel in (*LIGHT, *GLOBAL)}
    again = tmp_path / "again.gdtf"
    write_gdtf(again)
    assert again.read_bytes() == path.read_bytes()
    with pytest.raises(LimelightError, match="cannot be written"):
        write_gdtf(tmp_path / "none" / "limelight.gdtf")


def test_asked_is_what_slots_say():
    assert Asked("master", (1.0,)) in Personality().changes(None, bytes(block()))

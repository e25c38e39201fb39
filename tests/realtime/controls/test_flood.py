"""A show of 200 cues, in the flood that desks can make: OSC, MIDI and DMX at once, 10,000 messages a second."""

from __future__ import annotations

import random

import mido
from pythonosc.osc_message_builder import OscMessageBuilder

from realtime.controls.commands import show_commands, show_state
from realtime.controls.dmx import DmxConfig, DmxInput
from realtime.controls.dmx_packets import SLOTS
from realtime.controls.inbox import Inbox
from realtime.controls.midi import MidiInput
from realtime.controls.midi_bindings import Binding, Control, How
from realtime.controls.osc_addresses import OscAddresses
from realtime.controls.osc_packet import read_packet
from realtime.controls.place import Place
from realtime.controls.table import Call, CommandTable
from realtime.light.cues.cue import Cue, CueNumber, Times
from realtime.light.cues.cue_list import CueList
from realtime.light.cues.document import ShowDocument
from realtime.light.show import Show
from tests.realtime.controls.small_show import Clock

FRAMES, RATE = 90, 30
MESSAGES = 333
"""Of OSC, a frame; of MIDI and DMX there are fewer, since their wires carry no more."""


def a_show(clock: Clock) -> tuple[Show, CommandTable]:
    draw = random.Random(3)
    cues = CueList(
        tuple(
            Cue(
                CueNumber.of(n),
                time=Times(draw.uniform(0.0, 1.0)),
                follow=draw.choice((None, None, 0.3)),
                moves={
                    f"light/{draw.randint(1, 8)}/intensity": draw.uniform(0.0, 2.0),
                    f"light/{draw.randint(1, 8)}/azimuth": draw.uniform(-180.0, 180.0),
                },
            )
            for n in range(1, 201)
        )
    )
    show = Show(document=ShowDocument(cues=cues), clock=clock)
    table = CommandTable(clock=clock)
    table.register(show_commands(show), lambda: show_state(show))
    return show, table


def packet(address: str, *args) -> bytes:
    builder = OscMessageBuilder(address)
    for arg in args:
        builder.add_arg(arg)
    return builder.build().dgram


def test_every_frame_of_a_flooded_show_is_as_its_log_says():
    clock, draw = Clock(), random.Random(1)
    show, table = a_show(clock)
    log: list[Call] = []
    table.listen(log.append)
    inbox = Inbox(table)
    osc = OscAddresses(table)
    midi = MidiInput(
        inbox,
        [Binding(Control("cc", 1, n), f"light/{n}/size", How.ABSOLUTE, pickup=False) for n in range(1, 9)]
        + [Binding(Control("note", 1, 60), "cue/go", How.TRIGGER)],
    )
    dmx = DmxInput(inbox, DmxConfig("artnet", 0, 1, Place("127.0.0.1", 0)), clock=clock)
    values = [
        packet(f"/limelight/light/{n}/{name}", draw.uniform(-90.0, 90.0))
        for n in range(1, 9)
        for name in ("azimuth", "elevation", "distance")
        for _ in range(10)
    ]
    rare = [packet(address) for address in ("/go", "/limelight/cue/back", "/eos/cue/77/fire", "/pause", "/resume")]
    slots = bytearray(SLOTS)
    seen = []
    for frame in range(FRAMES):
        clock.now = frame / RATE
        for n in range(MESSAGES):
            data = draw.choice(rare) if n % 100 == 50 else draw.choice(values)
            for message in read_packet(data):
                for asked in osc.asked(message) or ():
                    inbox.put(asked.path, *asked.args, who="osc")
        for _ in range(30):
            number, value = draw.randint(1, 8), draw.randint(0, 127)
            midi.hear(mido.Message("control_change", channel=0, control=number, value=value))
        if frame % 10 == 0:
            midi.hear(mido.Message("note_on", channel=0, note=60, velocity=100))
        slots[:103] = draw.randbytes(103)
        dmx.hear(b"Art-Net\0\x00\x50\x00\x0e\0\0\0\0\x02\0" + bytes(slots), "10.0.0.1")
        inbox.drain()
        seen.append(show.at(clock.now))
    status = inbox.status()
    assert status.dropped == status.refused == 0
    assert status.called == len(log) and status.merged > FRAMES * MESSAGES // 2
    again_clock = Clock()
    again_show, again = a_show(again_clock)
    left = list(log)
    for frame, lighting in enumerate(seen):
        again_clock.now = frame / RATE
        due = [call for call in left if call.time <= again_clock.now]
        del left[: len(due)]
        again.replay(due)
        assert again_show.at(again_clock.now) == lighting
    assert again.state() == table.state()
    assert len({(lighting.lights, lighting.rotation) for lighting in seen}) > FRAMES // 2

from __future__ import annotations

import mido
import pytest

from facemodel import LimelightError
from realtime.controls.inbox import Inbox
from realtime.controls.midi import MidiInput
from realtime.controls.midi_bindings import Binding, Control, How, read_bindings, write_bindings
from realtime.controls.osc_addresses import Asked
from realtime.controls.show_control import ShowControl
from tests.realtime.controls.small_show import make


class Desk:
    """A MIDI desk beside a show: what it sends is called at once."""

    def __init__(self, *bindings: tuple[str, str, How], **more) -> None:
        self.show, self.table = make()
        self.inbox = Inbox(self.table)
        made = [Binding(Control.parse(on), path, how, **more) for on, path, how in bindings]
        self.midi = MidiInput(self.inbox, made, ShowControl(device=5))

    def send(self, kind: str, **fields) -> None:
        self.midi.hear(mido.Message(kind, **fields))
        self.inbox.drain()

    def cc(self, value: int, control: int = 7) -> None:
        self.send("control_change", channel=0, control=control, value=value)

    def key(self, velocity: int, note: int = 60) -> None:
        self.send("note_on", channel=0, note=note, velocity=velocity)

    def value(self, name: str):
        return self.show.values()[name]


def test_a_knob_moves_its_value_once_it_has_come_past_it():
    desk = Desk(("cc 1 7", "light/1/azimuth", How.ABSOLUTE))
    desk.show.set({"light/1/azimuth": 0.0})
    desk.cc(127)
    desk.cc(100)
    assert desk.value("light/1/azimuth") == 0.0
    desk.cc(40)  # past the middle
    assert desk.value("light/1/azimuth") == pytest.approx(-180.0 + 360.0 * 40 / 127)
    desk.cc(127)  # it has it now
    assert desk.value("light/1/azimuth") == 180.0
    desk.show.set({"light/1/azimuth": -90.0})  # moved elsewhere: it must come past again
    desk.cc(120)
    assert desk.value("light/1/azimuth") == -90.0
    desk.cc(31)
    assert desk.value("light/1/azimuth") == pytest.approx(-180.0 + 360.0 * 31 / 127)


def test_without_pickup_a_knob_moves_its_value_at_once():
    desk = Desk(("cc 1 7", "light/1/azimuth", How.ABSOLUTE), pickup=False)
    desk.cc(127)
    assert desk.value("light/1/azimuth") == 180.0


def test_a_knob_chooses():
    desk = Desk(("cc 1 7", "light/1/kind", How.ABSOLUTE), ("cc 1 8", "blackout", How.ABSOLUTE))
    for value, kind in ((0, "point"), (64, "directional"), (127, "spot")):
        desk.cc(value)
        assert desk.value("light/1/kind") == kind
    desk.cc(127, control=8)
    assert desk.show.blackout


@pytest.mark.parametrize(
    ("how", "up", "down"), [(How.RELATIVE, 2, 126), (How.RELATIVE_OFFSET, 66, 62), (How.RELATIVE_SIGN, 2, 66)]
)
def test_an_endless_knob_goes_on_from_where_the_value_is(how, up, down):
    desk = Desk(("cc 1 7", "light/1/size", how))
    desk.show.set({"light/1/size": 30.0})
    desk.cc(up)
    assert desk.value("light/1/size") == pytest.approx(30.0 + 2 * 60.0 / 128)
    desk.show.set({"light/1/size": 10.0})
    desk.cc(down)
    assert desk.value("light/1/size") == pytest.approx(10.0 - 2 * 60.0 / 128)
    for _ in range(20):
        desk.midi.hear(mido.Message("control_change", channel=0, control=7, value=up))  # between two rounds of calls
    desk.inbox.drain()
    assert desk.value("light/1/size") == pytest.approx(10.0 + 19 * 2 * 60.0 / 128)


def test_two_controllers_are_fourteen_bits_together():
    desk = Desk(("cc14 1 7", "light/1/azimuth", How.ABSOLUTE), pickup=False)
    before = desk.value("light/1/azimuth")
    desk.cc(64)
    assert desk.value("light/1/azimuth") == before  # the low half follows
    desk.cc(1, control=39)
    assert desk.value("light/1/azimuth") == pytest.approx(-180.0 + 360.0 * (64 * 128 + 1) / 16383)


def test_keys_toggle_flash_and_trigger():
    desk = Desk(
        ("note 1 60", "blackout", How.TOGGLE),
        ("note 1 61", "light/2/intensity", How.FLASH),
        ("note 1 62", "cue/go", How.TRIGGER),
    )
    desk.key(100)
    desk.key(0)
    assert desk.show.blackout
    desk.key(100)
    desk.send("note_off", channel=0, note=60)
    assert not desk.show.blackout
    desk.show.set({"light/2/intensity": 0.5})
    desk.key(1, 61)
    assert desk.value("light/2/intensity") == 3.0
    desk.key(0, 61)
    assert desk.value("light/2/intensity") == 0.5
    desk.key(127, 62)
    desk.key(0, 62)
    assert str(desk.show.status().progress.active) == "1"
    desk.send("note_on", channel=1, note=62, velocity=100)  # another channel
    assert str(desk.show.status().progress.active) == "1"


def test_a_program_change_goes_to_its_cue():
    desk = Desk(("program 1", "cue/go_to", How.TRIGGER))
    desk.send("program_change", channel=0, program=0)
    assert str(desk.show.status().progress.active) == "1"
    desk.send("program_change", channel=0, program=70)  # there is no cue 71
    assert desk.inbox.status().refused == 1


def test_the_next_control_that_moves_is_learned():
    desk = Desk()
    learned: list[Binding] = []
    desk.midi.learn("light/1/azimuth", then=learned.append)
    desk.key(0)  # let go of a key that was down
    desk.key(100)  # a key flashes; that it may
    assert learned == [Binding(Control("note", 1, 60), "light/1/azimuth", How.FLASH)]
    desk.midi.learn("light/1/azimuth")
    desk.cc(3)
    desk.midi.learn("light/1/kind")
    desk.key(100, 61)  # no key can choose: it still waits
    desk.cc(3, control=9)
    desk.midi.learn("cue/go")
    desk.key(100)
    desk.midi.learn("light/1/size", How.RELATIVE)
    desk.cc(1, control=10)
    assert [str(b.control) + " " + b.how.value for b in desk.midi.bindings] == [
        "note 1 60 trigger", "cc 1 7 absolute", "cc 1 9 absolute", "cc 1 10 relative"
    ]  # fmt: skip
    desk.midi.learn("blackout")
    desk.midi.stop_learning()
    desk.midi.forget(Control("note", 1, 60))
    desk.key(100)
    assert len(desk.midi.bindings) == 3 and desk.show.status().active is None
    with pytest.raises(LimelightError, match="no such command"):
        desk.midi.learn("light/9/azimuth")


def test_lamps_and_motors_are_told_what_changes():
    desk = Desk(
        ("cc 1 7", "light/1/size", How.ABSOLUTE),
        ("cc14 1 8", "light/1/beam", How.ABSOLUTE),
        ("note 1 60", "blackout", How.TOGGLE),
        ("note 1 62", "cue/go", How.TRIGGER),
    )
    assert len(desk.midi.feedback()) == 4
    assert desk.midi.feedback() == []
    desk.show.set({"light/1/size": 60.0, "light/1/beam": 120.0})
    desk.show.set_blackout(True)
    assert desk.midi.feedback() == [
        mido.Message("control_change", channel=0, control=7, value=127),
        mido.Message("control_change", channel=0, control=8, value=127),
        mido.Message("control_change", channel=0, control=40, value=127),
        mido.Message("note_on", channel=0, note=60, velocity=127),
    ]


def test_bindings_are_kept_in_a_file_that_people_can_read(tmp_path):
    _, table = make()
    bindings = (
        Binding(Control("cc", 1, 7), "light/1/azimuth", How.RELATIVE_SIGN),
        Binding(Control("note", 16, 60), "cue/go_to", How.TRIGGER, ("2.5", 0.0)),
        Binding(Control("program", 2), "cue/go_to", How.TRIGGER),
        Binding(Control("cc14", 1, 3), "master", How.ABSOLUTE, pickup=False),
    )
    path = tmp_path / "desk.toml"
    write_bindings(path, bindings)
    assert read_bindings(path, table) == bindings
    assert 'on = "cc 1 7"\ndoes = "light/1/azimuth"\nhow = "relative-sign"' in path.read_text()
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[[binding]", "Expected"),
        ("other = 1", "alone"),
        ("binding = 3", "alone"),
        ('[[binding]]\non = "cc 1 7"', "on, does and how"),
        ('[[binding]]\non = 3\ndoes = "master"\nhow = "absolute"', "texts"),
        ('[[binding]]\non = "cc 17 7"\ndoes = "master"\nhow = "absolute"', "1 to 16"),
        ('[[binding]]\non = "cc 1 128"\ndoes = "master"\nhow = "absolute"', "CHANNEL NUMBER"),
        ('[[binding]]\non = "knob"\ndoes = "master"\nhow = "absolute"', "CHANNEL NUMBER"),
        ('[[binding]]\non = ""\ndoes = "master"\nhow = "absolute"', "CHANNEL NUMBER"),
        ('[[binding]]\non = "cc 1 7"\ndoes = "mister"\nhow = "absolute"', "no command"),
        ('[[binding]]\non = "cc 1 7"\ndoes = "cue/active"\nhow = "absolute"', "no command"),
        ('[[binding]]\non = "cc 1 7"\ndoes = "master"\nhow = "quickly"', "how is one of"),
        ('[[binding]]\non = "note 1 7"\ndoes = "master"\nhow = "absolute"', "can be toggle"),
        ('[[binding]]\non = "cc 1 7"\ndoes = "light/1/color"\nhow = "absolute"', "cannot be absolute"),
        ('[[binding]]\non = "cc 1 7"\ndoes = "cue/go"\nhow = "absolute"', "cannot be absolute"),
        ('[[binding]]\non = "note 1 7"\ndoes = "cue/go_to"\nhow = "trigger"', "number is missing"),
        ('[[binding]]\non = "note 1 7"\ndoes = "cue/go_to"\nhow = "trigger"\nargs = "a"', "args"),
        ('[[binding]]\non = "cc 1 7"\ndoes = "master"\nhow = "absolute"\npickup = 1', "pickup"),
    ],
)
def test_a_file_that_cannot_be_is_one_clear_error(text, says, tmp_path):
    _, table = make()
    path = tmp_path / "desk.toml"
    path.write_text(text)
    with pytest.raises(LimelightError, match=says) as refused:
        read_bindings(path, table)
    assert str(path) in str(refused.value) and "\n" not in str(refused.value)


def test_a_file_that_is_not_there_is_one_clear_error(tmp_path):
    _, table = make()
    with pytest.raises(LimelightError, match="cannot be read"):
        read_bindings(tmp_path / "desk.toml", table)
    with pytest.raises(LimelightError, match="cannot be written"):
        write_bindings(tmp_path / "none" / "desk.toml", ())


def msc(command: int, rest: bytes = b"", device: int = 5, form: int = 1) -> tuple[int, ...]:
    return (0x7F, device, 0x02, form, command, *rest)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (msc(1), Asked("cue/go")),
        (msc(1, b"12.5"), Asked("cue/go_to", ("12.5",))),
        (msc(1, b"12.5\x001"), Asked("cue/go_to", ("12.5",))),
        (msc(1, b"12.5\x001\x00/path"), Asked("cue/go_to", ("12.5",))),
        (msc(1, b"12.5\x002"), None),
        (msc(1, b"twelve"), None),
        (msc(1, device=0x7F), Asked("cue/go")),
        (msc(1, device=4), None),
        (msc(1, form=0x7F), Asked("cue/go")),
        (msc(1, form=0x10), None),
        (msc(2), Asked("cue/pause")),
        (msc(3), Asked("cue/resume")),
        (msc(4, bytes((0x60, 0, 2, 15, 0)) + b"3"), Asked("cue/go_to", ("3", 2.5))),
        (msc(4, bytes((0x60, 0))), None),
        (msc(5, b"7"), Asked("cue/standby", ("7",))),
        (msc(6), None),
        (msc(8), Asked("blackout", (True,))),
        (msc(9), Asked("blackout", (False,))),
        (msc(10), Asked("cue/release")),
        (msc(1, b"1" * 200), None),
        ((0x7F, 5, 0x01, 1, 1), None),
        ((0x7E, 5, 0x02, 1, 1), None),
        ((), None),
    ],
)
def test_show_control_is_read(data, expected):
    assert ShowControl(device=5).read(data) == expected


def test_show_control_plays_cues():
    desk = Desk()
    desk.send("sysex", data=msc(1, b"2.5"))
    assert str(desk.show.status().progress.active) == "2.5"
    desk.send("sysex", data=msc(8))
    assert desk.show.blackout
    desk.send("clock")
    assert desk.inbox.status().refused == 0

from __future__ import annotations

import socket
from types import SimpleNamespace

import mido
import pytest

from facemodel import LimelightError
from realtime.controls.desk import Desk, DeskConfig
from realtime.controls.dmx import DmxConfig
from realtime.controls.place import Place
from tests.realtime.controls.small_show import make
from tests.waiting import wait_for

HERE = Place("127.0.0.1", 0)


def session():
    show, _ = make()
    return SimpleNamespace(
        show=show, timecode=SimpleNamespace(at=lambda moment: None), recording=lambda: None, workers=tuple
    )


class Port:
    """A MIDI port that tests speak through."""

    def __init__(self, name: str, callback=None) -> None:
        self.hear, self.sent, self.closed = callback, [], False

    def send(self, message) -> None:
        self.sent.append(message)

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def ports(monkeypatch):
    opened: dict[str, Port] = {}

    def opener(kind: str):
        def open_port(name: str, callback=None) -> Port:
            opened[kind] = Port(name, callback)
            return opened[kind]

        return open_port

    for kind in ("input", "output"):
        monkeypatch.setattr(mido, f"get_{kind}_names", lambda: ["A desk"])
        monkeypatch.setattr(mido, f"open_{kind}", opener(kind))
    return opened


def test_nothing_is_listened_to_that_is_not_asked_for():
    desk = Desk(session())
    desk.start()
    assert desk.lines() == ()
    desk.table.call("cue/go")
    desk.stop()
    desk.stop()


def test_everything_at_once_is_opened_and_closed(tmp_path):
    marks = tmp_path / "marks.txt"
    marks.write_text("01:00:00:00 1\n")
    config = DeskConfig(
        osc=HERE,
        osc_query=HERE,
        dmx=(DmxConfig("sacn", 1, 1, HERE), DmxConfig("artnet", 0, 1, HERE)),
        remote=HERE,
        chase=marks,
    )
    desk = Desk(session(), config)
    desk.start()
    words = ["OSC at", "OSCQuery at", "sacn universe 1", "artnet universe 0", "cues by timecode", "remote: http://"]
    assert [word for word, line in zip(words, desk.lines(), strict=True) if line.startswith(word)] == words
    desk.stop()


def test_where_one_cannot_be_opened_none_stays_open():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        place = Place("127.0.0.1", taken.getsockname()[1])
        desk = Desk(session(), DeskConfig(osc=HERE, dmx=(DmxConfig("sacn", 1, 1, place),)))
        with pytest.raises(LimelightError, match="another program uses the port"):
            desk.start()
    port = int(desk.lines()[0].rpartition(":")[2])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", port))


def test_midi_is_learned_by_a_command_and_kept(tmp_path, ports):
    file = tmp_path / "desk.toml"
    first = session()
    desk = Desk(first, DeskConfig(midi="desk", midi_map=file))
    desk.start()
    desk.table.call("midi/learn", "/limelight/light/1/size")
    ports["input"].hear(mido.Message("control_change", channel=0, control=7, value=64))
    desk.table.call("midi/learn", "cue/go")
    ports["input"].hear(mido.Message("note_on", channel=0, note=60, velocity=64))
    wait_for(lambda: [m.control for m in ports["output"].sent if m.type == "control_change"] == [7])
    with pytest.raises(LimelightError, match="no such command"):
        desk.table.call("midi/learn", "light/9/size")
    desk.table.call("midi/learn", "blackout")
    desk.table.call("midi/stop_learning")
    desk.stop()
    assert ports["input"].closed and ports["output"].closed
    second = session()
    desk = Desk(second, DeskConfig(midi="desk", midi_map=file))
    desk.start()
    ports["input"].hear(mido.Message("note_on", channel=0, note=60, velocity=64))
    wait_for(lambda: second.show.status().progress.active is not None)
    desk.table.call("midi/forget", "cc 1 7")
    desk.stop()
    assert "note 1 60" in file.read_text() and "cc 1 7" not in file.read_text()


def test_a_midi_port_that_is_not_there(ports):
    with pytest.raises(LimelightError, match="no such MIDI input piano; there are A desk"):
        Desk(session(), DeskConfig(midi="piano")).start()

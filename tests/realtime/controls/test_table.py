from __future__ import annotations

import math
import threading
from types import SimpleNamespace

import pytest

from facemodel import LimelightError
from realtime.controls.commands import session_commands
from realtime.controls.table import Argument, Call, Command, CommandTable, Kind, as_numbers, cue_number, describe
from realtime.light.values import VALUES
from realtime.outputs.display import DisplayOutput, DisplayState
from realtime.render import ViewMode
from realtime.sinks.address import Address
from tests.realtime.controls.small_show import Clock, make
from tests.waiting import PATIENCE


def test_every_value_of_a_show_is_a_command_that_can_be_read():
    _show, table = make()
    state = table.state()
    for name, spec in VALUES.items():
        command = table.find(name)
        assert command is not None and command.read is not None
        assert state[name] == command.read() == (spec.default,)


def test_a_call_changes_the_show():
    show, table = make()
    table.call("light/2/azimuth", 45)
    table.call("light/2/color", 1, 0.5, 0.0)
    table.call("light/3/kind", "spot")
    table.call("relight/lock", 1.0)
    values = show.values()
    assert values["light/2/azimuth"] == 45.0
    assert values["light/2/color"] == (1.0, 0.5, 0.0)
    assert values["light/3/kind"] == "spot"
    assert values["relight/lock"] is True
    table.call("light/2/color", (0.0, 0.5, 1.0))
    assert show.values()["light/2/color"] == (0.0, 0.5, 1.0)


def test_numbers_beyond_the_range_are_the_nearest():
    show, table = make()
    table.call("light/1/intensity", 1e30)
    table.call("master", -5)
    assert show.values()["light/1/intensity"] == VALUES["light/1/intensity"].high
    assert show.master == 0.0


@pytest.mark.parametrize(
    ("path", "args"),
    [
        ("light/9/azimuth", (1.0,)),
        ("light/1/azimuth", ()),
        ("light/1/azimuth", (1.0, 2.0)),
        ("light/1/azimuth", (math.nan,)),
        ("light/1/azimuth", (math.inf,)),
        ("light/1/azimuth", ("up",)),
        ("light/1/azimuth", (True,)),
        ("light/1/azimuth", (None,)),
        ("light/1/azimuth", (b"\0",)),
        ("light/1/color", (1.0, 0.5)),
        ("light/1/color", (1.0, 0.5, "red")),
        ("light/1/color", (1.0, 0.5, 0.2, 0.1)),
        ("light/1/kind", ("laser",)),
        ("light/1/kind", (1,)),
        ("relight/lock", (0.5,)),
        ("relight/lock", ("yes",)),
        ("environment/name", (3,)),
        ("cue/go", (5,)),
        ("cue/go_to", ("five",)),
        ("cue/go_to", ("77",)),
        ("cue/go_to", (math.nan,)),
        ("cue/go_to", ([],)),
        ("cue/active", ()),
        ("effect/start", ("none of this name",)),
    ],
)
def test_what_cannot_be_is_refused_in_one_line_and_changes_nothing(path, args):
    _show, table = make()
    calls: list[Call] = []
    table.listen(calls.append)
    before = table.state()
    with pytest.raises(LimelightError) as refused:
        table.call(path, *args)
    assert "\n" not in str(refused.value)
    assert table.state() == before
    assert calls == []


@pytest.mark.parametrize(
    ("given", "number"),
    [(1, "1"), (2.5, "2.5"), ("2.50", "2.5"), (0.1 + 0.2, "0.3"), (10.0, "10"), (2.0999999046, "2.1")],
)
def test_cue_numbers_are_written_one_way(given, number):
    assert cue_number(given) == number


def test_cues_are_played():
    clock = Clock()
    show, table = make(clock)
    table.call("cue/go")
    clock.now = 10.0
    assert table.state()["cue/active"] == ("1",)
    assert table.state()["cue/next"] == ("2.5",)
    table.call("cue/go_to", 2.5, 0.0)
    assert show.values()["light/1/azimuth"] == 90.0
    table.call("cue/back", 0.0)
    assert table.state()["cue/active"] == ("1",)


def test_a_replay_of_the_log_gives_the_same_state_at_every_time():
    clock = Clock()
    show, table = make(clock)
    log: list[Call] = []
    table.listen(log.append)
    for step, (path, args) in enumerate(
        [
            ("light/1/size", (3.0,)),
            ("cue/go", ()),
            ("light/1/azimuth", (-20.0,)),
            ("cue/go", ()),
            ("cue/pause", ()),
            ("master", (0.5,)),
            ("cue/resume", ()),
            ("tempo/tap", ()),
            ("tempo/tap", ()),
            ("blackout", (True,)),
        ]
    ):
        clock.now = step * 0.7
        table.call(path, *args, who="test")
    again_clock = Clock()
    again_show, again = make(again_clock)
    again.replay(log)
    for now in (6.3, 6.5, 8.0, 20.0):
        clock.now = again_clock.now = now
        assert again.state() == table.state()
        assert again_show.now() == show.now()
    assert {call.who for call in log} == {"test"}


def test_calls_of_many_threads_are_logged_in_the_order_that_they_were_made_in():
    show, table = make()
    log: list[Call] = []
    table.listen(log.append)

    def turn(start: int) -> None:
        for n in range(start, start + 50):
            table.call("light/1/azimuth", n)

    threads = [threading.Thread(target=turn, args=(n * 50 - 100,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(log) == 200
    assert log[-1].args == (show.values()["light/1/azimuth"],)


def test_a_slow_command_holds_up_no_other():
    _show, table = make()
    begun, done = threading.Event(), threading.Event()

    def slow(at: float) -> None:
        begun.set()
        done.wait(PATIENCE)

    table.register([Command("slow", "waits", slow, slow=True)])
    thread = threading.Thread(target=table.call, args=("slow",))
    thread.start()
    assert begun.wait(PATIENCE)
    table.call("light/1/azimuth", 5.0)
    assert thread.is_alive()
    done.set()
    thread.join()


def test_a_path_is_given_once():
    _, table = make()
    with pytest.raises(LimelightError, match="there is such a command already"):
        table.register([Command("cue/go", "again", lambda at: None)])


def test_a_listener_that_left_hears_nothing():
    _, table = make()
    log: list[Call] = []
    table.listen(log.append)
    table.unlisten(log.append)
    table.call("cue/go")
    assert log == []


def test_the_table_describes_itself():
    _, table = make()
    text = describe(table.commands())
    assert "| `/limelight/light/N/azimuth` | azimuth: -180..180 deg |" in text
    assert "light/2/" not in text and "light/1/" not in text
    assert "estimated \\| show" in text
    assert "| `/limelight/cue/go` |  | start the next cue" in text


def test_a_color_is_three_numbers():
    assert as_numbers(((1.0, 0.5, 0.0), "a", True)) == [1.0, 0.5, 0.0, "a", True]


def test_whole_numbers_are_whole():
    argument = Argument("number", Kind.INT, 1, 8)
    assert argument.checked(3.0) == 3 and argument.checked(9) == 8
    with pytest.raises(LimelightError, match="whole"):
        argument.checked(2.5)


class Desk:
    """Stands in for a session, and tells what was asked of it."""

    def __init__(self, folder) -> None:
        self.asked: list[object] = []
        self.config = type("Config", (), {"takes": folder})()

    def __getattr__(self, name: str):
        return lambda *args: self.asked.append((name, *args))

    def recording(self) -> None:
        return None

    def workers(self) -> list[object]:
        return []


def test_a_session_is_commanded(tmp_path):
    desk = Desk(tmp_path)
    table = CommandTable(session_commands(desk))
    table.call("recenter")
    table.call("person/choose", 2)
    table.call("record/start")
    table.call("record/start", "one")
    table.call("mark", "here")
    table.call("mark")
    table.call("record/stop")
    assert desk.asked == [
        ("recenter",),
        ("choose", 2),
        ("start_recording", None),
        ("start_recording", tmp_path / "one.mcap"),
        ("mark", "here"),
        ("mark", ""),
        ("stop_recording",),
    ]
    assert table.state() == {"record/on": (False,), "display/state": ("picture",), "display/count": (0,)}


def test_the_audience_s_displays_are_switched_and_other_sinks_left_alone(tmp_path):
    display, other = DisplayOutput(Address.parse("display://2")), object()
    desk = Desk(tmp_path)
    desk.workers = lambda: [SimpleNamespace(sink=other), SimpleNamespace(sink=display)]
    table = CommandTable(session_commands(desk))
    table.call("display/state", "test-card")
    assert table.state()["display/state"] == ("test-card",)
    assert display.state is DisplayState.TEST_CARD
    with pytest.raises(LimelightError, match="picture, black, freeze, test-card"):
        table.call("display/state", "desktop")
    assert display.state is DisplayState.TEST_CARD


def test_the_view_of_the_window_and_of_the_outputs_is_switched_and_files_keep_theirs(tmp_path):
    display, film = DisplayOutput(Address.parse("display://2")), object()
    desk = Desk(tmp_path)
    desk.workers = lambda: [SimpleNamespace(sink=film), SimpleNamespace(sink=display)]
    table = CommandTable(session_commands(desk))
    table.call("view/mode", "relit")
    assert (desk.asked_view, display._options.mode) == (ViewMode.RELIT, ViewMode.RELIT)
    table.call("view/mode", "side-by-side", "window")
    assert (desk.asked_view, display._options.mode) == (ViewMode.SIDE_BY_SIDE, ViewMode.RELIT)
    table.call("view/mode", "camera", "outputs")
    assert (desk.asked_view, display._options.mode) == (ViewMode.SIDE_BY_SIDE, ViewMode.CAMERA)
    for args in (("desktop",), ("relit", "phone")):
        with pytest.raises(LimelightError, match="must be one of"):
            table.call("view/mode", *args)


@pytest.mark.parametrize("name", ["../up", "/etc/take", "C:\\take", "a:b", ".hidden", ".."])
def test_a_desk_elsewhere_cannot_say_where_a_take_goes(name, tmp_path):
    desk = Desk(tmp_path)
    with pytest.raises(LimelightError, match="plain name"):
        CommandTable(session_commands(desk)).call("record/start", name)
    assert desk.asked == []

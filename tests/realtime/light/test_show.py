"""The show: commands at their times, and what is seen."""

from __future__ import annotations

import random
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facemodel import LimelightError
from realtime.light.cue_editor import CueEditor
from realtime.light.cues.cue import Cue, CueNumber, Times
from realtime.light.cues.cue_list import CueList
from realtime.light.cues.document import ShowDocument
from realtime.light.cues.effects import Chase, Lfo, Pace, strobe
from realtime.light.lighting import Lighting
from realtime.light.show import Show
from realtime.light.values import N_LIGHTS
from realtime.opencv import cv2

A, B, C = "light/1/intensity", "light/2/intensity", "light/1/color"
EFFECTS = {
    "circle": Lfo(("light/1/azimuth",), Pace(seconds=8.0), "saw", depth=180.0),
    "pulse": Lfo((A, B), Pace(beats=1.0), depth=0.2, spread=0.5),
    "neon": Chase(({C: (1.0, 0.0, 0.5)}, {C: (0.0, 0.5, 1.0)}), Pace(beats=2.0), crossfade=0.5),
}


def n(number):
    return CueNumber.of(number)


def show_of(*cues, effects=EFFECTS, **more):
    document = ShowDocument("test", CueList(cues), effects, **more)
    return Show(document=document, clock=lambda: 0.0)


def test_the_lighting_of_a_fade():
    show = show_of(Cue(n(1), moves={A: 1.0}, time=Times(4.0)))
    show.go(at=10)
    assert show.at(12).lights[0].color == pytest.approx((0.5, 0.5, 0.5))
    assert show.at(20) is show.at(30)  # nothing changes any more
    show.set({A: 0.2}, at=31)
    assert show.at(31).lights[0].color == pytest.approx((0.2, 0.2, 0.2))


def test_values_are_seen_with_effects_and_recorded_without():
    show = show_of(Cue(n(1), moves={A: 1.0, B: 1.0}, time=Times(0.0), effects={"pulse": True}))
    show.go(at=0)
    assert show.values(at=0.125)[A] == pytest.approx(1.2)
    assert show.beneath(at=0.125)[A] == 1.0
    show.set({B: 0.5}, at=1)
    CueEditor(show).record(at=1)
    assert show.document.cues.cue(n(2)).moves == {B: 0.5}


def test_an_effect_that_goes_out_stands_still():
    show = show_of()
    show.set({A: 1.0}, at=0)
    show.start_effect("pulse", at=0)
    show.stop_effect("pulse", time=4.0, at=0.125)  # at the top of its wave
    assert show.values(at=1.375)[A] == pytest.approx(1.0 + 0.6875 * 0.2)
    assert show.values(at=5)[A] == 1.0


def test_master_and_blackout_fade_over_the_show():
    show = show_of()
    show.set({A: 1.0}, at=0)
    show.set_master(0.5, time=2.0, at=10)
    assert show.at(11).lights[0].color[0] == pytest.approx(0.75)
    assert show.master == 0.5
    show.set_blackout(True, time=1.0, at=20)
    assert show.blackout
    assert show.at(20.5).lights[0].color[0] == pytest.approx(0.25)
    assert show.at(22).lights == ()
    show.set_blackout(False, at=23)
    assert show.at(23).lights[0].color[0] == pytest.approx(0.5)
    show.set_master(7.0, at=24)
    assert show.master == 1.0


def test_panoramas_of_a_show_are_read_before_it_plays(tmp_path):
    path = tmp_path / "room.png"
    cv2.imwrite(str(path), np.full((16, 32, 3), 128, np.uint8))
    cues = CueList((Cue(n(1), moves={"environment/name": str(path)}, time=Times(0.0)),))
    show = Show(document=ShowDocument(cues=cues), clock=lambda: 0.0)
    show.go(at=0)
    assert show.at(0).environment is show.environments[str(path)]
    path.unlink()
    with pytest.raises(LimelightError, match="room"):
        Show(document=ShowDocument(cues=cues))
    fresh = show_of(Cue(n(3)))
    with pytest.raises(LimelightError, match="room"):
        fresh.load(ShowDocument(cues=cues))
    assert fresh.document.cues.find(n(3))


def test_another_show_begins_before_its_first_cue():
    show = show_of(Cue(n(1), moves={A: 1.0}, time=Times(0.0)))
    show.go(at=0)
    before = show.revision
    show.load(ShowDocument("other", CueList((Cue(n(4)),), {B: 0.3})), at=1)
    assert show.revision > before
    status = show.status(at=1)
    assert (status.name, status.active, status.next.number, status.undo, status.edited) == (
        "other",
        None,
        n(4),
        None,
        False,
    )
    assert (show.values(at=1)[A], show.values(at=1)[B]) == (0.0, 0.3)


def test_a_show_is_edited_until_it_is_saved():
    show = show_of()
    CueEditor(show).record(1)
    assert show.status().edited
    show.mark_saved()
    assert not show.status().edited
    show.undo()
    assert show.status().edited


def test_a_picture_may_be_older_than_the_newest_command():
    show = show_of()
    show.set({A: 1.0}, at=5)
    show.set_master(0.5, at=5)
    show.set_blackout(True, at=5)
    assert show.at(4).lights[0].color[0] == pytest.approx(1.0)
    assert show.status(at=4).master == 1.0
    assert show.at(6).lights == ()


def test_recorded_updated_deleted_and_undone():
    show = show_of()
    show.set({A: 1.0}, at=0)
    assert CueEditor(show).record(name="Warm", time=Times(2.0), at=0) == n(1)
    show.set({B: 0.5}, at=1)
    show.start_effect("circle", at=1)
    assert CueEditor(show).record(at=1) == n(2)
    assert show.document.cues.cue(n(2)) == Cue(n(2), moves={B: 0.5}, effects={"circle": True})
    show.go_to(1, time=0.0, at=2)
    show.set({A: 0.3}, at=3)
    assert CueEditor(show).update(at=3) == n(1)
    assert show.document.cues.cue(n(1)) == Cue(n(1), "Warm", moves={A: 0.3}, time=Times(2.0))
    CueEditor(show).delete(2, at=4)
    assert len(show.document.cues) == 1
    assert show.status(at=4).undo == "Delete cue 2"
    assert [show.undo(at=5), show.undo(at=5)] == ["Delete cue 2", "Update cue 1"]
    assert show.document.cues.cue(n(1)).moves == {A: 1.0}
    assert show.values(at=5)[A] == 0.3  # what is seen stays
    assert show.redo(at=5) == "Update cue 1"


def test_renamed_and_renumbered_a_cue_is_still_the_active_one():
    show = show_of(Cue(n(1), "One"), Cue(n(2), "Two"), Cue(n(3), "Three"))
    show.go(at=0)
    CueEditor(show).type(1, "name", "First", at=1)
    CueEditor(show).renumber(1, 2.5, at=1)
    status = show.status(at=1)
    assert (status.active.name, status.active.number, status.next.number) == ("First", n(2.5), n(3))
    with pytest.raises(LimelightError, match="cue 3"):
        CueEditor(show).renumber(2, 3, at=1)
    assert [show.undo(at=1), show.undo(at=1)] == ["Renumber cue 1", "Cue 1 name"]


def test_an_undone_renumbering_leaves_the_active_and_the_next_cue_as_they_were():
    show = show_of(Cue(n(1)), Cue(n(2)), Cue(n(3)), Cue(n(4)))
    show.go(at=0)
    show.standby(3, at=0)
    CueEditor(show).renumber(1, 3.5, at=1)
    CueEditor(show).renumber(3, 9, at=1)
    status = show.status(at=1)
    assert (status.active.number, status.next.number) == (n(3.5), n(9))
    show.undo(at=2)
    show.undo(at=2)
    status = show.status(at=2)
    assert (status.active.number, status.next.number) == (n(1), n(3))
    show.redo(at=3)
    assert show.status(at=3).active.number == n(3.5)


def test_a_moved_cue_takes_a_number_between_its_neighbours_and_is_still_the_active_one():
    show = show_of(Cue(n(1)), Cue(n(2)), Cue(n(3)))
    show.go_to(3, at=0)
    assert CueEditor(show).move(3, 2, at=1) == n(1.5)
    assert show.status(at=1).active.number == n(1.5)
    assert CueEditor(show).move(1.5, 2, at=1) == n(1.5)  # it stands there
    assert (show.undo(at=2), show.status(at=2).active.number, show.undo(at=2)) == ("Move cue 3", n(3), None)


def test_cues_block_and_assert_and_no_longer():
    show = show_of(Cue(n(1), moves={A: 1.0}), Cue(n(2)))
    CueEditor(show).set_block(2, True, at=0)
    CueEditor(show).set_assert(2, True, at=0)
    cue = show.document.cues.cue(n(2))
    assert (cue.blocks, cue.asserts, cue.moves) == (True, True, {A: 1.0})
    CueEditor(show).set_assert(2, False, at=0)
    CueEditor(show).set_block(2, False, at=0)
    assert show.document.cues.cue(n(2)) == Cue(n(2))
    assert [show.undo(at=0) for _ in range(4)] == ["Unblock cue 2", "Unassert cue 2", "Assert cue 2", "Block cue 2"]


def test_live_values_and_cues_are_undone_in_one_order():
    show = show_of(Cue(n(1), moves={A: 1.0}))
    heard = []
    show.listen(heard.append)
    show.adjust("Light 1 intensity", {A: 0.4}, at=1)
    CueEditor(show).record(2, at=2)
    show.adjust("Light 2 intensity", {B: 0.7}, at=3)
    assert (show.status(at=3).undo, show.values(at=3)[B]) == ("Light 2 intensity", 0.7)
    assert [show.undo(at=4), show.undo(at=4), show.undo(at=4)] == [
        "Light 2 intensity", "Record cue 2", "Light 1 intensity",
    ]  # fmt: skip
    assert (show.values(at=4)[A], show.values(at=4)[B], len(show.document.cues)) == (0.0, 0.0, 1)
    assert heard[1:] == [{A: 0.4}, {B: 0.7}, {B: 0.0}, {A: 0.0}]
    assert [show.redo(at=5), show.redo(at=5)] == ["Light 1 intensity", "Record cue 2"]
    assert show.values(at=5)[A] == 0.4
    assert not show_of().status(at=5).edited


def test_what_cues_and_desks_set_is_no_edit_and_is_never_undone():
    show = show_of(Cue(n(1), moves={A: 1.0}, time=Times(2.0)))
    show.set({A: 0.1}, at=0)
    show.go(at=0)
    assert show.status(at=1).undo is None
    show.adjust("Light 1 intensity", {A: 0.4, B: 0.4}, at=1)
    show.set({B: 0.9}, at=2)  # a desk
    assert show.undo(at=3) == "Light 1 intensity"
    values = show.values(at=3)
    assert (values[A], values[B]) == (1.0, 0.9)  # the fade counts as complete; the desk's value stays
    assert show.redo(at=4) == "Light 1 intensity"
    show.go_to(1, time=0.0, at=5)
    show.undo(at=6)
    assert show.values(at=6)[A] == 1.0  # as the cue has it


def test_a_live_value_that_cannot_be_is_no_edit():
    show = show_of()
    with pytest.raises(LimelightError, match="no such value"):
        show.adjust("Nonsense", {"light/9/intensity": 1.0})
    assert show.adjust("Nothing", {A: 0.0}) is None
    assert show.undo() is None


def test_there_must_be_a_cue_to_update():
    with pytest.raises(LimelightError, match="no cue is active"):
        CueEditor(show_of()).update()


def test_a_fade_is_recorded_as_complete():
    show = show_of(Cue(n(1), moves={A: 1.0, B: 1.0}, time=Times(4.0), delay=Times(0.0)))
    show.go(at=0)
    CueEditor(show).record(5, at=2)
    assert show.document.cues.state_at(n(5)).values == {A: 1.0, B: 1.0}


def test_listeners_hear_of_rest_and_hands_but_not_of_fades():
    show = show_of(Cue(n(1), moves={A: 1.0, "light/1/kind": "spot"}, time=Times(4.0)))
    heard = []
    show.listen(heard.append)
    assert heard.pop()[A] == 0.0
    show.go(at=0)
    for step in range(50):
        show.at(step / 10)
    show.set({B: 0.5}, at=6)
    show.set({B: 0.5}, at=6)
    assert heard == [{"light/1/kind": "spot"}, {A: 1.0}, {B: 0.5}]
    show.unlisten(heard.append)
    show.set({B: 0.1}, at=7)
    assert len(heard) == 3


def test_status_says_where_the_show_is():
    show = show_of(Cue(n(1), "One", moves={A: 1.0}, time=Times(4.0), follow=6.0), Cue(n(2), "Two"))
    show.set_tempo(90.0, at=0)
    show.go(at=0)
    status = show.status(at=1)
    assert (status.active.name, status.next.name, status.bpm) == ("One", "Two", 90.0)
    assert (status.progress.fraction, status.progress.remaining, status.progress.next_in) == (0.25, 3.0, 5.0)
    assert not status.progress.paused
    show.pause(at=2)
    assert show.status(at=3).progress.paused


def test_unsafe_effects_need_the_shows_word():
    flash = {"flash": strobe((A,))}
    with pytest.raises(LimelightError, match="effect flash: 10 flashes a second"):
        show_of(effects=flash)
    assert show_of(effects=flash, allow_strobe=True).document.allow_strobe


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda show: show.start_effect("disco"), "no effect 'disco'"),
        (lambda show: show.go_to("x"), "no cue's number"),
        (lambda show: show.go_to(5), "cue 5"),
        (lambda show: show.go_to(1, time=-1.0), "times are"),
        (lambda show: show.set({A: "bright"}), "must be a number"),
        (lambda show: show.set({"light/77/intensity": 1}), "no such value"),
        (lambda show: show.set_tempo(1000), "tempo"),
        (lambda show: show.set_rate(100), "rate"),
        (lambda show: show.edit("Stop disco", lambda d: d.with_effect("pulse", None)), "no effect 'pulse'"),
    ],
)
def test_what_cannot_be_is_refused_and_changes_nothing(wrong, message):
    show = show_of(Cue(n(1), effects={"pulse": True}))
    before = show.document, show.values(at=0), show.status(at=0)
    with pytest.raises(LimelightError, match=message):
        wrong(show)
    assert (show.document, show.values(at=0), show.status(at=0)) == before


def a_show(cues, seed):
    """Return a document of many cues of all kinds."""
    draw = random.Random(seed)
    made = []
    for i in range(1, cues + 1):
        light = draw.randint(1, N_LIGHTS)
        moves = {
            f"light/{light}/intensity": draw.random(),
            f"light/{light}/azimuth": draw.uniform(-180, 180),
            f"light/{light}/elevation": draw.uniform(-90, 90),
            f"light/{light}/color": (draw.random(), draw.random(), draw.random()),
            f"light/{light}/temperature": draw.uniform(2000, 9000),
            "environment/rotation": draw.uniform(-180, 180),
            "light/source": draw.choice(("show", "estimated")),
        }
        kept = {name: value for name, value in moves.items() if draw.random() < 0.6}
        follow = draw.uniform(0.0, 4.0) if draw.random() < 0.3 else None
        hang = draw.uniform(-2.0, 2.0) if follow is None and draw.random() < 0.2 else None
        time = Times(draw.uniform(0, 5), draw.uniform(0, 5), color=draw.uniform(0, 5))
        effects = {draw.choice(sorted(EFFECTS)): draw.random() < 0.6} if draw.random() < 0.2 else {}
        delay = Times(draw.choice((0.0, 1.0)), focus=draw.uniform(0, 2))
        made.append(
            Cue(n(i), f"cue {i}", "", time, delay, follow, hang, None, False, draw.random() < 0.1, kept, effects)
        )
    return ShowDocument("long", CueList(tuple(made)), EFFECTS)


def command(draw, cues):
    """Return a command: a method's name and its arguments."""
    return draw.choice(
        [
            ("go",), ("go",), ("go",), ("back",), ("pause",), ("resume",), ("tap",), ("resync",),
            ("go_to", draw.randint(1, cues), draw.choice((None, 0.0, 2.0))),
            ("standby", draw.randint(1, cues)),
            ("release", draw.uniform(0, 3)), ("panic", draw.uniform(0, 3)),
            ("set", {f"light/{draw.randint(1, N_LIGHTS)}/intensity": draw.random()}),
            ("set", {f"light/{draw.randint(1, N_LIGHTS)}/azimuth": draw.uniform(-180, 180)}),
            ("set_rate", draw.uniform(0.2, 4.0)), ("set_tempo", draw.uniform(60, 180)),
            ("set_master", draw.random(), draw.uniform(0, 2)),
            ("set_blackout", draw.random() < 0.3, draw.uniform(0, 2)),
            ("start_effect", draw.choice(sorted(EFFECTS)), draw.uniform(0, 2)),
            ("stop_effect", draw.choice(sorted(EFFECTS)), draw.uniform(0, 2)),
            ("record", draw.randint(1, cues), draw.random() < 0.5),
            ("undo",), ("redo",),
        ]
    )  # fmt: skip


def run(document, log, looks=()):
    """Play a log of commands, (time, name, *arguments), and look at the show at other times too."""
    show = Show(document=document, clock=lambda: 0.0)
    cues = CueEditor(show)
    events = sorted(
        [(time, 0, entry) for time, *entry in log] + [(time, 1, None) for time in looks], key=lambda e: e[0]
    )
    for time, _, entry in events:
        if entry is None:
            show.at(time)
            show.status(time)
        else:
            getattr(cues if entry[0] == "record" else show, entry[0])(*entry[1:], at=time)
    return show


def same(one, other, at):
    assert one.values(at) == other.values(at)
    assert one.at(at) == other.at(at)
    assert one.status(at) == other.status(at)
    assert one.document == other.document


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 40), st.lists(st.floats(0.0, 60.0), max_size=40))
def test_the_same_log_gives_the_same_state_however_often_one_looks(seed, commands, looks):
    draw = random.Random(seed)
    document = a_show(8, seed)
    log = [(time, *command(draw, 8)) for time in sorted(draw.uniform(0, 60) for _ in range(commands))]
    same(run(document, log), run(document, log, looks), 61.0)


def test_ten_minutes_of_200_cues_equal_a_replay_of_their_log():
    draw = random.Random(20)
    document = a_show(200, 20)
    log = [(time, *command(draw, 200)) for time in sorted(draw.uniform(0, 600) for _ in range(400))]
    live = run(document, log, looks=[frame / 10 for frame in range(6000)])
    same(live, run(document, log), 601.0)


def test_many_threads_may_use_one_show():
    show = show_of(*(Cue(n(i), moves={A: i / 20}, time=Times(0.01)) for i in range(1, 20)))
    failed = []

    def use(commands):
        try:
            for _ in range(100):
                for one in commands:
                    one()
        except Exception as error:
            failed.append(error)

    users = [
        (show.go, show.back, lambda: show.panic(0.0)),
        (show.now, show.values, show.status),
        (lambda: show.set({A: 0.5}), lambda: CueEditor(show).record(5), show.undo),
        (lambda: show.set_master(0.5), show.tap, lambda: show.set_blackout(False)),
    ]
    threads = [threading.Thread(target=use, args=(user,)) for user in users]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert isinstance(show.now(), Lighting)

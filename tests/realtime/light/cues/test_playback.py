"""Playing cues by Eos's rules, at times that the tests give."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facemodel import LimelightError
from realtime.light.cues.cue import Cue, CueNumber, Times
from realtime.light.cues.cue_list import CueList
from realtime.light.cues.playback import Playback
from realtime.light.values import DEFAULTS

A, B, C = "light/1/intensity", "light/2/intensity", "light/1/color"
AZIMUTH, ELEVATION = "light/1/azimuth", "light/1/elevation"
KIND, KELVIN, TURN = "light/1/kind", "light/1/temperature", "environment/rotation"


def n(number):
    return CueNumber.of(number)


def cue(number, moves=None, time=4.0, **more):
    return Cue(n(number), moves=moves or {}, time=time if isinstance(time, Times) else Times(time), **more)


def playing(*cues, start=None):
    return Playback(CueList(cues, start or {}))


def seen(playback, at, *names):
    values = playback.at(at)
    return values[names[0]] if len(names) == 1 else tuple(values[name] for name in names)


def active(playback, at):
    progress = playback.progress(at)
    return progress.active and str(progress.active)


def test_go_fades_what_moves():
    playback = playing(cue(1, {A: 1.0}), cue(2, {B: 0.5}))
    assert seen(playback, 10, A) == 0.0
    playback.go(10)
    assert [seen(playback, at, A) for at in (10, 11, 12, 14, 100)] == pytest.approx([0.0, 0.25, 0.5, 1.0, 1.0])
    playback.go(100)
    assert seen(playback, 102, A, B) == (1.0, 0.25)


def test_colour_fades_in_linear_light_and_temperature_in_mired():
    playback = playing(cue(1, {C: (0.0, 1.0, 0.5), KELVIN: 3000.0}), start={KELVIN: 6000.0})
    playback.go(0)
    assert seen(playback, 2, C) == pytest.approx((0.5, 1.0, 0.75))
    assert seen(playback, 2, KELVIN) == pytest.approx(4000.0)
    assert seen(playback, 4, KELVIN) == 3000.0


def test_turns_go_the_shorter_way_round():
    playback = playing(cue(1, {TURN: -170.0}), start={TURN: 170.0})
    playback.go(0)
    assert [seen(playback, at, TURN) for at in (1, 3, 4)] == pytest.approx([175.0, -175.0, -170.0])


def test_snap_values_change_at_the_start_after_the_delay():
    playback = playing(cue(1, {KIND: "spot", A: 1.0}, delay=Times(0.0, beam=3.0)))
    playback.go(0)
    assert seen(playback, 2.9, KIND, A) == ("point", 0.725)
    assert seen(playback, 3, KIND) == "spot"


def test_up_and_down_times_differ():
    playback = playing(cue(1, {A: 1.0, B: 0.0}, Times(2.0, down=8.0)), start={B: 1.0})
    playback.go(0)
    assert seen(playback, 1, A, B) == (0.5, 0.875)
    assert seen(playback, 2, A, B) == (1.0, 0.75)
    assert playback.progress(2).remaining == 6.0
    assert playback.progress(2).fraction == 0.25


def test_times_and_delays_differ_by_category():
    playback = playing(cue(1, {A: 1.0, C: (0.0, 0.0, 0.0)}, Times(2.0, color=4.0), delay=Times(1.0, color=3.0)))
    playback.go(0)
    assert seen(playback, 1, A) == 0.0
    assert seen(playback, 2, A) == 0.5
    assert seen(playback, 3, C) == (1.0, 1.0, 1.0)
    assert seen(playback, 5, C) == (0.5, 0.5, 0.5)
    assert playback.progress(5).remaining == 2.0


def test_a_fade_in_a_fade_begins_at_the_live_value():
    playback = playing(cue(1, {A: 1.0, B: 1.0}), cue(2, {A: 0.0}))
    playback.go(0)
    playback.go(2)
    assert seen(playback, 2, A) == 0.5
    assert seen(playback, 4, A, B) == (0.25, 1.0)  # B went on in its own time


def test_until_a_delay_is_over_the_old_fade_goes_on():
    playback = playing(cue(1, {A: 1.0}), cue(2, {A: 0.0}, delay=Times(1.0)))
    playback.go(0)
    playback.go(2)
    assert seen(playback, 3, A) == 0.75
    assert seen(playback, 5, A) == pytest.approx(0.375)


def test_what_waits_for_its_delay_gives_way_to_a_newer_cue():
    playback = playing(cue(1, {A: 1.0, B: 1.0}, delay=Times(3.0)), cue(2, {A: 0.5}, 0.0))
    playback.go(0)
    playback.go(1)
    assert seen(playback, 9, A, B) == (0.5, 1.0)


def test_a_hang_begins_no_cue_before_the_one_that_it_hangs_on():
    playback = playing(cue(1, {B: 1.0}, 1.0, hang=-5.0), cue(2, {A: 1.0}))
    playback.go(10)
    assert seen(playback, 12, A) == 0.5


def test_lights_go_along_a_great_circle():
    playback = playing(cue(1, {AZIMUTH: 90.0, ELEVATION: 60.0}), start={AZIMUTH: -90.0, ELEVATION: 60.0})
    playback.go(0)
    assert seen(playback, 1, AZIMUTH, ELEVATION) == pytest.approx((-90.0, 75.0))
    assert seen(playback, 2, ELEVATION) == pytest.approx(90.0)
    assert seen(playback, 4, AZIMUTH, ELEVATION) == (90.0, 60.0)


def test_between_opposite_places_a_light_goes_over_the_top():
    playback = playing(cue(1, {AZIMUTH: 180.0, ELEVATION: -20.0}), start={AZIMUTH: 0.0, ELEVATION: 20.0})
    playback.go(0)
    assert seen(playback, 1, AZIMUTH, ELEVATION) == pytest.approx((0.0, 65.0))
    playback = playing(cue(1, {AZIMUTH: 0.0, ELEVATION: -90.0}), start={AZIMUTH: 40.0, ELEVATION: 90.0})
    playback.go(0)
    assert seen(playback, 2, AZIMUTH, ELEVATION) == pytest.approx((40.0, 0.0))


def test_an_azimuth_alone_takes_its_elevation_along_and_gives_it_back():
    playback = playing(cue(1, {AZIMUTH: 90.0}), start={AZIMUTH: -90.0, ELEVATION: 30.0})
    playback.go(0)
    assert seen(playback, 2, ELEVATION) == pytest.approx(90.0)
    assert seen(playback, 4, AZIMUTH, ELEVATION) == (90.0, 30.0)


def test_follow_counts_from_the_start_and_hang_from_completion():
    playback = playing(cue(1, {A: 1.0}, follow=1.0), cue(2, {B: 1.0}, hang=2.0), cue(3, {A: 0.0}, hang=-1.0), cue(4))
    playback.go(0)
    assert playback.progress(0).next_in == 1.0
    assert [active(playback, at) for at in (0.9, 1, 6.9, 7, 9.9, 10)] == ["1", "2", "2", "3", "3", "4"]
    assert seen(playback, 10, A, B) == (0.25, 1.0)


def test_cues_that_start_by_themselves_start_at_their_moment_however_late_one_looks():
    cues = (cue(1, {A: 1.0}, follow=1.0), cue(2, {A: 0.0}, follow=0.5, delay=Times(0.25)), cue(3, {B: 1.0}))
    often, seldom = playing(*cues), playing(*cues)
    often.go(0)
    seldom.go(0)
    for step in range(300):
        often.at(step / 100)
    assert often.at(3.1) == seldom.at(3.1)


def test_a_ring_of_cues_without_time_ends():
    playback = playing(cue(1, follow=0.0), cue(2, follow=0.0, link=n(1)))
    playback.go(0)
    playback.at(1)
    assert active(playback, 1) in ("1", "2")


def test_a_link_says_what_comes_next():
    playback = playing(cue(1, {A: 1.0}, 0.0, link=n(3)), cue(2, {A: 0.5}, 0.0), cue(3, {B: 1.0}, 0.0))
    playback.go(0)
    assert str(playback.progress(0).next) == "3"
    playback.go(1)
    assert seen(playback, 1, A, B) == (0.5, 1.0)  # out of sequence: all that tracks into cue 3


def test_at_the_end_of_the_list_go_does_nothing():
    playback = playing(cue(1, {A: 1.0}, 0.0))
    playback.go(0)
    playback.set(1, {A: 0.3})
    playback.go(2)
    assert (active(playback, 2), seen(playback, 2, A)) == ("1", 0.3)


def test_go_to_asserts_the_whole_state_in_its_time_or_cuts():
    cues = (cue(1, {A: 1.0}, delay=Times(3.0)), cue(2, {B: 1.0}, 0.0), cue(3, {A: 0.0, C: (0.0, 0.0, 1.0)}, 0.0))
    playback = playing(*cues)
    playback.go_to(0, n(3), 0.0)
    assert seen(playback, 0, A, B, C) == (0.0, 1.0, (0.0, 0.0, 1.0))
    playback.go_to(1, n(2), 2.0)
    assert seen(playback, 2, A, B, C) == (0.5, 1.0, (0.5, 0.5, 1.0))  # cue 3's colour goes back to the start
    playback.go_to(10, n(1))
    assert seen(playback, 12, A, B) == (1.0, 1.0)  # as the cue says: a delay of 3 s
    assert seen(playback, 15, B) == 0.5
    with pytest.raises(LimelightError, match="cue 9"):
        playback.go_to(20, n(9))


def test_in_sequence_what_is_tracked_is_left_alone_and_a_block_too():
    blocked = CueList((cue(1, {A: 1.0}, 0.0), cue(2, {B: 1.0}, 0.0))).set_block(n(2))
    playback = Playback(blocked)
    playback.go(0)
    playback.set(1, {A: 0.3})
    playback.go(2)
    assert seen(playback, 2, A, B) == (0.3, 1.0)


def test_assert_plays_what_is_tracked():
    playback = Playback(CueList((cue(1, {A: 1.0}, 0.0), cue(2, {B: 1.0}, 0.0))).set_assert(n(2)))
    playback.go(0)
    playback.set(1, {A: 0.3})
    playback.go(2)
    assert seen(playback, 2, A, B) == (1.0, 1.0)


def test_back_goes_to_the_cue_before():
    playback = playing(cue(1, {A: 1.0}, 0.0), cue(2, {A: 0.0}, 0.0))
    playback.back(0)
    assert active(playback, 0) is None
    playback.go(0)
    playback.go(1)
    playback.back(2)
    assert seen(playback, 2.5, A) == 0.5
    assert active(playback, 3) == "1"
    playback.back(4)
    assert active(playback, 4) == "1"


def test_pause_lets_all_stand_and_go_resumes():
    playback = playing(cue(1, {A: 1.0}, follow=3.0), cue(2, {B: 1.0}))
    playback.go(0)
    playback.pause(2)
    assert seen(playback, 50, A) == 0.5
    assert playback.progress(50).paused
    playback.go(50)
    assert active(playback, 50.5) == "1"
    assert seen(playback, 51, A) == 0.75
    assert active(playback, 51) == "2"


def test_the_rate_quickens_all_that_is_on_its_way():
    playback = playing(cue(1, {A: 1.0}))
    playback.go(0)
    playback.set_rate(1, 2.0)
    assert playback.progress(1).remaining == 1.5
    assert seen(playback, 2, A) == 0.75
    with pytest.raises(LimelightError, match="rate"):
        playback.set_rate(2, 0.0)


def test_standby_chooses_what_go_starts_once():
    playback = playing(cue(1), cue(2), cue(3))
    playback.standby(0, n(3))
    assert str(playback.progress(0).next) == "3"
    playback.go(0)
    assert (active(playback, 0), playback.progress(0).next) == ("3", None)


def test_set_by_hand_a_value_ends_its_fade_until_a_cue_moves_it():
    playback = playing(cue(1, {A: 1.0, B: 1.0}, delay=Times(0.0)), cue(2, {A: 0.0}, delay=Times(2.0)), cue(3, {A: 1.0}))
    playback.go(0)
    playback.set(1, {A: 0.1})
    assert seen(playback, 2, A, B) == (0.1, 0.5)
    playback.go(5)
    playback.set(6, {A: 0.4})  # while it waits
    assert seen(playback, 20, A) == 0.4
    playback.go(20)
    assert seen(playback, 22, A) == pytest.approx(0.7)


def test_release_gives_values_back_to_the_start():
    playback = playing(cue(1, {A: 1.0}, 0.0), cue(2), start={A: 0.2, B: 0.1})
    playback.set(0, {B: 0.7})
    playback.go(0)
    playback.release(1, 2.0)
    assert seen(playback, 2, A, B) == pytest.approx((0.6, 0.7))
    assert (active(playback, 4), str(playback.progress(4).next)) == (None, "1")
    assert seen(playback, 4, A) == 0.2


def test_panic_takes_all_light_out_and_at_once_the_second_time():
    playback = playing(cue(1, {A: 1.0, C: (1.0, 0.0, 0.0)}, 0.0, follow=2.0), cue(2, {A: 0.5}, 0.0))
    playback.set(0, {B: 1.0})
    playback.go(0)
    playback.pause(1)
    playback.panic(1, 4.0)
    assert seen(playback, 3, A, B, "environment/intensity") == (0.5, 0.5, 0.5)
    assert active(playback, 3) is None
    playback.panic(3, 4.0)
    assert seen(playback, 3, A, B, "environment/intensity") == (0.0, 0.0, 0.0)
    assert str(playback.progress(8).next) == "2"
    playback.go(9)
    assert seen(playback, 9, A, "environment/intensity") == (0.5, 1.0)


def test_effects_start_and_stop_with_cues_and_track():
    fade = Times(2.0, down=4.0)
    playback = playing(
        cue(1, effects={"circle": True}, time=fade), cue(2), cue(3, effects={"circle": False}, time=fade)
    )
    playback.go(0)
    (run,) = playback.effects(1)
    assert (run.name, run.level, run.seconds) == ("circle", 0.5, 1.0)
    playback.go(5)
    playback.go(10)
    (run,) = playback.effects(12)
    assert (run.level, run.seconds, run.out_for) == (0.5, 10.0, 2.0)  # going out, it stands still
    assert playback.running() == frozenset()
    assert playback.effects(14) == ()
    playback.go_to(20, n(2), 0.0)
    assert playback.running() == {"circle"}
    playback.release(21, 0.0)
    assert playback.effects(21) == ()


def test_an_effect_waits_for_the_delay_of_its_cue():
    playback = playing(cue(1, effects={"circle": True}, time=0.0, delay=Times(2.0)))
    playback.go(0)
    assert [run.level for run in playback.effects(1)] == [0.0]
    assert [(run.level, run.seconds) for run in playback.effects(3)] == [(1.0, 1.0)]
    stopping = playing(cue(1, effects={"circle": True}, time=0.0), cue(2, effects={"circle": False}, delay=Times(2.0)))
    stopping.go(0)
    stopping.go(1)
    assert [(run.level, run.seconds) for run in stopping.effects(2)] == [(1.0, 2.0)]
    assert [(run.level, run.seconds) for run in stopping.effects(5)] == [(0.5, 3.0)]


def test_edits_do_not_touch_what_is_seen():
    playback = playing(cue(1, {A: 1.0}, 0.0), cue(2, {B: 1.0}, 0.0))
    playback.go(0)
    playback.replace(1, CueList((cue(1, {A: 0.2}, 0.0), cue(3, {B: 0.4}, 0.0))))
    assert seen(playback, 1, A) == 1.0
    playback.go(2)
    assert (active(playback, 2), seen(playback, 2, A, B)) == ("3", (1.0, 0.4))


def test_time_does_not_go_back():
    playback = playing(cue(1, {A: 1.0}))
    playback.go(10)
    assert seen(playback, 12, A) == 0.5
    assert seen(playback, 11, A) == 0.5


LOOKS = st.dictionaries(
    st.sampled_from([A, C, AZIMUTH, ELEVATION, TURN, KIND]), st.integers(0, 3), min_size=1, max_size=4
).map(
    lambda drawn: {
        name: {C: (0.1 * at, 0.5, 1.0), KIND: ("point", "spot")[at % 2], TURN: 60.0 * at - 90.0}.get(name, 0.5 * at)
        for name, at in drawn.items()
    }
)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(LOOKS, st.integers(0, 3), st.integers(0, 2)), min_size=1, max_size=6), st.data())
def test_wherever_one_comes_from_a_cue_ends_in_its_tracked_state(made, data):
    cues = CueList(
        tuple(cue(i, moves, float(time), delay=Times(float(delay))) for i, (moves, time, delay) in enumerate(made, 1))
    )
    last = n(len(made))
    through, straight, about = Playback(cues), Playback(cues), Playback(cues)
    for i, wait in enumerate(
        data.draw(st.lists(st.sampled_from([0.0, 0.7, 9.0]), min_size=6, max_size=6))[: len(made)]
    ):
        through.go(0.8 * i + wait / 20.0)
    straight.go_to(0.0, last, 0.0)
    for i, jump in enumerate(data.draw(st.lists(st.integers(1, len(made)), max_size=4))):
        about.go_to(0.7 * i, n(jump))
    about.go_to(5.0, last)
    state = cues.state_at(last)
    expected = {**DEFAULTS, **{name: cues.value(state, name) for name in DEFAULTS}}
    assert through.at(1000.0) == straight.at(1000.0) == about.at(1000.0) == expected

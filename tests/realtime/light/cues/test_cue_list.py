"""Tracking, and what edits do to it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facemodel import LimelightError
from realtime.light.cues.cue import Cue, CueNumber
from realtime.light.cues.cue_list import CueList, number_between

A, B, C = "light/1/intensity", "light/2/intensity", "light/1/color"


def n(number):
    return CueNumber.of(number)


def cues(*moves, **more):
    """Return a list of cues 1, 2, 3... with these moves."""
    return CueList(tuple(Cue(n(i), moves=m) for i, m in enumerate(moves, 1)), **more)


def looks(the_list, *names):
    return [tuple(the_list.value(the_list.state_at(cue.number), name) for name in names) for cue in the_list]


def test_values_track_until_a_cue_moves_them():
    the_list = cues({A: 1.0}, {B: 0.5}, {A: 0.2}, start={B: 0.1})
    assert looks(the_list, A, B) == [(1.0, 0.1), (1.0, 0.5), (0.2, 0.5)]
    assert the_list.state_at(n(1.5)) == the_list.state_at(n(1))
    assert the_list.state_at(n(0.5)).values == {}


def test_an_edit_tracks_up_to_the_next_move():
    the_list = cues({A: 1.0}, {}, {A: 0.2}).update(n(1), {A: 0.7})
    assert looks(the_list, A) == [(0.7,), (0.7,), (0.2,)]


def test_cue_only_restores_in_the_next_cue():
    the_list = cues({A: 1.0}, {}, {}, {}).update(n(2), {A: 0.7, B: 1.0}, cue_only=True)
    assert looks(the_list, A, B) == [(1.0, 0.0), (0.7, 1.0), (1.0, 0.0), (1.0, 0.0)]
    assert the_list.cue(n(3)).moves == {A: 1.0, B: 0.0}
    assert the_list.cue(n(4)).moves == {}


def test_an_edit_stops_at_a_cue_that_blocks():
    the_list = cues({A: 1.0}, {}, {}).set_block(n(2)).update(n(1), {A: 0.7, B: 1.0})
    assert looks(the_list, A, B) == [(0.7, 1.0), (1.0, 0.0), (1.0, 0.0)]


def test_unblocked_a_cue_moves_only_what_changes_in_it():
    blocked = cues({A: 1.0, B: 0.3}, {B: 0.5}, {}).set_block(n(2))
    assert blocked.cue(n(2)).moves == {A: 1.0, B: 0.5}
    free = blocked.set_block(n(2), on=False)
    assert free.cue(n(2)) == Cue(n(2), moves={B: 0.5})


def test_a_recorded_cue_moves_what_differs_from_what_tracks_into_it():
    the_list = cues({A: 1.0}, {}).record(Cue(n(1.5), name="new"), {A: 1.0, B: 0.6, C: (1.0, 1.0, 1.0)}, ["circle"])
    assert the_list.cue(n(1.5)) == Cue(n(1.5), name="new", moves={B: 0.6}, effects={"circle": True})
    again = the_list.record(Cue(n(2)), {A: 1.0, B: 0.6})
    assert again.cue(n(2)) == Cue(n(2), effects={"circle": False})


def test_effects_track_as_values_do():
    the_list = cues({}, {}, {}).update(n(1), {}, ["circle"])
    assert the_list.state_at(n(3)).effects == {"circle": True}
    stopped = the_list.update(n(2), {}, [], cue_only=True)
    assert [stopped.state_at(cue.number).effects["circle"] for cue in stopped] == [True, False, True]


def test_a_deleted_cue_takes_what_tracked_from_it_along_or_leaves_it():
    the_list = cues({A: 1.0}, {A: 0.5, B: 1.0}, {})
    assert looks(the_list.delete(n(2)), A, B) == [(1.0, 0.0), (1.0, 0.0)]
    assert looks(the_list.delete(n(2), cue_only=True), A, B) == [(1.0, 0.0), (0.5, 1.0)]
    with pytest.raises(LimelightError, match="cue 9"):
        the_list.delete(n(9))


def test_links_go_with_their_cue():
    the_list = CueList((Cue(n(1)), Cue(n(2), link=n(1))))
    assert the_list.renumber(n(1), n(5)).cue(n(2)).link == n(5)
    assert the_list.delete(n(1)).cue(n(2)).link is None
    with pytest.raises(LimelightError, match="links to cue 7"):
        the_list.insert(Cue(n(3), link=n(7)))


def test_numbers_are_unique():
    the_list = cues({}, {})
    with pytest.raises(LimelightError, match="cue 2"):
        the_list.renumber(n(1), n(2))
    with pytest.raises(LimelightError, match="cue 2"):
        the_list.insert(Cue(n(2)))
    with pytest.raises(LimelightError, match="two of this number"):
        CueList((Cue(n(1)), Cue(n(1))))


def test_a_cue_is_moved_between_others():
    the_list = cues({A: 0.1}, {A: 0.2}, {A: 0.3})
    moved = the_list.renumber(n(3), the_list.number_before(n(3), n(2)))
    assert [str(cue.number) for cue in moved] == ["1", "1.5", "2"]
    assert looks(moved, A) == [(0.1,), (0.3,), (0.2,)]
    assert the_list.number_before(n(1), None) == n(4)
    uneven = the_list.renumber(n(2), n(2.5))
    for number, before in ((1, 1), (1, 2.5), (2.5, 3), (3, None)):
        assert uneven.number_before(n(number), n(before) if before else None) == n(number)  # it stands there already
    with pytest.raises(LimelightError, match="cue 9"):
        the_list.number_before(n(1), n(9))
    linked = CueList((Cue(n(1), link=n(2)), Cue(n(2)), Cue(n(3))))
    assert linked.renumber(n(2), linked.number_before(n(2), None)).cue(n(1)).link == n(4)


@pytest.mark.parametrize(
    ("lower", "upper", "between"), [(1, 3, "2"), (1, 2, "1.5"), (1.5, 2, "1.6"), (1.9, 2, "1.91"), (None, 1, "0.5"),
                                    (4.2, None, "5"), (1.998, 2, "1.999")]
)  # fmt: skip
def test_the_shortest_number_between(lower, upper, between):
    assert str(number_between(lower and n(lower), upper and n(upper))) == between


def test_no_number_is_left_between_neighbours():
    with pytest.raises(LimelightError, match="no number is left"):
        number_between(n(1.001), n(1.002))


LEVELS = st.sampled_from([0.0, 0.25, 0.5, 1.0])
MOVES = st.dictionaries(st.sampled_from([A, B]), LEVELS)


@given(st.lists(st.tuples(MOVES, st.booleans()), min_size=2, max_size=6), st.data())
def test_edits_reach_as_far_as_they_may(made, data):
    the_list = CueList(tuple(Cue(n(i), moves=moves) for i, (moves, _) in enumerate(made, 1)))
    for i, (_, block) in enumerate(made, 1):
        the_list = the_list.set_block(n(i)) if block else the_list
    before = looks(the_list, A, B)
    at = data.draw(st.integers(1, len(made)))
    new = data.draw(MOVES)
    cue_only = data.draw(st.booleans())
    after = looks(the_list.update(n(at), new, cue_only=cue_only), A, B)
    assert after[: at - 1] == before[: at - 1]
    assert after[at - 1] == tuple(new.get(name, old) for name, old in zip((A, B), before[at - 1], strict=True))
    blocked = [i for i, (_, block) in enumerate(made, 1) if block and i > at]
    kept_from = at + 1 if cue_only else min(blocked, default=len(made) + 1)
    assert after[kept_from - 1 :] == before[kept_from - 1 :]
    deleted = looks(the_list.delete(n(at), cue_only=True), A, B)
    assert deleted == before[: at - 1] + before[at:]

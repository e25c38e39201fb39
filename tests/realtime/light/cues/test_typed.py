"""Words of a cue as people type them."""

from __future__ import annotations

import pytest

from facemodel import LimelightError
from realtime.light.cues.cue import Cue, CueNumber, Times
from realtime.light.cues.typed import told, typed

CUE = Cue(
    CueNumber.of(2), "Dusk", "slowly", Times(4.0, 6.5, color=1.0), Times(0.5), hang=-1.0, link=CueNumber.of("0.125")
)
WORDS = {
    "name": "Dusk", "notes": "slowly", "time up": "4", "time down": "6.5", "time focus": "", "time color": "1",
    "time beam": "", "delay up": "0.5", "delay down": "", "follow": "", "hang": "-1", "link": "0.125",
}  # fmt: skip


def test_what_is_told_and_typed_again_changes_nothing():
    assert {word: told(CUE, word) for word in WORDS} == WORDS
    for word, text in WORDS.items():
        assert typed(CUE, word, text) == CUE


def test_words_are_typed():
    cue = Cue(CueNumber.of(1))
    for word, text in WORDS.items():
        cue = typed(cue, word, f" {text} ")
    assert cue == Cue(CueNumber.of(1), **{name: getattr(CUE, name) for name in vars(CUE) if name != "number"})


def test_nothing_is_what_a_cue_has_that_does_not_say_it():
    cue = CUE
    for word in WORDS:
        cue = typed(cue, word, "")
    assert cue == Cue(CueNumber.of(2))


@pytest.mark.parametrize(
    ("word", "text", "line"),
    [
        ("time up", "soon", "cue 2: time: must be a number, got 'soon'"),
        ("time down", "-1", "cue 2: time: down: times are 0 to 86400 seconds, got -1.0"),
        ("delay color", "nan", "cue 2: delay: color: times are 0 to 86400 seconds, got nan"),
        ("hang", "1e9", "cue 2: hang is at most 86400 seconds, got 1000000000.0"),
        ("follow", "2", "cue 2: it may have a follow or a hang, not both"),
        ("link", "two", "cue 2: link: 'two' is no cue's number; those are 0.001 to 9999.999, with up to three places"),
    ],
)
def test_what_a_show_file_may_not_say_is_refused_in_one_line(word, text, line):
    with pytest.raises(LimelightError) as refused:
        typed(CUE, word, text)
    assert str(refused.value) == line

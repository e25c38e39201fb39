from __future__ import annotations

import mido
import pytest

from facemodel import LimelightError
from realtime.controls.chase import Chase, Mark, read_marks
from realtime.controls.inbox import Inbox
from realtime.controls.table import Call
from realtime.frame_rate import FrameRate, Timecode
from realtime.timecode.midi_input import MtcReader
from realtime.timecode.source import ChasedTimecode
from tests.realtime.controls.small_show import make
from tests.waiting import wait_for

RATE = FrameRate.parse("25")
MARKS = (Mark((1, 0, 10, 0), "1"), Mark((1, 0, 20, 12), "2.5"))


class Show:
    """A show that follows timecode, call by call."""

    def __init__(self) -> None:
        self.show, table = make()
        self.log: list[Call] = []
        table.listen(self.log.append)
        self.inbox = Inbox(table)
        self.chase = Chase(self.inbox, MARKS, lambda moment: None)

    def at(self, text: str | None) -> list[tuple]:
        self.log.clear()
        self.chase.follow(None if text is None else Timecode.parse(text, RATE))
        self.inbox.drain()
        return [call.args for call in self.log]


def test_cues_start_at_their_marks_with_their_own_times():
    show = Show()
    assert show.at("01:00:09:20") == []
    assert show.at("01:00:09:24") == []
    assert show.at("01:00:10:00") == [("1", -1.0)]
    assert show.at("01:00:10:01") == []
    for second in range(11, 20):
        assert show.at(f"01:00:{second}:01") == []
    assert show.at("01:00:20:00") == []
    assert show.at("01:00:20:13") == [("2.5", -1.0)]


def test_a_mark_is_not_passed_twice_where_timecode_trembles():
    show = Show()
    show.at("01:00:09:24")
    assert show.at("01:00:10:00") == [("1", -1.0)]
    assert show.at("01:00:09:24") == []
    assert show.at("01:00:10:00") == []


def test_where_timecode_jumps_the_cue_before_is_there_at_once():
    show = Show()
    assert show.at("01:00:15:00") == [("1", 0.0)]
    assert show.at("02:00:00:00") == [("2.5", 0.0)]
    assert show.at("01:00:12:00") == [("1", 0.0)]
    assert show.at("01:00:16:00") == []  # a jump between two marks
    assert show.at("00:00:00:00") == []
    assert show.at(None) == []
    assert show.at("01:00:30:00") == [("2.5", 0.0)]


def test_mtc_is_chased():
    show = Show()
    chased = ChasedTimecode("MTC")
    reader = MtcReader(chased)
    chase = Chase(show.inbox, MARKS, chased.at)
    chase.start()
    try:
        full = (0x7F, 0x7F, 0x01, 0x01, 1 | 0x20, 0, 15, 0)  # 01:00:15:00 at 25 frames a second
        reader.hear(mido.Message("sysex", data=full))

        def played() -> bool:
            reader.hear(mido.Message("sysex", data=full))
            show.inbox.drain()
            return str(show.show.status().progress.active) == "1"

        wait_for(played)
    finally:
        chase.stop()


def test_marks_are_read_from_a_file(tmp_path):
    path = tmp_path / "marks.txt"
    path.write_text("# the song\n01:00:20:12  2.50\n\n01:00:10:00 1 # first verse\n")
    assert read_marks(path) == MARKS


@pytest.mark.parametrize("line", ["01:00:10:00", "1", "25:00:00:00 1", "01:61:00:00 1", "01:00:10:00 one", "a b"])
def test_a_line_that_is_none_is_told(line, tmp_path):
    path = tmp_path / "marks.txt"
    path.write_text(f"01:00:00:00 1\n{line}\n")
    with pytest.raises(LimelightError, match="line 2"):
        read_marks(path)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(LimelightError, match="cannot be read"):
        read_marks(tmp_path / "marks.txt")

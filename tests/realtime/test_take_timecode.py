"""Timecode in takes: written where it begins and jumps, and read back for every frame."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from realtime.frame_rate import FrameRate, Timecode
from realtime.takes import TakePlayer, load_take
from realtime.takes.edit import trim_take
from realtime.takes.messages import TimecodeMark
from realtime.takes.summary import summarise, summary_lines
from tests.realtime.take_factory import result, write_take

DROP = FrameRate.parse("29.97df")
FILM = FrameRate.parse("24")


def a_performance(jump: bool = False) -> list:
    """90 frames at 30 a second from 00:00:59;20 on; with a jump to another timecode and rate in the middle."""
    begun, later = Timecode.parse("00:00:59;20", DROP), Timecode.parse("10:00:00:00", FILM)
    frames = [result(i) for i in range(90)]
    start = frames[0].time
    return [
        replace(r, timecode=later.plus(r.time - frames[45].time) if jump and i >= 45 else begun.plus(r.time - start))
        for i, r in enumerate(frames)
    ]


@pytest.mark.parametrize("jump", [False, True])
def test_every_frame_has_its_timecode_again(tmp_path, jump):
    written = a_performance(jump)
    take = load_take(write_take(tmp_path / "a.mcap", written))
    assert len(take.timecodes) == 1 + jump
    player = TakePlayer(take)
    for before in written:
        after = player.read()
        assert after.timecode.rate == before.timecode.rate
        assert abs(float(after.timecode.minus(before.timecode))) < 1e-3


def test_uneven_timecode_is_not_written_anew(tmp_path):
    written = [replace(r, timecode=r.timecode.plus((i % 3 - 1) * 0.003)) for i, r in enumerate(a_performance())]
    assert len(load_take(write_take(tmp_path / "a.mcap", written)).timecodes) == 1


def test_a_take_without_timecode_has_none(tmp_path):
    take = load_take(write_take(tmp_path / "a.mcap", [result(0), result(1)]))
    assert take.timecode_at(0.0) is None
    assert TakePlayer(take).read().timecode is None


def test_a_trimmed_take_keeps_it(tmp_path):
    written = a_performance(jump=True)
    take = write_take(tmp_path / "a.mcap", written)
    trim_take(take, tmp_path / "b.mcap", 1.0, 2.5)
    part = load_take(tmp_path / "b.mcap")
    first = next(r for r in written if r.frame.index == part.frames[0].index)
    assert abs(float(part.timecode_at(part.frames[0].time).minus(first.timecode))) < 1e-3


def test_it_is_told(tmp_path):
    summary = summarise(load_take(write_take(tmp_path / "a.mcap", a_performance(jump=True))))
    json.dumps(summary)
    assert [mark["timecode"] for mark in summary["timecode"]] == ["00:00:59;20", "10:00:00:00"]
    assert "00:00:59;20 at 29.97df" in "\n".join(summary_lines(summary))


@pytest.mark.parametrize(
    "content",
    [
        {"time": 0, "timecode": "1:2", "subframe": 0, "rate": "25"},
        {"time": 0, "timecode": "00:00:00:00", "subframe": 0, "rate": "13"},
        {"time": 0, "timecode": "00:00:00:00", "subframe": "x", "rate": "25"},
        {"timecode": "00:00:00:00"},
        [],
    ],
)
def test_a_malformed_mark_is_told_from_one(content):
    with pytest.raises((ValueError, KeyError, TypeError)):
        TimecodeMark.from_json(json.dumps(content).encode())

"""Clips: what is left of a take after in and out points, cleaning and resampling, and its timecode."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from facemodel import LimelightError
from realtime.frame_rate import RATES, FrameRate, Timecode
from realtime.takes import Marker, Take, TakeWriter, load_take
from realtime.takes.clean import Cleaning
from realtime.takes.clip import Clip, ClipEdit, export_range
from realtime.takes.edit import trim_take
from realtime.takes.rows import Rows
from realtime.takes.scene.motion import ClipInfo
from tests.realtime.clip_rows import assert_equal, rows_at
from tests.realtime.take_factory import face, header, model, result, write_take

COUNT = 1200  # more than two blocks
FPS = 30.0
RATE = FrameRate.parse("25")


def moving(index: int):
    """Frame `index` of a face that moves smoothly; from 500 on it is lost for four frames."""
    if 500 <= index < 504:
        return result(index, ())
    rows = rows_at([100.0 + index / FPS])
    one = replace(face(index), smoothed=rows.vectors[0], raw=rows.vectors[0] + np.float32(0.001))
    return result(index, (one,))


def record(
    path: Path, count: int = COUNT, markers: dict[float, str] | None = None, timecode: Timecode | None = None
) -> Take:
    with TakeWriter(path, header(), model()) as writer:
        for i in range(count):
            one = moving(i)
            writer.append(replace(one, timecode=timecode.plus(i / FPS)) if timecode else one)
        for seconds, text in (markers or {}).items():
            writer.mark(Marker(100.0 + seconds, text))
    return load_take(path)


@pytest.fixture(scope="module")
def take(tmp_path_factory) -> Take:
    return record(
        tmp_path_factory.mktemp("clip") / "a.mcap", markers={5.0: "in", 6.0: "in", 20.0: "smile", 35.0: "out"}
    )


def rows(clip: Clip) -> Rows:
    blocks = list(clip.blocks())
    assert sum(map(len, blocks)) == len(clip)
    for block in blocks:
        assert block.channels.rows.shape[0] == len(block)
    return Rows.join(
        Rows(**{name: value for name, value in vars(block).items() if name != "channels"}) for block in blocks
    )


def test_a_clip_is_the_whole_take_as_it_is(take):
    track, found = take.track(), rows(Clip(take))
    for name in ("index", "size", "person", "confidence", "crop"):
        np.testing.assert_array_equal(getattr(found, name), getattr(track, name))
    np.testing.assert_array_equal(found.vectors, track.smoothed)
    np.testing.assert_array_equal(rows(Clip(take, raw=True)).vectors, track.raw)
    np.testing.assert_array_equal(found.time, take.times)


@pytest.mark.parametrize(
    "edit", [ClipEdit(), ClipEdit(cleaning=Cleaning()), ClipEdit(rate=RATE), ClipEdit(cleaning=Cleaning(), rate=RATE)]
)
def test_a_part_is_what_the_whole_has_there(take, edit):
    whole = rows(Clip(take, edit=edit))
    begin, end = 12.0, 27.0
    part = rows(Clip(take, edit=replace(edit, begin=begin, end=end)))
    inside = (whole.time >= 100.0 + begin - 1e-6) & (whole.time <= 100.0 + end + 1e-6)
    expected = whole.choose(inside)
    assert len(part) == len(expected) > 300
    np.testing.assert_allclose(part.vectors, expected.vectors, atol=1e-5)
    np.testing.assert_allclose(part.time, expected.time, atol=1e-9)


def test_an_in_point_between_frames_is_where_even_times_begin(take):
    clip = Clip(take, edit=ClipEdit(begin=1.01, end=2.0, rate=Fraction(50)))
    found = rows(clip)
    assert found.time[0] == pytest.approx(101.01, abs=1e-9) and len(found) == 50
    np.testing.assert_allclose(found.vectors[0], rows_at([101.01]).vectors[0], atol=5e-3)


def test_cleaning_closes_the_loss(take):
    assert rows(Clip(take)).there.sum() == COUNT - 4
    assert rows(Clip(take, edit=ClipEdit(cleaning=Cleaning()))).there.all()
    assert not rows(Clip(take, edit=ClipEdit(cleaning=Cleaning(gaps=0.05)))).there.all()


def test_in_and_out_markers_are_the_range_and_any_marker_can_be(take):
    assert export_range(take) == pytest.approx((6.0, 35.0))  # the last of each
    assert export_range(take, "smile") == pytest.approx((20.0, 35.0))
    assert export_range(take, "0", "7.5") == (0.0, 7.5)
    clip = Clip(take, edit=ClipEdit(*export_range(take)))
    assert len(clip) == 29 * 30 + 1


def test_a_take_without_markers_has_no_range(tmp_path):
    assert export_range(record(tmp_path / "a.mcap", 3)) == (None, None)


@pytest.mark.parametrize(
    ("begin", "end", "reason"),
    [("smle", None, "neither seconds nor a marker"), ("36", None, "ends before it begins"), ("nan", None, "neither")],
)
def test_a_range_that_makes_no_sense_is_one_line(take, begin, end, reason):
    with pytest.raises(LimelightError, match=reason) as error:
        export_range(take, begin, end)
    assert "\n" not in str(error.value)


def test_a_part_without_frames_is_one_line(take):
    with pytest.raises(LimelightError, match="no frame in that part"):
        Clip(take, edit=ClipEdit(begin=500.0))


@pytest.mark.parametrize("rate", RATES, ids=str)
def test_timecode_counts_from_the_start_that_was_given(take, rate):
    start = Timecode.parse("01:00:59:20", rate)
    clip = Clip(take, edit=ClipEdit(rate=rate, start=start))
    codes = [code for block in clip.blocks() for code in clip.timecodes(block)]
    assert codes[0] == start and len(codes) == len(clip)
    assert len({str(code) for code in codes}) == len(codes)
    assert all(b.number - a.number == 1 for a, b in zip(codes, codes[1:], strict=False))


def test_a_takes_own_timecode_is_kept_and_frames_fall_on_it(tmp_path):
    own = Timecode.parse("10:00:00:05", FrameRate.parse("30")).plus(0.01)
    take = record(tmp_path / "a.mcap", 60, timecode=own)
    clip = Clip(take)
    (block,) = clip.blocks()
    for i, code in enumerate(clip.timecodes(block)):
        assert float(code.minus(own)) == pytest.approx(i / FPS, abs=1e-4)
    even = Clip(take, edit=ClipEdit(rate=FrameRate.parse("25")))
    (block,) = even.blocks()
    first = even.timecodes(block)[0]
    assert first.subframe == 0.0 and first.rate == FrameRate.parse("25")
    seconds = [float(code.number / code.rate.exact) for code in (own, first)]
    assert block.time[0] - 100.0 == pytest.approx(seconds[1] - seconds[0], abs=1e-4)
    assert 0.0 <= seconds[1] - seconds[0] < 0.04


def test_without_timecode_it_is_the_time_of_day(take):
    clip = Clip(take)
    code = clip.timecodes(next(clip.blocks()))[1]
    began = datetime.fromisoformat(take.header.created).astimezone()
    hours, minutes, seconds, frames = code.fields
    assert (hours, minutes) == (began.hour, began.minute)
    assert seconds + (frames + code.subframe) / 60 == pytest.approx(
        began.second + began.microsecond / 1e6 + 1 / 30, abs=1e-5
    )


def test_even_times_for_formats_without_times(take):
    clip = Clip(take).even
    assert len(clip) == COUNT and clip.fps == 30.0 and clip.even is clip
    assert_equal(replace(rows(clip), index=rows(Clip(take)).index), rows(Clip(take)), atol=1e-4)


def test_progress_counts_all_frames(take):
    counted: list[int] = []
    rows(Clip(take, edit=ClipEdit(rate=RATE), progress=counted.append))
    assert sum(counted) == len(Clip(take, edit=ClipEdit(rate=RATE)))


def test_a_trimmed_take_has_the_time_of_day_of_its_first_frame(take, tmp_path):
    trim_take(take.path, tmp_path / "part.mcap", 10.0, 12.0)
    whole, part = Clip(take, edit=ClipEdit(begin=10.0, end=12.0)), Clip(load_take(tmp_path / "part.mcap"))
    (expected,), (found,) = whole.blocks(), part.blocks()
    codes = [clip.timecodes(block)[0] for clip, block in ((whole, expected), (part, found))]
    assert codes[1].number == pytest.approx(codes[0].number, abs=1e-3)


def test_a_trimmed_take_has_the_frames_of_a_clip(tmp_path):
    take = record(tmp_path / "a.mcap", 100)
    for begin, end in ((3 / FPS, 9 / FPS), (1.1, 2.3)):  # of frames, but for rounding
        trim_take(take.path, tmp_path / "part.mcap", begin, end)
        part = load_take(tmp_path / "part.mcap")
        np.testing.assert_array_equal(part.times, rows(Clip(take, edit=ClipEdit(begin=begin, end=end))).time)
        assert len(part) == round((end - begin) * FPS) + 1
        part.path.unlink()


@pytest.mark.parametrize("fps", [0.0, float("inf"), -5.0])
def test_a_take_that_does_not_know_its_rate_counts_with_30(tmp_path, fps):
    take = load_take(write_take(tmp_path / "a.mcap", [moving(i) for i in range(60)]))
    take = replace(take, header=replace(take.header, fps=fps))
    clip = Clip(take)
    assert clip.fps == clip.even.fps == 30.0 and len(clip.even) == 60
    assert ClipInfo.of(clip).fps == 30.0
    assert rows(Clip(take, edit=ClipEdit(rate=RATE))).there.all()

"""Slates: in names of takes, and through addresses."""

from __future__ import annotations

from datetime import datetime
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facemodel import LimelightError
from realtime.takes.slate import Slate

NOW = datetime(2026, 11, 28, 20, 15, 0)


def test_a_take_without_a_scene_is_named_after_the_moment(tmp_path):
    first = Slate().path(tmp_path, now=NOW)
    assert first.name == "take-20261128-201500.mcap"
    first.touch()
    assert Slate().path(tmp_path, now=NOW).name == "take-20261128-201500-2.mcap"


def test_a_scene_stands_in_the_name(tmp_path):
    assert Slate("A1", 3).path(tmp_path, now=NOW).name == "A1-take03-20261128-201500.mcap"
    assert Slate("A1", 3).path(tmp_path, "{scene}_{take:03d}").name == "A1_003.mcap"


def test_a_scene_cannot_leave_the_folder(tmp_path):
    path = Slate("../../etc/pass:wd?", 1).path(tmp_path, "{scene}")
    assert path.parent == tmp_path
    assert path.name == "-..-etc-pass-wd-.mcap"


@pytest.mark.parametrize("pattern", ["{name}", "{take:q}", "{scene.x}", "{0}", "{", "..."])
def test_a_bad_pattern_is_refused_in_one_line(pattern, tmp_path):
    with pytest.raises(LimelightError, match="name pattern"):
        Slate("A", 1).path(tmp_path, pattern)


@given(st.text(), st.integers(1, 999), st.text())
def test_an_address_carries_it(scene, take, notes):
    slate = Slate(scene, take if scene else 1, notes)
    assert Slate.from_options(dict(parse_qsl(slate.query, keep_blank_values=True))) == slate


@pytest.mark.parametrize("number", ["0", "-1", "x", ""])
def test_a_take_has_a_number(number):
    with pytest.raises(LimelightError, match="from 1 on"):
        Slate.from_options({"scene": "A", "take": number})


def test_the_next_take_of_a_scene():
    assert Slate("A", 2, "good").next() == Slate("A", 3)
    assert Slate("", 1, "good").next() == Slate()

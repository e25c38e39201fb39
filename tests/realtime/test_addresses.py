"""Addresses of sinks, and which sink is meant."""

from __future__ import annotations

from dataclasses import replace

import pytest

from facemodel import LimelightError
from realtime.outputs.video_file import VideoFile
from realtime.sinks.address import Address
from realtime.sinks.contract import Policy
from realtime.sinks.recorder import Recorder
from realtime.sinks.registry import KINDS, open_sink


def test_a_path_is_a_file():
    address = Address.parse("shows/Monday 8.mcap")
    assert (address.scheme, address.path, address.suffix, address.options) == ("", "shows/Monday 8.mcap", ".mcap", {})


def test_options_may_follow_a_path():
    address = Address.parse("session.MCAP?pictures")
    assert (address.path, address.suffix, address.options) == ("session.MCAP", ".mcap", {"pictures": ""})


def test_a_question_mark_may_be_part_of_a_name():
    address = Address.parse("what?.mcap")
    assert (address.path, address.suffix, address.options) == ("what?.mcap", ".mcap", {})


def test_a_url_is_taken_apart():
    address = Address.parse("VMC://127.0.0.1:39539/head%20only?rate=60&name=a+b")
    assert (address.scheme, address.host, address.port) == ("vmc", "127.0.0.1", 39539)
    assert (address.path, address.options, address.suffix) == ("/head only", {"rate": "60", "name": "a b"}, "")
    assert Address.parse("ws://[::1]:8001").host == "::1"
    assert Address.parse("vcam://").port is None


@pytest.mark.parametrize("text", ["vmc://host:port", "vmc://host:70000"])
def test_a_port_that_is_none_is_refused(text):
    with pytest.raises(LimelightError, match="port must be a number from 0 to 65535"):
        Address.parse(text)


@pytest.mark.parametrize("text", ["vmc://[::1", "vmc://::1]:39539"])
def test_brackets_without_an_ipv6_address_are_refused(text):
    with pytest.raises(LimelightError, match=r"an IPv6 host stands in brackets, such as \[::1\]"):
        Address.parse(text)


def test_files_open_their_sinks(tmp_path):
    take, video = open_sink(str(tmp_path / "a.mcap")), open_sink(str(tmp_path / "b.mp4"))
    assert isinstance(take.sink, Recorder)
    assert isinstance(video.sink, VideoFile)
    assert (take.config.policy, video.config.policy) == (Policy.EVERY, Policy.NEWEST)
    assert take.config.per_feed
    assert list(tmp_path.iterdir()) == []  # nothing is made before a feed begins


@pytest.mark.parametrize("text", ["notes.txt", "gopher://x", "", "vcam.mcap.zip"])
def test_what_no_kind_takes_is_refused_with_what_there_is(text):
    with pytest.raises(
        LimelightError, match=r"no such kind of sink; addresses look like .*session\.mcap.*overlay\.mp4"
    ):
        open_sink(text)


def test_every_kind_explains_itself_and_opens_its_own_examples():
    assert len({kind.name for kind in KINDS}) == len(KINDS)
    for kind in KINDS:
        assert kind.title
        assert kind.examples
        for example, _ in kind.examples:
            address = Address.parse(example)
            assert [other.name for other in KINDS if other.takes(address)] == [kind.name]
            kind.open(replace(address))

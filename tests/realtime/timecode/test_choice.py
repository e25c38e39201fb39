"""Choosing timecode: a device is let go before it is opened again, and nothing is opened after the end."""

from __future__ import annotations

import pytest

from facemodel import LimelightError
from realtime.timecode import choice
from realtime.timecode.choice import TimecodeChoice


class Devices:
    """Sources that note what happens to them; a device can be open once."""

    def __init__(self, monkeypatch):
        self.log: list[str] = []
        self.open: set[str] = set()
        self.missing: set[str] = set()
        monkeypatch.setattr(choice, "open_timecode", self.open_one)

    def open_one(self, name):
        device = name.partition("@")[0]
        if name in self.missing or device in self.open:
            raise LimelightError(f"timecode {name}: in use")
        self.open.add(device)
        self.log.append(f"open {name}")
        devices = self

        class Source:
            def at(self, moment):
                return None

            def status(self):
                return name

            def close(self):
                devices.open.discard(device)
                devices.log.append(f"close {name}")

        return Source()


@pytest.fixture
def devices(monkeypatch):
    return Devices(monkeypatch)


def test_another_source_is_there_before_the_old_one_goes(devices):
    timecode = TimecodeChoice("ltc")
    timecode.use("mtc")
    assert devices.log == ["open ltc", "open mtc", "close ltc"]
    assert timecode.name == timecode.status() == "mtc"


def test_the_same_device_is_let_go_before_it_is_opened_again(devices):
    timecode = TimecodeChoice("mtc:Desk")
    timecode.use("mtc:Desk@25")
    assert devices.log == ["open mtc:Desk", "close mtc:Desk", "open mtc:Desk@25"]


@pytest.mark.parametrize("wanted", ["ltc", "mtc:Desk@25"])
def test_what_cannot_be_opened_leaves_the_one_before(devices, wanted):
    timecode = TimecodeChoice("mtc:Desk")
    devices.missing.add(wanted)
    with pytest.raises(LimelightError, match="in use"):
        timecode.use(wanted)
    assert timecode.name == timecode.status() == "mtc:Desk"
    assert devices.open == {"mtc:Desk"}


def test_after_the_end_nothing_is_opened(devices):
    timecode = TimecodeChoice("ltc")
    timecode.close()
    timecode.close()
    with pytest.raises(LimelightError, match="ended"):
        timecode.use("mtc")
    assert devices.open == set()
    assert (timecode.name, timecode.status(), timecode.at(0.0)) == ("", "", None)

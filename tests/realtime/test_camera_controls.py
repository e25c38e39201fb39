"""Controls of a camera: held, set by hand, and left alone where the driver has none."""

from __future__ import annotations

import pytest

from realtime.opencv import cv2
from realtime.sources import camera_controls
from realtime.sources.camera_controls import CameraControls, Control

AUTO, MANUAL = camera_controls._AUTO, camera_controls._MANUAL


class Driver:
    """A driver that, as some do, falls back to a value of its own when a control is taken by hand."""

    def __init__(self, **values: float) -> None:
        self.values = {getattr(cv2, name): value for name, value in values.items()}

    def get(self, prop: int) -> float:
        return self.values.get(prop, -1.0)

    def set(self, prop: int, value: float) -> bool:
        if prop not in self.values:
            return False
        self.values[prop] = value
        if (prop, value) == (cv2.CAP_PROP_AUTO_EXPOSURE, MANUAL):
            self.values[cv2.CAP_PROP_EXPOSURE] = 7.0
        return True


@pytest.fixture
def driver() -> Driver:
    return Driver(
        CAP_PROP_EXPOSURE=250.0, CAP_PROP_AUTO_EXPOSURE=AUTO, CAP_PROP_GAIN=16.0,
        CAP_PROP_WB_TEMPERATURE=4600.0, CAP_PROP_AUTO_WB=1.0,
    )  # fmt: skip


def test_what_the_driver_has_is_there_and_nothing_else(driver):
    assert CameraControls(driver).controls == (
        Control("exposure", 250.0, True),
        Control("gain", 16.0, None),
        Control("white balance", 4600.0, True),
    )
    assert CameraControls(Driver()).controls == ()


def test_a_camera_that_holds_keeps_the_values_that_it_had_and_can_be_let_go(driver):
    controls = CameraControls(driver)
    controls.hold(True)
    assert driver.get(cv2.CAP_PROP_AUTO_EXPOSURE) == AUTO  # the camera's thread has not come by yet
    controls.answer()
    assert controls.held
    assert controls.controls == (
        Control("exposure", 250.0, False),
        Control("gain", 16.0, None),
        Control("white balance", 4600.0, False),
    )
    controls.hold(False)
    controls.answer()
    assert [control.auto for control in controls.controls] == [True, None, True] and not controls.held


def test_a_value_set_by_hand_takes_the_control_from_the_camera(driver):
    controls = CameraControls(driver)
    controls.set("white balance", 3200.0)
    controls.answer()
    assert controls.controls[2] == Control("white balance", 3200.0, False)
    assert controls.controls[0].auto
    with pytest.raises(KeyError):
        controls.set("mood", 1.0)

"""A camera's own controls: exposure, gain, white balance and focus, by themselves or held."""

from __future__ import annotations

import sys
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from realtime.opencv import cv2

_MANUAL, _AUTO = {"linux": (1.0, 3.0), "win32": (0.25, 0.75)}.get(sys.platform, (0.0, 1.0))
"""What OpenCV's backend of this platform calls exposure by hand and exposure by itself."""

_PROPERTIES: dict[str, tuple[int, int | None, float, float]] = {
    "exposure": (cv2.CAP_PROP_EXPOSURE, cv2.CAP_PROP_AUTO_EXPOSURE, _MANUAL, _AUTO),
    "gain": (cv2.CAP_PROP_GAIN, None, 0.0, 0.0),
    "white balance": (cv2.CAP_PROP_WB_TEMPERATURE, cv2.CAP_PROP_AUTO_WB, 0.0, 1.0),
    "focus": (cv2.CAP_PROP_FOCUS, cv2.CAP_PROP_AUTOFOCUS, 0.0, 1.0),
}
"""Of each control: OpenCV's property of its value and of whether the camera sets it by itself, and what the latter is
by hand and by itself."""

_ABSENT = -1.0
"""What OpenCV answers for a property that the driver does not have."""


class Device(Protocol):
    """The part of `cv2.VideoCapture` that controls need."""

    def get(self, prop: int) -> float: ...

    def set(self, prop: int, value: float) -> Any: ...


@dataclass(frozen=True)
class Control:
    """One control that the driver has.

    Attributes:
        name: "exposure", "gain", "white balance" or "focus".
        value: in the driver's own unit.
        auto: whether the camera sets it by itself; None where it cannot be asked to.
    """

    name: str
    value: float
    auto: bool | None


class CameraControls:
    """The controls of one camera. Requests come from any thread; the camera's thread answers them between pictures,
    since a capture is for one thread."""

    def __init__(self, device: Device) -> None:
        """
        Args:
            device: read here, and from then on by `answer` alone.
        """
        self._device = device
        self._requests: deque[Callable[[], None]] = deque()
        self._lock = threading.Lock()
        self._known = self._read()
        self._held = False

    @property
    def controls(self) -> tuple[Control, ...]:
        """The controls that the driver has, as they were after the last request; empty where it has none."""
        with self._lock:
            return self._known

    @property
    def held(self) -> bool:
        """Whether the camera was asked to hold what it has."""
        with self._lock:
            return self._held

    def hold(self, on: bool) -> None:
        """Let the camera keep exposure, gain, white balance and focus as they are now, or set them by itself again."""
        with self._lock:
            self._held = on
        self._requests.append(lambda: self._hold(on))

    def set(self, name: str, value: float) -> None:
        """Set a control by hand, in the driver's own unit; the driver takes the nearest that it has.

        Raises:
            KeyError: there is no such control.
        """
        prop, auto, by_hand, _ = _PROPERTIES[name]

        def do() -> None:
            if auto is not None:
                self._device.set(auto, by_hand)
            self._device.set(prop, value)

        self._requests.append(do)

    def answer(self) -> None:
        """Do what was asked for since the last call; for the camera's thread."""
        if not self._requests:
            return
        while self._requests:
            self._requests.popleft()()
        known = self._read()
        with self._lock:
            self._known = known

    def _hold(self, on: bool) -> None:
        for control in self._read():
            prop, auto, by_hand, by_itself = _PROPERTIES[control.name]
            if auto is not None and control.auto is not None:
                self._device.set(auto, by_hand if on else by_itself)
                if on:
                    self._device.set(prop, control.value)  # some drivers fall back to a value of their own

    def _read(self) -> tuple[Control, ...]:
        found = []
        for name, (prop, auto, _, by_itself) in _PROPERTIES.items():
            value = float(self._device.get(prop))
            if value == _ABSENT and name != "exposure":  # DirectShow counts exposure in powers of two
                continue
            told = _ABSENT if auto is None else float(self._device.get(auto))
            if name == "exposure" and told == _ABSENT:
                continue
            found.append(Control(name, value, None if told == _ABSENT else told == by_itself))
        return tuple(found)

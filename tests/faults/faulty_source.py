"""A live source on a simulated clock that does what its script says."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from facemodel import LimelightError
from realtime.frame import Frame

FPS = 30.0


@dataclass(frozen=True)
class Fault:
    """What goes wrong from one moment to another.

    Attributes:
        kind: stall (nothing comes, then it goes on), gone (reading fails, and so does opening), garbage, black, still,
            size (another resolution), backwards (the clock is set back by a minute), crash (a bug in the driver),
            exit (a driver that raises what is no Exception), unclosable (closing fails).
        begin, end: s from the start.
    """

    kind: str
    begin: float
    end: float


class Device:
    """Something that can be unplugged: opens sources, counts them, and knows the script.

    Args:
        clock: simulated.
        seconds: until the performance ends.
        faults: the script.
        film: pictures (N, H, W, 3) that are shown forwards and backwards; None for noise.
    """

    fps = FPS  # that it delivers, whatever it says

    def __init__(self, clock, seconds, *faults, film=None):
        self.clock, self.seconds, self.faults, self.film = clock, seconds, faults, film
        self.start = clock.now()
        self.opened = self.closed = self.refused = 0
        self.noise = np.random.default_rng(0)

    def now(self):
        return self.clock.now() - self.start

    def fault(self, *kinds):
        return next((f for f in self.faults if f.kind in kinds and f.begin <= self.now() < f.end), None)

    def open(self):
        if self.fault("gone", "crash", "exit"):
            self.refused += 1
            raise LimelightError("camera unplugged")
        self.opened += 1
        return FaultySource(self)


class FaultySource:
    """Delivers noise at 30 frames a second; pixel values say nothing, indices count what it delivered."""

    name, width, height, fps, live, sound = "camera", 64, 48, FPS, True, None

    def __init__(self, device):
        self.device = device
        self.index = 0
        if device.film is not None:
            self.height, self.width = device.film.shape[1:3]

    def read(self):
        clock, device = self.device.clock, self.device
        tick = np.floor(device.now() * device.fps + 1e-6) + 1.0
        clock.sleep_until(device.start + tick / device.fps)
        if fault := device.fault("stall"):
            clock.sleep_until(device.start + fault.end)
        if device.fault("gone"):
            raise LimelightError("camera stopped delivering frames")
        if device.fault("crash"):
            raise RuntimeError("driver bug\nin two lines")
        if device.fault("exit"):
            raise SystemExit(1)
        if device.now() >= device.seconds:
            return None
        frame = Frame(self.index, self.stamp(), self.picture())
        self.index += 1
        return frame

    def stamp(self):
        return self.device.clock.now() - (60.0 if self.device.fault("backwards") else 0.0)

    def picture(self):
        if self.device.fault("garbage"):
            return np.zeros((self.height, self.width), np.uint8)
        if self.device.fault("black"):
            return np.zeros((self.height, self.width, 3), np.uint8)
        if self.device.fault("still"):
            return np.full((self.height, self.width, 3), 99, np.uint8)
        enlarged = 2 if self.device.fault("size") else 1
        if (film := self.device.film) is not None:
            shown = int(self.device.now() * FPS) % (2 * len(film) - 2)
            picture = film[min(shown, 2 * len(film) - 2 - shown)]
            return picture.repeat(enlarged, 0).repeat(enlarged, 1) if enlarged > 1 else picture
        shape = (self.height * enlarged, self.width * enlarged, 3)
        return self.device.noise.integers(40, 200, shape, dtype=np.uint8)

    def close(self):
        self.device.closed += 1
        if self.device.fault("unclosable"):
            raise OSError("no such device")

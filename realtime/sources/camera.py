"""A camera as a source: always the newest frame, and one clear line when it fails."""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from facemodel.errors import LimelightError
from realtime.frame import Frame, Sound
from realtime.loop.frame_pool import FramePool
from realtime.opencv import cv2
from realtime.sources.camera_controls import CameraControls

log = logging.getLogger(__name__)

_BACKEND = {"linux": cv2.CAP_V4L2, "darwin": cv2.CAP_AVFOUNDATION, "win32": cv2.CAP_DSHOW}.get(
    sys.platform, cv2.CAP_ANY
)
_RETRY_PAUSE = 0.01  # seconds between two failed reads
_DRIVER_TELLS_TIME = sys.platform == "linux"  # Video4Linux stamps pictures on the clock that perf_counter reads
_OLDEST_GRAB = 0.5  # seconds that a picture may have waited in the driver; a time further back is of another clock


@dataclass(frozen=True)
class CameraInfo:
    """One camera of this machine.

    Attributes:
        index: what `camera:N` takes.
        name: as the system calls it.
        backend: OpenCV's backend number that the index belongs to.
    """

    index: int
    name: str
    backend: int = _BACKEND

    def __str__(self) -> str:
        return f"camera:{self.index} ({self.name})"


@dataclass(frozen=True)
class CameraSettings:
    """What is asked of a camera; it may answer with the nearest that it has.

    Attributes:
        width, height: px.
        fps: frames a second.
        first_frame_timeout: seconds that a camera may take to deliver its first frame.
        stall_timeout: seconds without a frame after which `read` gives up.
    """

    width: int = 1280
    height: int = 720
    fps: float = 30.0
    first_frame_timeout: float = 5.0
    stall_timeout: float = 2.0


class Capture(Protocol):
    """The part of `cv2.VideoCapture` that a camera needs."""

    def isOpened(self) -> bool: ...  # noqa: N802 (OpenCV's name)

    def grab(self) -> bool: ...

    def retrieve(self, image: NDArray[np.uint8] | None = None) -> tuple[bool, NDArray[np.uint8] | None]: ...

    def get(self, prop: int) -> float: ...

    def set(self, prop: int, value: float) -> Any: ...

    def release(self) -> None: ...


def list_cameras() -> list[CameraInfo]:
    """The cameras of this machine by index; empty where there are none or they cannot be listed."""
    try:
        from cv2_enumerate_cameras import enumerate_cameras

        found = enumerate_cameras(_BACKEND)
    except (ImportError, NotImplementedError, OSError) as error:
        log.warning("cameras cannot be listed by name (%s)", error)
        return []
    cameras = [CameraInfo(int(c.index), str(c.name)) for c in found]
    return sorted(cameras, key=lambda camera: camera.index)


def find_camera(name: str, cameras: list[CameraInfo]) -> CameraInfo:
    """The camera whose name is `name`, or the only one whose name contains it; case does not matter.

    Raises:
        LimelightError: no camera matches, or several do; the message lists the candidates.
    """
    wanted = name.casefold()
    matches = [c for c in cameras if c.name.casefold() == wanted] or [c for c in cameras if wanted in c.name.casefold()]
    if len(matches) == 1:
        return matches[0]
    if matches:
        raise LimelightError(f"camera '{name}' fits several: {_listed(matches)}; give one of these as camera:N")
    raise LimelightError(f"no camera is called '{name}'; this machine has {_listed(cameras)}")


def same_camera(camera: CameraInfo, cameras: list[CameraInfo]) -> CameraInfo:
    """Return the camera that `camera` is now: one that was unplugged may come back under another number.

    Raises:
        LimelightError: another camera has its number now.
    """
    named = [other for other in cameras if other.name == camera.name]
    if not named and any(other.index == camera.index for other in cameras):
        raise LimelightError(f"{camera} is not there; its number has another camera now")
    return named[0] if len(named) == 1 else camera


def _listed(cameras: list[CameraInfo]) -> str:
    return ", ".join(str(camera) for camera in cameras) or "no camera"


def open_capture(camera: CameraInfo, settings: CameraSettings) -> Capture:
    """OpenCV's capture of a camera, in MJPG where it has it: raw HD over USB 2 comes at a few frames a
    second."""
    capture = cv2.VideoCapture(camera.index, camera.backend)
    if capture.isOpened():
        capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG"))
        capture.set(cv2.CAP_PROP_FRAME_WIDTH, settings.width)
        capture.set(cv2.CAP_PROP_FRAME_HEIGHT, settings.height)
        capture.set(cv2.CAP_PROP_FPS, settings.fps)
        capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)
    return capture


class CameraSource:
    """A live camera.

    OpenCV hands out frames in the order in which the driver buffered them, so a reader that falls behind sees
    the past. A thread therefore drains the camera and keeps only the newest frame; `read` waits for one that
    it has not returned yet. Indices count what the camera delivered: a gap is what the reader missed. A frame's
    timestamp is the driver's where it tells one, else the moment before the picture is decoded.

    Attributes:
        controls: of exposure and the like, as far as the driver has them.
    """

    live = True
    sound: Sound | None = None

    def __init__(
        self,
        camera: CameraInfo,
        settings: CameraSettings | None = None,
        capture_factory: Callable[[CameraInfo, CameraSettings], Capture] = open_capture,
    ) -> None:
        """Open the camera and wait for its first frame, which fixes `width` and `height`.

        Raises:
            LimelightError: the camera is missing, busy, or delivers nothing.
        """
        self._settings = settings or CameraSettings()
        self._camera = camera
        self.name = camera.name
        self._capture = capture_factory(camera, self._settings)
        if not self._capture.isOpened():
            self._capture.release()
            raise LimelightError(self._explain_unopened())
        rate = float(self._capture.get(cv2.CAP_PROP_FPS))  # before the thread has it: a capture is for one thread
        self.fps = rate if 1.0 <= rate <= 1000.0 else self._settings.fps
        self.controls = CameraControls(self._capture)
        self._changed = threading.Condition()
        self._latest: Frame | None = None
        self._delivered = -1
        self._closing = False
        self._thread = threading.Thread(target=self._drain, name=f"camera-{camera.index}", daemon=True)
        self._thread.start()
        first = self._wait_for_first()
        if first is None:
            self.close()
            raise LimelightError(
                f"{camera} opened but delivers no picture; close other programs that may use it, "
                "or choose another --source"
            )
        self.height, self.width = first.image.shape[:2]

    def read(self) -> Frame | None:
        """The newest frame that was not returned yet; None once closed.

        Raises:
            LimelightError: no frame came for `stall_timeout` seconds: stalled or unplugged.
        """
        with self._changed:
            arrived = self._changed.wait_for(self._has_news, self._settings.stall_timeout)
            if self._closing:
                return None
            if not arrived or self._latest is None:
                raise LimelightError(
                    f"{self._camera} stopped delivering frames ({self._settings.stall_timeout:g} s without one); "
                    "check the cable and that no other program uses it, then start it again"
                )
            self._delivered = self._latest.index
            return self._latest

    def close(self) -> None:
        """Stop the thread, which releases the camera; does not wait for a driver that hangs."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        if self._thread is not threading.current_thread():
            self._thread.join(timeout=1.0)

    def _wait_for_first(self) -> Frame | None:
        with self._changed:
            self._changed.wait_for(lambda: self._latest is not None, self._settings.first_frame_timeout)
            return self._latest

    def _has_news(self) -> bool:
        return self._closing or (self._latest is not None and self._latest.index > self._delivered)

    def _drain(self) -> None:
        """Keep the newest frame until closed. A failed read is tried again: `read` knows when to give up."""
        index = 0
        pool: FramePool | None = None
        try:
            while not self._closing:
                self.controls.answer()
                if not self._capture.grab():
                    time.sleep(_RETRY_PAUSE)
                    continue
                captured = self._capture_time()
                ok, image = self._capture.retrieve(None if pool is None else pool.take())
                if not ok or image is None:
                    time.sleep(_RETRY_PAUSE)
                    continue
                if pool is None or image.shape != pool.shape:
                    pool = FramePool(*image.shape[:2])
                with self._changed:
                    self._latest = Frame(index, captured, image)
                    self._changed.notify_all()
                del image  # or it would be in use while the next one is taken
                index += 1
        except cv2.error as error:
            log.warning("%s: %s", self._camera, error)
        finally:
            self._capture.release()

    def _capture_time(self) -> float:
        """When the picture just grabbed was taken, on the clock of `time.perf_counter`."""
        now = time.perf_counter()
        if not _DRIVER_TELLS_TIME:
            return now
        told = float(self._capture.get(cv2.CAP_PROP_POS_MSEC)) / 1000.0
        return told if 0.0 <= now - told <= _OLDEST_GRAB else now

    def _explain_unopened(self) -> str:
        present = list_cameras()
        if self._camera.index in {camera.index for camera in present}:
            return (
                f"{self._camera} cannot be opened; close other programs that use it, or allow access to it, "
                "or choose another --source"
            )
        return (
            f"there is no camera:{self._camera.index}; this machine has {_listed(present)}; "
            "--source synthetic needs none"
        )

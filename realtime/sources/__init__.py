"""Sources of frames: camera, video file, images, synthetic performer."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from facemodel.errors import LimelightError
from realtime.sources.base import Source
from realtime.sources.camera import CameraInfo, CameraSettings, CameraSource, find_camera, list_cameras
from realtime.sources.images import IMAGE_SUFFIXES, ImageSource
from realtime.sources.video import VideoSource

__all__ = [
    "CameraInfo",
    "CameraSettings",
    "CameraSource",
    "ImageSource",
    "Source",
    "SourceSettings",
    "VideoSource",
    "default_source",
    "list_cameras",
    "open_source",
    "resolve_camera",
]


@dataclass(frozen=True)
class SourceSettings:
    """What `open_source` needs beside the source's name.

    Attributes:
        camera: requested size and rate, and time limits, of a camera.
        image_fps: nominal rate of a folder of images.
        synthetic_width, synthetic_height, synthetic_fps: of the synthetic performer.
        synthetic_live: whether it performs in real time, as a camera, or as fast as it is read, as a file.
        seed: of the synthetic performer's acting and noise.
    """

    camera: CameraSettings = field(default_factory=CameraSettings)
    image_fps: float = 30.0
    synthetic_width: int = 640
    synthetic_height: int = 480
    synthetic_fps: float = 30.0
    synthetic_live: bool = True
    seed: int = 0


def default_source(cameras: Callable[[], list[CameraInfo]] = list_cameras) -> tuple[str, str]:
    """What to open where the user named no source: the first camera, or the synthetic performer without one.

    Returns:
        The source for `open_source`, and one line for the user that says what was chosen.
    """
    found = cameras()
    if found:
        return f"camera:{found[0].index}", f"source: {found[0]}"
    return "synthetic", "source: no camera found, so the synthetic performer acts; choose with --source"


def open_source(
    spec: str | None = None,
    settings: SourceSettings | None = None,
    cameras: Callable[[], list[CameraInfo]] = list_cameras,
) -> Source:
    """Open a source by what a user types.

    Args:
        spec: `camera`, `camera:N`, `camera:NAME`, part of a camera's name, a video file, an image file, a
            folder of images, `synthetic`, or None or `auto` for `default_source`.
        settings: see `SourceSettings`.
        cameras: lists this machine's cameras.

    Raises:
        LimelightError: nothing of that name, or it cannot be opened.
    """
    settings = settings or SourceSettings()
    camera = resolve_camera(spec, cameras)
    if camera is not None:
        return CameraSource(camera, settings.camera)
    if spec is None or spec in ("", "auto", "synthetic"):
        return _open_synthetic(settings)
    path = Path(spec).expanduser()
    if path.is_dir():
        return ImageSource.from_folder(path, settings.image_fps)
    return ImageSource.from_file(path) if path.suffix.lower() in IMAGE_SUFFIXES else VideoSource(path)


def resolve_camera(spec: str | None, cameras: Callable[[], list[CameraInfo]] = list_cameras) -> CameraInfo | None:
    """The camera that `open_source` would open for `spec`; None where it names something else.

    Raises:
        LimelightError: no camera, file or folder of that name.
    """
    if spec is None or spec in ("", "auto"):
        spec, _ = default_source(cameras)
    if spec == "synthetic":
        return None
    kind, _, which = spec.partition(":")
    if kind == "camera":
        return _pick_camera(which, cameras())
    device = re.fullmatch(r"/dev/video(\d+)", spec)
    if device:
        return _pick_camera(device.group(1), cameras())
    path = Path(spec).expanduser()
    if path.exists():
        return None
    try:
        return find_camera(spec, cameras())
    except LimelightError as error:
        if path.suffix or len(path.parts) > 1:
            raise LimelightError(f"source {spec}: no such file or folder") from error
        raise


def _pick_camera(which: str, cameras: list[CameraInfo]) -> CameraInfo:
    """A camera by number, by name, or the first; a number is tried even if the system does not list it."""
    if not which:
        if not cameras:
            raise LimelightError("no camera found; connect one, or use --source synthetic or a video file")
        return cameras[0]
    if which.isdecimal():
        index = int(which)
        listed = [camera for camera in cameras if camera.index == index]
        return listed[0] if listed else CameraInfo(index, f"camera {index}")
    return find_camera(which, cameras)


def _open_synthetic(settings: SourceSettings) -> Source:
    from realtime.sources.synthetic import (
        SyntheticPerformer,
    )  # needs a GL context: only where it is asked for

    return SyntheticPerformer(
        width=settings.synthetic_width,
        height=settings.synthetic_height,
        fps=settings.synthetic_fps,
        seed=settings.seed,
        live=settings.synthetic_live,
    )

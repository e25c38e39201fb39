"""Sources of frames: camera, video file, network stream, images, synthetic performer."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from facemodel.errors import LimelightError
from realtime.sources.base import Source
from realtime.sources.camera import CameraInfo, CameraSettings, CameraSource, find_camera, list_cameras
from realtime.sources.file_kind import FileKind, file_kind
from realtime.sources.images import IMAGE_SUFFIXES, ImageSource
from realtime.sources.network import NetworkSettings, is_url, open_url
from realtime.sources.rotated import RotatedSource
from realtime.sources.video import VideoSource
from realtime.sources.webp import WebPAnimation

__all__ = [
    "CameraInfo",
    "CameraSettings",
    "CameraSource",
    "ImageSource",
    "NetworkSettings",
    "Source",
    "SourceSettings",
    "VideoSource",
    "default_source",
    "list_cameras",
    "local_path",
    "open_source",
    "resolve_camera",
]


@dataclass(frozen=True)
class SourceSettings:
    """What `open_source` needs beside the source's name.

    Attributes:
        camera: requested size and rate, and time limits, of a camera.
        network: time limits of a network stream.
        rotate: degrees clockwise that pictures are turned, 0, 90, 180 or 270, whatever the file says; None turns them
            as it says.
        image_fps: nominal rate of a folder of images.
        synthetic_width, synthetic_height, synthetic_fps: of the synthetic performer.
        synthetic_live: whether it performs in real time, as a camera, or as fast as it is read, as a file.
        seed: of the synthetic performer's acting and noise.
    """

    camera: CameraSettings = field(default_factory=CameraSettings)
    network: NetworkSettings = field(default_factory=NetworkSettings)
    rotate: int | None = None
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
            folder of images, a URL such as `rtsp://HOST/PATH`, `synthetic`, or None or `auto` for `default_source`.
        settings: see `SourceSettings`.
        cameras: lists this machine's cameras.

    Raises:
        LimelightError: nothing of that name, or it cannot be opened.
    """
    settings = settings or SourceSettings()
    spec = local_path(spec) if spec else spec
    camera = resolve_camera(spec, cameras)
    if camera is not None:
        return _turn(CameraSource(camera, settings.camera), settings)
    if spec is None or spec in ("", "auto", "synthetic"):
        return _turn(_open_synthetic(settings), settings)
    return _turn(_open_url_or_file(spec, settings), settings)


def _open_url_or_file(spec: str, settings: SourceSettings) -> Source:
    upright = settings.rotate is None
    if is_url(spec):
        return open_url(spec, settings.network, upright)
    path = Path(spec)
    if path.is_dir():
        return ImageSource.from_folder(path, settings.image_fps, upright)
    suffix = path.suffix.lower()
    if suffix in IMAGE_SUFFIXES and file_kind(path) is not FileKind.ANIMATION:
        return ImageSource.from_file(path, settings.image_fps, upright)
    return WebPAnimation(path) if suffix == ".webp" else VideoSource(path, upright)


def _turn(source: Source, settings: SourceSettings) -> Source:
    return RotatedSource(source, settings.rotate, getattr(source, "layout", None)) if settings.rotate else source


def local_path(spec: str) -> str:
    """Return a source's name with `~` and `file://` resolved; what is no path stays as it is."""
    if spec.lower().startswith("file:"):
        return url2pathname(urlsplit(spec).path)
    return os.path.expanduser(spec) if spec.startswith("~") else spec  # noqa: PTH111 (of any text)


def resolve_camera(spec: str | None, cameras: Callable[[], list[CameraInfo]] = list_cameras) -> CameraInfo | None:
    """The camera that `open_source` would open for `spec`; None where it names something else.

    Raises:
        LimelightError: no camera, file or folder of that name.
    """
    if spec is None or spec in ("", "auto"):
        spec, _ = default_source(cameras)
    spec = local_path(spec)
    if spec == "synthetic" or is_url(spec):
        return None
    kind, _, which = spec.partition(":")
    if kind == "camera":
        return _pick_camera(which, cameras())
    device = re.fullmatch(r"/dev/video(\d+)", spec)
    if device:
        return _pick_camera(device.group(1), cameras())
    path = Path(spec)
    if os.path.exists(path):  # noqa: PTH110 (False where nobody may look, or the name cannot be)
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

"""An image, or a folder of images, as a source."""

from __future__ import annotations

import logging
import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facemodel.errors import LimelightError
from realtime.frame import Frame, Sound
from realtime.opencv import cv2
from realtime.sources.file_kind import FileKind, file_kind, shown

log = logging.getLogger(__name__)

IMAGE_SUFFIXES = frozenset(
    {".avif", ".bmp", ".heic", ".heif", ".jp2", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"}
)


def read_image(path: str | Path, upright: bool = True) -> NDArray[np.uint8]:
    """Read one still picture.

    Args:
        path: of an image file; its name need not be UTF-8.
        upright: turn it as its EXIF data say.

    Returns:
        (H, W, 3) uint8 BGR; 16 bit and alpha are reduced.

    Raises:
        LimelightError: missing, empty, truncated, not an image, or several pictures: an animation or a video.
    """
    name = f"image {shown(path)}"
    try:
        kind = file_kind(path)
        data = np.fromfile(path, np.uint8)  # not cv2.imread: that fails on non-ASCII paths on Windows
    except LimelightError as error:
        raise LimelightError(f"image {error}") from error
    except OSError as error:
        raise LimelightError(f"{name}: cannot be read ({error.strerror})") from error
    if kind is FileKind.EMPTY:
        raise LimelightError(f"{name}: the file is empty (0 bytes)")
    if kind is FileKind.VIDEO:
        raise LimelightError(f"{name}: is a video, not an image; to follow the face in it: limelight run --source FILE")
    if kind is FileKind.HEIF:
        return _read_heif(name, data)
    try:
        if kind is FileKind.ANIMATION and len(cv2.imdecodeanimation(data, 0, 2)[1].frames) > 1:
            raise LimelightError(
                f"{name}: is an animation of several pictures; to follow the face in it: limelight run --source FILE"
            )
        image = cv2.imdecode(data, cv2.IMREAD_COLOR if upright else cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    except cv2.error:
        image = None
    if image is None:
        raise LimelightError(f"{name}: truncated or not an image")
    return image


def _read_heif(name: str, data: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A HEIC photograph, upright, with the package pillow-heif, where it is installed: OpenCV reads none."""
    try:
        from pillow_heif import read_heif
    except ImportError as error:
        raise LimelightError(f"{name}: is HEIC; pip install pillow-heif, or convert it to JPEG") from error
    try:
        picture = np.asarray(read_heif(data.tobytes(), convert_hdr_to_8bit=True, bgr_mode=True))
    except (OSError, ValueError, EOFError, RuntimeError, SyntaxError) as error:
        raise LimelightError(f"{name}: a truncated HEIC, or one of a kind that cannot be read") from error
    return cv2.cvtColor(picture, cv2.COLOR_GRAY2BGR) if picture.ndim == 2 else np.ascontiguousarray(picture[..., :3])


def pad_to_size(image: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    """The whole of `image` (h, w, 3) in the middle of a black (height, width, 3) one, proportions kept."""
    h, w = image.shape[:2]
    if (w, h) == (width, height):
        return image
    scale = min(width / w, height / h)
    size = (max(1, round(w * scale)), max(1, round(h * scale)))
    resized = cv2.resize(image, size, interpolation=cv2.INTER_AREA if scale < 1.0 else cv2.INTER_LINEAR)
    framed = np.zeros((height, width, 3), np.uint8)
    left, top = (width - size[0]) // 2, (height - size[1]) // 2
    framed[top : top + size[1], left : left + size[0]] = resized
    return framed


def natural_key(path: Path) -> list[tuple[int, int, str]]:
    """Sorts `frame2.png` before `frame10.png`."""
    parts = re.split(r"(\d+)", path.name.casefold())
    return [(1, int(part), "") if part.isdecimal() else (0, 0, part) for part in parts]


def list_images(folder: str | Path) -> list[Path]:
    """The images of a folder in natural order of their names; sub-folders are left out.

    Raises:
        LimelightError: no image there, or the folder cannot be read.
    """
    folder = Path(folder)
    try:
        paths = [p for p in folder.iterdir() if p.suffix.lower() in IMAGE_SUFFIXES and p.is_file()]
    except OSError as error:
        raise LimelightError(f"folder {shown(folder)}: cannot be read ({error.strerror})") from error
    if not paths:
        raise LimelightError(f"folder {shown(folder)}: holds no images ({', '.join(sorted(IMAGE_SUFFIXES))})")
    return sorted(paths, key=natural_key)


class ImageSource:
    """Image files as frames, at a nominal rate.

    All frames have the size of the first readable image: a source has one size, and sinks such as a video
    need it. Others are letter-boxed into it. An image that cannot be read is skipped with a logged warning.
    """

    live = False
    sound: Sound | None = None

    def __init__(self, paths: list[Path], name: str, fps: float = 30.0, upright: bool = True) -> None:
        """
        Args:
            paths: of the images, in their order.
            name: for people.
            fps: images a second.
            upright: turn each as its EXIF data say.

        Raises:
            LimelightError: none can be read.
        """
        self.name, self.fps = name, fps
        self._upright = upright
        self._paths = list(paths)
        self._position = 0
        self._index = 0
        self._next = self._load_next()
        if self._next is None:
            raise LimelightError(f"{name}: none of its {len(self._paths)} images can be read")
        self.height, self.width = self._next.shape[:2]

    @classmethod
    def from_file(cls, path: str | Path, fps: float = 30.0, upright: bool = True) -> ImageSource:
        """One image: a source of one frame.

        Raises:
            LimelightError: it cannot be read.
        """
        read_image(path)  # raises the reason; a folder only counts its failures
        return cls([Path(path)], shown(Path(path).name), fps, upright)

    @classmethod
    def from_folder(cls, folder: str | Path, fps: float = 30.0, upright: bool = True) -> ImageSource:
        """The images of a folder in natural order of their names; sub-folders are left out.

        Raises:
            LimelightError: no image there, or none readable.
        """
        return cls(list_images(folder), f"folder {shown(folder)}", fps, upright)

    def read(self) -> Frame | None:
        if self._next is None:
            return None
        frame = Frame(self._index, self._index / self.fps, pad_to_size(self._next, self.width, self.height))
        self._index += 1
        self._next = self._load_next()
        return frame

    @property
    def duration(self) -> float:
        """Seconds that all images last."""
        return len(self._paths) / self.fps

    def seek(self, seconds: float) -> None:
        """Go on with the image nearest to `seconds`."""
        self._index = self._position = min(max(round(seconds * self.fps), 0), len(self._paths) - 1)
        self._next = self._load_next()

    def close(self) -> None:
        self._next, self._position = None, len(self._paths)

    def _load_next(self) -> NDArray[np.uint8] | None:
        while self._position < len(self._paths):
            path = self._paths[self._position]
            self._position += 1
            try:
                return read_image(path, self._upright)
            except LimelightError as error:
                log.warning("%s; skipped", error)
        return None

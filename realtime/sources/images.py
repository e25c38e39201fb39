"""An image, or a folder of images, as a source."""

from __future__ import annotations

import logging
import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facemodel.errors import LimelightError
from realtime.frame import Frame
from realtime.opencv import cv2

log = logging.getLogger(__name__)

IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff", ".ppm", ".pgm", ".jp2"})


def read_image(path: str | Path) -> NDArray[np.uint8]:
    """(H, W, 3) uint8 BGR of an image file, turned upright by its EXIF data; 16 bit and alpha are reduced.

    Raises:
        LimelightError: missing, empty, truncated, or not an image.
    """
    try:
        data = np.fromfile(path, np.uint8)  # not cv2.imread: that fails on non-ASCII paths on Windows
    except OSError as error:
        raise LimelightError(f"image {path}: cannot be read ({error.strerror})") from error
    if data.size == 0:
        raise LimelightError(f"image {path}: the file is empty (0 bytes)")
    try:
        image = cv2.imdecode(data, cv2.IMREAD_COLOR)
    except cv2.error:
        image = None
    if image is None:
        raise LimelightError(f"image {path}: truncated or not an image")
    return image


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
        raise LimelightError(f"folder {folder}: cannot be read ({error.strerror})") from error
    if not paths:
        raise LimelightError(f"folder {folder}: holds no images ({', '.join(sorted(IMAGE_SUFFIXES))})")
    return sorted(paths, key=natural_key)


class ImageSource:
    """Image files as frames, at a nominal rate.

    All frames have the size of the first readable image: a source has one size, and sinks such as a video
    need it. Others are letter-boxed into it. An image that cannot be read is skipped with a logged warning.
    """

    live = False

    def __init__(self, paths: list[Path], name: str, fps: float = 30.0) -> None:
        """Prepare `paths`, in their order.

        Raises:
            LimelightError: none can be read.
        """
        self.name, self.fps = name, fps
        self._paths = list(paths)
        self._position = 0
        self._index = 0
        self._next = self._load_next()
        if self._next is None:
            raise LimelightError(f"{name}: none of its {len(self._paths)} images can be read")
        self.height, self.width = self._next.shape[:2]

    @classmethod
    def from_file(cls, path: str | Path) -> ImageSource:
        """One image: a source of one frame.

        Raises:
            LimelightError: it cannot be read.
        """
        read_image(path)  # raises the reason; a folder only counts its failures
        return cls([Path(path)], Path(path).name)

    @classmethod
    def from_folder(cls, folder: str | Path, fps: float = 30.0) -> ImageSource:
        """The images of a folder in natural order of their names; sub-folders are left out.

        Raises:
            LimelightError: no image there, or none readable.
        """
        return cls(list_images(folder), f"folder {folder}", fps)

    def read(self) -> Frame | None:
        if self._next is None:
            return None
        frame = Frame(self._index, self._index / self.fps, pad_to_size(self._next, self.width, self.height))
        self._index += 1
        self._next = self._load_next()
        return frame

    def close(self) -> None:
        self._next, self._position = None, len(self._paths)

    def _load_next(self) -> NDArray[np.uint8] | None:
        while self._position < len(self._paths):
            path = self._paths[self._position]
            self._position += 1
            try:
                return read_image(path)
            except LimelightError as error:
                log.warning("%s; skipped", error)
        return None

"""Any folder of photos and videos."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np

from facemodel import LimelightError
from training.data.datasets.base import FaceDataset, FaceSample, Split, to_stderr
from training.data.photo_labels import is_held_out, person_of

PHOTOS = (".jpg", ".jpeg", ".png", ".bmp", ".webp")
VIDEOS = (".mp4", ".mov", ".avi", ".mkv", ".webm", ".gif")
FRAME_STRIDE = 10


class PhotoFolder(FaceDataset):
    """Photos and videos in a folder and below it, or one such file; nothing is known about them.

    Of a video every `stride`-th frame is a sample, and all of them show one person. Photos in folders named `lfw` and
    `ytf` show the person of their file name; every other photo is somebody else.

    Args:
        root: the folder, or a file.
        stride: frames from one sample of a video to the next.
        report: see `FaceDataset`.
    """

    layout = "folder"
    expected = f"{' '.join((*PHOTOS, *VIDEOS))} files"

    def __init__(self, root: Path, stride: int = FRAME_STRIDE, report: Callable[[str], None] = to_stderr) -> None:
        super().__init__(root, report)
        if stride < 1:
            raise LimelightError(f"folder {root}: a stride of {stride} frames; it must be at least 1")
        self.stride = stride

    @classmethod
    def recognises(cls, root: Path) -> bool:
        paths = root.rglob("*") if root.is_dir() else iter([root])
        return any(path.suffix.lower() in PHOTOS + VIDEOS for path in paths)

    def _entries(self) -> Iterator[FaceSample | LimelightError]:
        paths = sorted(self.root.rglob("*")) if self.root.is_dir() else [self.root]
        for path in paths:
            name = path.relative_to(self.root).as_posix() if path != self.root else path.name
            suffix = path.suffix.lower()
            if suffix in PHOTOS and path.is_file():
                person = person_of(f"{self.root.name}/{name}")
                yield FaceSample(name, path, person, _split(person))
            elif suffix in VIDEOS and path.is_file():
                yield from self._frames(name, path)

    def _frames(self, name: str, path: Path) -> Iterator[FaceSample | LimelightError]:
        capture = cv2.VideoCapture(str(path))
        person = f"{self.root.name}/{name}"
        number = 0
        try:
            while capture.grab():
                if number % self.stride == 0:
                    read, frame = capture.retrieve()
                    if not read:
                        break
                    picture = np.asarray(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB), np.uint8)
                    yield FaceSample(f"{name}#{number}", picture, person, _split(person))
                number += 1
        finally:
            capture.release()
        if not number:
            yield LimelightError(f"video {path}: unreadable")


def _split(person: str) -> Split:
    return "validation" if is_held_out(person) else "train"

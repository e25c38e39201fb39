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
        self._base = root.resolve() if root.is_dir() else root.resolve().parent

    @classmethod
    def recognises(cls, root: Path) -> bool:
        paths = root.rglob("*") if root.is_dir() else iter([root])
        return any(path.suffix.lower() in PHOTOS + VIDEOS for path in paths)

    def estimate(self) -> int:
        return sum(-(-_frame_count(path) // self.stride) if video else 1 for path, video in self._files())

    def _entries(self) -> Iterator[FaceSample | LimelightError]:
        for path, video in self._files():
            name = path.relative_to(self._base).as_posix()
            label = f"{self._base.name}/{name}"
            if video:
                yield from self._frames(name, label, path)
            else:
                person = person_of(label)
                yield FaceSample(name, path, person, _split(person))

    def _files(self) -> Iterator[tuple[Path, bool]]:
        """Yield photos and videos, and whether they are videos."""
        for path in sorted(self._base.rglob("*")) if self.root.is_dir() else [self.root.resolve()]:
            suffix = path.suffix.lower()
            if suffix in PHOTOS + VIDEOS and path.is_file():
                yield path, suffix in VIDEOS

    def _frames(self, name: str, person: str, path: Path) -> Iterator[FaceSample | LimelightError]:
        capture = cv2.VideoCapture(str(path))
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


def _frame_count(video: Path) -> int:
    """Return the number of frames that the file states; 0 where it states none."""
    capture = cv2.VideoCapture(str(video))
    count = int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
    capture.release()
    return max(0, count)


def _split(person: str) -> Split:
    return "validation" if is_held_out(person) else "train"

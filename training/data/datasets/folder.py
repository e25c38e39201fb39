"""Any folder of photos."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from facemodel import LimelightError
from training.data.datasets.base import FaceDataset, FaceSample
from training.data.photo_labels import is_held_out, person_of

PHOTOS = (".jpg", ".jpeg", ".png", ".bmp", ".webp")


class PhotoFolder(FaceDataset):
    """Photos in a folder and below it, or one such file; nothing is known about them.

    Photos in folders named `lfw` and `ytf` show the person of their file name; every other photo is somebody else.
    """

    layout = "folder"
    expected = f"{' '.join(PHOTOS)} files"

    @classmethod
    def recognises(cls, root: Path) -> bool:
        return any(_photos(root))

    def estimate(self) -> int:
        return sum(1 for _ in _photos(self.root))

    def _entries(self) -> Iterator[FaceSample | LimelightError]:
        base = self.root.resolve() if self.root.is_dir() else self.root.resolve().parent
        for path in sorted(_photos(self.root)):
            name = path.relative_to(base).as_posix()
            person = person_of(f"{base.name}/{name}")
            yield FaceSample(name, path, person, "validation" if is_held_out(person) else "train")


def _photos(root: Path) -> Iterator[Path]:
    """Yield the photos of a folder, or the photo that `root` is."""
    for path in root.resolve().rglob("*") if root.is_dir() else [root.resolve()]:
        if path.suffix.lower() in PHOTOS and path.is_file():
            yield path

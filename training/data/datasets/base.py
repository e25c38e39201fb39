"""What every data set yields, and how it treats files that are missing or damaged."""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from facemodel import LimelightError
from training.data.photo_labels import read_rgb

Split = Literal["train", "validation", "test"]

_MOST_LINES = 20


@dataclass(frozen=True, eq=False)
class FaceSample:
    """One picture of a person and what its data set says about it.

    Attributes:
        name: unique within the data set.
        image: picture file.
        person: equal for pictures of one person, also across data sets that share people.
        split: of the data set's own partition where it has one, else by a hash of the person.
        landmarks5: (5, 2) px, (0, 0) the outer corner of the top-left pixel: the subject's right eye, left eye, nose
            tip, right and left corner of the mouth.
        mask: one file a class; `celebamask_hq.label_map` merges them.
    """

    name: str
    image: Path
    person: str
    split: Split
    landmarks5: NDArray[np.float32] | None = None
    mask: tuple[Path, ...] | None = None

    def picture(self) -> NDArray[np.uint8]:
        """Return the picture (H, W, 3) RGB.

        Raises LimelightError: the file is missing or no picture.
        """
        picture = read_rgb(self.image)
        if picture is None:
            raise LimelightError(f"photo {self.image}: missing or unreadable")
        return picture


def to_stderr(line: str) -> None:
    """Print a line without tearing a progress bar."""
    tqdm.write(line, file=sys.stderr)


class FaceDataset(ABC):
    """A data set on disk. Iterating reads the annotations, `FaceSample.picture` a picture.

    A missing or damaged file is reported in one line, skipped and counted; after 20 lines they are counted only.

    Args:
        root: its folder.
        report: takes such a line.

    Attributes:
        every: only every so many samples are yielded, spread over all; 1 for all of them.
        skipped: files left out by the latest iteration so far.
    """

    layout: ClassVar[str]
    expected: ClassVar[str]

    def __init__(self, root: Path, report: Callable[[str], None] = to_stderr) -> None:
        self.root = root
        self.every = 1
        self.skipped = 0
        self._report = report

    @classmethod
    @abstractmethod
    def recognises(cls, root: Path) -> bool:
        """Return whether `root` has this layout."""

    @abstractmethod
    def estimate(self) -> int:
        """Return about how many samples there are, without reading them: for progress."""

    @abstractmethod
    def _entries(self) -> Iterator[FaceSample | LimelightError]:
        """Yield samples, and an error in place of every one that cannot be had."""

    def __iter__(self) -> Iterator[FaceSample]:
        """Yield samples in an order that does not change.

        Raises LimelightError: nothing is left, or an annotation file that all depend on is missing.
        """
        self.skipped = count = 0
        for entry in islice(self._entries(), None, None, self.every):
            if isinstance(entry, LimelightError):
                self.skip(entry)
            else:
                count += 1
                yield entry
        if self.skipped > _MOST_LINES:
            self._report(f"{self.layout} {self.root}: {self.skipped} skipped in all")
        if not count:
            raise LimelightError(
                f"{self.layout} {self.root}: nothing usable there, {self.skipped} skipped; expected {self.expected}"
            )

    def skip(self, error: LimelightError) -> None:
        """Report and count a sample that is not used."""
        self.skipped += 1
        if self.skipped <= _MOST_LINES:
            self._report(f"skipped: {error}")

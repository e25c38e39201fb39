"""CelebAMask-HQ: 30,000 photos of CelebA in high resolution with masks of 18 parts, which the paper's U-Net learns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from facemodel import LimelightError
from training.data.datasets.base import FaceDataset, FaceSample
from training.data.datasets.celeba import find_table, person_of, split_of
from training.data.face_classes import CLASSES

_IMAGES, _MASKS, _MAPPING = "CelebA-HQ-img", "CelebAMask-HQ-mask-anno", "CelebA-HQ-to-CelebA-mapping.txt"
_PER_FOLDER = 2000


class CelebAMaskHQ(FaceDataset):
    """`CelebA-HQ-img/N.jpg`, `CelebAMask-HQ-mask-anno/N // 2000/N as 5 digits_PART.png` and the mapping to CelebA.

    A photo belongs to the part of CelebA that its original belongs to; person and part are read from CelebA's
    `identity_CelebA.txt` and `list_eval_partition.txt` where they lie beside the mapping.

    Source: Lee et al., "MaskGAN: towards diverse and interactive facial image manipulation", CVPR 2020.
    """

    layout = "CelebAMask-HQ"
    expected = f"{_IMAGES}/0.jpg with {_MASKS}/0/00000_skin.png"

    @classmethod
    def recognises(cls, root: Path) -> bool:
        return (root / _IMAGES).is_dir() and (root / _MASKS).is_dir()

    def estimate(self) -> int:
        return sum(1 for _ in (self.root / _IMAGES).glob("*.jpg"))

    def _entries(self) -> Iterator[FaceSample | LimelightError]:
        originals = self._originals()
        identities, partition = (
            find_table(self.root, name) for name in ("identity_CelebA.txt", "list_eval_partition.txt")
        )
        numbers = {int(path.stem) for path in (self.root / _IMAGES).glob("*.jpg") if path.stem.isdecimal()}
        for number in sorted(numbers | set(originals)):
            try:
                image = self.root / _IMAGES / f"{number}.jpg"
                if not image.is_file():
                    raise LimelightError(f"photo {image}: no such file")
                if number not in originals:
                    raise LimelightError(f"photo {image}: not in {_MAPPING}")
                yield FaceSample(
                    name=str(number),
                    image=image,
                    person=person_of(originals[number], identities),
                    split=split_of(originals[number], partition),
                    mask=self._mask(number),
                )
            except LimelightError as error:
                yield error

    def _originals(self) -> dict[int, str]:
        """Return names in CelebA, without suffix, by number here."""
        path = self.root / _MAPPING
        try:
            rows = [line.split() for line in path.read_text(encoding="utf-8").splitlines()]
        except (OSError, UnicodeDecodeError) as error:
            raise LimelightError(f"{self.layout} {self.root}: {_MAPPING} is missing or unreadable") from error
        return {int(row[0]): Path(row[2]).stem for row in rows if len(row) == 3 and row[0].isdecimal()}

    def _mask(self, number: int) -> tuple[Path, ...]:
        folder = self.root / _MASKS / str(number // _PER_FOLDER)
        files = (folder / f"{number:05d}_{name}.png" for name in CLASSES[1:])
        found = tuple(path for path in files if path.is_file())
        if not found:
            raise LimelightError(f"annotation {folder}/{number:05d}_*.png: no such file")
        return found


def label_map(mask: Sequence[Path]) -> NDArray[np.uint8]:
    """Return the class of every pixel (H, W); where parts overlap, the later one of the published order shows.

    Args:
        mask: `FaceSample.mask`, files named `NUMBER_CLASS.png` that are not 0 where the class is.
    Raises LimelightError: a file is unreadable, of another size than the first, or of an unknown class.
    """
    parts: dict[int, NDArray] = {}
    for path in mask:
        name = path.stem.partition("_")[2]
        if name not in CLASSES[1:]:
            raise LimelightError(f"annotation {path}: '{name}' is none of the 18 parts")
        part = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        if part is None:
            raise LimelightError(f"annotation {path}: missing or unreadable")
        parts[CLASSES.index(name)] = part
    if len({part.shape for part in parts.values()}) != 1:
        raise LimelightError(f"annotation {mask[0] if mask else ''}: masks of different sizes, or none")
    labels = np.zeros(next(iter(parts.values())).shape, np.uint8)
    for value in sorted(parts):
        labels[parts[value] != 0] = value
    return labels

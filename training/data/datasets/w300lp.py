"""300W-LP: 300-W's photos turned to larger yaws, with 3DDFA's parameters and 68 points."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from facemodel import LimelightError
from training.data.datasets.base import FaceDataset, FaceSample
from training.data.datasets.matlab import points_of, pose_of, read_mat
from training.data.photo_labels import is_held_out

_PARTS = ("AFW", "HELEN", "IBUG", "LFPW")


class W300LP(FaceDataset):
    """Folders AFW, HELEN, IBUG and LFPW of `NAME_K.jpg` beside `NAME_K.mat`, and `landmarks/AFW/NAME_K_pts.mat`.

    The views K of one photo NAME are one person and never on both sides of the split. The `*_Flip` folders, which
    hold the same pictures mirrored, are left out: training mirrors by itself.

    `landmarks68` are the projected 3D points (`pts_3d`), as in AFLW2000-3D; without the landmarks folder they are
    `pt2d`, whose jaw line follows the visible contour.

    Source: Zhu et al., "Face alignment across large poses: a 3D solution", CVPR 2016.
    """

    layout = "300W-LP"
    expected = f"{', '.join(_PARTS)} with NAME.jpg and NAME.mat"

    @classmethod
    def recognises(cls, root: Path) -> bool:
        return any(next((root / part).glob("*.mat"), None) is not None for part in _PARTS)

    def estimate(self) -> int:
        return sum(1 for part in _PARTS for _ in (self.root / part).glob("*.jpg"))

    def _entries(self) -> Iterator[FaceSample | LimelightError]:
        for part in _PARTS:
            folder = self.root / part
            for stem in sorted({path.stem for pattern in ("*.jpg", "*.mat") for path in folder.glob(pattern)}):
                try:
                    yield self._sample(part, folder / f"{stem}.jpg")
                except LimelightError as error:
                    yield error

    def _sample(self, part: str, image: Path) -> FaceSample:
        if not image.is_file():
            raise LimelightError(f"photo {image}: no such file")
        annotation = image.with_suffix(".mat")
        values = read_mat(annotation)
        separate = self.root / "landmarks" / part / f"{image.stem}_pts.mat"
        if separate.is_file():
            landmarks = points_of(separate, read_mat(separate), "pts_3d")
        else:
            landmarks = points_of(annotation, values, "pt2d")
        person = f"300w/{part}/{image.stem.rpartition('_')[0] or image.stem}"
        return FaceSample(
            name=f"{part}/{image.stem}",
            image=image,
            person=person,
            split="validation" if is_held_out(person) else "train",
            landmarks68=landmarks,
            pose=pose_of(annotation, values),
        )

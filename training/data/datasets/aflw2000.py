"""AFLW2000-3D: 2000 photos with fitted pose and 68 points; evaluation only."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from facemodel import LimelightError
from training.data.datasets.base import FaceDataset, FaceSample
from training.data.datasets.matlab import points_of, pose_of, read_mat


class AFLW2000(FaceDataset):
    """`NAME.jpg` beside `NAME.mat` in one folder; everything is test data, everybody somebody else.

    Source: Zhu et al., "Face alignment across large poses: a 3D solution", CVPR 2016.
    """

    layout = "AFLW2000-3D"
    expected = "NAME.jpg with NAME.mat"

    @classmethod
    def recognises(cls, root: Path) -> bool:
        return any(path.with_suffix(".mat").is_file() for path in root.glob("*.jpg"))

    def estimate(self) -> int:
        return sum(1 for _ in self.root.glob("*.jpg"))

    def _entries(self) -> Iterator[FaceSample | LimelightError]:
        for stem in sorted({path.stem for pattern in ("*.jpg", "*.mat") for path in self.root.glob(pattern)}):
            try:
                yield self._sample(self.root / f"{stem}.jpg")
            except LimelightError as error:
                yield error

    def _sample(self, image: Path) -> FaceSample:
        if not image.is_file():
            raise LimelightError(f"photo {image}: no such file")
        annotation = image.with_suffix(".mat")
        values = read_mat(annotation)
        return FaceSample(
            name=image.stem,
            image=image,
            person=f"aflw2000/{image.stem}",
            split="test",
            landmarks68=points_of(annotation, values, "pt3d_68"),
            pose=pose_of(annotation, values),
        )

"""Photos prepared for the paper's self-supervised training (section 4): the format on disk, its writer and its reader.

`training.data.prepare` writes:

    dataset.json               the header of `training.data.shards`, with what made the class maps
    calibration.npz            what the fits were calibrated with, see `training.data.prepare`
    NAME/shard_00000/          of at most 500 photos of data set NAME those that show a face, one .npy per array:
        images.npy        (N, 224, 224, 3) uint8 sRGB   the tracker's crop (`facemodel.Crop`)
        classes.npy       (N, 224, 224) uint8   face segmentation, an index into `face_classes.CLASSES`; background
                          where the crop reaches beyond the photo
        skin.npy          (N, 224, 224) uint8   probability p of Eq. 9 times 255; 0 outside the face
        landmarks68.npy   (N, 68, 2) float32    iBUG's points, crop px, from the 478
        landmarks478.npy  (N, 478, 2) float32   crop px: MediaPipe's points less their average offset from the model's
        scores.npy        (N, 52) float32       MediaPipe's scores (ARKIT_NAMES order)
        parameters.npy    (N, P) float32        of the per-photo fit, layout order, constrained, pose in crop px
        nme.npy           (N,) float32          of the fit over the 478 points
        names.npy         (N,) str    `NAME/name in the data set`
        persons.npy       (N,) str    equal for photos of one person, also across data sets that share people
        splits.npy        (N,) str    train, validation or test
        entries.npy       (M,) str    the M <= 500 photos that were looked at; a resumed run compares them
        features_NET.npy  (N, D) float32   identity features by network NET; absent until they are asked for

A photo takes 260 kB, CelebA 52 GB. The inner mouth (Eq. 11) is drawn from the 478 points when a batch is read.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from facemodel import CROP_SIZE, FaceModel, LimelightError
from facemodel.whole_files import whole_file
from training.data.datasets.base import Split
from training.data.face_classes import CLASSES, face_mask
from training.data.inner_mouth import inner_mouth_area
from training.data.shards import Mapped, ShardFolder, find_shards, join_column, load_array, shards_below, write_header

WHAT = "prepared photos"
"""The data in error messages."""


@dataclass(frozen=True)
class PreparedShard:
    """N prepared photos; every array is described in the module."""

    images: NDArray[np.uint8]
    classes: NDArray[np.uint8]
    skin: NDArray[np.uint8]
    landmarks68: NDArray[np.float32]
    landmarks478: NDArray[np.float32]
    scores: NDArray[np.float32]
    parameters: NDArray[np.float32]
    nme: NDArray[np.float32]
    names: NDArray[np.str_]
    persons: NDArray[np.str_]
    splits: NDArray[np.str_]
    entries: NDArray[np.str_]

    def __len__(self) -> int:
        return len(self.images)


@dataclass(frozen=True)
class PhotoBatch:
    """B prepared photos as tensors, in the form that `training.losses.paper_losses` takes.

    Attributes:
        image: (B, 224, 224, 3) sRGB 0..1.
        face: (B, 224, 224) I_face of Eq. 8, 0..1: where the photo shows the face and nothing in front of it.
        skin: (B, 224, 224) probability p of Eq. 9, 0..1; 0 outside the face.
        inner_mouth: (B, 224, 224) share of each pixel between the lips, A of Eq. 11; 0 everywhere if they are closed.
        landmarks68: (B, 68, 2) iBUG's points, crop px.
        landmarks478: (B, 478, 2) MediaPipe's points, crop px, where the face model has them.
        scores: (B, 52) MediaPipe's scores, ARKIT_NAMES order.
        parameters: (B, P) of the per-photo fit, pose in crop px, with mean albedo and soft light: a start.
        person: (B,) int64, equal for photos of one person.
        features: (B, D) identity features F(I_in) of Eq. 7; None if the reader was not asked for any.
    """

    image: Tensor
    face: Tensor
    skin: Tensor
    inner_mouth: Tensor
    landmarks68: Tensor
    landmarks478: Tensor
    scores: Tensor
    parameters: Tensor
    person: Tensor
    features: Tensor | None = None

    def __len__(self) -> int:
        return len(self.image)

    def to(self, device: torch.device | str) -> PhotoBatch:
        """Return the batch on another device."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return PhotoBatch(**{name: value if value is None else value.to(device) for name, value in values.items()})


class PreparedPhotos:
    """Everything prepared below a folder so far: labels in memory, pixels mapped from disk.

    May be read by several threads.

    Args:
        root: the prepared folder.
        model: the face model to train with; checked if given.
        splits: which parts of the data.
        features: name of the identity network whose features a batch holds; None for none.

    Attributes:
        names: (N,) `data set/photo`.
        person: (N,) int64, equal for photos of one person; the same in every split of a folder.
        landmarks68, landmarks478, scores, parameters, nme: (N, ...), see the module.
        features: (N, D) or None.
    Raises LimelightError: nothing is there, a file is damaged, features are missing, or the labels belong to another
        face model.
    """

    def __init__(
        self,
        root: Path,
        model: FaceModel | None = None,
        splits: Sequence[Split] = ("train",),
        features: str | None = None,
    ) -> None:
        lengths = {shard: len(load_array(shard / "splits.npy", WHAT)) for shard in find_shards(root, WHAT, model)}
        self._shards = [shard for shard, length in lengths.items() if length]
        if not self._shards:
            raise LimelightError(f"{WHAT} {root}: nothing there yet; see docs/training.md")
        parts = self._column("splits")
        self._chosen = chosen = np.flatnonzero(np.isin(parts, splits))  # (N,) rows of all shards
        if not len(chosen):
            raise LimelightError(f"{WHAT} {root}: none of {len(parts)} belongs to {' or '.join(splits)}")
        _, person = np.unique(self._column("persons"), return_inverse=True)
        self.person = person.astype(np.int64)[chosen]
        self.names = self._column("names")[chosen]
        self.landmarks68 = self._column("landmarks68")[chosen]
        self.landmarks478 = self._column("landmarks478")[chosen]
        self.scores = self._column("scores")[chosen]
        self.parameters = self._column("parameters")[chosen]
        self.nme = self._column("nme")[chosen]
        self.features = None if features is None else self._column(f"features_{features}")[chosen]
        self._images, self._classes, self._skin = (
            Mapped(self._shards, name, WHAT) for name in ("images", "classes", "skin")
        )
        self._is_face = face_mask(np.arange(len(CLASSES)))

    def __len__(self) -> int:
        return len(self._chosen)

    def image(self, index: int) -> NDArray[np.uint8]:
        """Return crop number `index` (224, 224, 3), sRGB."""
        return self._images[self._chosen[index]]

    def classes(self, index: int) -> NDArray[np.uint8]:
        """Return the face segmentation (224, 224) of crop number `index`."""
        return self._classes[self._chosen[index]]

    def batch(self, indices: Sequence[int] | NDArray[np.integer]) -> PhotoBatch:
        """Return the photos at `indices` (B,).

        Raises LimelightError: a file is damaged.
        """
        index = np.asarray(indices, np.int64)
        rows = self._chosen[index]
        images, classes, skin = (np.stack([c[row] for row in rows]) for c in (self._images, self._classes, self._skin))
        landmarks = self.landmarks478[index]
        mouth = np.stack([inner_mouth_area(points, CROP_SIZE) for points in landmarks])  # (B, 224, 224)
        face = self._is_face[classes] * (1.0 - mouth)  # no segmenter need know what is seen between the lips
        return PhotoBatch(
            image=torch.from_numpy(images).float() / 255.0,
            face=torch.from_numpy(face.astype(np.float32)),
            skin=torch.from_numpy(skin).float() / 255.0,
            inner_mouth=torch.from_numpy(mouth),
            landmarks68=torch.from_numpy(self.landmarks68[index]),
            landmarks478=torch.from_numpy(landmarks),
            scores=torch.from_numpy(self.scores[index]),
            parameters=torch.from_numpy(self.parameters[index]),
            person=torch.from_numpy(self.person[index]),
            features=None if self.features is None else torch.from_numpy(self.features[index]),
        )

    def _column(self, name: str) -> NDArray:
        missing = next((shard for shard in self._shards if not (shard / f"{name}.npy").is_file()), None)
        if missing is not None and name.startswith("features_"):
            network = name.removeprefix("features_")
            raise LimelightError(f"{WHAT} {missing}: no identity features of {network}; prepare them anew")
        return join_column(self._shards, name, WHAT)


class PreparedWriter(ShardFolder):
    """Writes the `PreparedShard`s of one data set below a prepared folder, each of them whole or not at all.

    Args:
        root: the prepared folder; made if absent.
        name: of the data set.
        model: the face model that the labels belong to.
        segmenter: name of what makes the class maps.
    Raises LimelightError: the folder holds the data of another face model or segmenter, or cannot be written to.
    """

    def __init__(self, root: Path, name: str, model: FaceModel, segmenter: str = "unet") -> None:
        super().__init__(root / name, WHAT)
        write_header(root, WHAT, model, segmenter=segmenter)

    def entries(self, number: int) -> list[str] | None:
        """Return the names of the photos that shard `number` was made of; None while it does not exist.

        Raises LimelightError: the shard is damaged.
        """
        return self.read(number, "entries").tolist() if self.exists(number) else None

    def length(self, number: int) -> int:
        """Return how many photos shard `number` holds.

        Raises LimelightError: it does not exist or is damaged.
        """
        return len(self.read(number, "names"))


Identify = Callable[[Tensor], Tensor]
"""From crops (B, 224, 224, 3) sRGB 0..1 to features (B, D)."""


def add_features(root: Path, name: str, identify: Identify, batch: int = 16) -> None:
    """Write the features of every prepared photo below `root` that has none by this network yet, shard by shard.

    Args:
        root: the prepared folder.
        name: of the network; a reader asks for the features by it.
        identify: the network.
        batch: photos at once.
    Raises LimelightError: a shard is damaged, features are not finite, or they cannot be written.
    """
    shards = [shard for shard in shards_below(root) if not (shard / f"features_{name}.npy").exists()]
    total = sum(len(load_array(shard / "names.npy", WHAT)) for shard in shards)
    with tqdm(total=total, unit="photo", desc=f"features of {name}") as bar:
        for shard in shards:
            pictures, features = load_array(shard / "images.npy", WHAT, mapped=True), []
            for start in range(0, len(pictures), batch):
                crops = torch.from_numpy(np.array(pictures[start : start + batch])).float() / 255.0
                with torch.no_grad():
                    features.append(identify(crops).float().cpu().numpy())
                bar.update(len(crops))
            _write(shard, name, np.concatenate(features) if features else np.zeros((0, 0), np.float32))


def _write(shard: Path, name: str, features: np.ndarray) -> None:
    if not np.isfinite(features).all():
        raise LimelightError(f"features of {name}: not finite on {shard}; the network's weights are damaged")
    with (
        whole_file(shard / f"features_{name}.npy", f"features of {name} {shard}") as partial,
        partial.open("wb") as file,
    ):
        np.save(file, features)

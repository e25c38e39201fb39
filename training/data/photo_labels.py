"""MediaPipe's landmarks and scores of every photo, cached: what the fit and the distillation start from."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, fields
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from facemodel.arkit import ARKIT_NAMES
from facemodel.errors import LimelightError
from training.data.landmarker import Landmarker
from training.data.shards import ShardFolder, join_column, shards_below
from training.sampling import spread_evenly

COLLECTIONS = ("omi", "ytf", "lfw", "utkface")
_NAMED = ("ytf", "lfw")
_SHARD = 500
_WHAT = "photo labels"
_MIN_SIDE = 256
_PADDING = 0.3


@dataclass(frozen=True)
class PhotoLabels:
    """MediaPipe's view of N photos in which it found a face.

    Attributes:
        paths: (N,) `collection/file name`, relative to the photo folder.
        sizes: (N, 2) width and height in px.
        landmarks: (N, 478, 3) x right, y down in px of the photo, (0, 0) the outer corner of the top-left
            pixel; z is MediaPipe's relative depth in px, away from the camera.
        scores: (N, 52) in ARKIT_NAMES order, 0..1; tongueOut, which MediaPipe lacks, is 0.
        matrices: (N, 4, 4) canonical face (cm) to MediaPipe's camera frame.
    """

    paths: NDArray[np.str_]
    sizes: NDArray[np.int32]
    landmarks: NDArray[np.float32]
    scores: NDArray[np.float32]
    matrices: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.paths)

    @property
    def people(self) -> NDArray[np.str_]:
        """Return names (N,) of people, the same in ytf and lfw; the path where every file is somebody else."""
        return np.array([person_of(path) for path in self.paths])

    @property
    def validation(self) -> NDArray[np.bool_]:
        """Return which photos (N,) are held out, split by person."""
        return np.array([is_held_out(person) for person in self.people], dtype=bool)

    def take(self, index: NDArray | slice) -> PhotoLabels:
        """Return the labels at `index`, which is whatever NumPy indexes a first axis with."""
        return PhotoLabels(*(getattr(self, field.name)[index] for field in fields(self)))


def person_of(path: str) -> str:
    """Return `Name` of `lfw/Name_0001.jpg` and `ytf/Name_10.jpg`, which are one person; else the path itself."""
    collection, _, name = path.partition("/")
    return Path(name).stem.rpartition("_")[0] if collection in _NAMED else path


def is_held_out(person: str, fraction: float = 0.05) -> bool:
    """Return whether a person belongs to the validation part: by hash, the same on every machine."""
    return int.from_bytes(hashlib.sha256(person.encode()).digest()[:4], "big") < fraction * 2**32


class PhotoLandmarker:
    """MediaPipe's Face Landmarker on single RGB photos, small and tightly cropped ones too.

    Args:
        bundle: MediaPipe's `face_landmarker.task`.
    Raises LimelightError: MediaPipe is not installed, or the bundle is missing or corrupt.
    """

    def __init__(self, bundle: Path) -> None:
        self._landmarker = Landmarker(bundle)

    def __call__(self, image: NDArray[np.uint8]) -> tuple[NDArray, NDArray, NDArray] | None:
        """Return landmarks (478, 3) px, scores (52,) and matrix (4, 4) of the main face of an (H, W, 3) RGB photo.

        The main face is the one with the largest extent, less what it lies off the middle. A photo without a
        detection is tried once more with a border, which tight crops need. None if there is still no face.
        """
        height, width = image.shape[:2]
        for padding in (0, round(_PADDING * max(height, width))):
            padded = np.pad(image, ((padding, padding), (padding, padding), (0, 0)), mode="edge")
            found = self._detect(padded)
            if found is not None:
                landmarks, scores, matrix = found
                landmarks[:, :2] -= padding
                return landmarks, scores, matrix
        return None

    def close(self) -> None:
        """Release MediaPipe, which cannot do that by itself any more when the program ends."""
        self._landmarker.close()

    def _detect(self, image: NDArray[np.uint8]) -> tuple[NDArray, NDArray, NDArray] | None:
        height, width = image.shape[:2]
        enlarge = max(1.0, _MIN_SIDE / min(height, width))
        if enlarge > 1.0:
            image = cv2.resize(image, None, fx=enlarge, fy=enlarge, interpolation=cv2.INTER_CUBIC)
        faces = self._landmarker.find(cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
        if not faces:
            return None
        scale = width / image.shape[1], height / image.shape[0]
        points = np.array([face.landmarks * scale for face in faces])  # (F, 478, 2)
        low, high = points.min(axis=1), points.max(axis=1)
        off_middle = np.linalg.norm((low + high) / 2 - (width / 2, height / 2), axis=1)
        best = int(np.argmax(np.sqrt((high - low).prod(axis=1)) - off_middle))
        face = faces[best]
        landmarks = np.column_stack([points[best], face.depth * scale[0]]).astype(np.float32)
        scores = np.array([face.scores.get(name, 0.0) for name in ARKIT_NAMES], dtype=np.float32)
        return landmarks, scores, face.matrix.astype(np.float32)


def label_photos(
    photos: Path, out: Path, bundle: Path, collections: Sequence[str] = COLLECTIONS, share: float = 1.0
) -> PhotoLabels:
    """Label every photo below `photos`, keeping what earlier runs wrote to `out`, and return all labels.

    Photos that are unreadable or show no face are left out and counted on the progress bar. A photo that no
    shard lists yet is labelled now, so the run can be stopped at any time and loses at most one shard.

    Args:
        photos: the photo folder.
        out: folder of the labels.
        bundle: MediaPipe's `face_landmarker.task`.
        collections: folders of `photos`.
        share: of each of them, spread evenly over it.
    Raises LimelightError: the photo folder or the bundle is missing, or MediaPipe is not installed.
    """
    shards = list(_shards(photos, collections, share))
    skipped = 0
    with (
        closing(PhotoLandmarker(bundle)) as landmarker,
        tqdm(total=sum(len(paths) for *_, paths in shards), unit="photo", desc="MediaPipe labels") as bar,
    ):
        for collection, number, paths in shards:
            folder = ShardFolder(out / collection, _WHAT)
            if not folder.exists(number):
                folder.write(number, _label(photos, paths, landmarker))
            skipped += len(paths) - len(folder.read(number, "paths"))
            bar.update(len(paths))
            bar.set_postfix(skipped=skipped)
    return load_labels(out)


def load_labels(folder: Path) -> PhotoLabels:
    """Return every label that `label_photos` has written to `folder` so far.

    Raises LimelightError: there is none, or a file is damaged.
    """
    shards = shards_below(folder)
    if not shards:
        raise LimelightError(f"{_WHAT} {folder}: none yet; the recipe's stage 'labels' makes them")
    return PhotoLabels(**{field.name: join_column(shards, field.name, _WHAT) for field in fields(PhotoLabels)})


def _shards(photos: Path, collections: Sequence[str], share: float) -> Iterator[tuple[str, int, list[str]]]:
    """Yield a collection, the number of a shard and the paths of its photos."""
    for collection in collections:
        folder = photos / collection
        if not folder.is_dir():
            raise LimelightError(f"photo folder {folder}: no such folder; set LIMELIGHT_DATA")
        names = sorted(path.name for path in folder.iterdir() if path.suffix.lower() in (".jpg", ".png"))
        names = [names[i] for i in spread_evenly(len(names), round(share * len(names)))]
        for number, start in enumerate(range(0, len(names), _SHARD)):
            yield collection, number, [f"{collection}/{name}" for name in names[start : start + _SHARD]]


def _label(photos: Path, paths: Sequence[str], landmarker: PhotoLandmarker) -> PhotoLabels:
    """Return the labels of those photos that are readable and show a face."""
    rows: list[tuple] = []
    for path in paths:
        image = read_rgb(photos / path)
        found = None if image is None else landmarker(image)
        if image is not None and found is not None:
            rows.append((path, (image.shape[1], image.shape[0]), *found))
    columns = list(zip(*rows, strict=True)) or [(), (), (), (), ()]
    return PhotoLabels(
        paths=np.array(columns[0], dtype=np.str_),
        sizes=np.array(columns[1], dtype=np.int32).reshape(-1, 2),
        landmarks=np.array(columns[2], dtype=np.float32).reshape(-1, 478, 3),
        scores=np.array(columns[3], dtype=np.float32).reshape(-1, len(ARKIT_NAMES)),
        matrices=np.array(columns[4], dtype=np.float32).reshape(-1, 4, 4),
    )


def default_photos() -> Path:
    """Return the photo folder of the data folder that `LIMELIGHT_DATA` names, or `../shared/sources`."""
    return Path(os.environ.get("LIMELIGHT_DATA", "../shared/sources")) / "photos"


def read_rgb(path: Path) -> NDArray[np.uint8] | None:
    """Return an RGB picture (H, W, 3), or None where the file is no readable picture."""
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    return None if image is None else cv2.cvtColor(image, cv2.COLOR_BGR2RGB)

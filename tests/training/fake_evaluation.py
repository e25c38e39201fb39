"""Networks and a live loop whose answers are known, for tests of the evaluation."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facemodel import FaceModel
from training.evaluation.context import Context, Extent, Material, TrackedClip
from training.evaluation.render_set import RenderSet
from training.evaluation.section import UnmeasuredError

EXTENT = Extent(people=2, random_renders=8, shapes=12, layers=6, photos=4, clips=1, clip_frames=10, performer_frames=12)
RESOLUTION = 48

Answer = Callable[[NDArray[np.float32], int], NDArray[np.float32]]
"""True parameters (P,) of a picture, and how many were asked before it, to the network's answer (P,)."""


class FakeNetwork:
    """Knows the pictures of render sets by their pixels, and answers what it is told to."""

    name = "fake"
    resolution = RESOLUTION

    def __init__(self, answer: Answer, *sets: RenderSet) -> None:
        self._known = {
            renders.crop(i, RESOLUTION).tobytes(): renders.parameters[i]
            for renders in sets
            for i in range(len(renders))
        }
        self._answer = answer
        self.asked = 0

    def infer(self, crops: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        answers = []
        for crop in crops:
            answers.append(self._answer(self._known[crop.tobytes()].copy(), self.asked))
            self.asked += 1
        return np.stack(answers), np.ones(len(crops), np.float32)


class FakeLoop:
    """Tracks nothing but the performer and the clips that it is given."""

    def __init__(self, pairs: list[tuple[NDArray | None, NDArray]] = (), clip: TrackedClip | None = None) -> None:
        self.pairs, self.tracked = list(pairs), clip
        self.photos: dict[bytes, NDArray[np.float32] | None] = {}

    def find(self, image: NDArray[np.uint8]) -> NDArray[np.float32] | None:
        return self.photos.get(image.tobytes())

    def follow(self, image: NDArray[np.uint8], pose: object) -> NDArray[np.float32] | None:
        return self.photos.get(image.tobytes())

    def clip(self, path: Path, frames: int | None) -> TrackedClip:
        if self.tracked is None:
            raise UnmeasuredError("no clip")
        return self.tracked

    def performer(self, frames: int) -> list[tuple[NDArray | None, NDArray]]:
        return self.pairs[:frames]


def material(
    model: FaceModel, cache: Path, bundle: Path, data: Path | None = None, extent: Extent = EXTENT, **more: object
) -> Material:
    """What the sections measure on, small."""
    return Material(model, data, cache, bundle, extent, **more)


def context(shown: Material, answer: Answer, loop: FakeLoop | None = None) -> Context:
    """A network that answers so, before the material."""
    network = FakeNetwork(answer, shown.renders, shown.random_renders)
    return Context(shown, network, loop or FakeLoop())

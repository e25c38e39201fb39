"""Which prepared photos make a batch, a pure function of seed and step, so that a resumed run sees the same ones."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from training.sampling import shuffled_without_end


class PhotoDraw:
    """Draws batches of photos; all of them come before any comes again.

    Args:
        person: (N,) equal for photos of one person.
        batch_size: photos a batch.
        company: pictures of one person that come together: each photo drawn brings others of the same person, as far
            as there are any, and strangers make up the rest.
        seed: of everything random.
    """

    def __init__(self, person: NDArray[np.int64], batch_size: int, company: int = 1, seed: int = 0) -> None:
        self._company = company
        self._photos = batch_size
        self._anchors = -(-batch_size // company)
        self._count = len(person)
        self._seed = seed
        order = np.argsort(person, kind="stable")
        self._people = np.split(order, np.flatnonzero(np.diff(person[order])) + 1)
        self._person = np.empty(len(person), np.int64)
        for number, photos in enumerate(self._people):
            self._person[photos] = number

    def __call__(self, step: int) -> NDArray[np.int64]:
        """Return the photos (B,) of batch number `step`."""
        rng = np.random.default_rng((self._seed, 3, step))
        anchors = shuffled_without_end(self._count, self._anchors, step, (self._seed, 5))
        chosen = [photo for anchor in anchors for photo in (anchor, *self._others(anchor, rng))][: self._photos]
        missing = self._photos - len(chosen)
        chosen += rng.choice(self._count, missing, replace=missing > self._count).tolist()
        return np.array(chosen, np.int64)

    def _others(self, anchor: int, rng: np.random.Generator) -> list[int]:
        """Return at most `company` - 1 other photos of the person on `anchor`."""
        photos = self._people[self._person[anchor]]
        others = photos[photos != anchor]
        return rng.permutation(others)[: self._company - 1].tolist() if self._company > 1 else []

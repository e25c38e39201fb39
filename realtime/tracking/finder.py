"""The search for faces in a whole frame, at any size, place and angle: to start following, and after a loss."""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facemodel import Crop, FaceModel, fit_pose
from facemodel.landmarks import detector_points
from realtime.tracking.crop_warp import CropWarp
from realtime.tracking.detector import FaceDetector, Region, overlaps
from realtime.tracking.found_face import FoundFace

_TURNS = (0, 1, 2, 3)

_CLEARLY_SMALLER = 0.7
"""Than the smallest face: what is so small is not one, whatever a detector sees in it."""


@dataclass(frozen=True)
class FinderConfig:
    """How faces are searched for.

    Attributes:
        smallest: px, of a face that is found.
        candidate_score: of an answer that is worth a closer look.
        min_score: of a face after that.
        min_vote: mean score on a crop that is to be believed.
        upright: degrees that a face may lean in the turn that it is believed in.
        same_face: share of the smaller of two boxes that both cover from which on they are one face's.
        full_range_size, short_range_size: px of the input from which on a detector sees a face.
        range: how many times larger the largest is that it sees.
        tile_overlap: share of a tile's side that the next one shows again.
        close_sizes: px of the short-range detector's input that a face has in the closer look.
        quick_size, quick_cell: px of a face, and of the square around it for each turn, in a quick closer look.
        crop_margins: how many times larger than a crop the squares are that are voted on.
        glance: px in all that the full-range detector is shown a whole picture with by `look`.
        tile: px along and across the picture's longer side that it is shown a part with by `look`.
        tile_size: px of that input from which on it is to see a face then.
        pieces: of the longer search that are done in each round of `look`.
        most_owed: calls of `look` that one which took too long may cost.
    """

    smallest: float = 24.0
    candidate_score: float = 0.3
    min_score: float = 0.5
    min_vote: float = 0.7
    upright: float = 50.0
    same_face: float = 0.5
    full_range_size: float = 16.0
    short_range_size: float = 24.0
    range: float = 3.0
    tile_overlap: float = 0.25
    close_sizes: tuple[float, ...] = (36.0, 56.0)
    quick_size: float = 28.0
    quick_cell: int = 48
    crop_margins: tuple[float, ...] = (1.4, 2.4)
    glance: int = 128 * 128
    tile: tuple[int, int] = (160, 128)
    tile_size: float = 13.5
    pieces: int = 4
    most_owed: float = 10.0


@dataclass(frozen=True)
class _Piece:
    """What one run of one detector searches: a region, turned so many times, its longer side shown so many px long."""

    detector: FaceDetector
    region: Region
    turn: int = 0
    longest: int | None = None


_HEAD, _SMALL = 0.65, 0.25
"""Of a face's size: how far its head reaches from its middle, and what on it is too small to be a face."""

_FACE_OF_CROP = 0.75
"""Size of a face in its crop, of the crop's side."""


class TurningFaceFinder:
    """Finds faces with MediaPipe's full-range and short-range detectors together; see `FaceFinder`.

    Each detector answers to faces turned by any angle, but tells their place only roughly, and their points lie on
    turned faces. So a search has two steps: both detectors name candidates, and each of these is looked at closely by
    the short-range one in four quarter turns. Believed is the best-scoring turn that has the face upright.

    Args:
        full_range, short_range: the detectors.
        config: how faces are searched for.
        clock: seconds; what `look` measures its time with.

    Attributes:
        rounds: how often `look` has searched the whole picture, and some more.
    """

    def __init__(
        self,
        full_range: FaceDetector,
        short_range: FaceDetector,
        config: FinderConfig | None = None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._full, self._short = full_range, short_range
        self._config = config or FinderConfig()
        self._clock = clock
        self._warp = CropWarp(short_range.side)
        self._lean = math.cos(math.radians(self._config.upright))
        self._shape = (0, 0)
        self._pieces: Iterator[_Piece] = iter(())
        self._next: _Piece | None = None
        self._candidates: list[FoundFace] = []  # that `look` had no time to look at closely
        self._seconds: dict[tuple[int, int | None], float] = {}  # that each kind of work takes
        self._balance = 0.0  # s, that `look` may spend; below 0 what it owes
        self.rounds = 0

    def find(self, image: NDArray[np.uint8]) -> list[FoundFace]:
        """Every face of an (H, W, 3) uint8 BGR image, the largest first: all turns and all tiles are searched."""
        height, width = image.shape[:2]
        candidates = []
        for detector, size in (
            (self._full, self._config.full_range_size),
            (self._short, self._config.short_range_size),
        ):
            for region in self._regions(width, height, (detector.side, detector.side), size):
                for turn in (0, 1):
                    candidates += self._name(image, _Piece(detector, region, turn))
        looks = (self._examine(image, candidate, quickly=False) for candidate in self._apart(candidates))
        faces = self._apart(face for face in looks if face is not None)
        return sorted(faces, key=lambda face: -face.size)

    def look(self, image: NDArray[np.uint8], seconds: float = 0.003, known: Sequence[Crop] = ()) -> list[FoundFace]:
        """The next pieces of a search: the first face that they find, or none; see `FaceFinder`.

        A run cannot be cut short: what a call takes longer than it may, it owes to the next ones, which do nothing
        until that is paid, so that a call does not take longer on average. Beside the first run of a call, what does
        not fit into its time waits for the next one, a candidate's closer look too. A call ends with the first face,
        the largest of its piece, and no call does more than one round, however much time it has.

        Args:
            image: (H, W, 3) uint8 BGR; with another size a new search begins.
            seconds: that it may take on average; whether something fits is told by what the same has taken before.
            known: crops of faces that are followed already: they are not looked for.
        """
        start, rounds, done = self._clock(), self.rounds, False
        self._balance = min(self._balance + seconds, seconds)
        if image.shape[:2] != self._shape:
            self._shape = (image.shape[0], image.shape[1])
            self._pieces = self._endless(self._shape[1], self._shape[0])
            self._next, self._candidates = None, []
        while self._balance > 0.0:
            self._candidates = [face for face in self._candidates if not _is_known(face, known)]
            if not self._candidates and self._next is None:
                self._next = next(self._pieces)
            piece = None if self._candidates else self._next
            work = (0, None) if piece is None else (piece.detector.side, piece.longest)
            if done and (self.rounds > rounds or self._seconds.get(work, 0.0) > self._balance):
                break
            face = None
            if piece is None:
                face = self._examine(image, self._candidates.pop(0), quickly=True)
            else:
                self._candidates = sorted(self._apart(self._name(image, piece)), key=lambda face: -face.size)
                self._next = None
            taken = self._clock() - start
            start += taken
            self._seconds[work] = 0.8 * self._seconds.get(work, taken) + 0.2 * taken
            self._balance = max(self._balance - taken, -self._config.most_owed * seconds)
            if face is not None:
                return [face]
            done = True
        return []

    def pose(self, face: FoundFace, model: FaceModel) -> tuple[NDArray, NDArray, float]:
        """Weak-perspective pose of the mean face on a face's points: rotation, translation (px), scale (px/mm)."""
        return fit_pose(detector_points(model.landmarks478(model.mean)), face.points)

    def upright(self, image: NDArray[np.uint8], crop: Crop) -> bool:
        """Whether a crop that is to be believed holds an upright face: the short-range detector's vote on it."""
        votes = self._votes(image, crop)
        return bool(votes.argmax() == 0 and votes[0] >= self._config.min_vote)

    def _votes(self, image: NDArray[np.uint8], crop: Crop) -> NDArray[np.float64]:
        """For each turn (4,) the mean score of a face that is upright in it, in squares of several sizes."""
        votes = np.zeros(len(_TURNS))
        for margin in self._config.crop_margins:
            pixels = self._warp(image, Crop(crop.centre, margin * crop.side, crop.angle))
            for turn in _TURNS:
                faces = self._short.see_crop(pixels, turn, self._config.candidate_score)
                votes[turn] += max((face.score for face in faces if self._leans_little(face, turn)), default=0.0)
        return votes / len(self._config.crop_margins)

    def _name(self, image: NDArray[np.uint8], piece: _Piece) -> list[FoundFace]:
        """Candidates of a piece, the best first, however they lie."""
        score = self._config.candidate_score
        (named,) = piece.detector.see(image, piece.region, (piece.turn,), score, piece.longest)
        return [face for face in named if face.size > _CLEARLY_SMALLER * self._config.smallest]

    def _examine(self, image: NDArray[np.uint8], candidate: FoundFace, quickly: bool) -> FoundFace | None:
        """The face of a candidate as the best of four turns shows it; None if it is upright in none.

        Args:
            quickly: in one run, which the four turns share at half of the resolution.
        """
        config = self._config
        votes: dict[int, float] = dict.fromkeys(_TURNS, 0.0)
        best: dict[int, FoundFace] = {}
        if quickly:
            runs = [(_TURNS, 2 * config.quick_cell, config.quick_cell / config.quick_size)]
        else:
            side = self._short.side
            runs = [((turn,), side, side / size) for size in config.close_sizes for turn in _TURNS]
        for turns, longest, margin in runs:
            region = Region.around(candidate.centre, candidate.size * margin)
            seen = self._short.see(image, region, turns, config.candidate_score, longest)
            for turn, faces in zip(turns, seen, strict=True):
                face = next((face for face in faces if self._is_of(candidate, face, turn)), None)
                if face is not None:
                    votes[turn] += face.score
                    best[turn] = max(face, best.get(turn, face), key=lambda face: face.score)
        turn = max(_TURNS, key=lambda turn: votes[turn])
        score = votes[turn] * len(_TURNS) / sum(len(turns) for turns, *_ in runs)  # the mean of its runs
        return replace(best[turn], score=score) if score >= config.min_score else None

    def _is_of(self, candidate: FoundFace, face: FoundFace, turn: int) -> bool:
        """Whether a face is about where a candidate is, and upright in the turn that it was seen in."""
        return math.dist(face.centre, candidate.centre) < 0.7 * candidate.size and self._leans_little(face, turn)

    def _leans_little(self, face: FoundFace, turn: int) -> bool:
        """Whether a face's mouth is below its eyes in a picture that was turned so."""
        (x0, y0), (x1, y1), _, (x, y), *_ = face.points.tolist()
        x, y = x - 0.5 * (x0 + x1), y - 0.5 * (y0 + y1)  # from between the eyes to the mouth
        down = (y, -x, -y, x)[turn]
        return bool(down >= self._lean * math.hypot(x, y))

    def _apart(self, faces: Iterable[FoundFace]) -> list[FoundFace]:
        """One of each group that overlaps, the best-scoring; the best first. None on the head of another."""
        apart: list[FoundFace] = []
        for face in sorted(faces, key=lambda face: -face.score):
            boxes = np.array([other.box for other in apart]).reshape(-1, 4)
            same = np.any(overlaps(face.box, boxes)[1] > self._config.same_face)
            if not same and not any(_is_on_head(face, other.centre, other.size) for other in apart):
                apart.append(face)
        return apart

    def _endless(self, width: int, height: int) -> Iterator[_Piece]:
        """The pieces of a search that goes on, round by round: the whole picture at a glance, and then a few of the
        pieces that take longer, which are the whole picture in both turns and the tiles."""
        whole, *tiles = self._regions(width, height, self._config.tile, self._config.tile_size)
        glance = self._full.longest(whole, self._config.glance)
        rest = [_Piece(self._full, whole, 1, glance), _Piece(self._short, whole, 1)]
        rest += [_Piece(self._full, tile, turn, self._config.tile[0]) for turn in (0, 1) for tile in tiles]
        endless = itertools.cycle(rest)
        while True:
            yield _Piece(self._short, whole)
            yield _Piece(self._full, whole, 0, glance)
            yield from itertools.islice(endless, self._config.pieces)
            self.rounds += 1

    def _regions(self, width: int, height: int, shown: tuple[int, int], size: float) -> list[Region]:
        """What a detector is shown of a picture: the whole, then ever smaller tiles.

        Args:
            shown: px along and across the picture's longer side that a tile is shown with.
            size: px from which on a face is seen in it.
        """
        regions = [Region(0.0, 0.0, width, height)]
        longest = max(width, height)
        last = self._config.smallest * shown[0] / size
        levels = max(0, math.ceil(math.log(longest / last) / math.log(self._config.range)))
        for level in range(1, levels + 1):
            along = longest * (last / longest) ** (level / levels)
            across = along * shown[1] / shown[0]
            w, h = (along, across) if width >= height else (across, along)
            regions += [Region(x, y, w, h) for y in self._starts(height, h) for x in self._starts(width, w)]
        return regions

    def _starts(self, length: int, side: float) -> list[float]:
        """Where tiles start along a picture's side, evenly, the first and the last at its ends."""
        if length <= side:
            return [0.5 * (length - side)]
        step = side * (1.0 - self._config.tile_overlap)
        return np.linspace(0.0, length - side, math.ceil((length - side) / step) + 1).tolist()


def open_finder(threads: int = 1, clock: Callable[[], float] = time.perf_counter) -> TurningFaceFinder:
    """Open the finder with the detectors that ship with Limelight.

    Args:
        threads: that one run of a detector uses; a second one gains next to nothing.
        clock: seconds; see `TurningFaceFinder`.

    Raises:
        LimelightError: a detector's file is missing or corrupt.
    """
    folder = Path(str(files("realtime") / "assets"))
    full_range, short_range = (
        FaceDetector(folder / f"face_detection_{kind}_range.onnx", threads) for kind in ("full", "short")
    )
    return TurningFaceFinder(full_range, short_range, clock=clock)


def _is_known(face: FoundFace, known: Sequence[Crop]) -> bool:
    """Whether a candidate lies in the middle of a crop, or on the head in it."""
    return any(
        math.dist(face.centre, crop.centre) < 0.3 * crop.side
        or _is_on_head(face, crop.centre, _FACE_OF_CROP * crop.side)
        for crop in known
    )


def _is_on_head(face: FoundFace, centre: Sequence[float] | NDArray[np.float64], size: float) -> bool:
    """Whether a candidate is so small, and so near the middle of a face of this size, that it is an ear or a jewel."""
    near = np.abs(np.subtract(face.centre, centre)).max() < _HEAD * size
    return bool(near and face.size < _SMALL * size)

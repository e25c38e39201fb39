"""Strands: where they run on a hair mesh, and the textures that are drawn along them."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import lsqr

ROWS, COLUMNS = 256, 256
TILE_MM = 64.0
"""Width of hair that the columns of a strand texture cover."""


@dataclass(frozen=True)
class StrandKind:
    """How a strand texture looks.

    Attributes:
        strands: number of strands across the texture.
        width: of a strand, columns.
        wave: sideways sway of a strand, columns. turns: sways from root to tip.
        shortest: where the shortest strand ends, as a fraction of the length.
        root: length, as a fraction, over which strands begin one after the other.
        base: cover of the under-layer between the strands, that thins out to the tips.
    """

    strands: int
    width: float
    wave: float
    turns: float
    shortest: float
    root: float
    base: float


KINDS = {
    "straight": StrandKind(900, 1.5, 3.0, 1.0, 0.72, 0.05, 1.0),
    "wavy": StrandKind(900, 1.5, 6.0, 2.0, 0.72, 0.05, 1.0),
    "curls": StrandKind(500, 1.5, 5.0, 7.0, 0.60, 0.10, 0.85),
    "lashes": StrandKind(110, 1.3, 5.0, 0.35, 0.50, 0.0, 0.0),
}


def strand_texture(kind: StrandKind, rng: np.random.Generator) -> np.ndarray:
    """Draw strands along the rows of a texture that repeats sideways.

    Returns: (ROWS, COLUMNS, 2) uint8: how much each place covers, and how bright it is (128 is the mean).
    """
    along = np.linspace(0.0, 1.0, 257)
    shape = (ROWS, 3 * COLUMNS * 2)  # three tiles side by side, so that strands may sway over the border
    cover, bright = np.zeros(shape, np.float32), np.full(shape, 0.35, np.float32)
    row = np.linspace(0.0, 1.0, ROWS)[:, None]
    start, end = (np.tile(rng.uniform(low, high, 2 * COLUMNS), 3) for low, high in ((0.0, kind.root), (0.62, 0.86)))
    cover += kind.base * np.clip((row - start) * 40.0, 0.0, 1.0) * np.clip((end - row) * 8.0, 0.0, 1.0)
    for index in range(kind.strands):
        depth = (index + 1) / kind.strands  # later strands lie on top and catch more light
        first, last = rng.uniform(0.0, kind.root + 1e-6), rng.uniform(kind.shortest, 1.0)
        x = rng.uniform(0, COLUMNS)
        phase = rng.uniform(0, 2 * np.pi)
        sway = kind.wave * (np.sin(2 * np.pi * kind.turns * along + phase) - np.sin(phase)) * (0.3 + 0.7 * along)
        lock = 0.5 * np.sin(2 * np.pi * 5 * x / COLUMNS + 1.0) + 0.5 * np.sin(2 * np.pi * 13 * x / COLUMNS)
        tone = float(np.clip(0.25 + 0.4 * depth + 0.16 * lock + rng.normal(0.0, 0.13), 0.05, 1.0))
        thick = max(1, round(2 * kind.width * rng.uniform(0.6, 1.2) * (0.6 if depth > 0.85 else 1.0)))
        used = along[(along >= first) & (along <= last)]
        if len(used) < 2:
            continue
        places = np.interp(used, along, sway)
        for tile in range(3):
            points = np.stack([2 * (x + places + tile * COLUMNS), used * (ROWS - 1)], axis=1)
            fixed = np.round(points * 16).astype(np.int32)
            thin = max(1, thick // 2)
            half = len(fixed) * 2 // 3
            cv2.polylines(cover, [fixed[: half + 1]], False, 1.0, thick, cv2.LINE_AA, 4)
            cv2.polylines(cover, [fixed[half:]], False, 1.0, thin, cv2.LINE_AA, 4)
            cv2.polylines(bright, [fixed[: half + 1]], False, tone, thick, cv2.LINE_AA, 4)
            cv2.polylines(bright, [fixed[half:]], False, tone, thin, cv2.LINE_AA, 4)
    middle = slice(2 * COLUMNS, 4 * COLUMNS)
    small = [cv2.resize(c[:, middle], (COLUMNS, ROWS), interpolation=cv2.INTER_AREA) for c in (cover, bright)]
    small[1] *= 0.5 / small[1].mean()
    return (np.clip(np.stack(small, axis=2), 0.0, 1.0) * 255.0 + 0.5).astype(np.uint8)


def strand_coordinates(vertices: np.ndarray, corners: np.ndarray, tipward: np.ndarray, lashes: bool) -> np.ndarray:
    """Return where each vertex of a hair mesh lies: mm across the strands, and from 0 at the roots to 1 at the tips.

    Strands run along one of the two directions in which a mesh of quads is woven: down the head, or along a lock;
    lashes run across their strips.

    Args:
        vertices: (U, 3) mm, cut at the texture's seams.
        corners: (Q, 4) quads.
        tipward: (U,) larger nearer to the tips.
        lashes: whether these are strips of lashes.
    Returns: (U, 2).
    """
    result = np.zeros((len(vertices), 2))
    for island in islands(corners):
        used, local = np.unique(corners[island], return_inverse=True)
        result[used] = _island_coordinates(vertices[used], local.reshape(-1, 4), tipward[used], lashes)
    return result


def islands(corners: np.ndarray) -> list[np.ndarray]:
    """Return the quads (indices) that hang together, island by island."""
    count = len(corners)
    incidence = sparse.csr_matrix((np.ones(4 * count), (np.repeat(np.arange(count), 4), corners.ravel())))
    number, labels = connected_components(incidence @ incidence.T, directed=False)
    return [np.flatnonzero(labels == k) for k in range(number)]


def _weave(corners: np.ndarray) -> np.ndarray:
    """(Q,) 0 or 1: which pair of a quad's opposite edges belongs to the first woven direction of its island."""
    neighbours: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for quad, corner in enumerate(corners.tolist()):
        for k in range(4):
            a, b = corner[k], corner[(k + 1) % 4]
            neighbours.setdefault((min(a, b), max(a, b)), []).append((quad, k % 2))
    links: list[list[tuple[int, int]]] = [[] for _ in corners]
    for pair in neighbours.values():
        for one, kind in pair:
            links[one] += [(other, -1 if kind ^ other_kind else 1) for other, other_kind in pair if other != one]
    return (1 - _spread_signs(links)) // 2


def _island_coordinates(points: np.ndarray, corners: np.ndarray, tipward: np.ndarray, lashes: bool) -> np.ndarray:
    """Coordinates (K, 2) of the vertices of one island."""
    weave = _weave(corners)
    sets = []
    for direction in (0, 1):  # the edges (M, 2) of each woven direction, all pointing the same way within a quad
        first = (weave + direction) % 2
        rows = np.arange(len(corners))
        edges = [corners[rows, k] for k in (first, first + 1, (first + 3) % 4, first + 2)]
        sets.append(np.concatenate([np.stack(edges[:2], axis=1), np.stack(edges[2:], axis=1)]))
    spans = [_potential(points, along, other) for along, other in ((sets[0], sets[1]), (sets[1], sets[0]))]
    if lashes:
        fitness = [abs(_slope(span, tipward)) for span in spans]
    else:
        fitness = [abs(_slope(span, tipward)) * np.ptp(span) for span in spans]
    along = int(fitness[1] > fitness[0])
    length, width = spans[along], spans[1 - along]
    if _slope(length, tipward) < 0.0:
        length = -length
    return np.stack([width - width.min(), _fraction(length, width)], axis=1)


def _slope(x: np.ndarray, y: np.ndarray) -> float:
    """How y rises with x, as their correlation; 0 if either is constant."""
    spread = x.std() * y.std()
    return float(((x - x.mean()) * (y - y.mean())).mean() / spread) if spread > 1e-12 else 0.0


def _potential(points: np.ndarray, along: np.ndarray, across: np.ndarray) -> np.ndarray:
    """(K,) mm travelled along the edges `along`, and not along `across`; least squares over an island."""
    signs = _orient(along)
    length = np.linalg.norm(points[along[:, 1]] - points[along[:, 0]], axis=1) * signs
    edges = np.concatenate([along, across])
    rows = np.repeat(np.arange(len(edges)), 2)
    matrix = sparse.csr_matrix(
        (np.tile([-1.0, 1.0], len(edges)), (rows, edges.ravel())), shape=(len(edges), len(points))
    )
    target = np.concatenate([length, np.zeros(len(across))])
    return lsqr(matrix, target, iter_lim=3000)[0]


def _orient(along: np.ndarray) -> np.ndarray:
    """(M,) +1 or -1: the sense of each edge of one woven direction, the same all over an island.

    Args:
        along: (M, 2) the first edge of every quad, then the one opposite.
    """
    half = len(along) // 2
    links: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for quad, (a, b, c, d) in enumerate(np.concatenate([along[:half], along[half:]], axis=1).tolist()):
        for start, end in ((a, b), (c, d)):  # beside each other: the common edge has one sense
            links.setdefault((min(start, end), max(start, end)), []).append((quad, 1 if start < end else -1))
        for start, end, sense in ((a, c, -1), (b, d, 1)):  # one after the other: an end meets a start
            links.setdefault((-1 - min(start, end), -1 - max(start, end)), []).append((quad, sense))
    beside: list[list[tuple[int, int]]] = [[] for _ in range(half)]
    for key, users in links.items():
        for quad, sense in users:
            turn = sense if key[0] >= 0 else -sense
            beside[quad] += [(other, turn * other_sense) for other, other_sense in users if other != quad]
    return np.tile(_spread_signs(beside), 2).astype(float)


def _spread_signs(links: list[list[tuple[int, int]]]) -> np.ndarray:
    """(N,) +1 or -1: the first of what hangs together has +1, all others what their links (other, sign) say."""
    signs = np.zeros(len(links), int)
    for seed in range(len(links)):
        if signs[seed]:
            continue
        signs[seed], queue = 1, [seed]
        while queue:
            one = queue.pop(0)
            for other, sign in links[one]:
                if not signs[other]:
                    signs[other] = signs[one] * sign
                    queue.append(other)
    return signs


def _fraction(length: np.ndarray, width: np.ndarray) -> np.ndarray:
    """(K,) 0 at the roots to 1 at the tips, whose lengths may differ across the width."""
    bins = max(1, min(16, len(length) // 12))
    place = (width - width.min()) / max(np.ptp(width), 1e-9) * bins
    index = np.minimum(place.astype(int), bins - 1)
    centres = np.arange(bins) + 0.5
    known = np.array([(index == k).sum() > 1 for k in range(bins)])
    low = np.array([length[index == k].min() if known[k] else 0.0 for k in range(bins)])
    high = np.array([length[index == k].max() if known[k] else 0.0 for k in range(bins)])
    start, end = (np.interp(place, centres[known], v[known]) for v in (low, high))
    return np.clip((length - start) / np.maximum(end - start, 1e-6), 0.0, 1.0)

"""Error of the inner-mouth landmarks in mm, as Table 5."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

INNER_MOUTH68 = slice(60, 68)
"""iBUG's points on the inner edge of the lips."""

_UPPER68, _LOWER68 = (61, 62, 63), (67, 66, 65)


def inner_mouth_error(points: ArrayLike, truth: ArrayLike, scale: float = 1.0) -> float:
    """Mean distance of the eight inner-mouth landmarks, mm.

    Nothing is aligned: a mouth in the wrong place counts as one of the wrong form does. The paper says neither this
    nor whether its distance is in space; on AFLW2000 ours is in the picture, in mm by the label's own scale.

    Args:
        points, truth: (68, 2) px or (68, 3) mm.
        scale: of the truth, px/mm; 1 where the points are in mm.
    """
    own, true = (np.asarray(p, float)[INNER_MOUTH68] for p in (points, truth))
    return float(np.linalg.norm(own - true, axis=1).mean() / scale)


def mouth_gap_error(points: ArrayLike, truth: ArrayLike, scale: float = 1.0) -> float:
    """Mean error of the three gaps between upper and lower lip, mm; whether the mouth is as open as it should be.

    Arguments as `inner_mouth_error`.
    """
    own, true = (np.asarray(p, float) for p in (points, truth))
    gaps, true_gaps = (np.linalg.norm(p[list(_UPPER68)] - p[list(_LOWER68)], axis=1) for p in (own, true))
    return float(np.abs(gaps - true_gaps).mean() / scale)

"""What a look saw is believed only near where its crop expected it, in about that size."""

from __future__ import annotations

import numpy as np
import pytest

from facemodel import Crop
from realtime.tracking.consistency import ConsistencyCheck

CROP = Crop((300.0, 200.0), 100.0, 0.4)
VECTOR = np.zeros(5, np.float32)


@pytest.mark.parametrize(
    ("x", "y", "side", "believed"),
    [
        (300, 200, 100, True),
        (329, 200, 100, True),
        (331, 200, 100, False),
        (280, 220, 100, True),
        (278, 222, 100, False),
        (300, 200, 159, True),
        (300, 200, 161, False),
        (300, 200, 64, True),
        (300, 200, 61, False),
        (300, 200, -100, False),
        (np.nan, 200, 100, False),
        (300, 200, np.nan, False),
    ],
)
def test_a_face_far_from_where_its_crop_expected_it_is_not_believed(x, y, side, believed):
    check = ConsistencyCheck(max_shift=0.3, max_zoom=1.6)
    assert check(VECTOR, Crop((float(x), float(y)), float(side)), CROP) is believed


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_parameters_that_are_no_numbers_are_not_believed(value):
    broken = VECTOR.copy()
    broken[3] = value
    assert ConsistencyCheck()(VECTOR, CROP, CROP)
    assert not ConsistencyCheck()(broken, CROP, CROP)

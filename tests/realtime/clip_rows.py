"""Rows of a clip for tests."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from facemodel.rotation import matrix_from_euler, matrix_to_6d
from realtime.frame import TrackingState
from realtime.takes.rows import Rows
from tests.realtime.take_factory import LAYOUT


def rows_at(time, gaps=(), fps: float = 30.0) -> Rows:
    """A face that moves smoothly, at times (N,) s; in `gaps`, spans of rows, it is not there."""
    time = np.asarray(time, float)
    count, slices = len(time), LAYOUT.slices
    vectors = np.tile(LAYOUT.neutral(), (count, 1))
    close, jaw = LAYOUT.mouth_close_and_jaw_open or (0, 0)
    expression = 0.5 + 0.4 * np.sin(time[:, None] * (1.0 + 0.05 * np.arange(LAYOUT.n_expression)))
    expression[:, close] = 0.9 * expression[:, jaw]
    vectors[:, slices["expression"]] = expression
    turned = matrix_from_euler(0.5 * np.sin(time), 0.3 * np.cos(1.3 * time), 0.2 * np.sin(0.7 * time))
    vectors[:, slices["rotation"]] = matrix_to_6d(turned)
    vectors[:, slices["translation"]] = np.stack([320.0 + 40.0 * np.sin(time), 240.0 + 20.0 * np.cos(time)], axis=1)
    vectors[:, slices["scale"]] = 2.0
    rows = Rows(
        index=np.round(time * fps).astype(np.int64),
        time=time,
        size=np.tile(np.array([640, 480]), (count, 1)),
        state=np.full(count, TrackingState.TRACKING, object),
        person=np.ones(count, np.int64),
        confidence=np.linspace(0.5, 1.0, count, dtype=np.float32),
        crop=np.tile([300.0, 200.0, 180.0, 0.1], (count, 1)),
        vectors=vectors,
    )
    for begin, end in gaps:
        lost = slice(begin, end)
        rows.state[lost], rows.person[lost], rows.confidence[lost] = TrackingState.SEARCHING, 0, 0.0
        rows.vectors[lost], rows.crop[lost] = np.nan, np.nan
    return rows


def in_blocks(rows: Rows, *sizes: int) -> Iterator[Rows]:
    """The same rows, in blocks of these sizes, the last one again and again."""
    at, sizes = 0, list(sizes)
    while at < len(rows):
        size = sizes.pop(0) if len(sizes) > 1 else sizes[0]
        yield rows.choose(slice(at, at + size))
        at += size


def assert_equal(a: Rows, b: Rows, atol: float = 0.0) -> None:
    for name in vars(a):
        x, y = getattr(a, name), getattr(b, name)
        if name == "state":
            assert list(x) == list(y)
        else:
            np.testing.assert_allclose(x, y, atol=atol, rtol=0.0, err_msg=name)

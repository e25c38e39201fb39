"""Takes for tests: a small layout, and tracked frames whose numbers are known."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from facemodel import ARKIT_NAMES, Crop, ParameterLayout
from realtime.frame import Frame, TrackedFrame, TrackingState
from realtime.takes import TakeHeader, TakeWriter

LAYOUT = ParameterLayout(n_identity=5, n_albedo=3, expression_names=ARKIT_NAMES)


def header(layout: ParameterLayout = LAYOUT, **changes: object) -> TakeHeader:
    values: dict[str, object] = {
        "layout": layout,
        "model_name": "toy",
        "model_digest": "0123456789abcdef",
        "source_name": "clip.mp4",
        "width": 640,
        "height": 480,
        "fps": 30.0,
        "network": "student",
        "created": "2026-11-22T21:30:00.500+00:00",
    }
    return TakeHeader(**(values | changes))  # type: ignore[arg-type]


def tracked(index: int, state: TrackingState = TrackingState.TRACKING, fps: float = 30.0) -> TrackedFrame:
    """Frame `index`; its vectors are random but the same for every call."""
    random = np.random.default_rng(index)
    is_tracked, is_known = state is TrackingState.TRACKING, state is not TrackingState.SEARCHING
    vectors = random.normal(size=(2, LAYOUT.size)).astype(np.float32)
    for vector in vectors:
        LAYOUT.view(vector).expression[:] = random.uniform(0.0, 1.0, LAYOUT.n_expression)
        LAYOUT.constrain(vector)
    return TrackedFrame(
        frame=Frame(index, 100.0 + index / fps, np.zeros((480, 640, 3), np.uint8)),
        state=state,
        raw=vectors[0] if is_tracked else None,
        smoothed=vectors[1] if is_known else None,
        crop=Crop((300.0 + index, 200.0), 180.0, 0.1) if is_tracked else None,
        confidence=0.75 if is_tracked else 0.0,
    )


def mixed_states(count: int) -> list[TrackedFrame]:
    """One frame searching, then tracking, with a loss at the end."""
    states = [TrackingState.SEARCHING, *[TrackingState.TRACKING] * (count - 3)]
    states += [TrackingState.HELD, TrackingState.NEUTRAL]
    return [tracked(i, state) for i, state in enumerate(states)]


def write_take(path: Path, results: list[TrackedFrame], **changes: object) -> Path:
    with TakeWriter(path, header(**changes)) as writer:  # type: ignore[arg-type]
        for result in results:
            writer.append(result)
    return path

"""Takes for tests: a small face model, and results whose numbers are known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np

from facemodel import Crop, FaceModel
from realtime.frame import Face, Frame, Person, Result, StreamInfo, TrackingState
from realtime.takes import Take, TakeHeader, TakeWriter, load_take
from tests.toy_model import toy_model

GOLDEN_V1 = Path(__file__).parent / "assets" / "take-v1.mcap"
"""20 frames of the synthetic performer, written by the code that knew format version 1 alone."""


@cache
def model() -> FaceModel:
    """The face model of the takes."""
    return toy_model(n_identity=5, n_albedo=3)


LAYOUT = model().layout


def golden_v1(face_model: FaceModel) -> Take:
    """GOLDEN_V1 as if it had been recorded with a face model, of 53 identity and 39 albedo coefficients."""
    take = load_take(GOLDEN_V1)
    assert face_model.layout == take.header.layout
    return replace(take, header=replace(take.header, model_digest=face_model.digest))


def header(face_model: FaceModel | None = None, **changes: object) -> TakeHeader:
    face_model = face_model or model()
    values: dict[str, object] = {
        "layout": face_model.layout,
        "model_name": face_model.name,
        "model_digest": face_model.digest,
        "source_name": "clip.mp4",
        "width": 640,
        "height": 480,
        "fps": 30.0,
        "network": "student",
        "created": "2026-11-22T21:30:00.500+00:00",
    }
    return TakeHeader(**(values | changes))  # type: ignore[arg-type]


def info(**changes: object) -> StreamInfo:
    values: dict[str, object] = {
        "name": "clip.mp4",
        "width": 640,
        "height": 480,
        "fps": 30.0,
        "live": False,
        "model": model(),
        "network": "student",
    }
    return StreamInfo(**(values | changes))  # type: ignore[arg-type]


def someone(key: int = 1, settled: bool = False, seed: int | None = None) -> Person:
    """A person, the same one for every call."""
    random = np.random.default_rng(1000 + key if seed is None else seed)
    identity, albedo = random.normal(size=LAYOUT.n_identity), random.normal(size=LAYOUT.n_albedo)
    return Person(key, identity.astype(np.float32), albedo.astype(np.float32), settled)


def face(
    index: int, number: int = 1, state: TrackingState = TrackingState.TRACKING, person: Person | None = None
) -> Face:
    """Face `number` in frame `index`; its vectors are random but the same for every call."""
    random = np.random.default_rng(100 * index + number)
    is_tracked = state is TrackingState.TRACKING
    vectors = random.normal(size=(2, LAYOUT.size)).astype(np.float32)
    for vector in vectors:
        LAYOUT.view(vector).expression[:] = random.uniform(0.0, 1.0, LAYOUT.n_expression)
        LAYOUT.constrain(vector)
    return Face(
        id=number,
        state=state,
        smoothed=vectors[1],
        person=person or someone(number),
        raw=vectors[0] if is_tracked else None,
        crop=Crop((300.0 + index, 200.0), 180.0, 0.1) if is_tracked else None,
        confidence=0.75 if is_tracked else 0.0,
    )


def result(
    index: int, faces: Sequence[Face] | None = None, fps: float = 30.0, size: tuple[int, int] = (640, 480)
) -> Result:
    """Frame `index`, with face 1 alone if nothing else is said."""
    time = 100.0 + index / fps
    picture = np.zeros((size[1], size[0], 3), np.uint8)
    return Result(Frame(index, time, picture), time, (face(index),) if faces is None else tuple(faces))


def tick(last: Result, seconds: float) -> Result:
    """A result without a new frame, so many seconds after the last one."""
    return Result(last.frame, last.time + seconds, last.faces, stalled=True)


def mixed_states(count: int) -> list[Result]:
    """One frame searching, then tracking, with a loss at the end."""
    states = [TrackingState.TRACKING] * (count - 3) + [TrackingState.HELD, TrackingState.NEUTRAL]
    return [result(0, ()), *(result(i, (face(i, state=state),)) for i, state in enumerate(states, 1))]


def write_take(path: Path, results: Sequence[Result], face_model: FaceModel | None = None, **changes: object) -> Path:
    with TakeWriter(path, header(face_model, **changes), face_model or model()) as writer:
        for one in results:
            writer.append(one)
    return path

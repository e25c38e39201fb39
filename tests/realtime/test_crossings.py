"""Ids of real pictures: of rendered people who pass each other, and of clips with several people."""

from __future__ import annotations

import av
import numpy as np
import pytest

from realtime.frame import Frame, TrackingState
from realtime.render import HeadlessComposer
from tests.realtime.crossings import HEIGHT, WIDTH, Crossing, follow, real_tracker


@pytest.fixture(scope="module")
def tracker(model):
    return real_tracker(model, faces=4)


@pytest.mark.parametrize("crossing", [Crossing(0, 0.8, 200, 160, margin=0.4), Crossing(1, 1.0, 150, 120, margin=0.4)])
def test_nobody_takes_the_id_of_the_one_behind(model, tracker, crossing):
    with HeadlessComposer(model, WIDTH, HEIGHT) as renderer:
        seen = follow(tracker, model, crossing.frames(model, renderer))
    assert (seen.swaps, seen.ids) == (0, 2)
    assert seen.tracked > 0.7


@pytest.mark.parametrize(
    ("name", "people"),
    [("face-demographics-walking-and-pause.gif", 3), ("head-pose-face-detection-female-and-male.gif", 2)],
)
def test_every_person_of_a_clip_has_one_id(sources, tracker, name, people):
    tracker.reset(thorough=False)
    tracked = {}
    with av.open(str(sources / "videos" / name)) as clip:
        for index, picture in enumerate(clip.decode(video=0)):
            time = float(picture.time)
            for face in tracker.track(Frame(index, time, picture.to_ndarray(format="bgr24")), time, {}):
                if face.state is TrackingState.TRACKING:
                    x = tracker.model.layout.view(face.raw).translation[0]
                    tracked.setdefault(face.id, []).append((index, round(float(x))))
    assert len(tracked) == people, {number: (len(at), at[0], at[-1]) for number, at in tracked.items()}
    assert all(np.ptp([index for index, _ in at]) > 10 for at in tracked.values())

"""Two rendered people who pass each other, the nearer one in front: `python -m tests.realtime.crossings`.

Prints for each crossing how often an id went to the other person, how many ids there were, and the share of frames in
which both were tracked; exits with 1 if an id was swapped.
"""

from __future__ import annotations

import itertools
import sys
from dataclasses import dataclass

import numpy as np

from facemodel import FaceModel
from realtime.engines import open_engine
from realtime.frame import Frame, TrackingState
from realtime.render import HeadlessComposer, RenderOptions, ViewMode
from realtime.sources.performer import ActingRanges, Performer
from realtime.sources.synthetic import make_room
from realtime.tracking.finder import open_finder
from realtime.tracking.tracker import Tracker, TrackerConfig

WIDTH, HEIGHT, FPS = 640, 480, 30
_RUN = 0.002
"""s that each run of the finder is said to take: about what it takes on a free core."""
_ACTING = ActingRanges(yaw=20, pitch=8, roll=5, sway=0, zoom=0)
_OPTIONS = RenderOptions(mode=ViewMode.OVERLAY, whole_head=True)


@dataclass(frozen=True)
class Crossing:
    """How two people pass each other.

    Attributes:
        seed: of both, and of the room.
        seconds: from one side to the other.
        near, far: height of the heads, px.
        pause: s that they stand where the nearer one hides the other.
        margin: s before and after.
    """

    seed: int
    seconds: float
    near: float
    far: float
    pause: float = 0.0
    margin: float = 1.0

    def frames(self, model, renderer):
        """Yield pictures (H, W, 3) and the truths of both, (P,) in frame pixels; the nearer one first."""
        people = [Performer(model.layout, WIDTH, HEIGHT, 2 * self.seed + 10 + k, _ACTING) for k in (0, 1)]
        room = make_room(WIDTH, HEIGHT, self.seed)
        rng = np.random.default_rng(self.seed)
        for i in range(round((2 * self.margin + self.seconds + self.pause) * FPS)):
            at = i / FPS - self.margin
            way = np.interp(at, self._times(), [0.2, 0.5, 0.5, 0.8]) * WIDTH
            truths = []
            for person, size, x in zip(people, (self.near, self.far), (way, WIDTH - way), strict=True):
                truth = person.parameters(i / FPS)
                p = model.layout.view(truth)
                p.scale, p.translation[:] = size / 230.0, (x, 0.45 * HEIGHT)
                truths.append(truth)
            picture = renderer.render(room, truths[::-1], _OPTIONS)
            noisy = picture + 2.0 * rng.standard_normal(picture.shape, dtype=np.float32)
            yield np.clip(noisy, 0, 255).astype(np.uint8), truths

    def _times(self):
        """When they are at the left, at the middle, leave the middle, and are at the right."""
        half = 0.5 * self.seconds
        return [0.0, half, half + self.pause, self.seconds + self.pause]


ALL = [
    Crossing(seed, *how)
    for seed in range(2)
    for how in (
        (1.0, 200, 160),
        (2.0, 200, 160),
        (4.0, 200, 160),
        (1.5, 140, 120),
        (3.0, 260, 140),
        (2.0, 110, 80),
        (2.0, 180, 170),
        (3.0, 220, 180, 1.0),
    )
]


@dataclass(frozen=True)
class Seen:
    """What a tracker made of a crossing: how often an id went to the other person, the number of ids, and the share of
    faces that were tracked."""

    swaps: int
    ids: int
    tracked: float


def follow(tracker, model, frames):
    """Track a crossing; where the two are apart, the place says who it is that has an id."""
    tracker.reset(thorough=False)
    who, swaps, tracked, count = {}, 0, 0, 0
    for index, (picture, truths) in enumerate(frames):
        faces = tracker.track(Frame(index, index / FPS, picture), index / FPS, {})
        places = np.stack([model.layout.view(truth).translation for truth in truths])
        apart = np.linalg.norm(places[0] - places[1]) > 230.0 * 0.6 * model.layout.view(truths[0]).scale
        count += len(truths)
        for face in faces:
            if face.state is TrackingState.TRACKING:
                tracked += 1
                distances = np.linalg.norm(places - model.layout.view(face.raw).translation, axis=1)
                if apart:
                    nearest = int(np.argmin(distances))
                    swaps += who.setdefault(face.id, nearest) != nearest
                    who[face.id] = nearest
    return Seen(swaps, len(who), tracked / count)


def real_tracker(model, faces=2):
    """Return the tracker that runs by default on a CPU, with a finder that does as much on a slow machine as on a
    fast one."""
    finder = open_finder(1, clock=itertools.count(0.0, _RUN).__next__)
    return Tracker(model, open_engine("auto", model, 1), finder, TrackerConfig(faces=faces))


def main():
    model = FaceModel.load()
    tracker, swaps = real_tracker(model), 0
    with HeadlessComposer(model, WIDTH, HEIGHT) as renderer:
        for crossing in ALL:
            seen = follow(tracker, model, crossing.frames(model, renderer))
            swaps += seen.swaps
            print(crossing, seen, flush=True)
    print(f"{swaps} swaps in {len(ALL)} crossings")
    return 1 if swaps else 0


if __name__ == "__main__":
    sys.exit(main())

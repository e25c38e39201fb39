"""A scene that stands in for picture, network and finder at once: all of them see the heads that it holds."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from facemodel import Crop
from facemodel.rotation import matrix_from_euler
from realtime.tracking.found_face import FoundFace
from tests.toy_model import toy_model

MODEL = toy_model()
LAYOUT = MODEL.layout
BLANK = np.zeros((480, 640, 3), np.uint8)


def head_at(x=320.0, y=240.0, scale=1.0, yaw=0.0, identity=0.0):
    """Parameters (P,) of a head in frame pixels; all its identity coefficients are the same."""
    vector = LAYOUT.neutral()
    p = LAYOUT.view(vector)
    p.translation[:], p.scale, p.rotation = (x, y), scale, matrix_from_euler(yaw, 0.05, 0.1)
    p.identity[:] = identity
    return vector


@dataclass(eq=False)
class Head:
    """Somebody in the scene.

    Attributes:
        truth: (P,) frame pixels.
        visible: in the picture.
        confidence: of the network in a crop that shows it.
        upright: what the finder's vote says.
    """

    truth: np.ndarray = field(default_factory=head_at)
    visible: bool = True
    confidence: float = 0.99
    upright: bool = True

    @property
    def place(self) -> Crop:
        p = LAYOUT.view(self.truth)
        return Crop.around_head(p.rotation, p.translation, p.scale)


class Scene:
    """Engine, finder and warp of a tracker. Heads that come first stand in front of those behind them.

    Attributes:
        heads: who is there.
        finds, looks: how often the whole of a frame was searched, and a piece of it.
        runs: (number of crops, whether poses were told) of every run of the engine.
    """

    name, resolution, model_digest = "scene", 64, MODEL.digest
    rounds = 0

    def __init__(self, *heads):
        self.heads = list(heads or [Head()])
        self.finds = self.looks = 0
        self.runs = []
        self._crops = []
        self._round = None  # faces that this round has still to find

    def seen(self):
        """Heads that no other one hides."""
        visible = [head for head in self.heads if head.visible]
        return [
            head
            for i, head in enumerate(visible)
            if not any(_apart(head.place, other.place.centre) < 0.35 * other.place.side for other in visible[:i])
        ]

    def find(self, image):
        self.finds += 1
        return self._found()

    def look(self, image, seconds=0.003, known=()):
        """One face a look; a round takes one look more than it finds faces."""
        self.looks += 1
        self._round = self._found() if self._round is None else self._round
        while self._round:
            face = self._round.pop(0)
            if not any(_apart(crop, face.centre) < 0.3 * crop.side for crop in known):
                return [face]
        self._round = None
        self.rounds += 1
        return []

    def pose(self, face, model):
        p = LAYOUT.view(self._nearest(Crop(tuple(face.centre), 1.0)).truth)
        return p.rotation, p.translation, p.scale

    def upright(self, image, crop):
        return self._nearest(crop).upright

    def warp(self, image, crop, out=None):
        self._crops.append(crop)

    def infer(self, crops, poses=None):
        self.runs.append((len(crops), poses is not None))
        shown, self._crops = self._crops[-len(crops) :], []
        seen = np.stack([crop.lower(LAYOUT, self._nearest(crop).truth) for crop in shown])
        return seen, np.array([self._confidence(crop) for crop in shown], np.float32)

    def _found(self):
        faces = []
        for head in self.seen():
            (x, y), half = head.place.centre, 0.35 * head.place.side
            faces.append(FoundFace(np.array([x - half, y - half, x + half, y + half]), np.zeros((6, 2)), 0.9))
        return sorted(faces, key=lambda face: -face.size)

    def _nearest(self, crop):
        heads = self.seen() or self.heads
        return min(heads, key=lambda head: _apart(head.place, crop.centre))

    def _confidence(self, crop):
        head = self._nearest(crop)
        near = head in self.seen() and _apart(head.place, crop.centre) < 0.5 * head.place.side
        return head.confidence if near else 0.02


def _apart(place, centre):
    return float(np.hypot(place.centre[0] - centre[0], place.centre[1] - centre[1]))

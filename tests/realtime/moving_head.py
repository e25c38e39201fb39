"""A take in which everything moves, and what it must look like in another program."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facemodel import FaceModel
from facemodel.channels import ChannelReader, Channels
from facemodel.rotation import matrix_from_euler, matrix_to_6d
from realtime.frame import Face, Person, TrackingState
from realtime.takes import Take, load_take
from tests.realtime.take_factory import result, write_take

ABSENT = range(33, 37)
"""Frames of `moving_take` without the face."""


def parameters(model: FaceModel, index: int) -> NDArray[np.float32]:
    """(P,) of frame `index`: every value moves at a pace of its own."""
    random = np.random.default_rng(7)
    vector = np.zeros(model.layout.size, np.float32)
    view = model.layout.view(vector)
    view.identity[:] = random.normal(size=model.layout.n_identity)
    view.albedo[:] = 0.5 * random.normal(size=model.layout.n_albedo)
    pace, phase = random.uniform(0.05, 0.3, (2, model.layout.n_expression))
    view.expression[:] = 0.5 + 0.5 * np.sin(pace * index + 20.0 * phase)
    yaw, pitch, roll = np.radians([40.0 * np.sin(0.1 * index), 15.0 * np.sin(0.07 * index + 1.0), 0.5 * index - 20.0])
    vector[model.layout.slices["rotation"]] = matrix_to_6d(matrix_from_euler(yaw, pitch, roll))
    view.translation[:] = 320.0 + 2.0 * index, 240.0 - index
    view.scale = 1.6 + 0.004 * index
    view.sh[:] = 0.0
    view.sh[0] = 2.6, 2.5, 2.3
    view.sh[1:4] = [[0.3, 0.3, 0.4], [0.5, 0.4, 0.4], [0.6, 0.2, -0.3]]
    view.sh[4:] = 0.05 * random.normal(size=(5, 3))
    view.key_position[:] = -300.0 + 5.0 * index, 400.0, 500.0
    view.key_color[:] = 0.8, 0.6, 0.5
    view.shininess = 30.0
    model.layout.constrain(vector)
    return vector


def moving_take(path: Path, model: FaceModel, frames: int = 61) -> Take:
    """Write such a take at 30 fps and read it."""
    results = []
    for index in range(frames):
        vector = parameters(model, index)
        view = model.layout.view(vector)
        person = Person(1, view.identity.copy(), view.albedo.copy())
        face = Face(1, TrackingState.TRACKING, vector, person, raw=vector, confidence=0.9)
        results.append(result(index, () if index in ABSENT else (face,)))
    return load_take(write_take(path, results, model))


class Expected:
    """What `moving_take` must show at a frame; V vertices of the face model, metres, in the camera's frame.

    Attributes:
        channels: of the frame.
    """

    def __init__(self, model: FaceModel, index: int) -> None:
        while index in ABSENT:
            index -= 1
        self.index = index
        self.model, self.vector = model, parameters(model, index)
        reader = ChannelReader.of_model(model)
        self.channels: Channels = reader.read(self.vector, (640, 480))
        self.rotation = self.channels.head_rotation
        self._identity = model.layout.view(self.vector).identity

    def vertices(self) -> NDArray[np.float64]:
        """(V, 3) of the face model, whose expressions are ARKit's, with the weights of the channels."""
        shape = self.model.shape(self._identity.astype(float), self.channels.weights)
        return 0.001 * (shape @ self.rotation.T + self.channels.head_position)

    def eye_rotations(self) -> NDArray[np.float64]:
        """(2, 3, 3) of the eyeballs in the camera's frame."""
        yaw, pitch = np.moveaxis(np.radians(self.channels.eye_angles), -1, 0)
        return self.rotation @ matrix_from_euler(yaw, pitch, 0.0)

    def key_position(self) -> NDArray[np.float64]:
        """(3,) of the key light."""
        return 0.001 * (self.channels.head_position + self.channels.key_position)

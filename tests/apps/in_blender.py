"""What Blender must show of an exported take."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from facemodel import ARKIT_NAMES, FaceModel
from facemodel.rotation import angle_between, nearest_rotation
from realtime.takes import Take
from realtime.takes.clip import Clip
from realtime.takes.scene.head import Head
from tests.apps.programs import run_blender
from tests.realtime.moving_head import Expected

SCRIPTS = Path(__file__).parent / "blender"
TO_BLENDER = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])
"""From the camera's frame: Blender's z is up, and who faces the camera looks along -y."""


def assert_blender_shows_the_take(
    path: Path, take: Take, model: FaceModel, frames: Sequence[int], folder: Path, first: int = 0
) -> dict[str, NDArray]:
    """Import a file into Blender and compare weights, vertices and eyeballs of some frames with the take's.

    Args:
        path: of the exported take.
        take: made by `moving_take`.
        model: the take's.
        frames: of the take.
        folder: for what Blender writes.
        first: Blender's frame that is the take's frame 0.

    Returns:
        What else `read_take.py` found.
    """
    out = folder / "found.npz"
    run_blender(SCRIPTS / "read_take.py", path, out, "30", *(str(frame + first) for frame in frames), settings=folder)
    found = dict(np.load(out))
    assert list(found["names"]) == list(ARKIT_NAMES)
    head = Head.of(Clip(take).model)
    assert head.eyes is not None
    for i, index in enumerate(frames):
        expected = Expected(model, index)
        np.testing.assert_allclose(found["weights"][i], expected.channels.weights, atol=1e-4)
        vertices = expected.vertices()
        assert np.abs(found["vertices"][i] - vertices[head.skin.source]).max() < 2e-5  # metres
        for part, centre, shown, turned in zip(
            head.eyes, head.eye_centres, found["eyes"][i], expected.eye_rotations(), strict=True
        ):
            middle = 0.001 * expected.channels.head_position + expected.rotation @ centre
            ball = part.vertices.astype(float)
            rotation = nearest_rotation((shown - middle).T @ ball)
            assert np.degrees(angle_between(rotation, turned)) < 0.1
            assert np.abs(ball @ rotation.T + middle - shown).max() == pytest.approx(0.0, abs=2e-5)
    return found

"""The overlay in videos: every face that is seen, near ones before far ones, in the size of the feed."""

from __future__ import annotations

import numpy as np
import pytest

from facemodel import FaceModel
from realtime.frame import Face, Frame, Person, Result, StreamInfo, TrackingState
from realtime.outputs.overlay import Overlay
from realtime.outputs.video_file import VideoFile
from realtime.render import RenderOptions, ViewMode
from realtime.sources.performer import Performer
from tests.realtime.video_factory import read_video

SIZE = (320, 240)
OPTIONS = RenderOptions(mode=ViewMode.OVERLAY, opacity=1.0)


@pytest.fixture(scope="module")
def model() -> FaceModel:
    return FaceModel.load()


def face(
    model: FaceModel,
    x: float,
    scale: float = 0.5,
    state: TrackingState = TrackingState.TRACKING,
    seed: int = 1,
) -> Face:
    vector = Performer(model.layout, *SIZE, seed).parameters(0.0)
    view = model.layout.view(vector)
    view.translation[:] = (x, 120.0)
    view.scale = scale
    person = Person(seed, vector[model.layout.slices["identity"]], vector[model.layout.slices["albedo"]])
    raw = vector.copy() if state is TrackingState.TRACKING else None
    return Face(seed, state, vector, person, raw)


def result(*faces: Face, size: tuple[int, int] = SIZE) -> Result:
    return Result(Frame(0, 0.0, np.full((size[1], size[0], 3), 60, np.uint8)), 0.0, faces)


def draw(model: FaceModel, item: Result, pictures: bool = True, **choices) -> np.ndarray:
    info = StreamInfo("test", *SIZE, 25.0, False, model, pictures=pictures)
    overlay = Overlay(info, **({"options": OPTIONS} | choices))
    try:
        return overlay.draw(item).copy()
    finally:
        overlay.close()
        overlay.close()


def drawn(picture: np.ndarray, left: int, right: int) -> float:
    """Share of the pixels between two columns that are not the frame's plain grey."""
    return float((np.abs(picture[80:160, left:right].astype(int) - 60).max(-1) > 3).mean())


def test_every_face_that_is_tracked_or_held_is_drawn(model):
    faces = (face(model, 70.0), face(model, 250.0, state=TrackingState.HELD, seed=2))
    picture = draw(model, result(*faces))
    assert drawn(picture, 50, 90) > 0.5
    assert drawn(picture, 230, 270) > 0.5
    assert drawn(picture, 140, 180) == 0.0


def test_a_face_that_is_gone_is_drawn_only_without_pictures(model):
    gone = face(model, 70.0, state=TrackingState.NEUTRAL)
    assert drawn(draw(model, result(gone)), 0, 320) == 0.0
    plain = draw(model, result(), pictures=False)
    shown = draw(model, result(gone), pictures=False)
    assert (shown[80:160, 50:90] != plain[80:160, 50:90]).any(-1).mean() > 0.5


def test_a_near_face_hides_a_far_one_whichever_comes_first(model):
    near, far = face(model, 160.0, 0.6), face(model, 150.0, 0.3, seed=2)
    alone = draw(model, result(near))
    for faces in ((near, far), (far, near)):
        picture = draw(model, result(*faces))
        np.testing.assert_array_equal(picture[110:150, 145:175], alone[110:150, 145:175])


def test_raw_parameters_are_drawn_on_request(model):
    item = face(model, 70.0)
    model.layout.view(item.raw).translation[:] = (250.0, 120.0)
    picture = draw(model, result(item), raw=True)
    assert drawn(picture, 50, 90) == 0.0
    assert drawn(picture, 230, 270) > 0.5
    lost = face(model, 70.0, state=TrackingState.HELD)
    assert drawn(draw(model, result(lost), raw=True), 0, 320) == 0.0


def test_a_frame_of_another_size_is_letter_boxed_with_its_face(model):
    """A frame of twice the size: the face that is in its middle stays in the middle."""
    item = face(model, 320.0, 1.0)
    model.layout.view(item.smoothed).translation[:] = (320.0, 240.0)
    picture = draw(model, result(item, size=(640, 480)))
    assert picture.shape == (240, 320, 3)
    assert drawn(picture, 140, 180) > 0.5
    assert drawn(picture, 0, 60) == 0.0


def test_a_video_shows_what_is_drawn(model, tmp_path):
    video = VideoFile(tmp_path / "out.mp4", Overlay)
    video.begin(StreamInfo("test", *SIZE, 25.0, False, model))
    video.submit(result(face(model, 70.0)))
    video.close()
    (picture,) = read_video(tmp_path / "out.mp4")[1]
    assert (np.abs(picture[80:160, 50:90].astype(int) - 60).max(-1) > 20).mean() > 0.5
    assert (np.abs(picture[80:160, 200:].astype(int) - 60).max(-1) > 20).mean() < 0.01

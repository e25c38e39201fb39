"""What may be asked of outputs with pictures, and what comes of it in a video."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from facemodel import FaceModel, LimelightError
from realtime.frame import StreamInfo
from realtime.light.lighting import Lighting, Relight
from realtime.outputs.picture_options import PictureOptions
from realtime.render import ViewMode
from realtime.sinks.address import Address
from realtime.sinks.registry import open_sink
from tests.realtime.fake_session import toy_result
from tests.realtime.video_factory import read_video


def options(query: str) -> PictureOptions:
    return PictureOptions.of(Address.parse(f"show.mp4?{query}"))


def test_nothing_asked_is_the_overlay_in_the_size_of_the_feed():
    asked = options("")
    info = StreamInfo("test", 640, 360, 25.0, True, FaceModel.load())
    assert (asked.render.mode, asked.render.mirror, asked.size_for(info)) == (ViewMode.OVERLAY, False, (640, 360))


@pytest.mark.parametrize("mode", ViewMode)
def test_every_view_has_a_name_without_a_blank(mode):
    assert options(f"view={mode.value.replace(' ', '-')}").render.mode is mode


def test_mirror_and_size_are_read():
    asked = options("mirror=yes&size=1280x720")
    assert asked.render.mirror
    assert asked.size == (1280, 720)


@pytest.mark.parametrize(
    ("query", "line"),
    [
        ("view=relight", "view=relight must be camera, overlay, side-by-side, .*, wireframe or relit"),
        ("mirror=maybe", "mirror=maybe must be yes or no"),
        ("size=big", "size=big must be even numbers from 16 to 8192, such as size=1280x720"),
        ("size=641x480", "must be even numbers"),
        ("size=8x8", "from 16 to 8192"),
        ("size=10000x10000", "from 16 to 8192"),
        ("size=-64x64", "must be even numbers"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_line(query, line):
    with pytest.raises(LimelightError, match=line) as raised:
        options(query)
    assert "\n" not in str(raised.value)


def test_a_video_has_the_view_and_the_size_that_its_address_asks_for(tmp_path):
    model = FaceModel.load()
    lighting = Lighting(relight=Relight(background="replace"))  # by black, for all of this picture is background
    shown = replace(toy_result(model, width=320, height=240), lighting=lighting)
    pictures = {}
    for view in ("camera", "relit"):
        worker = open_sink(f"{tmp_path}/{view}.mp4?view={view}&mirror=yes&size=480x240")
        assert worker.begin(StreamInfo("test", 320, 240, 25.0, False, model))
        worker.offer(shown)
        worker.close()
        assert worker.problem == ""
        (pictures[view],) = read_video(tmp_path / f"{view}.mp4")[1]
    camera = pictures["camera"].astype(int)
    assert camera.shape == (240, 480, 3)
    mirrored = shown.frame.image[:, ::-1].astype(int)
    assert np.abs(camera[:, 80:400] - mirrored).mean() < 4.0  # the frame, mirrored, in the middle
    assert np.abs(camera[:, :70] - camera[0, 0]).max() < 12  # and plain beside it
    assert pictures["relit"][:, 80:400].mean() < 0.5 * camera[:, 80:400].mean()

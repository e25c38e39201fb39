"""No cue waits for a compiler: what light of a show needs is made before its first picture."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from realtime.frame import Frame, Result
from realtime.light.cues.cue import Cue, CueNumber
from realtime.light.cues.cue_list import CueList
from realtime.light.cues.document import ShowDocument
from realtime.light.lighting import FaceLight, Lighting
from realtime.outputs.display import Look
from realtime.outputs.overlay import Overlay
from realtime.render import HeadlessComposer, RenderOptions, Scene, SceneFace, ViewMode, headless_context
from realtime.render.passes import face as face_pass
from realtime.render.passes import relight as relight_pass
from realtime.session import Session
from realtime.session_config import SessionConfig
from realtime.sinks.contract import Policy
from realtime.sinks.worker import Worker, WorkerConfig
from realtime.ui.options import ViewOptions
from realtime.ui.output_window import _Artist
from realtime.ui.painter import Painter, Painting
from tests.realtime.loop_parts import MODEL, Collector, ListSource, PictureTracker

SIZE = (64, 48)
COUNTS = range(9)


@pytest.fixture
def made(monkeypatch):
    """The files of all programs that are made."""
    names = []

    def make_program(ctx, vertex, fragment, *arguments, real=face_pass.make_program, **options):
        names.append(fragment)
        return real(ctx, vertex, fragment, *arguments, **options)

    for module in (face_pass, relight_pass):
        monkeypatch.setattr(module, "make_program", make_program)
    return names


def scene(mode, count):
    vector = MODEL.layout.neutral()
    face = MODEL.layout.view(vector)
    face.translation[:], face.scale = (32, 24), 0.15
    lamps = Lighting.of({f"light/{n}/intensity": 0.5 for n in range(1, count + 1)}).lights
    seen = FaceLight.estimated(face)
    image = np.full((48, 64, 3), 120, np.uint8)
    return Scene(image, (SceneFace(vector, replace(seen, lights=lamps), seen),), RenderOptions(mode))


@pytest.mark.parametrize("mode", [ViewMode.OVERLAY, ViewMode.RELIT])
def test_no_program_is_made_when_the_number_of_lamps_changes(made, mode):
    with HeadlessComposer(MODEL, *SIZE, warm=True) as composer:
        composer.draw(scene(mode, 0))
        before = list(made)
        for count in COUNTS:
            composer.draw(scene(mode, count))
        assert made == before


@pytest.mark.parametrize("mode", [ViewMode.OVERLAY, ViewMode.RELIT])
def test_pictures_are_the_same_as_without(made, mode):
    with HeadlessComposer(MODEL, *SIZE) as cold, HeadlessComposer(MODEL, *SIZE, warm=True) as warm:
        assert made.count("face.frag") == 1 + len(face_pass.LAMP_COUNTS), "a composer that is not asked makes one"
        for count in (0, 3, 8):
            np.testing.assert_array_equal(warm.draw(scene(mode, count)), cold.draw(scene(mode, count)))


@pytest.mark.parametrize("show", [None, ShowDocument("Show", CueList((Cue(CueNumber.of(1)),)))])
def test_outputs_of_a_show_with_cues_are_warm(made, show):
    session = Session(MODEL, PictureTracker, SessionConfig(paced=False, show=show))
    sink = Collector()
    session.add_sink(Worker(sink, WorkerConfig(Policy.EVERY)))
    assert session.use_source(ListSource(3)).wait(60)
    session.stop()
    (info,) = sink.begun
    Overlay(info).close()
    assert made.count("face.frag") == (1 if show is None else len(face_pass.LAMP_COUNTS))


@pytest.fixture
def ctx():
    context = headless_context()
    with context:
        yield context
    context.release()


@pytest.mark.parametrize(("warm", "programs"), [(False, 1), (True, len(face_pass.LAMP_COUNTS))])
def test_the_window_of_a_show_is_warm_after_its_first_picture(made, ctx, warm, programs):
    painter = Painter(ctx, MODEL, warm)
    target = ctx.simple_framebuffer(SIZE, components=4)
    for _ in range(2):
        painter.paint(target, (0, 0, *SIZE), Painting(None, None, ViewOptions(), Lighting(), (0.0, 0.0, 0.0)))
    assert made.count("face.frag") == programs
    painter.release()


@pytest.mark.parametrize(("cues", "programs"), [(False, 1), (True, len(face_pass.LAMP_COUNTS))])
def test_the_audiences_window_of_a_show_is_warm_after_its_first_picture(made, ctx, cues, programs):
    artist = _Artist(ctx)
    result = Result(Frame(0, 0.0, np.zeros((48, 64, 3), np.uint8)), 0.0)
    for size in (SIZE, SIZE, (32, 24)):
        artist.draw(Look(result, MODEL, False, RenderOptions(), cues), size)
    assert made.count("face.frag") == programs
    artist.release()

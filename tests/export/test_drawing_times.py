"""What drawing costs: the measurement runs on software OpenGL too, whose numbers nobody is told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import moderngl
import pytest

from export import drawing_times, verify_gpu
from export.drawing_times import LOOKS, hardware_context, print_drawings
from facemodel import FaceModel, LimelightError
from realtime.render import Scene, headless_context
from realtime.render.composer import Composer
from realtime.render.options import Viewport
from realtime.sources.performer import Performer
from tests.toy_model import toy_model

SIZES = ((64, 48), (80, 60))


@pytest.fixture
def ctx() -> Iterator[moderngl.Context]:
    with headless_context() as made:
        yield made
    made.release()


def test_every_look_in_every_size(ctx: moderngl.Context, capsys: pytest.CaptureFixture[str]) -> None:
    drawings = drawing_times.drawing_times(ctx, toy_model(), SIZES, turns=3, warm_up=1)
    assert [(row.look, row.width, row.height) for row in drawings] == [
        (look, *size) for size in SIZES for look in LOOKS
    ]
    assert all(row.ms > 0.0 and row.gpu_ms >= 0.0 for row in drawings)
    assert ctx.error == "GL_NO_ERROR"
    print_drawings(drawings)
    assert len(capsys.readouterr().out.splitlines()) == 1 + len(drawings)


def test_every_look_is_another_picture(ctx: moderngl.Context, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is timed is drawn: lamps, shadows and relighting change the picture that one turn draws."""
    target = ctx.simple_framebuffer((64, 48), components=4)
    pictures = []
    draw = Composer.draw

    def seen(composer: Composer, _target: moderngl.Framebuffer, viewport: Viewport, scene: Scene) -> None:
        draw(composer, target, viewport, scene)
        pictures.append(target.read())

    monkeypatch.setattr(Composer, "draw", seen)
    first = Performer(toy_model().layout, *SIZES[0], seed=7).parameters(0.0)
    monkeypatch.setattr(Performer, "parameters", lambda _performer, _time: first)
    drawing_times.drawing_times(ctx, toy_model(), SIZES[:1], turns=1, warm_up=0)
    assert len(set(pictures)) == len(LOOKS)


def test_software_is_refused_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawing_times, "is_software", lambda _ctx: True)
    with pytest.raises(LimelightError, match=r"^OpenGL runs on the CPU here \(.+\); install .+$"):
        hardware_context()


def test_the_command_times_drawing_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(drawing_times, "is_software", lambda _ctx: False)
    monkeypatch.setattr(drawing_times.drawing_times, "__defaults__", (SIZES[:1], 2, 1))
    monkeypatch.setattr(FaceModel, "load", toy_model)
    file = tmp_path / "gpu.json"
    assert verify_gpu.main(["--drawing", "--json", str(file)]) == 0
    assert "drawing on " in capsys.readouterr().out
    (figures,) = json.loads(file.read_text())
    assert figures["renderer"] and [row["look"] for row in figures["drawing"]] == list(LOOKS)


def test_the_command_says_in_one_line_that_there_is_no_gpu(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(drawing_times, "is_software", lambda _ctx: True)
    assert verify_gpu.main(["--drawing"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("verify_gpu: error: OpenGL runs on the CPU here (")

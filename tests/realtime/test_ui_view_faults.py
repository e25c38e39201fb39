"""A view whose OpenGL fails says so once, and shows pictures again once it can."""

from __future__ import annotations

import moderngl

from realtime.render.composer import Composer
from tests.realtime.window_parts import pixels, show_frame


def test_a_lost_context_is_one_line_not_one_for_each_frame(qtbot, window, session, monkeypatch):
    show_frame(qtbot, window, session)
    lines, told, shown, undrawn = [], [], [], []
    window.view.failed.connect(lines.append)
    window.view.shown.connect(shown.append)
    draw = Composer.draw

    def lost(*_arguments):
        told.append(1)
        raise moderngl.Error("context lost\nat 0x7f")

    monkeypatch.setattr(Composer, "draw", lost)
    for number in range(1, 4):
        show_frame(qtbot, window, session)
        undrawn.append(window.view.result)
        qtbot.waitUntil(lambda number=number: len(told) >= number)
    (line,) = lines
    assert "context lost" in line and "\n" not in line
    assert not [result for result in shown if result in undrawn], "what was not drawn did not come to the screen"
    monkeypatch.setattr(Composer, "draw", draw)
    show_frame(qtbot, window, session)
    qtbot.waitUntil(lambda: window.view.result in shown)
    assert pixels(window).std() > 0.0
    monkeypatch.setattr(Composer, "draw", lost)
    show_frame(qtbot, window, session)
    qtbot.waitUntil(lambda: len(lines) == 2)

"""What the tests of the window share: an application, a small face model, a fake session and a window on it."""

from __future__ import annotations

from functools import partial

import pytest

from facemodel import FaceModel, LimelightError
from tests.toy_model import toy_model


@pytest.fixture(scope="session")
def qapp():
    pytest.importorskip("pytestqt")
    from realtime.ui.app import make_application

    try:
        return make_application()
    except LimelightError as error:
        pytest.skip(str(error))


@pytest.fixture
def qtbot(qtbot):
    """Waits as long as a busy machine may need; what comes sooner is seen sooner."""
    qtbot.waitUntil = partial(qtbot.waitUntil, timeout=60_000)  # ms
    return qtbot


@pytest.fixture(scope="module")
def toy() -> FaceModel:
    return toy_model()


@pytest.fixture
def session(toy, tmp_path):
    from tests.realtime.fake_session import FakeSession

    return FakeSession(toy, tmp_path)


@pytest.fixture
def window(qtbot, session, tmp_path, monkeypatch):
    """A window that calls no picture still only because the machine is busy."""
    from realtime.ui.settings import SettingsFile
    from tests.realtime.window_parts import open_window

    monkeypatch.setattr("realtime.ui.window._STILL_SECONDS", 600.0)
    window = open_window(qtbot, session, SettingsFile(tmp_path / "window.json"))
    yield window
    window.close()

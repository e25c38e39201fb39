"""The window's settings file."""

from __future__ import annotations

import json

import pytest

from realtime.tracking.smoothing.settings import SmoothingSettings
from realtime.ui.settings import SettingsFile, WindowSettings


@pytest.fixture
def settings(tmp_path) -> SettingsFile:
    return SettingsFile(tmp_path / "folder" / "window.json")


def test_round_trip(settings):
    saved = WindowSettings(
        geometry=(10, 20, 1100, 700),
        maximized=True,
        source="camera:1",
        mode="albedo",
        mirror=False,
        smoothing=SmoothingSettings(head=0.25, light=1.0),
        light={"light/source": "show", "environment/name": "sunset", "light/2/azimuth": 40.0},
        streams=("vmc://127.0.0.1:39539", "osc://10.0.0.7:9000?rate=30"),
        curves=("jawOpen", "headYaw"),
        curves_shown=True,
    )
    settings.save(saved)
    assert settings.load() == saved
    assert [path.name for path in settings.path.parent.iterdir()] == ["window.json"]


def test_a_missing_file_gives_the_defaults(settings):
    assert settings.load() == WindowSettings()


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"\xff\xfe\x00", b'{"mode": 3, "light": 7}'])
def test_a_corrupt_file_gives_the_defaults(settings, content):
    settings.path.parent.mkdir()
    settings.path.write_bytes(content)
    assert settings.load() == WindowSettings()


def test_what_makes_sense_is_kept(settings):
    settings.path.parent.mkdir()
    content = {
        "geometry": [1, 2, "x", 4],
        "mirror": False,
        "smoothing": {"head": 0.75, "eyes": 1.5, "brows": "much", "ears": 0.1},
        "source": None,
        "mode": "wireframe",
        "streams": ["vmc://127.0.0.1:39539", 7],
        "of_a_later_version": 1,
        "light": {"material/shininess": 42, "light/1/color": [0, 1], "light/2/intensity": float("nan"), "gone": 1},
    }
    settings.path.write_text(json.dumps(content))
    expected = WindowSettings(
        mirror=False,
        mode="wireframe",
        smoothing=SmoothingSettings(head=0.75),
        light={"material/shininess": 42.0},
    )
    assert settings.load() == expected


@pytest.mark.parametrize(
    ("strength", "smoothing"),
    [
        (0.25, SmoothingSettings.uniform(0.25)),
        (0, SmoothingSettings.uniform(0.0)),
        (7.0, SmoothingSettings()),
        (True, SmoothingSettings()),
        ("0.3", SmoothingSettings()),
    ],
)
def test_smoothing_was_once_one_number(settings, strength, smoothing):
    settings.path.parent.mkdir()
    settings.path.write_text(json.dumps({"smoothing": strength, "mirror": False}))
    assert settings.load() == WindowSettings(smoothing=smoothing, mirror=False)


def test_a_failed_write_keeps_the_old_file(settings, monkeypatch):
    settings.save(WindowSettings(mode="albedo"))
    monkeypatch.setattr("json.dump", lambda *_, **__: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        settings.save(WindowSettings(mode="camera"))
    assert settings.load().mode == "albedo"
    assert [path.name for path in settings.path.parent.iterdir()] == ["window.json"]

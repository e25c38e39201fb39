"""Fixtures that every room's tests share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from facemodel import FaceModel

ROOT = Path(__file__).resolve().parent.parent


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skip what needs other programs, which are large, unless it is asked for by its mark."""
    if "apps" in config.getoption("markexpr"):
        return
    for item in items:
        if item.get_closest_marker("apps"):
            item.add_marker(pytest.mark.skip(reason="needs other programs: make test-apps"))


@pytest.fixture(scope="session", autouse=True)
def _ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Commands that run inside the tests remember what they wrote, but not in the user's own ledger."""
    path = tmp_path_factory.mktemp("ledger") / "outputs.txt"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("facemodel.output_files.users_ledger", lambda: path)
        yield


@pytest.fixture(autouse=True)
def _persons(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Persons inside the tests are not those of the user."""
    monkeypatch.setattr("realtime.persons.store.users_folder", lambda: tmp_path / "users" / "persons")


@pytest.fixture(scope="session")
def model() -> FaceModel:
    """The embedded default face model."""
    return FaceModel.load()


@pytest.fixture(scope="session")
def sources() -> Path:
    """The data folder (`LIMELIGHT_DATA`, or `../shared/sources`); tests that need it skip where it is absent."""
    folder = Path(os.environ.get("LIMELIGHT_DATA", ROOT.parent / "shared" / "sources"))
    if not folder.is_dir():
        pytest.skip(f"data folder {folder} is absent; set LIMELIGHT_DATA")
    return folder

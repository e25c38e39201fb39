"""Fixtures that every room's tests share."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from facemodel import FaceModel
from realtime.controls.inbox import Inbox
from realtime.controls.osc_in import OscInput
from realtime.controls.place import Place
from realtime.light.show import Show
from tests.realtime.controls.small_show import make

ROOT = Path(__file__).resolve().parent.parent


def pytest_configure() -> None:
    """Time no example of Hypothesis and draw the same ones in every run; heed signals that a run in the background was
    started to ignore, since the programs that tests start inherit that."""
    unchecked = (HealthCheck.too_slow, HealthCheck.function_scoped_fixture)
    settings.register_profile("unhurried", deadline=None, derandomize=True, suppress_health_check=unchecked)
    settings.load_profile("unhurried")
    for name, heed in (("SIGHUP", signal.SIG_DFL), ("SIGINT", signal.default_int_handler)):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, heed)


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
def _processes(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No process outlives the test that started it, however that ended."""
    started: list[subprocess.Popen] = []
    begin = subprocess.Popen.__init__

    def begin_and_note(process: subprocess.Popen, *arguments: Any, **options: Any) -> None:
        begin(process, *arguments, **options)
        started.append(process)

    monkeypatch.setattr(subprocess.Popen, "__init__", begin_and_note)
    yield
    for process in started:
        if process.poll() is None:
            process.kill()
            process.wait(60)


@pytest.fixture(autouse=True)
def _persons(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Persons inside the tests are not those of the user, nor are face models that are kept for files."""
    monkeypatch.setattr("realtime.kept_models.users_folder", lambda: tmp_path / "users" / "models")
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


@pytest.fixture
def osc_listening() -> Iterator[tuple[Show, OscInput, Inbox]]:
    """A show that OSC plays, on a free port of this machine."""
    show, table = make()
    inbox = Inbox(table)
    osc = OscInput(inbox, Place("127.0.0.1", 0))
    osc.start()
    inbox.start()
    yield show, osc, inbox
    osc.stop()
    inbox.stop()

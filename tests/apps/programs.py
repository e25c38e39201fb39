"""The other programs, where `make test-apps` puts them."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import platformdirs
import pytest

FOLDER = platformdirs.user_cache_path("limelight") / "apps"


def node_modules() -> Path:
    """Return the folder of the packages from npm; skips the test where it is missing."""
    folder = FOLDER / "node" / "node_modules"
    if not folder.is_dir() or shutil.which("node") is None:
        pytest.skip("no Node.js packages: make test-apps")
    return folder


def run_node(script: Path, *arguments: str | Path) -> str:
    """Run a module of ours that imports packages from npm; returns what it prints."""
    done = subprocess.run(["node", _beside_packages(script), *arguments], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def start_node(script: Path, *arguments: str | Path) -> subprocess.Popen[str]:
    """Start a module of ours that imports packages from npm, and that prints while it runs."""
    command = ["node", _beside_packages(script), *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def _beside_packages(script: Path) -> Path:
    """A copy of a module where Node.js finds the packages: it looks from where the module lies."""
    copy = node_modules().parent / script.name
    copy.write_bytes(script.read_bytes())
    return copy


def chromium() -> str:
    """Return Chromium's program; skips the test where it is missing."""
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        pytest.skip("no Chromium: make test-apps")
    return program


def blender_python() -> Path:
    """Return the Python that has Blender as a module; skips the test where it is missing."""
    python = FOLDER / "blender" / "bin" / "python"
    if not python.is_file():
        pytest.skip("no Blender: make test-apps")
    return python


def run_blender(script: Path, *arguments: str | Path, settings: Path) -> str:
    """Run a script inside Blender; returns what it prints.

    Args:
        script: to run.
        arguments: its own.
        settings: folder of this Blender's settings, where add-ons go.
    """
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(settings), "BLENDER_USER_RESOURCES": str(settings)}
    command = [str(blender_python()), str(script), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, env=environment)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    return done.stdout

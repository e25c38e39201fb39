"""The user's Blender, run without a window in a process of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from facemodel import LimelightError

VARIABLE = "LIMELIGHT_BLENDER"
"""Names the program where it is not found: Blender's, or a Python that has the package bpy."""


def find_blender() -> Path:
    """Return Blender's program, or a Python that has Blender as the package bpy.

    Looks at the variable `VARIABLE`, on the search path, where its installers put it, and into our own Python.

    Raises:
        LimelightError: there is none.
    """
    named = os.environ.get(VARIABLE)
    if named:
        if not Path(named).is_file():
            raise LimelightError(f"{VARIABLE}={named}: no such program")
        return Path(named)
    found = shutil.which("blender")
    if found:
        return Path(found)
    usual = [Path("/Applications/Blender.app/Contents/MacOS/Blender")]
    for folder in filter(None, map(os.environ.get, ("PROGRAMFILES", "PROGRAMW6432"))):
        usual += sorted(Path(folder).glob("Blender Foundation/Blender */blender.exe"), key=_version, reverse=True)
    for program in usual:
        if program.is_file():
            return program
    if find_spec("bpy") is not None:
        return Path(sys.executable)
    raise LimelightError(f"needs Blender 4.2 or later: install it, or set {VARIABLE} to its program")


def run_in_blender(script: Path, *arguments: str | Path) -> None:
    """Run a Python script inside Blender; it finds its arguments behind `--`.

    Raises:
        LimelightError: there is no Blender, or the script failed.
    """
    program = find_blender()
    command = [str(program)]
    if program.stem.lower().startswith("blender"):
        command += ["--background", "--factory-startup", "--python-exit-code", "1", "--python"]
    command += [str(script), "--", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        lines = (done.stderr.strip() or done.stdout.strip() or f"exit status {done.returncode}").splitlines()
        raise LimelightError(f"{program}: {lines[-1]}")


def _version(program: Path) -> tuple[int, ...]:
    """The numbers in the name of a program's folder."""
    return tuple(int(part) for part in program.parent.name.split()[-1].split(".") if part.isdigit())

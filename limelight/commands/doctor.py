"""`limelight doctor`: what works on this machine, one line each, and what to do about the rest."""

from __future__ import annotations

import argparse
import ctypes.util
import hashlib
import json
import os
import platform
import re
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from importlib import import_module, metadata
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from facemodel import FaceModel, LimelightError

if TYPE_CHECKING:
    from realtime.engines.kind import EngineKind

LANDMARKER_SHA256 = "64184e229b263107bc2b804c6625db1341ff2bb731874b0bcc2fe6544e0bc9ff"
"""Of the vendored Face Landmarker bundle."""

_PACKAGES = {
    "numpy": "numpy",
    "opencv-python": "cv2",
    "onnxruntime": "onnxruntime",
    "moderngl": "moderngl",
    "PyQt6": "PyQt6.QtWidgets",
    "mcap": "mcap",
}


@dataclass(frozen=True)
class Finding:
    """One line of the report.

    Attributes:
        name: what was looked at.
        ok: whether it works here.
        detail: what was found.
        remedy: what to do where it does not work.
        needed: whether `limelight run --headless` fails without it.
    """

    name: str
    ok: bool
    detail: str
    remedy: str = ""
    needed: bool = False


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add the sub-command."""
    parser = subparsers.add_parser(
        "doctor",
        help="say what works on this machine",
        description="Looks at Python, OpenGL, display, cameras, engines and assets. The exit status is 1 if something "
        "that 'limelight run --headless' needs is missing.",
    )
    parser.add_argument("--json", action="store_true", help="one JSON document instead of lines")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Report; returns the exit status."""
    findings = examine()
    if args.json:
        print(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        width = max(len(finding.name) for finding in findings)
        for finding in findings:
            mark = "ok     " if finding.ok else "missing" if finding.needed else "absent "
            advice = f": {finding.remedy}" if finding.remedy and not finding.ok else ""
            print(f"{mark} {finding.name:<{width}} {finding.detail}{advice}")
    return int(any(finding.needed and not finding.ok for finding in findings))


def examine() -> list[Finding]:
    """Every finding, in the order of the report. A check that breaks is itself a finding."""
    groups: tuple[tuple[str, Callable[[], Iterator[Finding]]], ...] = (
        ("system", _system),
        ("packages", _packages),
        ("assets", _assets),
        ("network", _network),
        ("cameras", _cameras),
        ("OpenGL", _opengl),
        ("display", _display),
        ("engines", _engines),
        ("training", _training),
    )
    findings: list[Finding] = []
    for name, group in groups:
        try:
            findings.extend(group())
        except Exception as error:  # a broken driver or package must not hide the other findings
            text = str(error).strip().splitlines()
            findings.append(Finding(name, False, text[0] if text else type(error).__name__, needed=name == "network"))
    return findings


def _system() -> Iterator[Finding]:
    version = platform.python_version()
    new_enough = sys.version_info >= (3, 11)
    yield Finding("Python", new_enough, version, "install Python 3.11 or later", needed=True)
    yield Finding("system", True, f"{platform.platform()}, {os.cpu_count()} processors")
    yield Finding("limelight", True, metadata.version("limelight"))


def _packages() -> Iterator[Finding]:
    for package, module in _PACKAGES.items():
        needed = package != "PyQt6"
        try:
            import_module(module if module != "cv2" else "realtime.opencv")
            yield Finding(package, True, metadata.version(package), needed=needed)
        except (ImportError, OSError) as error:
            remedy = "reinstall limelight, and see README for the system libraries"
            yield Finding(package, False, str(error).splitlines()[0], remedy, needed)
    names = ("opencv-python", "opencv-contrib-python")
    versions = {version for name in names if (version := _version(name)) is not None}
    if len(versions) > 1:
        detail = f"opencv-python and opencv-contrib-python differ ({', '.join(sorted(versions))})"
        yield Finding("OpenCV", False, detail, "install both at the same version", needed=True)


def _training() -> Iterator[Finding]:
    """Yield what training, solve and evaluate need beyond the rest."""
    extra = [text for text in metadata.requires("limelight") or () if re.search(r"extra == .train.", text)]
    names = [re.split(r"[^\w.-]", text, maxsplit=1)[0] for text in extra]
    missing = [name for name in names if _version(name) is None]
    detail = f"without {', '.join(missing)}" if missing else f"{len(names)} packages"
    yield Finding("training", not missing, detail, "to train, solve and evaluate, pip install 'limelight[train]'")
    landmarker = Path(str(files("training") / "assets" / "face_landmarker.task"))
    if not landmarker.is_file():
        yield Finding("face landmarker", False, f"{landmarker} does not exist", "reinstall limelight")
    elif _sha256(landmarker) != LANDMARKER_SHA256:
        yield Finding("face landmarker", False, f"{landmarker} is not the file that was shipped", "reinstall limelight")
    else:
        yield Finding("face landmarker", True, f"{landmarker.stat().st_size / 1e6:.1f} MB")


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _assets() -> Iterator[Finding]:
    yield _file("student network", Path(str(files("realtime") / "assets" / "student.onnx")))
    path = Path(str(files("facemodel") / "assets" / "limelight.npz"))
    yield _file("face model", path)
    if path.is_file():
        yield _readable(path)


def _readable(path: Path) -> Finding:
    try:
        model = FaceModel.load(path)
    except LimelightError as error:
        return Finding("its content", False, str(error), "reinstall limelight", needed=True)
    sizes = f"{len(model.identity)} / {len(model.expression)} / {len(model.diffuse_basis)}"
    detail = f"{model.name}, digest {model.digest}, {model.n_vertices} vertices, {sizes} coefficients"
    return Finding("its content", True, detail, needed=True)


def _file(name: str, path: Path) -> Finding:
    if not path.is_file():
        return Finding(name, False, f"{path} does not exist", "reinstall limelight", needed=True)
    return Finding(name, True, f"{path.stat().st_size / 1e6:.1f} MB, sha256 {_sha256(path)[:16]}", needed=True)


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _network() -> Iterator[Finding]:
    from realtime.engines import AUTO, open_engine

    engine = open_engine(AUTO, FaceModel.load())
    yield Finding("network", True, f"{engine.name}, {engine.resolution} px", needed=True)


def _cameras() -> Iterator[Finding]:
    from realtime.sources import list_cameras

    cameras = list_cameras()
    for camera in cameras:
        yield Finding("camera", True, str(camera))
    if not cameras:
        remedy = "connect one; until then the synthetic performer acts"
        if Path("/dev").exists() and "microsoft" in platform.release().lower():
            remedy = "in WSL, attach it with usbipd; until then the synthetic performer acts"
        yield Finding("camera", False, "none found", remedy)


def _opengl() -> Iterator[Finding]:
    try:
        with ThreadPoolExecutor(1) as thread:  # a thread that had an EGL context cannot draw windows any more
            detail = thread.submit(_describe_opengl).result()
    except LimelightError as error:
        yield Finding("OpenGL", False, str(error), needed=True)
        return
    yield Finding("OpenGL", True, detail, needed=True)


def _describe_opengl() -> str:
    from realtime.render.headless import headless_context

    context = headless_context()
    try:
        return f"{context.version_code / 100:.1f}, {context.info['GL_RENDERER']}"
    finally:
        context.release()


def _display() -> Iterator[Finding]:
    if sys.platform in ("darwin", "win32"):
        yield from _displays()
        return
    display = os.environ.get("WAYLAND_DISPLAY") or os.environ.get("DISPLAY")
    yield Finding("display", bool(display), display or "none", "without one, limelight runs headless")
    if display and not ctypes.util.find_library("xcb-cursor"):
        yield Finding("xcb-cursor", False, "library not found", "install libxcb-cursor0 (xcb-util-cursor)")
    elif display:
        yield from _displays()


def _displays() -> Iterator[Finding]:
    """Yield what `display://N` can show on."""
    from realtime.ui.display import list_displays

    try:
        for number, text in enumerate(list_displays(), 1):
            yield Finding(f"display {number}", True, text)
    except LimelightError as error:
        yield Finding("displays", False, str(error))


def _engines() -> Iterator[Finding]:
    """What `--engine` can name, and why not where it cannot."""
    from limelight.engine_kinds import ENGINE_KINDS

    reasons = {kind.name: _usable(kind) for kind in ENGINE_KINDS}
    none = not any(ok for ok, _ in reasons.values())
    for name, (ok, detail) in reasons.items():
        yield Finding(f"engine {name}", ok, detail, needed=none)


def _usable(kind: EngineKind) -> tuple[bool, str]:
    """Whether an engine runs here, and on what, or why not."""
    try:
        return True, kind.describe()
    except LimelightError as error:
        return False, str(error)
    except Exception as error:  # a driver that is broken in a new way says nothing of the other engines
        return False, f"{kind.title}: {(str(error).strip() or type(error).__name__).splitlines()[0]}"

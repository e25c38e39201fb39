"""What is shipped: the wheel, its data, its notices; and that it runs outside the checkout."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest

from realtime.opencv import cv2
from realtime.sources.synthetic import SyntheticPerformer

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("facemodel", "training", "export", "realtime", "shaders", "limelight")
READ_IN_THE_REPOSITORY = {
    "training/REPORT.md",
    "training/remarks.md",
    "export/BENCHMARKS.md",
}  # their pictures lie in docs/
LARGE = "realtime/assets/resnet50.onnx"
"""What the wheel leaves out."""


@pytest.fixture(scope="module")
def project() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """The wheel, built from a copy so that the checkout stays clean."""
    source = tmp_path_factory.mktemp("source")
    for name in ("pyproject.toml", "README.md", "LICENSE", "NOTICE"):
        shutil.copy(ROOT / name, source)
    for room in ROOMS:
        shutil.copytree(ROOT / room, source / room, ignore=shutil.ignore_patterns("__pycache__"))
    out = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*command, "-w", str(out), str(source)], check=True, capture_output=True, timeout=300)
    return next(out.glob("limelight-*.whl"))


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory) -> Path:
    """Folder with the programs of an empty environment that holds the wheel; other packages come from this one."""
    folder = tmp_path_factory.mktemp("environment") / "venv"
    venv.create(folder, symlinks=os.name != "nt")
    programs = folder / ("Scripts" if os.name == "nt" else "bin")
    python = programs / "python"
    command = [sys.executable, "-m", "pip", "--python", str(python), "install", "-q", "--no-deps", "--no-index"]
    subprocess.run([*command, str(wheel)], check=True, capture_output=True, timeout=300)
    question = "import sysconfig; print(sysconfig.get_path('purelib'))"
    site = subprocess.run([python, "-c", question], check=True, capture_output=True, text=True).stdout.strip()
    (Path(site) / "packages-of-the-tests.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return programs


def run_installed(installed: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess:
    """Run a program of the environment in `folder`, without a display and with settings of its own."""
    hidden = ("PYTHONPATH", "DISPLAY", "WAYLAND_DISPLAY")
    environment = {name: value for name, value in os.environ.items() if name not in hidden}
    environment |= {"HOME": str(folder), "XDG_CONFIG_HOME": str(folder), "XDG_DATA_HOME": str(folder)}
    command = [str(installed / arguments[0]), *arguments[1:]]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300)


def test_the_face_landmarker_is_googles_file():
    content = (ROOT / "training" / "assets" / "face_landmarker.task").read_bytes()
    assert len(content) == 3_758_596
    assert hashlib.sha256(content).hexdigest() == "64184e229b263107bc2b804c6625db1341ff2bb731874b0bcc2fe6544e0bc9ff"
    assert "Apache License" in (ROOT / "training" / "assets" / "face_landmarker.LICENSE").read_text()


def test_every_asset_has_its_notice():
    notice = (ROOT / "NOTICE").read_text()
    for folder in ("facemodel/assets", "realtime/assets", "training/assets"):
        for asset in (ROOT / folder).glob("*"):
            if asset.suffix not in (".LICENSE", ".md", ".yaml"):  # shows are our own
                assert f"{folder}/{asset.name}" in notice
    assert "Copyright (c) 2020 USC Institute for Creative Technologies" in notice


def test_one_opencv(project):
    everything = project["dependencies"] + project["optional-dependencies"]["train"]
    pins = dict(d.split("==") for d in everything if d.startswith("opencv"))
    assert set(pins) == {"opencv-python", "opencv-contrib-python"}
    assert len(set(pins.values())) == 1, "both hold the same files: their versions must agree"


def test_running_needs_no_training_packages(project):
    names = " ".join(project["dependencies"])
    for heavy in ("torch", "scipy", "trimesh", "scikit", "numba", "h5py", "mediapipe", "opencv-contrib"):
        assert heavy not in names


def test_the_wheel_asks_for_mediapipe_in_the_extra_alone(wheel):
    with zipfile.ZipFile(wheel) as archive:
        (metadata,) = [archive.read(name).decode() for name in archive.namelist() if name.endswith("/METADATA")]
    for package in ("mediapipe", "opencv-contrib-python"):
        (line,) = [line for line in metadata.splitlines() if line.startswith(f"Requires-Dist: {package}")]
        assert 'extra == "train"' in line


def test_the_rooms_that_run_import_no_training_packages():
    code = (
        "import sys, facemodel, facemodel.reference, facemodel.importers.ict, facemodel.importers.bfm2017\n"
        "import limelight.cli; limelight.cli.build_parser()\n"
        "heavy = {'torch', 'scipy', 'trimesh', 'sklearn', 'numba', 'h5py', 'PyQt6'} & set(sys.modules)\n"
        "sys.exit(', '.join(sorted(heavy)) or None)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, timeout=120)


WITHOUT_THE_EXTRA = """
import sys
for name in {modules!r}:
    sys.modules[name] = None
from limelight.cli import main
sys.exit(main(sys.argv[1:]))
"""
"""A program without the packages of the extra train, whatever is installed."""


def run_without_the_extra(folder: Path, *arguments: str) -> subprocess.CompletedProcess:
    """Run a command as an installation without the extra does, without a display."""
    modules = ("h5py", "mediapipe", "numba", "onnx", "onnxscript", "PIL", "rtree", "sklearn", "scipy")
    modules += ("tensorboard", "torch", "trimesh")
    environment = {name: value for name, value in os.environ.items() if name not in ("DISPLAY", "WAYLAND_DISPLAY")}
    environment |= {"PYTHONPATH": str(ROOT), "XDG_CACHE_HOME": str(folder)}
    command = [sys.executable, "-c", WITHOUT_THE_EXTRA.format(modules=modules), *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300)


def test_without_the_extra_it_captures(tmp_path):
    done = run_without_the_extra(tmp_path, "run", "--headless", "--source", "synthetic", "--frames", "5")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["tracked_frames"] == 5


def test_without_the_extra_it_reconstructs(tmp_path):
    performer = SyntheticPerformer(width=640, height=480, fps=30.0, seed=3, live=False)
    cv2.imwrite(str(tmp_path / "face.png"), performer.read().image)
    performer.close()
    done = run_without_the_extra(tmp_path, "reconstruct", "face.png", "--out", "out")
    assert done.returncode == 0, done.stderr
    assert len(json.loads((tmp_path / "out" / "face.json").read_text())["faces"]) == 1
    assert (tmp_path / "out" / "face.png").is_file()


@pytest.mark.parametrize("arguments", [("--help",), ("run", "--help"), ("solve", "--help"), ("doctor",)])
def test_without_the_extra_it_helps(tmp_path, arguments):
    done = run_without_the_extra(tmp_path, *arguments)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "arguments", [("solve", "a.jpg", "--out", "out"), ("evaluate", "--quick"), ("model", "build", "--out", "m.npz")]
)
def test_what_needs_the_extra_says_so_in_one_line(tmp_path, arguments):
    done = run_without_the_extra(tmp_path, *arguments)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("limelight: error: ") and line.endswith("pip install 'limelight[train]'")


def test_the_wheel_holds_every_module_and_asset(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    for room in ROOMS:
        for path in (ROOT / room).rglob("*"):
            relative = path.relative_to(ROOT).as_posix()
            if path.is_file() and "__pycache__" not in relative and relative not in {LARGE, *READ_IN_THE_REPOSITORY}:
                assert relative in names, "a folder without __init__.py, or data that pyproject.toml does not name"
    assert LARGE not in names
    assert not [name for name in names if name.startswith(("tests", "scripts"))]
    assert any(name.endswith("licenses/NOTICE") for name in names)


def test_the_wheel_is_small(wheel):
    assert wheel.stat().st_size < 60_000_000


def test_a_network_that_the_wheel_leaves_out_is_one_line(installed, tmp_path):
    run = ("run", "--source", "synthetic", "--headless", "--frames", "1", "--network", "resnet50")
    done = run_installed(installed, tmp_path, "limelight", *run)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("limelight: error: network 'resnet50': is too large for the package; take " + LARGE)


def test_the_wheel_runs_outside_the_checkout(installed, tmp_path):
    done = run_installed(installed, tmp_path, "limelight", "doctor", "--json")
    findings = json.loads(done.stdout)
    missing = [finding for finding in findings if finding["needed"] and not finding["ok"]]
    assert done.returncode == 0, missing
    where = run_installed(installed, tmp_path, "python", "-c", "import realtime; print(realtime.__file__)")
    assert Path(where.stdout.strip()).is_relative_to(installed.parent)


def test_the_wheel_captures_the_synthetic_performer(installed, tmp_path):
    run = ("run", "--source", "synthetic", "--headless", "--frames", "20", "--take", "t.mcap", "--video", "v.mp4")
    done = run_installed(installed, tmp_path, "limelight", *run)
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout.splitlines()[-1])
    assert summary["frames"] == 20
    assert (tmp_path / "t.mcap").stat().st_size > 0
    assert (tmp_path / "v.mp4").stat().st_size > 0

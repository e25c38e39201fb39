"""Nothing that we run or import opens a connection or leaves an identifier: programs are watched in their calls."""

from __future__ import annotations

import ast
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import pytest

from realtime.opencv import cv2
from realtime.sources.synthetic import SyntheticPerformer
from tests.waiting import wait_for

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("facemodel", "training", "export", "realtime", "limelight", "benchmark")

HIDDEN = ("DISPLAY", "WAYLAND_DISPLAY", "XDG_DOCUMENTS_DIR", "DBUS_SESSION_BUS_ADDRESS", "ORT_DISABLE_TELEMETRY")
"""What a program is not to know of the world around it."""

CALLS = "network,openat,open,creat,mkdir,mkdirat,rename,renameat,renameat2,link,linkat,symlink,symlinkat"

OURS = (
    r"cache/limelight",
    r"cache/limelight/(engines\.json|outputs\.txt)(\.\d+)?(\.part)?",
    r"config/limelight",
    r"config/limelight/\.?window\.json(\.\w+)?",
    r"tmp/limelight-\w+(/.*)?",
    r"out(/.*)?",
)
"""What a program may create, from the folder that it lives in: memory of engines and outputs, settings, what was asked
for."""

SYSTEMS = (
    r"(cache|config|data|home|tmp|run)",
    r"cache/(mesa_shader_cache\w*|fontconfig|qtshadercache[\w-]*)(/.*)?",
    r"tmp/(tmp)?[a-z0-9_]{8}",  # Python's, to find out where temporary files can be written, and without a name
    r"tmp/cc\w{6}\..*",  # a compiler's, whom ctypes asks for libraries
    rf"{re.escape(str(ROOT))}/(\w+/)*__pycache__(/.*)?",  # machine code of Numba's
    r"(cache|config)/matplotlib(/.*)?",  # lists of fonts, of which MediaPipe makes no use
)
"""What graphics drivers, the window system and Python's packages keep: compiled code, lists of fonts."""

GUARD = """
import os, signal, subprocess, sys, threading

def end():
    os.read(0, 1)
    os.killpg(0, signal.SIGKILL)

threading.Thread(target=end, daemon=True).start()
sys.exit(subprocess.run(sys.argv[1:], stdin=subprocess.DEVNULL).returncode)
"""
"""Runs a command, and kills all that it started once the pipe that it reads from is closed, or whoever held it dead."""


@dataclass
class Watched:
    """What a program did.

    Attributes:
        status: it ended with.
        sent: system calls by which something would leave the machine, or be let in.
        files: that it created or wrote, links and folders too, from its own folder; absolute where outside.
        said: its standard error.
    """

    status: int
    sent: list[str] = field(default_factory=list)
    files: set[str] = field(default_factory=set)
    said: str = ""

    @property
    def strange(self) -> list[str]:
        """Files that are none of ours."""
        return sorted(name for name in self.files if not any(re.fullmatch(p, name) for p in OURS + SYSTEMS))


class World:
    """A folder in which a program finds a home of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder.parent / f"{folder.name}.strace"
        names = {"HOME": "home", "TMPDIR": "tmp", "XDG_RUNTIME_DIR": "run"}
        names |= {f"XDG_{kind}_HOME": kind.lower() for kind in ("CACHE", "CONFIG", "DATA")}
        for name in names.values():
            (folder / name).mkdir(mode=0o700, parents=True)
        hidden = (
            "DISPLAY",
            "WAYLAND_DISPLAY",
            "XDG_DOCUMENTS_DIR",
            "ORT_DISABLE_TELEMETRY",
            "DBUS_SESSION_BUS_ADDRESS",
        )
        kept = {name: value for name, value in os.environ.items() if name not in hidden}
        self.environment = kept | {variable: str(folder / name) for variable, name in names.items()}
        self.environment |= {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
        self._guarded, self._guard = os.pipe()

    def start(self, *arguments: object, display: bool = False) -> subprocess.Popen[str]:
        """Start a Python program that is watched."""
        watch = [
            "strace",
            "-f",
            "-y",
            "-qq",
            "--seccomp-bpf",
            "-s",
            "4096",
            "-e",
            f"trace={CALLS}",
            "-e",
            "signal=none",
        ]
        command = [*watch, "-o", str(self.log), sys.executable, *map(str, arguments)]
        if display:
            command = ["xvfb-run", "-a", "-s", "-screen 0 1600x1000x24", *command]
        return subprocess.Popen(
            [sys.executable, "-c", GUARD, *command],
            cwd=self.folder,
            env=self.environment,
            stdin=self._guarded,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def watched(self, program: subprocess.Popen[str], timeout: float = 300.0) -> Watched:
        """Wait for it to end, and return what it did."""
        _, said = program.communicate(timeout=timeout)
        watched = Watched(program.returncode, said=said)
        for call in calls(self.log.read_text(errors="replace")):
            if leaves_the_machine(call):
                watched.sent.append(call)
            watched.files |= {self._named(path) for path in written(call)}
        watched.files = {name for name in watched.files if not name.startswith(("/dev/", "/proc/"))}
        watched.files |= {str(path.relative_to(self.folder)) for path in self.folder.rglob("*")}
        return watched

    def run(self, *arguments: object) -> Watched:
        return self.watched(self.start(*arguments))

    def close(self) -> None:
        """Kill what still runs."""
        os.close(self._guard)
        os.close(self._guarded)

    def _named(self, path: str) -> str:
        absolute = os.path.normpath(self.folder / path)
        return os.path.relpath(absolute, self.folder) if absolute.startswith(f"{self.folder}/") else absolute


def calls(log: str) -> Iterator[str]:
    """The system calls of a log, those that were interrupted put together again."""
    begun: dict[str, str] = {}
    for line in log.splitlines():
        process, _, call = line.partition(" ")
        call = call.strip()
        if call.endswith("<unfinished ...>"):
            begun[process] = call.removesuffix("<unfinished ...>")
        elif resumed := re.match(r"<\.\.\. \w+ resumed>(.*)", call):
            yield begun.pop(process, "") + resumed[1]
        else:
            yield call
    yield from begun.values()


def leaves_the_machine(call: str) -> bool:
    """Whether a call sends to, connects to or listens at what is no socket of this machine's own programs.

    A socket of the internet that is only made is none: some libraries ask which interfaces there are. Names are looked
    up by connecting to a server of names, or to a program that does.
    """
    if not re.match(r"(connect|sendto|sendmsg|sendmmsg|bind|listen)\(", call):
        return False
    family = re.search(r"sa_family=(\w+)", call)
    if family is not None and family[1] not in ("AF_UNIX", "AF_NETLINK", "AF_UNSPEC"):
        return True
    return "systemd/resolve" in call or "resolve1" in call


def written(call: str) -> list[str]:
    """The paths that a call creates or opens for writing, if it does what it was asked for."""
    if re.search(r"\) += -1 ", call):
        return []
    name = call.partition("(")[0]
    paths = [(folder or "", path) for folder, path in re.findall(r'(?:(?:AT_FDCWD|\d+)<([^>]*)>, )?"([^"]*)"', call)]
    if not paths or not re.match(r"open|creat|mkdir|rename|link|symlink", name):
        return []
    if name.startswith("open") and not re.search(r"O_(WRONLY|RDWR|CREAT)", call):
        return []
    folder, path = paths[-1]
    return [os.path.join(folder, path)]  # noqa: PTH118


@cache
def why_not() -> str:
    """Why programs cannot be watched here; empty if they can."""
    if shutil.which("strace") is None:
        return "strace is not installed"
    try:
        done = subprocess.run(
            ["strace", "-f", "--seccomp-bpf", "-o", os.devnull, "true"], capture_output=True, text=True, timeout=30
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return "" if done.returncode == 0 else f"strace cannot watch here: {done.stderr.strip()}"


@pytest.fixture
def world(tmp_path) -> Iterator[World]:
    if reason := why_not():
        pytest.skip(reason)
    with closing(World(tmp_path / "world")) as made:
        yield made


@pytest.fixture(scope="module")
def photo(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("photo") / "performer.png"
    performer = SyntheticPerformer(width=640, height=480, fps=30.0, seed=3, live=False)
    frame = performer.read()
    performer.close()
    assert frame is not None
    cv2.imwrite(str(path), frame.image)
    return path


def assert_private(watched: Watched, status: int = 0) -> None:
    assert watched.status == status, watched.said
    assert watched.sent == []
    assert watched.strange == []


# --- what we run -------------------------------------------------------------------------------------------------


def test_reconstruct(world, photo):
    watched = world.run("-m", "limelight", "reconstruct", photo, "--out", "out")
    assert_private(watched)
    assert {"out/performer.json", "out/performer.obj", "out/performer.png"} <= watched.files


def test_run_headless(world):
    outputs = ("--take", "out/t.mcap", "--video", "out/v.mp4")
    watched = world.run("-m", "limelight", "run", "--headless", "--source", "synthetic", "--frames", 5, *outputs)
    assert_private(watched)
    assert {"out/t.mcap", "out/v.mp4", "cache/limelight/engines.json"} <= watched.files


@pytest.mark.skipif(shutil.which("xvfb-run") is None, reason="no virtual display")
def test_the_window(world):
    window = world.start("-m", "limelight", "run", "--source", "synthetic", "--take", "out/t.mcap", display=True)
    take = world.folder / "out" / "t.mcap"
    began = 0  # the take's size when only its header is written
    deadline = time.monotonic() + 300.0
    while window.poll() is None and time.monotonic() < deadline:
        size = take.stat().st_size if take.is_file() else 0
        began = began or size
        if size > began + 100_000:  # some frames, of a face
            break
        time.sleep(0.2)
    time.sleep(3.0)  # what is late
    for child in children(window.pid):
        if command_line(child).startswith(sys.executable):
            os.kill(child, signal.SIGINT)
    watched = world.watched(window)
    assert_private(watched)
    assert take.stat().st_size > 0


def children(process: int) -> list[int]:
    """All that a process started, and what those did."""
    listed = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    return [child for pid in map(int, listed) for child in (pid, *children(pid))]


def command_line(process: int) -> str:
    return Path(f"/proc/{process}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")


# --- what we import ----------------------------------------------------------------------------------------------


def test_every_module(world):
    code = f"""
import importlib, pkgutil
for room in {ROOMS}:
    package = importlib.import_module(room)
    for module in pkgutil.walk_packages(package.__path__, room + "."):
        if not module.name.endswith("__main__"):
            try:
                importlib.import_module(module.name)
            except ImportError as error:  # of what is an extra, or another system's
                print("left out:", module.name, error)
"""
    assert_private(world.run("-c", code))


def test_mediapipe(world, photo):
    pytest.importorskip("mediapipe")
    code = f"""
import time
from training.data.landmarker import Landmarker
from realtime.opencv import cv2
with Landmarker() as landmarker:
    assert landmarker.find(cv2.imread({str(photo)!r}))
time.sleep(2.0)
"""
    assert_private(world.run("-c", code))


def test_onnx_runtime_is_imported_through_the_module_that_silences_it():
    paths = [path for room in (*ROOMS, "tests", "scripts") for path in (ROOT / room).rglob("*.py")]
    assert len(paths) > 300
    for path in paths:
        if path == ROOT / "realtime" / "onnx_runtime.py":
            continue
        silenced = 10**9
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            modules = []
            if isinstance(node, ast.ImportFrom):
                modules = [node.module or ""]
            elif isinstance(node, ast.Import):
                modules = [alias.name for alias in node.names]
            for module in modules:
                if module == "realtime.onnx_runtime":
                    silenced = min(silenced, node.lineno)
                elif module.partition(".")[0] == "onnxruntime":
                    assert silenced < node.lineno, f"{path}:{node.lineno}: import it from realtime.onnx_runtime first"


# --- that it would be seen ---------------------------------------------------------------------------------------


def test_onnx_runtime_alone_would_be_seen(world):
    network = ROOT / "realtime" / "assets" / "face_detection_short_range.onnx"
    code = f"""
import time
import onnxruntime
onnxruntime.InferenceSession({str(network)!r}, providers=["CPUExecutionProvider"])
time.sleep(5.0)
"""
    watched = world.run("-c", code)
    assert watched.status == 0, watched.said
    if not watched.sent and not watched.strange:
        pytest.skip("this ONNX Runtime has no telemetry")
    assert watched.sent or any("deviceid" in name for name in watched.strange)


@pytest.mark.parametrize(
    ("code", "call"),
    [
        ("socket.create_connection(('127.0.0.1', 9), 1)", "connect"),
        ("socket.socket(type=socket.SOCK_DGRAM).sendto(b'.', ('127.0.0.1', 9))", "sendto"),
        ("socket.socket(socket.AF_INET6, socket.SOCK_DGRAM).connect(('::1', 9))", "connect"),
        ("socket.socket(type=socket.SOCK_DGRAM).sendmsg([b'.'], [], 0, ('127.0.0.1', 9))", "sendmsg"),
        ("socket.create_server(('127.0.0.1', 0))", "bind"),
        ("threading.Thread(target=lambda: socket.create_connection(('127.0.0.1', 9), 1)).start()", "connect"),
        (
            "subprocess.run([sys.executable, '-c', 'import socket; socket.create_connection((chr(49), 9))'])",
            "connect",
        ),
    ],
)
def test_what_leaves_the_machine_would_be_seen(world, code, call):
    watched = world.run("-c", f"import socket, subprocess, sys, threading\n{code}")
    assert any(sent.startswith(f"{call}(") for sent in watched.sent)


def test_sockets_of_the_machine_are_none_of_the_network(world):
    code = "import socket; a, b = socket.socketpair(); a.sendall(b'.'); socket.if_nameindex()"
    watched = world.run("-c", code)
    assert watched.status == 0 and watched.sent == []


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("os.makedirs('home/.dev'); open('home/.dev/deviceid', 'w')", "home/.dev/deviceid"),
        ("open('home/id', 'w').close(); os.remove('home/id')", "home/id"),
        ("open('cache/limelight', 'w').close(); os.rename('cache/limelight', 'config/id')", "config/id"),
        ("os.mkdir('data/vendor')", "data/vendor"),
        ("f = os.open('home', os.O_RDONLY); os.open('id', os.O_CREAT | os.O_WRONLY, dir_fd=f)", "home/id"),
        ("os.symlink('x', 'home/lock')", "home/lock"),
    ],
)
def test_what_is_left_behind_would_be_seen(world, code, name):
    watched = world.run("-c", f"import os\n{code}")
    assert watched.status == 0, watched.said
    assert name in watched.strange


def test_nothing_goes_on_when_who_watches_is_killed(world):
    code = """
import os, signal, sys
from pathlib import Path
from tests.test_privacy import World, children
from tests.waiting import wait_for

world = World(Path(sys.argv[1]))
program = world.start("-c", "import time; open('begun', 'w').close(); time.sleep(600)")
wait_for((world.folder / "begun").exists)
print(*children(program.pid), flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
    command = [sys.executable, "-c", code, str(world.folder / "inner")]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, timeout=60)
    processes = done.stdout.split()
    assert len(processes) == 2  # strace, and what it watches
    wait_for(lambda: not any(map(runs, processes)))


def runs(process: str) -> bool:
    status = Path(f"/proc/{process}/status")
    try:
        return re.search(r"^State:\t[ZX]", status.read_text(), re.MULTILINE) is None
    except OSError:
        return False

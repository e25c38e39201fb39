"""Most streamers sit at Windows: what it lacks is neither called nor needed.

The first test reads every module for names that Windows does not have, the second imports all of them with those names
taken away. Neither is a run on Windows.
"""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = ("facemodel", "realtime", "limelight")
MODULES = sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))

NO_MODULES = (
    *(
        "fcntl",
        "termios",
        "tty",
        "pty",
        "pwd",
        "grp",
        "resource",
        "posix",
        "syslog",
        "readline",
        "crypt",
        "spwd",
        "nis",
    ),
    *("curses", "_posixsubprocess", "_curses"),
)
NO_OS = (
    *("fork", "forkpty", "getuid", "geteuid", "getgid", "getegid", "setuid", "setgid", "setsid", "getpgid", "setpgid"),
    *("killpg", "mkfifo", "mknod", "chown", "lchown", "fchown", "fchmod", "statvfs", "fstatvfs", "sysconf", "uname"),
    *("pread", "pwrite", "sendfile", "sync", "fdatasync", "nice", "getloadavg", "sched_getaffinity", "openpty"),
    *("sched_setaffinity", "register_at_fork", "wait", "wait3", "wait4", "WNOHANG", "O_NOFOLLOW", "O_DIRECTORY"),
    *(
        "O_CLOEXEC",
        "O_NONBLOCK",
        "posix_fallocate",
        "posix_fadvise",
        "memfd_create",
        "ctermid",
        "ttyname",
        "getpriority",
    ),
)
NO_SIGNALS = (
    *("SIGHUP", "SIGKILL", "SIGUSR1", "SIGUSR2", "SIGALRM", "SIGQUIT", "SIGCHLD", "SIGPIPE", "SIGTSTP", "SIGCONT"),
    *("SIGWINCH", "alarm", "setitimer", "pthread_sigmask", "pthread_kill", "sigwait", "pause", "set_wakeup_fd_posix"),
)
NO_SOCKET = ("AF_UNIX", "socketpair_unix", "SO_REUSEPORT", "MSG_DONTWAIT", "MSG_NOSIGNAL", "sendmsg", "recvmsg")
NO_TIME = ("tzset", "clock_gettime", "CLOCK_MONOTONIC", "CLOCK_REALTIME", "pthread_getcpuclockid")

LACKING = {"os": NO_OS, "signal": NO_SIGNALS, "socket": NO_SOCKET, "time": NO_TIME}


def unguarded(source: str) -> list[str]:
    """What a module's source asks of the system that Windows lacks, each with its line."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found += [f"{node.lineno}: import {a.name}" for a in node.names if a.name.split(".")[0] in NO_MODULES]
        elif isinstance(node, ast.ImportFrom) and node.module:
            if node.module.split(".")[0] in NO_MODULES:
                found.append(f"{node.lineno}: from {node.module}")
            lacking = LACKING.get(node.module, ())
            found += [f"{node.lineno}: {node.module}.{a.name}" for a in node.names if a.name in lacking]
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            if node.attr in LACKING.get(node.value.id, ()):
                found.append(f"{node.lineno}: {node.value.id}.{node.attr}")
        elif isinstance(node, ast.Call) and _opens_text_by_the_systems_encoding(node):
            found.append(f"{node.lineno}: a text file without an encoding")
    return found


def _opens_text_by_the_systems_encoding(call: ast.Call) -> bool:
    """Whether a call opens text as cp1252 on Windows and as UTF-8 elsewhere."""
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    if any(keyword.arg == "encoding" for keyword in call.keywords):
        return False
    if name == "write_text":
        return len(call.args) < 2
    if name == "read_text":
        return not call.args
    if name != "open":
        return False
    mode = call.args[0 if isinstance(call.func, ast.Attribute) else 1 :][:1]
    text = mode[0].value if mode and isinstance(mode[0], ast.Constant) else None
    return isinstance(text, str) and set(text) <= set("rwxa+t")


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_asks_nothing_that_windows_lacks(path):
    assert unguarded(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "source",
    [
        *("import fcntl", "from resource import getrusage", "import os\nos.fork()", "from signal import SIGHUP"),
        *("import socket\nsocket.AF_UNIX", "path.read_text()", "path.open('w')", "open('a', 'r')"),
    ],
)
def test_what_windows_lacks_is_noticed(source):
    assert unguarded(source)


IMPORT_ALL = """
import importlib, os, pkgutil, signal, socket, sys, time

rooms, lacking, no_modules = {rooms!r}, {lacking!r}, {no_modules!r}

def import_all():
    for room in rooms:
        package = importlib.import_module(room)
        for found in pkgutil.walk_packages(package.__path__, room + '.'):
            if not found.name.endswith(('__main__', 'to_fbx')) and '.addon' not in found.name:  # those run in Blender
                try:
                    importlib.import_module(found.name)
                except Exception as error:
                    yield f'{{found.name}}: {{error!r}}'

def is_ours(name):
    return name.split('.')[0] in rooms

class Refuse:
    def find_spec(self, name, path=None, target=None):
        caller = sys._getframe(1)
        while caller and caller.f_globals.get('__name__', '').startswith('importlib'):
            caller = caller.f_back
        if name.split('.')[0] in no_modules and caller and is_ours(caller.f_globals.get('__name__', '')):
            raise ModuleNotFoundError(f'no module named {{name}}', name=name)

assert not list(import_all())  # with all that other people's packages import: those have Windows code of their own
import platformdirs.windows
platformdirs.PlatformDirs = platformdirs.windows.Windows
platformdirs.windows.get_win_folder = platformdirs.windows.get_win_folder_from_env_vars
for name in [name for name in sys.modules if is_ours(name)]:
    del sys.modules[name]
for name in no_modules:
    sys.modules.pop(name, None)
for module, names in lacking.items():
    for name in names:
        if hasattr(sys.modules[module], name):
            delattr(sys.modules[module], name)
sys.meta_path.insert(0, Refuse())
failed = list(import_all())
print('\\n'.join(failed))
sys.stdout.flush()
os._exit(bool(failed))
"""


def test_all_modules_are_imported_without_what_windows_lacks(tmp_path):
    code = IMPORT_ALL.format(lacking=LACKING, no_modules=NO_MODULES, rooms=ROOMS)
    folders = {name: str(tmp_path) for name in ("USERPROFILE", "APPDATA", "LOCALAPPDATA", "PROGRAMDATA", "PUBLIC")}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, timeout=300, env=os.environ | folders
    )
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]


def test_a_module_that_needs_posix_is_noticed(tmp_path):
    """The test before this one can fail."""
    room = tmp_path / "needy"
    room.mkdir()
    (room / "__init__.py").write_text("import os\nuser = os.getuid()\n", encoding="utf-8")
    code = IMPORT_ALL.format(lacking=LACKING, no_modules=NO_MODULES, rooms=("needy",))
    folders = {name: str(tmp_path) for name in ("USERPROFILE", "APPDATA", "LOCALAPPDATA", "PROGRAMDATA", "PUBLIC")}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, env=os.environ | folders
    )
    assert done.returncode != 0
    assert "getuid" in done.stdout + done.stderr

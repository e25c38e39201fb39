"""What `make` runs before anything is installed, with stand-ins for the system's programs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"
BASH = shutil.which("bash")


class System:
    """A machine made of stand-in programs; `calls` is what was asked of apt-get and sudo."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._log = folder / "calls.log"
        self.program("uname", "echo Linux")
        self.program("cat", 'while read -r line; do echo "$line"; done')

    def program(self, name: str, body: str) -> None:
        path = self._folder / name
        path.write_text(f"#!{BASH}\n{body}\n")
        path.chmod(0o755)

    def debian(self, missing: tuple[str, ...], user: int = 0, sudo: bool = True) -> None:
        tests = " || ".join(f'[[ "$4" == {name}* ]]' for name in missing) or "false"
        self.program("dpkg-query", f'if {tests}; then exit 1; fi; printf "install ok installed"')
        self.program("apt-get", f'echo "apt-get $*" >>{self._log}')
        self.program("id", f"echo {user}")
        self.program("env", 'shift; "$@"')
        if sudo:
            self.program("sudo", f'echo sudo >>{self._log}; "$@"')

    def run(self, script: str, *arguments: str, **variables: str) -> subprocess.CompletedProcess:
        environment = {"PATH": str(self._folder), **variables}
        command = [BASH, str(SCRIPTS / script), *arguments]
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)

    @property
    def calls(self) -> list[str]:
        return self._log.read_text().splitlines() if self._log.exists() else []


@pytest.fixture
def system(tmp_path) -> System:
    return System(tmp_path)


def test_nothing_is_installed_where_nothing_is_missing(system):
    system.debian(missing=())
    assert system.run("system_packages.sh", "test").returncode == 0
    assert system.calls == []


def test_only_what_is_missing_is_installed_after_an_update(system):
    system.debian(missing=("libegl1", "xvfb"))
    done = system.run("system_packages.sh", "test")
    assert done.returncode == 0, done.stderr
    update, install = system.calls
    assert update.startswith("apt-get update")
    assert install.split()[-2:] == ["libegl1", "xvfb"]


def test_running_needs_no_virtual_display(system):
    system.debian(missing=("xvfb",))
    assert system.run("system_packages.sh", "run").returncode == 0
    assert system.calls == []


def test_other_programs_are_asked_for_where_they_are_tested_with(system):
    system.debian(missing=("chromium", "nodejs", "npm"))
    assert system.run("system_packages.sh", "test").returncode == 0
    assert system.calls == []
    assert system.run("system_packages.sh", "apps").returncode == 0
    assert system.calls[-1].split()[-3:] == ["chromium", "nodejs", "npm"]
    system.program("npm", "exit 0")
    assert system.run("system_packages.sh", "apps").returncode == 0
    assert system.calls[-1].split()[-1] == "chromium", "Node.js is there already, whoever packed it"


def test_sudo_is_used_only_where_needed(system):
    system.debian(missing=("libegl1",), user=1000)
    assert system.run("system_packages.sh", "run").returncode == 0
    assert system.calls[0::2] == ["sudo", "sudo"]


def test_without_sudo_it_says_what_to_install(system):
    system.debian(missing=("libegl1",), user=1000, sudo=False)
    done = system.run("system_packages.sh", "run")
    assert done.returncode == 1
    assert "apt-get install libegl1" in done.stderr
    assert system.calls == []


def test_other_systems_are_told_what_to_install(system):
    done = system.run("system_packages.sh", "run")
    assert done.returncode == 0
    assert "dnf install" in done.stderr
    system.program("uname", "echo Darwin")
    assert system.run("system_packages.sh", "run").stderr == ""


def test_a_python_that_is_new_enough_is_found(system):
    system.program("python3", f'exec {sys.executable} "$@"')
    system.program("python3.12", "exit 127")  # a shim without a version behind it
    done = system.run("find_python.sh")
    assert done.returncode == 0, done.stderr
    assert Path(done.stdout.strip()).name == "python3"


def test_without_a_python_it_says_what_to_install(system):
    system.program("python3", "exit 1")
    done = system.run("find_python.sh")
    assert done.returncode == 1
    assert done.stdout == ""
    assert "apt-get install python3" in done.stderr


@pytest.mark.parametrize("target", ["run", "test", "test-apps"])
def test_all_targets_share_one_environment(target):
    plan = subprocess.run(
        ["make", "-n", "-B", target], cwd=SCRIPTS.parent, env=os.environ, capture_output=True, text=True, check=True
    ).stdout
    assert "-m venv .venv" in plan
    assert ".venv/bin/limelight run" in plan or ".venv/bin/python -m pytest" in plan

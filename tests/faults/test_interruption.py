"""Signals: what is written is finished, whatever the terminal does."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from realtime.interruption import Interruption, finishing_files
from realtime.takes import load_take
from tests.waiting import frames_in, wait_for

ROOT = Path(__file__).resolve().parents[2]


def test_a_terminal_that_is_gone_does_not_keep_a_signal_from_being_noted(monkeypatch):
    class Gone:
        def write(self, _):
            raise OSError(5, "Input/output error")

        flush = write

    monkeypatch.setattr(sys, "stderr", Gone())
    interruption = Interruption()
    interruption.note(signal.SIGHUP)
    assert interruption
    assert interruption.number == signal.SIGHUP


def test_while_something_is_opened_a_signal_interrupts_it():
    with finishing_files() as interruption:
        interruption.opening = True
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGTERM)
    assert interruption.number == signal.SIGTERM


@pytest.mark.skipif(sys.platform == "win32", reason="has no terminals of this kind")
def test_closing_the_terminal_finishes_the_files(tmp_path):
    take = tmp_path / "t.mcap"
    master, slave = pty.openpty()
    command = [sys.executable, "-m", "limelight", "run", "--headless", "--source", "synthetic", "--take", str(take)]
    run = subprocess.Popen(
        command,
        stdin=slave,
        stdout=subprocess.PIPE,
        stderr=slave,
        start_new_session=True,
        preexec_fn=lambda: __import__("fcntl").ioctl(0, __import__("termios").TIOCSCTTY, 0),
        env={**os.environ, "PYTHONPATH": str(ROOT), "XDG_CACHE_HOME": str(tmp_path / "cache")},
        cwd=tmp_path,
    )
    os.close(slave)
    wait_for(lambda: run.poll() is not None or frames_in(take) > 5, 240)
    assert run.poll() is None
    os.close(master)  # the terminal hangs up
    out, _ = run.communicate(timeout=240)
    frames = json.loads(out.splitlines()[-1])["frames"]
    found = load_take(take)
    assert found.cut is None
    assert len(found) == frames > 0

"""`limelight view`."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import urllib.request

import pytest
from websockets.sync.client import connect

from limelight.cli import main
from realtime.web.view import network_address
from tests.realtime.take_factory import GOLDEN_V1, result, write_take

PROGRAM = "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
PROGRAM += "from limelight.cli import main; sys.exit(main(sys.argv[1:]))"
"""The command, as a terminal starts it: Ctrl+C is not ignored."""


def test_a_take_is_shown_over_and_over_until_it_is_interrupted(tmp_path):
    take = write_take(tmp_path / "take.mcap", [result(index) for index in range(20)])  # of a face model of its own
    command = [sys.executable, "-c", PROGRAM, "view", "--take", str(take), "--host", "0.0.0.0", "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        line = process.stderr.readline()
        url = re.fullmatch(r"limelight: for this machine: (http://127\.0\.0\.1:\d+/\?token=[\w-]+)\n", line)[1]
        if other := network_address():
            shown = url.replace("127.0.0.1", other)
            assert process.stderr.readline() == f"limelight: for others: {shown}\n"
        with urllib.request.urlopen(url, timeout=60) as page:
            assert b"<canvas" in page.read()
        with connect(url.replace("http", "ws"), open_timeout=60) as client:
            numbers = {client.recv(timeout=60)[12:16] for _ in range(30)}
        assert len(numbers) >= 5  # a slow machine leaves frames out, and sees one again in another round
    finally:
        process.send_signal(signal.SIGINT)
        out, error = process.communicate(timeout=240)
    assert process.returncode == 130, error
    assert json.loads(out)["sinks"][0]["state"] == "closed"


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("--take", str(GOLDEN_V1), "--source", "synthetic"), "not both"),
        (("--take", "nothing.mcap"), "nothing.mcap"),
        (("--take", str(GOLDEN_V1), "--faces", "2"), "--faces is for a source"),
        (("--take", str(GOLDEN_V1), "--light", "nowhere"), "neither a preset"),
        (("--source", "synthetic", "--host", "no.such.host.invalid"), "cannot listen there"),
        (("--source", "synthetic", "--sink", "view://127.0.0.1:1/x"), "ends after the port"),
    ],
)
def test_what_cannot_be_shown_is_one_line(arguments, problem, capsys):
    assert main(["view", "--port", "0", "--network", "student-int8", "--engine", "onnxruntime", *arguments]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert lines[-1].startswith("limelight: error: ") and problem in lines[-1]
    assert not any("for this machine" in line for line in lines)


@pytest.mark.parametrize("port", ["-1", "65536", "x"])
def test_a_port_is_a_port(port, capsys):
    with pytest.raises(SystemExit):
        main(["view", "--port", port])
    assert f"--port: must be a number from 0 to 65535, not '{port}'" in capsys.readouterr().err

"""`limelight show`."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from pythonosc.osc_message_builder import OscMessageBuilder

from limelight.cli import main
from limelight.commands.show import addresses
from realtime.light.cues import journal
from realtime.light.values import VALUES

DOCS = Path(__file__).parents[2] / "docs"
PROGRAM = "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
PROGRAM += "from limelight.cli import main; sys.exit(main(sys.argv[1:]))"
"""The command, as a terminal starts it: Ctrl+C is not ignored."""

SHOW = "limelight show: 1\nname: Small\ncues:\n  - cue: 1\n    light 1: {intensity: 1}\n"


def test_the_addresses_are_listed(capsys):
    assert main(["show", "--addresses"]) == 0
    text = capsys.readouterr().out
    assert text == addresses()
    for name in VALUES:
        assert re.sub(r"^light/\d/", "light/N/", name) in text
    assert "/limelight/record/start" in text


def test_the_documentation_lists_them_too():
    """`limelight show --addresses` behind the first lines of docs/commands.md writes it anew."""
    assert (DOCS / "commands.md").read_text("utf-8").endswith(f"\n\n{addresses()}")


def test_the_fixtures_are_written(tmp_path, capsys):
    out = tmp_path / "limelight.gdtf"
    assert main(["show", "--gdtf", str(out)]) == 0
    assert out.read_bytes().startswith(b"PK")
    other = tmp_path / "other.gdtf"
    other.write_text("mine")
    assert main(["show", "--gdtf", str(other)]) == 1
    assert "--force" in capsys.readouterr().err
    assert other.read_text() == "mine"


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ((), "--demo"),
        (("--demo", "show.yaml"), "one of them"),
        (("nothing.yaml",), "nothing.yaml"),
        (("--demo", "--osc", "99999"), "HOST:PORT"),
        (("--demo", "--osc-feedback", "desk"), "HOST:PORT"),
        (("--demo", "--sacn", "0"), "universes are 1 to 63999"),
        (("--demo", "--chase", "marks.txt"), "add --timecode"),
        (("--demo", "--midi-map", "desk.toml"), "add --midi"),
        (("--demo", "--source", "synthetic", "--headless", "--osc", "203.0.113.7:9000"), "cannot listen there"),
        (("--demo", "--source", "synthetic", "--headless", "--midi", "no such port"), "midi: "),
    ],
)
def test_what_cannot_be_played_is_one_line(arguments, problem, capsys):
    assert main(["show", *arguments]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert lines[-1].startswith("limelight: error: ") and problem in lines[-1]


def test_a_show_is_played_from_a_desk(tmp_path, monkeypatch):
    """Beginning to end: the synthetic performer, GO by OSC, what is told back, and Ctrl+C."""
    file = tmp_path / "small.yaml"
    file.write_text(SHOW)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as desk:
        desk.bind(("127.0.0.1", 0))
        desk.settimeout(120)
        back = f"127.0.0.1:{desk.getsockname()[1]}"
        command = [sys.executable, "-c", PROGRAM, "show", str(file), "--headless", "--source", "synthetic"]
        command += [
            "--osc",
            "0",
            "--osc-feedback",
            back,
            "--sink",
            f"osc://{back}",
            "--network",
            "student-int8",
            "--engine",
            "onnxruntime",
        ]
        monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        try:
            lines = iter(process.stderr.readline, "")
            port = next(int(found[1]) for line in lines if (found := re.search(r"OSC at 127.0.0.1:(\d+)", line)))
            while b"/limelight/cue/next" not in desk.recv(65536):
                pass
            desk.sendto(OscMessageBuilder("/limelight/cue/go").build().dgram, ("127.0.0.1", port))
            while b"/limelight/cue/active\0\0\0,s\0\0001\0\0\0" not in desk.recv(65536):
                pass
            while b"/faces\0" not in desk.recv(65536):  # of the stream
                pass
        finally:
            process.send_signal(signal.SIGINT)
            out, error = process.communicate(timeout=240)
    assert process.returncode == 130, error
    assert json.loads(out)["frames"] > 0


def test_a_place_that_cannot_be_written_is_one_line_and_the_show_goes_on(tmp_path, monkeypatch, capsys):
    file, state = tmp_path / "small.yaml", tmp_path / "state"
    file.write_text(SHOW)
    state.write_text("no folder")
    monkeypatch.setattr(journal, "default_folder", lambda: state)
    assert main(["show", str(file), "--source", "synthetic", "--headless", "--seconds", "0.5"]) == 0
    (line,) = [line for line in capsys.readouterr().err.splitlines() if "where the show is cannot be written" in line]
    assert line.startswith(f"limelight: {state}")

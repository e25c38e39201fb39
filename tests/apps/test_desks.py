"""Other programs as desks: oscsend of liblo and node-osc send OSC, OLA sends sACN and Art-Net."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.apps.programs import run_node
from tests.waiting import wait_for

pytestmark = pytest.mark.apps

SCRIPT = Path(__file__).parent / "web" / "send_osc.mjs"
OLA = Path(__file__).parent / "ola_desk.sh"


def test_oscsend_plays_a_show(osc_listening):
    show, osc, inbox = osc_listening
    if (program := shutil.which("oscsend")) is None:
        pytest.skip("no oscsend: make test-apps")

    def send(*arguments: str) -> None:
        subprocess.run([program, "127.0.0.1", str(osc.place.port), *arguments], check=True, timeout=60)

    send("/limelight/light/1/color", "fff", "1", "0.5", "0.25")
    send("/limelight/light/1/azimuth", "i", "30")
    send("/limelight/light/1/size", "d", "12")
    send("/limelight/light/1/kind", "s", "directional")
    send("/limelight/blackout", "T")
    send("/eos/cue/2.5/fire")
    wait_for(lambda: str(show.status().progress.active) == "2.5")
    values = show.values()
    assert values["light/1/color"] == (1.0, 0.5, 0.25)
    assert values["light/1/size"] == 12.0
    assert values["light/1/kind"] == "directional"
    assert show.blackout
    assert osc.status().malformed == osc.status().unknown == inbox.status().refused == 0


def test_node_osc_plays_a_show_and_is_told_where_it_is(osc_listening):
    show, osc, inbox = osc_listening
    told = {address: values for address, *values in json.loads(run_node(SCRIPT, str(osc.place.port)))}
    assert str(show.status().progress.active) == "1"
    assert show.values()["light/2/azimuth"] == 45.5
    assert told["/limelight/light/2/azimuth"] == [45.5]
    assert told["/limelight/light/2/kind"] == ["spot"]
    assert told["/limelight/cue/active"] == ["1"]
    assert told["/limelight/blackout"] == [False]
    assert osc.status().malformed == osc.status().unknown == inbox.status().refused == 0


def test_ola_moves_lights_by_sacn_and_by_art_net():
    """In a network of its own, which only root may make."""
    if shutil.which("olad") is None or os.geteuid() != 0:
        pytest.skip("no OLA, or not root")
    with TemporaryDirectory() as folder:
        command = ["unshare", "-n", "bash", str(OLA), folder, sys.executable, "-m", "tests.apps.ola_receiver"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=Path(__file__).parents[2])
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == {"sacn": [3.0, 180.0, 0], "artnet": [3.0, 180.0, 0]}

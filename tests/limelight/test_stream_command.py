"""`limelight stream`, through its command line, with a real receiver."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from dataclasses import replace

import numpy as np
import platformdirs
import pytest
from websockets.sync.client import connect

from facemodel import LimelightError
from limelight.cli import build_parser, main
from limelight.light_argument import light_values
from realtime.light.lighting import Lighting
from realtime.loop.loop import Loop
from realtime.sinks.registry import KINDS
from realtime.sinks.worker import Worker
from tests.realtime.streams.faces import free_port
from tests.realtime.streams.vtube_studio import VTubeStudio
from tests.realtime.take_factory import result as take_result
from tests.realtime.take_factory import write_take
from tests.realtime.video_factory import grey, write_video
from tests.waiting import wait_for


@pytest.fixture
def port():
    return free_port()


@pytest.fixture
def listen(monkeypatch):
    """Receive from a port in the background: a list of the messages so far. No loop starts before everybody listens."""
    done, threads, heard = threading.Event(), [], []
    start = Loop.start

    def start_once_heard(loop):
        wait_for(lambda: all(listens.is_set() for listens in heard))
        start(loop)

    monkeypatch.setattr(Loop, "start", start_once_heard)

    def listen_(port):
        messages, listens = [], threading.Event()
        heard.append(listens)

        def receive():
            while not done.is_set():
                try:
                    with connect(f"ws://127.0.0.1:{port}", proxy=None, close_timeout=0.1) as client:
                        listens.set()
                        messages.extend(json.loads(text) for text in client)
                except OSError:
                    done.wait(0.02)

        threads.append(threading.Thread(target=receive, daemon=True))
        threads[-1].start()
        return messages

    yield listen_
    done.set()
    for thread in threads:
        thread.join(60)


@pytest.fixture
def listening(listen, port):
    return listen(port)


def stream(*arguments: object) -> int:
    return main(["stream", *map(str, arguments)])


def test_the_pattern_arrives_with_its_names_at_each_streams_own_rate(port, listening, listen, capsys):
    another = free_port()
    slow = listen(another)
    addresses = (f"ws://127.0.0.1:{port}", f"ws://127.0.0.1:{another}?rate=10&mirror=yes")
    assert stream(*addresses, "--pattern", "--seconds", 2) == 0
    assert listening[0]["feed"] == "test pattern"
    assert listening[0]["label"] == "eyeBlinkLeft"
    assert max(message["faces"][0]["weights"]["eyeBlinkLeft"] for message in listening) > 0.9
    assert max(message["faces"][0]["weights"]["eyeBlinkRight"] for message in slow) > 0.5
    assert 2 * len(slow) < len(listening)
    assert len(slow) <= 10 * slow[-1]["time"] + 2
    said = capsys.readouterr()
    assert f"ws://127.0.0.1:{port}/" in said.err  # where it can be received
    assert "limelight: eyeBlinkLeft" in said.err
    assert [sink["state"] for sink in json.loads(said.out)["sinks"]] == ["closed", "closed"]


def test_a_take_is_streamed_to_its_end(tmp_path, port, listening, capsys):
    path = write_take(tmp_path / "a.mcap", [take_result(i) for i in range(30)])
    assert stream(f"ws://127.0.0.1:{port}", "--take", path) == 0
    assert listening[-1]["feed"] == "a.mcap"
    assert json.loads(capsys.readouterr().out)["frames"] > 0


def test_a_take_may_loop_until_ctrl_c(tmp_path, port, listening):
    path = write_take(tmp_path / "a.mcap", [take_result(i) for i in range(30)])
    command = [sys.executable, "-m", "limelight", "stream", f"ws://127.0.0.1:{port}", "--take", str(path), "--loop"]
    environment = os.environ | {"XDG_CONFIG_HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path)}
    program = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
    try:
        frames = lambda: [message["frame"] for message in listening]  # noqa: E731
        wait_for(lambda: any(b < a for a, b in zip(frames(), frames()[1:], strict=False)), 240)
        program.send_signal(signal.SIGINT)
        out, err = program.communicate(timeout=240)
    finally:
        program.kill()
    assert program.returncode == 130, err
    assert json.loads(out)["sinks"][0]["state"] == "closed"


def test_a_port_that_is_taken_ends_the_run_in_one_line(port, capsys):
    with socket.create_server(("127.0.0.1", port)):
        assert stream(f"ws://127.0.0.1:{port}", "--pattern", "--seconds", 1) == 1
    line = f"limelight: error: ws 127.0.0.1:{port}: cannot listen there: another program uses the port\n"
    assert line in capsys.readouterr().err


def test_what_a_receiver_says_is_told_once(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(platformdirs, "user_config_path", lambda name: tmp_path)
    studio = VTubeStudio()
    studio.allows = False
    try:
        assert stream(f"vts://127.0.0.1:{studio.port}", "--pattern", "--seconds", 3) == 0
    finally:
        studio.close()
    said = capsys.readouterr().err
    assert said.count("denied in VTube Studio; start the stream again to be asked again") == 1


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["take.mcap", "--pattern"], "an address looks like vmc:// or ws://"),
        (["ws://", "--pattern", "--source", "synthetic"], "give one of --source, --take and --pattern"),
        (["ws://", "--loop"], "add --take FILE.mcap"),
        (["ws://?speed=3", "--pattern"], "a ws has no option 'speed'; it knows rate, mirror, name"),
        (["ws://?rate=fast", "--pattern"], "rate=fast must be frames a second"),
    ],
)
def test_what_makes_no_sense_is_one_line(arguments, line):
    args = build_parser().parse_args(["stream", *arguments])
    with pytest.raises(LimelightError, match=line.replace("?", r"\?")) as refused:
        args.run(args)
    assert "\n" not in str(refused.value)


def test_the_list_of_sinks_shows_every_address_with_its_options(capsys):
    assert main(["sinks"]) == 0
    listed = capsys.readouterr().out
    for kind in KINDS:
        assert f"{kind.name}: {kind.title}\n" in listed
        assert all(option in listed for option in kind.options)
    assert "  options: rate=HZ, mirror=yes|no, name=TEXT" in listed


@pytest.mark.parametrize("command", [("stream", "opentrack://127.0.0.1:9"), ("view", "--port", "0")])
def test_the_end_of_a_file_is_the_end(command, tmp_path, capsys):
    clip = write_video(tmp_path / "clip.mp4", [grey(90)] * 12)
    assert main([*command, "--source", str(clip)]) == 0
    assert json.loads(capsys.readouterr().out)["frames"] >= 12


@pytest.mark.parametrize(
    "command",
    [
        ("stream", "opentrack://127.0.0.1:9"),
        ("view", "--port", "0"),
        ("run", "--headless", "--sink", "opentrack://127.0.0.1:9"),
    ],
)
@pytest.mark.parametrize(("option", "light"), [((), "candle"), (("--light", "sunset"), "sunset")])
def test_faces_stand_in_the_recorded_light_or_in_the_one_that_is_asked_for(
    command, option, light, tmp_path, monkeypatch
):
    lighting = Lighting.of(light_values("candle"))
    path = write_take(tmp_path / "a.mcap", [replace(take_result(i), lighting=lighting) for i in range(5)])
    offered = []
    monkeypatch.setattr(Worker, "offer", lambda _, result: offered.append(result.lighting))
    assert main([*command, "--source", str(path), *option]) == 0
    expected = Lighting.of(light_values(light)).environment
    assert expected is not None and offered
    for given in offered:
        np.testing.assert_array_equal(given.environment.sh, expected.sh)


def test_a_take_is_looped_only_into_what_may_go_on(tmp_path, capsys):
    take = write_take(tmp_path / "a.mcap", [take_result(0), take_result(1)])
    assert main(["view", "--port", "0", "--take", str(take), "--sink", str(tmp_path / "b.mcap")]) == 1
    assert "would never end" in capsys.readouterr().err


@pytest.mark.parametrize("option", [("--faces", "2"), ("--smoothing", "still")])
def test_what_was_recorded_stays_as_it_is(option, tmp_path, capsys):
    take = write_take(tmp_path / "a.mcap", [take_result(0)])
    assert main(["stream", "osc://", "--take", str(take), *option]) == 1
    assert f"{option[0]} is for a source" in capsys.readouterr().err

"""What of the add-on needs no Blender: names, files, the client, the archive."""

from __future__ import annotations

import json
import socket
import sys
import threading
import tomllib
import zipfile
from importlib import import_module
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.sync.server import serve

from facemodel import ARKIT_NAMES
from limelight.cli import main
from realtime.blender.addon.names import canonical, match_names
from realtime.blender.addon.stream import read_message
from realtime.blender.addon.take_file import TakeFileError, read_take_file
from realtime.blender.addon.websocket import Receiver, WebSocket, WebSocketError
from realtime.takes import load_take
from realtime.takes.exporters import export_take
from tests.realtime.moving_head import Expected, moving_take, parameters
from tests.realtime.streams.faces import MODEL, face, free_port, stream
from tests.realtime.streams.faces import result as result_of
from tests.realtime.take_factory import result, write_take
from tests.toy_model import toy_model
from tests.waiting import wait_for

ROOT = Path(__file__).resolve().parents[2]


# --- names ----------------------------------------------------------------------------------------------------


def spellings(name: str) -> dict[str, str]:
    """An expression's name as other programs have it."""
    side = next((side for side in ("Left", "Right") if name.endswith(side)), "")
    stem = name.removesuffix(side)
    pascal = stem[0].upper() + stem[1:]
    snake = "".join("_" + letter.lower() if letter.isupper() else letter for letter in stem)
    return {
        "ARKit": name,
        "Pascal": pascal + side,
        "FACS-like": f"{stem}_{side[:1]}" if side else stem,
        "snake": f"{snake}_{side.lower()}" if side else snake,
        "upper": f"{snake}_{side}".upper() if side else snake.upper(),
        "Blender": f"{stem}.{side[:1]}" if side else stem,
        "side first": f"{side}_{stem}" if side else stem,
        "prefix": f"blendShape1.{name}",
        "long prefix": f"CC_Base_Body_{pascal}{side}",
        "copy": f"{name}.001",
        "run together": name.lower(),
    }


@pytest.mark.parametrize("style", spellings("jawOpen"))
def test_every_spelling_finds_its_key(style):
    keys = {spellings(name)[style]: name for name in reversed(ARKIT_NAMES)}
    found = match_names(ARKIT_NAMES, ("Basis", *keys, "corrective_12"))
    assert found == {name: (key,) for key, name in sorted(keys.items(), key=lambda one: ARKIT_NAMES.index(one[1]))}


def test_a_key_for_each_side_shows_an_expression_without_sides():
    found = match_names(("browInnerUp", "cheekPuff", "jawOpen"), ("BrowInnerUp_L", "browInnerUpRight", "cheekPuff"))
    assert found == {"browInnerUp": ("BrowInnerUp_L", "browInnerUpRight"), "cheekPuff": ("cheekPuff",), "jawOpen": ()}


def test_sides_are_not_confused():
    found = match_names(("mouthLeft", "mouthSmileLeft", "mouthSmileRight"), ("mouth_L", "smile_L", "mouthSmile_R"))
    assert found == {"mouthLeft": ("mouth_L",), "mouthSmileLeft": (), "mouthSmileRight": ("mouthSmile_R",)}


@given(st.text(max_size=40))
def test_any_name_is_taken(name):
    assert isinstance(canonical(name), str)
    assert set(match_names(ARKIT_NAMES, (name,))) == set(ARKIT_NAMES)


# --- files ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def face_model():
    return toy_model()


@pytest.fixture(scope="module")
def exported(face_model, tmp_path_factory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("take")
    take = moving_take(folder / "take.mcap", face_model)
    return {
        kind: export_take(take, name, folder / f"take.{kind}")[0] for kind, name in (("glb", "gltf"), ("npz", "npz"))
    }


@pytest.mark.parametrize("kind", ["glb", "npz"])
@pytest.mark.parametrize("index", [0, 10, 35, 60])
def test_a_take_file_holds_the_take(exported, face_model, kind, index):
    motion = read_take_file(exported[kind])
    expected = Expected(face_model, index)
    assert motion.names == ARKIT_NAMES and motion.time[index] == pytest.approx(index / 30.0, abs=1e-6)
    np.testing.assert_allclose(motion.weights[index], expected.channels.weights, atol=1e-6)
    np.testing.assert_allclose(motion.head_position[index], 0.001 * expected.channels.head_position, atol=1e-6)
    w, *axis = motion.head_rotation[index]
    nose = turned(np.array([0.0, 0.0, 1.0]), w, np.array(axis))
    np.testing.assert_allclose(nose, expected.rotation[:, 2], atol=1e-5)
    for (w, *axis), eye in zip(motion.eye_rotations[index], expected.eye_rotations(), strict=True):
        gaze = expected.rotation @ turned(np.array([0.0, 0.0, 1.0]), w, np.array(axis))
        np.testing.assert_allclose(gaze, eye[:, 2], atol=1e-5)
    assert ((motion.head_rotation[1:] * motion.head_rotation[:-1]).sum(axis=1) > 0.9).all()


def turned(vector, w, axis):
    across = 2.0 * np.cross(axis, vector)
    return vector + w * across + np.cross(axis, across)


@pytest.mark.parametrize("kind", ["glb", "npz"])
def test_a_damaged_file_is_refused_in_one_line(exported, tmp_path, kind):
    whole = exported[kind].read_bytes()
    for size in (0, 10, 100, len(whole) // 2):
        path = tmp_path / f"cut.{kind}"
        path.write_bytes(whole[:size])
        with pytest.raises(TakeFileError, match=r"^cut\.\w+: no take that Limelight exported, or damaged$"):
            read_take_file(path)


def test_other_files_are_refused(tmp_path):
    (tmp_path / "take.csv").touch()
    with pytest.raises(TakeFileError, match=r"take\.csv: export the take with"):
        read_take_file(tmp_path / "take.csv")
    np.savez(tmp_path / "other.npz", a=1)
    with pytest.raises(TakeFileError, match=r"other\.npz: no take"):
        read_take_file(tmp_path / "other.npz")


def test_a_take_without_anybody_is_refused(tmp_path):
    take = load_take(write_take(tmp_path / "take.mcap", [result(i, ()) for i in range(3)]))
    (path,) = export_take(take, "npz", tmp_path / "take.npz")
    with pytest.raises(TakeFileError, match="there is no face in it"):
        read_take_file(path)


# --- the stream -----------------------------------------------------------------------------------------------


@given(st.one_of(st.text(), st.recursive(st.integers(), st.lists, max_leaves=3).map(json.dumps)))
def test_what_is_no_message_is_nothing(text):
    assert read_message(text) is None


def test_our_own_stream_is_understood():
    values = parameters(MODEL, 7)
    sink = stream(f"ws://127.0.0.1:{free_port()}")
    client = None
    try:
        client = WebSocket(f"ws://127.0.0.1:{sink.broadcast.port}")
        wait_for(sink.connected)
        sink.submit(result_of(0, [face(values)]))
        text = client.receive()
        assert text is not None
        motion = read_message(text)
    finally:
        if client is not None:
            client.close()
        sink.close()
    assert motion is not None and motion.names == ARKIT_NAMES
    expected = Expected(MODEL, 7)
    np.testing.assert_allclose(motion.weights[0], expected.channels.weights, atol=1e-5)
    np.testing.assert_allclose(motion.head_position[0], 0.001 * expected.channels.head_position, atol=1e-5)
    w, *axis = motion.head_rotation[0]
    np.testing.assert_allclose(turned(np.eye(3), w, np.array(axis)), expected.rotation.T, atol=1e-4)
    for (w, *axis), eye in zip(motion.eye_rotations[0], expected.eye_rotations(), strict=True):
        np.testing.assert_allclose(turned(np.eye(3), w, np.array(axis)), (expected.rotation.T @ eye).T, atol=1e-4)


@pytest.mark.parametrize("size", [10, 125, 126, 60_000, 70_000])
def test_texts_of_every_length_arrive(size):
    with server(lambda connection: connection.send("ä" + "x" * size)) as address:
        client = WebSocket(address)
        assert client.receive() == "ä" + "x" * size
        assert client.receive() is None, "the server has closed it"
        client.close()


def test_fragments_and_pings_are_understood():
    def send(connection):
        connection.ping()
        connection.send(["one ", "message ", "in parts"])
        assert connection.ping().wait(60), "a ping is answered"

    with server(send) as address:
        client = WebSocket(address)
        assert client.receive() == "one message in parts"
        assert client.receive() is None
        client.close()


def test_only_the_newest_text_counts_and_a_lost_server_is_looked_for():
    with server(lambda connection: [connection.send(str(i)) for i in range(100)], once=False) as address:
        receiver = Receiver(address)
        try:
            wait_for(lambda: "closed the connection" in receiver.state)
            assert receiver.newest() == "99" and receiver.newest() is None
            wait_for(lambda: receiver.newest() == "99")  # after a pause
        finally:
            receiver.stop()
    wait_for(lambda: not receiver._thread.is_alive())


def test_a_receiver_that_finds_nobody_says_so_and_ends():
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        receiver = Receiver(f"ws://127.0.0.1:{closed.getsockname()[1]}")
        wait_for(lambda: "refused" in receiver.state)
        receiver.stop()
    wait_for(lambda: not receiver._thread.is_alive())


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (b"HTTP/1.1 403 Forbidden\r\n\r\n", "refused: 403 Forbidden"),
        (b"HTTP/1.1 101 Switching\r\nSec-WebSocket-Accept: wrong\r\n\r\n", "no WebSocket server"),
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", "refused"),
        (b"x" * 70_000, "no WebSocket server"),
        (b"", "lost"),
    ],
)
def test_somebody_else_is_refused(answer, message):
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def reply():
            connection, _ = listener.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(answer)

        thread = threading.Thread(target=reply)
        thread.start()
        with pytest.raises(WebSocketError, match=message):
            WebSocket(f"ws://127.0.0.1:{listener.getsockname()[1]}")
        thread.join()


def test_an_address_of_another_kind_is_refused():
    for address in ("http://127.0.0.1", "127.0.0.1:8787", "ws://", "", "ws://127.0.0.1:99999", "ws://a..b:1", "ws://["):
        with pytest.raises(WebSocketError, match="an address looks like"):
            WebSocket(address)


def test_a_receiver_of_a_wrong_address_says_so_and_lives_on():
    receiver = Receiver("ws://127.0.0.1:99999")
    wait_for(lambda: "an address looks like" in receiver.state)
    assert receiver._thread.is_alive()
    receiver.stop()


def test_stopping_does_not_wait_for_who_never_answers():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        receiver = Receiver(f"ws://127.0.0.1:{silent.getsockname()[1]}")
        connection, _ = silent.accept()  # and no handshake
        with connection:
            receiver.stop()
            assert receiver._thread.is_alive(), "it still connects, and nobody waits for it"
        wait_for(lambda: not receiver._thread.is_alive())


def test_a_connection_that_breaks_is_closed(monkeypatch):
    closed = []
    close = WebSocket.close
    monkeypatch.setattr(WebSocket, "close", lambda connection: (closed.append(connection), close(connection)))
    with server(lambda connection: connection.socket.close()) as address:
        receiver = Receiver(address)
        wait_for(lambda: "trying again" in receiver.state)
        receiver.stop()
    assert closed


class server:  # noqa: N801 (it is used as a function)
    """A server of the package websockets that does one thing with whoever comes."""

    def __init__(self, act, once: bool = True) -> None:
        self._server = serve(act, "127.0.0.1", 0)
        self._thread = threading.Thread(target=self._server.serve_forever)

    def __enter__(self) -> str:
        self._thread.start()
        return f"ws://127.0.0.1:{self._server.socket.getsockname()[1]}/stream?token=a"

    def __exit__(self, *exception: object) -> None:
        self._server.shutdown()
        self._thread.join()


# --- what is driven -------------------------------------------------------------------------------------------


@pytest.fixture
def driven(monkeypatch):
    """The module, with stand-ins for Blender's own."""
    numbers = ModuleType("mathutils")
    numbers.Quaternion = numbers.Vector = lambda values=(1.0, 0.0, 0.0, 0.0): values
    blender = ModuleType("bpy")
    blender.utils = SimpleNamespace(escape_identifier=str)
    monkeypatch.setitem(sys.modules, "bpy", blender)
    monkeypatch.setitem(sys.modules, "mathutils", numbers)
    names = [f"realtime.blender.addon.{name}" for name in ("driven", "live")]
    yield import_module(names[0])
    for name in names:
        sys.modules.pop(name, None)


def thing(name: str, **more) -> SimpleNamespace:
    return SimpleNamespace(name=name, rotation_mode="QUATERNION", parent=None, pose=None, **more)


def test_a_mesh_without_shape_keys_is_one_line(driven):
    with pytest.raises(ValueError, match=r"^body has no shape keys$"):
        driven.Keys(thing("body", data=SimpleNamespace(shape_keys=None)), ("jawOpen",), {})


def test_one_object_is_not_two_parts(driven):
    head, eye = driven.Part(thing("head")), driven.Part(thing("eye"))
    driven.Puppet(head, [eye, None])
    for chosen in ((head, [None, driven.Part(head.owner)]), (head, [eye, driven.Part(eye.owner)])):
        with pytest.raises(ValueError, match=r"(head|eye) is chosen twice"):
            driven.Puppet(*chosen)


def test_live_survives_whatever_fails(driven, monkeypatch):
    live_module = import_module("realtime.blender.addon.live")
    monkeypatch.setattr(live_module, "Receiver", lambda _: SimpleNamespace(newest=lambda: "text", state="connected"))
    monkeypatch.setattr(live_module, "read_message", lambda _: object())
    live = live_module.Live("ws://127.0.0.1:1")
    assert live.step() == live_module.INTERVAL, "Blender has no scene here: the timer stays all the same"
    assert "context" in live.state and live.shown == 0


# --- the archive ----------------------------------------------------------------------------------------------


def test_the_command_writes_an_archive_that_blender_installs(tmp_path, capsys):
    out = tmp_path / "limelight.zip"
    assert main(["blender-addon", str(out)]) == 0
    assert "Install from Disk" in capsys.readouterr().out
    first = out.read_bytes()
    with zipfile.ZipFile(out) as archive:
        names = archive.namelist()
        manifest = tomllib.loads(archive.read("limelight/blender_manifest.toml").decode())
        sources = {name: archive.read(name).decode() for name in names if name.endswith(".py")}
    assert {"limelight/__init__.py", "limelight/panel.py", "limelight/websocket.py"} <= set(names)
    assert all(name.startswith("limelight/") and "__pycache__" not in name for name in names)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert manifest["version"] == project["version"] and manifest["blender_version_min"] == "4.2.0"
    version = tuple(int(part) for part in project["version"].split("."))
    assert f'"version": {version}' in sources["limelight/__init__.py"]
    for source in sources.values():
        assert "realtime" not in source and "facemodel" not in source, "Blender has none of our packages"
    assert main(["blender-addon", str(out), "--force"]) == 0
    assert out.read_bytes() == first, "the same sources give the same bytes"


def test_a_file_of_others_stays(tmp_path, capsys):
    out = tmp_path / "limelight.zip"
    out.write_text("mine")
    assert main(["blender-addon", str(out)]) == 1
    assert out.read_text() == "mine" and "--force" in capsys.readouterr().err
    assert main(["blender-addon", str(out), "--force"]) == 0

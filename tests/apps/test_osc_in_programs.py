"""Streams over OSC in a second, independent receiver: node-osc."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.apps.programs import start_node
from tests.realtime.streams.receivers import EVERY_WEIGHT, OscReceiver, a_face, a_result, open_stream

pytestmark = pytest.mark.apps

SCRIPT = Path(__file__).parent / "web" / "receive_osc.mjs"
WEIGHT_OF = {
    "vmc": lambda messages: {m[1]: m[2] for m in messages if m[0] == "/VMC/Ext/Blend/Val"},
    "osc": lambda messages: {m[0].removeprefix("/limelight/1/"): m[1] for m in messages},
    "vrchat": lambda messages: {m[0].removeprefix("/avatar/parameters/v2/"): m[1] for m in messages},
}


def to_node(kind, result) -> list[list]:
    """The messages of one frame, as node-osc reads them: address, then values."""
    node = start_node(SCRIPT)
    try:
        stream = open_stream(kind, int(node.stdout.readline()))
        stream.submit(result)
        output, complaints = node.communicate(timeout=30)
        stream.close()
    finally:
        node.kill()
    assert node.returncode == 0, complaints
    return json.loads(output)


@pytest.mark.parametrize("kind", ["vmc", "osc", "vrchat"])
def test_node_osc_reads_the_same_as_python_osc(kind):
    result = a_result(a_face(EVERY_WEIGHT, head=(20.0, -10.0, 5.0)))
    seen = to_node(kind, result)
    receiver = OscReceiver()
    stream = open_stream(kind, receiver.port)
    stream.submit(result)
    assert seen == [[address, *values] for address, values in receiver.take(stream.sent)]
    stream.close()
    receiver.close()
    weights = WEIGHT_OF[kind](seen)
    for name in ("jawLeft", "jawRight"):
        shown = name[0].upper() + name[1:] if kind == "vrchat" else name
        assert weights[shown] == pytest.approx(EVERY_WEIGHT[name], abs=1e-6)

"""The show's light in takes: what changes is written, and every frame has its lighting again."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from mcap.reader import make_reader

from realtime.light.environments import ENVIRONMENTS
from realtime.light.lighting import Lighting
from realtime.takes import TakePlayer, load_take
from realtime.takes.edit import repair_take, trim_take
from realtime.takes.format import SHOW_TOPIC
from realtime.takes.messages import ShowMark
from realtime.takes.summary import summarise, summary_lines
from tests.realtime.take_factory import GOLDEN_V1, result, write_take

LOOK = {
    "light/source": "show",
    "environment/name": "sunset",
    "environment/rotation": 30.0,
    "material/tone": -0.5,
    "relight/background": "dim",
    "relight/lock": True,
    "light/2/intensity": 2.5,
    "light/2/kind": "spot",
    "light/2/azimuth": 100.0,
    "light/2/elevation": -20.0,
    "light/2/fixed": "head",
    "light/2/color": (1.0, 0.4, 0.2),
    "light/2/temperature": 1500.0,
    "light/2/size": 11.0,
    "light/2/beam": 25.0,
    "light/2/shadow": 0.5,
}


def a_show() -> list:
    """30 frames: the estimated light, from the 10th on a look that turns, from the 20th on another one."""
    frames = [result(i) for i in range(30)]
    for i in range(10, 20):
        frames[i] = replace(frames[i], lighting=Lighting.of({**LOOK, "light/2/azimuth": 10.0 * (i - 10)}, 0.5))
    for i in range(20, 30):
        frames[i] = replace(frames[i], lighting=Lighting.of({**LOOK, "environment/name": "", "light/2/intensity": 0.0}))
    return frames


def assert_same(a: Lighting, b: Lighting) -> None:
    assert (a.estimated, a.rotation, a.intensity) == (b.estimated, b.rotation, b.intensity)
    assert (a.material, a.relight) == (b.material, b.relight)
    assert (a.environment is None) == (b.environment is None)
    if a.environment is not None:
        for part in ("sh", "key_position", "key_color"):
            np.testing.assert_array_equal(getattr(a.environment, part), getattr(b.environment, part))
    assert len(a.lights) == len(b.lights)
    for one, other in zip(a.lights, b.lights, strict=True):
        np.testing.assert_allclose(one.direction, other.direction, atol=1e-9)
        np.testing.assert_allclose(one.color, other.color, rtol=1e-9)
        assert replace(one, direction=other.direction, color=other.color) == other


def test_every_frame_has_its_lighting_again(tmp_path):
    written = a_show()
    take = load_take(write_take(tmp_path / "a.mcap", written))
    player = TakePlayer(take)
    for before in written:
        assert_same(player.read().lighting, before.lighting)
    for before in reversed(written):  # as somebody who seeks asks for it
        assert_same(take.lighting_at(before.time), before.lighting)


def test_only_what_changed_is_written(tmp_path):
    path = write_take(tmp_path / "a.mcap", a_show())
    with path.open("rb") as file:
        messages = [json.loads(message.data) for _, _, message in make_reader(file).iter_messages([SHOW_TOPIC])]
    assert len(messages) == 1 + 10 + 1
    assert len(messages[0]["values"]) > 90 and messages[0]["environment"] is None
    assert set(messages[2]) == {"time", "values"} and set(messages[2]["values"]) == {"light/2/azimuth"}
    assert messages[-1]["environment"] is None and messages[-1]["values"]["light/2/intensity"] == 0.0


def test_a_take_without_light_has_the_estimated_one():
    take = load_take(GOLDEN_V1)
    assert take.light is None and take.lighting_at(0.0) == Lighting()
    assert summarise(take)["light"] is None


def test_a_take_in_the_estimated_light_alone_has_none_of_its_own(tmp_path):
    unseen = Lighting.of({"light/1/intensity": 1.0, "relight/even": 0.1})
    written = [replace(result(i), lighting=Lighting() if i < 3 else unseen) for i in range(6)]
    assert load_take(write_take(tmp_path / "a.mcap", written)).light is None
    dark = replace(result(6), lighting=Lighting.of({"material/tone": -1.0}))
    assert load_take(write_take(tmp_path / "b.mcap", [*written, dark])).light is not None


def test_parts_and_repaired_takes_keep_it(tmp_path):
    written = a_show()
    path = write_take(tmp_path / "a.mcap", written)
    start = written[0].time
    trim_take(path, tmp_path / "part.mcap", written[14].time - start, written[25].time - start)
    repair_take(path, tmp_path / "whole.mcap")
    for name, span in (("part", written[14:26]), ("whole", written)):
        take = load_take(tmp_path / f"{name}.mcap")
        assert len(take) == len(span)
        for before in span:
            assert_same(take.lighting_at(before.time), before.lighting)
    assert load_take(tmp_path / "part.mcap").light.marks[-1].time <= written[25].time


def test_it_is_told(tmp_path):
    summary = summarise(load_take(write_take(tmp_path / "a.mcap", a_show())))
    json.dumps(summary)
    assert summary["light"] == {"changes": 11}
    assert any("as the show said, 11 changes" in line for line in summary_lines(summary))


SUNSET = {part: getattr(ENVIRONMENTS["sunset"], part).tolist() for part in ("sh", "key_position", "key_color")}


@pytest.mark.parametrize(
    "content",
    [
        {"values": {}},
        {"time": 0, "values": {"light/1/azimuth": "left"}},
        {"time": 0, "values": {"light/source": "sun"}},
        {"time": 0, "values": {"light/1/color": [1, 2]}},
        {"time": 0, "values": []},
        {"time": 0, "values": {}, "environment": {"sh": [1, 2]}},
        {"time": 0, "values": {}, "environment": {**SUNSET, "key_color": [1, float("nan"), 0]}},
        {"time": 0, "values": {}, "environment": {**SUNSET, "sh": [[1, 2, 3]]}},
        [],
    ],
)
def test_a_damaged_mark_is_none(content):
    with pytest.raises((ValueError, KeyError, TypeError)):
        ShowMark.from_json(json.dumps(content).encode())


def test_values_of_a_later_version_are_left_out():
    mark = ShowMark.from_json(json.dumps({"time": 1, "values": {"fog/amount": 1, "light/1/size": 9}}).encode())
    assert mark == ShowMark(1.0, {"light/1/size": 9.0})

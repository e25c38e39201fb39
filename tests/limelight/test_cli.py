"""The command line itself: a readable map, and one-line errors."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from limelight.cli import COMMANDS, DESCRIPTION, build_parser, main
from realtime.light.environments import ENVIRONMENTS
from realtime.light.lighting import Lighting
from realtime.opencv import cv2
from realtime.takes import Marker, TakeHeader, TakeWriter, load_take
from realtime.takes.marks import write_marks
from tests.realtime.fake_session import toy_result
from tests.realtime.loop_parts import MODEL
from tests.realtime.take_factory import info, result, write_take
from tests.realtime.video_factory import read_video


def test_help_lists_every_command(capsys):
    with pytest.raises(SystemExit) as exit_:
        build_parser().parse_args(["--help"])
    assert exit_.value.code == 0
    shown = capsys.readouterr().out
    for name in COMMANDS:
        assert re.search(rf"\n    {name.replace('_', '-')}\s", shown)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(name, capsys):
    with pytest.raises(SystemExit) as exit_:
        build_parser().parse_args([name.replace("_", "-"), "--help"])
    assert exit_.value.code == 0
    assert len(capsys.readouterr().out.splitlines()) > 4


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run", "--headless", "--source", "no/such/clip.mp4"], "no such file"),
        (["run", "--headless", "--source", "synthetic", "--network", "no-such-network"], "no-such-network"),
        (["replay", "no-such-take.mcap"], "no-such-take.mcap"),
        (["export-take", "no-such-take.mcap", "--to", "csv", "--out", "x.csv"], "no-such-take.mcap"),
    ],
)
def test_what_a_user_can_put_right_is_one_line(arguments, words, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 1
    complaint = [line for line in capsys.readouterr().err.splitlines() if line.startswith("limelight: error: ")]
    assert len(complaint) == 1
    assert words in complaint[0]


@pytest.mark.parametrize("limits", [["--frames", "0"], ["--seconds", "-1"], ["--seconds", "nan"]])
def test_limits_must_make_sense(limits):
    with pytest.raises(SystemExit) as exit_:
        main(["run", *limits])
    assert exit_.value.code == 2


def test_every_example_of_the_map_is_a_command():
    examples = re.findall(r"^ {2}.*?(limelight .*?)(?: {2,}\(|$)", DESCRIPTION, re.MULTILINE)
    assert len(examples) > 10
    for example in examples:
        build_parser().parse_args(example.split()[1:])


def test_a_number_of_no_scene_is_one_line(capsys):
    assert main(["run", "--headless", "--source", "synthetic", "--take-number", "5"]) == 1
    assert "--take-number counts the takes of a scene: add --scene NAME" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--frames", "--seconds", "--threads"])
def test_what_is_no_number_says_what_is_wanted(option, capsys):
    with pytest.raises(SystemExit):
        main(["run", option, "abc"])
    assert "must be a" in capsys.readouterr().err


def test_a_headless_replay_is_the_part_between_the_points(tmp_path, capsys):
    path = write_take(tmp_path / "a.mcap", [result(i) for i in range(30)])
    take = load_take(path)
    write_marks(path, take.header.created, [Marker(result(5).time, "in"), Marker(result(14).time, "out")])

    def frames(*options):
        out = tmp_path / "b.mcap"
        assert main(["replay", str(path), "--headless", "--sink", str(out), "--force", *options]) == 0
        return [frame.index for frame in load_take(out).frames]

    assert frames() == list(range(5, 15))
    assert frames("--whole") == list(range(30))
    assert main(["replay", str(path), "--whole"]) == 1
    assert "--whole is for --headless and --video" in capsys.readouterr().err


def test_a_replay_stands_in_the_light_that_was_recorded_or_in_another(tmp_path, capsys):
    lit = Lighting.of({"light/source": "show", "light/2/intensity": 1.0})
    path = write_take(tmp_path / "a.mcap", [replace(result(i), lighting=lit) for i in range(3)])
    name = next(iter(ENVIRONMENTS))

    def light(*options):
        out = tmp_path / "b.mcap"
        assert main(["replay", str(path), "--headless", "--sink", str(out), "--force", *options]) == 0
        return load_take(out).lighting_at(result(1).time)

    assert [one.number for one in light().lights] == [2] and not light().estimated
    assert light("--light", "estimated").estimated
    relit = light("--light", name)
    assert not relit.estimated and relit.lights == ()
    np.testing.assert_array_equal(relit.environment.sh, ENVIRONMENTS[name].sh)
    for command in (
        ["replay", str(path), "--headless", "--sink", str(tmp_path / "c.mcap")],
        ["run", "--headless", "--source", "synthetic"],
    ):
        assert main([*command, "--light", "no-such-light"]) == 1
        assert f"--light no-such-light: neither a preset ({name}, " in capsys.readouterr().err


def test_a_run_stands_in_a_preset_or_a_panorama(tmp_path):
    cv2.imwrite(str(tmp_path / "red.png"), np.full((32, 64, 3), (0, 0, 200), np.uint8))
    for light in ("sunset", str(tmp_path / "red.png")):
        take = tmp_path / "t.mcap"
        arguments = ["--headless", "--frames", "2", "--take", str(take), "--force", "--light", light]
        assert main(["run", "--source", "synthetic", *arguments]) == 0
        lighting = load_take(take).lighting_at(1.0)
        assert not lighting.estimated and lighting.environment is not None
    red, green, _ = lighting.environment.sh[0]
    assert red > 5.0 * green


def test_a_video_of_a_take_is_drawn_in_its_light(tmp_path, capsys):
    red = {"light/source": "show", "environment/intensity": 0.0, "light/1/intensity": 3.0, "light/1/color": (1, 0, 0)}
    dark = Lighting.of({**red, "light/1/intensity": 0.0})
    moment, path, out = toy_result(MODEL), tmp_path / "a.mcap", tmp_path / "a.mp4"
    with TakeWriter(path, TakeHeader.describe(info(model=MODEL)), MODEL) as writer:
        for i in range(8):
            frame = replace(moment.frame, index=i, timestamp=i / 30.0)
            lighting = dark if i < 4 else Lighting.of(red)
            writer.append(replace(moment, frame=frame, time=i / 30.0, lighting=lighting))

    def colors(*options):
        assert main(["replay", str(path), "--video", str(out), "--force", *options]) == 0
        return [picture.reshape(-1, 3).mean(axis=0) for picture in read_video(out)[1]]

    blue, _, reds = np.transpose(colors())
    assert (reds - blue)[5:].min() > (reds - blue)[:3].max() + 3.0
    assert np.ptp(reds[:3]) < 2.0 < reds[6] - reds[1]
    estimated = np.transpose(colors("--light", "estimated"))
    assert (estimated[2] - estimated[0]).max() < (reds - blue)[5:].min()
    assert main(["replay", str(path), "--video", str(tmp_path / "b.mp4"), "--mode", "relit"]) == 1
    assert "there are no pictures to relight; record with --pictures" in capsys.readouterr().err

"""The command line itself: a readable map, and one-line errors."""

from __future__ import annotations

import pytest

from limelight.cli import COMMANDS, build_parser, main


def test_help_lists_every_command(capsys):
    with pytest.raises(SystemExit) as exit_:
        build_parser().parse_args(["--help"])
    assert exit_.value.code == 0
    shown = capsys.readouterr().out
    for name in COMMANDS:
        assert f"\n    {name.replace('_', '-')} " in shown


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

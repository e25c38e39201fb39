"""Show files: what people write, what is refused, and what is written back."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facemodel import LimelightError
from facemodel.color import decode_srgb
from realtime.light.cues.cue import Cue, CueNumber, Times
from realtime.light.cues.cue_list import CueList
from realtime.light.cues.document import ShowDocument
from realtime.light.cues.effects import DIRECTIONS, SHAPES, Chase, Lfo, Pace
from realtime.light.cues.show_file import DEMO_SHOW, load_show, save_show
from realtime.light.cues.show_reader import parse_show
from realtime.light.cues.show_writer import escaped_show, format_show
from realtime.light.values import VALUES, Category

FILE = Path("/shows/show.yaml").absolute()

WRITTEN = """\
# Our show
limelight show: 1
name: Night
start:
  environment: {name: sunset}
effects:
  lantern: {lfo: saw, of: light 1 azimuth, seconds: 8, depth: 180}
  neon:
    chase:
      - light 1: {color: "#ff0080"}
      - light 1: {color: [0, 0.5, 1]}
    beats: 2
    direction: bounce
cues:
  # the first one
  - cue: 1
    name: Warm   # by Ada
    time: {up: 3, down: 5}
    delay: 1
    light 1: {intensity: 1, at: [-30, 35], temperature: 3200}

  # after the song
  - cue: 2.5
    time: 0
    hang: -0.5
    link: 1
    block: true
    assert: true
    effects: {lantern: start, neon: stop}
    environment: {name: rooms/chapel.hdr, rotation: 30}
    relight: {lock: true, background: dim}
    notes: |
      Wait for the band.
      Then go.
"""


def n(number):
    return CueNumber.of(number)


def parsed(text):
    return parse_show(text, FILE)


def test_what_a_file_says():
    show = parsed(WRITTEN)
    assert show.name == "Night"
    assert not show.allow_strobe
    assert show.cues.start == {"environment/name": "sunset"}
    assert show.effects["lantern"] == Lfo(("light/1/azimuth",), Pace(seconds=8.0), "saw", 180.0)
    pink = tuple(float(decode_srgb(part / 255)) for part in (255, 0, 128))
    steps = ({"light/1/color": pink}, {"light/1/color": (0.0, 0.5, 1.0)})
    assert show.effects["neon"] == Chase(steps, Pace(beats=2.0), direction="bounce")
    one, two = show.cues
    assert one == Cue(
        n(1),
        "Warm",
        time=Times(3.0, 5.0),
        delay=Times(1.0),
        moves={
            "light/1/intensity": 1.0,
            "light/1/azimuth": -30.0,
            "light/1/elevation": 35.0,
            "light/1/temperature": 3200.0,
        },
    )
    assert (two.number, two.hang, two.link, two.blocks, two.asserts) == (n(2.5), -0.5, n(1), True, True)
    assert two.effects == {"lantern": True, "neon": False}
    assert two.notes == "Wait for the band.\nThen go.\n"
    assert two.moves == {
        "environment/name": str(FILE.parent / "rooms" / "chapel.hdr"),
        "environment/rotation": 30.0,
        "relight/lock": True,
        "relight/background": "dim",
    }
    assert show.environments() == {"sunset", str(FILE.parent / "rooms" / "chapel.hdr")}


def broken(old, new):
    assert old in WRITTEN
    return WRITTEN.replace(old, new)


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        (broken("intensity: 1", "intensty: 1"), 20, "did you mean `intensity`"),
        (broken("    delay: 1", "    dealy: 1"), 19, "did you mean `delay`"),
        (broken("light 1: {int", "light 9: {int"), 20, "did you mean `light"),
        (broken("name: Night", "nmae: Night"), 3, "did you mean `name`"),
        (broken("intensity: 1", "intensity: bright"), 20, "must be a number"),
        (broken("intensity: 1", "intensity: 7"), 20, "0 to 3"),
        (broken("temperature: 3200", "temperature: .nan"), 20, "no decimal number"),
        (broken("-30, 35", "-30"), 20, "[azimuth, elevation]"),
        (broken("at: [-30, 35]", "at: [-30, 35], azimuth: 3"), 20, "[azimuth, elevation]"),
        (broken('"#ff0080"', "#ff0080"), 10, 'quotation marks: "#ff0080"'),
        (broken('"#ff0080"', '"#ff008"'), 10, "with the quotes"),
        (broken("[0, 0.5, 1]", "[0, 0.5]"), 11, "red, green and blue"),
        (broken("[0, 0.5, 1]", "[0, 0.5, 2]"), 11, "0 to 1"),
        (broken("cue: 2.5", "cue: 2.5555"), 23, "up to three places"),
        (broken("cue: 2.5", "cue: 1"), 23, "there is one of this number"),
        (broken("- cue: 2.5", "- name: x"), 23, "needs its number"),
        (broken("hang: -0.5", "hang: soon"), 25, "must be a number"),
        (broken("link: 1", "link: 3"), 26, "links to cue 3"),
        (broken("block: true", "block: yes"), 27, "true or false"),
        (broken("delay: 1", "delay: -1"), 19, "times are 0"),
        (broken("hang: -0.5", "hang: -0.5\n    follow: 1"), 23, "not both"),
        (broken("lantern: start", "lantern: go"), 29, "start or stop"),
        (broken("lantern: start", "lamp: start"), 23, "no effect 'lamp'"),
        (broken("background: dim", "background: dark"), 31, "keep, dim, replace"),
        (broken("name: sunset", "name: sunste"), 5, "did you mean `sunset`"),
        (broken("light 1 azimuth", "light 1 azimut"), 7, "did you mean `light 1 azimuth`"),
        (broken("light 1 azimuth", "light 1 color"), 7, "swings numbers"),
        (broken("lfo: saw", "lfo: wave"), 7, "sine"),
        (broken("lfo: saw", "lfo: saw, chase: []"), 7, "either"),
        (broken("seconds: 8", "seconds: 8, beats: 1"), 7, "one of"),
        (broken("seconds: 8", "hertz: 0"), 7, "above 0"),
        (broken("seconds: 8, depth: 180", "hertz: 8, depth: 1").replace("light 1 azimuth", "light 1 intensity"), 7,
         "allow strobe"),
        (broken("limelight show: 1", "limelight show: 2"), 2, "format 2"),
        (broken("limelight show: 1\n", ""), 2, "no show file"),
        (broken("name: Night", "name: Night\nname: Day"), 4, "twice"),
        (broken("name: Night", "name: !!python/object/apply:os.system [ls]"), 3, "must be a text"),
        (broken("name: Night", "name: !!python/name:os.system x"), 3, "no place"),
        (broken("cues:", "cues: !run"), 14, "no place"),
        (broken("  - cue: 1", "  - *nothing"), 16, "is no YAML"),
        (broken("time: 0", "time: [0"), 25, "is no YAML"),
        ("- just\n- a list\n", 1, "names and values"),
        ("a text", 1, "names and values"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_its_line(text, line, message):
    with pytest.raises(LimelightError) as error:
        parsed(text)
    said = str(error.value)
    assert said.startswith(f"{FILE}, line {line}: "), said
    assert message in said
    assert "\n" not in said


@pytest.mark.parametrize("text", ["", "# nothing\n", "\x00", "a: \x07", "&a [*a]", "{" * 200, "? [x]\n: 1", "!!map"])
def test_what_is_no_show_at_all_is_refused_in_one_line(text):
    with pytest.raises(LimelightError, match=r"show\.yaml") as error:
        parsed(text)
    assert "\n" not in str(error.value)


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(LimelightError, match="no such file"):
        load_show(tmp_path / "none.yaml")
    (tmp_path / "bytes.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(LimelightError, match="UTF-8"):
        load_show(tmp_path / "bytes.yaml")
    with pytest.raises(LimelightError, match="cannot be read"):
        load_show(tmp_path)
    with pytest.raises(LimelightError, match="cannot be written"):
        save_show(tmp_path / "none" / "show.yaml", ShowDocument())
    assert list(tmp_path.iterdir()) == [tmp_path / "bytes.yaml"]


def test_an_unchanged_show_leaves_a_file_as_people_wrote_it():
    assert format_show(parsed(WRITTEN), FILE, WRITTEN) == WRITTEN


def test_edits_keep_comments_and_what_they_do_not_touch():
    show = parsed(WRITTEN)
    cues = show.cues.update(n(1), {"light/1/intensity": 0.5}).insert(Cue(n(2), "New", time=Times(2.0)))
    text = format_show(show.with_cues(cues), FILE, WRITTEN)
    assert parsed(text).cues == cues
    for comment in ("# Our show", "# the first one", "# by Ada", "# after the song"):
        assert comment in text
    assert "light 1: {intensity: 0.5, at: [-30, 35], temperature: 3200}" in text
    without = format_show(show.with_cues(cues.delete(n(1))), FILE, text)
    assert parsed(without).cues == cues.delete(n(1))
    assert "# Our show" in without


def test_a_broken_file_is_written_over_by_a_whole_one():
    assert parsed(format_show(parsed(WRITTEN), FILE, "cues: [")) == parsed(WRITTEN)


def test_saved_and_loaded(tmp_path):
    path = tmp_path / "show.yaml"
    show = parse_show(WRITTEN, path)
    save_show(path, show)
    save_show(path, show.with_cues(show.cues.delete(n(1))))
    assert load_show(path) == show.with_cues(show.cues.delete(n(1)))
    assert "rooms/chapel.hdr" in path.read_text()
    assert str(tmp_path) not in path.read_text()
    assert list(tmp_path.iterdir()) == [path]


def test_the_shows_in_the_documentation_are_some():
    page = Path(__file__).resolve().parents[4] / "docs" / "show_files.md"
    examples = re.findall(r"```yaml\n(.*?)```", page.read_text("utf-8"), re.DOTALL)
    assert [len(parsed(example).cues) for example in examples] == [1, 4]


def test_the_demo_show_is_one():
    text = DEMO_SHOW.read_text("utf-8")
    show = parsed(text)
    assert len(show.cues) >= 10
    assert not show.allow_strobe
    assert format_show(show, FILE, text) == text


# What is written is read back as it was


def numbers(low, high):
    return st.floats(low, high, allow_nan=False) | st.integers(int(low), int(high)).map(float)


TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)
NOTES = st.lists(TEXT, max_size=3).map("\n".join) | st.sampled_from(
    ["true", "1.5", "~", "#", "a: b", " x ", "\n\n", "- "]
)
SECONDS = numbers(0.0, 100.0)
CHOICES = {
    "environment/name": ("", "sunset", str(FILE.parent / "a b" / "room.exr"), str(Path("/else/x.hdr").absolute()))
}


def value_of(name):
    spec = VALUES[name]
    if isinstance(spec.default, bool):
        return st.booleans()
    if isinstance(spec.default, str):
        return st.sampled_from(CHOICES.get(name, spec.choices))
    if isinstance(spec.default, tuple):
        encoded = st.integers(0, 255).map(lambda part: float(decode_srgb(part / 255)))
        return st.tuples(*[numbers(0.0, 1.0)] * 3) | st.tuples(encoded, encoded, encoded)
    return numbers(spec.low, spec.high)


MOVES = st.lists(st.sampled_from(sorted(VALUES)), max_size=5, unique=True).flatmap(
    lambda names: st.fixed_dictionaries({name: value_of(name) for name in names})
)
SAYS = st.none() | SECONDS
PACES = st.floats(0.4, 100.0).map(lambda s: Pace(seconds=s)) | st.floats(1.0, 64.0).map(lambda b: Pace(beats=b))
NUMERIC = sorted(n for n, s in VALUES.items() if isinstance(s.default, float) and s.category is Category.FOCUS)
LFOS = st.builds(
    Lfo,
    st.lists(st.sampled_from(NUMERIC), min_size=1, max_size=3).map(tuple),
    PACES,
    st.sampled_from(SHAPES),
    numbers(-200.0, 200.0),
    numbers(-9.0, 9.0),
    numbers(0.0, 1.0),
    numbers(0.0, 1.0),
)
CHASES = st.builds(
    Chase,
    st.lists(MOVES, min_size=2, max_size=3).map(tuple),
    PACES,
    numbers(0.0, 1.0),
    st.sampled_from(DIRECTIONS),
    st.booleans(),
    st.integers(0, 1000),
)


@st.composite
def documents(draw):
    effects = draw(st.dictionaries(TEXT, LFOS | CHASES, max_size=3))
    numbers_ = draw(st.lists(st.integers(1, 9_999_999), max_size=4, unique=True))
    cues = []
    for thousandths in numbers_:
        follow = draw(SAYS)
        cues.append(
            Cue(
                CueNumber(thousandths),
                draw(TEXT),
                draw(NOTES),
                Times(draw(SECONDS), draw(SAYS), draw(SAYS), draw(SAYS), draw(SAYS)),
                Times(draw(SECONDS), draw(SAYS)),
                follow,
                draw(st.none() | numbers(-50.0, 50.0)) if follow is None else None,
                draw(st.none() | st.sampled_from(numbers_).map(CueNumber)),
                draw(st.booleans()),
                draw(st.booleans()),
                draw(MOVES),
                draw(st.dictionaries(st.sampled_from(sorted(effects)), st.booleans())) if effects else {},
            )
        )
    return ShowDocument(draw(TEXT), CueList(tuple(cues), draw(MOVES)), effects, draw(st.booleans()))


@pytest.mark.parametrize("odd", [chr(n) for n in (0, 7, 9, 13, 27, 127, 0x85, 0x2028, 0xFEFF, 0xFFFE, 0xFFFF, 0x1F3AD)])
def test_odd_characters_are_kept(odd):
    cues = (Cue(n(1), notes=odd), Cue(n(2), notes=f"a{odd}\n{odd}b\n"), Cue(n(3), name=odd))
    document = ShowDocument(f"{odd}x{odd}", CueList(cues))
    assert parsed(format_show(document, FILE)) == document
    assert parsed(escaped_show(document, FILE)) == document


@settings(max_examples=15, deadline=None)
@given(documents(), documents())
def test_what_is_written_is_read_back_as_it_was(document, other):
    text = format_show(document, FILE)
    assert parsed(text) == document
    assert parsed(escaped_show(document, FILE)) == document
    assert parsed(format_show(document, FILE, text)) == document
    assert parsed(format_show(other, FILE, text)) == other


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=40), st.integers(0, len(WRITTEN)), st.integers(0, 20))
def test_whatever_is_in_a_file_it_is_a_show_or_refused_in_one_line(noise, at, cut):
    said = ""
    try:
        parsed(WRITTEN[:at] + noise + WRITTEN[at + cut :])
    except LimelightError as error:
        said = str(error)
    assert "\n" not in said

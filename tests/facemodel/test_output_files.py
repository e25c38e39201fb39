"""What may be written: never an input, nor, unless forced, a file that the same command did not make of the same."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from facemodel import LimelightError
from facemodel.output_files import Ledger, Outputs
from facemodel.whole_files import put, whole_file, write_text

NOT_ROOT = pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
POSIX = pytest.mark.skipif(os.name == "nt", reason="file names are text there, and there are no devices")


@pytest.fixture
def ledger(tmp_path) -> Ledger:
    return Ledger(tmp_path / "cache" / "outputs.txt")


@pytest.fixture
def photo(tmp_path) -> Path:
    path = tmp_path / "in" / "me.png"
    path.parent.mkdir()
    path.write_bytes(b"a photograph")
    return path


@pytest.fixture
def out(tmp_path) -> Path:
    return tmp_path / "out"


def made(ledger: Ledger, photo: Path, path: Path, content: str = "a result", command: str = "make") -> Path:
    """Write a file as a command does."""
    outputs = Outputs(command, [photo], ledger=ledger)
    write_text(outputs.claim(path), content)
    outputs.written(path)
    return path


def refused(outputs: Outputs, path: Path, made_from: list[Path] | None = None) -> str:
    """The one line with which a file is refused."""
    with pytest.raises(LimelightError) as error:
        outputs.claim(path, made_from)
    assert "\n" not in str(error.value) and str(path) in str(error.value)
    assert path not in outputs.claimed
    return str(error.value)


# --- inputs ------------------------------------------------------------------------------------------------------


def named(photo: Path, kind: str) -> Path:
    """The photograph under another name."""
    other = photo.parent.parent / f"{kind}.png"
    match kind:
        case "itself":
            return photo
        case "spelt":
            return photo.parent / ".." / photo.parent.name / photo.name
        case "relative":
            return Path(os.path.relpath(photo))
        case "hard":
            os.link(photo, other)
        case "symbolic":
            other.symlink_to(photo)
        case "twice":
            (photo.parent / "one.png").symlink_to(photo.name)
            other.symlink_to(photo.parent / "one.png")
        case "folder":
            (photo.parent.parent / "elsewhere").symlink_to(photo.parent)
            return photo.parent.parent / "elsewhere" / photo.name
    return other


@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize("kind", ["itself", "spelt", "relative", "hard", "symbolic", "twice", "folder"])
def test_an_input_is_no_output_under_any_name(photo, ledger, kind, force):
    outputs = Outputs("make", [photo], force, ledger)
    assert "is an input itself" in refused(outputs, named(photo, kind))


def test_an_input_that_is_named_only_with_the_output_is_one_too(photo, ledger):
    assert "is an input itself" in refused(Outputs("make", force=True, ledger=ledger), photo, [photo])


def test_an_input_that_is_a_link_protects_its_file(photo, tmp_path, ledger):
    link = tmp_path / "link.png"
    link.symlink_to(photo)
    assert "is an input itself" in refused(Outputs("make", [link], True, ledger), photo)


def test_a_folder_stands_for_the_files_in_it(photo, ledger):
    outputs = Outputs("make", [photo.parent], True, ledger)
    assert "is an input itself" in refused(outputs, photo)
    assert outputs.claim(photo.parent / "new.json") == photo.parent / "new.json"


def test_a_device_is_nobodys_file(ledger):
    null = Path(os.devnull)
    outputs = Outputs("make", [null], ledger=ledger)
    outputs.claim(null)
    outputs.claim(null)
    outputs.written(null)
    assert not outputs.done(null, [null])


# --- what exists -------------------------------------------------------------------------------------------------


def test_a_strangers_file_is_replaced_by_force_alone(photo, out, ledger):
    out.mkdir()
    path = out / "me.json"
    path.write_text("precious")
    assert "--force" in refused(Outputs("make", [photo], ledger=ledger), path)
    assert path.read_text() == "precious"
    assert Outputs("make", [photo], True, ledger).claim(path) == path


def test_its_own_file_of_the_same_input_is_replaced(photo, out, ledger):
    path = made(ledger, photo, out / "me.json")
    assert Outputs("make", [photo], ledger=ledger).done(path, [photo])
    made(ledger, photo, path, "a better result")
    assert path.read_text() == "a better result"


def test_the_same_input_is_one_of_the_same_bytes_whatever_its_name(photo, tmp_path, out, ledger):
    path = made(ledger, photo, out / "me.json")
    moved = photo.rename(tmp_path / "moved.png")
    assert Outputs("make", [moved], ledger=ledger).done(path, [moved])


@pytest.mark.parametrize("what", ["input", "another", "command", "hand"])
def test_a_file_is_not_its_own_any_more(photo, out, ledger, what):
    path = made(ledger, photo, out / "me.json")
    command = "make"
    if what == "input":
        photo.write_bytes(b"another photograph")
    elif what == "another":
        photo = photo.with_name("her.png")
        photo.write_bytes(b"her photograph")
    elif what == "command":
        command = "bake"
    else:
        path.write_text("a result, and a note by hand")
    outputs = Outputs(command, [photo], ledger=ledger)
    assert not outputs.done(path, [photo])
    assert "exists already" in refused(outputs, path)


def test_a_copy_is_as_good_as_the_file(photo, out, ledger):
    path = made(ledger, photo, out / "me.json")
    copy = out / "copy.json"
    copy.write_bytes(path.read_bytes())
    assert Outputs("make", [photo], ledger=ledger).done(copy, [photo])


def test_one_content_made_of_two_inputs_is_both_theirs(photo, out, ledger):
    other = photo.with_name("her.png")
    other.write_bytes(b"her photograph")
    mine, hers = made(ledger, photo, out / "me.json"), made(ledger, other, out / "her.json")
    outputs = Outputs("make", [photo, other], ledger=ledger)
    assert outputs.done(mine, [photo]) and outputs.done(hers, [other])


def test_without_an_input_nothing_is_known_again(out, ledger):
    outputs = Outputs("make", ledger=ledger)
    write_text(outputs.claim(out / "a.json"), "a result")
    outputs.written(out / "a.json")
    assert "exists already" in refused(Outputs("make", ledger=ledger), out / "a.json")


def test_an_input_that_is_missing_or_no_file_makes_nothing_done(photo, out, ledger):
    path = made(ledger, photo, out / "me.json")
    for other in (photo.with_name("missing.png"), Path(os.devnull)):
        assert not Outputs("make", [other], ledger=ledger).done(path, [other])
    missing = photo.with_name("missing.png")
    assert Outputs("make", [missing], ledger=ledger).claim(out / "new.json", [missing])


def test_what_was_not_written_in_the_end_stays_a_strangers(photo, out, ledger):
    out.mkdir()
    (out / "me.json").write_text("precious")
    outputs = Outputs("make", [photo], True, ledger)
    outputs.written(outputs.claim(out / "me.json"))
    outputs.written(outputs.claim(out / "never.json"))
    assert "exists already" in refused(Outputs("make", [photo], ledger=ledger), out / "me.json")


def test_what_other_means_made_is_its_own_but_not_done(photo, out, ledger):
    path, used = out / "x.json", ["model", "network"]
    outputs = Outputs("make", [photo], ledger=ledger, means=used)
    outputs.claim(path, [photo])
    write_text(path, "a result")
    assert outputs.written(path)
    assert Outputs("make", [photo], ledger=ledger, means=used).done(path, [photo])
    for means in (["model", "another network"], ["another model", "network"], ["network", "model"]):
        again = Outputs("make", [photo], ledger=ledger, means=means)
        assert not again.done(path, [photo])
        again.claim(path, [photo])
    with pytest.raises(LimelightError, match="exists already"):
        Outputs("draw", [photo], ledger=ledger, means=used).claim(path, [photo])


def test_an_unfinished_file_is_its_own_but_not_done(photo, out, ledger):
    outputs = Outputs("make", [photo], ledger=ledger)
    path = outputs.claim(out / "me.mcap")
    write_text(path, "half of")
    outputs.written(path, whole=False)
    again = Outputs("make", [photo], ledger=ledger)
    assert not again.done(path, [photo])
    assert again.claim(path) == path


def test_what_is_published_is_known_before_it_lies_there(photo, out, ledger, monkeypatch):
    outputs = Outputs("make", [photo], ledger=ledger)
    path = outputs.claim(out / "me.json")
    (out / "finished").write_text("a result")

    def put_and_die(finished: Path, target: Path) -> None:
        put(finished, target)
        raise KeyboardInterrupt

    monkeypatch.setattr("facemodel.output_files.put", put_and_die)
    with pytest.raises(KeyboardInterrupt):
        outputs.publish(out / "finished", path)
    assert path.read_text() == "a result"
    assert Outputs("make", [photo], ledger=ledger).done(path, [photo])


def test_what_is_withdrawn_is_gone(photo, out, ledger):
    path = made(ledger, photo, out / "me.obj")
    outputs = Outputs("make", [photo], ledger=ledger)
    outputs.withdraw(outputs.claim(path))
    outputs.withdraw(path)
    assert not path.exists()


# --- two of one name ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("force", [False, True])
def test_two_outputs_of_one_name_are_refused(photo, out, ledger, force):
    outputs = Outputs("make", [photo], force, ledger)
    outputs.claim(out / "t.mp4")
    with pytest.raises(LimelightError, match="this one name"):
        outputs.claim(out / "t.mp4")
    assert "this one name" in refused(outputs, out / ".." / "out" / "t.mp4")


def test_the_inputs_of_one_result_are_named(photo, tmp_path, out, ledger):
    other = tmp_path / "me.png"
    other.write_bytes(b"her photograph")
    outputs = Outputs("make", [photo, other], ledger=ledger)
    outputs.claim(out / "me.json", [photo])
    with pytest.raises(LimelightError) as error:
        outputs.claim(out / "me.json", [other])
    assert str(photo) in str(error.value) and str(other) in str(error.value)


def test_two_links_to_one_file_are_one_output(photo, out, ledger):
    out.mkdir()
    for name in ("a", "b"):
        (out / name).symlink_to(out / "absent")
    outputs = Outputs("make", [photo], ledger=ledger)
    outputs.claim(out / "a")
    assert "this one name" in refused(outputs, out / "b")
    assert "this one name" in refused(outputs, out / "absent")


# --- where nothing can be written --------------------------------------------------------------------------------


def test_a_folder_is_no_file(photo, out, ledger):
    out.mkdir()
    assert "is a folder" in refused(Outputs("make", [photo], True, ledger), out)


def test_a_folder_is_made(photo, out, ledger):
    Outputs("make", [photo], ledger=ledger).claim(out / "a" / "b" / "me.json")
    assert (out / "a" / "b").is_dir()


def test_a_file_in_a_files_place_is_one_line(photo, ledger):
    with pytest.raises(LimelightError, match="cannot be made"):
        Outputs("make", [], ledger=ledger).claim(photo / "me.json")


def test_a_name_that_is_too_long_is_one_line(photo, out, ledger):
    assert "cannot be written" in refused(Outputs("make", [photo], ledger=ledger), out / ("m" * 300 + ".json"))


def test_a_link_in_a_circle_is_one_line(photo, out, ledger):
    out.mkdir()
    (out / "a").symlink_to(out / "b")
    (out / "b").symlink_to(out / "a")
    assert "cannot be written" in refused(Outputs("make", [photo], ledger=ledger), out / "a")


@NOT_ROOT
def test_a_read_only_folder_is_one_line(photo, out, ledger):
    out.mkdir(mode=0o500)
    with pytest.raises(LimelightError, match="cannot be written"):
        Outputs("make", [photo], ledger=ledger).claim(out / "me.json")


# --- names -------------------------------------------------------------------------------------------------------


@POSIX
def test_a_name_that_is_not_utf8(photo, out, ledger):
    strange = photo.rename(photo.parent / os.fsdecode(b"caf\xe9.png"))
    path = made(ledger, strange, out / os.fsdecode(b"caf\xe9.json"))
    outputs = Outputs("make", [strange], ledger=ledger)
    assert outputs.done(path, [strange])
    assert "is an input itself" in refused(outputs, strange)


# --- the ledger --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00 no ledger", b"one two three\n" * 10, None])
def test_a_damaged_ledger_knows_nothing_and_learns_again(photo, out, tmp_path, content):
    file = tmp_path / "outputs.txt"
    path = made(Ledger(file), photo, out / "me.json")
    file.unlink()
    if content is not None:
        file.write_bytes(content)
    assert not Outputs("make", [photo], ledger=Ledger(file)).done(path, [photo])
    for _ in range(2):  # the first line may end up behind a torn one
        made(Ledger(file), photo, out / "her.json", "another")
        Path(out / "her.json").unlink()
    assert Ledger(file)._lines()


def test_a_ledger_that_cannot_be_written_costs_force_alone(photo, out, tmp_path):
    (tmp_path / "file").write_text("")
    for ledger in (Ledger(tmp_path / "file" / "outputs.txt"), Ledger(tmp_path)):
        path = made(ledger, photo, out / "me.json")
        assert path.read_text() == "a result"
        assert "exists already" in refused(Outputs("make", [photo], ledger=ledger), path)
        path.unlink()


def test_the_ledger_forgets_the_oldest(tmp_path, monkeypatch):
    monkeypatch.setattr("facemodel.output_files._REMEMBERED", 10)
    ledger = Ledger(tmp_path / "outputs.txt")
    digests = [hashlib.sha256(bytes([number])).hexdigest() for number in range(100)]
    for digest in digests:
        ledger.note(digest, digests[0])
    assert len((tmp_path / "outputs.txt").read_text().splitlines()) <= 21
    assert ledger.knows(digests[-1], digests[0]) and ledger.knows(digests[-10], digests[0])
    assert not ledger.knows(digests[1], digests[0])


def test_the_ledger_holds_no_names(photo, out, tmp_path):
    file = tmp_path / "outputs.txt"
    made(Ledger(file), photo, out / "me.json")
    (line,) = file.read_text().splitlines()
    assert set(line) <= set("0123456789abcdef ")


def test_several_processes_lose_nothing_of_each_others(tmp_path):
    file = tmp_path / "outputs.txt"
    code = (
        "import sys; from pathlib import Path; from facemodel.output_files import Ledger\n"
        "for number in range(50): Ledger(Path(sys.argv[1])).note(f'{number:064d}', sys.argv[2] * 64)"
    )
    processes = [subprocess.Popen([sys.executable, "-c", code, str(file), letter]) for letter in "abc"]
    assert [process.wait(60) for process in processes] == [0, 0, 0]
    ledger = Ledger(file)
    assert all(ledger.knows(f"{number:064d}", letter * 64) for number in range(50) for letter in "abc")


# --- whole files -------------------------------------------------------------------------------------------------


def test_a_whole_file_is_written_through_a_link(tmp_path):
    (tmp_path / "real").mkdir()
    link = tmp_path / "link.txt"
    link.symlink_to(tmp_path / "real" / "file.txt")
    write_text(link, "one")
    assert link.is_symlink() and (tmp_path / "real" / "file.txt").read_text() == "one"
    assert [path.name for path in (tmp_path / "real").iterdir()] == ["file.txt"]


@POSIX
def test_a_device_stays_one(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        write_text(pipe, "through the pipe")
        assert os.read(reader, 100) == b"through the pipe"
        (tmp_path / "finished").write_text("again")
        put(tmp_path / "finished", pipe)
        assert os.read(reader, 100) == b"again"
    finally:
        os.close(reader)
    assert pipe.is_fifo() and [path.name for path in tmp_path.iterdir()] == ["pipe"]


def test_a_failed_whole_file_leaves_the_one_before_it(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("before")

    def fill_the_disk() -> None:
        with whole_file(path, "a thing") as partial:
            partial.write_text("half")
            raise OSError(28, "No space left on device")

    with pytest.raises(LimelightError, match="a thing: cannot be written"):
        fill_the_disk()
    assert path.read_text() == "before" and [child.name for child in tmp_path.iterdir()] == ["a.txt"]

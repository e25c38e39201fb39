"""Packs the add-on as Blender installs it."""

from __future__ import annotations

import zipfile
from importlib.resources import files
from pathlib import Path

from facemodel.whole_files import whole_file

FOLDER = "limelight"
"""In the archive: the name of the add-on's package."""

_SUFFIXES = (".py", ".toml")


def write_addon(path: Path) -> None:
    """Write the add-on; the same sources give the same bytes.

    Raises:
        LimelightError: the file cannot be written.
    """
    sources = [one for one in (files("realtime.blender") / "addon").iterdir() if one.name.endswith(_SUFFIXES)]
    with whole_file(path, str(path)) as partial, zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED) as archive:
        for source in sorted(sources, key=lambda one: one.name):
            entry = zipfile.ZipInfo(f"{FOLDER}/{source.name}")
            entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
            archive.writestr(entry, source.read_bytes())
